"""The layers of a chart: cells, rules, lines with their bands, and marks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from byheart.report.axes import Scale, scale
from byheart.report.chart import Cell, Chart, Line, Mark
from byheart.report.drawing import layer

MOST_MARKS = 1000
MOST_POINTS = 2000  # of a line: three for each pixel across
BOLD = {"understood", "memorised"}
WEIGHTS = ("faint", "plain", "strong")
FAINT = 0.25  # opacity of an interval that matters less
_SHAPES = {"dot": "circle", "ring": "circle", "square": "square", "diamond": "diamond"}


def values(chart: Chart, axis: str) -> Iterator[float]:
    """Every number that stands on `axis` of the chart."""
    for line in chart.lines:
        yield from getattr(line, axis)
        if axis == "y":
            yield from (*line.low, *line.high)
    for mark in chart.marks:
        yield getattr(mark, axis)
        yield from getattr(mark, f"{axis}_interval") or ()
    for rule in chart.rules:
        if rule.axis == axis:
            yield rule.at
    for cell in chart.cells:
        yield from getattr(cell, axis)


def bounded(chart: Chart) -> Chart:
    """The chart with no more to draw than a page can show.

    More than a thousand marks become cells of a histogram; rings and labelled marks stay. Of longer lines every k-th
    point is drawn, and the last.
    """
    chart = chart.model_copy(update={"lines": tuple(map(_thinned, chart.lines))})
    if len(chart.marks) <= MOST_MARKS or chart.y is None:
        return chart
    kept = [mark for mark in chart.marks if mark.shape == "ring" or mark.label][:MOST_MARKS]
    shown = {id(mark) for mark in kept}
    rest = [mark for mark in chart.marks if id(mark) not in shown]
    xs = scale(chart.x, values(chart, "x"), (0, 48), 5)
    ys = scale(chart.y, values(chart, "y"), (0, 26), 5)
    counts: dict[tuple[int, int], int] = {}
    for mark in rest:
        if xs.shows(mark.x) and ys.shows(mark.y):
            at = (min(47, max(0, int(xs(mark.x)))), min(25, max(0, int(ys(mark.y)))))
            counts[at] = counts.get(at, 0) + 1
    cells = tuple(
        Cell(x=(_back(xs, i), _back(xs, i + 1)), y=(_back(ys, j), _back(ys, j + 1)), count=count)
        for (i, j), count in sorted(counts.items())
    )
    return chart.model_copy(update={"marks": tuple(kept), "cells": chart.cells + cells})


def _thinned(line: Line) -> Line:
    n = len(line.x)
    if n <= MOST_POINTS:
        return line
    at = [*range(0, n - 1, -(-n // MOST_POINTS)), n - 1]
    given = {name: getattr(line, name) for name in ("x", "y", "low", "high")}
    kept = {name: tuple(values[i] for i in at) for name, values in given.items() if values}
    label_at = line.label_at if line.label_at == -1 else line.label_at % n * len(at) // n
    return line.model_copy(update={**kept, "label_at": label_at})


def _back(scale_: Scale, pixel: float) -> float:
    part = (pixel - scale_.pixels[0]) / (scale_.pixels[1] - scale_.pixels[0])
    low, high = scale_.domain
    if scale_.log:
        return math.exp(math.log(low) + (math.log(high) - math.log(low)) * part)
    return low + (high - low) * part


def cell_layers(cells: tuple[Cell, ...], xs: Scale, ys: Scale) -> list[dict]:
    """Cells of a histogram, in six strengths of ink on a log scale."""
    if not cells:
        return []
    most = max(cell.count for cell in cells)
    steps = 6  # strengths of ink, so that equal cells share one look
    made = []
    for step in range(steps):
        rows = []
        for cell in cells:
            strength = 0 if most == 1 else int((steps - 1) * _log2(cell.count) / _log2(most) + 0.5)
            if strength == step and xs.shows(cell.x[0]) and ys.shows(cell.y[0]):
                rows.append({"x": cell.x[0], "x2": cell.x[1], "y": cell.y[0], "y2": cell.y[1]})
        if rows:
            encoding = {"x": xs.encoding("x"), "x2": {"field": "x2"}, "y": ys.encoding("y"), "y2": {"field": "y2"}}
            made.append(
                layer("rect", rows, encoding, fill="ink", fillOpacity=round(0.12 + 0.7 * step / (steps - 1), 2))
            )
    return made


def _log2(count: int) -> float:
    return (max(1, count)).bit_length() - 1 + (max(1, count) / 2 ** ((max(1, count)).bit_length() - 1) - 1)


def rule_layers(chart: Chart, xs: Scale, ys: Scale) -> list[dict]:
    """Dashed reference lines."""
    made = []
    for rule in chart.rules:
        if rule.axis == "x" and xs.shows(rule.at):
            made.append(
                layer("rule", [{"x": rule.at}], {"x": xs.encoding("x")}, stroke="muted", strokeDash=[3, 3], opacity=0.8)
            )
        if rule.axis == "y" and ys.shows(rule.at):
            made.append(
                layer("rule", [{"y": rule.at}], {"y": ys.encoding("y")}, stroke="muted", strokeDash=[3, 3], opacity=0.8)
            )
    return made


def line_layers(line: Line, xs: Scale, ys: Scale) -> list[dict]:
    """A line with its band and its markers."""
    drawn = [i for i, (x, y) in enumerate(zip(line.x, line.y, strict=True)) if xs.shows(x) and ys.shows(y)]
    made = []
    if line.low and line.high:
        rows = [
            {"x": line.x[i], "y": line.low[i], "y2": line.high[i], "i": i}
            for i in drawn
            if ys.shows(line.low[i]) and ys.shows(line.high[i])
        ]
        encoding = {"x": xs.encoding("x"), "y": ys.encoding("y"), "y2": {"field": "y2"}}
        fill = "muted" if line.role == "null" else line.role
        made.append(layer("area", rows, encoding, fill=fill, fillOpacity=0.16))
    rows = [{"x": line.x[i], "y": line.y[i], "i": i} for i in drawn]
    encoding = {"x": xs.encoding("x"), "y": ys.encoding("y"), "order": {"field": "i", "type": "quantitative"}}
    look = (
        {"strokeDash": [3, 3], "strokeWidth": 1.25}
        if line.role == "null"
        else {"strokeWidth": 1.75 if line.role in BOLD else 1.4}
    )
    if line.step:
        look["interpolate"] = "step-after"
    made.append(layer("line", rows, encoding, stroke="muted" if line.role == "null" else line.role, **look))
    if line.markers:
        rows = [{"x": line.x[i], "y": line.y[i]} for i in drawn]
        made.append(
            layer(
                "point",
                rows,
                {"x": xs.encoding("x"), "y": ys.encoding("y")},
                shape="circle",
                size=18,
                fill="muted" if line.role == "null" else line.role,
                stroke="paper",
                strokeWidth=1,
            )
        )
    return made


def mark_layers(marks: tuple[Mark, ...], xs: Scale, ys: Scale) -> list[dict]:
    """Points with their intervals, grouped by look; the faint lie below, the strong on top."""
    shown = [mark for mark in marks if xs.shows(mark.x) and ys.shows(mark.y)]
    made = []
    for weight in WEIGHTS:
        alike = [mark for mark in shown if mark.weight == weight]
        made += _intervals(alike, weight, xs, ys) + _points(alike, weight, len(shown) > 60, xs, ys)
    return made


def _intervals(marks: list[Mark], weight: str, xs: Scale, ys: Scale) -> list[dict]:
    made = []
    for axis, other in (("x", "y"), ("y", "x")):
        for role in dict.fromkeys(mark.role for mark in marks if getattr(mark, f"{axis}_interval")):
            rows = [
                {
                    axis: getattr(mark, f"{axis}_interval")[0],
                    f"{axis}2": getattr(mark, f"{axis}_interval")[1],
                    other: getattr(mark, other),
                }
                for mark in marks
                if mark.role == role and getattr(mark, f"{axis}_interval")
            ]
            encoding = {"x": xs.encoding("x"), "y": ys.encoding("y"), f"{axis}2": {"field": f"{axis}2"}}
            look = {"strokeWidth": 1.0, "opacity": FAINT} if weight == "faint" else {"strokeWidth": 1.5}
            made.append(layer("rule", rows, encoding, stroke="muted" if role == "null" else role, **look))
    return made


def _points(marks: list[Mark], weight: str, small: bool, xs: Scale, ys: Scale) -> list[dict]:
    made = []
    for role, shape in dict.fromkeys((mark.role, mark.shape) for mark in marks):
        rows = []
        for mark in marks:
            if (mark.role, mark.shape) == (role, shape):
                say = ": ".join(part for part in (mark.label, mark.note) if part)
                rows.append({"x": mark.x, "y": mark.y, **({"say": say} if say else {})})
        colour = "muted" if role == "null" else role
        hollow = shape in {"ring", "square"}
        look: dict[str, Any] = (
            {"fill": "paper", "stroke": colour, "strokeWidth": 1.25 if small else 1.5} if hollow else {"fill": colour}
        )
        if shape == "ring" and small:
            look.pop("fill")
        size = 22 if small and weight == "plain" else {"square": 76, "diamond": 56}.get(shape, 46)
        if weight == "strong":
            size *= 2
        if weight == "faint":
            size, look = size / 2, {**look, "opacity": 2 * FAINT}
        encoding = {"x": xs.encoding("x"), "y": ys.encoding("y")}
        made.append(layer("point", rows, encoding, shape=_SHAPES[shape], size=size, **look))
    return made
