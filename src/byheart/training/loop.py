"""The loop: from members and data to a run. The only one; every network and every way goes through it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from byheart.errors import InputRefused
from byheart.fingerprint.sources import contained, unchanged
from byheart.levers.base import Lever
from byheart.records.axes import Kept, side_by_side
from byheart.seeds import derive
from byheart.tasks.data import Data
from byheart.training import preprocessing
from byheart.training.active_levers import moved, narrowed
from byheart.training.keep import Keeping
from byheart.training.members import Members
from byheart.training.model import Trainable
from byheart.training.run import Outcomes, Run, joined_outcomes, taken
from byheart.training.schedule import last_epoch
from byheart.training.stepper import Stepper
from byheart.training.training import Training


def train(
    learner: Trainable, data: Data, members: Members, training: Training, watch: Callable[[Stepper], None] | None = None
) -> Run:
    """Train every member on its subset of `data.train` and record outcomes on every view: `Learner.fit`.

    Outcomes are kept at the checkpoints before the last epoch trained, and at that one. A member whose
    weights or logits are no longer finite is in `Run.failed` (index in this call, reason), not in the arrays.
    `watch` is called with each stepper before its first step (training/record_member.py).

    Raises:
        InputRefused: the data, the module or the levers do not fit each other, or no member stayed finite.
    """
    started = time.process_time()
    levers, way = training.levers, training.way
    members = narrowed(members, data, levers)
    drawn, data = data, checked(learner, data, members, levers)
    last = last_epoch(learner, levers) * len(data.courses)
    epochs = tuple(sorted({c for c in training.checkpoints if c < last} | {last}))
    parts = []
    fleets = _fleets(learner, data, members, levers, way)
    for places in fleets:
        # A module alone may draw noise of its own from the global streams: they become the member's.
        own = contained(derive(members.seeds[places[0]], "module")) if way == "each" else unchanged()
        with own:
            stepper = learner.stepper(data, members.at(places), levers, way, training.device)
            if watch:
                watch(stepper)
            parts.append(_course(stepper, drawn, epochs, places, training))
    failed = tuple(sorted(pair for part in parts for pair in part.failed))
    keep = np.setdiff1d(np.arange(len(members)), [member for member, _ in failed])
    if not len(keep):
        raise InputRefused(
            "weights that stay finite", failed[0][1], "Lower lr, or give clip=1; look for huge values in x."
        )
    views = {name: joined_outcomes("members", [part.views[name] for part in parts]) for name in drawn.views}
    kept = {label: _joined_kept([part.kept[label] for part in parts]) for label in parts[0].kept}
    rows = np.argsort(np.concatenate(fleets))[keep]  # of the members in the arrays, which stand fleet after fleet
    if failed or (np.diff(rows) < 0).any():
        views = {name: taken(outcomes, "members", rows) for name, outcomes in views.items()}
        kept = {label: one.along("members", rows) for label, one in kept.items()}
    return Run(
        members=members.at(keep),
        checkpoints=epochs,
        views=views,
        about={
            "parameters": parts[0].parameters,
            "way": way,
            "outputs": data.output.returned,
            "inputs": preprocessing.prepared(data),
            "cpu_seconds": time.process_time() - started,
        },
        failed=failed,
        kept=kept,
    )


@dataclass(frozen=True)
class _Part:
    """What one fleet leaves: outcomes a view, what was asked to keep, failed (member, reason)."""

    views: dict[str, Outcomes]
    kept: dict[str, Kept]
    failed: tuple[tuple[int, str], ...]
    parameters: int


def _course(stepper: Stepper, data: Data, epochs: tuple[int, ...], places: np.ndarray, training: Training) -> _Part:
    """Train through the checkpoints `epochs`; `places` are the members' places in the call."""
    failed: dict[int, str] = {}
    # outcomes are made at each checkpoint, so that the logits of all of them are never held at once
    kept: dict[str, list[Outcomes]] = {name: [] for name in data.views}
    keeping = Keeping(training.keep)
    for epoch in range(epochs[-1] + 1):
        if epoch:
            stepper.epoch()
        fine = stepper.finite()
        if epoch in epochs:
            for name, examples in data.views.items():
                trail = training.trail and name == "train"
                found, finite = stepper.outcomes(name, examples, trail, epoch == epochs[-1])
                fine &= finite
                kept[name].append(found)
        keeping.look(stepper, epoch, epochs)
        for member in map(int, places[~fine]):
            reason = f"member {member} has weights or logits that are not finite after epoch {epoch}"
            failed.setdefault(member, reason)
    views = {name: joined_outcomes("checkpoints", parts) for name, parts in kept.items()}
    return _Part(views, keeping.kept(), tuple(sorted(failed.items())), stepper.fleet.size)


def _joined_kept(parts: list[Kept]) -> Kept:
    return Kept(side_by_side("members", [part.arrays for part in parts], parts[0].axes), parts[0].axes)


def _fleets(learner: Trainable, data: Data, members: Members, levers: Sequence[Lever], way: str) -> list[np.ndarray]:
    """Places of the members of each fleet: one each, or all that take equally many steps an epoch, in every phase.

    Levers that draw for hidden activations draw as many numbers as a batch has examples: equal sizes alone.
    """
    if way == "each":
        return [np.array([j]) for j in range(len(members))]
    seen = np.stack([members.seen[:, course].sum(1) for course in data.courses], 1)  # (m, phases)
    draws = any(lever.overrides("hidden") and not lever.idle for lever in levers)
    alike = [tuple(one) for one in (seen if draws else -(-seen // learner.batch)).tolist()]
    return [np.array([j for j, other in enumerate(alike) if other == one]) for one in dict.fromkeys(alike)]


def checked(learner: Trainable, data: Data, members: Members, levers: Sequence[Lever]) -> Data:
    """The data to train on, if data, members and levers fit each other."""
    for lever in levers:
        if not lever.idle and (reason := lever.against(data)):
            raise InputRefused(expected=f"data for the lever {lever.name}", came=reason, do=lever.instead)
    data = preprocessing.checked(
        moved(data, levers), members, learner=learner.name, reads=learner.reads, any_length=learner.any_length
    )
    if not members.seen.any(1).all():
        raise InputRefused(expected="members that see something", came="an empty subset", do="Raise the share.")
    return data
