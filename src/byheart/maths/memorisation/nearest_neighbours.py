"""How do neighbours lie around an example, and which of them are nearer than chance would bring?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from byheart.maths.memorisation.bounded_search import bounded, squared_blocks, within_reach
from byheart.maths.memorisation.membership import Prior, prior_of_variances
from byheart.maths.shapes import Bool, Float, Int, Shaped

NEIGHBOURS = 10
FALSE_COPIES = 0.05  # near copies that chance would bring, over all examples
FALSE_GAPS = 1.0  # gaps that chance would bring over all examples, by what ten neighbours know of a place
LARGEST_RATIO = 0.5  # distances with many ties have no dimension; farther than half way is no copy
MEMORY = 1 << 24  # distances at once
FEW_AXES, MANY = 12, 5_000  # axes up to which a tree pays, and rows from which on
ROWS = 64  # rows at once: the exact distances of their nearest are (rows, k, d) in float64


class Cloud(NamedTuple):
    """How neighbours spread in a set of examples.

    Attributes:
        dimension: D at the median example; infinite where neighbours are all equally far.
        threshold: largest d/r_10 of a near copy in D dimensions.
        spread: what 1/D is from place to place, as a prior worth `freedom`/2 steps between neighbours.
    """

    dimension: float
    threshold: float
    spread: Prior


def cloud_of(distance: Shaped[np.ndarray, "a k"], n: int) -> Cloud:
    """What cloud do distances to the k nearest show?

    Args:
        distance: (a, k) to the k nearest, ascending.
        n: examples of the set.

    Returns:
        The cloud; no number and a threshold of 0 where fewer than 3 neighbours are known.

    Raises:
        Nothing: distances are made by `nearest`.

    Cost: O(a k). Fails when: columns have few values: neighbours then lie on steps. Reference: as `near`.

    >>> cloud_of(np.ones((1, 4)), 100).dimension
    inf
    """
    if distance.shape[1] < 3:
        return Cloud(float("nan"), 0.0, Prior(0.0, 0.0))
    dimension = dimension_of(distance)
    mean = _steps(distance)[:, 1:].mean(1)  # of 1/D each, the first step left out: there copies lie
    mean = mean[np.isfinite(mean)]  # infinite where several are alike in all that is laid out
    if not len(mean):
        return Cloud(dimension, _threshold(dimension, n, distance.shape[1]), Prior(0.0, 0.0))
    mean = np.maximum(mean, 1e-3 * max(float(np.median(mean)), 1e-6))
    freedom = np.full(len(mean), 2.0 * (distance.shape[1] - 2))
    return Cloud(dimension, _threshold(dimension, n, distance.shape[1]), prior_of_variances(mean, freedom))


def near(distance: Shaped[np.ndarray, "a k"], cloud: Cloud, n: int) -> Bool[np.ndarray, "a k"]:
    r"""Which of the nearest are copies: nearer than chance would bring them to one of n examples?

    Twice: d < u r_k by the dimension of the whole cloud, and, for the places where there are fewer dimensions than at
    the median, a gap behind them that is as rare by what lies outside it. Where D is the same around an example, j
    log(r_{j+1}/r_j) are independent exponential steps of mean 1/D. With D ~ Gamma(a, b), a and a/b from all examples,
    and T the sum of the c steps farther out,

        P(step > s | T) = (1 + s/(b + T))^-(a + c),

    which must be below 1/n. All neighbours inside the outermost such gap are copies.

    Args:
        distance: (a, k) to the k nearest, ascending.
        cloud: how neighbours spread in the whole set, as `cloud_of` finds it.
        n: examples of the set.

    Returns:
        (a, k) bool. The poles have no part in it.

    Raises:
        Nothing: distances are made by `nearest`.

    Cost: O(a k). Fails when: more than k - 2 copies stand together, or columns have few values: neighbours then lie on
    steps and not smoothly, and more pairs pass.

    Reference: Renyi 1953, "On the theory of order statistics" (spacings of exponentials); the prior: Smyth 2004, as in
    `membership.prior_of_variances`; the rule is ours.

    >>> distance = np.array([[0.001, 7, 8, 9, 9.5, 10, 10.2, 10.4, 10.6, 10.8]])
    >>> near(distance, Cloud(8.0, 0.3, Prior(20.0, 1 / 8)), 1000)[0, :3].tolist()
    [True, False, False]
    """
    k = distance.shape[1]
    if k < 3:
        return np.zeros(distance.shape, bool)
    steps = _steps(distance)
    outer = np.column_stack([np.cumsum(steps[:, :0:-1], 1)[:, ::-1], np.zeros(len(steps))])
    shape = cloud.spread.freedom / 2 + np.arange(k - 2, -1, -1)
    rate = cloud.spread.freedom / 2 * cloud.spread.variance + outer
    with np.errstate(divide="ignore", invalid="ignore"):
        log_chance = -shape * np.log1p(steps / rate)
    rare = (log_chance < np.log(FALSE_GAPS / n)) & (distance < cloud.threshold * distance[:, -1:])[:, :-1]
    inside = np.logical_or.accumulate(rare[:, ::-1], 1)[:, ::-1]
    return np.column_stack([inside, np.zeros(len(distance), bool)])


def nearest(
    asked: Shaped[np.ndarray, "a d"],
    known: Shaped[np.ndarray, "n d"],
    own: Int[np.ndarray, " a"] | None,
    first: Int[np.ndarray, " n"],
) -> tuple[np.ndarray, ...]:
    """How far are the k nearest of the known rows, and which are they?

    Args:
        asked: (a, d) rows whose neighbours are sought.
        known: (n, d) rows among which they are.
        own: (a,) the name of each row asked, which is never its own neighbour; None where none is known.
        first: (n,) the names of the known rows.

    Returns:
        (a, k) distances, ascending, and (a, k) the names of whom they lead to. The poles have no part in it.

    Raises:
        Nothing: what comes is made by `duplicates`.

    Cost: O(a n d). Fails when: nothing. Reference: none.

    >>> line = np.array([[0.0], [1.0], [5.0]])
    >>> nearest(line, line, np.arange(3), np.arange(3))[1].tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    k = min(NEIGHBOURS, len(known) - (own is not None))
    distance, row = np.empty((len(asked), k)), np.empty((len(asked), k), int)
    itself = None if own is None else np.argsort(first)[np.searchsorted(first, own, sorter=np.argsort(first))]
    candidates = _by_bound if bounded(len(known), k) else _by_products
    candidates = _by_tree if known.shape[1] <= FEW_AXES and len(known) >= MANY else candidates
    for start, near in candidates(asked, known, itself, k):
        part = asked[start : start + len(near)]
        # float32 products lose small distances: those of the nearest are made anew
        exactly = ((part[:, None].astype(np.float64) - known[near]) ** 2).sum(2)
        # what ties but for rounding goes by place in `known`, which is by digest, not by the order of examples
        order = np.lexsort((near, _six_digits(exactly)))
        distance[start : start + len(part)] = np.sqrt(np.take_along_axis(exactly, order, 1))
        row[start : start + len(part)] = first[np.take_along_axis(near, order, 1)]
    return distance, row


