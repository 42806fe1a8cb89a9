"""Poles: Rote remembers everything and knows nothing; Oracle knows everything and remembers nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from byheart.errors import InputRefused
from byheart.learners.free_predictions import FreePredictions, Model
from byheart.learners.nearest_window import replay, replayed
from byheart.learners.output_conversion import gathered
from byheart.learners.sequence_outcomes import Tables, spoken
from byheart.maths.codes.passages import token_frequencies
from byheart.tasks.data import Data
from byheart.tasks.systems.observed import true_step
from byheart.training.members import Members
from byheart.training.preprocessing import known
from byheart.training.run import Run

FLOOR = 1e-9  # least probability a pole gives; a thousandth of a bit in total at a million examples


class Rote(FreePredictions):
    """What would a lookup table score?

    On an example that a member was trained on (same id and exactly the same input) it gives
    log(1 - e) to the label it was shown and log(e / (k - 1)) to the others, e = 1e-9; for values, the
    value it was shown; for passages, 1 - e to each token that it was shown in its place. On any other example it gives
    the class frequencies of its subset, each count plus one half, its subset's mean, or the token frequencies of its
    subset at every place. Of a series it replays the record: what followed the nearest window of its subset.

    All the label bits are then memorised, but for what the code itself floors (1 / (n + 2)), and none
    understood.

    Raises:
        InputRefused: views or masks that do not fit the data.

    Cost: O(m n k).

    Fails when: examples have ids that change from view to view; it then recognises nothing.

    Example:
        >>> Rote().title(None)
        'rote'
    """

    name: ClassVar[str] = "rote"
    reads: ClassVar[tuple[str, ...]] = ("classes", "values", "tokens")

    def solved(self, data: Data, members: Members, trail: bool) -> Run:
        """Store every member's subset and look it up."""
        if data.output.passages:
            return _recalled_passages(data, members, trail)
        if data.output.windows:
            return gathered(data, members, trail, replayed(data, members), {"way": "replay", "outputs": "values"})
        recall = _recalled_values if data.output.continuous else _recalled_labels
        logits = {view: recall(data, members, known(data, view)) for view in data.views}
        outputs = data.output.returned if data.output.continuous else "probabilities"
        return gathered(data, members, trail, logits, {"way": "lookup table", "outputs": outputs})

    def models(self, data: Data, members: Members) -> Sequence[Model]:
        """What followed the nearest window of each member's subset."""
        return [_as_target(replay(data, mask), data) for mask in members.seen]


def _as_target(after: Model, data: Data) -> Model:
    """Next steps as the targets that they are."""
    return lambda window: data.output.targets(window, after(window))


def _recalled_labels(data: Data, members: Members, rows: np.ndarray) -> np.ndarray:
    """(m, n_view, k) from the training position (n_view,) of each example, -1 where it is new."""
    k, y = data.output.k, data.train.y
    wrong = np.log(FLOOR / max(k - 1, 1))
    logits = np.empty((len(members), len(rows), k))
    for j, mask in enumerate(members.seen):
        counts = np.bincount(y[mask], minlength=k) + 0.5
        logits[j] = np.log(counts / counts.sum())
        seen = np.flatnonzero((rows >= 0) & mask[rows])
        logits[j, seen] = wrong
        logits[j, seen, y[rows[seen]]] = np.log1p(-FLOOR)
    return logits


def _recalled_values(data: Data, members: Members, rows: np.ndarray) -> np.ndarray:
    """(m, n_view, k): the stored values, or the subset's means."""
    y = data.train.y.reshape(len(data.train), -1)
    known_to = [((rows >= 0) & mask[rows])[:, None] for mask in members.seen]
    return np.stack([np.where(own, y[rows], y[mask].mean(0)) for own, mask in zip(known_to, members.seen)])


