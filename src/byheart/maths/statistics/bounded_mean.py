"""Means of few values between 0 and a ceiling: intervals that hold though many sit at the ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Given
from byheart.maths.statistics.ranks import wilson

ALIKE = 1e-9  # within which values differ by rounding alone
NEAR = 0.05  # below the ceiling that still counts as at it


class BoundedMean(NamedTuple):
    """A mean of n values, its 95 % interval where it has one, and what that had to reckon with.

    `at_ceiling`: how many values can go no higher; `widened`: it is the wider of Student's and Wilson's.
    """

    value: float
    interval: tuple[float, float] | None
    n: int
    at_ceiling: int
    widened: bool


def bounded_mean(values: Given[Any, " n"], ceiling: float) -> BoundedMean:
    r"""Within which bounds does the mean of such values lie, when a few of them are known?

    Student's interval, mean -+ t s/sqrt(n). Where all values are alike or some sit at the ceiling, their spread says
    too little of what others would show (eight of eight at the ceiling are no certainty): there the ends are the
    wider of Student's and Wilson's with the sum of value/ceiling as successes, for no variable in [0, 1] of mean p
    varies more than p(1 - p). One value has no interval. Unit of the values; the poles have no part in it.

    Args:
        values: (n,) values from 0 to the ceiling.
        ceiling: the largest there can be.

    Returns:
        A `BoundedMean`.

    Raises:
        InputRefused: not one-dimensional, empty, or NaN.

    Cost: none. Fails when: values are few and as skewed as exposures by chance (eight: it covers about 90 %).

    Reference: Wilson 1927, Probable inference, Journal of the American Statistical Association 22.

    >>> np.round(bounded_mean(np.full(8, 10.0), 10.0).interval, 2).tolist()
    [6.76, 10.0]
    >>> bounded_mean([3.0], 10.0).interval is None
    True
    """
    own = array(values, "values", "n").astype(np.float64)
    if not len(own):
        raise InputRefused(expected="at least one value", came="none", do="Leave out groups that are empty.")
    n, value, full = len(own), float(own.mean()), int((own >= ceiling - NEAR).sum())
    if n < 2:
        return BoundedMean(value, None, n, full, False)
    half = float(student.ppf(0.975, n - 1) * own.std(ddof=1) / np.sqrt(n))
    if not full and np.ptp(own) > ALIKE:
        return BoundedMean(value, (value - half, value + half), n, full, False)
    reached = wilson(min(n, max(0.0, float(own.sum()) / ceiling if ceiling > 0 else n)), n)
    low = min(max(value - half, 0.0), reached.low * ceiling, value)
    high = max(min(value + half, ceiling), reached.high * ceiling, value)
    return BoundedMean(value, (low, high), n, full, True)


def stratified_mean(groups: Sequence[Given[Any, " _"]], ceiling: float) -> BoundedMean:
    r"""Within which bounds does the mean of all values lie, when their groups are there by design?

    Only what varies within groups counts: ends mean -+ sqrt(sum_g (w_g d_g)^2), w_g the share of group g and d_g how
    far its own end lies from its mean. No interval where a group has none. Unit of the values; the poles have no part.

    Args:
        groups: the values of each group, (n_g,) each.
        ceiling: the largest value there can be.

    Returns:
        A `BoundedMean` of all values.

    Raises:
        InputRefused: as `bounded_mean`.

    Cost: none. Fails when: as `bounded_mean`.

    Reference: Zou and Donner 2008, Construction of confidence limits about effect measures, Statistics in Medicine 27.

    >>> stratified_mean([[1.0, 1.5], [3.0]], 10.0).interval is None
    True
    """
    means = [bounded_mean(own, ceiling) for own in groups]
    sizes = np.array([mean.n for mean in means])
    n, shares, full = int(sizes.sum()), sizes / sizes.sum(), sum(mean.at_ceiling for mean in means)
    value = float(shares @ [mean.value for mean in means])
    gaps = [(mean.value - mean.interval[0], mean.interval[1] - mean.value) for mean in means if mean.interval]
    if len(gaps) < len(means):
        return BoundedMean(value, None, n, full, False)
    below, above = np.sqrt((shares**2) @ np.array(gaps) ** 2)
    interval = value - float(below), min(value + float(above), max(ceiling, value))
    return BoundedMean(value, interval, n, full, any(mean.widened for mean in means))
