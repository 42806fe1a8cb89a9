"""Nearest window: what followed the most similar window of the record; run freely, it replays the record."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from byheart.learners.neighbours import first_present, nearest
from byheart.tasks.data import Data
from byheart.training.members import Members
from byheart.training.preprocessing import known

LISTED = 32  # nearest windows of all members' that are kept; where a member has none of them, it looks again


def replayed(data: Data, members: Members) -> dict[str, np.ndarray]:
    """View -> (m, n_view, d) targets: the step that followed the nearest window (Euclidean) of each member's subset.

    The step itself is given and not the change to it, so that a model run freely on its own output is on the record
    after one window, and stays on it to its end. Equally near windows: itself first, then the earliest.
    """
    train, order = data.train, np.argsort(data.train.ids, kind="stable")
    rows = train.x.reshape(len(train), -1)[order]
    steps, masks = data.output.levels(train.x, train.y)[order], members.seen[:, order]
    said = {}
    for view, look in data.views.items():
        place = known(data, view)
        own = np.where(place >= 0, np.argsort(order)[place], -1)
        found = _of_all(look.x.reshape(len(look), -1), rows, own, masks)
        said[view] = data.output.targets(look.x, steps[found])
    return said


def replay(data: Data, seen: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The model of one member: windows (q, w, d) to the steps (q, d) that followed the nearest of its subset (n,) bool.

    Example:
        >>> from byheart.tasks.systems.observed_maps import ObservedLogistic
        >>> data = ObservedLogistic(n=300).draw(0)
        >>> predict = replay(data, np.ones(len(data.train), dtype=bool))
        >>> bool((predict(data.train.x[:5]) == data.output.levels(data.train.x, data.train.y)[:5]).all())
        True
    """
    rows = data.train.x[seen].reshape(int(seen.sum()), -1)
    steps = data.output.levels(data.train.x, data.train.y)[seen]
    return lambda x: steps[nearest(x.reshape(len(x), -1), rows, np.full(len(x), -1), 1)[:, 0]]


def _of_all(x: np.ndarray, rows: np.ndarray, own: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """(m, q) the row nearest to each of x (q, w d) among those of each mask."""
    near = nearest(x, rows, own, LISTED)
    found = np.empty((len(masks), len(x)), dtype=np.int64)
    for j, mask in enumerate(masks):
        chosen, short = first_present(near, mask, 1)
        if len(short):  # whole blocks are left out, and near windows lie in one block; itself it would have found
            present = np.flatnonzero(mask)
            chosen[short] = present[nearest(x[short], rows[present], np.full(len(short), -1), 1)]
        found[j] = chosen[:, 0]
    return found