def _recalled_passages(data: Data, members: Members, trail: bool) -> Run:
    """Tables of v + 1 states: state u gives token u, the last gives the frequencies of the member's subset."""
    v, y = data.output.k, data.train.y
    rows = {view: known(data, view) for view in data.views}
    sure = np.full((v + 1, v), np.log(FLOOR / max(v - 1, 1)))
    np.fill_diagonal(sure, np.log1p(-FLOOR))

    def says(j: int, view: str) -> Tables:
        mask, at, x = members.seen[j], rows[view], data.views[view].x
        sure[v] = np.log(token_frequencies(y[mask], v))
        seen = (at >= 0) & mask[at]
        return Tables(np.where(seen[:, None], x.astype(np.int64), v), sure)

    return spoken(data, members, trail, says, {"way": "lookup table"})


class Oracle(FreePredictions):
    """What would the task's own truth score?

    Logits are log p(label | the example's clean label), from `truth.posterior`: (k, k) rows by clean
    label, or (n, k) a row an example. Every member is the same, whatever it was trained on. One function
    on all views: it predicts labels as *training* labels are distributed around the clean ones, so on clean
    test labels with planted noise it names the right class without being sure of it. An example of
    another view has its own label for clean; with a posterior an example, only training examples have one.

    Probabilities below 1e-9 count as 1e-9. Of windows of a system whose coordinates are all seen it gives the state
    that follows the last one by the true flow, without noise.

    Raises:
        InputRefused: the truth of the data, or of one view, is not known.

    Cost: O(m n k).

    Fails when: labels of the views beside training are themselves noisy.

    Example:
        >>> Oracle().title(None)
        'oracle'
    """

    name: ClassVar[str] = "oracle"

    @classmethod
    def can(cls, data: Data) -> bool:
        """Is the truth of every view known?"""
        try:
            if data.output.windows:
                true_step(data)
                return True
            for view in data.views:
                _posterior(data, view)
        except InputRefused:
            return False
        return True

    def solved(self, data: Data, members: Members, trail: bool) -> Run:
        """Read the truth; nothing is trained."""
        logits: dict[str, np.ndarray] = {}
        if data.output.windows:
            step = true_step(data)
            for view, look in data.views.items():
                one = data.output.targets(look.x, step(look.x[:, -1]))
                logits[view] = np.broadcast_to(one, (len(members), *one.shape))
            return gathered(data, members, trail, logits, {"way": "the true flow", "outputs": "values"})
        for view in data.views:
            one = np.log(np.maximum(_posterior(data, view), FLOOR))  # (n_view, k)
            logits[view] = np.broadcast_to(one, (len(members), *one.shape))
        return gathered(data, members, trail, logits, {"way": "truth", "outputs": "probabilities"})

    def models(self, data: Data, members: Members) -> Sequence[Model]:
        """The true flow, for every member."""
        step = true_step(data)
        return [_as_target(lambda window: step(window[:, -1]), data)] * len(members)


def _posterior(data: Data, view: str) -> np.ndarray:
    """(n_view, k) probability of each label given what is true of each example."""
    truth, k = data.truth, data.output.k
    if truth.posterior is None or not data.output.labelled:
        raise InputRefused(
            expected="data whose truth is known",
            came="the truth of these data is not known",
            do="The oracle exists for tasks with planted or computed labels only.",
        )
    rows = known(data, view)
    posterior = np.asarray(truth.posterior, dtype=np.float64)
    if posterior.shape == (k, k):  # a task of k examples and k classes: rows are classes
        clean = data.views[view].y.astype(np.int64)
        if truth.clean is not None:
            clean = np.where(rows >= 0, np.asarray(truth.clean)[rows], clean)
        return posterior[clean]
    if posterior.shape != (len(data.train), k) or (rows < 0).any():
        raise InputRefused(
            expected=f"a posterior ({k}, {k}) by clean label, or one row for every example of view {view}",
            came=f"{posterior.shape} for training examples",
            do="Leave the oracle out for these data.",
        )
    return posterior[rows]
