"""Is an example there twice? Exact copies by content, near copies by distances that chance would not bring."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.memorisation.feature_scaling import comparable
from byheart.maths.memorisation.nearest_neighbours import NEIGHBOURS, Cloud, cloud_of, near, nearest, ratio_of
from byheart.maths.shapes import Given, Int, Shaped

__all__ = ["Copies", "Leaks", "comparable", "content", "contradicting", "copies", "exact_groups", "leaks"]

WORK = 1e12  # products of numbers: about half a minute on one thread
FEWEST, ENOUGH = 30, 3_000  # examples whose cloud is asked


class Copies(NamedTuple):
    """Who is a copy of whom among n examples.

    Attributes:
        exact: (n,) int, equal for exact copies.
        groups: (n,) int, equal for exact and near copies, and for copies of copies.
        pairs: (p, 2) rows of near copies, the smaller first; of exact copies only the first row stands here.
        ratio: (n,) distance to the nearest other content over that to the tenth nearest; NaN where not examined.
        nearest: (n,) row of the nearest other content, -1 where not examined.
        cloud: how neighbours spread; its dimension and the largest ratio of a near copy.
        examined: share of the different contents whose neighbours were looked for.
    """

    exact: np.ndarray
    groups: np.ndarray
    pairs: np.ndarray
    ratio: np.ndarray
    nearest: np.ndarray
    cloud: Cloud
    examined: float

    @property
    def dimension(self) -> float:
        """D of the cloud without its copies."""
        return self.cloud.dimension

    @property
    def threshold(self) -> float:
        """Largest ratio of a near copy."""
        return self.cloud.threshold

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


def content(x: Given[Any, "n ..."]) -> Shaped[np.ndarray, " n"]:
    """(n,) S16: a digest of every row of x (n, ...), equal for equal bytes."""
    rows = np.ascontiguousarray(x).reshape(len(x), -1)
    return np.array([hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows], dtype="S16")


def exact_groups(x: Given[Any, "n ..."]) -> Int[np.ndarray, " n"]:
    """Which group of exact copies does each row of x belong to?

    Args:
        x: (n, ...) compared byte by byte.

    Returns:
        (n,) int from 0, numbered by digest and so not by the order of rows. The poles have no part in it.

    Raises:
        Nothing: any array has bytes.

    Cost: O(n d). Fails when: equal numbers have other bytes (0.0 and -0.0, NaN of two kinds). Reference: none; a
    digest (BLAKE2b, 128 bits).

    >>> exact_groups(np.array([[1.0], [2.0], [1.0]])).tolist() in ([0, 1, 0], [1, 0, 1])
    True
    """
    return np.unique(content(x), return_inverse=True)[1].ravel()


def copies(x: Given[Any, "n ..."], laid: Given[Any, "n d"], work: float = WORK) -> Copies:
    r"""Which examples are exact or near copies of one another?

    Exact: equal bytes. Near, among different contents: with r_k the distance to the k-th nearest, i copies j if d_ij <
    u r_10(i). Among examples that lie smoothly in D dimensions P(r_1 < u r_10) = 1 - (1 - u^D)^9, so u = (0.05/(9
    n))^(1/D) lets chance bring 0.05 near copies among all n; u is at most 0.5. D is read off the data: E sum_{k=2..9}
    log(r_10/r_k) = 6.171/D, at the median example of those without copies. Where neighbours spread otherwise than at
    the median, a gap must stand out of what lies around it too (`neighbourhoods.near`). Nothing is to be tuned.

    Measured: digits 0 near copies of 1,437, Fashion-MNIST 1 pair of 5,000, breast cancer 0. Of 50 planted copies among
    2,000 of Fashion-MNIST 50 were found with other brightness and contrast, 47 with 2 % noise, 37 with 5 %, 6 with
    10 %. Among 600 rows with two columns of few values chance brings 5 pairs (0 to 9), not 0.05: compare the null.

    Args:
        x: (n, ...) what is compared byte by byte.
        laid: (n, d) the same as `comparable` lays it out.
        work: products allowed, n^2 d; above, only the contents of least digest are examined (against all).

    Returns:
        `Copies`. Range of the share copied: [0, 1]; a lookup table and an oracle have no part in it.

    Raises:
        InputRefused: no examples, or lengths that differ.

    Cost: O(n^2 d) products in pieces of at most 64 MB, at most `work`. Fails when: more than nine near copies of one
    example stand together (each other's tenth neighbours); copies are shifted or turned; columns have few values.

    Reference: Levina and Bickel 2004, "Maximum likelihood estimation of intrinsic dimension", eq. 8; ratios of
    neighbours: Facco et al. 2017, "Estimating the intrinsic dimension by a minimal neighborhood information", eq. 5.
    The threshold is ours.

    >>> x = np.random.default_rng(0).normal(size=(60, 3))
    >>> x[1], x[2] = x[0], x[0] + 1e-6
    >>> found = copies(x, *comparable(x))
    >>> np.flatnonzero(found.copied).tolist(), found.pairs.tolist()
    ([0, 1, 2], [[0, 2]])
    """
    laid = array(laid, "laid", "nd").astype(np.float32, copy=False)
    n = len(laid)
    if n == 0 or len(x) != n:
        raise InputRefused("as many rows laid out as examples, at least 1", f"{len(x)} and {n}", "Lay out x itself.")
    digest = content(x)
    _, first, exact = np.unique(digest, return_index=True, return_inverse=True)
    exact = exact.ravel()
    ratio, closest = np.full(n, np.nan), np.full(n, -1)
    few = len(first) < 3
    asked = first[: _affordable(len(first), len(first), laid.shape[1], work)]  # unique sorts by digest
    cloud, pairs = cloud_of(np.empty((0, 0)), len(first)), np.empty((0, 2), int)
    if not few:
        distance, row = nearest(laid[asked], laid[first], asked, first)
        cloud = _cloud(laid, first, asked, distance, row)
        ratio[asked], closest[asked] = ratio_of(distance), row[:, 0]
        pairs = _near_pairs(near(distance, cloud, len(first)), asked, row)
    ratio, closest = ratio[first][exact], closest[first][exact]  # exact copies share their neighbours
    return Copies(exact, _joined(exact, pairs), pairs, ratio, closest, cloud, len(asked) / len(first))


def leaks(
    x: Given[Any, "n ..."],
    new: Given[Any, "q ..."],
    laid: Given[Any, "n d"],
    laid_new: Given[Any, "q d"],
    found: Copies,
    work: float = WORK,
) -> Leaks:
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
        distance, row = nearest(laid_new[rest], laid[first], None, first)
        ratio[rest] = ratio_of(distance)
        source[rest] = np.where(near(distance, found.cloud, len(first))[:, 0], row[:, 0], -1)
    return Leaks(source, same, ratio, (same.sum() + len(rest)) / max(1, len(digest)))


def contradicting(
    found: Copies, labels: Given[Any, " n"], order: Given[Any, " n"] | None = None
) -> Int[np.ndarray, "_ 2"]:
    """Which copies, exact or near, have different labels?

    Args:
        found: the copies.
        labels: (n,) of any kind that can be compared.
        order: (n,) rows; of equal rows with one label the first in this order stands for all. By row if absent.

    Returns:
        (p, 2) rows, the smaller first: one pair for two contents and two labels. The poles have no part in it.

    Raises:
        Nothing: `found` says what the rows are.

    Cost: O(n + pairs). Fails when: one content has hundreds of labels, whose pairs are all listed. Reference: none; a
    count.

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


def _cloud(laid: np.ndarray, first: np.ndarray, asked: np.ndarray, distance: np.ndarray, row: np.ndarray) -> Cloud:
    """The cloud without copies; where most examples have some, these would pass for no dimension, and none is near.

    In a third, a ninth, a 27th of the examples copies are rarer, so the largest D of these and of all is tried. If a
    tenth of all then has copies, the cloud is that of one example of each group. Smooth paths join in long chains: no
    copies.
    """
    n, whole = len(first), cloud_of(distance, len(first))
    if not np.isfinite(whole.dimension):
        return whole
    tried = whole
    for thinner in (3, 9, 27):
        part = first[: n // thinner]  # sorted by digest: as good as at random
        if len(part) >= FEWEST:
            thin = _cloud_in(laid, part, n)
            tried = thin if tried.dimension < thin.dimension < np.inf else tried
    pairs = _near_pairs(near(distance, tried, n), asked, row)
    if len(np.unique(pairs)) < len(asked) / 10:
        return whole
    place = np.full(len(laid), -1)
    place[first] = np.arange(n)
    groups = _joined(np.arange(n), place[pairs])
    sizes = np.bincount(groups)[groups]
    single = first[np.unique(groups, return_index=True)[1]]
    if np.median(sizes[sizes > 1]) > NEIGHBOURS or len(single) < FEWEST:
        return whole
    return _cloud_in(laid, single, n)


def _cloud_in(laid: np.ndarray, part: np.ndarray, n: int) -> Cloud:
    """The cloud that a part of the examples shows; a few thousand of them know it well enough."""
    asked = part[:ENOUGH]
    return cloud_of(nearest(laid[asked], laid[part], asked, part)[0], n)


def _near_pairs(close: np.ndarray, asked: np.ndarray, row: np.ndarray) -> np.ndarray:
    """(p, 2) rows of neighbours (a, k) that are near copies, the smaller row first, each pair once."""
    at, place = np.nonzero(close)
    return np.unique(np.sort(np.stack([asked[at], row[at, place]], 1), 1), axis=0)


def _joined(exact: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Groups of exact copies joined by near pairs; numbered as the exact groups where no pair joins any."""
    count = int(exact.max()) + 1
    a, b = (exact[pairs[:, side]] for side in (0, 1))
    linked = coo_matrix((np.ones(len(a)), (a, b)), shape=(count, count))
    component = connected_components(linked, directed=False)[1]
    least = np.full(int(component.max()) + 1, count)
    np.minimum.at(least, component, np.arange(count))
    return np.unique(least[component][exact], return_inverse=True)[1].ravel()
