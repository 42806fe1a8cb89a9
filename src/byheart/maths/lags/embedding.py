"""In how many delayed copies of a series does its state fit? Cao's E1 and E2."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from byheart.errors import InputRefused
from byheart.maths.lags.given_series import single_channel
from byheart.maths.lags.predictive_gain import whole_lags
from byheart.maths.shapes import Float

SATURATED = 0.9  # of E1
RANDOM = 0.1  # E2 that never leaves 1 by more: the past says nothing of the next value's neighbour
BATCHES = 10
FEWEST = 200  # points; below it, neighbours are too far away
NEIGHBOURS = 8  # looked at, to find one that is not the same again
SAME = 1e-9  # of the standard deviation: rounds of a cycle that differ by rounding alone are no neighbours


class Embedding(NamedTuple):
    """How many delayed copies make neighbours true ones.

    `dimension`: the smallest at which E1 stays above 0.9; None where E2 is that of a random series, or E1 does not
    saturate. `low`, `high`: the dimensions found when each tenth of the series is left out (None: one had none).
    `e1`, `e2` and their standard errors (most,): by dimension from 1 on. `random`: E2 is within 0.1, or three
    standard errors, of 1 everywhere.
    """

    dimension: int | None
    low: int | None
    high: int | None
    e1: np.ndarray
    e1_standard_errors: np.ndarray
    e2: np.ndarray
    e2_standard_errors: np.ndarray
    random: bool
    points: int


def cao(series: Any, delay: int = 1, most: int = 8, theiler: int = 0) -> Embedding:
    r"""In how many delayed copies of a series does its state fit?

    y_i(d) = (x_i, x_(i+tau), ..., x_(i+(d-1)tau)), n its nearest neighbour in the largest coordinate;
    E(d) = mean_i |y_i(d+1) - y_n(d+1)| / |y_i(d) - y_n(d)| and E1(d) = E(d+1) / E(d), which stands still near 1 where
    neighbours are neighbours of the system; E*(d) = mean_i |x_(i+d tau) - x_(n+d tau)| and E2(d) = E*(d+1) / E*(d),
    which is 1 at every d where the series is random. Neighbours that are the same again (closer than 1e-9 of the
    standard deviation) are passed over.

    Args:
        series: (t,) in time order.
        delay: tau, in steps (see `delay` of the mutual information).
        most: the largest dimension asked about.
        theiler: steps within which neighbours in time are passed over; about the time in which the series decorrelates,
            where it is sampled finely. The neighbour of a point is else the point after it, at every dimension.

    Returns:
        An `Embedding`; standard errors of E1 by leaving out each tenth of the points, in time order.

    Raises:
        InputRefused: more channels than one, gaps, a constant, delay, most or theiler that are not whole numbers, fewer
            than 200 points left beside them, or a series that repeats itself exactly.

    Cost: (most + 1) trees of t points; 0.05 CPU s for 6,000 points and d up to 5, a few times more with
    `theiler`. Fails when: noise, with which E1 rises slowly and the dimension found is too large or none; a finely
    sampled series whose neighbours are its neighbours in time (give `theiler`).

    Reference: Cao 1997, Practical method for determining the minimum embedding dimension of a scalar time series,
    Physica D 110.

    >>> x = np.full(1500, 0.3)
    >>> x[1] = 0.2
    >>> for t in range(2, 1500):  # Henon's map, of two variables, seen by one
    ...     x[t] = 1 - 1.4 * x[t - 1] ** 2 + 0.3 * x[t - 2]
    >>> cao(x).dimension
    2
    """
    x = single_channel(series)
    delay, most, theiler = whole_lags(delay, "delay"), whole_lags(most, "most"), whole_lags(theiler, "theiler", 0)
    points = len(x) - (most + 1) * delay
    if most < 2 or points < FEWEST + 2 * theiler:
        raise InputRefused(
            expected=f"most of at least 2, and {FEWEST} steps beside (most + 1) delays and twice theiler",
            came=f"{delay=}, {most=}, {theiler=}, {len(x)} steps",
            do="Give a longer series, or ask for fewer dimensions.",
        )
    grown, ahead = zip(*(_to_neighbours(x, d, delay, points, theiler) for d in range(1, most + 2)), strict=True)
    e1, e2 = _ratios(np.stack(grown)), _ratios(np.stack(ahead))
    without = np.stack([_ratios(np.delete(np.stack(grown), tenth, axis=1)) for tenth in _tenths(points)])
    e2_errors = _spread(np.stack([_ratios(np.delete(np.stack(ahead), tenth, axis=1)) for tenth in _tenths(points)]))
    random = bool((abs(e2 - 1) < np.maximum(RANDOM, 3 * e2_errors)).all())
    others = [_saturation(one) for one in without]
    known = [d for d in others if d is not None]
    return Embedding(
        dimension=None if random else _saturation(e1),
        low=min(known) if known and not random else None,
        high=None if random or len(known) < len(others) else max(known),
        e1=e1,
        e1_standard_errors=_spread(without),
        e2=e2,
        e2_standard_errors=e2_errors,
        random=random,
        points=points,
    )


def _to_neighbours(x: np.ndarray, d: int, delay: int, points: int, theiler: int) -> tuple[np.ndarray, np.ndarray]:
    """How much further the nearest neighbour is with one more copy, as a ratio; and how far its next value."""
    y = np.stack([x[k * delay : k * delay + points] for k in range(d + 1)], 1)
    near, other = _nearest(y[:, :d], theiler)
    there = np.isfinite(near)
    if not there.mean() > 0.5:
        raise InputRefused(
            expected="a series with different values nearby",
            came="one that repeats itself exactly: its nearest neighbours are at distance 0",
            do="Give the series as measured, or less of it: a cycle needs no more than one round.",
        )
    after = abs(y[:, d] - y[other, d])
    # the few without such a neighbour count as kept: ratio 1, and the mean of the others
    grown = np.where(there, np.maximum(near, after) / np.where(there, near, 1), 1)
    return grown, np.where(there, after, after[there].mean())


def _nearest(y: np.ndarray, theiler: int) -> tuple[np.ndarray, np.ndarray]:
    """How far the nearest neighbour is that is neither the same again nor near in time, and which; infinite: none seen.

    Of a fine orbit the nearest are neighbours in time: points with no other among the first are asked for more.
    """
    tree, points = cKDTree(y), len(y)
    near, other, rows = np.full(points, np.inf), np.zeros(points, dtype=np.int64), np.arange(points)
    most = min(points, NEIGHBOURS + 1 + 2 * theiler)
    looked = 0
    while len(rows) and looked < most:
        looked = min(most, max(NEIGHBOURS + 1, 2 * looked))
        distance, index = tree.query(y[rows], k=looked, p=np.inf)
        other_time = abs(index - rows[:, None]) > theiler if theiler else True
        apart = (distance > SAME) & other_time
        found, first = apart.any(1), apart.argmax(1)
        near[rows[found]], other[rows[found]] = (one[found, first[found]] for one in (distance, index))
        rows = rows[~found]
    return near, other


def _spread(without: Float[np.ndarray, "r most"]) -> Float[np.ndarray, " most"]:
    """Standard errors, from what is found when each tenth is left out."""
    return np.sqrt((BATCHES - 1) * without.var(0))


def _ratios(values: Float[np.ndarray, "d n"]) -> Float[np.ndarray, " most"]:
    """The mean at each dimension over that before."""
    means = values.mean(1)
    return means[1:] / means[:-1]


def _tenths(points: int) -> list[np.ndarray]:
    """Indices of ten parts in time order."""
    return np.array_split(np.arange(points), BATCHES)


def _saturation(e1: np.ndarray) -> int | None:
    """The first dimension from which E1 stays above 0.9."""
    below = np.flatnonzero(e1 < SATURATED)
    first = int(below[-1]) + 2 if len(below) else 1
    return first if first <= len(e1) else None
