"""The balance chart: what is memorised across, what is understood upwards, and the way the model went."""

from __future__ import annotations

import math

from byheart.records.formatting import number, percent
from byheart.report.axes import Scale, scale
from byheart.report.chart import Axis
from byheart.report.drawing import draw, layer, pixels
from byheart.report.label_placement import LINE, Label, Placed, along, place, width, words

WIDE, NARROW = 600, 328
ARROWS = {
    (1, -1): "\u2198", (1, 0): "\u2192", (1, 1): "\u2197", (0, -1): "\u2193", (0, 1): "\u2191",
    (-1, -1): "\u2199", (-1, 0): "\u2190", (-1, 1): "\u2196",
}  # fmt: skip
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
# A hundredth of the reference: less is not called understanding, nor growth of it.
NOTHING = 0.01
# Of the span of the model's own points: a pole or a baseline that lies further from them is named at the edge. Rote
# stands one span away where nothing can be predicted.
NEAR = 1.25
NOTES = {"Oracle": "knows the task's own truth", "Rote": "a lookup table"}


def balances(balance: dict, who: str) -> tuple[str, str]:
    """The two SVG of the balance of memory and understanding; `who` names the model's dot."""
    return _balance(balance, who, WIDE), _balance(balance, who, NARROW)


def course(balance: dict) -> str:
    """How it went there, in one sentence: the end of the trail is that of the members whose trail it is."""
    trail, memorised = list(balance.get("trail") or []), balance["model"]["memorised"]["value"]
    if len(trail) < 3:
        return "There are no checkpoints: outcomes were kept only at the end of training."
    trail[-1] = end = balance.get("end") or trail[-1]
    best = max(trail[1:], key=lambda point: point["understood"])
    if best["understood"] < NOTHING:
        return f"Nothing was understood at any epoch; {percent(memorised, 0)} is memorised."
    if best["epoch"] != end["epoch"] and end["memorised"] - best["memorised"] > 0.02:
        fell = best["understood"] - end["understood"]
        change = "did not grow" if fell < NOTHING else f"fell by {number(100 * fell, 1)} points"
        return (
            f"It understood first, then learned by heart: after epoch {best['epoch']} memory grew by "
            f"{number(100 * (end['memorised'] - best['memorised']), 0)} points, understanding {change}."
        )
    grows = best["epoch"] == end["epoch"] and end["understood"] - trail[-2]["understood"] > NOTHING
    growth = "was still growing at" if grows else "no longer grew towards"
    return f"Understanding {growth} the last epoch, with {percent(memorised, 0)} memorised."


def _balance(balance: dict, who: str, total: int) -> str:
    wide = total == WIDE
    model, trail = balance["model"], balance.get("trail") or []
    x, y = model["memorised"]["value"], model["understood"]["value"]
    own = [(x, y), *((step["memorised"], step["understood"]) for step in trail)]
    description = _description(balance, who)
    balance, far = _without_far(balance, own)
    others = [*(balance.get("poles") or []), *(balance.get("rivals") or [])]
    left, across, high = (58, 526, 236) if wide else (52, 262, 262)
    spots = [*own, *((other["memorised"], other["understood"]) for other in others)]
    spots += _room(far, high, min(0.0, *(spot[1] for spot in spots)))
    xs = _share_scale([spot[0] for spot in spots], (0, across), wide)
    ys = _share_scale([spot[1] for spot in spots], (high, 0), True)
    plain = {"x": xs.encoding("x"), "y": ys.encoding("y")}
    ends = {**plain, "x2": {"field": "x2"}, "y2": {"field": "y2"}}
    layers = [
        layer("point", [{"x": 0, "y": 0}], {"x": xs.encoding("x", "bottom"), "y": ys.encoding("y", "left")}, opacity=0)
    ]
    layers.append(layer("rule", [{"x": 0, "y": 1, "x2": 1, "y2": 0}], ends, stroke="left", strokeWidth=1))
    rest = 1 - x - y
    if _left_shown(x, y, rest):
        layers.append(
            layer(
                "rule",
                [{"x": x, "y": y, "x2": x + rest, "y2": y}],
                ends,
                stroke="left",
                strokeWidth=1.25,
                strokeDash=[2, 2],
            )
        )
    steps = [(step["memorised"], step["understood"]) for step in trail]
    if steps:
        rows = [{"x": at[0], "y": at[1], "i": i} for i, at in enumerate(steps)]
        layers.append(
            layer(
                "line", rows, {**plain, "order": {"field": "i", "type": "quantitative"}}, stroke="ink", strokeWidth=1.5
            )
        )
        rows = [
            {"x": step["memorised"], "y": step["understood"], "say": _said(f"epoch {step['epoch']}", step)}
            for step in trail
        ]
        layers.append(layer("point", rows, plain, shape="circle", size=24, fill="ink", stroke="paper", strokeWidth=1))
    for name, axis in (("memorised", "x"), ("understood", "y")):
        if model[name].get("interval"):
            low, top = model[name]["interval"]
            rows = [{"x": x, "y": y, "x2": x, "y2": y, axis: low, f"{axis}2": top}]
            layers.append(layer("rule", rows, ends, stroke="ink", strokeWidth=1.5))
    rows = [{"x": x, "y": y, "say": _said(who, {"memorised": x, "understood": y})}]
    layers.append(layer("point", rows, plain, shape="circle", size=58, fill="ink"))
    for group, shape in (("rivals", "diamond"), ("poles", "square")):
        rows = [
            {"x": one["memorised"], "y": one["understood"], "say": _said(one["name"], one)}
            for one in balance.get(group) or []
        ]
        look = (
            {"fill": "muted", "size": 56}
            if shape == "diamond"
            else {"fill": "paper", "stroke": "ink", "strokeWidth": 1.5, "size": 76}
        )
        if rows:
            layers.append(layer("point", rows, plain, shape=shape, **look))
    standing = [(xs(one["memorised"]), ys(one["understood"])) for one in others] + [
        (xs(x), ys(y)),
        (xs(x + rest), ys(y)),
    ]
    standing += [(xs(one["memorised"]) + 70, ys(one["understood"])) for one in balance.get("rivals") or []]
    diagonal, boxes = _along_diagonal(xs, ys, standing)
    named = _named_far(far, across, high, wide)
    boxes += [(one.x - width(one.text, one.size), one.y - 8, one.x, one.y + 8) for one in named]
    layers += [diagonal, *words(_words(balance, who, xs, ys, rest, wide, boxes)), *words(named)]
    layers += words(
        [
            Placed("\u2191 understood", 0, -14 if wide else -16, "left", "understood", True, 12.5),
            Placed("memorised \u2192", across + 6, high + 39, "right", "memorised", True, 12.5),
        ]
    )
    return draw(
        layers,
        (across, high),
        {"left": left, "right": total - left - across, "top": 24, "bottom": 47},
        "Balance of memory and understanding",
        description,
    )


