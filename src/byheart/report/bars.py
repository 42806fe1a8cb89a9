"""Rows of segments: positions on one axis, so that a step back is seen as one."""

from __future__ import annotations

from byheart.report.axes import Scale, opened, scale
from byheart.report.chart import Bar, Chart
from byheart.report.drawing import draw, layer, pixels
from byheart.report.label_placement import Placed, shorten, width, words

_BAR, _BACK = 26, 7  # heights of a segment, and of one that runs backwards


def bars(chart: Chart, total: int) -> str:
    """The SVG of a chart whose rows are bars, `total` pixels wide."""
    values = [0.0] + [end for bar in chart.bars for part in bar.segments for end in (part.start, part.stop)]
    values += [rule.at for rule in chart.rules if rule.axis == "x"]
    across = total - 10
    axis = chart.x
    if axis.domain is None and not axis.log:
        axis = axis.model_copy(update={"domain": opened(min(values), max(values) * 1.02, False)})  # 0 is in
    xs = scale(axis, values, (0, across), 8 if total > 500 else 5)
    tops, top = [], 22.0 if any(rule.label for rule in chart.rules) else 4.0
    for bar in chart.bars:
        tops.append(top)
        top += 20 + _BAR + 22 + (26 if any(part.stop < part.start for part in bar.segments) else 0)
    layers = [_axis(xs)]
    spots: list[Placed] = []
    for rule in chart.rules:
        layers.append(
            layer(
                "rule",
                [{"x": rule.at, "y": 12, "y2": top}],
                {"x": xs.encoding("x"), "y": pixels("y"), "y2": {"field": "y2"}},
                stroke="muted",
                strokeDash=[3, 3],
            )
        )
        if rule.label:
            align = "left" if xs(rule.at) < across * 0.6 else "right"
            spots.append(Placed(shorten(rule.label, across * 0.6), xs(rule.at), 3, align, "muted", False, 12.5))
    for bar, at in zip(chart.bars, tops, strict=True):
        spots.append(Placed(shorten(bar.label, across), 0, at + 8, "left", "ink", False, 12.5))
        made, said = _row(bar, at + 20, xs, across)
        layers += made
        layers += words(spots)
        spots = []
        layers += _plain(said)
    layers += words(
        [Placed(shorten(chart.x.title, across - 16) + " \u2192", across, top + 36, "right", "muted", False, 12.5)]
    )
    return draw(layers, (across, top), {"left": 2, "right": 8, "top": 8, "bottom": 46}, chart.title, chart.description)


def _row(bar: Bar, top: float, xs: Scale, across: float) -> tuple[list[dict], list[Placed]]:
    layers, said = [], []
    low = top + _BAR
    for part in bar.segments:
        back = part.stop < part.start
        rows = [
            {
                "x": min(part.start, part.stop),
                "x2": max(part.start, part.stop),
                "y": low + 3 if back else top,
                "y2": low + 3 + _BACK if back else low,
                "say": part.label or bar.label,
            }
        ]
        encoding = {"x": xs.encoding("x"), "x2": {"field": "x2"}, "y": pixels("y"), "y2": {"field": "y2"}}
        layers.append(layer("rect", rows, encoding, fill=_colour(part.role), stroke="paper", strokeWidth=1.5))
        begin, end = sorted((xs(part.start), xs(part.stop)))
        if back:
            align, x = ("right", end) if end > across * 0.5 else ("left", begin)
            said.append(Placed(part.label, x, low + 3 + _BACK + 10, align, _colour(part.role), True, 12.5))
        else:
            for text in (part.label, part.label.rpartition(" ")[2]):
                if text and width(text, 12.5, True) + 8 <= end - begin:
                    said.append(Placed(text, (begin + end) / 2, top + _BAR / 2, "center", "paper", True, 12.5))
                    break
    return layers, said


def _plain(spots: list[Placed]) -> list[dict]:
    encoding = {"x": pixels("x"), "y": pixels("y"), "text": {"field": "text", "type": "nominal"}}
    return [
        layer(
            "text",
            [{"x": spot.x, "y": spot.y, "text": spot.text}],
            encoding,
            fill=spot.role,
            align=spot.align,
            baseline="middle",
            fontSize=spot.size,
            fontWeight=600,
            limit=0,
        )
        for spot in spots
        if spot.text
    ]


def _axis(xs: Scale) -> dict:
    return layer("point", [{"x": xs.domain[0]}], {"x": xs.encoding("x", "bottom")}, opacity=0)


def _colour(role: str) -> str:
    return "muted" if role == "null" else role
