"""Trial: which way to train a fleet costs least on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from byheart.fingerprint.sources import unchanged
from byheart.levers.base import Lever
from byheart.tasks.data import Data
from byheart.training.loop import checked
from byheart.training.members import balanced
from byheart.training.model import Trainable
from byheart.training.stepper import Stepper
from byheart.training.ways import ways_for


class Choice(NamedTuple):
    """How to train a fleet here: the way, the members at once, and CPU seconds a step and member."""

    way: str
    members: int
    seconds_a_step: float | None


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
    answer depends on the machine, so it is asked once, by the plan, and stored.

    Returns:
        The way, the members at once (at most `members_at_once`), and CPU seconds a step and member (None on an
        accelerator, whose time the CPU does not see).

    Raises:
        InputRefused: the learner cannot be trained on these data; the reason is said.

    Cost: about `seconds`.
    """
    members = balanced(len(data.train), members_at_once, 0.7, seed=0)
    data = checked(learner, data, members, levers)

    def start(way: str, k: int) -> Stepper:
        return learner.stepper(data, members.take(0, k), levers, way, device)

    alone = start("each", 1)
    batched = ways_for(alone.template)[0]  # stacked beats functional wherever it is possible
    if device != "cpu":
        return Choice(batched, 1 if batched == "each" else members_at_once, None)
    if batched == "each" or members_at_once == 1:
        return Choice("each", 1, alone.seconds_a_step(seconds / 4))
    sizes = [k for k in (8, 16, 32) if k <= members_at_once] or [members_at_once]
    rivals = {("each", 1): alone, **{(batched, k): start(batched, k) for k in sizes}}
    cost = dict.fromkeys(rivals, float("inf"))
    for _ in range(3):  # in turns, and the best of each, so that a busy moment hits no one rival alone
        for rival, training in rivals.items():
            took = training.seconds_a_step(seconds / 3 / len(rivals)) / rival[1]
            cost[rival] = min(cost[rival], took)
    way, k = min(cost, key=cost.__getitem__)
    return Choice(way, k, cost[way, k])
