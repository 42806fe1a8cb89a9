"""The tangent kernel: by layers, by Jacobians and summed, against gradients taken one at a time; what must not be trusted."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose
from torch import nn

from byheart.errors import InputRefused, UnknownName
from byheart.maths.kernels import infinite_relu, jacobians, layer_factors, tangent, trace_of_outputs
from byheart.maths.kernels.tangent_kernel import Kernel


class Tokens(nn.Module):
    """Embedding, norms, a feed-forward layer at every position, and a mean over positions."""

    def __init__(self, padding=None):
        super().__init__()
        self.table, self.norm = nn.Embedding(7, 6, padding_idx=padding), nn.LayerNorm(6)
        self.up, self.rms, self.head = nn.Linear(6, 9), nn.RMSNorm(9), nn.Linear(9, 3)

    def forward(self, x):
        return self.head(self.rms(F.gelu(self.up(self.norm(self.table(x))))).mean(1))


class Merged(nn.Module):
    """Positions go through a layer as so many examples; of half of the models they do not stand example by example."""

    def __init__(self, turned):
        super().__init__()
        self.turned, self.into, self.out = turned, nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x):  # (n, 3, 4)
        n = len(x)
        rows = (x.transpose(0, 1) if self.turned else x).reshape(-1, 4)
        h = torch.tanh(self.into(rows))
        h = h.view(3, n, 5).transpose(0, 1) if self.turned else h.view(n, 3, 5)
        return self.out(h.sum(1))


class Beside(nn.Module):
    """A layer whose weight a function uses once more."""

    def __init__(self, small=1.0):
        super().__init__()
        self.small, self.layer, self.out = small, nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(torch.tanh(self.layer(x)) + self.small * F.linear(x, self.layer.weight))


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(torch.tanh(self.layer(torch.tanh(self.layer(x)))))


class Tied(nn.Module):
    """Two layers that share one matrix, and a parameter of the module's own."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
        self.b.weight, self.gain = self.a.weight, nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.b(torch.relu(self.a(x)) * self.gain)


class Never(nn.Module):
    """A layer that is never called as such."""

    def __init__(self):
        super().__init__()
        self.used, self.idle = nn.Linear(4, 2), nn.Linear(4, 4)

    def forward(self, x):
        return self.used(F.linear(x, self.idle.weight))


class LastState(nn.Module):
    """A recurrent layer, which no batching rule of torch may know."""

    def __init__(self):
        super().__init__()
        self.cells, self.head = nn.GRU(4, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.cells(x)[0][:, -1])


class Scaled(nn.Linear):
    """A subclass that does something else."""

    def forward(self, x):
        return 3 * super().forward(x)


def numbers(*shape):
    return lambda n: torch.randn(n, *shape, dtype=torch.float64)


def words(n):
    return torch.randint(0, 7, (n, 5))


def convolutions():
    conv = nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
    more = nn.Conv2d(4, 6, (2, 1), groups=2, dilation=(1, 2)), nn.GroupNorm(3, 6), nn.Tanh()
    return nn.Sequential(*conv, *more, nn.Flatten(), nn.Linear(6 * 2 * 3, 3))


def frozen():
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    model[0].weight.requires_grad_(False)
    model[2].bias.requires_grad_(False)
    return model


# name -> (model, inputs, whether Jacobians are needed for some parameter)
MODELS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 3)), numbers(4), False),
    "no bias": (lambda: nn.Sequential(nn.Linear(4, 6, bias=False), nn.Tanh(), nn.Linear(6, 1)), numbers(4), False),
    "convolutions": (convolutions, numbers(2, 5, 5), False),
    "tokens": (Tokens, words, False),
    "padded tokens": (lambda: Tokens(padding=0), words, False),
    "frozen parts": (frozen, numbers(4), False),
    "positions": (lambda: Merged(False), numbers(3, 4), False),
    "turned positions": (lambda: Merged(True), numbers(3, 4), True),
    "padding of its own": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3, padding="same"), nn.Flatten()), numbers(1, 3, 3), True),
    "a function beside": (Beside, numbers(4), True),
    "a small function beside": (lambda: Beside(1e-6), numbers(4), True),
    "a layer twice": (Twice, numbers(4), True),
    "tied": (Tied, numbers(4), True),
    "never called": (Never, numbers(4), True),
    "subclass": (lambda: nn.Sequential(Scaled(4, 3)), numbers(4), True),
    "recurrent": (LastState, numbers(3, 4), True),
    "attention": (lambda: nn.TransformerEncoderLayer(4, 2, 5, batch_first=True), numbers(2, 4), True),
}  # fmt: skip


