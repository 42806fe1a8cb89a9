"""Piecewise-linear recurrent learners: gradients by hand against autograd, forcing, dynamics, what a learner promises."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from byheart.errors import InputRefused, UsageError
from byheart.learners.piecewise_dynamics import PiecewiseDynamics, dynamics_of
from byheart.learners.piecewise_linear import AlmostLinearRnn, Plrnn, ShallowPlrnn
from byheart.learners.piecewise_network import PiecewiseNetwork, almost_linear, plain, shallow
from byheart.levers.base import Lever
from byheart.maths.orbits import lyapunov_spectrum
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import NextStep, Values
from byheart.testing.learners import LearnerSuite
from byheart.training.forced_fleet import ForcedFleet
from byheart.training.forcing import Forcing, growth, norms
from byheart.training.keep import Weights
from byheart.training.kept_module import module_at
from byheart.training.members import Members, balanced
from byheart.training.piecewise_cells import Rectified
from byheart.training.record_member import recorded
from byheart.training.training import Training
from byheart.training.trial import choose

D, W, B = 3, 9, 4
NETWORKS = {
    "shallow": lambda g: PiecewiseNetwork(shallow(3, 7, g), D, g),
    "shallow, two units of its own": lambda g: PiecewiseNetwork(shallow(5, 7, g), D, g),
    "plain": lambda g: PiecewiseNetwork(plain(6, g), D, g),
    "almost linear": lambda g: PiecewiseNetwork(almost_linear(6, 2, g), D, g),
}


def network(name: str, seed: int) -> PiecewiseNetwork:
    """In float64, away from the start of its weights, where some are 0."""
    generator = torch.Generator().manual_seed(seed)
    made = NETWORKS[name](generator).double()
    with torch.no_grad():
        for weight in made.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=generator)
        made.centre += 0.3 * seed
        made.scale += 0.5 * seed
        made.carried[0] = 1.0
    return made


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)


def loss_by_autograd(
    net: PiecewiseNetwork, x: torch.Tensor, y: torch.Tensor, strength: torch.Tensor, d: int = D
) -> torch.Tensor:
    """The formula as it stands: half the squared error of what is said of each step, before it is forced."""
    w = {name: p[None] for name, p in net.named_parameters()}
    if "W" in w and net.cell.rectified is None:
        w["W"] = w["W"] * (1 - torch.eye(w["W"].shape[-1]))
    steps = torch.cat([x, y[:, None]], 1).permute(1, 2, 0)[:, None]  # (w + 1, 1, d, b)
    z, total = torch.cat([steps[0], w["L"] @ steps[0]], 1) if "L" in w else steps[0], 0.0
    for true, alpha in zip(steps[1:], strength, strict=True):
        said = net.cell.step(w, z)
        total = total + 0.5 * (said[:, :d] - true).square().mean()
        z = torch.cat([(1 - alpha) * said[:, :d] + alpha * true, said[:, d:]], 1)
    return total / len(strength)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_equals_autograd(name):
    nets = [network(name, seed) for seed in (0, 1)]
    for net in nets:
        net.cell.tidy({"W": net.W.data[None]} if "W" in dict(net.named_parameters()) else {})
    fleet, x, y = ForcedFleet(nets), drawn(2, B, W, D), drawn(2, B, D)
    strength = torch.rand(W, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sweep, data = fleet.run(x, y, strength)
    fleet.differentiate(sweep, x, (sweep.said - data)[:, :, :D] / (W * D * B))
    for j, net in enumerate(nets):
        wanted = torch.autograd.grad(loss_by_autograd(net, x[j], y[j], strength[:, j]), list(net.parameters()))
        for (weight, _), gradient in zip(net.named_parameters(), wanted, strict=True):
            gap = (fleet.gradients[weight][j] - gradient).abs().max() / gradient.abs().max()
            assert gap < 1e-12, f"{weight} of member {j}"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_says_what_the_fleet_says(name):
    nets = [network(name, seed) for seed in (0, 1)]
    fleet, x = ForcedFleet(nets), drawn(2, B, W, D)
    said = fleet.predict(x, False)
    torch.testing.assert_close(fleet.forward(x), said)
    with torch.no_grad():
        torch.testing.assert_close(torch.stack([net(x[j]) for j, net in enumerate(nets)]), said)
    fleet.backward(torch.ones_like(said))  # of what the last step says alone
    wanted = torch.autograd.grad(nets[1](x[1]).sum(), list(nets[1].parameters()))
    for (weight, _), gradient in zip(nets[1].named_parameters(), wanted, strict=True):
        found = fleet.gradients[weight][1]
        off = 1 - torch.eye(6) if weight == "W" and name == "plain" else 1
        torch.testing.assert_close(found, gradient * off)


@pytest.mark.parametrize("name", NETWORKS)
def test_dynamics_are_the_step_of_the_cell(name):
    net = network(name, 0)
    weights = {key: value.detach().numpy() for key, value in net.named_parameters()}
    units = len(weights["A"])
    model = PiecewiseDynamics(weights, D, {"plain": 6, "almost linear": 2}.get(name, 0))
    window = drawn(B, W, D)
    said = model.observe(model.step(model.read(window.numpy())))
    said[:, 0] -= window[:, -1, 0].numpy()
    np.testing.assert_allclose(said, net(window).detach().numpy(), rtol=1e-12)
    states = drawn(5, units)
    w = {key: torch.from_numpy(value)[None] for key, value in weights.items()}
    by_cell = net.cell.jacobian(w, states.T[None].contiguous())[0].numpy()
    np.testing.assert_allclose(model.jacobian(states.numpy()), by_cell, atol=1e-12)
    moved = 1e-6 * np.eye(units)
    differences = [(model.step(states[0].numpy() + e) - model.step(states[0].numpy() - e)) / 2e-6 for e in moved]
    np.testing.assert_allclose(np.stack(differences, 1), by_cell[0], atol=1e-8)


def test_clipped_orbits_stay_bounded():
    """|z| is at most (|h1| + sum |W1| |h2|) / (1 - max |A|) in the end, wherever it begins."""
    weights = {key: value.detach().numpy() for key, value in network("shallow", 3).named_parameters()}
    weights["A"] = np.array([0.9, -0.8, 0.5])
    bound = (np.abs(weights["h1"]) + np.abs(weights["W1"]) @ np.abs(weights["h2"])) / (1 - np.abs(weights["A"]))
    run = PiecewiseDynamics(weights, D).orbit(np.full(3, 1e3), 2000)
    assert (np.abs(run[1000:]) <= bound + 1e-9).all()


def test_forcing_tables():
    assert Forcing("sparse", 0.3, 3, "product", 2, "cpu").table(7)[:, 0].tolist() == [0, 0, 1, 0, 0, 1, 0]
    assert Forcing("constant", 0.25, 3, "product", 2, "cpu").table(2).tolist() == [[0.25, 0.25]] * 2
    assert Forcing("adaptive", 0.25, 3, "product", 2, "cpu").table(1).tolist() == [[1.0, 1.0]]


def test_plain_forcing_is_one_step_and_none_is_a_free_run():
    net = network("shallow", 0)
    fleet, x, y = ForcedFleet([net]), drawn(1, B, W, D), drawn(1, B, D)
    forced, _ = fleet.run(x, y, torch.ones(W, 1, dtype=torch.float64))
    torch.testing.assert_close(forced.held[1:, 0], x[0, :, 1:].permute(1, 2, 0))
    free, _ = fleet.run(x, y, torch.zeros(W, 1, dtype=torch.float64))
    model = PiecewiseDynamics({key: value.detach().numpy() for key, value in net.named_parameters()}, D)
    np.testing.assert_allclose(free.said[:, 0].transpose(1, 2), model.orbit(x[0, :, 0].numpy(), W), rtol=1e-10)


def test_norms():
    matrices = drawn(50, 6, 6)
    torch.testing.assert_close(norms(matrices), torch.linalg.matrix_norm(matrices, 2))
    matrices[3, 0, 0], matrices[4, 0, 0] = torch.nan, 1e200
    assert norms(matrices).isinf().nonzero().flatten().tolist() == [3, 4]


def linear(*a: float) -> ForcedFleet:
    """Members z' = a z: the Jacobian is a everywhere."""
    nets = []
    for value in a:
        generator = torch.Generator().manual_seed(0)
        net = PiecewiseNetwork(plain(D, generator), D, generator).double()
        for name, weight in net.named_parameters():
            weight.data.fill_(value if name == "A" else 0.0)
        nets.append(net)
    return ForcedFleet(nets)


