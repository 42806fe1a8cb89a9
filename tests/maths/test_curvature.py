"""Curvature: closed forms of linear models, real refits of logistic regression, autograd; blocks, damping, coverage."""

import copy
import warnings

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from torch import nn

from byheart.errors import InputRefused, UnknownName
from byheart.maths.attribution import kronecker_fisher as blocks
from byheart.maths.attribution.curvature import Curvature, fit, hessian, still
from byheart.maths.attribution.effect import curvature


def far(a, b):
    return np.abs(np.asarray(a) - np.asarray(b)).max() / np.abs(np.asarray(b)).max()


@pytest.fixture(scope="module")
def ridge():
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(30, 4)), rng.normal(size=4)
    y, lam = x @ w + rng.normal(size=30), 0.2
    theta = np.linalg.solve(x.T @ x / 30 + lam * np.eye(4), x.T @ y / 30)
    model = nn.Linear(4, 1, bias=False).double()
    model.weight.data = torch.from_numpy(theta)[None]
    return model, x, y, lam, theta, rng.normal(size=(6, 4))


def test_linear_model_is_the_closed_form_and_its_leverage_the_refit(ridge):
    model, x, y, lam, theta, new = ridge
    n, residual = len(x), x @ theta - y
    found = curvature(model, (x, y), (new, np.zeros(6)), 0.0, decay=lam)
    inverse = np.linalg.inv(x.T @ x / n + lam * np.eye(4))
    assert far(found, -(new @ inverse @ x.T) * residual / n) < 1e-10
    leverage = np.einsum("nd,de,ne->n", x, inverse, x) / n
    out = np.empty((6, n))
    for i in range(n):
        rest = np.delete(np.arange(n), i)  # the objective keeps its 1/n: w_i goes from 1 to 0
        without = np.linalg.solve(x[rest].T @ x[rest] / n + lam * np.eye(4), x[rest].T @ y[rest] / n)
        out[:, i] = new @ theta - new @ without
    assert far(found / (1 - leverage), out) < 1e-10
    assert far(found, out) > 1e-2  # without the leverage it is another number
    per_name = curvature(model, (x, y), (new, np.zeros(6)), 0.0, decay={"weight": lam})
    assert far(per_name, found) == 0


class TwoLogits(nn.Module):
    """Binary logistic regression as logits (0, s)."""

    def __init__(self, d):
        super().__init__()
        self.line = nn.Linear(d, 1)

    def forward(self, x):
        s = self.line(x)
        return torch.cat([torch.zeros_like(s), s], 1)


def test_logistic_regression_agrees_with_true_refits():
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    train, new = slice(0, 469), slice(469, 569)
    x_train, y_train, n = x[train], y[train], 469

    fitted = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10, max_iter=200, warm_start=True).fit(x_train, y_train)
    weights, bias = fitted.coef_.copy(), fitted.intercept_.copy()
    margins = lambda: fitted.decision_function(x[new]) * (2 * y[new] - 1)  # noqa: E731
    model = TwoLogits(30).double()
    model.line.weight.data, model.line.bias.data = torch.from_numpy(weights.copy()), torch.from_numpy(bias.copy())
    found = curvature(model, (x_train, y_train), (x[new], y[new]), 0.0, decay={"line.weight": 1 / n}, method="exact")
    full, truth = margins(), np.empty((100, n))
    for i in range(n):
        rest = np.delete(np.arange(n), i)
        fitted.coef_, fitted.intercept_ = weights.copy(), bias.copy()
        fitted.fit(x_train[rest], y_train[rest])
        truth[:, i] = full - margins()
    ranks = [spearmanr(a, b).statistic for a, b in zip(found, truth)]
    assert np.mean(ranks) >= 0.99
    unregularised = curvature(model, (x_train, y_train), (x[new], y[new]), 0.0, decay=1e-9, method="exact")
    assert np.mean([spearmanr(a, b).statistic for a, b in zip(unregularised, truth)]) < 0.99