@pytest.fixture(scope="module")
def slow(reference):
    return reference("kernels_slow").tangent_slow


@pytest.fixture(scope="module")
def case(slow):
    return functools.cache(functools.partial(drawn, slow))


def drawn(slow, name):
    torch.manual_seed(0)
    make, draw, _ = MODELS[name]
    model = make().double()
    for part in model.modules():  # statistics and weights that are not 0 and 1
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
        if isinstance(part, nn.BatchNorm2d | nn.LayerNorm | nn.GroupNorm):
            nn.init.normal_(part.weight)
    x, x2 = draw(4), draw(3)
    model.eval()
    return model, x, x2, slow(model, x, x2)


def near(given, expected):
    assert_allclose(given, expected, atol=1e-12 * np.abs(expected).max(), rtol=1e-12)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["auto", "structured", "jacobian"])
def test_every_method_gives_the_products_of_the_gradients(name, method, case):
    model, x, x2, expected = case(name)
    found = tangent(model, x, x2, method)
    assert found.dtype == np.float64
    near(found, expected)


@pytest.mark.parametrize("name", MODELS)
def test_the_sum_form_is_the_summed_full_kernel_and_the_trace_that_of_equal_outputs(name, case):
    model, x, x2, expected = case(name)
    near(tangent(model, x, x2, "sum"), expected.sum((2, 3)))
    near(trace_of_outputs(model, x, x2), np.einsum("ijoo->ij", expected))


@pytest.mark.parametrize("name", MODELS)
def test_jacobians_are_taken_where_layers_do_not_give_the_gradient_and_only_there(name, case):
    model, x, x2, _ = case(name)
    kernel = Kernel(model)
    kernel(x, x2)
    assert bool(kernel.by_jacobian) is MODELS[name][2]
    if name == "tied":
        assert kernel.by_jacobian == ["gain", "a.weight", "a.bias"]
    if name == "a function beside":
        assert kernel.by_jacobian == ["layer.weight", "layer.bias"]


