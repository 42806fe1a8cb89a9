import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from byheart.errors import InputRefused, UsageError
from byheart.maths.attribution.credit import path_credit
from byheart.maths.attribution.kernels import coefficient_spread, continuous_error, fixed_coefficients, path_kernel
from byheart.maths.recording.optimizer_spec import Recipe
from byheart.training.recording import record

SMOOTH = ["sgd", "momentum", "dampened", "nesterov", "adam", "adamw"]


@pytest.fixture(scope="session")
def runs(reference):
    return reference("recordings")


def nodes(gauss):
    x, w = np.polynomial.legendre.leggauss(gauss)
    return (x + 1) / 2, w / 2


def test_one_step_of_a_linear_model_is_the_closed_form(rng):
    """A_i(x) = -(eta / b) 2 (z_i - y_i) (x.x_i + 1): squared error, one output, one step of plain SGD."""
    x, y = torch.from_numpy(rng.normal(size=(5, 3))), torch.from_numpy(rng.normal(size=5))
    model = nn.Linear(3, 1).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with torch.no_grad():
        residual = 2 * (model(x)[:, 0] - y).numpy()
    with record(model, optimizer, "squared-error", (x, y)) as trace:
        F.mse_loss(model(x)[:, 0], y).backward()
        trace.batch(range(5))
        optimizer.step()
    q = rng.normal(size=(4, 3))
    credit = path_credit(trace, (q, np.zeros(4)))
    expected = -(0.1 / 5) * residual * (q @ x.numpy().T + 1)
    assert np.abs(credit.examples - expected).max() < 1e-14
    assert np.abs(credit.remainder).max() < 1e-14
    assert (credit.decay == 0).all()


@pytest.mark.parametrize("optimiser", SMOOTH)
def test_equal_to_loops_over_examples_and_earlier_steps(optimiser, runs, reference):
    x, y = runs.data(n=8)
    trace = runs.train(runs.mlp(dropout=0.3), x, y, optimiser, steps=4, batch=3, clip=0.5, passes=2)
    q, label = runs.data(n=2, seed=5)
    fast = path_credit(trace, (q, label), gauss=2, tolerance=None)
    slow = reference("credit_slow").slow_credit(trace, q, label, *nodes(2))
    for mine, theirs in zip((fast.examples, fast.decay, fast.initial, fast.remainder), slow, strict=True):
        assert np.abs(mine - theirs).max() < 1e-10 * max(1, np.abs(slow[0]).max())


@pytest.mark.parametrize("optimiser", SMOOTH)
@pytest.mark.parametrize("act", [nn.Tanh, nn.GELU])
def test_credits_add_up_to_rounding(optimiser, act, runs):
    x, y = runs.data()
    trace = runs.train(runs.mlp(act), x, y, optimiser, steps=24, batch=8, clip=0.5)
    q, label = runs.data(n=16, seed=5)
    by_points = [path_credit(trace, (q, label), gauss=g, tolerance=None).relative for g in (1, 2, 4)]
    assert by_points[2] < 1e-6
    assert by_points[0] > by_points[1] > by_points[2]
    assert any(factor < 1 for clips in trace.clips for factor in clips)


