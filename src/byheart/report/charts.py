"""A record of a chart to its picture, at the two widths of the page."""

from __future__ import annotations

from collections.abc import Iterator

from byheart.records.chart import Cell, Chart, Line, Mark
from byheart.report.axes import Scale, scale
from byheart.report.bars import bars
from byheart.report.drawing import draw, layer
from byheart.report.labels import LINE, Box, Label, Placed, along, dodge, place, width, words, wrap

WIDE, NARROW = 620, 328
MOST_MARKS = 1000
MOST_LABELS = 24  # marks beyond have their words on hover and in the table
_BOLD = {"understood", "memorised"}
_SHAPES = {"dot": "circle", "ring": "circle", "square": "square", "diamond": "diamond"}


def pictures(chart: Chart) -> tuple[str, str]:
    """The two SVG of `chart`: wide (620 px) and narrow (328 px)."""
    draws = bars if chart.bars else _plot
    return draws(chart, WIDE), draws(chart, NARROW)


def _plot(chart: Chart, total: int) -> str:
    wide = total == WIDE
    chart = _binned(chart)
    high = 236 if wide else 216
    ys = scale(chart.y or chart.x, _values(chart, "y"), (high, 0), 5)
    left = max(12, *(width(text) for text in ys.texts)) + 14
    aside = _end_labels(chart, total - left) if wide else []
    right = max((width(text, 12.5, bold) for _, lines, _, bold in aside for text in lines), default=4) + (12 if aside else 8)
    across = total - left - right
    xs = scale(chart.x, _values(chart, "x"), (0, across), 6 if wide else 4)
    layers = [_axes(xs, ys)]
    layers += _cells(chart.cells, xs, ys) + _rules(chart, xs, ys)
    for line in chart.lines:
        layers += _line(line, xs, ys)
    layers += _marks(chart.marks, xs, ys)
    spots = _beside(aside, chart, xs, ys, across, high) + _inside(chart, xs, ys, bool(aside), (0, -6, across + right - 4, high))
    layers += words(spots)
    names = [Placed("\u2191 " + chart.y.title, 0, -17, "left", "muted", False, 12.5)] if chart.y else []
    names.append(Placed(chart.x.title + " \u2192", across, high + 39, "right", "muted", False, 12.5))
    layers += words(names)
    return draw(layers, (across, high), {"left": left, "right": right, "top": 28, "bottom": 48}, chart.title, chart.description)


def _axes(xs: Scale, ys: Scale) -> dict:
    encoding = {"x": xs.encoding("x", "bottom"), "y": ys.encoding("y", "left")}
    return layer("point", [{"x": xs.domain[0], "y": ys.domain[0]}], encoding, opacity=0)


def _values(chart: Chart, axis: str) -> Iterator[float]:
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


def _binned(chart: Chart) -> Chart:
    """More than a thousand marks become cells of a histogram; rings and labelled marks stay."""
    if len(chart.marks) <= MOST_MARKS or chart.y is None:
        return chart
    kept = [mark for mark in chart.marks if mark.shape == "ring" or mark.label][:MOST_MARKS]
    shown = {id(mark) for mark in kept}
    rest = [mark for mark in chart.marks if id(mark) not in shown]
    xs = scale(chart.x, _values(chart, "x"), (0, 48), 5)
    ys = scale(chart.y, _values(chart, "y"), (0, 26), 5)
    counts: dict[tuple[int, int], int] = {}
    for mark in rest:
        if xs.shows(mark.x) and ys.shows(mark.y):
            at = (min(47, max(0, int(xs(mark.x)))), min(25, max(0, int(ys(mark.y)))))
            counts[at] = counts.get(at, 0) + 1
    cells = tuple(Cell(x=(_back(xs, i), _back(xs, i + 1)), y=(_back(ys, j), _back(ys, j + 1)), count=count)
                  for (i, j), count in sorted(counts.items()))
    return chart.model_copy(update={"marks": tuple(kept), "cells": chart.cells + cells})


def _back(scale_: Scale, pixel: float) -> float:
    part = (pixel - scale_.pixels[0]) / (scale_.pixels[1] - scale_.pixels[0])
    low, high = scale_.domain
    return low * (high / low) ** part if scale_.log else low + (high - low) * part


def _cells(cells: tuple[Cell, ...], xs: Scale, ys: Scale) -> list[dict]:
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
            made.append(layer("rect", rows, encoding, fill="ink", fillOpacity=round(0.12 + 0.7 * step / (steps - 1), 2)))
    return made


