"""`byheart.rank_measures`: which measure orders a table of runs as their gap does, by every published score?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from byheart.auditing.runs_table import read_runs
from byheart.auditing.writing import write_text
from byheart.errors import UsageError
from byheart.ledger.base import Say
from byheart.maths.ranking.configurations import setting_codes
from byheart.maths.ranking.ordering_baselines import expected_direction
from byheart.maths.ranking.score_columns import columns_of
from byheart.maths.ranking.scoreboard import configurations, scoreboard
from byheart.records.columns import Columns
from byheart.records.facts import FactTable
from byheart.records.provenance import versions
from byheart.records.published_rankings import published_table
from byheart.records.ranked_measures import RankedMeasuresRecord
from byheart.records.reason import Reason
from byheart.report.ranked_measures import lines, units_of
from byheart.terminal import EVERY, as_json


class RankedMeasures(RankedMeasuresRecord):
    """What `byheart.rank_measures` found: `.table`, `.columns()`, `.to_frame()`, `.save(path)`."""

    def to_dict(self) -> dict[str, Any]:
        """The document that `byheart rank --json` prints."""
        return json.loads(json.dumps(self.model_dump(mode="json")))

    def columns(self) -> Columns:
        """A row per measure, baselines last."""
        return Columns(self.table.values)

    def to_frame(self, library: str | None = None) -> Any:
        """A frame of polars or pandas, a row per measure (`Columns.to_frame`).

        Raises:
            UsageError: neither is installed, or the one named is not.
        """
        return self.columns().to_frame(library)

    def save(self, path: str | Path) -> Path:
        """Write the document (`.json`), or the table (`.csv`, `.parquet`, `.jsonl`), whole or not at all.

        Raises:
            UsageError: another ending; OutputRefused: the folder cannot be written.
        """
        target = Path(path)
        if target.suffix == ".json":
            return write_text(target, as_json(self.to_dict()) + "\n")
        return self.columns().save(target)

    def __repr__(self) -> str:
        return "\n".join(lines(self))

    __str__ = __repr__


def rank_measures(
    table: Any, *, gap: str | None = None, settings: Sequence[str] | None = None,
    measures: Sequence[str] | None = None, test_size: int | None = None,
    directions: Mapping[str, float] | None = None, seed: int = 0, say: Say | None = None,
) -> RankedMeasures:  # fmt: skip
    """Which measure orders these runs as their generalisation gap does, by every published score?

    A row of the table is a trained model. The scores: Kendall's tau-a, granulated psi and Psi, conditional information
    (the paper's and the competition's convention), sign-errors over environments and their effective sample size, and
    what a measure predicts beyond the hyper-parameters; beside oracles, the canonical ordering and chance, and beside
    what papers report. Runs without a number are left out, for that measure alone, and counted.

    The public table of Dziugaite et al. 2020, and any that is written like it (`hp.*`, `complexity.*`, `gen.gap`), is
    recognised: its runs are filtered as by its authors (`is.converged`, `is.high_train_accuracy`, all measures finite).

    Args:
        table: a path (.csv, .tsv, .txt, .parquet), a frame of pandas, polars or pyarrow, or a dict of columns.
        gap: the column of the gap, training less test accuracy, as a share.
        settings: the columns of the hyper-parameters, numbers or words.
        measures: the columns of the measures; all others that hold numbers where not given.
        test_size: how many test examples each gap was measured on; without it there are no sign-errors.
        directions: hyper-parameter -> 1 where a larger value should widen the gap, -1 where it should narrow it, for
            the canonical ordering; by their usual names where not given.
        seed: of the baselines and of the folds.
        say: called with a line every 10 s: how many orders are scored. Thousands of runs take seconds for each.

    Returns:
        The table with what it rests on; printed, its lines.

    Raises:
        UsageError: a column that the table does not have; the nearest is named.
        InputRefused: one run, a missing hyper-parameter, no numbers: by name, with what to do.

    Example:
        >>> runs = {"width": [8, 8, 16, 16, 32, 32], "seed": [0, 1] * 3, "gap": [0.3, 0.31, 0.2, 0.21, 0.1, 0.12]}
        >>> found = rank_measures({**runs, "norm": [3, 2.5, 2, 2.6, 1, 1.5]}, gap="gap", settings=["width"])
        >>> found.table.values["measure"][0], round(found.table.values["tau"][0], 2)
        ('norm', 0.73)
    """
    runs = read_runs(table, gap, settings, measures, test_size)
    expected = _directions(runs.names, directions or {})
    board = scoreboard(
        runs.measures, runs.gap, runs.settings, runs.names, runs.test_size, expected if any(expected) else None, seed,
        _every(EVERY, say),
    )
    columns, codes = columns_of(board, runs.names), setting_codes(runs.settings, len(runs.gap))
    return RankedMeasures(
        source=runs.source,
        gap=runs.gap_name,
        settings={name: int(most) + 1 for name, most in zip(runs.names, codes.max(0))},
        test_size=runs.test_size,
        runs=len(runs.gap),
        configurations=configurations(codes),
        left_out=runs.left_out,
        notes=runs.notes,
        table=FactTable(values=columns, units=units_of(columns)),
        published=published_table(columns["measure"]),
        by_chance={name: one if one == one else None for name, one in board.by_chance.items()},
        draws=board.draws,
        environments=board.environments,
        lacking={score: Reason(code=lack.code, figures=lack.figures) for score, lack in board.lacking.items()},
        few=board.few,
        provenance={"versions": versions(), "seed": seed},
    )


def _directions(names: Sequence[str], given: Mapping[str, float]) -> list[float]:
    if unknown := [name for name in given if name not in names]:
        raise UsageError(
            expected="directions of hyper-parameters of the table", came=unknown[0], do=f"Known: {', '.join(names)}."
        )
    return [given.get(name, expected_direction(name)) for name in names]


def _every(seconds: float, say: Say | None) -> Callable[[int, int], None]:
    """Says how far it is, no more often than that."""
    last = time.monotonic()

    def told(done: int, orders: int) -> None:
        nonlocal last
        if say is not None and time.monotonic() - last >= seconds:
            last = time.monotonic()
            say(f"ranking: {done:,} of {orders:,} orders, baselines included")

    return told