def _by_products(
    asked: np.ndarray, known: np.ndarray, itself: np.ndarray | None, k: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Start and places (a, k) of the nearest, from all distances."""
    norms = (known**2).sum(1)
    at_once = max(1, min(ROWS, MEMORY // len(known)))
    for start in range(0, len(asked), at_once):
        part = asked[start : start + at_once]
        squared = norms - 2 * part @ known.T
        if itself is not None:
            squared[np.arange(len(part)), itself[start : start + at_once]] = np.inf
        yield start, np.argpartition(squared, k - 1, 1)[:, :k]


def _by_bound(
    asked: np.ndarray, known: np.ndarray, itself: np.ndarray | None, k: int
) -> Iterator[tuple[int, np.ndarray]]:
    """The same where rows are many, in a third of the time."""
    for start, squared in squared_blocks(asked, known):
        if itself is not None:
            squared[np.arange(len(squared)), itself[start : start + len(squared)]] = np.inf
        values, places = within_reach(squared, k)
        yield start, np.take_along_axis(places, np.argpartition(values, k - 1, 1)[:, :k], 1)


def _by_tree(
    asked: np.ndarray, known: np.ndarray, itself: np.ndarray | None, k: int
) -> Iterator[tuple[int, np.ndarray]]:
    """The same by a tree, which pays in few dimensions."""
    tree = KDTree(known)
    for start in range(0, len(asked), 8 * ROWS):
        part = asked[start : start + 8 * ROWS]
        if itself is None:
            yield start, tree.query(part, range(1, k + 1))[1]
            continue
        near = tree.query(part, range(1, k + 2))[1]
        own = near == itself[start : start + len(part), None]
        own[~own.any(1), -1] = True  # among many at no distance it need not be there: the last goes
        yield start, near[~own].reshape(len(part), k)


def _six_digits(values: np.ndarray) -> np.ndarray:
    unit = 10.0 ** (np.floor(np.log10(np.where(values > 0, values, 1.0))) - 5)
    return np.round(values / unit) * unit


def ratio_of(distance: Shaped[np.ndarray, "a k"]) -> Float[np.ndarray, " a"]:
    """How much nearer is the nearest than the last of the k nearest?

    (a,) distance to the nearest over that to the last of the k nearest (a, k); 1 where all are nought.
    """
    return np.where(distance[:, -1] > 0, distance[:, 0] / np.where(distance[:, -1] > 0, distance[:, -1], 1.0), 1.0)


def dimension_of(distance: Shaped[np.ndarray, "a k"]) -> float:
    """D at the median example; infinite where neighbours are all equally far."""
    k = distance.shape[1]
    if k < 3:
        return float("nan")
    last, inner = distance[:, -1:], distance[:, 1:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(last > 0, np.log(last / inner), np.nan).sum(1)
    logs = logs[~np.isnan(logs)]
    expected = sum((i - 1) / i for i in range(2, k))  # sum over inner neighbours of log(r_k/r_j), times D
    middle = float(np.median(logs)) if len(logs) else 0.0
    return expected / middle if middle > 0 else float("inf")


def _steps(distance: np.ndarray) -> np.ndarray:
    """(a, k - 1) j log(r_{j+1}/r_j): independent and of mean 1/D where D does not change around the example."""
    inner, outer = distance[:, :-1], distance[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(outer > 0, np.log(outer / inner), 0.0)
    return np.arange(1, distance.shape[1]) * np.maximum(logs, 0.0)


def _threshold(dimension: float, n: int, k: int) -> float:
    if not dimension > 0 or k < 3:
        return 0.0
    return float(min(LARGEST_RATIO, (FALSE_COPIES / (max(1, k - 1) * n)) ** (1 / dimension)))