def _log2(count: int) -> float:
    return (max(1, count)).bit_length() - 1 + (max(1, count) / 2 ** ((max(1, count)).bit_length() - 1) - 1)


def _rules(chart: Chart, xs: Scale, ys: Scale) -> list[dict]:
    made = []
    for rule in chart.rules:
        if rule.axis == "x" and xs.shows(rule.at):
            made.append(layer("rule", [{"x": rule.at}], {"x": xs.encoding("x")}, stroke="muted", strokeDash=[3, 3], opacity=0.8))
        if rule.axis == "y" and ys.shows(rule.at):
            made.append(layer("rule", [{"y": rule.at}], {"y": ys.encoding("y")}, stroke="muted", strokeDash=[3, 3], opacity=0.8))
    return made


def _line(line: Line, xs: Scale, ys: Scale) -> list[dict]:
    drawn = [i for i, (x, y) in enumerate(zip(line.x, line.y, strict=True)) if xs.shows(x) and ys.shows(y)]
    made = []
    if line.low and line.high:
        rows = [{"x": line.x[i], "y": line.low[i], "y2": line.high[i], "i": i}
                for i in drawn if ys.shows(line.low[i]) and ys.shows(line.high[i])]
        encoding = {"x": xs.encoding("x"), "y": ys.encoding("y"), "y2": {"field": "y2"}}
        fill = "muted" if line.role == "null" else line.role
        made.append(layer("area", rows, encoding, fill=fill, fillOpacity=0.16))
    rows = [{"x": line.x[i], "y": line.y[i], "i": i} for i in drawn]
    encoding = {"x": xs.encoding("x"), "y": ys.encoding("y"), "order": {"field": "i", "type": "quantitative"}}
    look = {"strokeDash": [3, 3], "strokeWidth": 1.25} if line.role == "null" else {"strokeWidth": 1.75 if line.role in _BOLD else 1.4}
    if line.step:
        look["interpolate"] = "step-after"
    made.append(layer("line", rows, encoding, stroke="muted" if line.role == "null" else line.role, **look))
    if line.markers:
        rows = [{"x": line.x[i], "y": line.y[i]} for i in drawn]
        made.append(layer("point", rows, {"x": xs.encoding("x"), "y": ys.encoding("y")}, shape="circle", size=18,
                          fill="muted" if line.role == "null" else line.role, stroke="paper", strokeWidth=1))
    return made


def _marks(marks: tuple[Mark, ...], xs: Scale, ys: Scale) -> list[dict]:
    made = []
    shown = [mark for mark in marks if xs.shows(mark.x) and ys.shows(mark.y)]
    for axis in ("x", "y"):
        other = "y" if axis == "x" else "x"
        for role in dict.fromkeys(mark.role for mark in shown if getattr(mark, f"{axis}_interval")):
            rows = [{axis: getattr(mark, f"{axis}_interval")[0], f"{axis}2": getattr(mark, f"{axis}_interval")[1], other: getattr(mark, other)}
                    for mark in shown if mark.role == role and getattr(mark, f"{axis}_interval")]
            encoding = {"x": xs.encoding("x"), "y": ys.encoding("y"), f"{axis}2": {"field": f"{axis}2"}}
            made.append(layer("rule", rows, encoding, stroke="muted" if role == "null" else role, strokeWidth=1.5))
    small = len(shown) > 60
    for role, shape in dict.fromkeys((mark.role, mark.shape) for mark in shown):
        rows = []
        for mark in shown:
            if (mark.role, mark.shape) == (role, shape):
                say = ": ".join(part for part in (mark.label, mark.note) if part)
                rows.append({"x": mark.x, "y": mark.y, **({"say": say} if say else {})})
        colour = "muted" if role == "null" else role
        hollow = shape in {"ring", "square"}
        look = {"fill": "paper", "stroke": colour, "strokeWidth": 1.25 if small else 1.5} if hollow else {"fill": colour}
        if shape == "ring" and small:
            look.pop("fill")
        made.append(layer("point", rows, {"x": xs.encoding("x"), "y": ys.encoding("y")}, shape=_SHAPES[shape],
                          size=22 if small else {"square": 76, "diamond": 56}.get(shape, 46), **look))
    return made


def _end(line: Line, chart: Chart) -> tuple[float, float] | None:
    """The last point of `line` that its axes can show."""
    for x, y in zip(reversed(line.x), reversed(line.y), strict=True):
        if not (chart.x.log and x <= 0) and not (chart.y is not None and chart.y.log and y <= 0):
            return x, y
    return None


