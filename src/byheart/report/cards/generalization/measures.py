"""The card of generalization/measures: each measure here and on random labels, and its published record."""

from __future__ import annotations

from byheart.records.facts import Scalar
from byheart.records.finding import Finding
from byheart.records.formatting import DASH, MINUS, count, interval_text, number, value_text
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import note_of
from byheart.report.chart import Axis, Bar, Chart, Segment, Table

NO_VERDICT = (
    "No single measure is a verdict: in published comparisons every one of them ranks some models the wrong way "
    "round. A measure that does not even tell this network from one trained on random labels says nothing here."
)


def card(finding: Finding, about: About) -> Card:
    """How many measures tell the network from one trained on random labels, and what each of them is."""
    told = finding.quantities.get("told_from_noise")
    rows, compared = finding.tables["measures"].rows(), int(str(finding.details["told"]))
    tables = {"measures": _table(rows)}
    if skipped := finding.tables.get("skipped"):
        tables["without a value"] = Table(columns=("measure", "why"), rows=tuple(_words(row) for row in skipped.rows()))
    return Card(
        says=f"of {count(compared)} measures are larger for the same recipe trained on random labels" if told else "",
        body=(*_gaps(finding, about), NO_VERDICT),
        charts=(_chart(rows),) if told else (),
        tables=tables,
        how=(
            "Each measure is computed by its definition, in 64-bit floating point, from the weights of the model "
            "trained on everything, BatchNorm folded in; none is divided by the number of examples. Values are "
            "log10, of negative entropy nats. A larger measure should come with a larger gap between training and new "
            f"{about.nouns}.",
            "The reference is the same recipe on the same inputs with every label redrawn at random: it can only "
            "memorise. One training each, so no interval.",
            "Fails when the training set is not fitted: measures that divide by the margin then have no value. "
            + (
                ""
                if finding.details["search"]
                else "Measures of flatness and curvature take a search: `--also generalization/measures`."
            ),
        ),
        notes={name: _note(name, finding) for name in finding.quantities},
    )


def _gaps(finding: Finding, about: About) -> tuple[str, ...]:
    """The gaps that a measure should follow."""
    found, sentences = finding.quantities, []
    for name, words in (("one_model_gap", "Here"), ("noise_1_gap", "On random labels")):
        if of := found.get(name):
            known = f"{value_text(of)} {interval_text(of)}"
            sentences.append(f"{words}, training accuracy less accuracy on {count(of.n)} new {about.nouns}: {known}.")
    return tuple(sentences)


def _note(name: str, finding: Finding) -> str:
    quantity = finding.quantities[name]
    if name == "told_from_noise":
        what = "share of the measures that are larger on random labels"
    elif name.endswith("_gap"):
        what = "training less test accuracy of one model"
    else:
        what = f"the measure {name.replace('_', '-')}"
    null = "its value on random labels" if quantity.unit in ("log10", "nats") and quantity.null is not None else ""
    return f"{what}; {note_of(quantity, null)}"


def _power(value: Scalar) -> str:
    """A value from its log10, in two figures."""
    if not isinstance(value, int | float):
        return DASH
    if -3 <= value < 6:
        return number(10**value, max(0, 2 - int(value // 1)))
    exponent = int(value // 1)
    return f"{number(10 ** (value - exponent), 1)} × 10^{str(exponent).replace('-', MINUS)}"


def _table(rows: list[dict[str, Scalar]]) -> Table:
    yes = {1.0: "yes", 0.0: "no", 0.5: "the same", None: DASH}
    cells = tuple(
        (
            str(row["measure"]),
            *(
                _power(row[side]) if row["measure"] != "neg-entropy" else number(float(row[side] or 0), 3)
                for side in ("here", "random labels")
            ),
            yes[row["larger there"]],  # type: ignore[index]
        )
        for row in rows
    )
    return Table(columns=("measure", "here", "random labels", "larger there"), rows=cells)


def _words(row: dict[str, Scalar]) -> tuple[str, ...]:
    return tuple(str(value) for value in row.values())


def _chart(rows: list[dict[str, Scalar]]) -> Chart:
    """By how many powers of ten each measure is larger on random labels."""
    by = sorted(
        ((float(row["random labels"]) - float(row["here"]), str(row["measure"])) for row in rows if _both(row)),
        reverse=True,
    )
    bars = tuple(
        Bar(
            label=name,
            segments=(Segment(start=min(0.0, more), stop=max(0.0, more), role="ink" if more > 0 else "left"),),
        )
        for more, name in by
    )
    right = sum(more > 0 for more, _ in by)
    return Chart(
        title="By how much each measure is larger on random labels",
        description=f"{right} of {len(by)} measures are larger on random labels than here.",
        x=Axis(title="powers of ten"),
        bars=bars,
        reading="To the right of 0 a measure says what is true: the same recipe on random labels generalises worse.",
        table=Table(columns=("measure", "powers of ten"), rows=tuple((name, number(more, 2)) for more, name in by)),
    )


def _both(row: dict[str, Scalar]) -> bool:
    return row["measure"] != "neg-entropy" and row["larger there"] is not None
