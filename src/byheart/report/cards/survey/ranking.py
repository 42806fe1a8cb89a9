"""The card of survey/ranking: each measure by every score, beside baselines and what papers report of it."""

from __future__ import annotations

from byheart.records.facts import Scalar
from byheart.records.finding import Finding
from byheart.records.formatting import DASH, count, number, percent
from byheart.records.published_rankings import SOURCES
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.cards.reasons import advice, why
from byheart.report.chart import Axis, Bar, Chart, Segment, Table

SCORES = {
    "psi": "Psi: of subjects that differ in one setting alone",
    "information": "information on the order of the target beyond the settings; its null is that of random orders",
    "sign_error": "how often the target moved the other way, over environments",
    "worst": "the same in the worst environment",
}


def card(finding: Finding, about: About) -> Card:
    """Our scores beside the published ones, and where each measure fails."""
    rows, details = finding.tables["scores"].rows(), finding.details
    settings = [str(one) for one in _several(details["settings"])]
    return Card(
        says="the largest rank correlation (tau) with the target",
        body=(_failing(rows), _lacking(finding)),
        charts=(_chart(rows),),
        tables={
            "beside the published scores": _beside(finding),
            "no better than a guess under": _fails(finding),
            **(
                {} if "sign_error" in _several(details["lacking_scores"]) else {"sign-errors": _changes(rows, settings)}
            ),
        },
        how=(
            "tau compares all pairs of subjects, Psi those that differ in one setting alone (granulated). K is the "
            "information that the order of a measure holds on the order of the target whatever two settings are known; "
            "it is blind to direction; K pgdl is the competition's form of it. Beyond: R\u00b2, out of fold, gained "
            "over a model of the settings alone.",
            "An environment is a change of one setting; its sign-error counts pairs of subjects whose targets differ "
            f"by more than another test set of {count(_whole(details['test_size']))} could turn round; "
            "50\u202f% is a guess.",
            "Baselines: oracles know the target up to an error of 0.02 or 0.05; the canonical ordering expects of each "
            f"setting what practice does; random is the mean of {count(_whole(details['draws']))} random orders. "
            "Intervals of Psi and of sign-errors are over configurations.",
            f"Published: {SOURCES['jiang2020']}; {SOURCES['dziugaite2020']}. Networks, data and settings differ from "
            "ours: equal scores are not expected.",
        ),
        notes=notes_of(finding, {name: _said(name) for name in finding.quantities}),
    )


def _said(name: str) -> str:
    if name == "least_worst":
        return "the least, over measures, of the largest sign-error over environments"
    measure, dot, score = name.rpartition(".")
    if not dot:
        return "rank correlation (tau) of this measure with the target"
    return f"{measure.replace('_', ' ')}: {SCORES[score]}"


def _failing(rows: list[dict[str, Scalar]]) -> str:
    """How many measures fail somewhere."""
    ours = [row for row in rows if not row["baseline"]]
    failing = [row for row in ours if row["fails"]]
    if not failing:
        return f"None of {count(len(ours))} measures is as bad as a guess under any change of a setting."
    return (
        f"{count(len(failing))} of {count(len(ours))} measures are no better than a guess under a change of at least "
        "one setting."
    )


def _lacking(finding: Finding) -> str:
    reasons = _several(finding.details["lacking"])
    return " ".join(f"{why(one, About())} {advice(one, About())}".strip() for one in reasons)  # type: ignore[arg-type]


def _beside(finding: Finding) -> Table:
    """Psi and the mean sign-error, ours and published."""
    rows = tuple(
        (
            name,
            _cell(ours["psi"]),
            _cell(theirs.get("psi")),
            _share(ours["sign_error"]),
            _share(theirs.get("sign_error")),
        )
        for name, ours, theirs in _pairs(finding)
    )
    return Table(columns=("measure", "Psi", "published", "wrong", "published"), rows=rows)


def _fails(finding: Finding) -> Table:
    """Under which changes each fails, here and in the papers."""
    pairs = _pairs(finding)
    rows = tuple((name, str(ours["fails"] or DASH), str(theirs.get("fails") or DASH)) for name, ours, theirs in pairs)
    return Table(columns=("measure", "here", "published"), rows=rows)


def _pairs(finding: Finding) -> list[tuple[str, dict[str, Scalar], dict[str, Scalar]]]:
    """The name of each measure, its row of our scores, and that of the published ones."""
    published = {row["measure"]: row for row in finding.tables["published"].rows()}
    rows = finding.tables["scores"].rows()
    return [(_named(row), row, published.get(row["measure"], {})) for row in rows]


def _named(row: dict[str, Scalar]) -> str:
    return str(row["measure"]).replace("_", "-")


def _all(rows: list[dict[str, Scalar]]) -> Table:
    """Every score of ours."""
    columns = ("measure", "tau", "Psi", "K", "K pgdl", "wrong", "worst", "beyond")
    cells = tuple(
        (
            _named(row),
            *(_cell(row[score]) for score in ("tau", "psi", "information", "information_pgdl")),
            *(_share(row[score]) for score in ("sign_error", "sign_error_worst")),
            _cell(row["increment"]),
        )
        for row in rows
    )
    return Table(columns=columns, rows=cells)


def _changes(rows: list[dict[str, Scalar]], settings: list[str]) -> Table:
    cells = ((_named(row), *(_share(row[f"sign_error.{name}"]) for name in settings)) for row in rows)
    return Table(columns=("measure", *settings), rows=tuple(cells))


def _chart(rows: list[dict[str, Scalar]]) -> Chart:
    """Psi of each measure and baseline, the largest first."""
    known = sorted(
        ((_number(row["psi"]), row) for row in rows if row["psi"] is not None), key=lambda one: one[0], reverse=True
    )
    bars = tuple(
        Bar(
            label=_named(row),
            segments=(Segment(start=min(0.0, psi), stop=max(0.0, psi), role="null" if row["baseline"] else "ink"),),
        )
        for psi, row in known
    )
    return Chart(
        title="Psi of each measure",
        description=f"From {number(known[0][0], 2)} to {number(known[-1][0], 2)}." if known else "",
        x=Axis(title="Psi", domain=(-1.0, 1.0)),
        bars=bars,
        reading="To the right of 0 a measure orders subjects that differ in one setting as the target does.",
        table=_all(rows),
    )


def _several(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _whole(value: object) -> int:
    return int(str(value))


def _number(value: Scalar) -> float:
    return float(value)  # type: ignore[arg-type]


def _cell(value: Scalar) -> str:
    return DASH if value is None else number(_number(value), 2)


def _share(value: Scalar) -> str:
    return DASH if value is None else percent(_number(value), 0)
