"""The suite every lever runs: one test a promise of `byheart.levers.base`.

Use it so, in a test file of your own:

    class TestMine(LeverSuite):
        @pytest.fixture
        def lever(self): return Mine(strength=0.1)

        @pytest.fixture
        def idle(self): return Mine(strength=0)

Members are trained on digits in two phases, each on a random part of its own size, in every way there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import ClassVar

import numpy as np
import torch

from byheart.learners.base import Network
from byheart.levers.base import Lever
from byheart.registry import find
from byheart.tasks.data import Data
from byheart.testing.unchanged import fingerprint
from byheart.training.loop import checked
from byheart.training.members import Members
from byheart.training.run import Run
from byheart.training.stepper import Stepper
from byheart.training.training import Training
from byheart.training.ways import WAYS


class LeverSuite:
    """Subclass it and give the fixtures `lever` and `idle`, the same lever at strength 0.

    Attributes:
        ways: how fleets are trained.
        rounding: the most that a logit of one member may differ by between alone and in a fleet.
    """

    ways: ClassVar[Sequence[str]] = WAYS
    rounding: ClassVar[float] = 1e-3
    epochs: ClassVar[int] = 2
    batch: ClassVar[int] = 16

    def data(self) -> Data:
        """What is trained on."""
        return _digits()

    def learner(self) -> Network:
        """What is trained."""
        return find("learner", "mlp")(hidden=(8,), epochs=self.epochs, batch=self.batch, lr=0.01)

    def test_it_acts(self, lever: Lever) -> None:
        """A lever that changes nothing has nothing to promise."""
        assert not _same(self._fit(self.ways[0], [lever]), self._fit(self.ways[0], [])), (
            "training is the same without it"
        )

    def test_1_strength_0_changes_nothing(self, idle: Lever) -> None:
        """Promise 1."""
        for way in self.ways:
            assert _same(self._fit(way, [idle]), self._fit(way, [])), f"{way}: at strength 0 training is another"

    def test_2_alone_equals_in_a_fleet(self, lever: Lever) -> None:
        """Promise 2: members that see unequally many examples, too."""
        members = _members(len(self.data().train))
        for way in self.ways:
            fleet = self._fit(way, [lever])
            for j in range(len(members)):
                alone = self._fit(way, [lever], members.take(j, j + 1))
                for view, kept in alone.views.items():
                    gap = np.abs(kept.logits[0] - fleet.views[view].logits[j]).max()
                    assert gap <= self.rounding, f"{way}: member {j} alone differs by {gap:.2g} in view {view}"

    def test_3_resumed_equals_uninterrupted(self, lever: Lever) -> None:
        """Promise 3: from the end of any epoch, bit for bit."""
        for way in self.ways:
            states, end = self._states(way, lever)
            for epoch, state in enumerate(states):
                other = self._stepper(way, lever)
                other.restore(state)
                for _ in range(len(states) - epoch):
                    other.epoch()
                same = all(torch.equal(value, end[name]) for name, value in other.fleet.weights().items())
                assert same, f"{way}: resumed after epoch {epoch} it ends elsewhere"

    def test_3_what_it_remembers_are_tensors_of_the_members(self, lever: Lever) -> None:
        """Promise 3: named tensors whose first axis are the members."""
        stepper = self._stepper(self.ways[0], lever)
        for name, value in stepper.levers.all[0][1].tensors.items():
            assert torch.is_tensor(value), f"{name} is no tensor"
            assert len(value) == stepper.m, f"{name} has no axis of the members"

    def test_4_what_is_scored_stays_as_drawn(self, lever: Lever) -> None:
        """Promise 4: outcomes are those of the final weights on the data as drawn, and the data are left alone."""
        before = fingerprint(self.data())
        for way in self.ways:
            moved, plain = self._stepper(way, lever), self._stepper(way)
            for _ in range(moved.last * len(moved.phases)):
                moved.epoch()
            plain.fleet.restore(moved.fleet.weights())
            for view, examples in self.data().views.items():
                (scored, _), (asked, _) = (one.outcomes(view, examples, False, True) for one in (moved, plain))
                same = np.array_equal(scored.loss_nats, asked.loss_nats)
                assert same, f"{way}: what is scored in view {view} is not what was drawn"
        assert fingerprint(self.data()) == before, "the lever writes into the data"

    def _states(self, way: str, lever: Lever) -> tuple[list[dict], dict[str, torch.Tensor]]:
        """Where training stood before each epoch, and the weights at its end."""
        stepper, states = self._stepper(way, lever), []
        for _ in range(stepper.last * len(stepper.phases)):
            states.append(stepper.state())
            stepper.epoch()
        return states, stepper.fleet.weights()

    def _stepper(self, way: str, *levers: Lever) -> Stepper:
        members = _members(len(self.data().train))
        some = members.take(0, 1) if way == "each" else members.at(np.array([0, 2]))
        return self.learner().stepper(checked(self.learner(), self.data(), some, levers), some, levers, way, "cpu")

    def _fit(self, way: str, levers: Sequence[Lever], members: Members | None = None) -> Run:
        drawn = members or _members(len(self.data().train))
        points = (0, self.epochs * len(self.data().courses))
        return self.learner().fit(self.data(), drawn, Training(points, levers=levers, way=way))


@cache
def _digits() -> Data:
    return find("task", "in-phases")(task=find("task", "digits")(n=150)).draw(0)


def _members(n: int) -> Members:
    """Three members; the first and the last take as many steps, and see unequally many examples."""
    seen = np.ones((3, n), dtype=bool)
    for j, left_out in enumerate((40, 80, 42)):
        seen[j, np.random.default_rng(j).permutation(n)[:left_out]] = False
    return Members(np.arange(3), seen)


def _same(a: Run, b: Run) -> bool:
    left, right = a.arrays(), b.arrays()
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)
