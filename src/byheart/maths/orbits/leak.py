r"""Leak: does a test series hold stretches of its training series?

Steps are compared as they are, then rounded as the coarser of the two series is, then to the precision of single
numbers, then after a shift and a scale of each channel, found by the ratios of successive differences, which neither
changes. A stretch counts by its moves, the steps at which the series is not what it was: to stand still is no copy.

An orbit may return by itself. So a stretch is a copy only where it has more than one and a half times as many moves as
the longest that repeats inside either series; where it begins or ends by a jump, as neighbours do not part, or at both
sides with a series; where it stands in neither three times or more; and where neither is a cycle from end to end.

Reference: byheart. Of the stored files of two published benchmarks the test series of one (EEG) is its training series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.orbits.pairs import orbit_of
from byheart.maths.orbits.stretches import FROM, MOVES, PARTNER, Compared, compared
from byheart.maths.shapes import Float, Given

FEWEST = 8  # moves of a stretch that may be called a copy
TIMES, MORE = 1.5, 4  # a copy has more than so many times the moves that repeat by themselves, and so many more
PLACES = 3  # a stretch that stands in a series so often is a way the system moves
NEARLY = 0.95  # of a series: so much at one offset in time is a copy of it
FITTED = 3  # stretches of which the shift and the scale are tried
DISTINCT = 0.9  # share of steps that have ratios of their own, where ratios may say that two are the same
JUDGED = 20  # stretches, the longest
SINGLE = 4 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Leak:
    """What a test series shares with its training series.

    Attributes:
        kind: "none"; "returns", stretches are shared, as they are inside each; "overlapping", a stretch of both;
            "shifted", nearly all of the shorter at another place; "identical", nearly all of both, step for step.
        steps: of the test series that are in such stretches.
        longest: steps of the longest.
        train_at: where it begins in the training series; -1 where there is none.
        test_at: where it begins in the test series.
        precision: to which they are equal: "exact", "rounded", "single", or "rescaled", after shift and scale.
    """

    kind: str
    steps: int = 0
    longest: int = 0
    train_at: int = -1
    test_at: int = -1
    precision: str = "exact"

    @property
    def copied(self) -> bool:
        """Is a score on this test series no score on new data?"""
        return self.kind in ("overlapping", "shifted", "identical")


def leaked(train: Given[Any, "*r"], test: Given[Any, "*s"]) -> Leak:
    r"""Does the test series hold stretches of the training series?

    As the head of the file says; asked before every score, for a replay of what was copied scores as the true system.

    Args:
        train: (t, d) the training series, or (t,); several one after the other.
        test: (s, d) the test series.

    Returns:
        `Leak`.

    Raises:
        InputRefused: NaN or infinity, other channels, fewer than 2 steps.

    Cost: a few sorts of both series for each doubling of their length; 0.2 CPU s for two of 10,000 steps and 3
    channels. Fails when: copies carry noise (see `novelty`); a cycle is seen less than twice; values are so coarse that
    long stretches are alike by chance, where only longer copies are found.
    Reference: byheart.

    >>> x = np.random.default_rng(0).normal(size=1000).cumsum()
    >>> leaked(x[:600], x[600:]).kind, leaked(x[:600], x[570:]), leaked(x, x).kind
    ('none', Leak(kind='overlapping', steps=30, longest=30, train_at=570, test_at=0, precision='exact'), 'identical')
    """
    a, b = orbit_of(train, "the training series"), orbit_of(test, "the test series")
    if a.shape[1] != b.shape[1]:
        raise InputRefused(
            f"{a.shape[1]} channels in both", f"{b.shape[1]} in the test series", "Compare the same ones."
        )
    said = Leak("none")
    for precision, p, q, within in _readings(a, b):
        found = _shared(compared(p, q, within), precision)
        if found.copied:
            return found
        if said.kind == "none":
            said = found
    return said


def _readings(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(precision, both series, tolerance of each channel), at one precision after the other."""
    exact, single = np.zeros(a.shape[1]), SINGLE * np.maximum(np.abs(a).max(0), 4 * a.std(0))
    yield "exact", a, b, exact
    rounded = [_rounded(x, y) for x, y in zip(a.T, b.T, strict=True)]
    yield "rounded", *(np.stack(one, 1) for one in zip(*rounded, strict=True)), exact
    yield "single", a, b, single
    if min(len(a), len(b)) > FEWEST + 2:
        for moved in _moved(a, b):
            yield "rescaled", a, moved, single