class Mixed(nn.Module):
    """An embedding, a convolution, a norm, and a weight of its own that no layer holds."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words, self.conv = nn.Embedding(6, 9, padding_idx=0), nn.Conv2d(1, 3, 2, stride=2, padding=1)
        self.norm, self.own, self.out = nn.LayerNorm(3), nn.Parameter(torch.randn(12)), nn.Linear(12, 3)

    def forward(self, x):
        h = self.words(x).view(len(x), 1, -1, 9)  # (b, 1, t, 9)
        h = torch.tanh(self.conv(h)).mean(3).transpose(1, 2)  # (b, t', 3)
        return self.out(self.norm(h).flatten(1)[:, :12] * self.own)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_every_kind_of_layer_equals_loops(optimiser, runs, reference, rng):
    x, y = torch.from_numpy(rng.integers(0, 6, (8, 7))), torch.from_numpy(rng.integers(0, 3, 8))
    trace = runs.train(Mixed().double(), x, y, optimiser, steps=3, batch=3)
    fast = path_credit(trace, (x[:2], y[:2]), gauss=2, tolerance=None)
    slow = reference("credit_slow").slow_credit(trace, x[:2], y[:2], *nodes(2))
    assert np.abs(fast.examples - slow[0]).max() < 1e-10
    assert np.abs(fast.decay - slow[1]).max() < 1e-10
    assert set(fast.coverage) == {"Embedding", "Conv2d", "LayerNorm", "Linear", "autograd"}
    assert sum(fast.coverage.values()) == pytest.approx(1)


class Shared(nn.Module):
    """A layer called twice, a tied weight and an input without an axis of examples: what hooks could get wrong."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.twice, self.place, self.words = nn.Linear(4, 4), nn.Embedding(5, 4), nn.Embedding(6, 4)
        self.aside = nn.Linear(4, 4)

    def forward(self, x):
        h = self.words(x) + self.place(torch.arange(x.shape[1]))
        h = torch.tanh(self.twice(torch.tanh(self.twice(h))))
        h = h + F.linear(h, self.aside.weight) + self.aside(h)
        return h.mean(1) @ self.words.weight.T


@pytest.mark.parametrize("b", [3, 5])  # 5 examples of 5 places: axes of equal length
def test_shared_and_misused_layers_equal_loops(b, runs, reference, rng):
    x, y = torch.from_numpy(rng.integers(0, 6, (8, 5))), torch.from_numpy(rng.integers(0, 6, 8))
    trace = runs.train(Shared().double(), x, y, "momentum", steps=2, batch=b)
    fast = path_credit(trace, (x[:b], y[:b]), gauss=1, tolerance=None)
    slow = reference("credit_slow").slow_credit(trace, x[:b], y[:b], *nodes(1))
    assert np.abs(fast.examples - slow[0]).max() < 1e-10
    assert fast.coverage.keys() == {"Linear", "autograd"}


def test_order_of_examples_and_of_batches_changes_nothing(runs):
    x, y = runs.data(n=12)
    batches = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    q, label = runs.data(n=3, seed=5)
    plain = path_credit(runs.train(runs.mlp(), x, y, "adam", steps=3, batches=batches), (q, label))
    turned = [list(reversed(ids)) for ids in batches]
    again = path_credit(runs.train(runs.mlp(), x, y, "adam", steps=3, batches=turned), (q, label))
    assert np.abs(plain.examples - again.examples).max() < 1e-9
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    place = torch.argsort(order)
    moved = runs.train(runs.mlp(), x[order], y[order], "adam", steps=3, batches=[place[b].tolist() for b in batches])
    assert np.abs(plain.examples[:, order] - path_credit(moved, (q, label)).examples).max() < 1e-9


def test_an_example_twice_in_the_batch_gets_twice_the_credit(runs):
    x, y = runs.data(n=6)
    q, label = runs.data(n=3, seed=5)
    alone = path_credit(runs.train(runs.mlp(), x, y, steps=1, batches=[[0, 1, 2, 3]]), (q, label))
    x2, y2 = torch.cat([x, x[:1]]), torch.cat([y, y[:1]])
    copied = path_credit(runs.train(runs.mlp(), x2, y2, steps=1, batches=[[0, 6, 1, 2]]), (q, label), gauss=4)
    twice = path_credit(runs.train(runs.mlp(), x, y, steps=1, batches=[[0, 0, 1, 2]]), (q, label), gauss=4)
    assert np.abs(copied.examples[:, 0] + copied.examples[:, 6] - twice.examples[:, 0]).max() < 1e-12
    assert np.abs(copied.examples[:, 0] - copied.examples[:, 6]).max() < 1e-12
    assert (alone.examples[:, 4:] == 0).all()


def adds_up(trace, runs):
    q, label = runs.data(n=8, seed=5)
    return path_credit(trace, (q, label), gauss=4, tolerance=None).relative < 1e-6


def with_wrong_clip(trace, monkeypatch):
    trace.clips = [tuple(min(1.0, 1.01 * factor) for factor in clips) for clips in trace.clips]


