"""Gradients by hand against autograd, the three ways against each other, and what each way refuses."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused, UsageError
from byheart.learners.mlp import Mlp
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes, Tokens, Values
from byheart.training.fleet import Each
from byheart.training.functional import Functional
from byheart.training.layers import Scale
from byheart.training.members import balanced
from byheart.training.stacked import Stacked
from byheart.training.stepper import Stepper
from byheart.training.trial import choose
from byheart.training.ways import make, ways_for

M, B = 3, 5

STACKS = {
    "relu": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 4)), (3, 4)),
    "narrow and wide": (lambda: nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 33)), (6,)),
    "tanh": (lambda: nn.Sequential(nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 4)), (6,)),
    "gelu": (lambda: nn.Sequential(nn.Linear(6, 7), nn.GELU(), nn.Linear(7, 4)), (6,)),
    "gelu by tanh": (lambda: nn.Sequential(nn.Linear(6, 7), nn.GELU("tanh"), nn.Linear(7, 4)), (6,)),
    "norm": (lambda: nn.Sequential(nn.Linear(6, 7), nn.LayerNorm(7), nn.ReLU(), nn.Linear(7, 4)), (6,)),
    "norm first": (lambda: nn.Sequential(nn.LayerNorm(6), nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 4)), (6,)),
    "bare norm": (
        lambda: nn.Sequential(
            nn.Linear(6, 7), nn.LayerNorm(7, elementwise_affine=False), nn.ReLU(), nn.Linear(7, 4)
        ),
        (6,),
    ),
    "no bias": (lambda: nn.Sequential(nn.Linear(6, 7, bias=False), nn.SiLU(), nn.Linear(7, 4, bias=False)), (6,)),
    "nested": (
        lambda: nn.Sequential(Scale(), nn.Sequential(nn.Linear(6, 7), nn.ReLU()), nn.Identity(), nn.Linear(7, 4)),
        (6,),
    ),
    "tokens": (
        lambda: nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.GELU(), nn.Flatten(), nn.Linear(20, 4)),
        (4, 3),
    ),
    "convolutions": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.Tanh(),
            nn.Flatten(), nn.Linear(24, 4),
        ),
        (2, 7, 8),
    ),
    "pools": (
        lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 4)),
        (1, 6, 6),
    ),
}  # fmt: skip


def modules(factory, m: int = M) -> list[nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return [factory().double() for _ in range(m)]


def batch(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(4)
    return torch.randn(M, B, *shape, generator=g, dtype=torch.float64), torch.randint(4, (M, B), generator=g)


def autograd(module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    logits = module(x)
    nn.functional.cross_entropy(logits, y, reduction="sum").backward()
    return logits.detach(), {name: p.grad for name, p in module.named_parameters()}


def check(fleet, twins: list[nn.Module], x: torch.Tensor, y: torch.Tensor, members) -> None:
    logits = fleet.forward(fleet.before(x, False))
    fleet.backward(Classes(4).slope(logits, y))
    for j, twin in enumerate(twins):
        expected, gradients = autograd(twin, x[j], y[j])
        torch.testing.assert_close(logits[j], expected, rtol=1e-10, atol=1e-12)
        for name, gradient in gradients.items():
            torch.testing.assert_close(fleet.gradients[name][j], gradient, rtol=1e-6, atol=1e-9)
        seen = fleet.predict(fleet.before(x, False), False)[j]
        torch.testing.assert_close(seen, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("kind", [Stacked, Functional])
def test_gradient_is_that_of_autograd(name, kind):
    factory, shape = STACKS[name]
    assert ways_for(factory()) == ("stacked", "functional", "each")
    x, y = batch(shape)
    check(kind(modules(factory)), modules(factory), x, y, range(M))


@pytest.mark.parametrize("name", ["relu", "convolutions"])
def test_each_is_the_module_itself(name):
    factory, shape = STACKS[name]
    x, y = batch(shape)
    check(Each(modules(factory, 1)), modules(factory, 1), x[:1], y[:1], [0])


@pytest.mark.parametrize("name", ["relu", "norm first", "convolutions"])
@pytest.mark.parametrize("kind", [Stacked, Functional])
def test_shared_examples_are_the_same_examples(name, kind):
    factory, shape = STACKS[name]
    fleet, x = kind(modules(factory)), batch(shape)[0][0]
    shared = fleet.predict(fleet.before(x, True), True)
    own = fleet.predict(fleet.before(x.expand(M, *x.shape), False), False)
    torch.testing.assert_close(shared, own, rtol=1e-10, atol=1e-12)
    assert shared.shape == (M, B, 4)


def test_predicting_changes_nothing():
    factory, shape = STACKS["relu"]
    x, y = batch(shape)
    for kind in (Stacked, Functional):
        fleet = kind(modules(factory))
        logits = fleet.forward(fleet.before(x, False))
        before = fleet.flat.clone()
        fleet.predict(fleet.before(x[0] + 1, True), True)  # between forward and backward too
        fleet.backward(Classes(4).slope(logits, y))
        assert torch.equal(fleet.flat, before)
        torch.testing.assert_close(
            fleet.gradients["1.weight"][0], autograd(modules(factory)[0], x[0], y[0])[1]["1.weight"]
        )


def test_slope_is_the_derivative_of_the_loss():
    labels, numbers = torch.tensor([[0, 2], [1, 1]]), torch.tensor([[0.3, -1.0], [2.0, 0.0]])
    passages = torch.tensor([[[0, 2, -1], [1, 1, 0]]])
    for output, y in ((Classes(3), labels), (Values(1), numbers), (Values(2), numbers[None]), (Tokens(3), passages)):
        shape = y.shape if y.dim() == 3 and output.continuous else (*y.shape, output.k)
        z = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        (expected,) = torch.autograd.grad(output.loss(z, y).sum(), z)
        torch.testing.assert_close(output.slope(z.detach(), y), expected)


def test_parameters_lie_side_by_side():
    fleet = Stacked(modules(STACKS["relu"][0]))
    assert fleet.size == 12 * 7 + 7 + 7 * 4 + 4
    fleet.flat.zero_()
    assert all(bool((w == 0).all()) for w in fleet.parameters.values())
    kept = fleet.weights()
    fleet.flat.fill_(1)
    assert all(bool((w == 0).all()) for w in kept.values())  # copies


class Branching(nn.Module):
    """Not a stack; a frozen layer, a buffer, and values as (b,)."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.frozen = nn.Linear(6, 5), nn.Linear(6, 5), nn.Linear(5, 1)
        self.frozen.requires_grad_(False)
        self.register_buffer("shift", torch.ones(5))

    def forward(self, x):
        return self.frozen(self.a(x).tanh() * self.b(x) + self.shift)[:, 0]


