"""Dose of each lever: how much of wrong labels is learned by heart, as its docstring says it falls or rises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.levers.base import Lever
from byheart.levers.data_size import DataSize
from byheart.levers.moved_inputs import InputNoise, Mixup
from byheart.levers.penalties import Dropout, LabelSmoothing, WeightDecay
from byheart.levers.private_steps import PrivateSteps
from byheart.levers.pruning import Pruning
from byheart.levers.resets import ResetLast, ShrinkPerturb
from byheart.levers.schedules import EarlyStop
from byheart.levers.sharpness import SharpnessAware
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.training.members import balanced
from byheart.training.training import Training

LEARNER = Mlp(hidden=(64,), epochs=30, batch=32, lr=0.01)
DATA = Flipped(task=Digits(n=300), share=0.3).draw(0)
MEMBERS = balanced(300, 8, 0.7, seed=0, groups=DATA.groups)


@dataclass
class Dose:
    """Means over members: wrong labels that are given where seen, less where not; right ones where seen; test."""

    memorised: float
    fit: float
    test: float


def dose(*levers: Lever) -> Dose:
    run = LEARNER.fit(DATA, MEMBERS, Training((0,), levers=levers, way="stacked"))
    right, wrong = run.views["train"].correct[-1], DATA.truth.changed
    seen, unseen = run.members.seen, run.members.unseen
    return Dose(
        memorised=float(right[seen & wrong].mean() - right[unseen & wrong].mean()),
        fit=float(right[seen & ~wrong].mean()),
        test=float(run.views["test"].correct[-1].mean()),
    )


@pytest.fixture(scope="module")
def plain() -> Dose:
    return dose()


FALLS = {  # levers of rising strength, and by how much the memorised share falls at least from one to the next
    "weight-decay": ([WeightDecay(strength=s) for s in (0.3, 3)], 0.1),
    "weight-decay, l2": ([WeightDecay(strength=s, form="l2") for s in (0.003, 0.03)], 0.05),
    "mixup": ([Mixup(alpha=a) for a in (0.1, 4)], 0.1),
    "input-noise": ([InputNoise(strength=s) for s in (0.2, 0.4)], 0.1),
    "pruning": ([Pruning(share=s) for s in (0.8, 0.95)], 0.1),
    "pruning, retrained": ([Pruning(share=s, retrain=10) for s in (0.8, 0.95)], 0.1),
    "sam": ([SharpnessAware(rho=r) for r in (0.2, 0.5)], 0.1),
    "shrink-perturb": ([ShrinkPerturb(shrink=s) for s in (0.3, 0.7)], 0.1),
    "reset-last": ([ResetLast(layers=n) for n in (1, 2)], 0.1),
    "dp-sgd": ([PrivateSteps(clip=1, noise=s) for s in (0, 0.3)], 0.1),
    "early-stop": ([EarlyStop(epoch=e) for e in (15, 5)], 0.1),
    "dropout": ([Dropout(share=s) for s in (0.5, 0.8)], 0.1),
}


def test_the_recipe_learns_wrong_labels_by_heart(plain):
    assert plain.memorised > 0.6
    assert plain.fit > 0.9


def test_the_memorised_share_rises_as_the_data_shrink_and_less_is_understood(plain):
    found = [plain, *(dose(DataSize(share=share)) for share in (0.5, 0.3))]
    assert (np.diff([one.memorised for one in found]) > 0.03).all(), found
    assert (np.diff([one.test for one in found]) < -0.03).all(), found


def test_smoothed_labels_are_memorised_as_before_and_more_new_ones_are_right(plain):
    found = [dose(LabelSmoothing(share=share)) for share in (0.2, 0.6)]
    assert max(abs(one.memorised - plain.memorised) for one in found) < 0.1
    assert found[1].test > found[0].test > plain.test + 0.01


@pytest.mark.parametrize("name", FALLS)
def test_the_memorised_share_falls_with_the_dose(name, plain):
    levers, step = FALLS[name]
    found = [plain.memorised, *(dose(lever).memorised for lever in levers)]
    assert (np.diff(found) < -step).all(), found
