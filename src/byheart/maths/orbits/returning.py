r"""Returning: is there one time after which an orbit is always where it was?

For a shift p the distances d_i(p) = |x(i + p) - x_i| of some 300 states are those of a cycle of period p where all of
them are 0. Between two steps x is the polynomial through six neighbours, and p is not whole: a cycle sampled at a step
that does not divide its period is a cycle. 0 is below a thousandth of the deviation, or below what the polynomial is
wrong by there: a quarter of what one of twice the spacing misses at a known value, which is some 60 times as wrong
where it is smooth, and as wrong at a corner. So is a stiff cycle read that jumps within few steps.

A torus and chaos come near to where they were, too. So the same must hold after the longest multiple of p that fits
into the orbit, at twice the distance at most; and where p is of many turns, among which one returns by chance, so much
nearer.

Reference: byheart; the recurrences of an orbit in Eckmann, Kamphorst, Ruelle 1987, Recurrence plots of dynamical
systems, Europhysics Letters 4.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from byheart.maths.orbits.parting import turn
from byheart.maths.shapes import Float

ASKED = 300  # states
SAME = 1e-3  # deviations a channel: as good as the same
NEAR = 0.5  # deviations a channel: a shift worth looking at
DENSE = 0.12  # deviations: a polynomial that misses by less can be read between the steps
MARGIN = 4.0  # times better than that of twice the spacing
ALL = 0.97  # of the states have to return; a polynomial may miss at a corner
MOST = 0.9  # of the states, at a whole shift
MULTIPLES = 3  # times that an orbit has to come round
FARTHER = 2.0  # times as far after many rounds as after one: what is more grows, as on a torus
CHANCE = 2e-3  # median distance times turns in a period, where these are two and more
TRIED = 50  # shifts
SHORTEST = 16  # steps


def period_of(series: Float[np.ndarray, "t d"]) -> float:
    """After how many steps is the orbit always where it was?

    0 where there is no such time. Channels in units of their deviations.
    """
    if len(series) < SHORTEST:
        return 0.0
    missed = _missed(series)
    dense = bool(np.median(missed) < DENSE)
    for p in [one for one in _shifts(series, dense) if not dense or _within_a_step(series, one)][:TRIED]:
        once = _refined(series, missed, p, 1.0) if dense else float(p)
        if not _returns(series, missed, once, dense):
            continue
        times = int((len(series) - max(once, len(series) / 4) - 8) / once)
        off = min(0.02 * times + 0.5, once / 4)
        often = _refined(series, missed, times * once, off) if dense else times * once
        if times >= MULTIPLES - 1 and _returns(series, missed, often, dense) and _as_near(series, once, often):
            return often / times
    return 0.0


def _shifts(series: np.ndarray, dense: bool) -> np.ndarray:
    """Whole shifts at which the median distance has a low minimum, the least first."""
    longest = len(series) // MULTIPLES
    at = _asked(len(series), longest + 2)
    far = np.array([np.median(_size(series[at + p] - series[at])) for p in range(longest + 2)])
    low = (far[1:-1] <= far[:-2]) & (far[1:-1] <= far[2:]) & (far[1:-1] < (NEAR if dense else SAME))
    return np.flatnonzero(low[1:] if dense else low) + (2 if dense else 1)


def _within_a_step(series: np.ndarray, p: int) -> bool:
    """Are nearly all states p steps later within a step of where they were? Cheap, before p is refined."""
    at = _asked(len(series), p + 2)
    j = at + p
    step = np.maximum(_size(series[j + 1] - series[j]), _size(series[j] - series[j - 1]))
    return len(at) > 3 and bool((_size(series[j] - series[at]) <= 1.5 * step + SAME).mean() >= MOST)


def _asked(length: int, shift: float) -> np.ndarray:
    last = int(length - np.ceil(shift) - 4)
    return np.unique(np.linspace(3, last, ASKED).astype(int)) if last > 3 else np.zeros(0, int)


def _distances(series: np.ndarray, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Where states are asked, and their distance to where they were, the series read between its steps."""
    at = _asked(len(series), shift)
    whole, part = int(np.floor(shift)), shift - np.floor(shift)
    j = at + whole
    if part == 0:
        return j, _size(series[j] - series[at])
    around = np.arange(-2, 4)
    weights = [np.prod([(part - m) / (k - m) for m in around if m != k]) for k in around]
    between = sum(weight * series[j + k] for weight, k in zip(weights, around, strict=True))
    return j, _size(between - series[at])


def _refined(series: np.ndarray, missed: np.ndarray, shift: float, within: float) -> float:
    """The shift near `shift` of the least mean root distance, in units of what is allowed: corners count little."""

    def far(one: float) -> float:
        j, distances = _distances(series, one)
        return float(np.sqrt(distances / _allowed(missed, j)).mean()) if len(j) else np.inf

    tried = np.linspace(max(shift - within, 1.0), shift + within, 9)
    best, step = tried[int(np.argmin([far(one) for one in tried]))], tried[1] - tried[0]
    return float(minimize_scalar(far, bounds=(best - step, best + step), method="bounded", options={"xatol": 1e-7}).x)


def _returns(series: np.ndarray, missed: np.ndarray, shift: float, dense: bool) -> bool:
    """Are the states where they were, all, or of those read between steps nearly all?"""
    j, distances = _distances(series, shift)
    same = distances <= (_allowed(missed, j) if dense else SAME)
    return len(j) > 3 and bool(same.mean() >= (ALL if dense else 1.0))


def _as_near(series: np.ndarray, once: float, often: float) -> bool:
    """Is the median distance after many rounds that after one, and is the one too near for chance?"""
    one, many = (float(np.median(_distances(series, shift)[1])) for shift in (once, often))
    turns = once / turn(series)
    return many <= max(FARTHER * one, SAME) and (turns < 2 or one * turns < CHANCE)


def _allowed(missed: np.ndarray, j: np.ndarray) -> np.ndarray:
    """What a state read near step j may be off by."""
    near = missed[np.minimum(j[:, None] + np.arange(-1, 3), len(missed) - 1)]
    return np.maximum(near.max(1) / MARGIN, SAME)


def _missed(series: np.ndarray) -> np.ndarray:
    """What the polynomial through six neighbours at twice the spacing misses at each value; at the ends of the next."""
    x, n = series, len(series)
    pairs = (x[5 - k : n - 5 - k] + x[5 + k : n - 5 + k] for k in (1, 3, 5))
    between = sum(weight * pair for weight, pair in zip((150 / 256, -25 / 256, 3 / 256), pairs, strict=True))
    return np.pad(_size(x[5:-5] - between), 5, mode="edge")


def _size(apart: np.ndarray) -> np.ndarray:
    return np.sqrt((apart**2).mean(-1))
