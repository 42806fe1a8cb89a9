"""The card of generalization/measures: each measure here and beside a reference, and its published record."""

from __future__ import annotations

from byheart.records.facts import Scalar
from byheart.records.finding import Finding
from byheart.records.formatting import DASH, MINUS, count, interval_text, number, percent, value_text
from byheart.records.published_rankings import SOURCES, published
from byheart.records.quantity import Quantity
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import note_of
from byheart.report.chart import Axis, Bar, Chart, Segment, Table

NO_VERDICT = (
    "No measure is a verdict: in published comparisons each of them orders some models the wrong way round. The table "
    "says which, and which order the models above wrongly. "
    "Beside earlier epochs whatever grows with training is right."
)
SEARCHES = "Measures of flatness, curvature and mixed examples cost more: `--also generalization/measures`."


def card(finding: Finding, about: About) -> Card:
    """How many comparisons between models the measures get right, and what each of them is, with its record."""
    rows, counted = finding.tables["measures"].rows(), int(str(finding.details["counted"]))
    alone = finding.details["reference"] == "one model"
    return Card(
        says="training less test accuracy of one model"
        if alone
        else f"of the comparisons between models that {count(counted)} measures make are right",
        body=(*_gaps(finding, about), NO_VERDICT),
        charts=() if alone else (_chart(rows, finding),),
        tables={"measures": _table(rows, "reference")} if alone else {},
        how=(
            "Each measure is computed by its definition, in 64-bit floating point, from the weights of the model "
            "trained on everything, BatchNorm folded in; none is divided by the number of examples. A larger "
            f"measure should come with a larger gap between training and new {about.nouns}.",
            "It stands beside the same model at earlier epochs and, where asked for, beside the same recipe with a "
            "share of the labels redrawn at random. The gap of a model is its training accuracy less its accuracy on "
            "new examples, as if their labels were redrawn as often. A comparison counts where the intervals of two "
            "gaps do not overlap, and is right where the measure "
            "is larger for the larger gap. Measures that training cannot move are not counted. One training of each: "
            "another may order measures that differ little the other way round.",
            "In the table, Psi and sign-error are published: the mean rank correlation with the gap under one changed "
            "setting, and how often the gap moved the other way. A measure fails under a setting where that is at "
            f"least half of the time. Sources: {SOURCES['jiang2020']}; {SOURCES['dziugaite2020']}.",
            *_covered(finding),
            *_without_value(finding),
            *(() if finding.details["search"] else (SEARCHES,)),
        ),
        notes={
            name: _note(name, finding) for name in finding.quantities if name == "ranked_right" or name.endswith("_gap")
        },
    )


def _covered(finding: Finding) -> tuple[str, ...]:
    """Which share of the parameters the measures of weights read, where it is not all."""
    skipped = finding.details["not_covered"]
    if not skipped:
        return ()
    share = percent(_number(finding.details["covered"]))  # type: ignore[arg-type]
    return (f"Measures of weights read {share} of the parameters; not {', '.join(map(str, skipped))}.",)  # type: ignore[arg-type]


def _without_value(finding: Finding) -> tuple[str, ...]:
    """The measures that have no value, by reason."""
    if "skipped" not in finding.tables:
        return ()
    by: dict[str, list[str]] = {}
    for row in finding.tables["skipped"].rows():
        by.setdefault(str(row["why"]), []).append(str(row["measure"]))
    return tuple(f"Without a value, since {why}: {', '.join(names)}." for why, names in by.items())


def _gaps(finding: Finding, about: About) -> tuple[str, ...]:
    """The gaps that a measure should follow."""
    sentences = []
    if of := _gap(finding, "one model"):
        known = f"{value_text(of)} {interval_text(of)}"
        sentences.append(f"Training accuracy less accuracy on {count(of.n)} new {about.nouns}: {known}.")
    others = [name for name in map(str, finding.details["models"]) if name != "one model"]  # type: ignore[arg-type]
    gaps = [(name, of) for name in others if (of := _gap(finding, name))]
    if gaps:
        said = "; ".join(f"{_title(name)} {value_text(of)} {interval_text(of)}" for name, of in gaps)
        sentences.append(f"Models beside it: {said}.")
    return tuple(sentences)


