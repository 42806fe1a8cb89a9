"""When is a value learned? The graded answers that the order of values is read from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from byheart.probes.base import Bank
from byheart.training.run import Run

WITHIN = 0.5  # standard deviations of the target from which a value counts as missed


def graded(bank: Bank) -> Bank:
    """The bank with values judged right within half a standard deviation of the target; classes as they are.

    The loss becomes the squared error over twice the variance of the target, so that exp(-loss), the confidence in a
    value, is 1 on the spot and 0.61 a standard deviation away.
    """
    if not bank.data.output.continuous:
        return bank
    variance = float(bank.data.train.y.var())

    def judged(run: Run) -> Run:
        view = run.views["train"]
        error = view.loss_nats.astype(np.float64)
        kept = replace(view, correct=error <= WITHIN**2 * variance, loss_nats=error / (2 * variance))
        return replace(run, views={**run.views, "train": kept})

    own = {need.key() for need in (bank.subject.bank(), bank.subject.whole())}
    return replace(bank, runs={key: judged(run) if key in own else run for key, run in bank.runs.items()})
