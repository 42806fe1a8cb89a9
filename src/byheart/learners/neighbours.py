"""Nearest neighbours: m members in closed form from one sorted list of neighbours."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from byheart.learners.output_conversion import gathered
from byheart.learners.smoothing import Smoothing
from byheart.maths.memorisation.bounded_search import bounded, squared_blocks, within_reach
from byheart.tasks.data import Data
from byheart.training.members import Members
from byheart.training.preprocessing import known, prepare, shared
from byheart.training.run import Run

LIST = 32  # neighbours kept an example; at share 0.7 all of them are absent once in 10^16
CHUNK = 256  # queries a block


class Neighbours(Smoothing):
    """What do the labels of the nearest training examples say?

    Euclidean distance. An example of the subset has itself as its nearest neighbour, so 1-nearest
    neighbour is the memory that also generalises a little. k = 1: one-hot of the neighbour's label
    (`labels`). k > 1: log max(share of the k neighbours, 1 / (n + 2)) (`probabilities`). Values: the mean.
    Among equally near examples itself comes first, then the least id.

    One list of the 32 nearest training examples (4 k where that is more) serves all members: a member
    takes the first that are in its subset; where too few are, the distances to its subset are
    computed. Tables are scaled on all training rows, so that one list serves all members: no label
    passes that way, but the scale does (`about["inputs"]` says so).

    Args:
        k: neighbours.

    Raises:
        InputRefused: views or masks that do not fit the data.

    Cost: O(n_view n d) once, O(m n_view 32) look-ups; 64 members on 5,000 and 2,000 images of 784
    numbers 2.5 CPU s and 140 MB.

    Fails when: distances differ by less than float32 rounding of the squared norms (about 1e-7 of them);
    the 32 kept are then chosen among near ties, and ordered exactly.

    Reference: Cover and Hart 1967, Nearest neighbor pattern classification.

    Example:
        >>> Neighbours(k=3).k
        3
    """

    name: ClassVar[str] = "neighbours"
    family: ClassVar[str] = "neighbours"
    k: Annotated[int, Field(ge=1)] = 1

    def solved(self, data: Data, members: Members, trail: bool) -> Run:
        """Look the neighbours of every view up for every member."""
        scaled = prepare(data, np.arange(len(data.train)))
        order = np.argsort(data.train.ids, kind="stable")  # ties go to the least id, in any order of examples
        base = scaled["train"].reshape(len(order), -1)[order]
        masks = members.seen[:, order]
        logits = {}
        for view, x in scaled.items():
            own = known(data, view)
            own = np.where(own >= 0, np.argsort(order)[own], -1)
            logits[view] = self._of_view(x.reshape(len(x), -1), base, own, masks, data, order)
        said = "labels" if self.k == 1 else "probabilities"
        about = {
            "outputs": data.output.returned if data.output.continuous else said,
            "inputs": "as they are" if shared(data) else "scaled on all training rows",
        }
        return gathered(data, members, trail, logits, about)

    def weights(self, everything: np.ndarray, ids: np.ndarray, mask: np.ndarray, points: np.ndarray) -> np.ndarray:
        """(q, n) how each label is used (`Smoothing.weights`): 1/k of each of the k nearest."""
        order = np.argsort(ids[mask], kind="stable")
        count = min(self.k, len(order))
        rows = nearest(points, everything[mask][order], np.full(len(points), -1), count)
        made = np.zeros((len(points), len(order)))
        np.put_along_axis(made, order[rows], 1 / count, axis=1)
        return made

    def scaled_on(self, mask: np.ndarray) -> np.ndarray:
        """All rows, as the neighbours are looked up."""
        return np.ones_like(mask)

    def _of_view(
        self, x: np.ndarray, base: np.ndarray, own: np.ndarray, masks: np.ndarray, data: Data, order: np.ndarray
    ) -> np.ndarray:
        """(m, n_view, k) outputs for the examples x (n_view, d)."""
        near = nearest(x, base, own, max(LIST, 4 * self.k))  # (n_view, 32)
        y = data.train.y[order]
        found = []
        for mask in masks:
            count = min(self.k, int(mask.sum()))
            rows, short = first_present(near, mask, count)
            if len(short):
                present = np.flatnonzero(mask)
                place = np.where((own[short] >= 0) & mask[own[short]], np.cumsum(mask)[own[short]] - 1, -1)
                rows[short] = present[nearest(x[short], base[present], place, count)]
            found.append(self._outputs(y[rows], data))
        return np.stack(found)

    def _outputs(self, labels: np.ndarray, data: Data) -> np.ndarray:
        """(n_view, k) from the neighbours' labels (n_view, count) or values (n_view, count, ...)."""
        if data.output.continuous:
            return labels.mean(1).reshape(len(labels), -1)
        share = np.stack([(labels == c).mean(1, dtype=np.float32) for c in range(data.output.k)], axis=1)
        return share if self.k == 1 else np.log(np.maximum(share, 1 / (len(data.train) + 2)))


