"""A table file as a task: its columns inferred and said, its target read, a test held out by content."""

from __future__ import annotations

import difflib
import hashlib
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused, UsageError
from byheart.records.provenance import YOURS
from byheart.tasks.base import Task
from byheart.tasks.columns import Reading, read_column, read_numbers
from byheart.tasks.containers import Container
from byheart.tasks.data import GROUP, Data, Examples, Truth
from byheart.tasks.features import LARGEST, Missing, check_enough
from byheart.tasks.flat_labels import exact
from byheart.tasks.grouping import components, read_groups
from byheart.tasks.holdout import digests
from byheart.tasks.inference_notes import said
from byheart.tasks.labels import Kind, Labels, read_labels
from byheart.tasks.names import Names, read_names
from byheart.tasks.ordering import Order, Split, split
from byheart.tasks.output import Output
from byheart.tasks.table_reader import Sheet, read_sheet

GAP = "\x1f"  # between the cells of a row where their content is hashed


class Table(Task):
    """What does this table ask for? Made by `Table.of(path, target=...)`.

    Args:
        path: a .csv, .tsv, .txt or .parquet file.
        sha256: of the file when the task was made; a changed file is refused at the draw.
        target: the column to predict.
        task: `classes` or `values`; inferred where not given.
        categorical: columns of numbers that are categories.
        drop: columns to leave out.
        group: columns whose rows of one value are seen or left out together (patients, users); no features.
        id: the column that names the rows; no feature. What it says enters no number.
        keep: columns to keep that would be left out (ids, words that hardly repeat).
        missing: `impute` keeps missing cells as NaN, and each learner fills them in; `refuse` refuses them.
        split: share of the rows that is held out.
        order: whether rows follow one another in time: `time`, `random`, or `auto`, by how alike neighbours are.
        encoding: of a text file.
        separator: of its cells; by its first records where not given.
        decimal: its decimal sign, `.` or `,`; by the cells and the separator where not given.

    `x` (n, d) is float64: numbers, days since 1970 for dates, hours for times and durations, codes for categories (also
    for the months, weekdays and hours of dates, where they repeat), NaN where missing; code of the user's gets it so,
    with the names of its columns (`containers.NamedColumns`). Ids are row numbers from 0 below the
    header; `meta["line"]` is the line of the file.
    """

    name = "table"
    version = 3
    not_in_key = frozenset({"path", "id"})

    path: str
    sha256: str
    target: str
    task: Kind | None = None
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    id: str | None = None
    keep: tuple[str, ...] = ()
    missing: Missing = "impute"
    split: float = Field(default=0.2, gt=0, lt=1)
    order: Order = "auto"
    encoding: str = "utf-8"
    separator: str = ""
    decimal: Literal["", ".", ","] = ""

    @classmethod
    def of(cls, path: str | Path, target: str | None = None, **options: Any) -> Self:
        """The task of a table file; everything is checked now, not at the first draw.

        Args:
            path: the file.
            target: the column to predict; without it the columns are listed in the error.
            options: the other fields of `Table`.

        Raises:
            UsageError: no target, or a column that the file does not have; the nearest is named.
            InputRefused: what cannot be measured truly, by name, with what to do.
        """
        content = _content(Path(path))
        if target is None:
            sheet = read_sheet(Path(path), content, options.get("encoding", "utf-8"), options.get("separator", ""))
            raise UsageError(
                expected=f"a target: the column of {Path(path).name} to predict",
                came="none",
                do=f"Perhaps target={sheet.names[-1]!r}, the last. Columns: {', '.join(sheet.names)}.",
            )
        digest = hashlib.sha256(content).hexdigest()
        task = cls(path=str(path), sha256=digest, target=target, **options)
        task.draw(0)
        if task.id is not None and task.id not in {task.target, *task.drop, *task.group} and task._is_feature(task.id):
            task = task.model_copy(update={"drop": (*task.drop, task.id)})
        task.names()
        return task

    def inferred(self) -> list[str]:
        """What was inferred from the file, a line each, for printing."""
        return list(self.draw(0).about["inferred"])

    def draw(self, seed: int) -> Data:
        """The table as data; `seed` changes nothing, for nothing is drawn.

        Raises:
            InputRefused: the file has changed, or cannot be measured truly.
            UsageError: a column that the file does not have.
        """
        sheet = self._sheet()
        filled = np.array([text is not None for text in sheet.columns[sheet.names.index(self.target)]])
        if not filled.any():
            raise InputRefused(f"labels in the column {self.target!r}", "only empty cells", "Check the target.")
        kept, labels = _rows(sheet, filled), self._labels(sheet, filled)
        columns = self._columns(kept)
        used = [column for column in columns if column.role != "dropped"]
        self._check(columns, used, kept)
        received = [part for column in used for part in column.received]
        rows = Examples(
            ids=np.flatnonzero(filled),
            x=np.stack([column.values for column in received], axis=1),
            y=labels.y,
            meta={"line": kept.lines, **self._groups(kept)},
            containers={"x": _container(received)},
        )
        output = labels.output(
            noun=("row", "rows"),
            show="row",
            columns=tuple(column.column for column in received),
            target=self.target,
            missing="impute" if self.missing == "impute" else "keep",
        )
        times = {column.name: column.values for column in used if column.role == "date"}
        cut = split(rows, output, _row_digests(kept, used), self.split, times, self.order)
        train, test = rows.take(cut.train), rows.take(cut.test)
        check_enough(len(train))
        return Data(
            views={"train": train, "test": test},
            output=output,
            truth=Truth(),
            about=self._about(sheet, columns, output, labels, filled, cut),
            grouped=cut.grouped,
        )

    def names(self) -> Names:
        """The cells of the column of ids, of every row of the file; the ids of both views are row numbers.

        Raises:
            InputRefused: an id is missing, or comes twice.
        """
        if self.id is None:
            return {}
        sheet = self._sheet()
        names = read_names(sheet.columns[sheet.names.index(self.id)], len(sheet.lines), f"column {self.id!r}")
        return {"train": names, "test": names}

    def _is_feature(self, name: str) -> bool:
        """Whether the column would be one, so that leaving it out changes what models get."""
        sheet = self._sheet()
        filled = np.array([text is not None for text in sheet.columns[sheet.names.index(self.target)]])
        cells = _take(sheet.columns[sheet.names.index(name)], filled)
        read = read_column(name, cells, sheet.separator, name in self.categorical, name in self.keep, sheet.decimal)
        return read.role != "dropped"

    def _groups(self, sheet: Sheet) -> dict[str, np.ndarray]:
        columns = []
        for name in self.group:
            cells = np.array([text or "" for text in sheet.columns[sheet.names.index(name)]], dtype=object)
            columns.append(read_groups(cells, len(sheet.lines), f"column {name!r}"))
        if len(columns) > 1:  # rows that share a value in any of them
            return {GROUP: components(*columns).astype(str)}
        return {GROUP: columns[0]} if columns else {}

    def _sheet(self) -> Sheet:
        path = Path(self.path)
        content = _content(path)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise InputRefused(
                f"{path.name} as it was when the audit began", "a changed file", "Run the command again."
            )
        sheet = read_sheet(path, content, self.encoding, self.separator, self.decimal)
        for name in (self.target, *self.categorical, *self.drop, *self.keep, *self.group, *filter(None, [self.id])):
            if name not in sheet.names:
                raise _no_column(name, sheet.names, path)
        return sheet

    def _labels(self, sheet: Sheet, filled: np.ndarray) -> Labels:
        cells = _take(sheet.columns[sheet.names.index(self.target)], filled)
        numbers = read_numbers(cells, sheet.separator, sheet.decimal)
        what = f"column {self.target!r}"
        if numbers is None or self.target in self.categorical:
            return read_labels(np.array(cells), self.task, what)
        if numbers.whole and np.isfinite(numbers.values).all():
            return read_labels(exact([int(text or "") for text in numbers.cells]), self.task, what)
        return read_labels(numbers.values, self.task, what)

    def _columns(self, sheet: Sheet) -> list[Reading]:
        columns = []
        for name, cells in zip(sheet.names, sheet.columns):
            if name in self.drop:
                columns.append(Reading(name, "dropped", np.empty(0), why="as you said"))
            elif name in self.group:
                columns.append(Reading(name, "dropped", np.empty(0), why="its rows stay together"))
            elif name != self.target:
                category, keep = name in self.categorical, name in self.keep
                columns.append(read_column(name, cells, sheet.separator, category, keep, sheet.decimal))
        return columns

    def _check(self, columns: list[Reading], used: list[Reading], sheet: Sheet) -> None:
        if not used:
            dropped = "; ".join(f"{column.name}: {column.why}" for column in columns)
            raise InputRefused(
                expected=f"a column beside {self.target!r} to predict from",
                came=f"none that can be used ({dropped or 'the table has no other'})",
                do="Keep one with keep=('name',).",
            )
        for column in used:
            infinite = np.abs(column.values) > LARGEST
            line = sheet.lines[infinite.argmax()]
            if infinite.any():
                raise InputRefused(
                    expected=f"finite numbers in column {column.name!r}, none beyond {LARGEST:.2g}",
                    came=f"{int(infinite.sum())} infinite or beyond, the first at line {line}",
                    do="Leave those cells empty, or drop the column.",
                )
            if column.missing and self.missing == "refuse":
                gone = np.isnan(column.values)
                raise InputRefused(
                    expected=f"every cell of column {column.name!r} filled",
                    came=f"{column.missing} empty, the first at line {sheet.lines[gone.argmax()]}",
                    do="Fill them in, or use missing='impute' (--missing impute).",
                )

    def _about(
        self, sheet: Sheet, columns: list[Reading], output: Output, labels: Labels, filled: np.ndarray, cut: Split
    ) -> dict[str, Any]:
        how = cut.how
        return {
            "title": Path(self.path).name,
            "source": YOURS,
            "licence": "yours",
            "sha256": self.sha256,
            "n": int(cut.train.sum()),
            "n_test": int(cut.test.sum()),
            "labels": labels.how,
            "holdout": how,
            "overlap": 0,
            "missing_cells": sum(column.missing for column in columns if column.role != "dropped"),
            "inferred": said(sheet, columns, output, labels, int((~filled).sum()), how),
            **({"order": cut.note} if cut.note else {}),
        }


