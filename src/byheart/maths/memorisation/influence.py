"""Influences of all pairs of a training and a new example, in pieces that fit memory; what chance does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask
from byheart.maths.shapes import Float, Given

# float32 influences are exact to about 1e-7: a tie with a threshold counts as reaching it
ROUNDING = 1e-6
ROWS = 256
FEW = 32  # one value in so many reaches a threshold: the others are dropped before the next


class Counts(NamedTuple):
    """Pairs at or above each of g thresholds: `measured` (g,), `shuffled` (shuffles, g), among `pairs`.

    `largest` (n,): the largest measured influence of each training example, to about 1e-6; -inf where there is none.
    """

    measured: np.ndarray
    shuffled: np.ndarray
    pairs: int
    largest: np.ndarray


class MembersNeeded(NamedTuple):
    """How many members single pairs would take, and the standard error that they would reach."""

    members: int
    standard_error: float


class _Design(NamedTuple):
    """weights (n, m) times outcome (m, q), float32, is the influence; `dropped` queries never vary."""

    weights: np.ndarray
    outcome: np.ndarray
    dropped: int
    two_sided: np.ndarray

    def most(self) -> np.ndarray:
        """(q,) the largest influence that any order of the members gives: the best outcomes to those that saw."""
        ascending = np.sort(self.outcome.astype(np.float64), 0)
        totals = np.vstack([np.zeros(self.outcome.shape[1]), np.cumsum(ascending, 0)])
        outside = np.unique((self.weights < 0).sum(1))
        inside = len(self.outcome) - outside
        best = (totals[-1] - totals[outside]) / inside[:, None] - totals[outside] / outside[:, None]
        return best.max(0)

    def chunks(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """Influences (rows, q) of successive training examples, the members' outcomes taken in `order`."""
        outcome = np.ascontiguousarray(self.outcome[order])
        buffer = np.empty((min(ROWS, len(self.weights)), outcome.shape[1]), np.float32)
        for start in range(0, len(self.weights), ROWS):
            rows = self.weights[start : start + ROWS]
            yield np.matmul(rows, outcome, out=buffer[: len(rows)])


def _design(outcome: Any, mask: Any) -> _Design:
    outcome = array(outcome, "outcome", "mq")
    mask = members_mask(mask, (len(outcome), array(mask, "mask", "mn").shape[1]))
    n_in = mask.sum(0)
    two_sided = (n_in > 0) & (n_in < len(mask))
    mask, n_in = mask[:, two_sided], n_in[two_sided]
    weights = np.where(mask, 1 / n_in, -1 / (len(mask) - n_in)).T.astype(np.float32)
    varies = (outcome != outcome[:1]).any(0)
    values = outcome[:, varies].astype(np.float64)
    # influences do not change when a query's outcomes are centred; large margins then keep their digits
    values -= values.mean(0)
    return _Design(np.ascontiguousarray(weights), values.astype(np.float32), int((~varies).sum()), two_sided)


def largest_influence_null(
    outcome: Given[Any, "m q"], mask: Given[Any, "m n"], rng: np.random.Generator, shuffles: int = 40
) -> Float[np.ndarray, " s"]:
    r"""How large is the largest influence of all pairs when nothing influences anything?

    For each of `shuffles` permutations s of the members: max over i, q of mean_{j: M_ji} O_{s(j)q} - mean_{j:
    not M_ji} O_{s(j)q}. A measured pair stands clear of chance if it exceeds all but 1 in 20 of these. Unit
    of the outcome; both poles give the same as any learner with their share of errors, 0 if outcomes never
    vary.

    Args:
        outcome: (m, q) outcome of each member on each query.
        mask: (m, n) True where the member saw the training example.
        rng: the source of the permutations.
        shuffles: number of permutations.

    Returns:
        (shuffles,) the largest influence in each; NaN if no training example has members on both sides.

    Raises:
        InputRefused: wrong shapes, NaN outcomes, a mask that is not boolean.

    Cost: at most shuffles times m n q multiplications in float32 (exact to about 1e-7), fewer where some queries
    could reach more than others; memory of 256 n numbers. Fails when: members differ so much in skill that a
    permutation measures that.

    Reference: Westfall and Young 1993, "Resampling-based multiple testing", section 2.3 (the maximum
    statistic).

    >>> largest_influence_null([[1], [0]], [[1, 0], [0, 1]], np.random.default_rng(0), 2)
    array([1., 1.])
    """
    design = _design(outcome, mask)
    largest = np.full(shuffles, np.nan)
    if not len(design.weights) or not np.size(outcome):
        return largest
    # queries in the order of what they can reach: once one is found above the rest's, the rest need not be asked
    most = design.most()
    by_reach = np.argsort(-most, kind="stable")
    columns = np.ascontiguousarray(design.outcome[:, by_reach])
    for s in range(shuffles):
        order = rng.permutation(len(columns))
        largest[s] = 0.0 if design.dropped else -np.inf
        for start in range(0, len(by_reach), ROWS):
            if most[by_reach[start]] <= largest[s] - ROUNDING:
                break
            found = design.weights @ columns[order, start : start + ROWS]
            largest[s] = max(largest[s], float(found.max()))
    # a rounding of float32 must not stand above a share such as 1
    return np.round(largest, 6)


