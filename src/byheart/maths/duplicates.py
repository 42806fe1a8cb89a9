"""Is an example there twice? Exact copies by content, near copies by distances that chance would not bring."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.likeness import comparable

__all__ = ["Copies", "Leaks", "comparable", "content", "contradicting", "copies", "exact_groups", "leaks"]

NEIGHBOURS = 10
FALSE_COPIES = 0.05  # near copies that chance would bring, over all examples
LARGEST_RATIO = 0.5  # distances with many ties have no dimension; farther than half way is no copy
WORK = 1e12  # products of numbers: about half a minute on one thread
MEMORY = 1 << 24  # distances at once
ROWS = 64  # rows at once: the exact distances of their nearest are (rows, k, d) in float64


class Copies(NamedTuple):
    """Who is a copy of whom among n examples.

    Attributes:
        exact: (n,) int, equal for exact copies.
        groups: (n,) int, equal for exact and near copies, and for copies of copies.
        pairs: (p, 2) rows of near copies, the smaller first; of exact copies only the first row stands here.
        ratio: (n,) distance to the nearest other content over that to the tenth nearest; NaN where not examined.
        nearest: (n,) row of the nearest other content, -1 where not examined.
        threshold: largest ratio of a near copy.
        dimension: of the cloud of examples, as neighbours see it.
        examined: share of the different contents whose neighbours were looked for.
    """

    exact: np.ndarray
    groups: np.ndarray
    pairs: np.ndarray
    ratio: np.ndarray
    nearest: np.ndarray
    threshold: float
    dimension: float
    examined: float

    @property
    def copied(self) -> np.ndarray:
        """(n,) bool: there is another example of the same group."""
        return np.bincount(self.groups)[self.groups] > 1


class Leaks(NamedTuple):
    """(q,) each: training row that a new example copies, -1 if none; whether exactly; its ratio; share examined."""

    source: np.ndarray
    exact: np.ndarray
    ratio: np.ndarray
    examined: float


def content(x: Any) -> np.ndarray:
    """(n,) S16: a digest of every row of x (n, ...), equal for equal bytes."""
    rows = np.ascontiguousarray(x).reshape(len(x), -1)
    return np.array([hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows], dtype="S16")


def exact_groups(x: Any) -> np.ndarray:
    """(n,) int: which group of exact copies does each row of x (n, ...) belong to?

    >>> exact_groups(np.array([[1.0], [2.0], [1.0]])).tolist() in ([0, 1, 0], [1, 0, 1])
    True
    """
    return np.unique(content(x), return_inverse=True)[1].ravel()


def copies(x: Any, laid: Any, work: float = WORK) -> Copies:
    r"""Which examples are exact or near copies of one another?

    Exact: equal bytes. Near, among different contents: with r_k the distance to the k-th nearest, i copies j if d_ij <
    u r_10(i). Among examples that lie smoothly in D dimensions P(r_1 < u r_10) = 1 - (1 - u^D)^9, so u = (0.05/(9
    n))^(1/D) lets chance bring 0.05 near copies among all n; u is at most 0.5. D is read off the data: E sum_{k=2..9}
    log(r_10/r_k) = 6.171/D, at the median example, so that copies have no say in it. The rule adapts to how crowded
    each place is, and has nothing to tune.

    Measured: digits 0 near copies of 1,437, Fashion-MNIST 4 pairs of 5,000, breast cancer 0; of 50 planted copies with
    2 % noise, or with other brightness and contrast, 50 found; with 10 % noise 21.

    Args:
        x: (n, ...) what is compared byte by byte.
        laid: (n, d) the same as `comparable` lays it out.
        work: products allowed, n^2 d; above, only the contents of least digest are examined (against all).

    Returns:
        `Copies`. Range of the share copied: [0, 1]; a lookup table and an oracle have no part in it.

    Raises:
        InputRefused: no examples, or lengths that differ.

    Cost: O(n^2 d) products in pieces of at most 64 MB, at most `work`. Fails when: more than nine near copies of one
    example stand together (each other's tenth neighbours); copies are shifted or turned.

    Reference: Levina and Bickel 2004, "Maximum likelihood estimation of intrinsic dimension", eq. 8; ratios of
    neighbours: Facco et al. 2017, "Estimating the intrinsic dimension by a minimal neighborhood information", eq. 5.
    The threshold is ours.

    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> x[1], x[2] = x[0], x[0] + 1e-6
    >>> found = copies(x, *comparable(x))
    >>> np.flatnonzero(found.copied).tolist(), found.pairs.tolist()
    ([0, 1, 2], [[0, 2]])
    """
    laid = array(laid, "laid", "nd").astype(np.float32)
    n = len(laid)
    if n == 0 or len(x) != n:
        raise InputRefused("as many rows laid out as examples, at least 1", f"{len(x)} and {n}", "Lay out x itself.")
    digest = content(x)
    _, first, exact = np.unique(digest, return_index=True, return_inverse=True)
    exact = exact.ravel()
    ratio, nearest = np.full(n, np.nan), np.full(n, -1)
    few = len(first) < 3
    asked = first[: _affordable(len(first), len(first), laid.shape[1], work)]  # unique sorts by digest
    distance, row = np.empty((0, 0)), np.empty((0, 0), int)
    if not few:
        distance, row = _nearest(laid[asked], laid[first], asked, first)
    dimension = np.nan if few else _dimension(distance)
    threshold = _threshold(dimension, len(first), distance.shape[1])
    pairs = np.empty((0, 2), int)
    if not few:
        ratio[asked], nearest[asked] = _ratio(distance), row[:, 0]
        at, place = np.nonzero(distance < threshold * distance[:, -1:])
        pairs = np.sort(np.stack([asked[at], row[at, place]], 1), 1)
        pairs = np.unique(pairs, axis=0)
    ratio, nearest = ratio[first][exact], nearest[first][exact]  # exact copies share their neighbours
    groups = _joined(exact, pairs)
    return Copies(exact, groups, pairs, ratio, nearest, threshold, float(dimension), len(asked) / len(first))


def leaks(x: Any, new: Any, laid: Any, laid_new: Any, found: Copies, work: float = WORK) -> Leaks:
    """Which new examples have a copy among the training examples, exactly or as near as `copies` asks?

    Args:
        x: (n, ...) training examples.
        new: (q, ...) new examples.
        laid: (n, d) both as `comparable` lays them out together.
        laid_new: (q, d).
        found: the copies among the training examples, whose threshold holds here.
        work: products allowed, as in `copies`.

    Returns:
        `Leaks`.

    Raises:
        InputRefused: nothing of its own.

    Cost: O(q n d). Fails when: as `copies`. Reference: Barz and Denzler 2020, "Do we train on test data?", section 3.

    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> a, b = comparable(x, x[:2] + [[0.0], [3.0]])
    >>> leaks(x, x[:2] + [[0.0], [3.0]], a, b, copies(x, a)).source.tolist()
    [0, -1]
    """
    first = np.unique(found.exact, return_index=True)[1]
    of, digest = content(np.asarray(x)[first]), content(new)
    order = np.argsort(of)
    place = order[np.minimum(np.searchsorted(of, digest, sorter=order), len(of) - 1)]
    same = of[place] == digest
    source, ratio = np.where(same, first[place], -1), np.where(same, 0.0, np.nan)
    rest = np.flatnonzero(~same)
    rest = rest[np.argsort(digest[rest], kind="stable")][: _affordable(len(rest), len(first), laid.shape[1], work)]
    if len(rest) and len(first) >= 3:
        distance, row = _nearest(laid_new[rest], laid[first], None, first)
        ratio[rest] = _ratio(distance)
        source[rest] = np.where(ratio[rest] < found.threshold, row[:, 0], -1)
    return Leaks(source, same, ratio, (same.sum() + len(rest)) / max(1, len(digest)))


def contradicting(found: Copies, labels: Any, order: Any = None) -> np.ndarray:
    """(p, 2) rows of copies, exact or near, whose labels (n,) differ: one pair for two contents and two labels.

    Of equal rows the first in `order` (n,) stands for all.

    >>> x = np.array([[0.0], [0.0], [0.0], [5.0]])
    >>> contradicting(copies(x, x), [0, 1, 1, 0]).tolist()
    [[0, 1]]
    """
    labels = np.asarray(labels).tolist()
    shown: dict[int, dict[Any, int]] = {}  # content -> label -> first row
    for row in range(len(labels)) if order is None else np.asarray(order).tolist():
        shown.setdefault(int(found.exact[row]), {}).setdefault(labels[row], row)
    made = []
    for kept in shown.values():
        rows = list(kept.values())
        made += [(a, b) for at, a in enumerate(rows) for b in rows[at + 1 :]]
    for one, other in found.pairs.tolist():
        here, there = shown[int(found.exact[one])], shown[int(found.exact[other])]
        made += [(a, b) for x, a in here.items() for y, b in there.items() if x != y]
    return np.array(sorted({(min(pair), max(pair)) for pair in made}), dtype=int).reshape(-1, 2)


def _affordable(asked: int, known: int, d: int, work: float) -> int:
    return min(asked, max(1, int(work / (max(1, known) * max(1, d)))))


def _nearest(asked: np.ndarray, known: np.ndarray, own: np.ndarray | None, first: np.ndarray) -> tuple[np.ndarray, ...]:
    """Distances (a, k) to the k nearest known rows, ascending, and these rows' names in `first`; never itself."""
    k = min(NEIGHBOURS, len(known) - (own is not None))
    norms = (known**2).sum(1)
    distance, row = np.empty((len(asked), k)), np.empty((len(asked), k), int)
    at_once = max(1, min(ROWS, MEMORY // len(known)))
    itself = None if own is None else np.searchsorted(first, own, sorter=(by := np.argsort(first)))
    for start in range(0, len(asked), at_once):
        part = asked[start : start + at_once]
        squared = norms - 2 * part @ known.T
        if itself is not None:
            squared[np.arange(len(part)), by[itself[start : start + at_once]]] = np.inf
        near = np.argpartition(squared, k - 1, 1)[:, :k]
        # float32 products lose small distances: those of the nearest are made anew
        exactly = ((part[:, None].astype(np.float64) - known[near]) ** 2).sum(2)
        order = np.lexsort((first[near], exactly))
        distance[start : start + len(part)] = np.sqrt(np.take_along_axis(exactly, order, 1))
        row[start : start + len(part)] = first[np.take_along_axis(near, order, 1)]
    return distance, row


def _ratio(distance: np.ndarray) -> np.ndarray:
    return np.where(distance[:, -1] > 0, distance[:, 0] / np.where(distance[:, -1] > 0, distance[:, -1], 1.0), 1.0)


def _dimension(distance: np.ndarray) -> float:
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


def _threshold(dimension: float, n: int, k: int) -> float:
    if not dimension > 0 or k < 3:
        return 0.0
    return float(min(LARGEST_RATIO, (FALSE_COPIES / (max(1, k - 1) * n)) ** (1 / dimension)))


def _joined(exact: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Groups of exact copies joined by near pairs; numbered as the exact groups where no pair joins any."""
    count = int(exact.max()) + 1
    a, b = (exact[pairs[:, side]] for side in (0, 1))
    linked = coo_matrix((np.ones(len(a)), (a, b)), shape=(count, count))
    component = connected_components(linked, directed=False)[1]
    least = np.full(int(component.max()) + 1, count)
    np.minimum.at(least, component, np.arange(count))
    return np.unique(least[component][exact], return_inverse=True)[1].ravel()
