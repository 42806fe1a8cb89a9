"""Ranked measures in words: a line each, what chance does, what is not there, what papers report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from byheart.records.facts import FactTable, Scalar
from byheart.records.formatting import DASH, MINUS, count, number, percent
from byheart.records.quantity import Unit
from byheart.records.ranked_measures import RankedMeasuresRecord
from byheart.report.cards import About
from byheart.report.cards.reasons import advice, why

# score -> what heads its column
SCORES = {
    "tau": "tau", "psi": "Psi", "information": "K", "information_pgdl": "K pgdl", "sign_error": "wrong",
    "sign_error_worst": "worst", "increment": "beyond",
}  # fmt: skip
CALLED = {
    "psi": "Psi", "information": "K", "information_pgdl": "K of the competition", "sign_error": "Sign-errors",
    "increment": "What a measure says beyond the hyper-parameters",
}  # fmt: skip
LEGEND = {
    "tau": "tau, Psi: order of all runs; of runs that differ in one hyper-parameter. "
    f"1 as the gap, 0 chance, {MINUS}1 reversed.",
    "information": "K: information on the order of gaps beyond two hyper-parameters; it is blind to direction.",
    "sign_error": "wrong, worst: sign-errors, mean and largest over environments; 50\u202f% is a guess.",
    "increment": "beyond: R\u00b2, out of fold, gained over a model of the hyper-parameters alone.",
}


def units_of(columns: Iterable[str]) -> dict[str, Unit]:
    """The units of the columns of scores."""
    units: dict[str, Unit] = {}
    for name in columns:
        if name.startswith(("tau", "psi")):
            units[name] = "correlation"
        elif name.startswith(("information", "sign_error")):
            units[name] = "share"
        elif name.startswith("increment"):
            units[name] = "r2"
    return units


def lines(found: RankedMeasuresRecord) -> list[str]:
    """The ranking as lines for a terminal."""
    settings = ", ".join(f"{name} ({count(values)})" for name, values in found.settings.items())
    made = [
        f"byheart rank \u00b7 {found.source} \u00b7 {count(found.runs)} runs, {count(found.configurations)} "
        f"configurations of {settings} \u00b7 gap: {found.gap}"
    ]
    left = ", ".join(f"{count(runs)} {reason}" for reason, runs in found.left_out.items())
    made += [f"  Left out      {left}"] if left else []
    made += [f"  Note          {note}" for note in found.notes]
    made += _table(found.table.rows())
    made += [f"  By chance     {_chance(found.by_chance, found.draws)}"]
    made += [f"  Of fewer runs {line}" for line in _of_fewer(found)]
    made += [f"  Environments  {_environments(found)}"] if found.environments else []
    made += [
        f"  Not there     {CALLED[score]}: {why(reason, About())} {advice(reason, About())}"
        for score, reason in found.lacking.items()
    ]
    made += [f"  Too few runs  {name}: {count(runs)}" for name, runs in found.few.items()]
    return made + [f"  Published     {line}" for line in _published(found.published.rows())]


def study_lines(scores: FactTable, published: FactTable) -> list[str]:
    """A study's scores as lines: ours, and what papers report."""
    return _table(scores.rows()) + [f"  Published     {line}" for line in _published(published.rows())]


def _table(rows: list[dict[str, Scalar]]) -> list[str]:
    """A row per measure, baselines last, and what the columns that are there mean."""
    wide = max(len(str(row["measure"])) for row in rows)
    shown = [score for score in SCORES if any(row[score] is not None for row in rows)]
    made = [f"  {'':<{wide}}  " + "".join(f"{SCORES[score]:>8}" for score in shown) + "  no better than a guess under"]
    for baseline in (False, True):
        for row in rows:
            if row["baseline"] is baseline:
                cells = "".join(f"{_cell(score, row[score]):>8}" for score in shown)
                made.append(f"  {row['measure']!s:<{wide}}  {cells}  {row['fails'] or DASH}")
    return made + [f"  {line}" for score, line in LEGEND.items() if score in shown]


def _cell(score: str, value: Scalar) -> str:
    if not isinstance(value, int | float):
        return DASH
    return percent(value) if score.startswith("sign_error") else number(value, 3 if score.startswith("info") else 2)


def _chance(by_chance: Mapping[str, float | None], draws: int) -> str:
    known = {name: value for name, value in by_chance.items() if value is not None}
    parts = [
        f"{SCORES[name]} {'above' if name == 'sign_error' else 'below'} {_cell(name, value)}"
        for name, value in known.items()
    ]
    return f"{', '.join(parts)} in 39 of 40 random orders ({count(draws)} drawn)"


def _of_fewer(found: RankedMeasuresRecord) -> list[str]:
    """Measures that some runs do not have: what is beside them is of all runs."""
    rows = [row for row in found.table.rows() if not row["baseline"] and row["runs"] < found.runs]  # type: ignore[operator]
    return [
        f"{row['measure']}: {row['runs']} of {found.runs}; chance brings more than the above, which is of all runs"
        for row in rows
    ]


def _environments(found: RankedMeasuresRecord) -> str:
    sizes = [size for size in found.table.values["effective_size"] if isinstance(size, int | float)]
    of = f", of {number(sizes[0], 1)} effective pairs on average" if sizes else ""
    tests = f"{count(found.test_size or 0)} test examples"
    return f"{count(found.environments)} in which the order of two gaps is certain enough{of} ({tests})"


def _published(rows: list[dict[str, Any]]) -> list[str]:
    """What papers report: tau and Psi as recalled, sign-errors as reproduced."""
    made = []
    for row in rows:
        parts = []
        if row["tau"] is not None:
            parts.append(f"tau {number(row['tau'], 2)}, Psi {number(row['psi'], 2)} (recalled)")
        if row["sign_error"] is not None:
            fails = f", no better than a guess under {row['fails']}" if row["fails"] else ""
            parts.append(f"wrong {percent(row['sign_error'])}, worst {percent(row['sign_error_worst'], 0)}{fails}")
        if row.get("pgdl_least") is not None:
            ends = (number(row[f"pgdl_{end}"], 1) for end in ("least", "most"))
            parts.append(f"100 K of the competition's tasks from {' to '.join(ends)}")
        made.append(f"{row['measure']}: {'; '.join(parts)}")
    return made