def _without_far(balance: dict, own: list[tuple[float, float]]) -> tuple[dict, list[dict]]:
    """The chart's data without the poles and baselines that would squeeze the model's own points, and those."""
    groups = {group: balance.get(group) or [] for group in ("poles", "rivals")}
    near = {group: [one for one in all_of if not _ways(one, own, NEAR)] for group, all_of in groups.items()}
    far = [one for group, all_of in groups.items() for one in all_of if one not in near[group]]
    return {**balance, **near}, [{**one, "ways": _ways(one, own, 0.0)} for one in far]


def _ways(one: dict, own: list[tuple[float, float]], reach: float) -> dict[str, int]:
    """On which scales it lies below (-1) or above (1) the model's own points, by more than `reach` of their span."""
    ways = {}
    for name, values in zip(("memorised", "understood"), zip(*own)):
        low, high = min(0.0, *values), max(1.0, *values)
        if not low - reach * (high - low) <= one[name] <= high + reach * (high - low):
            ways[name] = 1 if one[name] > high else -1
    return ways


def _room(far: list[dict], high: int, low: float) -> list[tuple[float, float]]:
    """A spot so far below `low` that a line of words for each of `far` stands beneath all others."""
    share = (LINE * len(far) + 4) / high
    return [(0.0, low - (1 - low) * share / (1 - share))] if far else []


def _named_far(far: list[dict], across: int, high: int, wide: bool) -> list[Placed]:
    """A line each in the corner of the chart: where it lies, in numbers."""
    lines = []
    for row, one in enumerate(reversed(far)):
        lies = [f"{percent(one[name], 0)} {name}" for name in ("understood", "memorised")]
        arrow = ARROWS[one["ways"].get("memorised", 0), one["ways"].get("understood", 0)]
        text = f"{one['name']} {arrow} {', '.join(lies if wide else lies[:1])}"
        lines.append(Placed(text, across + 4, high - 9 - LINE * row, "right", "muted", False, 12.5))
    return lines


def _share_scale(values: list[float], span: tuple[float, float], roomy: bool) -> Scale:
    low, high = min(0.0, *values), max(1.0, *values)
    if low >= -0.03 and high <= 1.03:
        domain = (min(low, 0.0) - 0.015, max(high, 1.0) + 0.015)
        return scale(Axis(title="", format="percent", domain=domain, ticks=_TICKS), values, span, 5)
    pad = 0.03 * (high - low)
    return scale(Axis(title="", format="percent", domain=(low - pad, high + pad)), values, span, 6 if roomy else 4)