def with_forgotten_decay(trace, monkeypatch):
    document = trace.recipe.document()
    trace.recipe = Recipe.from_document(document | {"groups": [group | {"decay": 0.0} for group in document["groups"]]})


def with_reversed_adjoint(trace, monkeypatch):
    monkeypatch.setattr(type(trace), "backwards", lambda self: self.steps())


@pytest.mark.parametrize("optimiser", ["momentum", "nesterov", "adam", "adamw"])
@pytest.mark.parametrize("sabotage", [None, with_wrong_clip, with_forgotten_decay, with_reversed_adjoint])
def test_each_mistake_breaks_the_sum(optimiser, sabotage, runs, monkeypatch):
    x, y = runs.data()
    trace = runs.train(runs.mlp(), x, y, optimiser, steps=12, batch=8, clip=0.2)
    if sabotage:
        sabotage(trace, monkeypatch)
    assert adds_up(trace, runs) == (sabotage is None)


def test_steps_are_bisected_where_the_remainder_is_too_large(runs):
    x, y = runs.data(n=40)
    trace = runs.train(runs.mlp(nn.ReLU), x, y, lambda m: torch.optim.SGD(m.parameters(), lr=1.0), steps=12, batch=20)
    query = runs.data(n=20, seed=5)
    coarse = path_credit(trace, query, gauss=1, tolerance=None)
    allowed = coarse.relative / 8
    fine = path_credit(trace, query, gauss=1, tolerance=allowed)
    assert fine.relative < allowed
    assert (coarse.bisected, coarse.notes, fine.notes) == (0, (), ())
    assert fine.bisected > 0
    never = path_credit(trace, query, gauss=1, tolerance=1e-9)
    assert never.notes == (("above tolerance", {"missed": never.relative, "tolerance": 1e-9}),)


def test_the_continuous_statement_errs_in_proportion_to_the_step(runs):
    """Domingos' theorem, same total time: half the step, half the error."""
    x, y = runs.data(n=16)
    errors = []
    for steps in (20, 40, 80):
        model = runs.mlp()
        optimizer = torch.optim.SGD(model.parameters(), lr=4.0 / steps)
        with record(model, optimizer, "cross-entropy", (x, y)) as trace:
            for _ in range(steps):
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                trace.batch(range(16))
                optimizer.step()
        errors.append(continuous_error(trace, runs.data(n=8, seed=5)))
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_the_path_kernel_is_symmetric_and_positive(optimiser, runs):
    x, y = runs.data(n=10)
    trace = runs.train(runs.mlp(), x, y, optimiser)
    kernel = path_kernel(trace, (x, y), (x, y))
    assert np.abs(kernel - kernel.T).max() < 1e-10 * np.abs(kernel).max()
    assert np.linalg.eigvalsh(kernel).min() > -1e-10 * np.abs(kernel).max()
    some = path_kernel(trace, (x[:2], y[:2]), (x[3:], y[3:]))
    assert np.abs(some - kernel[:2, 3:]).max() < 1e-12


def test_a_linear_model_is_a_kernel_machine_and_a_bent_one_is_less(runs):
    x, y = runs.data(n=20)
    query = runs.data(n=30, seed=5)
    straight = nn.Linear(5, 2).double()
    lazy = coefficient_spread(runs.train(straight, x, y % 2, "momentum", steps=12), (query[0], query[1] % 2))
    shares = [
        coefficient_spread(runs.train(runs.mlp(), x, y, lambda m, lr=lr: torch.optim.SGD(m.parameters(), lr=lr), steps=60,
                                      batch=10), query).share
        for lr in (0.001, 0.1, 0.5, 2.0)
    ]  # fmt: skip
    assert lazy.share == pytest.approx(1, abs=1e-12)
    assert np.nanmax(lazy.spread) < 1e-6
    assert 1 - shares[0] < 1e-9
    assert np.all(np.diff(shares) < 0)  # the further the features move, the less
    assert shares[-1] < 0.997
    unseen = runs.train(runs.mlp(), x, y, steps=1, batches=[[0, 1]])
    assert np.isnan(coefficient_spread(unseen, query).mean).sum() == 18


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_kernel_sums_come_in_the_pass_of_the_credit(optimiser, runs):
    x, y = runs.data(n=12)
    trace = runs.train(runs.mlp(), x, y % 2, optimiser, steps=10)
    query = (x[:4], y[:4] % 2)
    plain, both = path_credit(trace, query), path_credit(trace, query, kernel=True)
    assert plain.kernel is None
    assert np.abs(plain.examples - both.examples).max() < 1e-12 * np.abs(plain.examples).max()
    spread = coefficient_spread(trace, query)
    again = fixed_coefficients(both.kernel, both.examples)
    assert again.share == pytest.approx(spread.share, abs=1e-12)
    np.testing.assert_allclose(again.mean, spread.mean, rtol=1e-9)


