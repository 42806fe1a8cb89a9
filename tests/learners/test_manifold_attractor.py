"""The lever `manifold-attractor`: what it draws where, against autograd of the formula; initialisation apart from pull."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused, UsageError
from byheart.learners.mlp import Mlp
from byheart.learners.piecewise_linear import Plrnn
from byheart.learners.piecewise_network import DrivenNetwork, PiecewiseNetwork, almost_linear, plain, shallow
from byheart.levers.base import State
from byheart.levers.manifold_attractor import ManifoldAttractor
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.digits import Digits
from byheart.tasks.output import NextStep
from byheart.training.fleet import Each
from byheart.training.keep import Weights
from byheart.training.members import balanced
from byheart.training.training import Training

H, N = 5, 2  # units, and how many of them are drawn: share 0.4
NETWORKS = {
    "plain layer": (lambda: nn.RNN(3, H), 0),
    "plain cell": (lambda: nn.RNNCell(3, H), 0),
    "gru": (lambda: nn.GRU(3, H), 2),
    "lstm": (lambda: nn.LSTM(3, H), 2),
    "lstm without biases": (lambda: nn.LSTM(3, H, bias=False), 2),
}
PIECEWISE = {
    "plain": lambda g: PiecewiseNetwork(plain(H, g), 3, g),
    "almost linear": lambda g: PiecewiseNetwork(almost_linear(H, 2, g), 3, g),
    "shallow": lambda g: PiecewiseNetwork(shallow(H, 7, g), 3, g),
    "driven": lambda g: DrivenNetwork(plain(H, g), 3, 2, g),
}


def course(module: nn.Module) -> SimpleNamespace:
    fleet = Each([module.double()])
    return SimpleNamespace(weights=fleet.parameters, gradients=fleet.gradients, fleet=fleet)


def of_torch(w: dict[str, torch.Tensor], block: int) -> torch.Tensor:
    """The three means of one member, as they are defined."""
    last = next(name for name in w if name.startswith("weight_hh")).removeprefix("weight_hh")
    rows = w[f"weight_hh{last}"][block * H : (block + 1) * H][-N:]
    own = torch.stack([rows[i, H - N + i] for i in range(N)])
    rest = torch.stack([rows[i, j] for i in range(N) for j in range(H) if j != H - N + i])
    biases = [w[f"bias_{of}{last}"][block * H : (block + 1) * H][-N:] for of in ("ih", "hh") if f"bias_{of}{last}" in w]
    shift = torch.cat(biases).square().mean() if biases else 0.0
    return (own - 1).square().mean() + rest.square().mean() + shift


def of_piecewise(w: dict[str, torch.Tensor]) -> torch.Tensor:
    mixed, shift = (w["W1"], w["h1"]) if "W1" in w else (w["W"], w["h"])
    return (w["A"][-N:] - 1).square().mean() + mixed[-N:].square().mean() + shift[-N:].square().mean()


def hold(module: nn.Module, formula) -> None:
    """The gradient that the lever adds is the derivative of the formula, of every weight."""
    at = course(module)
    lever = ManifoldAttractor(strength=0.7, share=0.4)
    lever.start(at)
    lever.gradient(at, State({}))
    leaves = {name: value[0].clone().requires_grad_() for name, value in at.weights.items()}
    wanted = torch.autograd.grad(0.7 * formula(leaves), list(leaves.values()), allow_unused=True)
    for name, gradient in zip(leaves, wanted, strict=True):
        torch.testing.assert_close(
            at.gradients[name][0], torch.zeros_like(leaves[name]) if gradient is None else gradient
        )


@pytest.mark.parametrize("name", NETWORKS)
def test_the_gradient_of_torch_layers(name):
    make, block = NETWORKS[name]
    hold(make(), lambda w: of_torch(w, block))


@pytest.mark.parametrize("name", PIECEWISE)
def test_the_gradient_of_piecewise_networks(name):
    hold(PIECEWISE[name](torch.Generator().manual_seed(0)), of_piecewise)


@pytest.mark.parametrize("name", PIECEWISE)
def test_it_begins_where_the_units_stay(name):
    net = PIECEWISE[name](torch.Generator().manual_seed(0))
    before = {key: value.clone() for key, value in net.named_parameters()}
    at = course(net)
    ManifoldAttractor(strength=0, share=0.4, begin=True).start(at)
    w = {key: value.float() for key, value in at.weights.items()}
    z = torch.randn(1, H, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(net.cell.step(w, z)[:, -N:], z[:, -N:])
    for key, value in before.items():  # the other units are as they were
        rows = slice(None) if key in ("L", "W2", "h2", "B", "b", "C") else slice(0, H - N)
        torch.testing.assert_close(w[key][0][rows], value[rows].detach())


@pytest.mark.parametrize(
    "make, reads, rows",
    [
        (lambda: PIECEWISE["driven"](torch.Generator().manual_seed(0)), "C", slice(H - N, H)),
        (lambda: nn.LSTM(3, H), "weight_ih_l0", slice(3 * H - N, 3 * H)),
        (lambda: nn.RNNCell(3, H), "weight_ih", slice(H - N, H)),
    ],
)
def test_what_the_drawn_units_read_begins_as_small_as_asked_and_of_the_others_as_it_was(make, reads, rows):
    torch.manual_seed(0)
    net = make()
    before, at = {key: value.detach().double().clone() for key, value in net.named_parameters()}, course(net)
    ManifoldAttractor(strength=0, share=0.4, begin=True, inputs=0.25).start(at)
    before[reads][rows] *= 0.25
    torch.testing.assert_close(at.weights[reads][0], before[reads], rtol=0, atol=0)


def test_inputs_of_a_beginning_need_one_and_enter_the_key_where_they_are_not_as_they_were():
    with pytest.raises(UsageError, match="give begin=true"):
        ManifoldAttractor(strength=1, inputs=0.1)
    with pytest.raises(UsageError, match="give attractor_begin=true"):
        Plrnn(attractor_inputs=0.1)
    begun, small = (ManifoldAttractor(strength=1, begin=True, **more) for more in ({}, {"inputs": 0.1}))
    assert begun.key_fields() == {"strength": 1, "share": 0.5, "begin": True}
    assert small.key() != begun.key()
    assert "attractor_inputs" not in Plrnn().key_fields().keys() | Plrnn().settings().keys()
    assert Plrnn(attractor_begin=True, attractor_inputs=0.1).key() != Plrnn(attractor_begin=True).key()


def test_the_initialisation_alone_draws_nothing():
    at = course(nn.GRU(3, H))
    lever = ManifoldAttractor(strength=0, begin=True)
    lever.start(at)
    lever.gradient(at, State({}))
    assert not at.fleet.gradient.any()


def test_models_without_recurrent_weights_are_refused_by_name():
    data = Digits(n=60).draw(0)
    members, training = balanced(60, 2, 0.7, 0), Training((1,), levers=(ManifoldAttractor(strength=1),))
    with pytest.raises(InputRefused, match="recurrent weights for manifold-attractor"):
        Mlp(hidden=(4,), epochs=1).fit(data, members, training)


def test_as_a_part_of_the_learner_it_is_the_lever():
    rng = np.random.default_rng(0)
    train = Examples(np.arange(40), rng.normal(size=(40, 5, 2)), rng.normal(size=(40, 2)))
    data = Data({"train": train}, NextStep(2, spread=(1.0, 1.0), carried=(0.0, 0.0)), Truth(), {})
    members, kept = balanced(40, 2, 0.7, 0), {"keep": (Weights(),), "way": "functional"}
    own = Plrnn(units=4, epochs=1, attractor=3, attractor_begin=True).fit(data, members, Training((1,), **kept))
    lever = ManifoldAttractor(strength=3, begin=True)
    as_lever = Plrnn(units=4, epochs=1).fit(data, members, Training((1,), levers=(lever,), **kept))
    bare = Plrnn(units=4, epochs=1).fit(data, members, Training((1,), **kept))
    assert np.array_equal(own.kept["weights"]["A"], as_lever.kept["weights"]["A"])
    assert not np.array_equal(own.kept["weights"]["A"], bare.kept["weights"]["A"])
