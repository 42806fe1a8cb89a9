"""Intervals and ranks: Wilson, Spearman, R2; beside it `resampling` (bootstrap), `ranking` (AUC) and `intervals`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Float, Given
from byheart.maths.statistics.effective_sample_size import Z
from byheart.maths.statistics.resampling import Interval


def wilson(successes: Any, n: Any) -> Interval:
    r"""Between which shares does the truth lie, given so many successes in n independent trials?

    (p + z^2/2n +- z sqrt(p(1 - p)/n + z^2/4n^2)) / (1 + z^2/n), p = successes/n, z the normal quantile. Range
    [0, 1]; never collapses: 0 of n gives [0, z^2/(n + z^2)]. The poles have no part in it.

    Args:
        successes: count, or array of counts.
        n: number of trials, broadcast against it.

    Returns:
        `low`, `high`: floats for a single count, else arrays.

    Raises:
        InputRefused: n < 1, or successes outside [0, n].

    Cost: none. Fails when: trials are not independent (examples judged by the same model).

    Reference: Wilson 1927, "Probable inference", Journal of the American Statistical Association 22; Brown,
    Cai and DasGupta 2001, section 3.1.1.

    >>> low, high = wilson(0, 10)
    >>> round(low, 3), round(high, 3)
    (0.0, 0.278)
    """
    successes, n = np.asarray(successes, np.float64), np.asarray(n, np.float64)
    if not (np.all(n >= 1) and np.all(successes >= 0) and np.all(successes <= n)):
        raise InputRefused("0 <= successes <= n and n >= 1", f"successes {successes}, n {n}", "Check the counts.")
    p = successes / n
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * np.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    low = np.where(successes == 0, 0.0, np.maximum(middle - half, 0.0))
    high = np.where(successes == n, 1.0, np.minimum(middle + half, 1.0))
    return Interval(float(low), float(high)) if low.ndim == 0 else Interval(low, high)


def spearman(a: Given[Any, " n"], b: Given[Any, " n"]) -> float:
    r"""Do two lists rank alike?

    Correlation of the ranks, ties at their mean rank. Range [-1, 1], no unit, 0 by chance. NaN where one list
    is constant, for then there is no ranking: Rote and Oracle, whose scores are all tied, have none.

    Args:
        a: (n,) numbers.
        b: (n,) numbers.

    Returns:
        rho.

    Raises:
        InputRefused: NaN, other shapes, fewer than 2.

    Cost: O(n log n). Fails when: most values are tied.

    Reference: Spearman 1904, American Journal of Psychology 15; Kendall and Gibbons 1990, section 3.8 (ties).

    >>> spearman([1, 2, 3], [10, 30, 20])
    0.5
    """
    a, b = array(a, "a", "n"), array(b, "b", "n")
    same_shape(b, "b", a.shape)
    if len(a) < 2:
        raise InputRefused(expected="at least 2 values", came=str(len(a)), do="Give more examples.")
    ranks = [rankdata(x) - (len(a) + 1) / 2 for x in (a, b)]
    norm = float(np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1])))
    return float(ranks[0] @ ranks[1]) / norm if norm else float("nan")


def row_spearman(a: Given[Any, "draws n"], b: Given[Any, "draws n"]) -> Float[np.ndarray, " draws"]:
    r"""Do two lists rank alike, in each of many draws of them?

    `spearman` of every pair of rows, bit for bit: centred ranks are halves, and sums of their products are exact.

    Args:
        a: (draws, n) numbers.
        b: (draws, n) numbers.

    Returns:
        (draws,) rho; NaN where one row is constant.

    Raises:
        InputRefused: NaN, other shapes.

    Cost: O(draws n log n), in one call instead of many (a bootstrap's). Fails when: most values are tied.

    Reference: as of `spearman`.

    >>> row_spearman([[1, 2, 3], [1, 1, 1]], [[10, 30, 20], [1, 2, 3]]).tolist()
    [0.5, nan]
    """
    a, b = array(a, "a", "dn"), array(b, "b", "dn")
    same_shape(b, "b", a.shape)
    first, second = (rankdata(x, axis=1) - (a.shape[1] + 1) / 2 for x in (a, b))
    norm = np.sqrt((first * first).sum(1) * (second * second).sum(1))
    return np.where(norm > 0, (first * second).sum(1) / np.where(norm > 0, norm, 1), np.nan)


def one_query_interval(correlation: float, m: int) -> Interval:
    r"""How far would a rank correlation over m members move with other members?

    Of one query there is nothing to resample but members: Fisher's z = artanh(rho), with the standard error
    sqrt((1 + rho^2 / 2) / (m - 3)) of ranks; z -+ 1.96 of them, taken back by tanh. Range [-1, 1], no unit. It includes
    0 about 95 times in 100 where the scores foretell nothing (Oracle); at 1 (Rote) it closes on 1.

    Args:
        correlation: Spearman's, -1 to 1.
        m: members it was taken over.

    Returns:
        `low`, `high`.

    Raises:
        InputRefused: fewer than 4 members, or no correlation.

    Cost: none. Fails when: most members are tied. With subsets in balanced decks, and one example that decides nearly
    all, it covers the truth at least as often as it says (16 and 64 members, simulated).

    Reference: Bonett and Wright 2000, "Sample size requirements for estimating Pearson, Kendall and Spearman
    correlations", Psychometrika 65, equation 4.

    >>> low, high = one_query_interval(0.5, 64)
    >>> round(low, 3), round(high, 3)
    (0.276, 0.673)
    """
    if m < 4 or not -1 <= correlation <= 1:
        raise InputRefused(
            "a correlation from -1 to 1 over at least 4 members", f"{correlation:g} over {m}", "Train more members."
        )
    if abs(correlation) == 1:
        return Interval(float(correlation), float(correlation))
    z, error = np.arctanh(correlation), np.sqrt((1 + correlation**2 / 2) / (m - 3))
    return Interval(*(float(np.tanh(z + side * 1.959964 * error)) for side in (-1, 1)))


def r2(targets: Given[Any, " n"], predictions: Given[Any, " n"]) -> float:
    r"""Which share of the variance of the targets do the predictions explain?

    1 - sum (y - f)^2 / sum (y - mean y)^2. Range (-inf, 1], no unit; 0 is the mean of these targets. Rote
    gives 1 on what it saw and at most 0 elsewhere, Oracle 1 minus the share of noise on both.

    Args:
        targets: (n,) y.
        predictions: (n,) f.

    Returns:
        R2; NaN for constant targets.

    Raises:
        InputRefused: NaN or other shapes.

    Cost: O(n). Fails when: n is small: the mean of few targets is itself fitted.

    Reference: Wright 1921, "Correlation and causation", Journal of Agricultural Research 20.

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
    0.5
    """
    y, f = array(targets, "targets", "n").astype(np.float64), array(predictions, "predictions", "n")
    same_shape(f, "predictions", y.shape)
    spread = float(((y - y.mean()) ** 2).sum()) if len(y) else 0.0
    return 1 - float(((y - f) ** 2).sum()) / spread if spread else float("nan")
