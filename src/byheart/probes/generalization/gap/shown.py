"""What the card of the gap shows: the time course of both sides."""

from __future__ import annotations

import numpy as np

from byheart.probes.generalization.gap.sides import Sides
from byheart.records.chart import Axis, Chart, Line, Rule, Table
from byheart.records.figures import number, percent
from byheart.records.quantity import Quantity
from byheart.training.run import Run


def chart(run: Run, sides: Sides, quantities: dict[str, Quantity]) -> Chart:
    """Both sides and the test view over the epochs, beside chance and the nearest neighbour."""
    points = run.checkpoints
    unit = "share of labels it gets right" if sides.unit == "accuracy" else "R2"
    courses = sides.courses()
    # epoch 0 has no place on a logarithmic scale; the table keeps it
    drawn = slice(1, None) if len(points) > 1 else slice(None)
    x = tuple(float(p) for p in points[drawn]) if len(points) > 1 else (0.0, 1.0)
    lines, rows = [], []
    for label, role, values, low, high in courses:
        if len(points) == 1:
            values, low, high = (np.repeat(v, 2) for v in (values, low, high))
        written = percent(values[-1]) if sides.unit == "accuracy" else number(values[-1], 2)
        lines.append(
            Line(
                label=f"{label} {written}",
                role=role,
                x=x,
                y=tuple(map(float, values[drawn])),
                low=_known(low[drawn]),
                high=_known(high[drawn]),
            )
        )
    show = percent if sides.unit == "accuracy" else lambda v: number(v, 3)
    for c, epoch in enumerate(points):
        rows.append((str(epoch), *(show(values[c]) for _, _, values, _, _ in courses)))
    rules = []
    baseline = quantities.get(f"neighbours_held_out_{sides.unit}")
    if baseline and (sides.unit == "accuracy" or baseline.value > -1):
        rules.append(Rule(axis="y", at=baseline.value, label=f"1-nearest neighbour, left out {show(baseline.value)}"))
    if sides.unit == "accuracy":
        rules.append(Rule(axis="y", at=sides.chance, label=f"chance {percent(sides.chance, 0)}"))
    floor = 0.0 if sides.unit == "accuracy" else max(-1.0, min(0.0, *(float(min(line.y)) for line in lines)))
    return Chart(
        title=f"{'Accuracy' if sides.unit == 'accuracy' else 'R2'}{' over epochs' if len(points) > 1 else ''}",
        description="; ".join(line.label for line in lines),
        x=Axis(
            title="epoch" if len(points) > 1 else "", log=len(points) > 1, ticks=tuple(x) if len(points) > 1 else ()
        ),
        y=Axis(title=unit, domain=(floor, 1.0), format="percent" if sides.unit == "accuracy" else "number"),
        lines=tuple(lines),
        rules=tuple(rules),
        reading=(
            "Where the lines rise together it learns what holds for all; where only the line of what it saw "
            "rises it learns by heart. Bands are 95 % intervals over examples; the scale of epochs is "
            "logarithmic."
            if len(points) > 1
            else "This learner has no epochs: one line a side."
        ),
        table=Table(columns=("epoch", *(label for label, *_ in courses)), rows=tuple(rows)),
    )


def _known(end: np.ndarray) -> tuple[float, ...]:
    """An end of a band; none where draws are too few to say."""
    return tuple(map(float, end)) if np.isfinite(end).all() else ()
