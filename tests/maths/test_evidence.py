"""Laplace evidence against Bayesian linear regression and a determinant; Takeuchi's trace against its closed forms."""

import math
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import multivariate_normal
from torch import nn

from byheart.errors import InputRefused, UnknownName
from byheart.maths.attribution.curvature import fit
from byheart.maths.curvature import log_evidence, takeuchi
from byheart.maths.curvature.curvature_matrix import curvature_matrix


@pytest.fixture(scope="module")
def bayesian():
    """Linear regression at its posterior mean: model, data, tau, noise, and log N(y; 0, XX'/tau + noise^2)."""
    rng = np.random.default_rng(0)
    x, tau, noise = rng.normal(size=(30, 4)), 2.0, 0.5
    y = x @ rng.normal(size=4) + noise * rng.normal(size=30)
    model = nn.Linear(4, 1, bias=False).double()
    model.weight.data = torch.from_numpy(np.linalg.solve(x.T @ x / noise**2 + tau * np.eye(4), x.T @ y / noise**2))[None]
    truth = multivariate_normal(np.zeros(30), x @ x.T / tau + noise**2 * np.eye(30)).logpdf(y)
    return model, (x, y), tau, noise, truth


def test_evidence_of_bayesian_linear_regression_is_its_closed_form(bayesian):
    model, examples, tau, noise, truth = bayesian
    for structure in ("auto", "full", "kron"):  # a single layer is one Kronecker product
        found = log_evidence(model, examples, tau, noise=noise, structure=structure)
        assert found.log_evidence == pytest.approx(truth, abs=1e-9), structure
    residual = (model(torch.from_numpy(examples[0]))[:, 0] - torch.from_numpy(examples[1])).detach().numpy()
    likelihood = -(residual**2).sum() / (2 * noise**2) - 30 * math.log(noise * math.sqrt(2 * math.pi))
    assert found.log_likelihood == pytest.approx(likelihood, rel=1e-9)
    assert found.complexity == pytest.approx(truth - likelihood, abs=1e-9)
    assert found.per_example == found.log_evidence / 30


def test_the_best_prior_has_the_largest_evidence(bayesian):
    model, examples, _, noise, _ = bayesian
    best = log_evidence(model, examples, None, noise=noise)
    for factor in (0.8, 1.25):
        assert log_evidence(model, examples, factor * best.prior_precision, noise=noise).log_evidence < best.log_evidence


def test_evidence_of_a_classifier_is_its_determinant():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 3)).double()
    x, y = torch.randn(300, 3, dtype=torch.float64), torch.randint(0, 3, (300,))  # more than a batch
    g = 300 * curvature_matrix(model, (x, y), "ggn").whole
    theta = torch.cat([w.flatten() for w in model.parameters()]).detach()
    likelihood = -float(F.cross_entropy(model.eval()(x).detach(), y, reduction="sum"))
    for tau in (0.1, 3.0):
        for structure, curved in (("full", g), ("diag", torch.diag(g.diagonal()))):
            cost = tau * theta @ theta + torch.logdet(curved + tau * torch.eye(len(g), dtype=torch.float64)) - len(g) * math.log(tau)
            found = log_evidence(model, (x, y), tau, structure=structure)
            assert found.log_likelihood == pytest.approx(likelihood, rel=1e-9)
            assert found.complexity == pytest.approx(-0.5 * float(cost.detach()), rel=1e-9)


def test_what_evidence_cannot_be_said_of_is_refused(bayesian, monkeypatch):
    model, examples, *_ = bayesian
    for given, message in [
        ({"prior_precision": 0.0}, "prior_precision above 0"),
        ({"noise": -1.0}, "noise above 0"),
    ]:
        with pytest.raises(InputRefused, match=message):
            log_evidence(model, examples, **given)
    with pytest.raises(UnknownName, match="Nearest: kron"):
        log_evidence(model, examples, structure="krone")
    normed = nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.Linear(5, 1))
    with pytest.raises(InputRefused, match="layers that structure='kron' knows, got Found parameters in un-supported layers"):
        log_evidence(normed, (examples[0], examples[1]), structure="kron")
    wide = nn.Linear(2_000, 1)
    with pytest.raises(InputRefused, match="fewer than 2000 weights"):
        log_evidence(wide, (np.zeros((2, 2_000)), np.zeros(2)), structure="full")
    spoilt = nn.Linear(4, 1)
    spoilt.bias.data[0] = torch.nan
    with pytest.raises(InputRefused, match="1 such values in bias"):
        log_evidence(spoilt, examples)
    monkeypatch.setitem(sys.modules, "laplace", None)
    with pytest.raises(InputRefused, match=r'none installed. Install it: pip install "byheart\[laplace\]"'):
        log_evidence(model, examples)


