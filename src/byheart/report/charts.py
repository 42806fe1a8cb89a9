"""A record of a chart to its picture, at the two widths of the page."""

from __future__ import annotations

from byheart.report.axes import Scale, scale
from byheart.report.bars import bars
from byheart.report.chart import Axis, Chart
from byheart.report.chart_layers import bounded, cell_layers, line_layers, mark_layers, rule_layers, values
from byheart.report.drawing import draw, layer
from byheart.report.label_placement import Placed, shorten, width, words
from byheart.report.line_labels import beside_plot, end_labels, inside_plot

WIDE, NARROW = 620, 328


def pictures(chart: Chart) -> tuple[str, str]:
    """The two SVG of `chart`: wide (620 px) and narrow (328 px)."""
    draws = bars if chart.bars else _plot
    return draws(chart, WIDE), draws(chart, NARROW)


def _plot(chart: Chart, total: int) -> str:
    wide = total == WIDE
    chart = bounded(chart)
    high = 236 if wide else 216
    ys = scale(chart.y or chart.x, values(chart, "y"), (high, 0), 5)
    left = max(12, *(width(text) for text in ys.texts)) + 14
    aside = end_labels(chart, total - left) if wide else []
    right = max((width(text, 12.5, bold) for _, lines, _, bold in aside for text in lines), default=4) + (
        12 if aside else 8
    )
    across = total - left - right
    xs = scale(chart.x, values(chart, "x"), (0, across), 6 if wide else 4)
    layers = [_axes(xs, ys, bool(chart.x.title))]
    layers += cell_layers(chart.cells, xs, ys) + rule_layers(chart, xs, ys)
    for line in chart.lines:
        layers += line_layers(line, xs, ys)
    layers += mark_layers(chart.marks, xs, ys)
    spots = beside_plot(aside, chart, xs, ys, across, high) + inside_plot(
        chart, xs, ys, bool(aside), (0, -13, across + right - 4, high)
    )
    layers += words(spots)
    names = (
        [Placed(shorten("\u2191 " + _named(chart.y, ys), across), 0, -17, "left", "muted", False, 12.5)]
        if chart.y
        else []
    )
    if chart.x.title:
        told = shorten(_named(chart.x, xs), across - 16) + " \u2192"
        names.append(Placed(told, across, high + 39, "right", "muted", False, 12.5))
    layers += words(names)
    around = {"left": left, "right": right, "top": 28, "bottom": 48 if chart.x.title else 12}
    return draw(layers, (across, high), around, chart.title, chart.description)


def _named(axis: Axis, by: Scale) -> str:
    """What stands at the axis: its title, and how many values lie beyond its ends."""
    return f"{axis.title} ({by.beyond})" if by.beyond else axis.title


def _axes(xs: Scale, ys: Scale, across: bool) -> dict:
    """Both axes; of a chart that shows levels alone, the upright one."""
    encoding = {"x": xs.encoding("x", "bottom"), "y": ys.encoding("y", "left")}
    if not across:
        encoding["x"]["axis"] = {"orient": "bottom", "labels": False, "ticks": False, "domain": False}
    return layer("point", [{"x": xs.domain[0], "y": ys.domain[0]}], encoding, opacity=0)
