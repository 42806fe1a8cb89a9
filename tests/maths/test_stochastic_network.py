"""A network drawn anew at every call: its error in closed form, what it pays, and that the fit makes its certificate small."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.bounds import seeger, united
from byheart.maths.bounds.stochastic_network import StochasticNetwork, function_of, smallest_certificate, wrong_at


def linear(weights, x):
    """Logits 0 and w'x: the second class where w'x is positive."""
    score = x @ weights
    return torch.stack([torch.zeros_like(score), score], 1)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def examples():
    x = torch.randn(500, 3, generator=seeded(1))
    return x, (x[:, 0] + 0.3 * torch.randn(500, generator=seeded(2)) > 0).long()


@pytest.fixture(scope="module")
def fitted(examples):
    return smallest_certificate(linear, torch.zeros(3), *examples, (0.5, 1.0, 2.0), 0.04, 200, seeded())


def test_its_error_is_a_normal_probability(examples):
    """w'x ~ N(m'x, sum s^2 x^2): wrong with probability Phi(-|y| m'x / root)."""
    x, y = examples
    mean, deviation = torch.tensor([1.0, -0.2, 0.1]), torch.tensor([0.4, 0.3, 0.8])
    drawn = StochasticNetwork(linear, mean, deviation, torch.zeros(3), 1.0, 1)
    score, root = (x @ mean).numpy(), ((x**2) @ deviation**2).sqrt().numpy()
    truth = norm.cdf(-(2 * y.numpy() - 1) * score / root)
    draws = 1000
    within = 4 * np.sqrt(np.maximum(truth * (1 - truth), 1 / draws) / draws)
    assert (np.abs(drawn.errors(x, y, draws, seeded()) - truth) < within + 1e-3).all()
    risks = drawn.risks(x, y, draws, seeded())
    assert abs(risks.mean() - truth.mean()) < 4 * risks.std() / math.sqrt(draws)


def test_what_it_pays_is_the_divergence_of_what_is_drawn(fitted, reference):
    slow = reference("bounds_slow").gaussian_kl
    values = (one.double().tolist() for one in (fitted.mean, fitted.deviation, fitted.centre))
    assert fitted.kl_nats == pytest.approx(slow(*values, fitted.width), rel=1e-6)
    draws = torch.stack([fitted.weights(seeded(i)) for i in range(2000)])
    assert (draws.mean(0) - fitted.mean).abs().max() < 4 * fitted.deviation.max() / math.sqrt(2000)
    assert draws.std(0) / fitted.deviation == pytest.approx(np.ones(3), abs=4 / math.sqrt(4000))


def test_the_fit_makes_the_certificate_small(fitted, examples):
    def bound(one):
        return seeger(float(one.risks(*examples, 300, seeded()).mean()), one.kl_nats, 500, united(0.04, 3))

    prior = StochasticNetwork(linear, torch.zeros(3), torch.full((3,), fitted.width), torch.zeros(3), fitted.width, 1)
    assert bound(prior) > 0.5  # knows nothing
    assert bound(fitted) < 0.25  # the labels themselves are 9 % noise
    assert 1 < fitted.kl_nats < 15
    assert fitted.tried == 4


def test_the_function_of_a_module_is_the_module():
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))
    call, start = function_of(module)
    x = torch.randn(7, 3, generator=seeded())
    assert torch.allclose(call(start, x), module.eval()(x))
    moved = start.clone()
    moved[-1] += 1  # the last bias
    assert torch.allclose(call(moved, x) - call(start, x), torch.tensor([0.0, 1.0]).expand(7, 2), atol=1e-6)
    assert len(start) == sum(p.numel() for p in module.parameters())


def test_errors_are_those_of_the_weights():
    x, y = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [2, 0, 0]]), torch.tensor([1, 1, 0])
    assert wrong_at(linear, torch.tensor([1.0, 0, 0]), x, y).tolist() == [False, True, True]


def test_a_fit_that_leaves_the_finite_numbers_is_refused(examples):
    def broken(weights, x):
        return linear(weights, x) * float("nan")

    with pytest.raises(InputRefused, match="finite"):
        smallest_certificate(broken, torch.zeros(3), *examples, (1.0,), 0.04, 3, seeded())
