r"""Replayed: is a generated orbit of its own, or a stretch of the training series?

Windows of w steps, in deviations of the training series; for each generated window u the distance to the nearest window
of the training series and of a held-out series of the same length,

    novelty = median_u min_{v in train} |u - v| / median_u min_{v in held out} |u - v|.

Of the longer series the piece is taken, of the length of the shorter one, that is nearest to the orbit: a replay is
found wherever it is from. A new orbit of the system is as far from one as from the other: 1 (a little less where there
are many pieces to choose from). A replay is 0, a disturbed replay in between. Single states cannot tell: on an
attractor every state has near ones in the training series. Windows of about three Lyapunov times can, for two orbits
that differ stay together no longer.

Reference: byheart. The time of a window: Rosenstein, Collins, De Luca 1993, "A practical method for calculating largest
Lyapunov exponents from small data sets", Physica D 65.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from byheart.errors import InputRefused
from byheart.maths.orbits.pairs import orbit_pair
from byheart.maths.orbits.parting import dominant_period, parting_rate
from byheart.maths.shapes import Float, Given

LYAPUNOV_TIMES = 3
PARTS = 8  # of a piece of the longer series: pieces begin at each of them
ASKED = 200  # generated windows, evenly spread: their median is said
HELD = 4_000_000  # numbers of windows held at a time


@dataclass(frozen=True)
class Novelty:
    """How far a generated orbit is from a replay of the training series.

    Attributes:
        value: 0 a replay, 1 as new as another orbit of the system; infinite: a replay of the held-out series.
        window_steps: w, the steps of a window.
        to_train: median distance to the nearest training window, in training deviations (root mean square a value).
        to_held_out: the same to the held-out windows.
        windows: how many generated windows were asked.
        steps: of the training and of the held-out series, cut to the shorter.
    """

    value: float
    window_steps: int
    to_train: float
    to_held_out: float
    windows: int
    steps: int


def novelty(
    train: Given[Any, "*r"], held_out: Given[Any, "*s"], generated: Given[Any, "*q"], window: int | None = None
) -> Novelty:
    r"""Is a generated orbit new, or a replay of the training series?

    The ratio at the head of the file. A replay of the training series has 0, the true system 1.

    Args:
        train: (t, d) the series learned from, or (t,).
        held_out: (s, d) another stretch of the system, not overlapping; of the longer of the two the nearest piece.
        generated: (g, d) in the same units, never standardised by itself.
        window: steps of a window. None: three Lyapunov times, by the rate at which neighbours in `train` part; where
            they do not, one dominant period.

    Returns:
        `Novelty`.

    Raises:
        InputRefused: `pairs.orbit_pair`; series shorter than two windows, a window below 1; a generated orbit in which
        both series are found to the last digit, as where all are the same cycle: nothing can be said.

    Cost: 200 windows against all of both series, 200 t w d products: 10,000 steps of Lorenz 1963 about 1 CPU s. Fails
    when: the system comes back to itself (a cycle): no orbit of it is new, and the ratio is of distances near
    0; the series are short: true orbits of Lorenz 1963 over 145 Lyapunov times are at 0.7 to 1.3 (10 tried).
    Reference: byheart; Rosenstein, Collins, De Luca 1993 (title at the head of the file).

    >>> x = np.random.default_rng(0).normal(size=3000).cumsum() % 5
    >>> novelty(x[:1000], x[1000:2000], x[200:700], window=10).value
    0.0
    """
    a, c = orbit_pair(train, generated)
    _, b = orbit_pair(train, held_out)
    w = _window(a) if window is None else int(window)
    steps = min(len(a), len(b))
    if w < 1 or min(steps, len(c)) < 2 * w:
        raise InputRefused(
            expected=f"series of at least two windows of {w} steps",
            came=f"{len(a)} training, {len(b)} held-out and {len(c)} generated steps",
            do="Generate longer, or give a shorter window=.",
        )
    mean, sd = a.mean(0), a.std(0)
    known, other, made = ((one - mean) / sd for one in (a, b, c))
    places = np.unique(np.linspace(0, len(made) - w, ASKED).astype(int))
    asked = sliding_window_view(made, w, 0)[places].reshape(len(places), -1)
    part = places * max(1, round(len(made) / steps)) // len(made)  # of a long orbit each part has a piece of its own
    near, far = (float(np.median(_nearest_piece(asked, part, one, w, steps))) for one in (known, other))
    if near == far == 0:
        raise InputRefused(
            expected="a generated orbit that is not found in both series to the last digit",
            came="one that is",
            do="They repeat each other, as on a cycle: whether it was learned by heart is not seen.",
        )  # fmt: skip
    return Novelty(near / far if far else np.inf, w, near, far, len(places), steps)


def _window(train: Float[np.ndarray, "t d"]) -> int:
    """Three Lyapunov times; one dominant period where neighbours do not part."""
    scaled = (train - train.mean(0)) / train.std(0)
    rate = parting_rate(scaled)
    return ceil(LYAPUNOV_TIMES / rate) if rate > 0 else dominant_period(scaled)


def _nearest_piece(
    asked: Float[np.ndarray, "q f"], part: np.ndarray, series: Float[np.ndarray, "t d"], w: int, steps: int
) -> Float[np.ndarray, " q"]:
    """Distance of each window to the nearest of one piece of the series: of each part's, the one of least median."""
    if len(series) == steps:
        return _nearest(asked, series, w)
    windows, long = len(series) - w + 1, max(1, (steps - w + 1) // PARTS)
    ends = np.linspace(0, windows, ceil(windows / long) + 1).round().astype(int)
    each = np.stack([_nearest(asked, series[a : b + w - 1], w) for a, b in pairwise(ends)])  # (blocks, q)
    pieces = sliding_window_view(each, min(PARTS, len(each)), 0).min(-1)  # (pieces, q)
    found = np.empty(len(asked))
    for one in np.unique(part):
        those = part == one
        found[those] = pieces[np.median(pieces[:, those], 1).argmin()][those]
    return found


def _nearest(asked: Float[np.ndarray, "q f"], series: Float[np.ndarray, "t d"], w: int) -> Float[np.ndarray, " q"]:
    """Root mean square distance of each window to the nearest of the series.

    By products the nearest is found, and its distance then taken by differences: products round 0 to 1e-8.
    """
    windows = sliding_window_view(series, w, 0)
    best, where = np.full(len(asked), np.inf), np.zeros(len(asked), int)
    at_once = max(HELD // asked.shape[1], 1)
    for start in range(0, len(windows), at_once):
        part = windows[start : start + at_once].reshape(-1, asked.shape[1])
        apart = (part**2).sum(1) - 2 * asked @ part.T
        first = apart.argmin(1)
        least = apart[np.arange(len(asked)), first]
        where = np.where(least < best, start + first, where)
        best = np.minimum(best, least)
    return np.sqrt(((asked - windows[where].reshape(len(asked), -1)) ** 2).mean(1))
