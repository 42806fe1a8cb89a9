"""Scales that charts and their words share: where a value stands, which ticks it has, how they read.

A few values far outside all others do not stretch a scale: they stand at its edge and are counted there. So a scale
has few ticks and all that is drawn lies on the page, whatever the data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass

from byheart.records.formatting import NARROW, number, percent
from byheart.report.chart import Axis

FEWEST = 20  # values, of which the outer ones may be outliers
TAIL = 0.02  # the share of the values at either end that may be
FAR = 10.0  # an outlier is further from the middle values than so many times their span
LARGEST, SMALLEST = 1e300, 1e-300  # beyond, sums and differences of floats break down
PLAIN = 1e-4, 1e9  # outside, a tick is written with a power of ten


@dataclass(frozen=True)
class Scale:
    """Domain to pixels, linear or logarithmic, with ticks and their texts; `beyond` counts the values outside."""

    domain: tuple[float, float]
    pixels: tuple[float, float]
    log: bool
    ticks: tuple[float, ...]
    texts: tuple[str, ...]
    beyond: str = ""

    def __call__(self, value: float) -> float:
        """Where `value` stands, in pixels; at the edge if it is beyond."""
        value = min(max(value, self.domain[0]), self.domain[1])
        low, high = (math.log(end) for end in self.domain) if self.log else self.domain
        at = math.log(value) if self.log else value
        return self.pixels[0] + (self.pixels[1] - self.pixels[0]) * (at - low) / (high - low)

    def shows(self, value: float) -> bool:
        """Whether `value` can be drawn at all."""
        return math.isfinite(value) and (value > 0 or not self.log)

    def encoding(self, field: str, side: str | None = None) -> dict:
        """The Vega-Lite channel for `field`; with `side` (`bottom` or `left`) its axis is drawn."""
        drawn = {}
        if side:
            expression = f"{json.dumps(self.texts)}[indexof({json.dumps(self.ticks)}, datum.value)]"
            axis = {
                "orient": side,
                "values": list(self.ticks),
                "labelExpr": expression,
                "labelOverlap": False,
                "labelBound": False,
            }
            drawn = {"axis": {**axis, "offset": 3, "labelFlush": False}}
        scale = {
            "domain": list(self.domain),
            "type": "log" if self.log else "linear",
            "nice": False,
            "zero": False,
            "clamp": True,
        }
        return {"field": field, "type": "quantitative", "scale": scale, "title": None, **drawn}


def scale(axis: Axis, values: Iterable[float], pixels: tuple[float, float], room: int) -> Scale:
    """The scale of `axis` over `values`, with at most `room` ticks."""
    seen = sorted(_held(value, axis.log) for value in values if math.isfinite(value) and (value > 0 or not axis.log))
    inner = _middle(seen, axis.log) or [1.0 if axis.log else 0.0]
    domain = axis.domain or _span(inner[0], inner[-1], axis)
    if axis.log and domain[0] <= 0:
        domain = (inner[0], max(domain[1], inner[0] * 10))
    domain = opened(*domain, axis.log)
    ticks = [tick for tick in axis.ticks if domain[0] <= tick <= domain[1]]
    if not ticks and axis.format == "percent" and domain == (0.0, 1.0):
        ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    if not ticks:
        ticks = _decades(*domain, room) if axis.log else _steps(*domain, room)
    while len(ticks) > max(2, room) + 1:
        ticks = ticks[::2]
    return Scale(domain, pixels, axis.log, tuple(ticks), tuple(_texts(ticks, axis)), _beyond(seen, domain, axis))


def _held(value: float, log: bool) -> float:
    """The value, or the nearest one that can be reckoned with."""
    return min(max(value, SMALLEST), LARGEST) if log else min(max(value, -LARGEST), LARGEST)


def _middle(seen: list[float], log: bool) -> list[float]:
    """The sorted values without the few at either end that lie far outside all others."""
    if len(seen) < FEWEST:
        return seen
    at = [math.log(value) for value in seen] if log else seen
    tail = max(1, int(TAIL * len(seen)))
    low, high = at[tail], at[-1 - tail]
    reach = FAR * (high - low) or math.inf
    first = next(i for i, value in enumerate(at) if i == tail or low - value <= reach)
    last = next(i for i, value in enumerate(reversed(at)) if i == tail or value - high <= reach)
    return seen[first : len(seen) - last]


def _beyond(seen: list[float], domain: tuple[float, float], axis: Axis) -> str:
    """How many values lie outside the domain, and the furthest of them; nothing where the record gave the domain."""
    if axis.domain:
        return ""
    below, above = [v for v in seen if v < domain[0]], [v for v in seen if v > domain[1]]
    said = [f"{len(below)} below, from {_text(below[0], axis, 0)}"] if below else []
    said += [f"{len(above)} above, up to {_text(above[-1], axis, 0)}"] if above else []
    return "; ".join(said)


def opened(low: float, high: float, log: bool) -> tuple[float, float]:
    """The domain, or one about it that has a width which floats can tell."""
    low, high = _held(low, log), _held(high, log)
    if log:
        return (low, high) if low * (1 + 1e-9) < high else (low / 2, low * 2)
    size = max(abs(low), abs(high))
    if high / 2 - low / 2 > max(1e-12 * size, SMALLEST):
        return low, high
    pad = 0.5 if size < 1e6 else size / 2
    return low - pad, low + pad


def _span(low: float, high: float, axis: Axis) -> tuple[float, float]:
    if axis.log:
        return (low / 1.15, high * 1.15) if low < high else (low / 2, high * 2)
    if axis.format == "percent" and low >= 0 and 0.35 < high <= 1:
        return 0.0, 1.0
    if axis.format != "number" and 0 <= low < 0.6 * high:
        low = 0.0
    pad = 0.04 * (high - low)
    return (low if low == 0 else low - pad), high + pad


def _steps(low: float, high: float, room: int) -> list[float]:
    rough = high / max(1, room) - low / max(1, room)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10, 20) if size * power >= rough)
    first = math.ceil(low / step - 1e-9)
    decimals = 12 - math.floor(math.log10(step))
    return [round(step * i, decimals) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float, room: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for sizes in ((1, 2, 5), (1, 3), (1,)):
        ticks = [float(f"{size}e{power}") for power in powers for size in sizes]
        ticks = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if len(ticks) <= room + 1:
            return ticks
    return ticks[:: math.ceil(len(ticks) / room)]


def _texts(ticks: list[float], axis: Axis) -> list[str]:
    if axis.format == "percent" and not axis.log:
        digits = _digits([100 * value for value in ticks])
        return [_text(tick, axis, digits) for tick in ticks]
    times = 100 if axis.format == "percent" else 1
    return [_text(tick, axis, _digits([times * tick])) for tick in ticks]


def _text(value: float, axis: Axis, digits: int) -> str:
    shown = 100 * value if axis.format == "percent" else value
    if shown and not PLAIN[0] <= abs(shown) < PLAIN[1]:
        mantissa, _, power = f"{shown:.1e}".partition("e")
        text = f"{mantissa.removesuffix('.0')}e{int(power)}".replace("-", "\u2212")
        return f"{text}{NARROW}%" if axis.format == "percent" else text
    if axis.format == "percent":
        return percent(value, digits)
    if axis.format == "count":
        return number(value, 0 if value >= 1 or value == 0 else 1)
    return number(value, digits)


def _digits(ticks: list[float]) -> int:
    return next(
        (
            digits
            for digits in range(5)
            if all(abs(round(tick, digits) - tick) < 1e-9 * max(1, abs(tick)) for tick in ticks)
        ),
        5,
    )