@pytest.mark.parametrize("estimate", ["product", "mean"])
def test_adaptive_forcing_is_what_the_jacobians_ask_for(estimate):
    fleet = linear(2.0, 0.5)
    states = drawn(W, 2, D, B)
    np.testing.assert_allclose(growth(fleet, states, estimate), [2.0, 0.5], rtol=1e-5)
    forcing = Forcing("adaptive", 0.0, 1, estimate, 2, "cpu")
    forcing.look(fleet, states, states)  # alpha* = 1/2 and 0, approached slowly from 1
    np.testing.assert_allclose(forcing.strength, [0.999 + 0.001 / 2, 0.999], rtol=1e-5)
    for _ in range(4):  # only every fifth batch
        forcing.look(fleet, states, states)
    np.testing.assert_allclose(forcing.strength, [0.9995, 0.999], rtol=1e-5)
    forcing.strength = torch.tensor([0.2, 0.0])
    forcing.look(fleet, states, states)  # too little is mended at once
    np.testing.assert_allclose(forcing.strength, [0.5, 0.0], rtol=1e-5)


def test_growth_is_geometric_over_time_and_the_most_of_the_sequences():
    """With one kink: a where z > 0 and b where not, so that each sequence has its own product."""
    fleet = linear(1.0)
    fleet.parameters["A"].fill_(0.5)
    fleet.parameters["W"][0, 0, 1] = 0.0
    fleet.cell = Rectified(D)
    fleet.parameters["W"][0] = torch.diag(torch.full((D,), 1.5))  # J = 2 where positive, 0.5 where not
    states = torch.ones(4, 1, D, 2, dtype=torch.float64)
    states[1:, :, :, 0] = -1.0  # one step of four: (2 * 0.5^3)^(1/4) = 0.707
    states[3:, :, :, 1] = -1.0  # three of four: (2^3 * 0.5)^(1/4) = 1.414
    np.testing.assert_allclose(growth(fleet, states, "product"), [2**0.5], rtol=1e-5)
    np.testing.assert_allclose(growth(fleet, states, "mean"), [(3 * 2 + 0.5) / 4], rtol=1e-5)