def _container(received: list[Reading]) -> Container:
    names, words = tuple(column.name for column in received), tuple(column.categories for column in received)
    return Container("table", "float64", names=names, words=words)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputRefused(expected="a table file", came=f"no file {path}", do="Check the path.") from None
    except OSError as error:
        raise InputRefused(f"a file at {path} that can be read", error.strerror or "an error", "Check it.") from None


def _no_column(name: str, names: tuple[str, ...], path: Path) -> UsageError:
    lower = {known.lower(): known for known in names}
    near = [lower[word] for word in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    advice = f"Nearest: {', '.join(near)}. " if near else ""
    return UsageError(expected=f"a column of {path.name}", came=repr(name), do=f"{advice}Columns: {', '.join(names)}.")


def _take(cells: list[str | None], rows: np.ndarray) -> list[str | None]:
    return [text for text, taken in zip(cells, rows) if taken]


def _rows(sheet: Sheet, rows: np.ndarray) -> Sheet:
    columns = tuple(_take(cells, rows) for cells in sheet.columns)
    return Sheet(sheet.names, columns, sheet.lines[rows], sheet.separator, sheet.notes, sheet.decimal)


def _row_digests(sheet: Sheet, used: list[Reading]) -> np.ndarray:
    # the cells as they stand in the file: codes would move when another row brings a new word
    cells = [sheet.columns[sheet.names.index(column.name)] for column in used]
    return digests(GAP.join(text or "" for text in row).encode() for row in zip(*cells))
