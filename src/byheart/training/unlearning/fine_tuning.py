"""Fine-tuning: train on, without the rows that must go, and hope that they fade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from byheart.training.run import Run
from byheart.training.unlearning.continued import Trained, continued


def epochs_of(trained: Trained, part: float) -> int:
    """A part of the epochs of the recipe, at least one."""
    return max(1, round(part * trained.learner.epochs))


@dataclass(frozen=True)
class FineTuning:
    """The recipe goes on for a `part` of its epochs on the examples that stay.

    Reference: the usual baseline; Golatkar et al. 2020, Eternal sunshine of the spotless net, section 5.
    """

    name: ClassVar[str] = "fine-tuning"
    version: ClassVar[int] = 1
    part: float = 0.2

    def forget(self, trained: Trained, rows: np.ndarray) -> Run:
        """The models, trained on without `rows`."""
        return continued(trained, trained.others(rows), trained.weights(), epochs_of(trained, self.part))