def _gap(finding: Finding, model: str) -> Quantity | None:
    return finding.quantities.get(f"{model}_gap".replace(" ", "_").replace(".", "_"))


def _title(model: str) -> str:
    """What a reference model is called.

    Example:
        >>> _title("epoch 8"), _title("noise 0.25")
        ('epoch 8', '25\u202f% redrawn')
    """
    kind, _, value = model.partition(" ")
    return f"{percent(float(value), 0)} redrawn" if kind == "noise" else model


def _note(name: str, finding: Finding) -> str:
    if name == "ranked_right":
        what = "mean over measures of the share of compared pairs of models that each orders as their gaps"
    else:
        what = "training less test accuracy of one model, labels redrawn as often"
    return f"{what}; {note_of(finding.quantities[name])}"


def _power(value: Scalar, plain: bool) -> str:
    """A value from its log10, in three figures; as it is where it has none."""
    if not isinstance(value, int | float) or plain:
        return DASH if not isinstance(value, int | float) else number(value, 3 if abs(value) < 10 else 0)
    if -3 <= value < 6:
        return number(10**value, max(0, 2 - int(value // 1)))
    exponent = int(value // 1)
    return f"{number(10 ** (value - exponent), 1)} × 10^{str(exponent).replace('-', MINUS)}"


def _table(rows: list[dict[str, Scalar]], reference: str) -> Table:
    """Each measure here and for the reference whose gap differs most, and what papers report of it."""
    columns = ("measure", "here", reference, "ranked right", "Psi", "sign-error", "fails under")
    return Table(columns=columns, rows=tuple(map(_row, rows)))


def _row(row: dict[str, Scalar]) -> tuple[str, ...]:
    name, record = str(row["measure"]), published(str(row["measure"]))
    sides = (_power(row[side], not row["logarithm"]) for side in ("here", "reference"))
    right = DASH if row["ranked right"] is None else percent(_number(row["ranked right"]), 0)
    scores = (None, None) if record is None else (record.psi, record.sign_error)
    fails = DASH if record is None or not record.sign_errors else ", ".join(record.fails) or "none of five"
    return (name, *sides, right, *(DASH if score is None else number(score, 2) for score in scores), fails)


def _chart(rows: list[dict[str, Scalar]], finding: Finding) -> Chart:
    """By how many powers of ten each measure is larger for the model of the larger gap."""
    name = str(finding.details["reference"])
    own, other = _gap(finding, "one model"), _gap(finding, name)
    clear = bool(own and other and own.interval and other.interval and _disjoint(own.interval, other.interval))
    sign = 1.0 if clear and own and other and other.value > own.value else -1.0
    both = [row for row in rows if row["logarithm"] and row["reference"] is not None and row["number"] is not None]
    by = sorted((sign * (_number(row["reference"]) - _number(row["here"])), str(row["measure"])) for row in both)
    bars = tuple(
        Bar(label=measure, segments=(Segment(start=min(0.0, more), stop=max(0.0, more), role="ink"),))
        for more, measure in reversed(by)
    )
    larger, where = sum(more > 0 for more, _ in by), _title(name) if sign > 0 else "here"
    beside = "here" if sign > 0 else _title(name)
    right = (
        f", as the gap is: it orders these two models rightly ({where} and {beside})" if clear else f" than {beside}"
    )
    return Chart(
        title=f"Each measure here and beside it ({_title(name)})",
        description=f"{larger} of {len(by)} measures are larger {where} than {beside}.",
        x=Axis(title="powers of ten"),
        bars=bars,
        reading=f"To the right of 0 a measure is larger {where}{right}.",
        table=_table(rows, _title(name)),
    )


def _disjoint(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[1] < other[0] or other[1] < one[0]


def _number(value: Scalar) -> float:
    return float(value)  # type: ignore[arg-type]
