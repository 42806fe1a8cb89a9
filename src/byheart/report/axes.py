"""Scales that charts and their words share: where a value stands, which ticks it has, how they read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass

from byheart.records.chart import Axis
from byheart.records.figures import number, percent


@dataclass(frozen=True)
class Scale:
    """Domain to pixels, linear or logarithmic, with ticks and their texts."""

    domain: tuple[float, float]
    pixels: tuple[float, float]
    log: bool
    ticks: tuple[float, ...]
    texts: tuple[str, ...]

    def __call__(self, value: float) -> float:
        """Where `value` stands, in pixels."""
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
        }
        return {"field": field, "type": "quantitative", "scale": scale, "title": None, **drawn}


def scale(axis: Axis, values: Iterable[float], pixels: tuple[float, float], room: int) -> Scale:
    """The scale of `axis` over `values`, with at most `room` ticks."""
    seen = [value for value in values if math.isfinite(value) and (value > 0 or not axis.log)] or [
        1.0 if axis.log else 0.0
    ]
    domain = axis.domain or _span(min(seen), max(seen), axis)
    if axis.log and domain[0] <= 0:
        domain = (min(seen), max(domain[1], min(seen) * 10))
    if domain[0] >= domain[1]:
        domain = (domain[0] / 2, domain[0] * 2) if axis.log else (domain[0] - 0.5, domain[0] + 0.5)
    ticks = [tick for tick in axis.ticks if domain[0] <= tick <= domain[1]]
    if not ticks and axis.format == "percent" and domain == (0.0, 1.0):
        ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    if not ticks:
        ticks = _decades(*domain, room) if axis.log else _steps(*domain, room)
    while len(ticks) > max(2, room) + 1:
        ticks = ticks[::2]
    return Scale(domain, pixels, axis.log, tuple(ticks), tuple(_texts(ticks, axis)))


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
    rough = (high - low) / max(1, room)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10, 20) if size * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(step * i, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float, room: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for sizes in ((1, 2, 5), (1, 3), (1,)):
        ticks = [size * 10.0**power for power in powers for size in sizes]
        ticks = [round(tick, 12) for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if len(ticks) <= room + 1:
            return ticks
    return ticks[:: math.ceil(len(ticks) / room)]


def _texts(ticks: list[float], axis: Axis) -> list[str]:
    if axis.format == "count":
        return [number(tick, 0 if tick >= 1 or tick == 0 else 1) for tick in ticks]
    if axis.format == "percent":
        return [percent(tick, _digits([100 * value for value in ticks])) for tick in ticks]
    if axis.log:
        return [number(tick, _digits([tick])) for tick in ticks]
    return [number(tick, _digits([tick])) for tick in ticks]


def _digits(ticks: list[float]) -> int:
    return next(
        (
            digits
            for digits in range(5)
            if all(abs(round(tick, digits) - tick) < 1e-9 * max(1, abs(tick)) for tick in ticks)
        ),
        5,
    )