CARRIED = (1.0, 0.0)


@cache
def spiral() -> Data:
    """Windows of turns that shrink, each from a start of its own, with a little noise on what is seen."""
    rng, turn = np.random.default_rng(0), 0.95 * np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    states = [rng.normal(size=(300, 2))]
    for _ in range(6):
        states.append(states[-1] @ turn.T)
    pieces = np.stack(states, 1) + 0.02 * rng.normal(size=(300, 7, 2))
    y = pieces[:, 6] - np.array(CARRIED) * pieces[:, 5]
    train, test = (Examples(part, pieces[part, :6], y[part]) for part in (np.arange(200), np.arange(200, 300)))
    return Data({"train": train, "test": test}, NextStep(2, spread=(1.0, 1.0), carried=CARRIED), Truth(), {})


LEARNERS = {
    "shallow": lambda: ShallowPlrnn(hidden=6, epochs=2, forcing="constant"),
    "shallow, adaptive": lambda: ShallowPlrnn(hidden=6, epochs=2, pull=1e-3),
    "almost linear": lambda: AlmostLinearRnn(units=4, forcing="sparse", every=3, epochs=2),
    "plain": lambda: Plrnn(units=4, epochs=2),
}


class TestPromises(LearnerSuite):
    way, m = "functional", 3

    @pytest.fixture(params=LEARNERS)
    def learner(self, request):
        return LEARNERS[request.param]()

    @pytest.fixture
    def data(self):
        return spiral()


