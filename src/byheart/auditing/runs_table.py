"""A table of runs: which column is the gap, which are hyper-parameters, which are measures, which runs count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from byheart.errors import InputRefused, UsageError, shown, unknown_name
from byheart.tasks.columns import read_numbers
from byheart.tasks.frames.reading import checked_frame, library_of, texts
from byheart.tasks.table_reader import Sheet, cell, read_sheet

# the columns of the public table of Dziugaite et al. 2020, and of any that is written like it
GAP, SETTING, MEASURE = "gen.gap", "hp.", "complexity."
FLAGS = {"is.converged": "not converged", "is.high_train_accuracy": "low training accuracy"}
TEST_SIZE = 10_000  # of that table
NO_FINITE = "a measure without a finite value"
NAMES_A_RUN = {"experiment_id", "repeat_id", "run_id", "run", "id", "seed", "repeat"}
TRUE = {"true", "1", "1.0", "yes"}


@dataclass(frozen=True)
class Runs:
    """What is ranked: all of the same r runs.

    Attributes:
        source: the table's name.
        gap: (r,).
        gap_name: its column.
        settings: (r, h) words or numbers as text.
        names: (h,) hyper-parameters.
        measures: name -> (r,), NaN where a run has none.
        test_size: test examples behind each gap, if known.
        left_out: why -> how many runs.
        notes: how the table was read.
    """

    source: str
    gap: np.ndarray
    gap_name: str
    settings: np.ndarray
    names: tuple[str, ...]
    measures: dict[str, np.ndarray]
    test_size: int | None
    left_out: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_runs(
    table: Any, gap: str | None = None, settings: Sequence[str] | None = None, measures: Sequence[str] | None = None,
    test_size: int | None = None,
) -> Runs:  # fmt: skip
    """The runs of a file, a frame or arrays by name.

    Raises:
        UsageError: a column that the table does not have, or none named where none can be told.
        InputRefused: no table, no numbers, no run left.
    """
    sheet, source = _sheet(table)
    public = GAP in sheet.names and any(name.startswith(SETTING) for name in sheet.names)
    gap = gap or (GAP if public else None)
    if gap is None:
        raise UsageError(
            expected="the column of the generalisation gap", came="none", do=f"Columns: {', '.join(sheet.names)}."
        )
    names = list(settings) if settings else [name for name in sheet.names if name.startswith(SETTING)] if public else []
    if not names:
        raise UsageError(
            expected="the columns of the hyper-parameters", came="none", do=f"Columns: {', '.join(sheet.names)}."
        )
    for name in (gap, *names, *(measures or ())):
        if name not in sheet.names:
            raise unknown_name(f"column of {source}", name, sheet.names)
    if gap in (*names, *(measures or ())):
        raise UsageError("a column of the gap that is no hyper-parameter and no measure", gap, "Name another column.")
    if test_size is not None and test_size < 1:
        raise UsageError(
            "at least 1 test example behind each gap", str(test_size), "Leave it out where it is not known."
        )
    found = _measures(sheet, measures, {gap, *names}, public)
    for name in sheet.repeated:
        if name in {gap, *names, *found}:
            raise InputRefused(f"columns of different names in {source}", f"{name!r} twice", "Rename one of them.")
    count = len(sheet.columns[0])
    values = _numbers(sheet, gap, source)
    cells = [sheet.columns[sheet.names.index(name)] for name in names]
    kept, left_out = _kept(sheet, values, found if public and measures is None else {}, public, count)
    gone = [name for name, column in zip(names, cells) if any(column[i] is None for i in np.flatnonzero(kept))]
    if gone:
        row = next(i for i in np.flatnonzero(kept) if cells[names.index(gone[0])][i] is None)
        raise InputRefused(
            expected=f"a value of {gone[0]!r} for every run of {source}", came=f"none {sheet.where} {sheet.lines[row]}",
            do="Fill it in, leave the run out, or leave this hyper-parameter out.",
        )  # fmt: skip
    table_of = np.array([_values(column, sheet) for column in cells], dtype=object).T[kept]
    if len(table_of) < 2:
        raise InputRefused(
            expected=f"at least 2 runs in {source}", came=f"{len(table_of)}" + _because(left_out),
            do="A single run has no order: train others.",
        )  # fmt: skip
    constant = [name for name, column in zip(names, table_of.T) if len(set(column)) == 1]
    moving = [place for place, name in enumerate(names) if name not in constant]
    if not moving:
        raise InputRefused("a hyper-parameter that differs between runs", "none", "Name other columns.")
    notes = [f"{name} is the same for all runs" for name in constant]
    rows = [row for row, counts in zip(zip(*sheet.columns), kept) if counts]
    if copies := len(rows) - len(set(rows)):
        notes.append(f"{copies} of {len(rows)} runs repeat another in every column; each counts as a run of its own")
    return Runs(
        source=source, gap=values[kept], gap_name=gap, settings=table_of[:, moving],
        names=tuple(names[place].removeprefix(SETTING) for place in moving),
        measures={name.removeprefix(MEASURE): column[kept] for name, column in found.items()},
        test_size=test_size or (TEST_SIZE if public else None), left_out=left_out, notes=tuple(notes),
    )  # fmt: skip


def _sheet(table: Any) -> tuple[Sheet, str]:
    if isinstance(table, str | Path):
        path = Path(table)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise InputRefused(expected="a table file", came=f"no file {path}", do="Check the path.") from None
        except OSError as error:
            raise InputRefused(
                f"a file at {path} that can be read", error.strerror or "an error", "Check it."
            ) from None
        return read_sheet(path, content), path.name
    if library_of(table):
        frame = checked_frame(table, "the table")
        columns = {str(name): texts(frame[name]) for name in frame.columns}
    elif isinstance(table, Mapping) and table:
        columns = {str(name): _texts(str(name), column) for name, column in table.items()}
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise InputRefused("columns of one length", shown(lengths), "Give a value of every column for each run.")
    else:
        raise InputRefused(
            expected="a path, a data frame, or a dict of columns", came=f"a {type(table).__name__}",
            do='Such as rank_measures("runs.csv", gap="gap", settings=["width", "depth"]).',
        )  # fmt: skip
    lines = np.arange(len(next(iter(columns.values()))))
    return Sheet(tuple(columns), tuple(columns.values()), lines, "", (), ".", "in row"), "the table"


def _texts(name: str, column: Any) -> list[str | None]:
    values = column.detach().cpu().numpy() if hasattr(column, "detach") else np.asarray(column, dtype=object)
    if np.ndim(values) != 1:
        raise InputRefused(f"one value per run in column {name!r}", f"shape {np.shape(values)}", "Give (r,) values.")
    return [None if one is None or one != one else cell(str(one)) for one in values.tolist()]


def _measures(sheet: Sheet, named: Sequence[str] | None, taken: set[str], public: bool) -> dict[str, np.ndarray]:
    """The columns of measures: those named, those of the public table, or all others that hold numbers."""
    if named:
        return {name: _numbers(sheet, name, "the table") for name in named}
    names = [name for name in sheet.names if name not in taken]
    if public:
        names = [name for name in names if name.startswith(MEASURE)]
    names = [name for name in names if name.lower() not in NAMES_A_RUN and name not in FLAGS]
    found = {
        name: read_numbers(sheet.columns[sheet.names.index(name)], sheet.separator, sheet.decimal) for name in names
    }
    numbers = {name: one.values for name, one in found.items() if one is not None}
    if not numbers:
        raise UsageError(
            "columns of measures, which hold numbers", "none beside the others", f"Columns: {', '.join(sheet.names)}."
        )
    return numbers


def _numbers(sheet: Sheet, name: str, source: str) -> np.ndarray:
    cells = sheet.columns[sheet.names.index(name)]
    found = read_numbers(cells, sheet.separator, sheet.decimal)
    if found is None:
        odd = next(
            (one for one in cells if one is not None and read_numbers([one], sheet.separator, sheet.decimal) is None),
            None,
        )
        raise InputRefused(
            f"numbers in column {name!r} of {source}", repr(odd) if odd else "empty cells", "Name another column."
        )
    return found.values


def _kept(
    sheet: Sheet, gap: np.ndarray, complete: Mapping[str, np.ndarray], public: bool, count: int
) -> tuple[np.ndarray, dict[str, int]]:
    """(r,) which runs count, and why the others do not; of the public table as its authors did it."""
    kept, left_out = np.ones(count, bool), {}

    def leave(out: np.ndarray, why: str) -> None:
        if more := int((kept & out).sum()):
            left_out[why] = more
            kept[out] = False

    for flag, why in FLAGS.items() if public else ():
        if flag in sheet.names:
            cells = sheet.columns[sheet.names.index(flag)]
            leave(np.array([(one or "").lower() not in TRUE for one in cells]), why)
    leave(~np.isfinite(gap), "no gap")
    for column in complete.values():
        if np.isfinite(column[kept]).any():  # one that no run has drops the measure, not the runs
            leave(~np.isfinite(column), NO_FINITE)
    return kept, left_out


def _values(cells: list[str | None], sheet: Sheet) -> list[Any]:
    """A column of settings as numbers where it holds numbers, so that 0.1 and 0.10 are equal."""
    numbers = read_numbers(cells, sheet.separator, sheet.decimal)
    return cells if numbers is None else numbers.values.tolist()


def _because(left_out: Mapping[str, int]) -> str:
    return f" after {', '.join(f'{runs} with {why}' for why, runs in left_out.items())}" if left_out else ""
