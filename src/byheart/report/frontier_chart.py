"""The frontier of a balance as a chart: what is memorised across, the score where left out upwards."""

from __future__ import annotations

from byheart.records.balanced import BalancedRecord, Tried
from byheart.records.formatting import count, interval_text, value_text
from byheart.records.quantity import Quantity
from byheart.report.balanced_text import SCORES, ordered, status
from byheart.report.chart import Axis, Chart, Line, Mark, Table

MOST = 4  # unbeaten settings that are named beside the recipe and the best
REACH = 2.0  # a beaten setting farther off than so many times the span of the others does not stretch the chart
PAD = 0.06


def frontier_chart(found: BalancedRecord) -> Chart:
    """Every setting that was measured, the recipe and the best named, and the line that no point lies beyond."""
    known = [one for one in found.frontier if one.memorised and one.held_out and not one.same_as]
    line = unbeaten_line(found, known)
    titles = {one.title for one in line}
    named = [one for one in line if one.title not in (found.best.title, found.frontier[0].title)][:MOST]
    xs, ys = (_domain(found, known, axis) for axis in ("memorised", "held_out"))
    score = SCORES[found.subject["score"]]
    less = ", less is better" if found.subject["score"] == "bits" else ""
    rate = found.subject["score"] == "accuracy"
    outside = [one for one in known if not (_inside(one.memorised, xs) and _inside(one.held_out, ys))]
    return Chart(
        title="Frontier of memory and understanding",
        description=_description(found, known),
        x=Axis(title="memorised", format="percent", domain=xs),
        y=Axis(title=f"{score}{less}", format="percent" if rate else "number", domain=ys),
        lines=_steps(line, xs[1]),
        marks=tuple(_mark(found, one, one in named, one.title in titles) for one in known),
        reading=_reading(found, outside),
        table=_table(found),
    )  # fmt: skip


def unbeaten_line(found: BalancedRecord, known: list[Tried]) -> list[Tried]:
    """The settings whose point no other beats, from the least memorised on: each is better where left out."""
    sign = -1 if found.subject["score"] == "bits" else 1
    made: list[Tried] = []
    for one in sorted(known, key=lambda one: (one.memorised.value, -sign * one.held_out.value)):  # type: ignore[union-attr]
        if not made or sign * (one.held_out.value - made[-1].held_out.value) > 0:  # type: ignore[union-attr]
            made.append(one)
    return made


def _steps(line: list[Tried], end: float) -> tuple[Line, ...]:
    """A stair to the end of the chart: with no more memorised than here, no setting did better than this."""
    spots = [(one.memorised.value, one.held_out.value) for one in line]  # type: ignore[union-attr]
    x, y = zip(*spots, (end, spots[-1][1]))
    return (Line(label="", role="left", x=x, y=y, step=True),)


def _mark(found: BalancedRecord, one: Tried, named: bool, unbeaten: bool) -> Mark:
    best, recipe = one.title == found.best.title, one is found.frontier[0]
    label = one.title if best or recipe or named else ""
    if best:
        label = "the recipe, the best" if recipe else f"best: {one.title}"
    said = f"memorised {_figures(one.memorised)}, {SCORES[found.subject['score']]} {_figures(one.held_out)}"
    return Mark(
        x=one.memorised.value, y=one.held_out.value,  # type: ignore[union-attr]
        label=label, role="ink" if best or recipe else "muted", shape="diamond" if recipe and not best else "dot",
        x_interval=one.memorised.interval, y_interval=one.held_out.interval,  # type: ignore[union-attr]
        note=said if label else f"{one.title}: {said}",
        weight="strong" if best else "plain" if recipe or unbeaten or one.unbeaten else "faint",
    )  # fmt: skip


def _figures(of: Quantity | None) -> str:
    return "" if of is None else f"{value_text(of)} {interval_text(of)}".strip()


def _domain(found: BalancedRecord, known: list[Tried], axis: str) -> tuple[float, float]:
    """About the unbeaten, the recipe and the best, and what lies within reach of them."""
    near = [one for one in known if one.unbeaten is not False or one.title == found.best.title or not one.words]
    core = [end for one in near for end in _ends(getattr(one, axis))]
    low, high = min(core), max(core)
    reach = REACH * (high - low)
    others = [end for one in known for end in _ends(getattr(one, axis)) if low - reach <= end <= high + reach]
    low, high = min(low, *others), max(high, *others)
    pad = PAD * (high - low) or 0.05
    return low - pad, high + pad


def _ends(of: Quantity) -> tuple[float, float]:
    return of.interval or (of.value, of.value)


def _inside(of: Quantity | None, domain: tuple[float, float]) -> bool:
    return of is not None and domain[0] <= of.value <= domain[1]


def _reading(found: BalancedRecord, outside: list[Tried]) -> str:
    less = found.subject["score"] == "bits"
    said = (
        f"Each point is a setting, its lines are 95\u202f% intervals. {'Down' if less else 'Up'} is better where left "
        "out, left is less memorised; the stair joins the settings that no other beats on both, and runs on at the "
        "best. "
        "The diamond is the recipe, the large dot the best; settings that are beaten are faint."
    )
    if not found.best.words:
        said = said.replace(
            "The diamond is the recipe, the large dot the best", "The large dot is the recipe, the best"
        )
    if outside:
        one = outside[0].title if len(outside) == 1 else f"{count(len(outside))} settings"
        said += f" {one[:1].upper()}{one[1:]} {'lies' if len(outside) == 1 else 'lie'} beyond the chart and "
        said += f"{'stands' if len(outside) == 1 else 'stand'} at its edge."
    return said


def _description(found: BalancedRecord, known: list[Tried]) -> str:
    ends = [one for one in known if one.title == found.best.title or not one.words]
    score = SCORES[found.subject["score"]]
    return "; ".join(
        f"{one.title}: memorised {_figures(one.memorised)}, {score} {_figures(one.held_out)}" for one in ends
    )


def _table(found: BalancedRecord) -> Table:
    rows = [
        (one.title, _figures(one.memorised), _figures(one.held_out), count(one.members), status(found, one))
        for one in ordered(found)
    ]
    return Table(columns=("setting", "memorised", SCORES[found.subject["score"]], "members", "what became of it"),
                 rows=tuple(rows))  # fmt: skip