def stepper(learner, way="functional", m=2, levers=()):
    return learner.stepper(spiral(), balanced(200, m, 0.7, 0), levers, way, "cpu")


def test_growth_is_asked_for_at_the_data_not_where_the_model_is():
    """The states before the steps 1, 2, ... are the data there, of which the last is none."""
    fleet = linear(0.5)
    fleet.cell = Rectified(D)
    fleet.parameters["W"][0] = torch.diag(torch.full((D,), 1.5))  # J = 2 where positive, 0.5 where not
    held, data = torch.full((4, 1, D, 1), -1.0, dtype=torch.float64), torch.ones(4, 1, D, 1, dtype=torch.float64)
    data[2:] = -1.0  # so the steps are: -1 (held), 1, 1, -1
    forcing = Forcing("adaptive", 0.0, 1, "mean", 1, "cpu")
    forcing.strength = torch.zeros(1)
    forcing.look(fleet, held, data)
    np.testing.assert_allclose(forcing.strength, [1 - 1 / ((2 * 0.5 + 2 * 2) / 4)], rtol=1e-5)


class Same(Lever):
    """Weighs every loss as it is, so that training goes the way of levers that weigh."""

    name = "same"

    def loss(self, per_example, logits, batch, state):
        assert logits.shape == batch.targets.shape
        return 1 * per_example