def test_fixed_coefficients_are_least_squares_one_example_at_a_time(rng):
    kernel, credit = rng.normal(size=(7, 5)), rng.normal(size=(7, 5))
    found = fixed_coefficients(kernel, credit)
    lines = [np.linalg.lstsq(kernel[:, i : i + 1], credit[:, i], rcond=None) for i in range(5)]
    np.testing.assert_allclose(found.mean, [a[0] for a, *_ in lines])
    assert found.share == pytest.approx(1 - sum(left[0] for _, left, *_ in lines) / (credit**2).sum())
    with pytest.raises(InputRefused, match="credit"):
        fixed_coefficients(kernel, credit[:3])


def test_targets_logit_and_function(runs):
    x, y = runs.data()
    trace = runs.train(runs.mlp(), x, y)
    logit = path_credit(trace, (x[:3], y[:3]), target=("logit", 1))
    own = path_credit(trace, (x[:3], y[:3]), target=lambda z: z[:, 1])
    assert (logit.examples == own.examples).all()
    assert np.allclose(logit.output, trace.outputs(trace.weights(len(trace)), x[:3])[:, 1].detach())
    with pytest.raises(InputRefused, match=r"one number a query, shape \(3,\)"):
        path_credit(trace, (x[:3], y[:3]), target=lambda z: z)
    with pytest.raises(UsageError, match='target= as "margin"'):
        path_credit(trace, (x[:3], y[:3]), target="logits")


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_chunks_give_what_the_whole_gives(optimiser, runs):
    x, y = runs.data()
    trace = runs.train(runs.mlp(), x, y, optimiser)
    whole = path_credit(trace, (x[:7], y[:7]), tolerance=None)
    parts = path_credit(trace, (x[:7], y[:7]), tolerance=None, limit_bytes=20_000)
    assert np.abs(whole.examples - parts.examples).max() < 1e-12
    with pytest.raises(InputRefused, match="for one query, got 100") as refused:
        path_credit(trace, (x[:7], y[:7]), limit_bytes=100)
    named = int(re.search(r"at least (\d+)", str(refused.value))[1])
    one_by_one = path_credit(trace, (x[:7], y[:7]), tolerance=None, limit_bytes=named)
    assert np.abs(whole.examples - one_by_one.examples).max() < 1e-12
    with pytest.raises(InputRefused, match="for one query"):
        path_credit(trace, (x[:7], y[:7]), limit_bytes=named - 1)


def test_bad_queries_and_points_are_named(runs):
    x, y = runs.data()
    trace = runs.train(runs.mlp(), x, y)
    with pytest.raises(InputRefused, match=r"query x of shape \(q, 5\)"):
        path_credit(trace, (x[:, :4], y))
    with pytest.raises(InputRefused, match="one target a query"):
        path_credit(trace, (x[:3], y[:2]))
    with pytest.raises(InputRefused, match="without NaN"):
        path_credit(trace, (x[:3] * np.nan, y[:3]))
    for gauss in (0, 3):
        with pytest.raises(UsageError, match="gauss="):
            path_credit(trace, (x[:3], y[:3]), gauss=gauss)


def test_what_is_not_finite_is_named_by_step_and_example(runs):
    x, y = runs.data()
    trace = runs.train(runs.mlp(), x, y, batches=[[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]])
    x[3] = torch.inf
    trace.digests = {}
    with pytest.raises(InputRefused, match=r"at step 1, got NaN or infinity in the credit of example 3"):
        path_credit(trace, (x[:1], y[:1]))
