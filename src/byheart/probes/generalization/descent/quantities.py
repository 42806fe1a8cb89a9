"""The numbers, curves and table of a sweep: its peak, what the largest gains, and how far theory is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from byheart.maths.descent.peaks import DRAWS, Located, Peak, Statistic
from byheart.maths.statistics.resampling import around
from byheart.probes.generalization.descent.sweep import Place
from byheart.records.facts import Axis, Curve, FactTable
from byheart.records.quantity import Quantity, Unit, interval_by

OVER_SEEDS = "bootstrap over seeds"
NEAR = 0.2  # of the place of the peak of theory, within which its limits are reached slowly


def stacked(found: Sequence[Place], name: str) -> np.ndarray:
    """(m, k) one field of all places, by seed."""
    return np.stack([getattr(place, name) for place in found], axis=1)


def unit_of(labelled: bool) -> Unit:
    """What errors are counted in."""
    return "share" if labelled else "squared error"


def at_one_place(
    place: Place, labelled: bool, n: int, rng: np.random.Generator
) -> tuple[dict[str, Quantity], FactTable]:
    """The median error over seeds with its interval, and the errors by seed, for surveys along a grid."""
    m = len(place.new)
    drawn = np.median(place.new[rng.integers(m, size=(DRAWS, m))], axis=1)
    value = float(np.median(place.new))
    found = Located(value, around(value, drawn))
    by_seed = FactTable(values={"seed": place.seeds, "error": place.new, "error_where_seen": place.seen})
    return {"error": _quantity(found, unit=unit_of(labelled), null=None, n=n, better="low")}, by_seed


def quantities(
    found: Sequence[Place], top: Peak, errors: np.ndarray, labelled: bool, n: int, rng: np.random.Generator,
    statistic: Statistic,
) -> dict[str, Quantity]:  # fmt: skip
    """Peak, prominence, gains, and the distance from theory."""
    gap: Unit = "points" if labelled else "squared error"
    made = {"prominence": prominence(top, labelled, n)}
    if not top.at_end:
        made["peak_at"] = _quantity(top.at, unit="setting", null=None, n=n)
        made["peak_error"] = _quantity(top.height, unit=unit_of(labelled), null=None, n=n)
    over = np.median if statistic == "median" else np.mean
    drawn = over(errors[rng.integers(len(errors), size=(DRAWS, len(errors)))], axis=1)  # (b, k)
    curve = over(errors, axis=0)[None]

    def told(of: Any) -> Located:
        value = float(of(curve)[0])
        return Located(value, around(value, of(drawn)))

    at = int(top.curve.argmax())
    made["largest_gain"] = _quantity(told(lambda y: y[:, 0] - y[:, -1]), unit=gap, null=0.0, n=n, better="high")
    if 0 < at < len(found) - 1:
        beyond = told(lambda y: y[:, :at].min(1) - y[:, at + 1 :].min(1))
        made["beyond_gain"] = _quantity(beyond, unit=gap, null=0.0, n=n, better="high")
    if (theory := _away(found)) is not None:
        away, risks = theory
        distance = told(lambda y: (y[:, away] / risks - 1).mean(1))
        made["theory_gap"] = _quantity(distance, unit="ratio", null=0.0, n=n)
    return made


def prominence(top: Peak, labelled: bool, n: int) -> Quantity:
    """How far the curve rises to a place and falls behind it."""
    return _quantity(top.prominence, unit="points" if labelled else "squared error", null=0.0, n=n, better="low")


def _quantity(of: Located, **more: Any) -> Quantity:
    return Quantity(value=of.value, **interval_by(OVER_SEEDS, of.interval), **more)


def _away(found: Sequence[Place]) -> tuple[np.ndarray, np.ndarray] | None:
    """The places that are not near the peak of theory, and what it says there; None where there are none."""
    risks = np.array([np.nan if place.theory is None else place.theory for place in found])
    if np.isnan(risks).any():
        return None
    top = found[int(risks.argmax())].value
    far = np.array([abs(place.value / top - 1) > NEAR for place in found]) if top > 0 else np.ones(len(found), bool)
    away = np.flatnonzero((far if np.isinf(risks).any() else True) & np.isfinite(risks) & (risks > 0))
    return (away, risks[away]) if len(away) else None


def curve(along: Axis, of: Peak, labelled: bool) -> Curve:
    """Errors over ascending positions, with their band."""
    y = Axis(name="error" if labelled else "squared error", unit=unit_of(labelled))
    return Curve(x_axis=along, y_axis=y, x=of.positions, y=of.curve, low=of.low, high=of.high)


def table(along: str, found: Sequence[Place], top: Peak, seen: Peak) -> FactTable:
    """A row per value: errors, what theory says, effective parameters, norm."""
    columns: dict[str, Any] = {along: top.positions, "error": top.curve, "error_where_seen": seen.curve}
    if any(place.theory is not None for place in found):
        columns["closed_form"] = [_finite(place.theory) for place in found]
    for name in ("effective", "norm"):
        if all(getattr(place, name) is not None for place in found):
            columns[name] = [float(np.median(getattr(place, name))) for place in found]
    return FactTable(values=columns)


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
