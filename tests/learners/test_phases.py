"""Training in phases: one after another, each as if alone from the weights before; only what is trained on changes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from byheart.errors import InputRefused, UsageError
from byheart.learners.mlp import Mlp
from byheart.learners.ridge import Ridge
from byheart.levers.base import Lever
from byheart.levers.schedules import EarlyStop
from byheart.seeds import derive, stream
from byheart.study.serialization import data_from, data_result
from byheart.tasks.data import Data
from byheart.tasks.digits import Digits
from byheart.tasks.in_phases import InPhases
from byheart.training.members import balanced
from byheart.training.record_member import recorded
from byheart.training.schedule import rate
from byheart.training.stepper import Stepper
from byheart.training.training import Training

LEARNER = Mlp(hidden=(8,), epochs=3, batch=16, lr=0.01)
DATA = InPhases(task=Digits(n=120)).draw(0)
MEMBERS = balanced(120, 3, 0.7, seed=1)
EPOCHS = tuple(range(7))


def fit(data=DATA, learner=LEARNER, levers=(), way="stacked", members=MEMBERS):
    return learner.fit(data, members, Training(EPOCHS, levers=levers, way=way))


def same(a, b) -> bool:
    left, right = a.arrays(), b.arrays()
    return left.keys() == right.keys() and all(np.array_equal(left[name], right[name]) for name in left)


def by_hand(seed: int, seen: np.ndarray) -> np.ndarray:
    """Logits of the test view at the end, as one writes it down: a loop over phases with an optimiser of its own each."""
    x, y = torch.from_numpy(DATA.train.x), torch.from_numpy(DATA.train.y)
    model = LEARNER.build(DATA, torch.Generator().manual_seed(derive(seed, "init")))
    order = stream(seed, "order")
    for phase in DATA.phases:
        rows = phase[seen[phase]]
        optimizer, steps, done = torch.optim.Adam(model.parameters()), 3 * -(-len(rows) // 16), 0
        for _ in range(3):
            drawn = order.permutation(rows)
            for start in range(0, len(rows), 16):
                batch = drawn[start : start + 16]
                loss = torch.nn.functional.cross_entropy(model(x[batch]), y[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.param_groups[0]["lr"] = rate(0.01, "linear", done, steps)
                optimizer.step()
                done += 1
    return model(torch.from_numpy(DATA.views["test"].x)).detach().numpy()


@pytest.mark.parametrize("way", ["stacked", "functional", "each"])
def test_phases_are_trained_one_after_another_each_with_its_own_schedule_and_optimiser(way):
    run = fit(way=way)
    for j in range(3):
        expected = by_hand(int(MEMBERS.seeds[j]), MEMBERS.seen[j])
        np.testing.assert_allclose(run.views["test"].logits[j], expected, atol=2e-4, rtol=1e-3)


def test_epochs_are_counted_through_all_phases_and_levers_stop_each_of_them():
    assert fit().checkpoints == EPOCHS
    assert fit(levers=[EarlyStop(epoch=2)]).checkpoints == (0, 1, 2, 3, 4)


def test_one_phase_of_everything_is_ordinary_training():
    ordinary = Digits(n=120).draw(0)
    assert same(fit(replace(ordinary, phases=(np.arange(120),))), fit(ordinary))


def test_what_repeats_in_a_phase_is_trained_on_again():
    twice = replace(DATA, phases=(np.repeat(DATA.phases[0], 2), DATA.phases[1]))
    losses = [fit(data).views["train"].loss_nats[3][:, DATA.phases[0]].mean() for data in (DATA, twice)]
    assert losses[1] < losses[0]


def test_phases_survive_the_ledger_and_ordinary_data_are_kept_as_before():
    back = data_from(data_result(DATA))
    assert all(map(np.array_equal, back.phases, DATA.phases))
    assert same(fit(back), fit())
    ordinary = data_result(Digits(n=120).draw(0))
    assert "phases" not in ordinary.document
    assert not [name for name in ordinary.arrays if name.startswith("phase")]


def test_learners_without_steps_see_the_union():
    assert same(fit(learner=Ridge()), fit(Digits(n=120).draw(0), learner=Ridge()))


def test_phases_are_positions():
    with pytest.raises(InputRefused, match="positions 0 to 119"):
        replace(DATA, phases=(np.arange(121),))


def test_of_some_rows_phases_keep_their_examples():
    rows = np.arange(120) % 3 > 0
    some = DATA.of_rows(rows)
    for before, after in zip(DATA.phases, some.phases, strict=True):
        assert np.array_equal(DATA.train.ids[before[rows[before]]], some.train.ids[after])


def test_no_recording_follows_phases():
    with pytest.raises(InputRefused, match="2 phases"):
        recorded(LEARNER, DATA, MEMBERS.take(0, 1))


class Brighter(Lever):
    """Trains on other pictures than those that are scored."""

    name = "brighter"
    by: float

    def data(self, data: Data) -> Data:
        return replace(data, views={**data.views, "train": replace(data.train, x=data.train.x + np.float32(self.by))})


@pytest.mark.parametrize("way", ["stacked", "each"])
def test_what_a_lever_does_to_training_data_is_never_scored(way):
    run, none = fit(levers=[Brighter(by=0.5)], way=way), fit(way=way)
    assert np.array_equal(run.views["train"].loss_nats[0], none.views["train"].loss_nats[0])  # nothing trained yet
    assert not np.array_equal(run.views["test"].loss_nats[-1], none.views["test"].loss_nats[-1])
    stepper = Stepper(LEARNER, DATA, MEMBERS, (), way, "cpu") if way == "stacked" else None
    if stepper:  # the loss of the members is that on the pictures as drawn
        weights = LEARNER.fit(DATA, MEMBERS, Training(EPOCHS, levers=[Brighter(by=0.5)], way=way)).views["train"]
        again = -np.log(np.take_along_axis(_softmax(weights.logits), DATA.train.y[None, :, None], -1))[..., 0]
        np.testing.assert_allclose(weights.loss_nats[-1], again, atol=1e-4)


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z.astype(np.float64) - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_a_lever_that_adds_examples_to_the_data_is_named():
    class Fewer(Lever):
        name = "fewer"

        def data(self, data):
            return data.of_rows(np.arange(120) < 60)

    with pytest.raises(InputRefused, match="fewer got them"):
        fit(levers=[Fewer()])


def test_a_learner_without_steps_refuses_levers_by_name():
    with pytest.raises(UsageError, match="ridge has no training steps, got brighter"):
        fit(learner=Ridge(), levers=[Brighter(by=0.5)])
