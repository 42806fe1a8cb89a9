"""The series that a model was trained on, whole: its steps without a gap, whatever part of a window models get."""

from __future__ import annotations

import numpy as np

from byheart.probes.base import Bank
from byheart.tasks.windows import stretches_of


def training_stretches(bank: Bank) -> list[np.ndarray]:
    """The stretches (t, d) of the training series, in training units.

    Between two blocks lie `window` windows in no set. Windows that models get shortened (`looks_back`) do not reach
    over them, so that the task is drawn again with its windows whole.
    """
    task, data = bank.subject.task, bank.data
    if shortened(bank):
        data = task.model_copy(update={"looks_back": 0}).draw(bank.subject.seed)
    return stretches_of(data.train, data.output)  # type: ignore[arg-type]


def shortened(bank: Bank) -> bool:
    """Whether models get the last steps of each window alone."""
    return bool(getattr(bank.subject.task, "looks_back", 0))
