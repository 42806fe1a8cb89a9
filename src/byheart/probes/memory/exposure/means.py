"""Means over secrets with their intervals: Student's, wider where values sit at an end, none from one secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from byheart.maths.statistics import wilson
from byheart.records.figures import number

NEAR = 0.05  # bits below the ceiling that still count as at it: the model is all but certain of the secret
ALIKE = 1e-9  # bits within which values differ by rounding alone
LONE = "no interval: one secret a group"
STUDENT = "interval: Student over secrets, each group apart"


class Mean(NamedTuple):
    """A mean over secrets, its 95 % interval where there is one, and how that was made or why there is none."""

    value: float
    interval: tuple[float, float] | None
    how: str


def at_ceiling(values: np.ndarray, ceiling: float) -> np.ndarray:
    """Which values can go no higher: how far above it the model would put them cannot be seen.

    Example:
        >>> at_ceiling(np.array([3.0, 18.8]), 18.8).tolist()
        [False, True]
    """
    return values >= ceiling - NEAR


def mean_of(own: np.ndarray, ceiling: float) -> Mean:
    r"""The mean of one group of secrets whose values lie from 0 to the ceiling.

    Student's interval. Where all values are alike or some sit at the ceiling, their spread says too little of what
    other secrets would show (eight of eight at the ceiling are no certainty): there the ends are the wider of
    Student's and Wilson's with the sum of value/ceiling as successes, for no variable in [0, 1] of mean p varies
    more than p(1 - p). One secret has no interval.

    Example:
        >>> np.round(mean_of(np.full(8, 10.0), 10.0).interval, 2).tolist()
        [6.76, 10.0]
        >>> mean_of(np.array([3.0]), 10.0).interval is None
        True
    """
    n, value = len(own), float(own.mean())
    if n < 2:
        return Mean(value, None, LONE)
    half = float(student.ppf(0.975, n - 1) * own.std(ddof=1) / np.sqrt(n))
    low, high = value - half, value + half
    full = int(at_ceiling(own, ceiling).sum())
    if not full and np.ptp(own) > ALIKE:
        return Mean(value, (low, high), STUDENT)
    successes = float(own.sum()) / ceiling if ceiling > 0 else n
    reached = wilson(min(n, max(0.0, successes)), n)
    low = min(max(low, 0.0), reached.low * ceiling, value)
    high = max(min(high, ceiling), reached.high * ceiling, value)
    why = f"{full} of {n} at the ceiling of {number(ceiling, 1)} bits: at least" if full else f"all {n} alike"
    return Mean(value, (low, high), f"{why}; interval: the wider of Student and Wilson (sum/ceiling as successes)")


def over_groups(groups: Sequence[np.ndarray], ceiling: float) -> Mean:
    r"""The mean of all secrets of groups that are there by design: only what varies within them counts.

    Ends mean -+ sqrt(sum_g (w_g d_g)^2), w_g the share of group g and d_g how far its own end lies from its mean
    (Zou and Donner 2008, Construction of confidence limits about effect measures, Statistics in Medicine 27).

    Example:
        >>> over_groups([np.array([1.0, 1.5]), np.array([3.0])], 10.0)[1:]
        (None, 'no interval: one secret a group')
    """
    means, shares = [mean_of(own, ceiling) for own in groups], np.array([len(own) for own in groups], float)
    shares /= shares.sum()
    value = float(shares @ [mean.value for mean in means])
    ends = [mean.interval for mean in means if mean.interval is not None]
    if len(ends) < len(means):
        return Mean(value, None, LONE)
    gaps = np.array([[mean.value - low, high - mean.value] for mean, (low, high) in zip(means, ends, strict=True)])
    below, above = np.sqrt((shares**2) @ gaps**2)
    full, n = sum(int(at_ceiling(own, ceiling).sum()) for own in groups), sum(map(len, groups))
    why = f"{full} of {n} at the ceiling of {number(ceiling, 1)} bits: at least; " if full else ""
    return Mean(value, (value - float(below), min(value + float(above), max(ceiling, value))), why + STUDENT + (
        ", wider where they sit at the ceiling or are all alike"))  # fmt: skip