def influence_counts(
    outcome: Given[Any, "m q"],
    mask: Given[Any, "m n"],
    thresholds: Given[Any, " g"],
    rng: np.random.Generator | None = None,
    shuffles: int = 0,
) -> Counts:
    r"""How many pairs reach an influence, and how many would by chance?

    count_g = #{(i, q): influence_iq >= threshold_g}, measured, and again with the members permuted. Where
    measured and shuffled agree the pairs are noise. Unit: pairs. Rote gives one pair per exact copy, Oracle
    as many as chance.

    Args:
        outcome: (m, q) outcome of each member on each query.
        mask: (m, n) True where the member saw the training example.
        thresholds: (g,) influences, in the unit of the outcome; reached within 1e-6 counts.
        rng: the source of the permutations; seed 0 if absent.
        shuffles: number of permutations.

    Returns:
        `measured` (g,) and `shuffled` (shuffles, g), integers; `pairs`, those with members on both sides.

    Raises:
        InputRefused: wrong shapes, NaN in outcome or thresholds, a mask that is not boolean.

    Cost: (1 + shuffles) times m n q multiplications in float32 and g n q comparisons; memory of 256 q
    numbers. Fails when: thresholds are closer to each other than the rounding of 1e-6.

    Reference: Feldman and Zhang 2020, section 3.3 (threshold 0.15); permutation: Westfall and Young 1993.

    >>> counts = influence_counts([[1, 1], [1, 0], [0, 1]], [[1], [1], [0]], [0.15, 0.9])
    >>> counts.measured, counts.pairs
    (array([1, 1]), 2)
    """
    design = _design(outcome, mask)
    grid = array(thresholds, "thresholds", "g").astype(np.float64)
    rng = np.random.default_rng(0) if rng is None else rng
    m, varying = design.outcome.shape
    orders = [np.arange(m)] + [rng.permutation(m) for _ in range(shuffles)]
    # a query whose outcome never varies has influence 0 everywhere
    still = len(design.weights) * design.dropped * (grid <= ROUNDING).astype(np.int64)
    counts = np.tile(still, (len(orders), 1))
    ascending = np.argsort(grid, kind="stable")
    largest = np.full(len(design.two_sided), -np.inf)
    largest[design.two_sided] = _still(design)
    for row, order in enumerate(orders if varying else []):
        most = []
        for chunk in design.chunks(order):
            counts[row, ascending] += _reaching(chunk.ravel(), grid[ascending])
            most.append(chunk.max(1))
        if row == 0:
            largest[design.two_sided] = np.maximum(largest[design.two_sided], np.concatenate(most))
    return Counts(counts[0], counts[1:], len(design.weights) * (varying + design.dropped), largest)


def _still(design: _Design) -> float:
    """The largest influence on queries that never vary."""
    return 0.0 if design.dropped else -np.inf


def _reaching(values: np.ndarray, ascending: np.ndarray) -> list[int]:
    """How many values reach each threshold; those below are dropped once few are left."""
    found = []
    for threshold in ascending:
        reached = values >= np.float32(threshold - ROUNDING)
        found.append(int(np.count_nonzero(reached)))
        if found[-1] * FEW < len(values):
            values = values[reached]
    return found


def members_needed(
    n: int, q: int, threshold: float = 0.15, share: float = 0.7, false_alarms: float = 0.05, variance: float = 0.25
) -> MembersNeeded:
    r"""How many members would it take to name single pairs?

    Among n q pairs without influence at most `false_alarms` may reach the threshold: the standard error must
    be s <= threshold / z, z = Phi^-1(1 - false_alarms/(n q)). With v the variance of an outcome over members (1/4
    in the worst case of right and wrong) s^2 = v (1/(share m) + 1/((1 - share) m)), hence m = v (1/share + 1/(1 -
    share))/s^2. Unit: members; the poles have no part in it.

    Args:
        n: training examples.
        q: queries.
        threshold: influence to be told from 0, as a share of right answers.
        share: share of the training examples that a member sees.
        false_alarms: expected number of false pairs among all.
        variance: v, of a query's outcome over members.

    Returns:
        `members` and the `standard_error` that they reach.

    Raises:
        InputRefused: arguments out of range.

    Cost: none. Fails when: the mask is unbalanced.

    Reference: Bonferroni's inequality with the binomial variance; Feldman and Zhang 2020, Lemma 2.1, for a
    bound.

    >>> members_needed(5000, 2000).members
    1738
    """
    if not (n >= 1 and q >= 1 and 0 < share < 1 and threshold > 0 and 0 < false_alarms < 1):
        raise InputRefused(
            expected="n, q >= 1, share and false_alarms between 0 and 1, threshold above 0",
            came=f"n={n}, q={q}, share={share}, threshold={threshold}, false_alarms={false_alarms}",
            do="Correct the argument out of range.",
        )
    z = -float(ndtri(false_alarms / (n * q)))
    if z <= 0:
        return MembersNeeded(2, threshold)
    error = threshold / z
    return MembersNeeded(max(2, math.ceil(variance * (1 / share + 1 / (1 - share)) / error**2)), error)