def test_any_module_functional_and_each():
    assert ways_for(Branching()) == ("functional", "each")
    x, _ = batch((6,))
    fleet, twins = Functional(modules(Branching)), modules(Branching)
    logits = fleet.forward(x)
    assert logits.shape == (M, B, 1)
    fleet.backward(torch.ones_like(logits))
    assert set(fleet.parameters) == {"a.weight", "a.bias", "b.weight", "b.bias"}
    for j, twin in enumerate(twins):
        alone = Each([modules(Branching)[j]])
        torch.testing.assert_close(alone.forward(x[j : j + 1])[0], logits[j])
        alone.backward(torch.ones_like(logits[:1]))
        twin(x[j]).sum().backward()
        for name in fleet.parameters:
            expected = dict(twin.named_parameters())[name].grad
            torch.testing.assert_close(fleet.gradients[name][j], expected)
            torch.testing.assert_close(alone.gradients[name][0], expected)
    assert set(fleet.weights()) == {name for name, _ in twins[0].state_dict().items()}


class Moody(nn.Module):
    """Another function in training than in evaluation, without noise or statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 4)

    def forward(self, x):
        return self.a(x) + (1 if self.training else 0)


@pytest.mark.parametrize("kind, m", [(Functional, M), (Each, 1)])
def test_training_and_evaluation_are_told_apart(kind, m):
    x, _ = batch((6,))
    fleet = kind(modules(Moody, m))
    for _ in range(2):
        trained = fleet.forward(x[:m])
        torch.testing.assert_close(trained, fleet.predict(x[:m], False) + 1)


class Tied(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + 1


def hooked() -> nn.Module:
    module = nn.Sequential(nn.Linear(6, 4))
    module[0].register_forward_hook(lambda *_: None)
    return module


def tied() -> nn.Module:
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.ReLU(), layer)


@pytest.mark.parametrize(
    "module, ways",
    [
        (lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4)), ("each",)),
        (lambda: nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5)), ("each",)),
        (lambda: nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.0)), ("stacked", "functional", "each")),
        (lambda: Tied(nn.Linear(6, 4)), ("functional", "each")),
        (hooked, ("functional", "each")),
        (tied, ("functional", "each")),
        (lambda: nn.Sequential(nn.Linear(6, 4), nn.Softmax(-1)), ("functional", "each")),
        (lambda: nn.Linear(6, 4), ("functional", "each")),
    ],
)
def test_ways(module, ways):
    assert ways_for(module()) == ways
    for way in {"stacked", "functional"} - set(ways):
        with pytest.raises(InputRefused, match="each"):
            make(way, [module(), module()])


def test_the_reason_is_said():
    with pytest.raises(InputRefused, match="BatchNorm1d updates batch statistics in place"):
        make("functional", [nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))])
    with pytest.raises(InputRefused, match="Dropout draws its own noise"):
        make("stacked", [nn.Sequential(nn.Linear(6, 4), nn.Dropout())])
    with pytest.raises(InputRefused, match="parameters to train"):
        make("each", [nn.ReLU()])
    with pytest.raises(UsageError, match="stacked"):
        make("stack", [nn.Sequential(nn.Linear(6, 4))])


def to_choose():
    rng = np.random.default_rng(0)
    train = Examples(np.arange(60), rng.random((60, 4, 4)), rng.integers(3, size=60))
    return Mlp(hidden=(4,), batch=8), Data({"train": train}, Classes(3, show="image"), Truth(), {})


@pytest.mark.parametrize(
    ("costs", "chosen"),
    [
        ({1: 3.0, 8: 1.03, 16: 1.01, 32: 1.0}, ("stacked", 8)),  # as cheap: what takes the least memory
        ({1: 3.0, 8: 1.2, 16: 1.02, 32: 1.0}, ("stacked", 16)),
        ({1: 1.0, 8: 1.02, 16: 1.2, 32: 1.2}, ("stacked", 8)),  # one at a time would be many steps
        ({1: 1.0, 8: 1.2, 16: 1.2, 32: 1.2}, ("each", 1)),
    ],
)
def test_of_ways_that_cost_the_same_the_smaller_fleet_is_chosen(monkeypatch, costs, chosen):
    monkeypatch.setattr(Stepper, "seconds_a_step", lambda self, seconds: self.m * costs[self.m])
    assert choose(*to_choose(), members_at_once=32)[:2] == chosen


def test_a_stepper_goes_with_its_last_name():
    learner, data = to_choose()
    gone = []
    for _ in range(2):  # what torch imports for the first holds on to it
        stepper = learner.stepper(data, balanced(60, 4, 0.7, seed=0), [], "stacked", "cpu")
        gc.collect()
        gc.disable()
        stepper.epoch()
        gone.append(weakref.ref(stepper))
        del stepper
        gc.enable()
    assert gone[1]() is None


def test_choose_gives_a_way_that_trains():
    learner, data = to_choose()
    assert choose(learner, data, members_at_once=1, seconds=0.05)[:2] == ("each", 1)
    way, chunk, cost, why = choose(learner, data, members_at_once=16, seconds=0.2)
    assert cost > 0
    assert not why
    assert (way, chunk) in {("stacked", 8), ("stacked", 16), ("each", 1)}
    before = torch.get_rng_state()
    choose(learner, data, members_at_once=4, seconds=0.05)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("epochs", "longest"), [(1, 0.1), (10, 0.25 * 32 * 10 * 6 * 0.002), (10_000, 2.0)])
def test_a_trial_takes_no_more_than_a_part_of_what_it_is_for(monkeypatch, epochs, longest):
    """A step takes 2 ms here, and an epoch 6 of them."""
    learner, data = to_choose()
    asked = []
    monkeypatch.setattr(Stepper, "seconds_a_step", lambda self, seconds: asked.append(seconds) or 0.002)
    choose(learner.model_copy(update={"epochs": epochs}), data, members_at_once=32)
    assert sum(asked) == pytest.approx(longest)
