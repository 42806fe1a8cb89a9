"""Nearest window: what followed the most similar window of the record; run freely, it replays the record."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from byheart.learners.neighbours import nearest
from byheart.tasks.data import Data
from byheart.tasks.windows import stretches_of
from byheart.training.members import Members
from byheart.training.preprocessing import known


def replayed(data: Data, members: Members) -> dict[str, np.ndarray]:
    """View -> (m, n_view, d) targets: the step that followed the nearest window (Euclidean) of each member's record.

    The step itself is given and not the change to it, so that a model run freely on its own output is on the record
    after one window, and stays on it to its end. A window that it was trained on is itself the nearest.
    """
    own = data.output.levels(data.train.x, data.train.y)
    said = {view: np.empty((len(members), *look.y.shape)) for view, look in data.views.items()}
    for j, mask in enumerate(members.seen):
        after = replay(data, mask)
        for view, look in data.views.items():
            place = known(data, view)
            itself = (place >= 0) & mask[place]
            steps = np.empty(look.y.shape)
            steps[itself] = own[place[itself]]
            if not itself.all():
                steps[~itself] = after(look.x[~itself])
            said[view][j] = data.output.targets(look.x, steps)
    return said


def replay(data: Data, seen: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The model of one member: windows (q, w, d) to the steps (q, d) that followed the nearest one in its record.

    The record is what the windows of its subset (n,) bool hold: where two blocks of them are neighbours, it goes on
    from one to the other.

    Example:
        >>> from byheart.tasks.systems.observed_maps import ObservedLogistic
        >>> data = ObservedLogistic(n=300).draw(0)
        >>> predict = replay(data, np.ones(len(data.train), dtype=bool))
        >>> bool((predict(data.train.x[:5]) == data.output.levels(data.train.x, data.train.y)[:5]).all())
        True
    """
    w = data.train.x.shape[1]
    record = [one for one in stretches_of(data.train.take(seen), data.output) if len(one) > w]
    rows = np.concatenate([np.lib.stride_tricks.sliding_window_view(one[:-1], w, axis=0) for one in record])
    steps = np.concatenate([one[w:] for one in record])
    rows = np.ascontiguousarray(rows.transpose(0, 2, 1)).reshape(len(rows), -1)  # (n, w d), the oldest step first
    return lambda x: steps[nearest(x.reshape(len(x), -1), rows, np.full(len(x), -1), 1)[:, 0]]
