"""Traces and densities of matrices known in advance; the estimators against slow ones, curvlinops, and their errors."""

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused, UnknownName
from byheart.maths.curvature import density, top_eigenvalues, trace
from byheart.maths.curvature.curvature_matrix import curvature_matrix as front
from byheart.maths.curvature.curvlinops_adapter import operator
from byheart.maths.curvature.spectral_density import lanczos
from byheart.maths.curvature.trace_estimate import hutch_plus_plus, hutchinson, xtrace


def known(values, seed=0):
    """A symmetric matrix with these eigenvalues."""
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(len(values), len(values), generator=generator, dtype=torch.float64))
    return q @ torch.diag(torch.as_tensor(values, dtype=torch.float64)) @ q.T


def normal(p, m, seed):
    return torch.randn(p, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


DECAYING = [(-1) ** j * 100 / (1 + j) ** 2 for j in range(120)]


def test_xtrace_is_its_leave_one_out_loop(reference):
    a, draws = known(DECAYING), normal(120, 12, 1)
    each = reference("curvature_slow").xtrace(a, draws)
    found = xtrace(lambda v: a @ v, draws)
    assert abs(found - float(each.mean())) < 1e-8
    assert abs(found.standard_error - float(each.std()) / 12**0.5) < 1e-8
    assert found.products == 24


def test_hutch_plus_plus_is_its_definition():
    a, draws = known(DECAYING), normal(120, 12, 1)
    q, _ = torch.linalg.qr(a @ draws[:, :4])
    u = draws[:, 4:8] - q @ q.T @ draws[:, 4:8]
    terms = torch.trace(q.T @ a @ q) + (u * (a @ u)).sum(0)
    found = hutch_plus_plus(lambda v: a @ v, draws)
    assert abs(found - float(terms.mean())) < 1e-9
    assert abs(found.standard_error - float(terms.std()) / 2) < 1e-9
    assert found.products == 12


@pytest.mark.parametrize("estimator", [hutchinson, hutch_plus_plus, xtrace])
def test_estimates_are_unbiased_and_know_their_error(estimator):
    a = known(DECAYING)
    found = [estimator(lambda v: a @ v, normal(120, 24, seed)) for seed in range(200)]
    values, errors = np.array(found, float), np.array([one.standard_error for one in found])
    truth = sum(DECAYING)
    assert abs(values.mean() - truth) < 4 * values.std() / 200**0.5
    assert 0.7 < np.sqrt((errors**2).mean()) / values.std() < 1.4


def test_the_better_estimators_are_better_where_eigenvalues_decay():
    a = known(DECAYING)
    spread = {
        name: np.std([estimator(lambda v: a @ v, normal(120, m, seed)) for seed in range(60)])
        for name, estimator, m in (("plain", hutchinson, 24), ("++", hutch_plus_plus, 24), ("x", xtrace, 12))
    }
    assert spread["x"] < spread["++"] < spread["plain"] / 3


def test_a_matrix_of_low_rank_has_its_trace_without_error():
    a = known([5.0, 3.0, -1.0] + [0.0] * 60)
    for estimator in (hutch_plus_plus, xtrace):
        found = estimator(lambda v: a @ v, normal(63, 18, 0))
        assert abs(found - 7) < 1e-9
        assert found.standard_error < 1e-9
    nothing = xtrace(lambda v: 0 * v, normal(63, 18, 0))
    assert (float(nothing), nothing.standard_error) == (0, 0)


@pytest.fixture(scope="module")
def trained():
    """A small tanh network after a few steps of gradient descent on three clusters, and its data."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 60)
    x = torch.from_numpy(rng.normal(size=(60, 5)) + 2 * np.eye(3, 5)[y])
    y = torch.from_numpy(y)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 3)).double()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()
    return model, (x, y)


@pytest.mark.parametrize("method", ["hutchinson", "hutch++", "xtrace"])
def test_estimated_traces_are_the_exact_one(trained, method):
    model, examples = trained
    for matrix in ("hessian", "ggn"):
        exact = trace(model, examples, matrix)
        found = trace(model, examples, matrix, seed=3, method=method, draws=18, way="curvlinops")
        assert abs(found - exact) < 4 * found.standard_error
        assert 0 < found.standard_error < 0.5 * exact
        again = trace(model, examples, matrix, seed=3, method=method, draws=18, way="products")
        assert abs(again / found - 1) < 1e-9  # the same draws


def test_curvlinops_estimates_the_same_trace(trained):
    from curvlinops import hutchpp_trace
    from curvlinops import xtrace as theirs

    model, examples = trained
    made = front(model, examples, "ggn")
    of = operator(made.trace, "ggn", 256)
    exact, n = float(made.whole.trace()), made.trace.n
    torch.manual_seed(0)
    for estimate, ours, m in ((hutchpp_trace, hutch_plus_plus, 30), (theirs, xtrace, 15)):
        error = ours(made.product, normal(made.size, m, 0)).standard_error
        assert abs(float(estimate(of, 30)) / n - exact) < 8 * error


def test_lanczos_from_a_vector_has_the_moments_of_its_matrix():
    a, start = known(np.linspace(-1, 4, 50)), normal(50, 3, 2)
    for (diagonal, beside), v in zip(lanczos(lambda u: a @ u, start, 6), (start / start.norm(dim=0)).T):
        t = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        for power in range(12):  # Gauss quadrature of 6 nodes is exact to degree 11
            exact = float(v @ torch.linalg.matrix_power(a, power) @ v)
            assert np.linalg.matrix_power(t, power)[0, 0] == pytest.approx(exact, rel=1e-9)


def test_density_by_quadrature_is_that_of_all_eigenvalues(trained):
    model, examples = trained
    exact = density(model, examples)
    for way in ("curvlinops", "products"):
        found = density(model, examples, seed=1, draws=40, steps=60, width=exact.width, way=way)
        step = found.eigenvalue[1] - found.eigenvalue[0]
        assert found.density.sum() * step == pytest.approx(1, abs=1e-3)
        on_grid = np.interp(found.eigenvalue, exact.eigenvalue, exact.density)
        assert np.mean(np.abs(found.density - on_grid) <= 4 * found.standard_error + 1e-3 * on_grid.max()) > 0.98
        assert abs(found.negative - exact.negative) < 4 * found.negative_error
        assert found.nodes.max() == pytest.approx(top_eigenvalues(model, examples)[0], rel=1e-9)
    values = np.linalg.eigvalsh(front(model, examples).whole.numpy())
    assert exact.negative == pytest.approx(-values[values < 0].sum() / np.abs(values).sum(), rel=1e-9)
    assert 0 < exact.negative < 1
    assert exact.density.sum() * (exact.eigenvalue[1] - exact.eigenvalue[0]) == pytest.approx(1, abs=1e-3)
    assert (exact.standard_error == 0).all()
    mean = float((found.nodes * found.weights).sum(1).mean())
    errors = (found.nodes * found.weights).sum(1).std(ddof=1) / 40**0.5
    assert abs(mean - trace(model, examples) / 111) < 4 * errors


def test_a_recursion_that_ends_is_cut_there():
    a = known([3.0] * 5 + [1.0] * 5)
    (diagonal, beside), _ = lanczos(lambda v: a @ v, normal(10, 2, 0), 8)
    assert (len(diagonal), len(beside)) == (2, 1)
    values = np.linalg.eigvalsh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
    assert values == pytest.approx([1, 3])


def test_an_estimate_is_a_number_that_keeps_its_error(trained):
    import pickle

    found = trace(*trained, method="xtrace", draws=10, way="products")
    assert isinstance(found, float)
    again = pickle.loads(pickle.dumps(found))
    assert (float(again), again.standard_error, again.method) == (float(found), found.standard_error, "xtrace")


def test_counts_out_of_range_are_refused(trained):
    for given, message in [
        ({"draws": 1}, "draws from 2 to 111"),
        ({"draws": 112}, "draws from 2 to 111"),
        ({"method": "hutch++", "draws": 5}, "draws from 6"),
    ]:
        with pytest.raises(InputRefused, match=message):
            trace(*trained, way="products", **({"method": "xtrace"} | given))
    with pytest.raises(InputRefused, match="a matrix that is formed"):
        trace(*trained, method="exact", way="products")
    with pytest.raises(UnknownName, match=r"Nearest: hutch\+\+"):
        trace(*trained, method="hutch+")
    with pytest.raises(InputRefused, match="steps of at least 2"):
        density(*trained, steps=1)
    with pytest.raises(InputRefused, match="a width above 0"):
        density(*trained, width=0.0)