@pytest.mark.parametrize("levers", [(), (Same(),)])
def test_a_batch_is_the_mean_loss_of_all_its_steps(levers):
    """In the units of the series, whatever is said from outside; half of the examples left out where they do not count."""
    training = stepper(ShallowPlrnn(hidden=6, forcing="constant", alpha=0.2), levers=levers)
    rows = torch.tensor([[0, 5, 7, 9], [3, 2, 1, 8]])
    strength = torch.full((6,), 0.2)
    for weight in (None, torch.tensor([[0.5, 0.5, 0, 0], [0.25] * 4])):
        training.differentiate(training.examples(rows, weight))
        for j in range(2):
            counted = rows[j] if weight is None else rows[j][weight[j] > 0]
            x, y = spiral().train.x[counted], spiral().train.y[counted]
            x, y = (torch.from_numpy(v).float() for v in (x, spiral().output.levels(x, y)))
            net = training.module(j)
            wanted = torch.autograd.grad(loss_by_autograd(net, x, y, strength, 2), list(net.parameters()))
            for (name, _), gradient in zip(net.named_parameters(), wanted, strict=True):
                torch.testing.assert_close(training.gradients[name][j], gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", ["shallow, adaptive", "plain"])
def test_resumed_equals_uninterrupted(name):
    first, second = (stepper(LEARNERS[name]()) for _ in range(2))
    first.epoch()
    second.restore(first.state())
    first.epoch()
    second.epoch()
    assert torch.equal(first.fleet.flat, second.fleet.flat)
    assert torch.equal(first.forcing.strength, second.forcing.strength)


def test_the_pull_is_the_derivative_of_its_squares():
    bare, pulled = (stepper(ShallowPlrnn(hidden=6, pull=pull)) for pull in (0.0, 0.3))
    rows = torch.arange(16).expand(2, -1)
    for one in (bare, pulled):
        one.differentiate(one.examples(rows))
    weights = {name: value.double().clone().requires_grad_() for name, value in bare.weights.items()}
    loss = sum((value - float(name == "A")).square().sum() for name, value in weights.items())
    wanted = torch.autograd.grad(0.3 * loss, list(weights.values()))
    for name, gradient in zip(weights, wanted, strict=True):
        torch.testing.assert_close(
            (pulled.gradients[name] - bare.gradients[name]).double(), gradient, atol=1e-5, rtol=0
        )


@pytest.fixture(scope="module")
def learned():
    learner = ShallowPlrnn(hidden=20, epochs=40, lr=0.03, forcing="constant")
    members = Members(np.arange(2), np.ones((2, 200), dtype=bool))
    return learner, learner.fit(spiral(), members, Training((40,), keep=(Weights(),), way="functional"))


def test_it_learns_the_next_step(learned):
    """Persistence errs by the turn of half a radian; a twentieth of that is allowed."""
    _, run = learned
    test = spiral().views["test"]
    persistence = ((test.x[:, -1] - spiral().output.levels(test.x, test.y)) ** 2).mean()
    error = run.views["test"].loss_nats[-1].mean(1)
    assert (error < persistence / 20).all(), (error, persistence)


def test_kept_weights_say_what_the_run_says_and_have_exponents(learned):
    learner, run = learned
    model = dynamics_of(learner, run, member=1)
    said = model.observe(model.step(model.read(spiral().views["test"].x)))
    x = spiral().views["test"].x
    np.testing.assert_allclose(said, spiral().output.levels(x, run.views["test"].logits[1]), atol=1e-5)
    kept = module_at(learner, spiral(), run, "weights", member=1)
    outputs = kept.module(kept.inputs["test"]).detach().numpy() * kept.scale + kept.centre
    np.testing.assert_allclose(outputs, run.views["test"].logits[1], atol=1e-5)
    found = lyapunov_spectrum(model.step, np.array([1.0, 1.0]), 10, jacobian=model.jacobian, transient=0)
    assert found.values.mean() == pytest.approx(np.log(0.95), abs=0.05), "a turn that shrinks by 0.95"
    with pytest.raises(UsageError, match="weights"):
        dynamics_of(learner, replace(run, kept={}))


@pytest.mark.parametrize("learner", [ShallowPlrnn(hidden=6), AlmostLinearRnn(units=4), Plrnn(units=4)])
def test_channels_that_are_carried_begin_at_no_change(learner):
    said = stepper(learner).logits("test")
    np.testing.assert_allclose(said[..., 0], 0, atol=1e-6)
    assert np.abs(said[..., 1]).max() > 0.1


def test_it_is_trained_in_fleets_by_its_own_gradient():
    assert isinstance(stepper(ShallowPlrnn()).fleet, ForcedFleet)
    assert isinstance(stepper(ShallowPlrnn(), "each", 1).fleet, ForcedFleet)
    assert not choose(ShallowPlrnn(epochs=1), spiral(), members_at_once=4, seconds=0.2).why_each


def test_what_it_cannot_be_trained_on_is_refused():
    flat = Data({"train": Examples(np.arange(200), spiral().train.x[..., 0], spiral().train.y)}, Values(2), Truth(), {})
    members = balanced(200, 2, 0.7, 0)
    with pytest.raises(InputRefused, match="windows"):
        ShallowPlrnn().fit(flat, members, Training((20,), way="functional"))
    with pytest.raises(InputRefused, match="units=1"):
        Plrnn(units=1).fit(spiral(), members, Training((20,), way="functional"))
    with pytest.raises(InputRefused, match="rectified"):
        AlmostLinearRnn(units=3, rectified=4).fit(spiral(), members, Training((20,), way="functional"))
    with pytest.raises(InputRefused, match="teacher forcing"):
        recorded(ShallowPlrnn(epochs=1), spiral(), members.take(0, 1))
