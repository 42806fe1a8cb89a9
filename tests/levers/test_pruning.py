"""Pruning: the smallest weights of all layers, as many as asked for, when asked for, and they stay at 0."""

from __future__ import annotations

import pytest
import torch

from byheart.errors import InputRefused
from byheart.learners.mlp import Mlp
from byheart.levers.pruning import Pruning
from byheart.tasks.digits import Digits
from byheart.training.members import balanced
from byheart.training.record_member import recorded
from byheart.training.stepper import Stepper

LEARNER = Mlp(hidden=(8, 8), epochs=4, batch=16, lr=0.01)
DATA = Digits(n=60).draw(0)
MEMBERS = balanced(60, 3, 0.7, seed=1)


def trained(*levers, epochs=4):
    course = Stepper(LEARNER, DATA, MEMBERS, levers, "stacked", "cpu")
    for _ in range(epochs):
        course.epoch()
    return {name: w.clone() for name, w in course.weights.items()}


def matrices(weights):
    return torch.cat([w.flatten(1) for name, w in weights.items() if name.endswith("weight")], 1)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_smallest_of_all_layers_are_set_to_0_at_the_end(share):
    pruned, plain = trained(Pruning(share=share)), trained()
    left, before = matrices(pruned), matrices(plain)
    k = round(share * before.shape[1])
    assert (left == 0).sum(1).tolist() == [k] * 3
    assert torch.equal(left[left != 0], before[left != 0])
    for j in range(3):
        assert float(before[j][left[j] == 0].abs().max()) <= float(before[j][left[j] != 0].abs().min())
    for name in plain:
        if name.endswith("bias"):
            assert torch.equal(pruned[name], plain[name])


def test_with_retraining_those_that_were_smallest_then_stay_at_0_and_the_others_go_on():
    chosen = trained(Pruning(share=0.8, retrain=2), epochs=2)
    before, end = trained(epochs=2), trained(Pruning(share=0.8, retrain=2))
    assert torch.equal(matrices(chosen) == 0, matrices(end) == 0)
    assert torch.equal(matrices(before)[matrices(chosen) != 0], matrices(chosen)[matrices(chosen) != 0])
    assert float((matrices(end) - matrices(chosen)).abs().max()) > 1e-3
    assert (matrices(end) == 0).sum(1).tolist() == [round(0.8 * matrices(end).shape[1])] * 3


@pytest.mark.parametrize("retrain", [4, 9])
def test_weights_that_were_not_trained_are_not_pruned(retrain):
    with pytest.raises(InputRefused, match=rf"the 4 of training.*retrain={retrain}"):
        trained(Pruning(share=0.5, retrain=retrain))


def test_a_recording_refuses_it_by_name():
    with pytest.raises(InputRefused, match="the lever pruning"):
        recorded(LEARNER, DATA, MEMBERS.take(0, 1), levers=[Pruning(share=0.5)])
