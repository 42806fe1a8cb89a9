"""Where has a curve over several seeds its peak, how high is it, and does it stand out?"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float, Given
from byheart.maths.statistics.resampling import Interval, around

DRAWS = 2000
FEWEST_SEEDS = 10
FEWEST_POINTS = 3
Statistic = Literal["median", "mean"]


class Located(NamedTuple):
    """A number and its 95 % bootstrap interval."""

    value: float
    interval: Interval


class Peak(NamedTuple):
    """A curve's largest value and its place, and how far it rises to an inner place and falls behind it again.

    `at_end`: the interval of the place touches an end of the grid, so that the peak may lie beyond it. `curve` (k,) and
    `low`, `high` (k,) its band, over ascending `positions` (k,).
    """

    at: Located
    height: Located
    prominence: Located
    at_end: bool
    positions: np.ndarray
    curve: np.ndarray
    low: np.ndarray
    high: np.ndarray


def peak(
    positions: Any, errors: Given[Any, "m k"], rng: np.random.Generator, statistic: Statistic = "median"
) -> Peak:
    r"""Where has a curve over several seeds its peak, and does it stand out?

    y_i = median (or mean) over seeds of the error at place i. height = max y, at = its place,
    prominence = max over inner i of min(y_i - min_(j<i) y_j, y_i - min_(j>i) y_j), 0 or less where the curve only
    falls, only rises or only dips. Intervals: seeds are drawn anew, each with its errors at all places, for a seed
    keeps its subset and its directions along the curve; the middle 95 % of 2,000 draws, stretched to hold the value.

    Positions that differ by seed (effective numbers of parameters) are the median over the same seeds, and places are
    put in ascending order within each draw.

    Args:
        positions: (k,) ascending, or (m, k) by seed.
        errors: (m, k) of m seeds at k places.
        rng: of the draws.
        statistic: what is taken over seeds.

    Returns:
        A `Peak`; places and heights of a peak at the end of the grid are those of the end.

    Raises:
        InputRefused: fewer than 10 seeds or 3 places, NaN, or positions that do not fit.

    Cost: 2,000 m k. Fails when: the peak lies between two places, or seeds share their training examples (intervals
    are then of this training set). The largest of several noisy values is drawn a little too high.

    Reference: Efron and Tibshirani 1993, An introduction to the bootstrap, chapter 13; the peak: Belkin, Hsu, Ma,
    Mandal 2019, Reconciling modern machine-learning practice and the classical bias-variance trade-off.

    >>> rng = np.random.default_rng(0)
    >>> found = peak([1, 2, 4, 8], np.array([[2.0, 1.0, 3.0, 1.5]] * 12) + rng.normal(0, 0.1, (12, 4)), rng)
    >>> found.at.value, found.at_end, round(found.prominence.value)
    (4.0, False, 1)
    """
    y = array(errors, "errors", "mk").astype(np.float64)
    x = array(positions, "positions", "k" if np.ndim(positions) == 1 else "mk").astype(np.float64)
    m, k = y.shape
    if m < FEWEST_SEEDS or k < FEWEST_POINTS or x.shape[-1] != k or (x.ndim == 2 and len(x) != m):
        raise InputRefused(
            expected=f"errors of at least {FEWEST_SEEDS} seeds at {FEWEST_POINTS} places, and positions that fit",
            came=f"errors {y.shape}, positions {x.shape}",
            do="Train more seeds, or give more values of the setting.",
        )
    over = np.median if statistic == "median" else np.mean
    picks = rng.integers(m, size=(DRAWS, m))
    own = _curves(x, y, np.arange(m)[None], over)
    drawn = _curves(x, y, picks, over)
    (places, curve), (x_drawn, y_drawn) = (one[0] for one in own), drawn
    tops, rows = y_drawn.argmax(1), np.arange(DRAWS)
    at = Located(float(places[curve.argmax()]), around(float(places[curve.argmax()]), x_drawn[rows, tops]))
    ends = np.quantile(tops, [0.025, 0.975])
    band = np.quantile(y_drawn, [0.025, 0.975], axis=0)
    prominent = float(_prominence(curve[None])[0])
    return Peak(
        at=at,
        height=Located(float(curve.max()), around(float(curve.max()), y_drawn.max(1))),
        prominence=Located(prominent, around(prominent, _prominence(y_drawn))),
        at_end=bool(min(curve.argmax(), ends[0]) < 1 or max(curve.argmax(), ends[1]) > k - 2),
        positions=places, curve=curve, low=np.minimum(band[0], curve), high=np.maximum(band[1], curve),
    )  # fmt: skip


def _curves(x: np.ndarray, y: np.ndarray, picks: np.ndarray, over: Any) -> tuple[np.ndarray, np.ndarray]:
    """(b, k) positions, ascending, and the curve there, of each draw of seeds (b, m)."""
    curve = over(y[picks], axis=1)
    places = np.median(x[picks], axis=1) if x.ndim == 2 else np.broadcast_to(x, curve.shape)
    order = np.argsort(places, axis=1, kind="stable")
    return np.take_along_axis(places, order, 1), np.take_along_axis(curve, order, 1)


def _prominence(y: Float[np.ndarray, "b k"]) -> Float[np.ndarray, " b"]:
    """How far each curve rises to an inner place and falls behind it, at its most prominent one."""
    before = np.minimum.accumulate(y, axis=1)[:, :-2]
    after = np.minimum.accumulate(y[:, ::-1], axis=1)[:, ::-1][:, 2:]
    return (y[:, 1:-1] - np.maximum(before, after)).max(1)
