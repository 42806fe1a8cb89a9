"""The card of memory/levers."""

from __future__ import annotations

from byheart.records.facts import Scalar
from byheart.records.finding import Finding
from byheart.records.formatting import DASH, count, interval_text, number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.report.cards.base import About, Card
from byheart.report.cards.default import notes_of
from byheart.report.chart import Axis, Chart, Mark, Table

SCORE = {"accuracy": "right where left out", "r2": "R\u00b2 where left out", "bits": "bits a token where left out"}
GAIN = {"bits": "bits saved where left out", "r2": "R\u00b2 gained where left out"}


def card(finding: Finding, about: About) -> Card:
    """What each lever moves against the recipe, and the dial between fitting and memorising where noise is known."""
    noise = bool(finding.details["noise"])
    rows = finding.tables["levers"].rows()
    body = _dial(finding, rows, about) if noise else (_least(finding, rows),)
    lost = finding.details["lost"]
    if isinstance(lost, tuple) and lost:
        body = (*body, f"Could not be trained: {', '.join(map(str, lost))}.")
    return Card(
        says="of the wrong labels held by heart by the recipe as it is"
        if noise
        else "memorised by the recipe as it is",
        body=body,
        charts=(_chart(finding, rows, about, noise),),
        tables={"What each lever moves": _table(finding, rows, noise)},
        how=(
            f"Each lever alone, at one usual setting, on the first {count(_int(finding, 'members'))} of the same "
            "subsets from the same seeds: a change is that of each member against the member of the recipe that saw "
            "the same. `byheart balance` looks for the best setting of a lever.",
            *(_HOW_NOISE if noise else ()),
            "Fails when a usual setting is far from the best of a lever. Cost: a quarter of the members again each.",
        ),
        notes=notes_of(finding, {}),
    )


_HOW_NOISE = (
    "Held by heart: the share of the wrong labels that members give which saw them, less that of those which did not. "
    "Fitted: the share of the right labels that members give which saw them. Nobody is told which labels are wrong.",
)


def _int(finding: Finding, name: str) -> int:
    value = finding.details[name]
    return int(value) if isinstance(value, int | float) else 0


def _of(finding: Finding, row: dict[str, Scalar], part: str) -> Quantity | None:
    return finding.quantities.get(f"{row['name']}_{part}")


def _dial(finding: Finding, rows: list[dict[str, Scalar]], about: About) -> tuple[str, ...]:
    """The recipe, and the lever that holds least of the noise among those that fit as well."""
    plain, *others = rows
    known = [row for row in others if row["noise_memorised"] is not None]
    made = (
        f"As it is the recipe fits {_percent(plain['clean_fitted'])} of the right labels and holds "
        f"{_percent(plain['noise_memorised'])} of the {count(_int(finding, 'noise'))} wrong ones by heart.",
    )
    if not known:
        return made
    least = min(known, key=lambda row: float(str(row["noise_memorised"])))
    return (
        *made,
        f"Least is held with {least['lever']}: {_percent(least['noise_memorised'])}, while "
        f"{_percent(least['clean_fitted'])} of the right {about.nouns} are fitted.",
    )


def _percent(value: Scalar) -> str:
    return percent(float(value)) if isinstance(value, int | float) else DASH


def _least(finding: Finding, rows: list[dict[str, Scalar]]) -> str:
    """The levers that change what is memorised, and those that change what is gained."""
    moved = [row for row in rows[1:] if _told(_of(finding, row, "memorised_change"))]
    better = [row for row in rows[1:] if (one := _of(finding, row, "gain")) and one.interval and one.interval[0] > 0]
    worse = [row for row in rows[1:] if (one := _of(finding, row, "gain")) and one.interval and one.interval[1] < 0]
    parts = [
        f"what is memorised changes with {_names(moved)}"
        if moved
        else "no lever changes what is memorised for certain",
        f"better where left out with {_names(better)}" if better else "none is better where left out for certain",
        *([f"worse with {_names(worse)}"] if worse else []),
    ]
    return f"{'; '.join(parts)}.".capitalize()


def _names(rows: list[dict[str, Scalar]]) -> str:
    return ", ".join(str(row["lever"]) for row in rows)


def _told(one: Quantity | None) -> bool:
    return bool(one and one.interval and (one.interval[0] > 0 or one.interval[1] < 0))


def _chart(finding: Finding, rows: list[dict[str, Scalar]], about: About, noise: bool) -> Chart:
    x, y = ("noise_memorised", "clean_fitted") if noise else ("memorised", "held_out")
    score = str(finding.details["score"])
    marks = []
    for row in rows:
        across, up = _of(finding, row, x), _of(finding, row, y)
        if across is not None and up is not None:
            plain = row["name"] == "plain"
            marks.append(
                Mark(
                    x=across.value, y=up.value, label=str(row["lever"]), role="memorised" if plain else "ink",
                    shape="square" if plain else "dot", x_interval=across.interval, y_interval=up.interval,
                )
            )  # fmt: skip
    names = (
        ("wrong labels held by heart", "right labels fitted") if noise else ("memorised", SCORE[score])
    )  # fmt: skip
    percents = noise or score == "accuracy"
    return Chart(
        title=f"{names[1].capitalize()} over {names[0]}",
        description="; ".join(f"{mark.label}: {number(mark.x, 2)}, {number(mark.y, 2)}" for mark in marks),
        x=Axis(title=names[0], format="percent"),
        y=Axis(title=names[1], format="percent" if percents else "number", domain=_around(marks)),
        marks=tuple(marks),
        reading=f"To the left less is held by heart; higher is better. Bars are 95 % intervals over {about.nouns} and "
        "training sets.",
    )


def _around(marks: list[Mark]) -> tuple[float, float] | None:
    """The heights of the marks and their intervals, and a tenth of that more."""
    ends = [end for mark in marks for end in (mark.y, *(mark.y_interval or ()))]
    room = 0.1 * (max(ends) - min(ends)) if ends else 0.0
    return (min(ends) - room, max(ends) + room) if room else None


def _table(finding: Finding, rows: list[dict[str, Scalar]], noise: bool) -> Table:
    """A row a lever: what it moves, paired."""
    unit = str(finding.details["unit"])
    parts = [
        ("memorised_change", "memorised"),
        ("gain", GAIN[unit]),
        ("held_out_change", SCORE[str(finding.details["score"])]),
    ]
    if unit == "r2":
        parts = parts[:2]
    if noise:
        parts += [("noise_memorised_change", "wrong labels held"), ("clean_fitted_change", "right labels fitted")]
    made = []
    for row in rows[1:]:
        cells = [_cell(_of(finding, row, part)) for part, _ in parts]
        made.append((str(row["lever"]), *cells))
    return Table(columns=("lever", *(title for _, title in parts)), rows=tuple(made))


def _cell(of: Quantity | None) -> str:
    if of is None:
        return DASH
    text = value_text(of)
    return f"{'+' if of.value > 0 else ''}{text} {interval_text(of)}"
