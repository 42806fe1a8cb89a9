r"""Floors: what does a measure of orbits say of another true orbit, and of the training series played again?

A measure m(reference, generated) has no zero that a model could reach: two true orbits of T steps differ. Its floor
band are the quantiles of m(a, b) over pairs of independent true orbits of T steps; its replay null is m(reference,
training series), played round and round for T steps. Both depend on T, which is a part of the score.

Reference: byheart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.orbits.pairs import leaves, orbit_of, orbit_pair, stands_still, units_known
from byheart.maths.orbits.surrogates import replay
from byheart.maths.shapes import Given

QUANTILES = (0.05, 0.95)
SHORTEST = 50  # steps of which anything is scored
Measure = Callable[[np.ndarray, np.ndarray], Any]  # (reference, generated) -> a number, or a record with `.value`


@dataclass(frozen=True)
class Floor:
    """What a measure says of pairs of true orbits.

    Attributes:
        low, middle, high: quantiles of the pairs, at 5 %, 50 % and 95 % where nothing else was asked for.
        pairs: how many ordered pairs; they share orbits, so that they are not as many independent ones.
        orbits: how many true orbits.
        steps: T of each.
    """

    low: float
    middle: float
    high: float
    pairs: int
    orbits: int
    steps: int


@dataclass(frozen=True)
class Score:
    """What a measure says of a generated orbit, beside what it says of a true one and of a replay.

    Attributes:
        value: the measure; NaN where the orbit diverges, of which no distance is said.
        floor: of true orbits, of the same length.
        replay: of the training series, played again for as many steps.
        steps: T of all of these.
        kind: "divergence", "fixed point", or empty where neither is plain to see (`classify` says the kind).
    """

    value: float
    floor: Floor
    replay: float
    steps: int
    kind: str

    @property
    def above_floor(self) -> bool:
        """Is it further from the reference than true orbits are? A divergence is."""
        return not self.value <= self.floor.high

    @property
    def blind(self) -> bool:
        """Is a replay at the floor, so that the measure cannot tell it from a model of the system?"""
        return self.replay <= self.floor.high


def floor_band(
    orbits: Sequence[Any] | Given[Any, "m t d"], measure: Measure, quantiles: tuple[float, float] = QUANTILES
) -> Floor:
    r"""Which values has a measure between two true orbits?

    Quantiles over all ordered pairs of the orbits. What is inside is not told from the true system.

    Args:
        orbits: (m, t, d) independent true orbits of one length, standardised by the training series; or a list of them.
        measure: (reference, generated) -> a number, or a record whose `value` is one.
        quantiles: the lower and the upper end.

    Returns:
        `Floor`.

    Raises:
        InputRefused: fewer than 2 orbits, other lengths, two that are the same; quantiles out of order; a measure that
            gives NaN.

    Cost: m (m - 1) times the measure. Fails when: orbits are not independent: pieces of one, or begun side by side.
    Reference: byheart.

    >>> orbits = np.random.default_rng(0).normal(size=(4, 200, 1))
    >>> found = floor_band(orbits, lambda a, b: abs(a.mean() - b.mean()))
    >>> found.pairs, found.steps, 0 < found.low < found.middle < found.high < 0.3
    (12, 200, True)
    """
    if not 0 <= quantiles[0] < quantiles[1] <= 1:
        raise InputRefused("two quantiles from 0 to 1, in order", str(quantiles), "Leave them at (0.05, 0.95).")
    true = [orbit_of(one, f"true orbit {i}") for i, one in enumerate(orbits)]
    if len(true) < 2 or len({len(one) for one in true}) > 1:
        raise InputRefused(
            expected="at least 2 true orbits of one length", came=f"{[len(one) for one in true][:5]} steps",
            do="Integrate the system from other starts, or cut all to the shortest: a floor depends on the length.",
        )  # fmt: skip
    pairs = [(i, j) for i in range(len(true)) for j in range(len(true)) if i != j]
    for i, j in pairs:
        if np.array_equal(true[i], true[j]):
            raise InputRefused("independent orbits", f"orbits {i} and {j} are the same", "Begin them elsewhere.")
    with units_known():
        values = [_number(measure(true[i], true[j])) for i, j in pairs]
    low, middle, high = np.quantile(values, (quantiles[0], 0.5, quantiles[1]))
    return Floor(float(low), float(middle), float(high), len(pairs), len(true), len(true[0]))


def replay_null(train: Given[Any, "*r"], reference: Given[Any, "*s"], measure: Measure) -> float:
    r"""What would a measure say of the training series, used as if a model had generated it?

    m(reference, replay), the training series from its first step on, round and round for as long as the reference.
    Where this is at the floor the measure cannot see learning by heart.

    Args:
        train: (t, d) the training series.
        reference: (s, d) a true orbit that is not part of it.
        measure: as in `floor_band`.

    Returns:
        The number.

    Raises:
        InputRefused: no series; NaN from the measure; what the measure refuses.

    Cost: the measure once. Fails when: the reference is a part of the training series, where it is 0 whatever the
    measure: see `leaked`.
    Reference: byheart.

    >>> replay_null(np.array([1.0, 3.0]), np.array([1.0, 2.0, 3.0, 4.0]), lambda a, b: (b - a).sum())
    -2.0
    """
    a = orbit_of(reference, "the reference")
    with units_known():
        return _number(measure(a, replay(train, len(a))))


def score(
    measure: Measure, reference: Given[Any, "*r"], generated: Given[Any, "*q"], train: Given[Any, "*p"], orbits: Any
) -> Score:
    r"""Is a generated orbit as near to the reference as a true one, and would a replay be?

    The measure of the generated orbit, its floor and its replay null, all over the same number of steps: those of the
    shortest. An orbit that diverges has a kind and no value.

    Args:
        measure: (reference, generated) -> a number, or a record whose `value` is one.
        reference: (t, d) a true orbit that was not trained on.
        generated: (s, d) in the same units.
        train: (r, d) the training series.
        orbits: (m, t, d) independent true orbits, or the `Floor` that was made of them, of exactly T steps.

    Returns:
        `Score`.

    Raises:
        InputRefused: what `floor_band`, `replay_null` and the measure refuse; a `Floor` of another length;
            fewer than 50 steps in common.

    Cost: the measure m (m - 1) + 2 times. Fails when: true orbits are begun near each other.
    Reference: byheart.

    >>> noise = np.random.default_rng(0).normal(size=(6, 100, 1))
    >>> found = score(lambda a, b: abs(a.std() - b.std()), noise[0], 3 * noise[1], noise[2], noise[3:])
    >>> found.above_floor, found.blind, found.steps
    (True, True, 100)
    """
    a, b = orbit_of(reference, "the reference"), orbit_of(generated, "the generated orbit", finite=False)
    steps = min(len(a), len(b), *([orbits.steps] if isinstance(orbits, Floor) else map(len, orbits)))
    if isinstance(orbits, Floor) and orbits.steps != steps:
        raise InputRefused(
            f"a floor of {steps} steps, as long as both orbits", f"one of {orbits.steps}", "It depends on the length."
        )
    if steps < SHORTEST:
        raise InputRefused(f"orbits of at least {SHORTEST} steps", f"{steps} in common", "Let them run longer.")
    gone = leaves(a, b[:steps]) is not None
    if not gone:
        orbit_pair(
            a, b[:steps] if leaves(a, b) is not None else b
        )  # whole: standardised by itself is seen on all of it
    a, b = a[:steps], b[:steps]
    floor = orbits if isinstance(orbits, Floor) else floor_band([one[:steps] for one in orbits], measure)
    null = replay_null(train, a, measure)
    if gone:
        return Score(np.nan, floor, null, steps, "divergence")
    with units_known():
        value = _number(measure(a, b))
    return Score(value, floor, null, steps, "fixed point" if stands_still(a, b) else "")


def _made_of(b: np.ndarray, train: np.ndarray) -> bool:
    """Are these the states of the training series in some order, so that its mean and deviation are theirs?"""
    return b.shape == train.shape and np.array_equal(np.sort(b, 0), np.sort(train, 0))


def _number(given: Any) -> float:
    """The number that a measure gives."""
    value = float(getattr(given, "value", given))
    if np.isnan(value):
        raise InputRefused("a number from the measure", "NaN", "A distance between finite orbits is one.")
    return value
