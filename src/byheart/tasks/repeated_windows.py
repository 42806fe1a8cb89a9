"""Repeated windows: which windows of a series stand in it more than once, as parts of a longer copy?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from byheart.maths.orbits.repeats import Repeats

DIGITS = 9  # of a deviation, to which two numbers that were written alike are alike
SAFETY = 6  # times ln N / ln (1 / p): chance runs of N steps are seldom longer than twice that


def repeated(stretches: Sequence[np.ndarray], window: int) -> list[np.ndarray]:
    r"""A number for each window and its next step, stretch by stretch: equal for copies, -1 for what stands there once.

    A copy is part of a run of at least R steps that stands elsewhere, number for number, with

        R = max(w + 1, 6 ln N / ln(1 / p)),   p = sum_v c_v (c_v - 1) / (N (N - 1))

    N steps, c_v of which are v: p is the chance that two steps are alike (Simpson 1949), so that counts, switches and
    rounded numbers, whose short windows come again by chance, are no copies for that.

    Args:
        stretches: (t, d) each, in units of training.
        window: w, in steps.

    Cost: O(N log N log R). Fails when: a coarse series stays where it is for long, so that it repeats itself by nature:
    its blocks then count as copies, and less can be told of it.

    Reference: Simpson 1949, Measurement of diversity; Manber, Myers 1993, Suffix arrays.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 1))
        >>> first, again = repeated([x, x[10:30]], 3)
        >>> first[7:27].tolist() == [-1] * 3 + again.tolist(), bool(again.min() >= 0)
        (True, True)
    """
    steps = np.unique(np.round(np.concatenate(stretches), DIGITS), axis=0, return_inverse=True)[1].ravel()
    count, marks, parts, at = len(steps), int(steps.max()) + 1, [], 0
    for place, one in enumerate(stretches):
        parts += [steps[at : at + len(one)], [marks + place]]
        at += len(one)
    line = np.concatenate(parts).astype(np.int64)
    alike = (np.bincount(steps).astype(float) * (np.bincount(steps) - 1)).sum() / max(count * (count - 1), 1)
    alike = float(np.clip(alike, 1 / max(count**2, 4), 1 - 1e-9))
    run = max(window + 1, int(np.ceil(SAFETY * np.log(max(count, 2)) / -np.log(alike))))
    known = Repeats.of(line, np.zeros(0, np.int64))
    labels, long = (_of_length(known, len(line), length) for length in (window + 1, run))
    begins = np.bincount(long)[long] > 1
    before = np.concatenate([[0], np.cumsum(begins)])
    found, at = [], 0
    for one in stretches:
        first = at + np.arange(max(len(one) - window, 0))  # where a window begins; its next step is `window` later
        inside = before[first + 1] > before[np.maximum(first + window + 1 - run, at)]
        found.append(np.where(inside, labels[first], -1))
        at += len(one) + 1
    return found


def _of_length(known: Repeats, places: int, length: int) -> np.ndarray:
    """(places,) equal where runs of so many steps are equal."""
    level = min(int(length).bit_length() - 1, len(known.levels) - 1)
    rank = known.levels[level][:places]
    end = np.minimum(np.arange(places) + max(length - 2**level, 0), places - 1)
    return np.unique(rank * (rank.max() + 2) + rank[end], return_inverse=True)[1].ravel()
