"""The words of a chart: names at the ends of lines, labels in the plot."""

from __future__ import annotations

from itertools import pairwise

from byheart.report.axes import Scale
from byheart.report.chart import Chart, Line
from byheart.report.chart_layers import BOLD
from byheart.report.label_placement import LINE, Box, Label, Placed, along, dodge, place, wrap

MOST_LABELS = 24  # marks beyond have their words on hover and in the table


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
    everywhere = [x for line in chart.lines for x in line.x] + list(chart.x.domain or ())
    if not ends or rightmost < max(everywhere) - 0.08 * (max(everywhere) - min(everywhere)):
        return []
    return [(line, end[1]) for line, end in ends if line.label and line.label_at == -1 and end[0] == rightmost]


def end_labels(chart: Chart, room: float) -> list[tuple[float, list[str], str, bool]]:
    """What stands right of the plot: value, lines of text, role and weight of each line that ends there."""
    most = min(158.0, room / 3)
    ends = []
    for line, last in _ending(chart):
        bold = line.role in BOLD
        ends.append(
            (last, wrap(line.label, most, 12.5, bold), "muted" if line.role in {"null", "left"} else line.role, bold)
        )
    if ends:
        ends += [
            (rule.at, wrap(rule.label, most), "muted", False) for rule in chart.rules if rule.axis == "y" and rule.label
        ]
    return ends


def beside_plot(aside: list, chart: Chart, xs: Scale, ys: Scale, across: float, high: float) -> list[Placed]:
    """The names right of the plot, moved apart."""
    shown = [item for item in aside if ys.shows(item[0])]
    heights = [LINE * len(lines) + 2 for _, lines, _, _ in shown]
    middles = dodge([ys(item[0]) for item in shown], heights, -14, high + 8)
    spots = []
    for (_, lines, role, bold), middle in zip(shown, middles, strict=True):
        top = middle - LINE * (len(lines) - 1) / 2
        spots += [Placed(text, across + 8, top + LINE * i, "left", role, bold, 12.5) for i, text in enumerate(lines)]
    return spots


def inside_plot(chart: Chart, xs: Scale, ys: Scale, ends: bool, frame: Box) -> list[Placed]:
    """The words that stand in the plot, clear of its lines and marks."""
    labels, obstacles = [], []
    beside = {id(line) for line, _ in _ending(chart)} if ends else set()
    if any(mark.weight == "strong" for mark in chart.marks):
        obstacles += _intervals(chart, xs, ys)
    for mark in chart.marks:
        if xs.shows(mark.x) and ys.shows(mark.y):
            at = (xs(mark.x), ys(mark.y))
            obstacles.append((at[0] - 5, at[1] - 5, at[0] + 5, at[1] + 5))
            if mark.label:
                role = "ink" if mark.role in {"ink"} else "muted" if mark.role in {"null", "left"} else mark.role
                bold = mark.shape == "square" or mark.role in BOLD or mark.weight == "strong"
                labels.append(Label(mark.label, (at,), role, bold=bold))
    for line in chart.lines:
        points = [(xs(x), ys(y)) for x, y in zip(line.x, line.y, strict=True) if xs.shows(x) and ys.shows(y)]
        if not points:
            continue
        path = (
            [spot for one, other in pairwise(points) for spot in (one, (other[0], one[1]))] + points[-1:]
            if line.step
            else points
        )
        obstacles += along(path)
        if line.label and id(line) not in beside:
            first = points[line.label_at if -len(points) <= line.label_at < len(points) else -1]
            others = [points[int((len(points) - 1) * part)] for part in (0.85, 0.7, 0.5, 0.3, 0.15)]
            role = "muted" if line.role in {"null", "left"} else line.role
            sides = ("above left", "below left", "above", "below", "above right", "below right", "right", "left")
            labels.append(Label(line.label, (first, *others), role, bold=line.role in BOLD, sides=sides, gap=7))
    for rule in chart.rules:
        if rule.axis == "x" and xs.shows(rule.at):
            obstacles += along([(xs(rule.at), 0), (xs(rule.at), frame[3])])
            if rule.label:
                tops = tuple((xs(rule.at), frame[3] * part) for part in (-0.02, 0.2, 0.5, 0.9))
                labels.append(Label(rule.label, tops, sides=("right", "left")))
        elif rule.axis == "y" and ys.shows(rule.at):
            obstacles += along([(0, ys(rule.at)), (frame[2], ys(rule.at))])
            if rule.label and not ends:
                spots = tuple((frame[2] * part, ys(rule.at)) for part in (0.98, 0.6, 0.35))
                labels.append(Label(rule.label, spots, sides=("above left", "below left"), gap=6))
    for cell in chart.cells:
        if xs.shows(cell.x[0]) and ys.shows(cell.y[0]):
            obstacles.append((xs(cell.x[0]), ys(cell.y[1]), xs(cell.x[1]), ys(cell.y[0])))
    return place(labels[:MOST_LABELS], obstacles, frame)


def _intervals(chart: Chart, xs: Scale, ys: Scale) -> list[Box]:
    """Boxes along the intervals of the marks that matter."""
    boxes: list[Box] = []
    for mark in (one for one in chart.marks if one.weight != "faint" and xs.shows(one.x) and ys.shows(one.y)):
        at = xs(mark.x), ys(mark.y)
        boxes += along([(xs(end), at[1]) for end in mark.x_interval]) if mark.x_interval else []
        boxes += along([(at[0], ys(end)) for end in mark.y_interval]) if mark.y_interval else []
    return boxes
