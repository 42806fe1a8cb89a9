"""Curvature matrices: closed forms of linear models, labels one by one, three ways that agree, and what is refused."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from byheart.errors import InputRefused, UnknownName
from byheart.maths.curvature import density, top_eigenvalues, trace
from byheart.maths.curvature.curvature_matrix import curvature_matrix as front


def far(a, b):
    return float((torch.as_tensor(a) - torch.as_tensor(b)).abs().max() / torch.as_tensor(b).abs().max())


@pytest.fixture(scope="module")
def slow(reference):
    return reference("curvature_slow")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(40, 5))), torch.from_numpy(rng.integers(0, 3, 40))


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def test_linear_regression_is_the_second_moment_of_its_inputs(data):
    x, _ = data
    y = x @ torch.ones(5, 1, dtype=torch.float64)
    closed = x.T @ x / len(x)
    model = nn.Linear(5, 1, bias=False).double()
    for matrix in ("hessian", "ggn", "fisher"):
        assert far(front(model, (x, y), matrix).whole, closed) < 1e-12, matrix
        assert far(front(model, (x, y), matrix, loss="squared-error").whole, 2 * closed) < 1e-12, matrix
    values = np.linalg.eigvalsh(closed.numpy())[::-1]
    assert np.allclose(top_eigenvalues(model, (x, y), k=5), values, rtol=1e-12)
    assert abs(trace(model, (x, y)) / values.sum() - 1) < 1e-12


def test_softmax_regression_has_one_matrix_for_all_three(data):
    x = data[0]
    model = nn.Linear(5, 3, bias=False).double()
    p = model(x).detach().softmax(1)
    s = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    closed = torch.einsum("nab,ni,nj->aibj", s, x, x).reshape(15, 15) / len(x)
    for matrix in ("hessian", "ggn", "fisher"):
        assert far(front(model, data, matrix).whole, closed) < 1e-12, matrix


@pytest.mark.parametrize("way", ["dense", "curvlinops", "products"])
def test_each_way_gives_the_matrices_of_their_definitions(network, data, way, slow):
    x, y = data
    truths = {
        "hessian": slow.hessian(network, x, y, F.cross_entropy),
        "ggn": slow.ggn(network, x, y, F.cross_entropy),
        "fisher": slow.fisher(network, x, 3),
        "empirical-fisher": slow.empirical_fisher(network, x, y, F.cross_entropy),
    }
    for matrix, truth in truths.items():
        if (matrix, way) == ("empirical-fisher", "curvlinops"):
            continue
        found = front(network, data, matrix, way=way)
        assert far(found.product(torch.eye(found.size, dtype=torch.float64)), truth.detach()) < 1e-12, matrix
    assert far(truths["fisher"], truths["ggn"].detach()) < 1e-12
    assert far(truths["empirical-fisher"], truths["fisher"]) > 0.1
    assert far(truths["hessian"].detach(), truths["ggn"].detach()) > 0.1


def test_the_ways_agree_where_batches_are_split_and_layers_are_many(monkeypatch):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 2)).double()
    examples = torch.randn(11, 1, 6, 6, dtype=torch.float64), torch.randint(0, 2, (11,))
    monkeypatch.setattr("byheart.maths.curvature.curvature_matrix.BATCH", 4)
    for matrix in ("hessian", "ggn"):
        dense = front(model, examples, matrix).whole
        for way in ("curvlinops", "products"):
            assert far(front(model, examples, matrix, way=way).product(torch.eye(len(dense), dtype=torch.float64)), dense) < 1e-12


def test_above_two_thousand_weights_products_are_those_of_the_whole_matrix():
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(30, 50), nn.Tanh(), nn.Linear(50, 12))
    examples = torch.randn(20, 30), torch.randint(0, 12, (20,))
    made = front(model, examples, "ggn")
    assert (made.way, made.size) == ("curvlinops", 2_162)
    v = torch.randn(2_162, 2, dtype=torch.float64)
    assert far(made.product(v), made.whole @ v) < 1e-12
    values = np.linalg.eigvalsh(made.whole.numpy())[::-1]
    assert np.allclose(top_eigenvalues(model, examples, "ggn", k=3), values[:3], rtol=1e-8)
    found = trace(model, examples, "ggn", draws=30)
    assert found.method == "xtrace"
    assert abs(found - values.sum()) < 4 * found.standard_error + 1e-9 * values.sum()


class Tokens(nn.Module):
    """(b, t) -> (b, k, t)."""

    def __init__(self):
        super().__init__()
        self.table, self.line = nn.Embedding(4, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.line(self.table(x)).transpose(1, 2)


def test_the_fisher_matrix_of_a_sequence_is_of_its_mean_loss(slow):
    torch.manual_seed(3)
    model = Tokens().double()
    x, y = torch.randint(0, 4, (6, 2)), torch.randint(0, 3, (6, 2))
    for way in ("dense", "curvlinops", "products"):
        found = front(model, (x, y), "fisher", way=way).product(torch.eye(24, dtype=torch.float64))
        assert far(found, slow.fisher(model, x, 3, places=2)) < 1e-12, way


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.line = nn.RNN(2, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, x):
        return self.line(self.cell(x)[0][:, -1])


@pytest.mark.parametrize("layer, why", [(nn.LayerNorm(4), "of its length from ours"), (nn.GroupNorm(2, 4), "native_group_norm_backward")])
def test_a_layer_that_torch_derives_wrongly_forward_over_reverse_goes_by_our_products(data, layer, why):
    """The finite difference of the gradient says who is right."""
    torch.manual_seed(6)
    model = nn.Sequential(nn.Linear(5, 4), layer, nn.Tanh(), nn.Linear(4, 3)).double()
    made = front(model, data, way="products")
    v = torch.randn(made.size, 1, dtype=torch.float64)

    def gradient(theta):
        named = {name: w.requires_grad_() for name, w in made.trace.named(theta).items()}
        out = torch.func.functional_call(model, named, (data[0],))
        return torch.cat([g.flatten() for g in torch.autograd.grad(F.cross_entropy(out, data[1]), list(named.values()))])

    theta = made.trace.weights(0)
    difference = (gradient(theta + 1e-5 * v[:, 0]) - gradient(theta - 1e-5 * v[:, 0])) / 2e-5
    for found in (made.product(v)[:, 0], (front(model, data).whole @ v)[:, 0]):
        assert far(found, difference) < 1e-5
    with pytest.raises(InputRefused, match=f"what curvlinops derives rightly.*{why}"):
        front(model, data, way="curvlinops")


def test_auto_leaves_such_a_model_to_our_products():
    model = nn.Sequential(nn.Linear(30, 50), nn.LayerNorm(50), nn.Linear(50, 12))
    examples = torch.randn(4, 30), torch.tensor([0, 1, 2, 3])
    assert front(model, examples).way == "products"
    assert front(model, examples, "ggn").way == "curvlinops"  # first derivatives are right
    assert front(model, examples, "empirical-fisher").way == "products"
    with pytest.raises(InputRefused, match="got the empirical Fisher matrix"):
        front(model, examples, "empirical-fisher", way="curvlinops")


def test_recurrent_layers_and_mappings_have_a_curvature(data, slow):
    torch.manual_seed(4)
    model, x, y = Recurrent().double(), torch.randn(7, 3, 2, dtype=torch.float64), torch.randint(0, 2, (7,))
    assert far(front(model, (x, y), "ggn").whole, slow.ggn(model, x, y, F.cross_entropy).detach()) < 1e-12
    assert far(front(model, (x, y)).whole, slow.hessian(model, x, y, F.cross_entropy).detach()) < 1e-12

    class Named(nn.Linear):
        def forward(self, rows):
            return super().forward(rows)

    named = Named(5, 3, bias=False).double()
    plain = nn.Linear(5, 3, bias=False).double()
    plain.weight.data = named.weight.data
    assert far(front(named, ({"rows": data[0]}, data[1]), "ggn").whole, front(plain, data, "ggn").whole) < 1e-12


def test_a_loss_of_ones_own_has_a_gauss_newton_matrix_but_no_fisher_matrix(network, data):
    own = lambda z, y: 3 * F.cross_entropy(z, y, reduction="none")  # noqa: E731
    for way in ("dense", "curvlinops", "products"):
        assert far(front(network, data, "ggn", loss=own, way=way).product(torch.eye(57, dtype=torch.float64)),
                   3 * front(network, data, "ggn").whole) < 1e-12  # fmt: skip
    with pytest.raises(InputRefused, match="the distribution of labels that the model states is known"):
        front(network, data, "fisher", loss=own)


def test_training_mode_counts_for_nothing_and_stays(data, slow):
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 3)).double()
    model(data[0])  # running statistics
    before = copy.deepcopy(model.state_dict())
    quiet = copy.deepcopy(model).eval()
    for way in ("dense", "curvlinops", "products"):
        for matrix in ("hessian", "ggn", "fisher"):
            v = torch.eye(front(model, data).size, dtype=torch.float64)
            assert far(front(model, data, matrix, way=way).product(v), front(quiet, data, matrix).whole) < 1e-12
    assert all(part.training for part in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert far(front(quiet, data).whole, slow.hessian(quiet, *data, F.cross_entropy).detach()) < 1e-12


def test_one_example_has_a_curvature(network, data):
    x, y = data[0][:1], data[1][:1]
    values = top_eigenvalues(network, (x, y), "ggn", k=4)
    assert (values[:2] > 0).all()
    assert abs(values[2]) < 1e-12 * values[0]  # k - 1 directions of a softmax
    assert density(network, (x, y)).nodes.shape == (1, 57)


class Noisy(nn.Linear):
    def forward(self, x):
        return F.dropout(super().forward(x), training=True)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda m: m[2].weight.data.__setitem__((0, 0), torch.nan), "1 such values in 2.weight"),
        (lambda m: m.append(nn.BatchNorm1d(3, track_running_stats=False).double()), "none in 3"),
        (lambda m: m.append(Noisy(3, 3).double()), "others at the second pass"),
        (lambda m: m.append(nn.Linear(3, 2).double()), "labels from 0 to 1, got values from 0 to 2"),
        (lambda m: m.requires_grad_(False), "a model with weights to train"),
    ],
)
def test_models_without_a_curvature_are_refused(network, data, spoil, message):
    model = copy.deepcopy(network)
    spoil(model)
    for quantity in (top_eigenvalues, trace, density):
        with pytest.raises(InputRefused, match=message):
            quantity(model, data)


def test_examples_that_are_none_and_names_that_are_none_are_refused(network, data):
    x, y = data
    spoilt = x.clone()
    spoilt[3, 0] = torch.inf
    for examples, message in [((spoilt, y), "some in example 3"), ((x[:5], y), "5 and 40 rows"), ((x[:0], y[:0]), "0 and 0 rows")]:
        with pytest.raises(InputRefused, match=message):
            trace(network, examples)
    with pytest.raises(UnknownName, match="Nearest: fisher"):
        trace(network, data, "fischer")
    with pytest.raises(UnknownName, match="Known: auto"):
        trace(network, data, way="sparse")
    with pytest.raises(InputRefused, match="k from 1 to 57"):
        top_eigenvalues(network, data, k=58)
    with pytest.raises(InputRefused, match="fewer than 2000 weights"):
        trace(nn.Linear(1_000, 2), (torch.zeros(2, 1_000), torch.tensor([0, 1])), way="dense")
