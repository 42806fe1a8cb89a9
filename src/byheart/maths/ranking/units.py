"""How far would a mean over pairs of runs move with other runs?"""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from byheart.maths.shapes import Float, Int
from byheart.maths.statistics.resampling import Interval

TINY = 1e-9


def over_units(
    agreed: Float[np.ndarray, " r"], weight: Float[np.ndarray, " r"], unit: Int[np.ndarray, " r"],
    within: tuple[float, float], level: float = 0.975,
) -> Interval:  # fmt: skip
    r"""How far would a weighted mean over pairs of runs move with other configurations?

    The mean is S = sum over pairs of w_ij v_ij, the weights adding to 1. Configuration c adds
    a_c = sum over its pairs of w_ij (v_ij - S), each pair counted at both ends; the squared standard error is
    sum over c of a_c^2 (Hoeffding's projection: for tau-a four times the variance of what each run adds, over their
    number), and the interval S -+ t of it, cut to the range. Where all pairs stand at one end of the range that has no
    width: then the other end is as far as n pairs that share no configuration would allow, (1 - 0.025^(1/n)) of the
        range,
    n half of the effective number of configurations.

    Args:
        agreed: (r,) sum over the pairs of each run of w_ij v_ij.
        weight: (r,) sum over the pairs of each run of w_ij.
        unit: (r,) the configuration of each run.
        within: the range of the mean.
        level: of the upper end; 0.975 for a 95 % interval.

    Returns:
        `low`, `high`; NaN without pairs, or of one configuration.

    Raises:
        Nothing.

    Cost: none. Fails when: few configurations carry the weight, for the normal form is then no guide.

    Reference: Hoeffding 1948, "A class of statistics with asymptotically normal distribution", theorem 7.1.

    >>> low, high = over_units(np.array([0.5, 0.5, 0.0, 0.0]), np.full(4, 0.5), np.arange(4), (-1, 1))
    >>> round(low, 2), high
    (-1.0, 1.0)
    """
    units = int(unit.max()) + 1
    if units < 2 or not weight.sum():
        return Interval(float("nan"), float("nan"))
    value = float(agreed.sum() / weight.sum())
    added = np.bincount(unit, agreed - value * weight)
    half = float(stdtrit(units - 1, level)) * float(np.sqrt((added**2).sum()))
    low, high = within
    if half < TINY and min(value - low, high - value) < TINY:
        shares = np.bincount(unit, weight)
        half = (high - low) * (1 - (1 - level) ** (2 * float((shares**2).sum()) / float(shares.sum()) ** 2))
    return Interval(float(max(low, value - half)), float(min(high, value + half)))
