"""Closed form: learners that solve or count for all members, without steps of training."""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import replace

from byheart.learners.base import Learner
from byheart.tasks.data import Data
from byheart.training.members import Members
from byheart.training.preprocessing import checked
from byheart.training.run import Run
from byheart.training.training import Training


class ClosedForm(Learner):
    """A learner without steps: give `solved`."""

    @abstractmethod
    def solved(self, data: Data, members: Members, trail: bool) -> Run:
        """What every member says of every view, from checked data; `trail` keeps the training view's logits."""

    def fit(self, data: Data, members: Members, training: Training) -> Run:
        """Solve for every member (`Learner.fit`)."""
        start = time.process_time()
        data = checked(data, members, training.levers, self.name, self.reads, self.any_length)
        run = self.solved(data, members, training.trail)
        about = {"parameters": 0, "way": "closed form", **run.about, "cpu_seconds": time.process_time() - start}
        return replace(run, about=about)