def nearest(x: np.ndarray, base: np.ndarray, own: np.ndarray, count: int) -> np.ndarray:
    """Which rows of `base` are nearest to each row of `x`, nearest first?

    Candidates by |x|^2 + |b|^2 - 2 x.b in float32, ordered by the sum of squared differences; equal
    distances by the row's own place first, then by position.

    Args:
        x: (q, d) float32.
        base: (n, d) float32.
        own: (q,) the row of `base` that is the example itself, or -1.
        count: how many; at most n are given.

    Returns:
        (q, min(count, n)) rows of `base`.

    Cost: O(q n d) in blocks of 256 rows of x.

    Example:
        >>> line = np.array([[0.0], [1.0], [5.0]], dtype=np.float32)
        >>> nearest(line, line, np.arange(3), 2).tolist()
        [[0, 1], [1, 0], [2, 1]]
    """
    count = min(count, len(base))
    found = np.empty((len(x), count), dtype=np.int64)
    if bounded(len(base), count):
        for start, block in squared_blocks(x, base):
            part = slice(start, start + len(block))
            _itself_first(block, own[part])
            values, places = within_reach(block, count)
            chosen = np.take_along_axis(places, _candidates(values, count), 1)
            found[part] = _ordered(x[part], base, own[part], chosen)
        return found
    norms = np.einsum("nd,nd->n", base, base)
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        block = norms - 2.0 * (x[part] @ base.T)  # (256, n); |x|^2 is the same along a row
        _itself_first(block, own[part])
        found[part] = _ordered(x[part], base, own[part], _candidates(block, count))
    return found


def _itself_first(block: np.ndarray, own: np.ndarray) -> None:
    """Make the example itself, where `own` (q,) says which it is, the nearest in `block` (q, n)."""
    rows = np.flatnonzero(own >= 0)
    block[rows, own[rows]] = -np.inf


def _candidates(block: np.ndarray, count: int) -> np.ndarray:
    """(q, count) columns of the smallest entries, ascending columns; ties at the edge by position."""
    if count == block.shape[1]:
        return np.broadcast_to(np.arange(count), block.shape)
    columns = np.argpartition(block, count - 1, axis=1)[:, :count]
    edge = np.take_along_axis(block, columns, 1).max(1)  # (q,)
    for row in np.flatnonzero((block <= edge[:, None]).sum(1) > count):
        below = np.flatnonzero(block[row] < edge[row])
        level = np.flatnonzero(block[row] == edge[row])
        columns[row] = np.concatenate([below, level[: count - len(below)]])
    return np.sort(columns, axis=1)


def _ordered(x: np.ndarray, base: np.ndarray, own: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The candidates by their exact distance; stable, so equal ones stay in order of position."""
    difference = base[columns]  # (q, count, d)
    difference -= x[:, None, :]
    distance = np.einsum("qcd,qcd->qc", difference, difference)
    distance[columns == own[:, None]] = -1.0
    return np.take_along_axis(columns, np.argsort(distance, axis=1, kind="stable"), 1)


def first_present(near: np.ndarray, mask: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` neighbours in a subset, and the examples that have too few in their list.

    Args:
        near: (q, 32) rows, nearest first.
        mask: (n,) bool: in the subset.
        count: how many are wanted.

    Returns:
        (q, count) rows; positions of the examples whose rows are not to be used.

    Example:
        >>> near = np.array([[0, 1, 2], [2, 0, 1]])
        >>> first_present(near, np.array([False, True, True]), 1)[0].ravel().tolist()
        [1, 2]
    """
    present = mask[near]  # (q, 32)
    if count == 1:
        place = present.argmax(1)[:, None]
    else:
        place = np.argsort(~present, axis=1, kind="stable")[:, :count]
    short = np.flatnonzero(present.sum(1) < count)
    return np.take_along_axis(near, place, 1), short
