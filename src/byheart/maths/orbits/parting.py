r"""Parting: how fast do the neighbours in one recorded series part, and how long is its dominant period?

For each state x_i its nearest neighbour x_j, |i - j| above a period; the mean over i of ln |x_{i+k} - x_{j+k}| grows by
the largest Lyapunov exponent a step, until it is as large as the attractor. Its slope is read where it has made between
a tenth and seven tenths of that way. It is an estimate that says the scale of time, not a truth: noise and few data
make it too small or too large by half. A series of one channel is laid out in windows first.

Reference: Rosenstein, Collins, De Luca 1993, "A practical method for calculating largest Lyapunov exponents from small
data sets", Physica D 65, equations 9 to 13.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.spatial import cKDTree

from byheart.maths.shapes import Float

POINTS = 4000  # states among which neighbours are looked for
FROM, TO = 0.1, 0.7  # of the way to the size of the attractor
LEAST_GROWTH = 1.0  # in ln: what parts by less than e parts not
ROUNDS = 4  # times that a series has to come round for a period to be seen
ASKED = 1000  # of them whose neighbours are looked for
READ = 3  # steps of the curve without which no slope is read: noise is as large as the attractor after one
UNFOLDED = 5  # values of a single channel that make a state


def dominant_period(series: Float[np.ndarray, "t d"]) -> int:
    """After how many steps does the series come round?

    The largest peak of its spectrum, channels in equal shares, of frequencies that it goes through `ROUNDS` times at
    least: below is drift.
    """
    centred = series - series.mean(0)
    power = np.abs(np.fft.rfft(centred, axis=0)) ** 2
    first = min(ROUNDS, len(power) - 1)
    shares = (power / np.maximum(power.sum(0), 1e-300)).mean(1)[first:]
    return max(round(len(series) / (first + int(shares.argmax()))), 1)


def parting_rate(series: Float[np.ndarray, "t d"]) -> float:
    r"""How fast do neighbours in a series part, in ln a step?

    The slope of mean_i ln |x_{i+k} - x_{j(i)+k}| over k, as the head of the file says. Of the poles only the record is
    asked: what a replay of it would give.

    Args:
        series: (t, d), its channels in units that may be compared.

    Returns:
        The rate per step; 0 where neighbours do not part by a factor e, or too few steps tell.

    Raises:
        Nothing: what cannot be told has rate 0.

    Cost: a tree of 4,000 states, 1,000 neighbours followed over ten periods. Fails when: there is noise (white noise in
    one channel has a rate, for its windows overlap); one channel is seen of several, where it is two or three times too
    large; in many dimensions, where nobody has a near neighbour, and the rate is 0.
    Reference: Rosenstein, Collins, De Luca 1993, equations 9 to 13 (title at the head of the file).

    >>> turn, x = np.linspace(0, 60, 1200), [0.3]
    >>> for _ in range(1200):
    ...     x.append(4 * x[-1] * (1 - x[-1]))
    >>> parting_rate(np.stack([np.cos(turn), np.sin(turn)], 1)), 0.5 < parting_rate(np.array(x)[:, None]) < 0.9
    (0.0, True)
    """
    period = dominant_period(series)
    states = _unfolded(series, period)
    horizon = min(10 * period + 10, len(states) // 4)
    if horizon < READ:
        return 0.0
    stride = max((len(states) - horizon) // POINTS, 1)
    here = np.arange(0, len(states) - horizon, stride)
    here, there = _neighbours(states, here, period)
    if len(here) < 10:
        return 0.0
    curve = np.array([_mean_log(states[here + k] - states[there + k]) for k in range(horizon)])
    whole = _mean_log(states[here] - states[np.roll(here, len(here) // 2)])
    return _slope(curve, whole)


def _unfolded(series: np.ndarray, period: int) -> np.ndarray:
    """One channel as windows that span about half a period; more channels as they are."""
    if series.shape[1] > 1:
        return series
    lag = max(period // (2 * UNFOLDED), 1)
    span = lag * (UNFOLDED - 1) + 1
    if len(series) < 4 * span:
        return series
    return sliding_window_view(series[:, 0], span)[:, ::lag]


def _neighbours(states: np.ndarray, here: np.ndarray, apart: int) -> tuple[np.ndarray, np.ndarray]:
    """Of `ASKED` of the states `here` those with another, over `apart` steps away and not equal; the nearest such."""
    asked = here[:: max(len(here) // ASKED, 1)]
    stride = int(here[1] - here[0]) if len(here) > 1 else 1
    most = min(2 * apart // stride + 3, len(here))
    distance, index = cKDTree(states[here]).query(states[asked], k=np.arange(1, most + 1))
    index = here[np.minimum(index, len(here) - 1)]
    fits = (np.abs(index - asked[:, None]) > apart) & (distance > 0) & np.isfinite(distance)
    has = fits.any(1)
    return asked[has], index[has, fits[has].argmax(1)]


def _mean_log(apart: np.ndarray) -> float:
    size = np.linalg.norm(apart, axis=1)
    return float(np.log(size[size > 0]).mean()) if (size > 0).any() else -np.inf


def _slope(curve: np.ndarray, whole: float) -> float:
    """The slope of the part of the curve on its way to the size of the attractor, by least squares."""
    way = whole - curve[0]
    if not np.isfinite(way) or curve.max() - curve[0] < LEAST_GROWTH:
        return 0.0
    above = np.flatnonzero(curve > curve[0] + TO * way)
    end = int(above[0]) if len(above) else len(curve) - 1
    start = int(np.flatnonzero(curve[: end + 1] <= curve[0] + FROM * way)[-1])
    return (
        max(float(np.polyfit(np.arange(start, end + 1), curve[start : end + 1], 1)[0]), 0.0)
        if end - start >= READ - 1
        else 0.0
    )
