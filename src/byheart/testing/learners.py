"""The suite every learner runs: one test a promise of `byheart.learners.base`.

Use it so, in a test file of your own:

    class TestMine(LearnerSuite):
        @pytest.fixture
        def learner(self): return Mine()

        @pytest.fixture
        def data(self): return Digits(n=200).draw(0)

Promise 2 is checked as the study resumes: chunks of members joined equal all members at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import logsumexp

from byheart.errors import InputRefused
from byheart.learners.base import Learner
from byheart.tasks.data import Data
from byheart.tasks.output import Output
from byheart.testing.unchanged import fingerprint, random_state
from byheart.training.members import Members, balanced
from byheart.training.run import Run, joined
from byheart.training.training import Training


class LearnerSuite:
    """Subclass it and give the fixtures `learner` and `data`.

    `way` is how a fleet is trained; `rounding` the most that a logit of one member may differ by
    between alone and in a fleet.
    """

    way = "each"
    rounding = 1e-4
    m = 4

    def test_1_same_seed_same_logits(self, learner: Learner, data: Data) -> None:
        """Promise 1."""
        first, second = (self._fit(learner, data, self._members(data)) for _ in range(2))
        for view in data.views:
            same = np.array_equal(first.views[view].logits, second.views[view].logits)
            assert same, f"two trainings from one seed differ in view {view}"

    def test_2_chunks_equal_the_whole(self, learner: Learner, data: Data) -> None:
        """Promise 2."""
        members = self._members(data)
        parts = [self._fit(learner, data, members.take(start, start + 2)) for start in range(0, self.m, 2)]
        whole = joined([(part.document(), part.arrays()) for part in parts])
        self._equal(whole, self._fit(learner, data, members), "chunks differ from the whole")

    def test_3_trains_on_any_subset(self, learner: Learner, data: Data) -> None:
        """Promise 3: subsets of any size, without one class too."""
        n = len(data.train)
        mask = np.zeros((3, n), dtype=bool)
        mask[0, : n // 2] = True
        mask[1] = (data.train.y != data.train.y[0]).reshape(n, -1).any(1)
        mask[2] = True
        run = self._fit(learner, data, Members(np.arange(3), mask))
        self._complete(run, data, 3)

    def test_3_labels_left_out_change_nothing(self, learner: Learner, data: Data) -> None:
        """Promise 3: what a member does not see, it does not know."""
        seen = self._members(data).mask[:1]
        members = Members(np.arange(2), np.repeat(seen, 2, axis=0))
        other = _relabelled(data, np.logical_not(seen[0]))
        a, b = self._fit(learner, data, members), self._fit(learner, other, members)
        self._equal(a, b, "labels of left-out examples change the logits")

    def test_4_nothing_else_changes(self, learner: Learner, data: Data) -> None:
        """Promise 4: data, members and the global random state are as they were."""
        members = self._members(data)
        before = _state(data, members), random_state()
        self._fit(learner, data, members)
        assert _state(data, members) == before[0], "training changed its data"
        assert random_state() == before[1], "training moved a global random state"

    def test_5_losses_equal_recomputed(self, learner: Learner, data: Data) -> None:
        """Promise 5: loss and margin follow from the logits."""
        run = self._fit(learner, data, self._members(data))
        for view, kept in run.views.items():
            y = data.views[view].y
            loss = _losses(kept.logits.astype(np.float64), y, data.output)
            close = np.allclose(kept.loss_nats[-1], loss, rtol=1e-4, atol=1e-4)
            assert close, f"recorded losses of view {view} are not those of its logits"
            if kept.margin is not None:
                again = np.logaddexp(0, -kept.margin[-1].astype(np.float64))
                assert np.allclose(again, loss, rtol=1e-4, atol=1e-4), f"margins of view {view} are others"
            if kept.correct is not None and run.about["outputs"] == "logits":
                right = _alone_at_top(kept.logits, y)
                assert np.array_equal(kept.correct[-1], right), f"`correct` of view {view} is another's"

    def test_6_wrong_shapes_are_refused(self, learner: Learner, data: Data) -> None:
        """Promise 6: a view of another shape, and a mask of another length, by name."""
        test = data.views["test"]
        wide = replace(test, x=np.concatenate([test.x, test.x[..., :1]], axis=-1))
        came = str(wide.x.shape[1:])
        self._refused(learner, replace(data, views={**data.views, "test": wide}), self._members(data), came)
        short = self._members(data)
        short = Members(short.seeds, short.mask[:, :-1])
        self._refused(learner, data, short, str(short.mask.shape))

    def test_7_a_complete_run(self, learner: Learner, data: Data) -> None:
        """Promise 7."""
        run = self._fit(learner, data, self._members(data))
        self._complete(run, data, self.m)
        assert {"outputs", "cpu_seconds"} <= set(run.about)

    def test_8_alone_equals_in_a_fleet(self, learner: Learner, data: Data) -> None:
        """Promise 8."""
        members = self._members(data)
        fleet = self._fit(learner, data, members)
        for j in range(self.m):
            alone = self._fit(learner, data, members.take(j, j + 1))
            for view, kept in alone.views.items():
                gap = np.abs(kept.logits[0] - fleet.views[view].logits[j]).max()
                assert gap <= self.rounding, f"member {j} alone differs by {gap:.2g} in view {view}"

    def _members(self, data: Data) -> Members:
        return balanced(len(data.train), self.m, 0.7, seed=0)

    def _fit(self, learner: Learner, data: Data, members: Members) -> Run:
        checkpoints = tuple(sorted({0, learner.steps()}))
        return learner.fit(data, members, Training(checkpoints, way=self.way))

    def _refused(self, learner: Learner, data: Data, members: Members, came: str) -> None:
        raised: Exception | None = None
        try:
            self._fit(learner, data, members)
        except Exception as error:
            raised = error
        assert raised is not None, f"shape {came} was taken"
        assert isinstance(raised, InputRefused), f"not refused by name: {type(raised).__name__}: {raised}"
        assert came in str(raised), f"the message does not say {came}: {raised}"

    def _equal(self, a: Run, b: Run, what: str) -> None:
        for view, kept in a.views.items():
            gap = np.abs(kept.logits - b.views[view].logits).max()
            assert gap <= self.rounding, f"{what}: by {gap:.2g} in view {view}"

    def _complete(self, run: Run, data: Data, m: int) -> None:
        """Every view, member, checkpoint and number is there."""
        assert len(run.members) + len(run.failed) == m, "members are missing, and not said to have failed"
        assert set(run.views) == set(data.views), "views are missing"
        k = data.output.k
        for view, kept in run.views.items():
            n = len(data.views[view])
            shape = (len(run.checkpoints), len(run.members), n)
            assert kept.loss_nats.shape == shape, f"losses of {view} have shape {kept.loss_nats.shape}"
            places = data.views[view].y.shape[1:-1]  # of a series its steps
            assert kept.logits.shape == (*shape[1:], *places, k), f"logits of {view} have shape {kept.logits.shape}"
            assert np.isfinite(kept.logits).all(), f"logits of view {view} are not finite"
            assert np.isfinite(kept.loss_nats).all(), f"losses of view {view} are not finite"
            assert (kept.correct is None) == data.output.continuous
        assert run.views["train"].trail is not None, "the trail that was asked for is missing"
        again = Run.from_parts(run.document(), run.arrays())
        assert set(again.views) == set(run.views)


def _relabelled(data: Data, rows: np.ndarray) -> Data:
    """The data with other labels in `rows` of the training examples."""
    y = data.train.y.copy()
    y[rows] = y[rows] + 1000.0 if data.output.continuous else (y[rows] + 1) % data.output.k
    train = replace(data.train, y=y)
    return replace(data, views={**data.views, "train": train})


def _losses(logits: np.ndarray, y: np.ndarray, output: Output) -> np.ndarray:
    """(m, n) losses of logits (m, n, ..., k): log loss, or the mean squared error of what is counted, in its units."""
    if output.continuous:
        errors = ((logits.reshape(len(logits), *y.shape) - y) / np.array(getattr(output, "spread", ()) or 1.0)) ** 2
        return np.nanmean(errors.reshape(*errors.shape[:2], -1), -1)
    return logsumexp(logits, axis=-1) - logits[:, np.arange(len(y)), y]


def _alone_at_top(logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(m, n) whether the label has the largest logit, and alone."""
    own = logits[:, np.arange(len(y)), y]
    return (logits >= own[..., None]).sum(-1) == 1


def _state(data: Data, members: Members) -> tuple[Any, ...]:
    return fingerprint(data), members.seeds.tobytes(), members.seen.tobytes()