def test_of_one_set_of_inputs_it_is_symmetric_and_positive_semidefinite(case):
    model, x, _, _ = case("convolutions")
    found = tangent(model, x)
    assert_allclose(found, tangent(model, x, x.clone()), rtol=1e-12, atol=1e-13)
    matrix = found.transpose(0, 2, 1, 3).reshape(12, 12)
    assert_allclose(matrix, matrix.T, rtol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > -1e-10


@pytest.mark.parametrize("name", ["mlp", "convolutions", "tokens", "tied"])
def test_blocks_are_put_together_in_order(name, case, slow, monkeypatch):
    model, x, x2, expected = case(name)
    monkeypatch.setattr(layer_factors, "HELD", 50)
    monkeypatch.setattr("byheart.maths.kernels.tangent_kernel.HELD", 200)
    monkeypatch.setattr(jacobians.Jacobians.__init__, "__defaults__", (60,))
    near(tangent(model, x, x2), expected)
    near(tangent(model, x, x2, "jacobian"), expected)
    near(tangent(model, x), slow(model, x, x))
    near(tangent(model, x, None, "jacobian"), slow(model, x, x))


@pytest.mark.parametrize("cheaper", ["pairs", "gradients"])
def test_both_ways_through_a_layer_at_many_positions_agree(cheaper):
    torch.manual_seed(1)
    n, r, k, g, t, d, c = (3, 2, 2, 2, 4, 30, 20) if cheaper == "pairs" else (3, 2, 2, 2, 50, 3, 2)
    one, two = (
        layer_factors.Outer(torch.randn(m, g, t, d).double(), torch.randn(m, k, g, t, c).double(), ("weight",))
        for m in (n, r)
    )
    slow = layer_factors.inner(one.gradients(slice(None)), two.gradients(slice(None)))
    called = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("by_pairs", "by_blocks"):
            own = getattr(layer_factors, name)
            patch.setattr(layer_factors, name, lambda *given, own=own, name=name: called.append(name) or own(*given))
        assert_allclose(one.products(two), slow, rtol=1e-10, atol=1e-10)
    assert set(called) == {"by_pairs" if cheaper == "pairs" else "by_blocks"}


def test_wide_networks_have_the_kernel_of_infinite_width():
    """One hidden layer, all parameters N(0, 1): the mean over draws is exact at any width."""
    rng = np.random.default_rng(2)
    x, x2 = rng.normal(size=(3, 3)), rng.normal(size=(2, 3))
    sigma_w, sigma_b, width, draws = 1.3, 0.4, 64, 150
    found = []
    torch.manual_seed(3)
    for _ in range(draws):
        model = Parametrised(3, width, sigma_w, sigma_b).double()
        found.append(tangent(model, x, x2)[:, :, 0, 0])
    expected = infinite_relu(x, x2, 1, sigma_w, sigma_b).ntk
    found = np.array(found)
    error = found.std(0, ddof=1) / draws**0.5
    assert (np.abs(found.mean(0) - expected) < 4 * error).all()


class Parametrised(nn.Module):
    """z = sigma_w W a / sqrt(fan in) + sigma_b b, all parameters N(0, 1)."""

    def __init__(self, d, width, sigma_w, sigma_b):
        super().__init__()
        self.by = sigma_w, sigma_b
        self.parts = nn.ParameterList(torch.randn(*shape) for shape in ((d, width), (width,), (width, 1), (1,)))

    def forward(self, x):
        first, bias, second, last = self.parts
        h = torch.relu(self.by[0] * x @ first / len(first) ** 0.5 + self.by[1] * bias)
        return self.by[0] * h @ second / len(second) ** 0.5 + self.by[1] * last


def test_a_linear_model_has_the_products_of_its_inputs():
    x = torch.randn(5, 3).double()
    found = tangent(nn.Linear(3, 2).double(), x)
    assert_allclose(found, (x @ x.T + 1).numpy()[:, :, None, None] * np.eye(2), rtol=1e-12, atol=1e-14)


def test_the_model_is_left_as_it_is(case):
    model, x, x2, _ = case("convolutions")
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tangent(model, x, x2)
    assert model.training
    assert not any(part._forward_hooks for part in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    model.eval()


def test_arrays_and_lists_are_taken_in_the_type_of_the_weights():
    model = nn.Linear(3, 1)
    x = np.random.default_rng(0).normal(size=(4, 3))
    assert_allclose(tangent(model, x)[..., 0, 0], x @ x.T + 1, rtol=1e-5, atol=1e-5)
    assert tangent(model.half(), x.tolist()).shape == (4, 4, 1, 1)


def test_what_depends_on_the_batch_or_on_chance_is_refused():
    class Centred(nn.Linear):
        def forward(self, x):
            out = super().forward(x)
            return out - out.mean(0)

    class Noisy(nn.Linear):
        def forward(self, x):
            return F.dropout(super().forward(x))

    x = torch.randn(4, 3)
    with pytest.raises(InputRefused, match="the examples beside it"):
        tangent(Centred(3, 2), x)
    with pytest.raises(InputRefused, match="one call to the next"):
        tangent(Noisy(3, 20), x)
    with pytest.raises(InputRefused, match="1, a BatchNorm1d without running statistics"):
        tangent(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2, track_running_stats=False)), x)
    with pytest.raises(InputRefused, match="trained parameters"):
        tangent(nn.Linear(3, 2).requires_grad_(False), x)
    with pytest.raises(UnknownName, match="structured"):
        tangent(nn.Linear(3, 2), x, method="structure")
