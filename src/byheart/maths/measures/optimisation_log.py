"""How many steps did training take: to a cross-entropy of 0.1 (63), and from there to 0.01 (64)?"""

from __future__ import annotations

import math

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.measures.evidence import Evidence, Inapplicable, Noted, TrainingLog


def steps_to_a_tenth(evidence: Evidence) -> Noted:
    """How many steps is it to a training cross-entropy of 0.1 (63), as a logarithm?"""
    step, note = reached(checked(evidence.log), 0.1)
    return Noted(_log(step), note)


def steps_from_a_tenth(evidence: Evidence) -> Noted:
    """How many steps is it from a training cross-entropy of 0.1 to 0.01 (64), as a logarithm?"""
    log = checked(evidence.log)
    (start, from_), (end, to) = reached(log, 0.1), reached(log, 0.01)
    return Noted(_log(end - start), "; ".join(note for note in (from_, to) if note))


def reached(log: TrainingLog, level: float) -> tuple[int, str]:
    """The first recorded step at which the cross-entropy is at most `level`, and since when it could have been."""
    below = np.flatnonzero(log.cross_entropy_nats <= level)
    if not len(below):
        lowest = float(log.cross_entropy_nats.min())
        raise Inapplicable(f"training did not reach a cross-entropy of {level:g}: the lowest recorded is {lowest:.3g}")
    step, before = int(log.steps[below[0]]), int(log.steps[below[0] - 1]) if below[0] else None
    exact = before is None or step - before <= 1
    return step, "" if exact else f"the log says no more than that {level:g} was reached after step {before}, by {step}"


def checked(log: TrainingLog | None) -> TrainingLog:
    """The log, if there is one.

    Raises:
        InputRefused: steps that do not ascend, as many losses as steps missing, NaN.
    """
    if log is None:
        raise Inapplicable("there is no log of the training")
    steps, losses = np.asarray(log.steps), np.asarray(log.cross_entropy_nats, np.float64)
    if steps.ndim != 1 or steps.shape != losses.shape or not len(steps):
        raise InputRefused("a loss for each recorded step", f"{steps.shape} and {losses.shape}", "Give one of each.")
    if not (np.isfinite(losses).all() and (np.diff(steps) > 0).all()):
        raise InputRefused("ascending steps and finite losses", "others", "Leave out what was not recorded.")
    return TrainingLog(steps, losses, log.first_epoch)


def _log(steps: int) -> float:
    return math.log(steps) if steps else -math.inf
