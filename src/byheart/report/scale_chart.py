"""The scale of a card: its poles at the ends, the null as a tick, the model as a dot on its interval."""

from __future__ import annotations

from byheart.records.finding import Pole
from byheart.records.formatting import amount, value_text
from byheart.records.quantity import Quantity
from byheart.report.drawing import draw, layer, pixels
from byheart.report.label_placement import Placed, shorten, width, words

WIDE, NARROW = 400, 328
_LINE, _TOP, _BOTTOM = 33, 12, 57
WHO = {
    "run": "this model", "recipe": "this recipe", "training": "this one training", "stochastic": "a network drawn anew",
    "data": "the data",
}  # fmt: skip


def strips(quantity: Quantity, poles: tuple[Pole, ...], role: str) -> tuple[str, str]:
    """The two SVG of a scale from the first pole to the last, with `quantity` on it in the hue of `role`."""
    return _strip(quantity, poles, role, WIDE), _strip(quantity, poles, role, NARROW)


def _strip(quantity: Quantity, poles: tuple[Pole, ...], role: str, total: int) -> str:
    first, last = poles[0], poles[-1]
    seen = [first.value, last.value, quantity.value, *(quantity.interval or ())]
    seen += [] if quantity.null is None else [quantity.null]
    low, high = min(seen), max(seen)
    turned = first.value > last.value
    reach = high / 2 - low / 2 or 0.5  # halves, for a difference may be too large for a float

    def at(value: float) -> float:
        part = (value / 2 - low / 2) / reach
        return 6 + (total - 12) * ((1 - part) if turned else part)

    channels = {"x": pixels("x"), "y": pixels("y")}
    layers = [
        layer(
            "rule",
            [{"x": 6, "x2": total - 6, "y": _LINE}],
            {**channels, "x2": {"field": "x2"}},
            stroke="rule",
            strokeWidth=1.25,
        )
    ]
    if quantity.null is not None:
        rows = [{"x": at(quantity.null), "y": _LINE - 8, "y2": _LINE + 8}]
        layers.append(
            layer("rule", rows, {**channels, "y2": {"field": "y2"}}, stroke="muted", strokeDash=[2, 2], strokeWidth=1.5)
        )
    if quantity.interval:
        begin, end = sorted(at(value) for value in quantity.interval)
        rows = [{"x": begin, "x2": max(end, begin + 1), "y": _LINE}]
        layers.append(
            layer("rule", rows, {**channels, "x2": {"field": "x2"}}, stroke=role, strokeWidth=7, opacity=0.35)
        )
    rows = [
        {"x": at(pole.value), "y": _LINE, "say": f"{pole.name} {amount(pole.value, quantity.unit)} {pole.note}".strip()}
        for pole in poles
    ]
    layers.append(layer("point", rows, channels, shape="square", size=68, fill="paper", stroke="ink", strokeWidth=1.5))
    who = WHO[quantity.speaks_of]
    layers.append(
        layer(
            "point",
            [{"x": at(quantity.value), "y": _LINE, "say": f"{who} {value_text(quantity)}"}],
            channels,
            shape="circle",
            size=80,
            fill=role,
        )
    )
    layers += words(_words(quantity, poles, at, who, total))
    return draw(
        layers,
        (total, 66),
        {"left": 0, "right": 0, "top": 0, "bottom": 0},
        f"Scale from {first.name} to {last.name}",
        f"{who} stands at {value_text(quantity)}.",
    )


def _words(quantity: Quantity, poles: tuple[Pole, ...], at, who: str, total: int) -> list[Placed]:
    spots = []
    x = at(quantity.value)
    half = width(who, 12.5, True) / 2
    x = min(max(x, half), total - half)
    spots.append(Placed(who, x, _TOP, "center", "ink", True, 12.5))
    if quantity.null is not None:
        tick, wide = at(quantity.null), width("null")
        middle = min(max(tick, wide / 2), total - wide / 2)
        if abs(middle - x) < half + wide / 2 + 8:
            right = (tick >= at(quantity.value) and x + half + 8 + wide <= total) or x - half - 8 - wide < 0
            middle = x + half + 8 + wide / 2 if right else x - half - 8 - wide / 2
        spots.append(Placed("null", middle, _TOP, "center", "muted", False, 12.5))
    ends = [poles[0], poles[-1]] if len(poles) > 1 else [poles[0]]
    room = total / 2 - 8
    for pole in ends:
        text = shorten(f"{pole.name} {amount(pole.value, quantity.unit)}", room)
        spot = at(pole.value)
        align = "left" if spot < width(text) / 2 + 6 else "right" if spot > total - width(text) / 2 - 6 else "center"
        spots.append(
            Placed(
                text, {"left": spot - 5, "right": spot + 5, "center": spot}[align], _BOTTOM, align, "muted", False, 12.5
            )
        )
    if len(ends) == 2:
        (one, other) = sorted(spots[-2:], key=lambda spot: spot.x)
        if one.align == other.align == "center" and other.x - one.x < (width(one.text) + width(other.text)) / 2 + 8:
            spots = [
                *spots[:-2],
                Placed(one.text, 0, _BOTTOM, "left", "muted", False, 12.5),
                Placed(other.text, total, _BOTTOM, "right", "muted", False, 12.5),
            ]
    return spots
