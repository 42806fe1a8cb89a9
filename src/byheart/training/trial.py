"""Trial: which way to train a fleet costs least on this machine."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from byheart.fingerprint.sources import unchanged
from byheart.levers.base import Lever
from byheart.tasks.data import Data
from byheart.training.loop import checked
from byheart.training.members import balanced
from byheart.training.model import Trainable
from byheart.training.recurrence import held
from byheart.training.stepper import Stepper
from byheart.training.ways import reason_against_functional, ways_for

KEPT = 512 << 20  # bytes that recurrent layers of all members at once may keep of a batch
ALIKE = 1.05  # costs that a short trial cannot tell apart
PART = 0.25  # of a fleet's own training, which a trial does not exceed
SHORTEST = 0.1  # CPU seconds: enough to compare steps of the smallest networks


class Choice(NamedTuple):
    """How to train a fleet here: the way, the members at once, CPU seconds a step and member, and why `each`."""

    way: str
    members: int
    seconds_a_step: float | None
    why_each: str = ""


@unchanged()
def choose(
    learner: Trainable,
    data: Data,
    levers: Sequence[Lever] = (),
    members_at_once: int = 16,
    device: str = "cpu",
    seconds: float = 2.0,
) -> Choice:
    """Which way, and how many members at once, costs least CPU time a model? A short trial.

    `each` and the best batched way take steps on the real shapes, with 8, 16 and 32 members at once, in
    turns; CPU time a step and member is compared. On an accelerator the whole fleet is one batch. The
    answer depends on the machine, so it is asked once, by the plan, and stored. A module whose members cannot be
    batched, or give other numbers at once than alone, is trained `each`.

    Returns:
        The way, the members at once (at most `members_at_once`), CPU seconds a step and member (None on an
        accelerator, whose time the CPU does not see), and why members cannot be batched, where they cannot.

    Raises:
        InputRefused: the learner cannot be trained on these data; the reason is said.

    Cost: about `seconds`; less where a fleet, one after another, would be trained in a few times that.
    """
    members = balanced(len(data.train), members_at_once, 0.7, seed=0)
    data = checked(learner, data, members, levers)

    def start(way: str, k: int) -> Stepper:
        return learner.stepper(data, members.take(0, k), levers, way, device)

    alone = start("each", 1)
    batched = ways_for(alone.template)[0]  # stacked beats functional wherever it is possible
    why = reason_against_functional(alone.template)
    if batched == "functional" and members_at_once > 1:
        why = _difference(alone, start(batched, 2))
        batched = "each" if why else batched
        # a long sequence is kept whole for the way back, as often as there are members
        kept = held(alone.template, max(alone.views["train"].shape[1:], default=1), learner.batch)
        members_at_once = min(members_at_once, max(KEPT // max(kept, 1), 1))
    if device != "cpu":
        return Choice(batched, 1 if batched == "each" else members_at_once, None, why)
    fleet = members_at_once * alone.steps * alone.seconds_a_step(0.0)  # CPU seconds, one after another
    seconds = min(seconds, max(PART * fleet, SHORTEST))
    if batched == "each" or members_at_once == 1:
        return Choice("each", 1, alone.seconds_a_step(seconds / 4), why)
    sizes = [k for k in (8, 16, 32) if k <= members_at_once] or [members_at_once]
    rivals = {**{(batched, k): start(batched, k) for k in sizes}, ("each", 1): alone}
    cost = dict.fromkeys(rivals, float("inf"))
    for _ in range(3):  # in turns, and the best of each, so that a busy moment hits no one rival alone
        for rival, training in rivals.items():
            took = training.seconds_a_step(seconds / 3 / len(rivals)) / rival[1]
            cost[rival] = min(cost[rival], took)
    # of those that cost about the least the fewest members at once: they take the least memory
    way, k = next(rival for rival in rivals if cost[rival] <= ALIKE * min(cost.values()))
    return Choice(way, k, cost[way, k])


def _difference(alone: Stepper, pair: Stepper) -> str:
    """What differs between a member alone and the same one in a fleet, of outputs and gradient; empty if nothing."""
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of what members cannot do fast
            one, two = _tried(alone), _tried(pair)
    except Exception as error:  # whatever a user's module raises that needs numbers where there are members
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}"
    same = all(bool((a - b).abs().max() <= 1e-3 * (1 + a.abs().max())) for a, b in zip(one, two, strict=True))
    return "" if same else "its members give other numbers at once than alone"


def _tried(stepper: Stepper) -> list[Tensor]:
    """Outputs of the first member for a few examples, in training and evaluation, and its gradient."""
    x = stepper.views["train"]
    x = x[:4].expand(stepper.m, *x[:4].shape) if stepper.shared else x[:, :4]
    z = stepper.fleet.forward(x)
    stepper.fleet.backward(torch.ones_like(z))
    gradient = [g[0].clone() for g in stepper.fleet.gradients.values()]
    return [z[0], stepper.fleet.predict(x, False)[0], *gradient]