def _words(balance: dict, who: str, xs: Scale, ys: Scale, rest: float, wide: bool, boxes: list) -> list[Placed]:
    trail, model = balance.get("trail") or [], balance["model"]
    here = (xs(model["memorised"]["value"]), ys(model["understood"]["value"]))
    steps = [(xs(step["memorised"]), ys(step["understood"])) for step in trail]
    line = along([(xs(0), ys(1)), (xs(1), ys(0))], every=40)
    obstacles = line + boxes + along(steps) + [(here[0] - 8, here[1] - 8, here[0] + 8, here[1] + 8)]
    others = [("poles", pole) for pole in balance.get("poles") or []] + [
        ("rivals", rival) for rival in balance.get("rivals") or []
    ]
    for _, one in others:
        at = (xs(one["memorised"]), ys(one["understood"]))
        obstacles.append((at[0] - 6, at[1] - 6, at[0] + 6, at[1] + 6))
    epochs = f"epoch {number(trail[-1]['epoch'])}" if wide and trail else ""
    around = ("below", "above", "right", "left", "below right", "above right")
    labels = [Label(who, (here,), "ink", True, 13.5, sides=around, note=epochs)]
    for kind, one in others:
        at = (xs(one["memorised"]), ys(one["understood"]))
        note = _note(one) if wide and kind == "poles" else ""
        name = one["name"]
        if kind == "rivals" and trail and trail[0]["epoch"] == 0 and math.dist(at, steps[0]) < 12 and name == "chance":
            name = "untrained, or chance" if wide else name
        sides = ("right", "left", "above right", "below left", "above", "below", "above left", "below right")
        labels.append(
            Label(name, (at,), "ink" if kind == "poles" else "muted", kind == "poles", gap=12, sides=sides, tail=note)
        )
    if _left_shown(model["memorised"]["value"], model["understood"]["value"], rest) and rest > 0.02:
        far = xs(model["memorised"]["value"] + rest)
        labels.append(
            Label(f"{percent(rest, 0)} left", ((far, here[1]),), size=12, sides=("right", "above right"), gap=6)
        )
    labels += _epochs(trail, steps, here, wide)
    frame = (xs.pixels[0] + 2, -4.0, xs.pixels[1] + 6, ys.pixels[0] - 2)
    return place(labels, obstacles, frame)


def _note(pole: dict) -> str:
    note = NOTES.get(pole["name"], "")
    return f"{note}, by definition" if note and not pole.get("measured", True) else note


def _left_shown(x: float, y: float, rest: float) -> bool:
    """Whether the way from the model to the diagonal lies in the chart."""
    return 0.005 < rest < 0.6 and 0 <= y <= 1 and x >= 0


def _epochs(trail: list[dict], steps: list[tuple[float, float]], here: tuple[float, float], wide: bool) -> list[Label]:
    """Names for the epochs of the trail that stand apart from one another; the untrained start has none."""
    first = next((i for i, step in enumerate(trail) if step["epoch"] > 0), None)
    if first is None:
        return []
    sides = ("right", "below right", "above right", "left")
    near = first > 0 and math.dist(steps[first], steps[0]) < 20
    labels = [] if near else [Label(f"epoch {number(trail[first]['epoch'])}", (steps[first],), gap=6, sides=sides)]
    last = here
    for i in range(len(trail) - 2, first, -1):
        apart = max(abs(steps[i][0] - last[0]), abs(steps[i][1] - last[1]))
        if (
            apart > (24 if wide else 40)
            and max(abs(steps[i][0] - steps[first][0]), abs(steps[i][1] - steps[first][1])) > 24
        ):
            labels.append(
                Label(
                    number(trail[i]["epoch"]),
                    (steps[i],),
                    gap=6,
                    sides=("above", "below", "above right", "left", "right"),
                )
            )
            last = steps[i]
    return labels


def _along_diagonal(xs: Scale, ys: Scale, others: list[tuple[float, float]]) -> tuple[dict, list]:
    """`nothing left to learn`, written along the line it names, away from what stands there."""
    angle = math.degrees(math.atan2(ys(0) - ys(1), xs(1) - xs(0)))
    part = max(
        (0.72, 0.62, 0.36, 0.5, 0.82),
        key=lambda at: (
            min(90.0, min((math.dist((xs(at), ys(1 - at)), other) for other in others), default=90.0)),
            -at,
        ),
    )
    x, y = xs(part) + 4, ys(1 - part) - 8
    row = [{"x": x, "y": y, "text": "nothing left to learn"}]
    channels = {"x": pixels("x"), "y": pixels("y"), "text": {"field": "text", "type": "nominal"}}
    half = width("nothing left to learn", 12) / 2
    slope = math.tan(math.radians(angle))
    boxes = [
        (x + step - 6, y + step * slope - 8, x + step + 6, y + step * slope + 8)
        for step in range(-int(half), int(half), 8)
    ]
    return layer(
        "text", row, channels, fill="muted", fontSize=12, angle=angle, align="center", baseline="middle", limit=0
    ), boxes


def _said(name: str, point: dict) -> str:
    return f"{name}: understood {percent(point['understood'], 1)}, memorised {percent(point['memorised'], 1)}"


def _description(balance: dict, who: str) -> str:
    model = balance["model"]
    point = {"understood": model["understood"]["value"], "memorised": model["memorised"]["value"]}
    return "; ".join([_said(who, point), *(_said(pole["name"], pole) for pole in balance.get("poles") or [])]) + "."
