"""The course of a training: accuracy of each member on what it saw and on all else, at steps of a log grid."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from byheart.maths.delay import log_steps
from byheart.probes.bank import Bank, Need, Subject
from byheart.training.keep import FirstLayer

RANDOM = {"task.flipped.share": 1.0}  # every label redrawn: nothing is left to understand
LAYER = FirstLayer(when="checkpoints")


class Course(NamedTuple):
    """Accuracies (m, t) of m members at t steps, where seen and held out, and how many examples stand behind them."""

    steps: np.ndarray
    seen: np.ndarray
    held_out: np.ndarray
    n_seen: int
    n_held_out: int


def own_need(subject: Subject) -> Need:
    """The members of the audit, looked at on a log grid of epochs."""
    keep = (LAYER,) if subject.learner.fleet else ()
    points = log_steps(subject.checkpoints()[-1])
    return Need(members=subject.members, share=subject.share, checkpoints=points, trail=subject.members, keep=keep)


def null_need(subject: Subject) -> Need:
    """The first of them on labels that are all redrawn."""
    points = log_steps(subject.checkpoints()[-1])
    return Need(members=1, share=subject.share, checkpoints=points, vary=dict(RANDOM))


def course_of(bank: Bank, need: Need) -> Course:
    """The course of the runs of `need`; held out are the examples left out and those of the test."""
    run, data = bank[need], bank.data_of(need)
    counted, train = Bank(bank.subject, data).counted, run.views["train"].correct
    sides = [side & counted for side in (run.members.seen, run.members.unseen)]
    right = [np.einsum("cmn,mn->mc", train, side, dtype=np.float64) for side in sides]
    n_seen, n_out = (side.sum(1) for side in sides)
    if "test" in run.views:
        right[1] += run.views["test"].correct.sum(2).T
        n_out = n_out + len(data.views["test"])
    each = steps_an_epoch(bank, need)
    return Course(
        np.array(run.checkpoints, dtype=np.float64) * each, right[0] / n_seen[:, None], right[1] / n_out[:, None],
        int(np.median(n_seen)), int(np.median(n_out)),
    )  # fmt: skip


def steps_an_epoch(bank: Bank, need: Need) -> int:
    """Steps in one pass over what a member sees; 1 of a learner without batches."""
    batch = getattr(bank.subject.learner, "batch", None)
    return math.ceil(np.median(bank[need].members.seen.sum(1)) / batch) if batch else 1
