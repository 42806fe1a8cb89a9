"""A kept model can be called again: it gives the outputs that the run recorded."""

from __future__ import annotations

import functools
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused, UsageError
from byheart.learners.conv import Conv
from byheart.learners.mlp import Mlp
from byheart.learners.recurrent import Recurrent
from byheart.learners.torch_module import FromFactory
from byheart.levers.base import Lever
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.output import Values
from byheart.training.keep import Weights
from byheart.training.kept_module import module_at, with_weights
from byheart.training.members import balanced
from byheart.training.training import Training

KEEP = (Weights(when="start"), Weights(when="checkpoints"), Weights())
AT = (0, 1, 2)


class Tied(nn.Module):
    """One matrix on the way in and on the way out, and batch statistics between."""

    def __init__(self):
        super().__init__()
        self.into = nn.Linear(64, 10, bias=False)
        self.norm, self.out = nn.BatchNorm1d(10), nn.Linear(64, 10, bias=False)
        self.out.weight = self.into.weight

    def forward(self, x):
        return self.out(self.norm(self.into(x.flatten(1))) @ self.into.weight)


@functools.cache
def digits():
    return Digits(n=60).draw(0)


@functools.cache
def table():
    """Values of inputs that each member standardises by its own rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(3, 5, (50, 4)).astype(np.float32)
    y = 100 + 7 * x @ np.arange(4.0) + rng.normal(size=50)
    views = {"train": Examples(np.arange(40), x[:40], y[:40]), "test": Examples(np.arange(40, 50), x[40:], y[40:])}
    return Data(views, Values(1), Truth(), {"title": "table"})


LEARNERS = {
    "mlp": (Mlp(hidden=(8,), epochs=2), digits, "stacked"),
    "conv": (Conv(epochs=2), digits, "each"),
    "recurrent": (Recurrent(hidden=4, epochs=2), digits, "functional"),
    "own module": (FromFactory.of(Tied, epochs=2), digits, "each"),
    "values": (Mlp(hidden=(8,), epochs=2), table, "stacked"),
}


@functools.cache
def fit(name, levers=()):
    learner, data, way = LEARNERS[name]
    members = balanced(len(data().train), 2, 0.7, 0)
    return learner.fit(data(), members, Training(AT, keep=KEEP, way=way, levers=levers))


@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("view", ["train", "test"])
def test_a_kept_model_gives_the_outputs_of_its_run(name, view):
    learner, data, _ = LEARNERS[name]
    run = fit(name)
    for member in range(2):
        for label, checkpoint in ((Weights().label, None), (Weights(when="checkpoints").label, 2)):
            kept = module_at(learner, data(), run, label, checkpoint, member)
            with torch.no_grad():
                outputs = kept.module(kept.inputs[view]).reshape(len(data().views[view]), -1).double().numpy()
            outputs = outputs * kept.scale + kept.centre
            expected = run.views[view].logits[member]
            np.testing.assert_allclose(outputs, expected, atol=2e-5 * (1 + np.abs(expected).max()))
            assert not kept.module.training


@pytest.mark.parametrize("name", LEARNERS)
def test_the_losses_on_the_way_are_those_of_the_kept_models(name):
    learner, data, _ = LEARNERS[name]
    run, y = fit(name), data().train.y
    for place in range(len(AT)):
        kept = module_at(learner, data(), run, Weights(when="checkpoints").label, place)
        with torch.no_grad():
            z = kept.module(kept.inputs["train"]).double()
        if data().output.continuous:
            losses = ((z[:, 0].numpy() * kept.scale + kept.centre) - y) ** 2
        else:
            losses = nn.functional.cross_entropy(z, torch.as_tensor(y), reduction="none").numpy()
        expected = run.views["train"].loss_nats[place, 0]
        np.testing.assert_allclose(losses, expected, atol=1e-4 * (1 + expected.max()))


def test_the_start_is_the_first_checkpoint_where_that_is_before_the_first_step():
    start = module_at(*LEARNERS["mlp"][:1], digits(), fit("mlp"), Weights(when="start").label)
    first = module_at(*LEARNERS["mlp"][:1], digits(), fit("mlp"), Weights(when="checkpoints").label, 0)
    for a, b in zip(start.module.parameters(), first.module.parameters(), strict=True):
        assert (a == b).all()


class Brighter(Lever):
    """Trains on brighter pictures than are scored."""

    name: ClassVar[str] = "brighter"

    def data(self, data):
        views = {**data.views, "train": Examples(data.train.ids, data.train.x + 1, data.train.y)}
        return Data(views, data.output, data.truth, data.about, data.phases, data.grouping)


def test_what_was_trained_on_and_what_is_scored_are_told_apart():
    levers = (Brighter(),)
    kept = module_at(LEARNERS["mlp"][0], digits(), fit("mlp", levers), Weights().label, levers=levers)
    assert torch.equal(kept.trained_on, kept.inputs["train"] + 1)
    with torch.no_grad():
        z = kept.module(kept.inputs["train"])
    np.testing.assert_allclose(z, fit("mlp", levers).views["train"].logits[0], atol=1e-4)


class Careless(Mlp):
    """Builds by torch's own constructors, which draw from the global stream."""

    name: ClassVar[str] = "careless"

    def build(self, data, generator):
        return nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))


def test_building_leaves_global_random_numbers_alone():
    state = torch.get_rng_state()
    module_at(Careless(hidden=(8,)), digits(), fit("mlp"), Weights().label)
    assert torch.equal(state, torch.get_rng_state())


def test_the_users_factory_is_left_alone():
    backbone = nn.Linear(64, 5).requires_grad_(False)

    def make():
        return nn.Sequential(nn.Flatten(), backbone, nn.Linear(5, 10))

    learner = FromFactory.of(make, epochs=1)
    run = learner.fit(digits(), balanced(60, 1, 0.7, 0), Training((1,), keep=KEEP, way="each"))
    module_at(learner, digits(), run, Weights().label).module.double()
    assert backbone.weight.dtype == torch.float32


def test_what_does_not_fit_is_refused_by_name():
    learner, run = LEARNERS["mlp"][0], fit("mlp")
    with pytest.raises(UsageError, match="a run that kept embeddings"):
        module_at(learner, digits(), run, "embeddings")
    with pytest.raises(UsageError, match="exactly where"):
        module_at(learner, digits(), run, Weights().label, checkpoint=1)
    with pytest.raises(UsageError, match="exactly where"):
        module_at(learner, digits(), run, Weights(when="checkpoints").label)
    with pytest.raises(InputRefused, match=r"2\.bias of shape \(9,\)"):
        module_at(Mlp(hidden=(9,)), digits(), run, Weights().label)
    with pytest.raises(InputRefused, match="no bias among what was kept"):
        with_weights(nn.Linear(2, 1), {"weight": np.zeros((1, 2))})
    with pytest.raises(InputRefused, match="only weights that the module has"):
        with_weights(nn.Linear(2, 1, bias=False), {"weight": np.zeros((1, 2)), "b": np.zeros(1)})
