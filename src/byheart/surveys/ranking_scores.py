"""Scores of a ranking by the published protocols: what the grid's settings let be said of each measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from byheart.maths.ranking import environment_intervals
from byheart.maths.ranking.configurations import setting_codes
from byheart.maths.ranking.environment_pairs import environment_pairs
from byheart.maths.ranking.ordering_baselines import expected_direction
from byheart.maths.ranking.score_columns import columns_of
from byheart.maths.ranking.scoreboard import Board, Row, scoreboard
from byheart.records.facts import FactTable
from byheart.records.published_rankings import published_table
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.surveys.base import Grid

OVER_SUBJECTS = "over configurations, by what each adds"
ALL_AT_ONCE = "range over all environments at once, Bonferroni"
WORDS = ("says",)  # what a grid may vary that is no setting


class Scored(NamedTuple):
    """Facts for the finding; empty where the grid has not several settings."""

    quantities: dict[str, Quantity] = {}
    tables: dict[str, FactTable] = {}
    details: dict[str, Any] = {}


def scored(
    measures: Mapping[str, Mapping[str, Quantity]], target: Mapping[str, Quantity], grid: Grid,
    settings: Sequence[str] = (), test_size: int | None = None,
) -> Scored:  # fmt: skip
    """The protocols over all subjects that have a target: settings are those given, else those that the grid varies.

    A setting that is a list, such as the widths of layers, is two: how long it is (`depth`) and, where its entries are
    alike, what they are (`width`).
    """
    subjects = [one for one in sorted(grid) if one in target]
    names, columns = _hyper_parameters(subjects, grid, settings)
    if len(names) < 2:
        return Scored()
    gap = np.array([target[one].value for one in subjects])
    values = {
        name: np.array([found[one].value if one in found else np.nan for one in subjects])
        for name, found in measures.items()
    }
    tests = test_size or min(target[one].n for one in subjects)
    codes = setting_codes(np.array(columns, dtype=object).T, len(subjects))
    board = scoreboard(values, gap, codes, names, tests, [expected_direction(name) for name in names])
    table = columns_of(board, names)
    quantities: dict[str, Quantity] = {}
    for name, row in board.measures.items():
        quantities |= _quantities(name, row, board, target[subjects[0]].speaks_of)
    quantities |= _worst(values, gap, codes, tests, board, target[subjects[0]].speaks_of)
    published = published_table([*board.measures, *board.baselines])
    lacking = tuple(Reason(code=one.code, figures=one.figures) for one in board.lacking.values())
    details: dict[str, Any] = {
        "settings": tuple(names), "test_size": tests, "environments": board.environments, "draws": board.draws,
        "lacking": lacking, "lacking_scores": tuple(board.lacking),
    }  # fmt: skip
    details |= {f"by_chance_{name}": one for name, one in board.by_chance.items() if one == one}
    return Scored(quantities, {"scores": FactTable(values=table), "published": published}, details)


def _hyper_parameters(subjects: Sequence[str], grid: Grid, given: Sequence[str]) -> tuple[list[str], list[list[Any]]]:
    """The names and values of all that varies, lists taken apart."""
    paths = given or sorted({path for one in subjects for path in grid[one] if path not in WORDS})
    found: dict[str, list[Any]] = {}
    for path in paths:
        values = [grid[one].get(path) for one in subjects]
        *before, short = path.split(".")
        short = before[-1] if short == "strength" and before else short
        if all(isinstance(value, list | tuple) and value for value in values):
            alike = all(len(set(value)) == 1 for value in values)
            found["width"] = [value[0] if alike else str(value) for value in values]
            found["depth"] = [len(value) for value in values]
        else:
            found[path if short in found else short] = values
    moving = {name: values for name, values in found.items() if None not in values and len(set(map(str, values))) > 1}
    return list(moving), list(moving.values())


def _quantities(name: str, row: Row, board: Board, speaks_of: Any) -> dict[str, Quantity]:
    """Psi and sign-error with their intervals; information beside what random orders have."""
    made = {"n": int(row["runs"]), "speaks_of": speaks_of}
    random, found = board.baselines["random"], {}
    for score, unit, null in (("psi", "correlation", 0.0), ("sign_error", "share", 0.5)):
        if row[score] == row[score]:
            ends = (row[f"{score}_low"], row[f"{score}_high"])
            found[f"{name}.{score}"] = Quantity(
                value=row[score], unit=unit, interval=ends, null=null, method=OVER_SUBJECTS, **made
            )
    if row["information"] == row["information"]:
        found[f"{name}.information"] = Quantity(
            value=row["information"], unit="share", interval=None, why_no_interval="beside its null",
            null=random["information"], **made,
        )  # fmt: skip
    return found


def _worst(
    values: Mapping[str, np.ndarray], gap: np.ndarray, codes: np.ndarray, tests: int, board: Board, speaks_of: Any
) -> dict[str, Quantity]:
    """The largest sign-error over environments of each measure, and the least of them: is any measure right everywhere?

    The intervals of all environments of all measures hold at once; the largest is read over them. Where no change of
    some setting moves the target for certain it may be as large as 1: what was not seen speaks for no measure.
    """
    if "sign_error" in board.lacking:
        return {}
    found: dict[str, Quantity] = {}
    for name in board.measures:
        whole = np.isfinite(values[name])
        losses, low, high = environment_intervals(
            values[name][whole], gap[whole], codes[whole], tests, among=len(board.measures)
        )
        if len(losses):
            pairs = environment_pairs(gap[whole], codes[whole], tests)
            unseen = len(set(pairs.setting[pairs.kept].tolist())) < codes.shape[1]
            ends = (float(low.max()), 1.0 if unseen else float(high.max()))
            found[f"{name}.worst"] = Quantity(
                value=float(losses.max()), unit="share", interval=ends, null=0.5,
                n=int(whole.sum()), method=ALL_AT_ONCE, speaks_of=speaks_of,
            )  # fmt: skip
    if found:
        each = list(found.values())
        ends = tuple(min(one.interval[end] for one in each if one.interval) for end in (0, 1))
        least = min(each, key=lambda one: one.value)
        found["least_worst"] = least.model_copy(update={"interval": ends})
    return found