def _ending(chart: Chart) -> list[tuple[Line, float]]:
    """The lines that reach the right end of the chart and are named there, each with its last value."""
    ends = [(line, end) for line in chart.lines if (end := _end(line, chart))]
    rightmost = max((end[0] for _, end in ends), default=0.0)
    return [(line, end[1]) for line, end in ends if line.label and line.label_at == -1 and end[0] == rightmost]


def _end_labels(chart: Chart, room: float) -> list[tuple[float, list[str], str, bool]]:
    """What stands right of the plot: value, lines of text, role and weight of each line that ends there."""
    most = min(158.0, room / 3)
    ends = []
    for line, last in _ending(chart):
        bold = line.role in _BOLD
        ends.append((last, wrap(line.label, most, 12.5, bold), "muted" if line.role in {"null", "left"} else line.role, bold))
    if ends:
        ends += [(rule.at, wrap(rule.label, most), "muted", False) for rule in chart.rules if rule.axis == "y" and rule.label]
    return ends


def _beside(aside: list, chart: Chart, xs: Scale, ys: Scale, across: float, high: float) -> list[Placed]:
    shown = [item for item in aside if ys.shows(item[0])]
    heights = [LINE * len(lines) + 2 for _, lines, _, _ in shown]
    middles = dodge([ys(item[0]) for item in shown], heights, -14, high + 8)
    spots = []
    for (_, lines, role, bold), middle in zip(shown, middles, strict=True):
        top = middle - LINE * (len(lines) - 1) / 2
        spots += [Placed(text, across + 8, top + LINE * i, "left", role, bold, 12.5) for i, text in enumerate(lines)]
    return spots


def _inside(chart: Chart, xs: Scale, ys: Scale, ends: bool, frame: Box) -> list[Placed]:
    """The words that stand in the plot, clear of its lines and marks."""
    labels, obstacles = [], []
    beside = {id(line) for line, _ in _ending(chart)} if ends else set()
    for mark in chart.marks:
        if xs.shows(mark.x) and ys.shows(mark.y):
            at = (xs(mark.x), ys(mark.y))
            obstacles.append((at[0] - 5, at[1] - 5, at[0] + 5, at[1] + 5))
            if mark.label:
                role = "ink" if mark.role in {"ink"} else "muted" if mark.role in {"null", "left"} else mark.role
                labels.append(Label(mark.label, (at,), role, bold=mark.shape == "square" or mark.role in _BOLD))
    for line in chart.lines:
        points = [(xs(x), ys(y)) for x, y in zip(line.x, line.y, strict=True) if xs.shows(x) and ys.shows(y)]
        if not points:
            continue
        path = [spot for one, other in zip(points, points[1:]) for spot in (one, (other[0], one[1]))] + points[-1:] if line.step else points
        obstacles += along(path)
        if line.label and id(line) not in beside:
            first = points[line.label_at if -len(points) <= line.label_at < len(points) else -1]
            others = [points[int((len(points) - 1) * part)] for part in (0.85, 0.7, 0.5, 0.3, 0.15)]
            role = "muted" if line.role in {"null", "left"} else line.role
            sides = ("above left", "below left", "above", "below", "above right", "below right", "right", "left")
            labels.append(Label(line.label, (first, *others), role, bold=line.role in _BOLD, sides=sides, gap=7))
    for rule in chart.rules:
        if rule.axis == "x" and xs.shows(rule.at):
            obstacles += along([(xs(rule.at), 0), (xs(rule.at), frame[3])])
            if rule.label:
                tops = tuple((xs(rule.at), frame[3] * part) for part in (0.02, 0.2, 0.5, 0.9))
                labels.append(Label(rule.label, tops, sides=("right", "left")))
        elif rule.axis == "y" and ys.shows(rule.at):
            obstacles += along([(0, ys(rule.at)), (frame[2], ys(rule.at))])
            if rule.label and not ends:
                spots = tuple((frame[2] * part, ys(rule.at)) for part in (0.98, 0.6, 0.35))
                labels.append(Label(rule.label, spots, sides=("above left", "below left"), gap=6))
    peak = max((cell.count for cell in chart.cells), default=1)
    for cell in chart.cells:
        if cell.count * 8 > peak ** 0.5 and xs.shows(cell.x[0]) and ys.shows(cell.y[0]):
            obstacles.append((xs(cell.x[0]), ys(cell.y[1]), xs(cell.x[1]), ys(cell.y[0])))
    return place(labels[:MOST_LABELS], obstacles, frame)