def test_takeuchi_of_linear_regression_is_its_sandwich():
    """Beside the minimum, where the mean gradient is not zero and is taken off."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 4))
    y = x @ rng.normal(size=4) + np.abs(x[:, 0]) * rng.normal(size=50)  # noise that depends on x
    theta = np.linalg.lstsq(x, y, rcond=None)[0] + 0.5
    model = nn.Linear(4, 1, bias=False).double()
    model.weight.data = torch.from_numpy(theta)[None]
    gradients = (x @ theta - y)[:, None] * x
    gradients -= gradients.mean(0)
    inverse = np.linalg.inv(x.T @ x / 50)
    for matrix in ("ggn", "fisher", "hessian"):
        found = takeuchi(model, (x, y), matrix)
        assert found == pytest.approx(np.trace(inverse @ gradients.T @ gradients / 50), rel=1e-9)
    terms = np.einsum("nd,de,ne->n", gradients, inverse, gradients)
    assert found.standard_error == pytest.approx(terms.std(ddof=1) / 50**0.5, rel=1e-9)


def trained_softmax(n, seed):
    """Softmax regression at its maximum likelihood, on labels drawn from such a model: 2 (d + 1) weights to settle."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    y = torch.multinomial((x @ torch.tensor([[1.0, 0, -1], [0, 1, -1], [0.5, 0, 0]]).double()).softmax(1), 1, generator=generator)[:, 0]
    model = nn.Linear(3, 3).double()
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-10)

    def closure():
        optimiser.zero_grad()
        value = F.cross_entropy(model(x), y)
        value.backward()
        return value

    optimiser.step(closure)
    return model, (x, y)


def test_takeuchi_counts_the_weights_of_a_true_model():
    """C = M where the labels come from the model: 8 of the 12 weights change its outputs."""
    model, examples = trained_softmax(4_000, 0)
    found = takeuchi(model, examples)
    assert abs(found - 8) < 4 * found.standard_error
    assert found.standard_error < 0.2
    wrong = examples[0], torch.randint(0, 3, (4_000,), generator=torch.Generator().manual_seed(0))
    assert takeuchi(model, wrong) > 12  # not at a minimum, not the model


def test_takeuchi_by_layers_solves_layer_by_layer():
    model, (x, y) = trained_softmax(600, 1)
    exact, found = takeuchi(model, (x, y)), takeuchi(model, (x, y), method="ekfac")
    assert found.method == "ekfac"
    assert 0.5 * exact < found < exact  # damped
    fitted, terms, each = fit(model, (x, y), method="ekfac"), [], []
    for i in range(600):
        g = torch.autograd.grad(F.cross_entropy(model(x[i : i + 1]), y[i : i + 1]), [model.weight, model.bias])
        each.append({"weight": g[0].flatten()[None], "bias": g[1][None]})
    mean = {name: torch.cat([one[name] for one in each]).mean(0) for name in each[0]}
    for one in each:
        away = {name: g - mean[name] for name, g in one.items()}
        terms.append(sum(float((g * fitted.solve(dict(away))[name]).sum()) for name, g in away.items()))
    assert found == pytest.approx(np.mean(terms), rel=1e-9)


def test_what_takeuchi_cannot_be_said_of_is_refused():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    x, y = torch.randn(20, 3), torch.randint(0, 3, (20,))
    with pytest.raises(InputRefused, match="negative in no direction"):
        takeuchi(model, (x, y), "hessian")
    with pytest.raises(InputRefused, match="at least 2 examples"):
        takeuchi(model, (x[:1], y[:1]))
    with pytest.raises(UnknownName, match="Known: fisher, ggn, hessian"):
        takeuchi(model, (x, y), "empirical")
    with pytest.raises(InputRefused, match="fewer than 2000 weights"):
        takeuchi(nn.Linear(1_000, 2), (torch.randn(3, 1_000), torch.tensor([0, 1, 1])), method="exact")
