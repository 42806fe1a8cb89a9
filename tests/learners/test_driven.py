"""Piecewise-linear networks that read sequences from outside: gradient by hand against autograd, and what they learn."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from byheart.learners.piecewise_linear import AlmostLinearRnn, Plrnn, ShallowPlrnn
from byheart.learners.piecewise_network import DrivenNetwork, almost_linear, plain, shallow
from byheart.learners.recurrent import Recurrent
from byheart.tasks.data import Data
from byheart.tasks.recall import Addition
from byheart.tasks.recall.solved import solved
from byheart.testing.learners import LearnerSuite
from byheart.training.driven_fleet import DrivenFleet
from byheart.training.members import Members
from byheart.training.training import Training

NETWORKS = {
    "shallow": lambda g: DrivenNetwork(shallow(5, 7, g), 3, 2, g),
    "plain": lambda g: DrivenNetwork(plain(6, g), 3, 2, g),
    "almost linear": lambda g: DrivenNetwork(almost_linear(6, 2, g), 3, 2, g),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_equals_autograd(name):
    nets = [NETWORKS[name](torch.Generator().manual_seed(seed)).double() for seed in (0, 1)]
    fleet = DrivenFleet(nets)
    generator = torch.Generator().manual_seed(2)
    x, g = (torch.randn(2, 4, *shape, generator=generator, dtype=torch.float64) for shape in ((9, 3), (2,)))
    said = fleet.forward(x)
    torch.testing.assert_close(fleet.predict(x, False), said)
    fleet.backward(g)
    for j, net in enumerate(nets):
        alone = net(x[j])
        torch.testing.assert_close(alone.detach(), said[j])
        wanted = torch.autograd.grad((alone * g[j]).sum(), list(net.parameters()))
        for (weight, _), gradient in zip(net.named_parameters(), wanted, strict=True):
            off = 1 - torch.eye(6) if (weight, name) == ("W", "plain") else 1  # the diagonal of W is no weight
            torch.testing.assert_close(fleet.gradients[weight][j], gradient * off, rtol=1e-10, atol=1e-12)


@cache
def sums() -> Data:
    return Addition(length=20, n=300, n_test=100).draw(0)


LEARNERS = {
    "plain": lambda: Plrnn(units=6, epochs=2, attractor=1, attractor_begin=True),
    "shallow": lambda: ShallowPlrnn(units=4, hidden=6, epochs=1),
    "almost linear": lambda: AlmostLinearRnn(units=6, epochs=1),
}


class TestPromises(LearnerSuite):
    way, m = "functional", 3

    @pytest.fixture(params=LEARNERS)
    def learner(self, request):
        return LEARNERS[request.param]()

    @pytest.fixture
    def data(self):
        return sums()


def test_it_adds_what_it_was_shown_many_steps_ago():
    """Chance is 1/6."""
    data = Addition(length=20, n=1000, n_test=200).draw(0)
    learner = Plrnn(units=12, epochs=20, lr=0.01, batch=50, schedule="linear", attractor=1, attractor_begin=True)
    members = Members(np.arange(2), np.ones((2, 1000), dtype=bool))
    run = learner.fit(data, members, Training((20,), way="functional"))
    assert run.views["test"].loss_nats[-1].mean(1).max() < 0.02


def test_a_hundred_steps_are_bridged_from_units_that_stay_and_are_held_near_it():
    """Chance is 1/6; 4 passes over 10,000 sequences, of which networks of neither learn nothing (byheart study)."""
    held = Plrnn(
        units=40,
        batch=64,
        epochs=4,
        schedule="linear",
        clip=1,
        attractor=50,
        attractor_begin=True,
        attractor_inputs=0.01,
    )
    assert solved(errors(held, Addition(length=100, n=10_000, n_test=1000).draw(0)))


@pytest.mark.slow
def test_three_hundred_steps_are_bridged_where_an_lstm_as_wide_is_at_chance():
    data = Addition(length=300, n=20_000, n_test=1000).draw(0)
    how = {"batch": 64, "epochs": 4, "schedule": "linear", "optimizer": "radam", "lr": 0.003, "clip": 1}
    held = Plrnn(units=40, attractor=500, attractor_begin=True, attractor_inputs=0.01, **how)
    assert solved(errors(held, data))
    of_lstm, chance = errors(Recurrent(cell="lstm", hidden=40, **how), data), data.views["test"].y.var()
    assert (of_lstm**2).mean() == pytest.approx(chance, rel=0.05)


def errors(learner: Plrnn | Recurrent, data: Data) -> np.ndarray:
    """Of one network on the new sequences, without their sign."""
    members = Members(np.arange(1), np.ones((1, len(data.train)), dtype=bool))
    run = learner.fit(data, members, Training((learner.epochs,), trail=False, way="functional"))
    return np.sqrt(run.views["test"].loss_nats[-1, 0].astype(float))
