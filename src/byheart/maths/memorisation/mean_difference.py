"""The difference between the means of two sides of a bank, with an error that never claims to be exact."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from byheart.maths.inputs import is_binary
from byheart.maths.shapes import Shaped


class Side(NamedTuple):
    """How many members are on one side, their total, their total of squares; arrays that broadcast."""

    count: np.ndarray
    total: np.ndarray
    squares: np.ndarray

    def deviations(self) -> np.ndarray:
        """Sums of squared deviations from the mean of the side."""
        return np.maximum(self.squares - self.total**2 / np.maximum(self.count, 1), 0.0)


def centred(outcome: Shaped[np.ndarray, "m q"]) -> Shaped[np.ndarray, "m q"]:
    """What can be taken from outcomes without changing a difference of means?

    Outcomes in float64, less the mean of their column unless 0/1: a difference of means does not feel it.

    Whole counts keep ties between scores exact; centring keeps the squares of large margins from cancelling.
    """
    values = outcome.astype(np.float64)
    return values if is_binary(outcome) else values - values.mean(0)


def spread(count: np.ndarray, deviations: float, rows: int, outcome: np.ndarray) -> float:
    """How large is the pooled variance of a side?

    Pooled variance of a side; R^2/(N + 2) where all agree, R their range (or 1), N their number.
    """
    freedom = float(np.maximum(count - 1, 0).sum()) * rows
    pooled = deviations / freedom if freedom else 0.0
    rounding = 1e-24 * max(1.0, float(np.abs(outcome).max(initial=0.0)) ** 2)
    return pooled if pooled > rounding else (float(np.ptp(outcome)) or 1.0) ** 2 / (outcome.size + 2)


def contrast(inside: Side, outside: Side, pooled: tuple[float, float] | None) -> tuple[np.ndarray, np.ndarray]:
    """How far apart are the means inside and outside, and how surely?

    Mean inside less mean outside, and its standard error; `pooled` variances of both, None for 0/1.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        score = inside.total / inside.count - outside.total / outside.count
        if pooled is None:
            variance = _of_share(inside) + _of_share(outside)
        else:
            variance = _of_mean(inside, pooled[0]) + _of_mean(outside, pooled[1])
    return score, np.where(np.isnan(score), np.nan, np.sqrt(variance))


def _of_share(side: Side) -> np.ndarray:
    p = (side.total + 1) / (side.count + 2)
    # by t, not t + 2: the score is the plain difference, not one of shrunken shares
    return p * (1 - p) / side.count


def _of_mean(side: Side, pooled: float) -> np.ndarray:
    return (side.deviations() + 2 * pooled) / ((side.count + 1) * side.count)