@pytest.mark.parametrize("kind", ["stack", "norm"])
def test_the_hessian_is_autograds(kind):
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(9, 4, generator=g).double(), torch.randint(0, 3, (9,), generator=g)
    middle = [nn.LayerNorm(5), nn.Tanh()] if kind == "norm" else [nn.Tanh()]
    model = nn.Sequential(nn.Linear(4, 5), *middle, nn.Linear(5, 3)).double()
    trace = still(model, (x, y))
    loss = lambda flat: nn.functional.cross_entropy(torch.func.functional_call(model, trace.named(flat), (x,)), y)  # noqa: E731
    assert torch.allclose(hessian(trace), torch.autograd.functional.hessian(loss, trace.weights(0)), atol=1e-12)


def small(seed=0, n=400, d=3, k=3, values=False):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=g).double() @ torch.diag(torch.tensor([2.0, 1.0, 0.3]).double())
    y = torch.randn(n, k, generator=g).double() if values else torch.randint(0, k, (n,), generator=g)
    model = nn.Linear(d, k).double()
    with torch.no_grad():
        model.weight.copy_(torch.randn(k, d, generator=g))
        model.bias.copy_(torch.randn(k, generator=g))
    return model, (x, y)


def test_labels_are_drawn_from_the_model(monkeypatch):
    """For a linear softmax model the Hessian is the Fisher matrix, so their traces agree; with the labels seen not."""
    model, examples = small()
    true = float(hessian(still(model, examples)).trace())

    def eigenvalues(samples):
        trace = still(model, examples)
        made = blocks.Blocks(trace, samples, 0)
        made.fitted("heuristic", dict.fromkeys(trace.layout.names, 0.0))
        return float(made.lambdas["weight"].sum())

    draws = [eigenvalues(20), eigenvalues(1)]
    x = torch.cat([examples[0], torch.ones(400, 1).double()], 1)
    share = model(examples[0]).softmax(1).detach()
    # one draw: |a|^2 |p - e_y|^2 with y from p; its variance, over n draws
    squares = (share[:, None, :] - torch.eye(3)).square().sum(2)
    variance = ((share * squares.square()).sum(1) - (share * squares).sum(1).square()) * x.square().sum(1).square()
    error = float(variance.sum().sqrt() / 400)
    assert abs(draws[1] - true) < 4 * error
    assert abs(draws[0] - true) < 4 * error / 20**0.5
    monkeypatch.setattr(blocks, "drawn_labels", lambda loss, out, y, generator: y)
    assert abs(eigenvalues(1) - true) > 8 * error


def test_where_the_fisher_is_a_kronecker_product_blocks_are_exact():
    """Half squared error on a linear model: F = I x E[a a'], whatever the targets; blocks find it as draws grow."""
    model, (x, y) = small(values=True)
    query = x[:5], y[:5]
    first = lambda z: z[:, 0]  # noqa: E731
    exact = curvature(model, (x, y), query, 0.5, target=first, method="exact", loss="half-squared-error")
    found = curvature(model, (x, y), query, 0.5, target=first, method="ekfac", loss="half-squared-error", samples=100)
    assert far(found, exact) < 4 * (2 / (100 * 400)) ** 0.5 * 2
    other = curvature(model, (x, 2 * y), query, 0.5, target=first, method="ekfac", loss="half-squared-error", samples=2)
    residual = (model(x) - 2 * y).detach()[:, 0] / (model(x) - y).detach()[:, 0]
    assert far(other, exact * residual.numpy()) < 0.1


def test_large_damping_leaves_the_product_of_gradients():
    model, (x, y) = small()
    query = x[:4], y[:4]
    damped = curvature(model, (x, y), query, 1e9, method="ekfac") * 1e9
    from byheart.maths.attribution.gradient_similarity import checkpoints
    from byheart.maths.recording.optimizer_spec import Group, Recipe

    trace = still(model, (x, y))
    trace.recipe, trace.rates = Recipe("SGD", (Group(trace.layout.names),), {}), [(1.0,)]
    assert far(damped, checkpoints(trace, query, steps=[0]) / 400) < 1e-6


