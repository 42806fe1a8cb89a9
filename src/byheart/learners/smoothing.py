"""Smoothing: closed forms whose answers are sums of the training labels, each with a weight that no label moves."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from byheart.learners.closed_form import ClosedForm
from byheart.maths.descent import effective_parameters
from byheart.tasks.data import Data
from byheart.training.keep import Smoother
from byheart.training.members import Members
from byheart.training.preprocessing import prepare_rows
from byheart.training.run import Run
from byheart.training.training import Training


class Smoothing(ClosedForm):
    """A closed form that can say how it uses its labels: give `weights`."""

    keeps: ClassVar[tuple[str, ...]] = (Smoother.name,)

    @abstractmethod
    def weights(self, everything: np.ndarray, ids: np.ndarray, mask: np.ndarray, points: np.ndarray) -> np.ndarray:
        """(q, n) the weight of each label of a member in what it says of points.

        Args:
            everything: (n_train, d) inputs of all training examples, as the member gets them.
            ids: (n_train,) of these.
            mask: (n_train,) bool, the n that the member is trained on.
            points: (q, d).
        """

    def fit(self, data: Data, members: Members, training: Training) -> Run:
        """As every closed form; how labels are used where that is asked for (`Learner.fit`)."""
        run = super().fit(data, members, training)
        if Smoother.name not in (keep.name for keep in training.keep):
            return run
        used = [self._used(data, mask) for mask in members.seen]
        kept = {name: np.array([one[name] for one in used]) for name in used[0]}
        return run.with_kept(Smoother().label, kept, dict.fromkeys(kept, ("members",)))

    def _used(self, data: Data, mask: np.ndarray) -> dict[str, float]:
        views = prepare_rows(data, self.scaled_on(mask))
        train, ids = views["train"], data.train.ids
        new = views["test"] if "test" in views else train[np.logical_not(mask)]
        of = {"effective": new, "effective_seen": train[mask]}
        return {
            name: effective_parameters(self.weights(train, ids, mask, points)) if len(points) else float("nan")
            for name, points in of.items()
        }

    def scaled_on(self, mask: np.ndarray) -> np.ndarray:
        """The rows on which inputs of a table are scaled for a member with this subset: its own."""
        return mask