def _moved(a: np.ndarray, b: np.ndarray) -> Iterator[np.ndarray]:
    """The test series shifted and scaled so that one of its stretches is that of the training series."""
    ratios = _ratios(a), _ratios(b)
    moving = np.ptp(a, axis=0) > 0
    if any(len(np.unique(np.round(x, 6))) < DISTINCT * len(x) for one in ratios for x in one[:, moving].T):
        return  # values so coarse, or a motion so simple, that most steps are alike after a shift
    both = compared(*ratios, np.full(a.shape[1], 1e-7))
    found, alone = both.stretches(both.second, both.first), _alone(both)
    for at, steps, _, there in found[found[:, MOVES] >= _least(both, alone)][:FITTED].tolist():
        at -= len(a) - 1  # ratios are two steps shorter, and a row of NaN stands between
        x, y = a[there : there + steps + 2], b[at : at + steps + 2]
        centred = y - y.mean(0)
        size = (centred**2).sum(0)
        scale = np.where(size > 0, (centred * x).sum(0) / np.where(size > 0, size, 1.0), 1.0)
        yield (b - y.mean(0)) * scale + x.mean(0)


def _ratios(x: np.ndarray) -> Float[np.ndarray, "t d"]:
    """The angle of each difference against the one before: what shift and scale of a channel leave as it is."""
    moved = np.diff(x, axis=0)
    angle = np.arctan2(moved[1:], moved[:-1])
    return np.where(angle < 0, angle + np.pi, angle) % np.pi  # a scale below 0 too


def _decimals(k: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.round(x, k)


def _digits(k: int) -> Callable[[np.ndarray], np.ndarray]:
    def rounded(x: np.ndarray) -> np.ndarray:
        unit = 10.0 ** (np.floor(np.log10(np.maximum(np.abs(x), 1e-300))) - k + 1)
        return np.round(x / unit) * unit

    return rounded


def _in(kind: type) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: x.astype(kind).astype(np.float64)


ROUNDINGS = (*map(_decimals, range(-2, 7)), *map(_digits, range(3, 7)), _in(np.float16), _in(np.float32))


def _rounded(x: Float[np.ndarray, " t"], y: Float[np.ndarray, " s"]) -> tuple[np.ndarray, np.ndarray]:
    """One channel of both, as the coarser of them is rounded; to single precision where neither is."""
    for rounding in ROUNDINGS:
        with np.errstate(over="ignore"):
            each = [rounding(one) for one in (x, y)]
        if any(_as_given(r, one) for r, one in zip(each, (x, y), strict=True)):
            return each[0], each[1]
    return each[0], each[1]


def _as_given(rounded: np.ndarray, x: np.ndarray) -> bool:
    """Does rounding change nothing, to what single precision would make of it?"""
    return bool(np.ptp(x) > 0 and (np.abs(rounded - x) <= SINGLE / 8 * np.abs(x)).all())


def _shared(both: Compared, precision: str) -> Leak:
    """What two readings share, and whether they would by nature."""
    found = both.stretches(both.second, both.first)
    found = found[found[:, MOVES] >= FEWEST]
    if not len(found):
        return Leak("none")
    alone = _alone(both)
    least, copies = _least(both, alone), np.zeros(len(found), bool)
    if not any(both.cycles(one[:JUDGED], x, FEWEST) for one, x in zip(alone, (both.first, both.second), strict=True)):
        long = np.flatnonzero(found[:, MOVES] >= least)
        copies[long[:JUDGED]] = [_copied(both, found[i]) for i in long[:JUDGED]]
        copies[long[JUDGED:]] = copies.any()
    taken = np.zeros(len(both.line), bool)
    counted = found[copies] if copies.any() else found
    for start, steps, _, _ in counted.tolist():
        taken[start : start + steps] = True
    train, test = int(both.first.sum()), int(both.second.sum())
    at, length, _, partner = counted[0].tolist()
    at -= train + 1
    kind = _kind(at - partner, int(taken.sum()), train, test) if copies.any() else "returns"
    return Leak(kind, int(taken.sum()), length, partner, at, precision)


def _alone(both: Compared) -> list[np.ndarray]:
    """The stretches that each of the series repeats."""
    return [both.stretches(series, series) for series in (both.first, both.second)]


def _least(both: Compared, alone: list[np.ndarray]) -> float:
    """The moves from which on a stretch may be called a copy."""
    return max(FEWEST, TIMES * max(_by_itself(both, one) for one in alone) + MORE)


def _copied(both: Compared, stretch: np.ndarray) -> bool:
    """Is it no return? It stands nowhere often, and jumps at an end; or ends with a series, and nothing is near it."""
    ends, series = both.ends(stretch), (both.first, both.second)
    often = max(both.times(stretch, one, nearly=ends == "open") for one in series) >= PLACES
    return ends != "soft" and not often


def _by_itself(both: Compared, alone: np.ndarray) -> int:
    """The most moves that a series repeats; but where it holds one copy of a part of itself, the most beside that."""
    offset = np.abs(alone[:, FROM] - alone[:, PARTNER])
    moves = [int(alone[offset == one, MOVES].max()) for one in np.unique(offset)]
    longest, second = [*sorted(moves, reverse=True), 0, 0][:2]
    return second if longest > TIMES * second + MORE and both.ends(alone[0]) != "soft" else longest


def _kind(offset: int, steps: int, train: int, test: int) -> str:
    if offset == 0 and steps >= NEARLY * max(train, test):
        return "identical"
    return "shifted" if offset != 0 and steps >= NEARLY * min(train, test) else "overlapping"