def test_heuristic_damping_is_a_tenth_of_the_mean_eigenvalue():
    model, examples = small()
    fitted = fit(model, examples)
    made = blocks.Blocks(still(model, examples), 4, 0)
    made.fitted(0.0, {"weight": 0.0, "bias": 0.0})
    assert fitted.damping["weight"] == pytest.approx(0.1 * float(made.lambdas["weight"].mean()))
    assert fitted.coverage == 1.0
    assert isinstance(fitted, Curvature)
    assert fitted.method == "ekfac"


class Odd(nn.Module):
    """A convolution, a LayerNorm, and a table too large for a block of its own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1, stride=2)
        self.norm = nn.LayerNorm(12)
        self.table = nn.Parameter(torch.randn(300, 12) * 0.1)
        self.out = nn.Linear(12, 2)

    def forward(self, x):
        return self.out(self.norm(torch.relu(self.conv(x)).flatten(1)) + self.table.sum(0))


def test_coverage_says_what_is_left_out(untouched):
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 1, 4, 4, generator=g), torch.randint(0, 2, (40,), generator=g)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Odd()
    before = copy.deepcopy(model.state_dict())
    fitted = fit(model, (x, y))
    total = sum(p.numel() for p in model.parameters())
    assert fitted.skipped == ("table",)
    assert fitted.coverage == pytest.approx(1 - 3600 / total)
    assert set(fitted.damping) == {"conv.weight", "norm.weight", "norm.bias", "out.weight"}
    with pytest.warns(UserWarning, match="not covered: table"):
        found = curvature(model, (x, y), (x[:3], y[:3]))
    assert found.shape == (3, 40)
    assert np.isfinite(found).all()
    assert far(found, fitted.effect((x[:3], y[:3]))) == 0
    assert all(torch.equal(a, b) for a, b in zip(before.values(), model.state_dict().values()))
    with torch.no_grad():
        model.table.requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curvature(model, (x, y), (x[:3], y[:3]))


def test_order_of_examples_and_of_queries_is_theirs():
    model, (x, y) = small(n=50)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    exact = curvature(model, (x, y), (x[:6], y[:6]), 0.3)
    assert far(curvature(model, (x[order], y[order]), (x[:6], y[:6]), 0.3), exact[:, order]) < 1e-12
    assert far(curvature(model, (x, y), (x[:6].flip(0), y[:6].flip(0)), 0.3), exact[::-1]) < 1e-12


def test_refusals_name_what_is_wrong():
    model, (x, y) = small(n=50)
    bad = x.clone()
    bad[7, 1] = torch.inf
    big = nn.Linear(100, 40)
    for call, words in [
        (lambda: curvature(model, (x, y), (x[:2], y[:2]), 0.0), "positive in every direction.*eigenvalues from"),
        (lambda: curvature(model, (x, y), (x[:2], y[:2]), -1.0), "damping of 0 or more"),
        (lambda: curvature(model, (bad, y), (x[:2], y[:2])), "some in example 7"),
        (lambda: curvature(model, (x, y[:9]), (x[:2], y[:2])), "50 and 9 rows"),
        (lambda: curvature(model, x, (x[:2], y[:2])), "examples as a pair"),
        (lambda: curvature(model, (x, y), (x[:2, :2], y[:2])), r"query x of shape \(q, 3\)"),
        (lambda: curvature(model, (x, y), (x[:2], y[:2] + 7)), "labels of the queries from 0 to 2"),
        (lambda: curvature(big, (torch.randn(5, 100), torch.zeros(5).long()), (torch.randn(1, 100), torch.zeros(1).long()), method="exact"), "4040 weights"),
        (lambda: curvature(nn.Flatten(), (x, y), (x[:2], y[:2])), "a model with weights"),
    ]:
        with pytest.raises(InputRefused, match=words):
            call()
    with pytest.raises(UnknownName, match="exact"):
        curvature(model, (x, y), (x[:2], y[:2]), method="exakt")
    model.bias.data[0] = torch.nan
    with pytest.raises(InputRefused, match="of example 0"):
        curvature(model, (x, y), (x[:2], y[:2]))
