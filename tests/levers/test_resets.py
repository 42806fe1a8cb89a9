"""Resets: when, which weights, and what they become."""

from __future__ import annotations

import pytest
import torch

from byheart.errors import InputRefused
from byheart.learners.mlp import Mlp
from byheart.levers.resets import ResetLast, ShrinkPerturb
from byheart.study import parse
from byheart.tasks.digits import Digits
from byheart.tasks.in_phases import InPhases
from byheart.training.members import balanced
from byheart.training.record_member import recorded
from byheart.training.stepper import Stepper

LEARNER = Mlp(hidden=(8, 8), epochs=4, batch=16, lr=0.01)
DATA = Digits(n=60).draw(0)
MEMBERS = balanced(60, 3, 0.7, seed=1)
BOUND = {"2.weight": 1 / 8, "4.weight": 8**-0.5, "6.weight": 8**-0.5}  # of a fresh layer: 1 / sqrt(inputs)


def after(epochs, *levers, data=DATA, n=60):
    course = Stepper(LEARNER, data, balanced(n, 3, 0.7, seed=1), levers, "stacked", "cpu")
    for _ in range(epochs):
        course.epoch()
    return {name: w.clone() for name, w in course.weights.items()}


@pytest.mark.parametrize("lever, epoch", [(ShrinkPerturb(shrink=0.4, epoch=3), 3), (ShrinkPerturb(shrink=0.4), 2)])
def test_all_weights_are_shrunk_once(lever, epoch):
    for name, w in after(epoch).items():
        assert torch.equal(after(epoch - 1, lever)[name], after(epoch - 1)[name])
        torch.testing.assert_close(after(epoch, lever)[name], 0.6 * w)


def test_fresh_weights_are_added_each_members_own():
    shrunk, moved = after(2, ShrinkPerturb(shrink=0.4)), after(2, ShrinkPerturb(shrink=0.4, noise=0.5))
    for name, bound in BOUND.items():
        fresh = (moved[name] - shrunk[name]) / 0.5
        assert 0.9 * bound < float(fresh.abs().max()) <= bound * 1.0001
        assert abs(float(fresh.std()) - bound / 3**0.5) < 0.1 * bound
        assert float((fresh[0] - fresh[1]).abs().max()) > 0.5 * bound


@pytest.mark.parametrize("layers", [1, 2])
def test_the_last_layers_are_drawn_anew_and_the_others_stay(layers):
    before, found = after(2), after(2, ResetLast(layers=layers))
    drawn = {"6.weight", "6.bias"} | ({"4.weight", "4.bias"} if layers == 2 else set())
    assert {name for name in before if not torch.equal(before[name], found[name])} == drawn
    assert float(found["6.weight"].abs().max()) <= BOUND["6.weight"]
    assert float(before["6.weight"].abs().max()) > BOUND["6.weight"]


def test_in_phases_epochs_are_counted_through_all_of_them():
    data = InPhases(task=Digits(n=120), phases=2).draw(0)
    lever = ShrinkPerturb(shrink=1.0, epoch=5)
    assert float(after(4, lever, data=data, n=120)["2.weight"].abs().max()) > 0
    assert float(after(5, lever, data=data, n=120)["2.weight"].abs().max()) == 0


@pytest.mark.parametrize("lever, said", [
    (ShrinkPerturb(shrink=0.5, epoch=4), "1 to 3"), (ResetLast(layers=1, epoch=9), "9 of 4"), (ResetLast(layers=4), "at most 3"),
])  # fmt: skip
def test_what_no_training_follows_and_layers_that_are_not_there_are_refused(lever, said):
    with pytest.raises(InputRefused, match=said):
        after(0, lever)


def test_the_word_after_the_name_is_how_much():
    assert parse.levers(["shrink-perturb=0.5:epoch=7", "reset-last=2"]) == (
        ShrinkPerturb(shrink=0.5, epoch=7),
        ResetLast(layers=2),
    )


@pytest.mark.parametrize("lever", [ShrinkPerturb(shrink=0.5), ResetLast(layers=1)])
def test_a_recording_refuses_it_by_name(lever):
    with pytest.raises(InputRefused, match=f"the lever {lever.name}"):
        recorded(LEARNER, DATA, MEMBERS.take(0, 1), levers=[lever])
