"""Timing: how a fleet is trained best here, and how long a member takes."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from typing import Any

from byheart.errors import LedgerDamaged
from byheart.ledger.base import Ledger, Result
from byheart.study.cost_shape import cost_shape
from byheart.study.process import fixed_threads
from byheart.study.serialization import data_from

AT_ONCE = 32  # the most members that a chunk holds: more do not help the cache, and less is lost when stopped
TRIAL_SECONDS = 1.5
TIMED = 3  # members at most that are trained to know how long one takes


def trial(
    learner: Any, levers: list[Any], about: Mapping[str, Any], drawn: Result, ledger: Ledger, seconds: float
) -> Result:
    """How a fleet is trained on drawn data, and the CPU seconds of a member: as the ledger knows, else by a trial."""
    from byheart.training.trial import choose

    share, device, threads = (about[name] for name in ("share", "device", "threads"))
    shape = cost_shape(learner, levers, share, drawn.document, device, threads)
    found = _alike(ledger, shape)
    if not learner.fleet:
        with fixed_threads(threads):
            each = _timed(learner, data_from(drawn), levers, share, seconds)
        return Result({"way": "each", "chunk": learner.members_a_step, "cpu_seconds_a_member": each, "shape": shape})
    if found is None:
        with fixed_threads(threads):
            chosen = choose(learner, data_from(drawn), levers, AT_ONCE, device, seconds)
        found = {"way": chosen.way, "chunk": chosen.members, "cpu_seconds_a_step": chosen.seconds_a_step}
        found |= {"why_each": chosen.why_each} if chosen.why_each else {}
    each = _each(learner, found["cpu_seconds_a_step"], share, drawn.document["views"]["train"]["n"])
    return Result({**found, "cpu_seconds_a_member": each, "shape": shape})


def _timed(learner: Any, data: Any, levers: list[Any], share: float, seconds: float) -> float:
    """CPU seconds of a member: the least of up to three, of which the first may load packages; one that takes long
    is not trained again.
    """
    from byheart.training.members import balanced
    from byheart.training.training import Training

    members = balanced(len(data.train), 1, share, 0, data.groups)
    training = Training((1,), levers=levers)
    took: list[float] = []
    while not took or (len(took) < TIMED and sum(took) < seconds):
        started = time.process_time()
        learner.fit(data, members, training)
        took.append(time.process_time() - started)
    return min(took)


def _alike(ledger: Ledger, shape: str) -> dict[str, Any] | None:
    """What the ledger's first trial of the same cost shape found; a damaged one is left to the audit whose it is."""
    for key in ledger.keys("trial"):
        with contextlib.suppress(LedgerDamaged):
            kept = ledger.get(key)
            if isinstance(kept, Result) and kept.document.get("shape") == shape:
                return kept.document
    return None


def _each(learner: Any, seconds_a_step: float | None, share: float, n: int) -> float | None:
    """The CPU seconds of a member that sees `share` of n examples."""
    steps = learner.steps() * math.ceil(round(share * n) / learner.batch)
    return None if seconds_a_step is None else seconds_a_step * steps
