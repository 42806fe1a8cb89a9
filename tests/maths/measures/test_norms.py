"""Norms and margins: what rescaling leaves, products that no float holds, margins that are not positive, layers skipped."""

import itertools
import math

import pytest
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.measures import ROWS, Measure, adjusted, compute
from byheart.maths.measures.evidence import Evidence
from byheart.maths.measures.layers import Layer

FAMILIES = ("norms", "spectral", "path_norm", "size", "margins")
OF_WEIGHTS = [name for name, row in ROWS.items() if row.function.__module__.rpartition(".")[2] in FAMILIES]
LENGTHS = {"param-norm", "l2"}  # larger when one layer grows and the next shrinks: their sum is not their product


def network(*widths, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(*(layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())))
    return net[:-1].double().requires_grad_(False)


@pytest.fixture
def fitted():
    """A network, its start, and examples whose labels are what it says."""
    x = torch.randn(60, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    model, start = network(4, 6, 5, 3), network(4, 6, 5, 3, seed=1)
    return model, start, (x, model(x).argmax(1))


def rescaled(net, factor, unit=slice(None)):
    """The same function: what enters some hidden units times `factor`, what leaves them divided by it."""
    made = network(4, 6, 5, 3)
    made.load_state_dict(net.state_dict())
    made[0].weight[unit] *= factor
    made[0].bias[unit] *= factor
    made[2].weight[:, unit] /= factor
    return made


def test_rescaling_a_layer_of_relus_changes_no_product(fitted):
    model, start, examples = fitted
    one = compute(model, start, examples, names=OF_WEIGHTS)
    other = compute(rescaled(model, 3.0), rescaled(start, 3.0), examples, names=OF_WEIGHTS)
    changed = {name for name in one if other[name].value != pytest.approx(one[name].value, rel=1e-10)}
    assert changed == LENGTHS | {"fro-distance", "l2-distance", "dist-spec-init", "dist-spec-init-fft"}


def test_rescaling_a_unit_changes_no_path_and_nothing_of_the_outputs(fitted):
    model, _, examples = fitted
    one, other = (compute(net, None, examples, names=OF_WEIGHTS) for net in (model, rescaled(model, 3.0, 0)))
    same = {
        name for name in one if one[name].applicable and other[name].value == pytest.approx(one[name].value, rel=1e-10)
    }
    assert same == {
        "vc-dim", "params", "cross-entropy", "inverse-margin", "neg-entropy", "path-norm", "path-norm-over-margin"
    }  # fmt: skip


def test_products_beyond_every_float_have_their_logarithm():
    net = nn.Sequential(*(nn.Linear(30, 30, bias=False) for _ in range(400)))
    for layer in net:
        layer.weight.data.fill_(1.0)
    found = compute(net, names=["prod-of-fro", "prod-of-spec", "sum-of-fro"])
    assert found["prod-of-fro"].value == math.inf
    assert found["prod-of-fro"].log_value == pytest.approx(400 * math.log(900), rel=1e-12)
    assert found["prod-of-spec"].log_value == pytest.approx(400 * math.log(900), rel=1e-12)  # of rank 1
    assert found["sum-of-fro"].value == pytest.approx(400 * 900, rel=1e-12)


def test_identities_have_norms_that_anybody_can_count(fitted):
    net = network(4, 4, 4)
    for layer in net[::2]:
        layer.weight.copy_(2 * torch.eye(4))
        layer.bias.zero_()
    found = compute(
        net, names=["prod-of-spec", "fro-over-spec", "sum-of-spec", "prod-of-fro", "sum-of-fro", "path-norm"]
    )
    assert [round(one.value, 10) for one in found.values()] == [16, 8, 8, 256, 32, 64]


def test_a_margin_that_is_not_positive_is_no_number_and_says_so(fitted):
    model, _, (x, y) = fitted
    found = compute(model, None, (x, (y + 1) % 3))
    with_margin = [
        name for name in OF_WEIGHTS if "margin" in name or name.removesuffix("-fft") in ("spec-orig", "spec-orig-main")
    ]
    assert all("10th percentile" in found[name].reason for name in with_margin)
    assert found["prod-of-spec"].applicable


def test_few_examples_have_a_margin(fitted):
    model, _, (x, y) = fitted
    margins = Evidence.of(model, None, (x[:4], y[:4]), None, None, "").margins.numpy()
    low, next_ = sorted(margins)[:2]
    found = compute(model, None, (x[:4], y[:4]), names=["inverse-margin"])["inverse-margin"]
    assert found.value == pytest.approx((low + 0.3 * (next_ - low)) ** -2, rel=1e-12)


def test_the_published_margin_is_the_tenth_smallest_without_its_sign(fitted):
    model, _, (x, y) = fitted
    wrong = (y + 1) % 3
    margins = Evidence.of(model, None, (x, wrong), None, None, "").margins.numpy()
    found = compute(model, None, (x, wrong), names=["inverse-margin"], compat="dziugaite2020")["inverse-margin"]
    assert found.value == pytest.approx(sorted(margins)[5] ** -2, rel=1e-12)
    few = compute(model, None, (x[:9], wrong[:9]), names=["inverse-margin"], compat="dziugaite2020")
    assert "m is 9" in few["inverse-margin"].reason


def test_the_published_code_counts_weights_alone_and_knows_no_stride(reference):
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(2, 2)
    )
    model.double().requires_grad_(False)
    given = {"examples": (torch.randn(20, 1, 6, 6), torch.zeros(20)), "names": ["params", "prod-of-spec-fft"]}
    ours, theirs = compute(model, **given), compute(model, **given, compat="dziugaite2020")
    assert (round(ours["params"].value), round(theirs["params"].value)) == (
        9 * 3 + 18 * 3 + 2 * 3,
        9 * 2 + 18 * 2 + 2 * 2,
    )
    twin = reference("measures_slow")
    kernels = [model[i].weight.numpy() for i in (0, 2, 4)]
    for found, places in ((ours, [((6, 6), 2), ((3, 3), 1), ((), 1)]), (theirs, [((6, 6), 1)] * 2 + [((), 1)])):
        steps = [twin.Step(kernel, kernel, None, *place) for kernel, place in zip(kernels, places, strict=True)]
        wanted = math.prod(twin.spectral(step.weight, step, True) ** 2 for step in steps)
        assert found["prod-of-spec-fft"].value == pytest.approx(wanted, rel=1e-10)


def test_a_model_that_has_not_moved_is_at_no_distance(fitted):
    model, _, examples = fitted
    found = compute(model, model.state_dict(), examples, names=["fro-distance", "dist-spec-init", "spec-init"])
    assert [found[name].value for name in ("fro-distance", "dist-spec-init")] == [0, 0]
    assert found["spec-init"].value == pytest.approx(math.log(60 / 0.05), rel=1e-12)


def test_of_large_matrices_the_largest_singular_value_alone_is_searched(monkeypatch):
    matrix = torch.randn(90, 70, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    wanted = float(torch.linalg.svdvals(matrix)[0]) ** 2
    for dense in (1_000, 10):
        monkeypatch.setattr("byheart.maths.measures.layers.DENSE", dense)
        for one in (matrix, matrix.T):
            assert Layer("", one).squared_spectral == pytest.approx(wanted, rel=1e-12)
        assert Layer("", matrix * 0).squared_spectral == 0
        assert Layer("", torch.ones(30, 20).double()).squared_spectral == pytest.approx(600, rel=1e-12)


def test_a_transposed_linear_layer_of_gpt2_is_a_layer():
    class Conv1D(nn.Module):  # as in transformers: y = x W + b, W (inputs, outputs)
        def __init__(self):
            super().__init__()
            self.nf = 3
            self.weight, self.bias = nn.Parameter(torch.randn(4, 3)), nn.Parameter(torch.zeros(3))

        def forward(self, x):
            return x @ self.weight + self.bias

    model = Conv1D()
    found = compute(model, examples=(torch.randn(5, 4), torch.zeros(5)), names=["params", "path-norm", "vc-dim"])
    assert found["params"].value == pytest.approx(4 * (3 + 1), rel=1e-12)
    assert found["path-norm"].value == pytest.approx(float((model.weight.detach().double() ** 2).sum()), rel=1e-12)
    assert found["vc-dim"].value == pytest.approx(math.sqrt(math.log2(6 * 4) ** 3 * 12), rel=1e-12)  # n is 4


def test_the_size_of_weights_before_a_norm_changes_nothing():
    """What a BatchNorm of eps 0 divides by grows with the weights, so the folded network is the same."""

    def made(factor):
        net = nn.Sequential(nn.Linear(4, 5, bias=False), nn.BatchNorm1d(5, eps=0), nn.ReLU(), nn.Linear(5, 3)).double()
        net.load_state_dict(weights)
        net[0].weight.data *= factor
        net[1].running_mean *= factor
        net[1].running_var *= factor**2
        return net

    weights = nn.Sequential(nn.Linear(4, 5, bias=False), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)).state_dict()
    x = torch.randn(30, 4, dtype=torch.float64)
    y = made(1.0).eval()(x).argmax(1)
    one, other = (compute(made(factor), None, (x, y), names=OF_WEIGHTS) for factor in (1.0, 7.0))
    for name, found in one.items():
        assert found.applicable is other[name].applicable
        assert not found.applicable or found.value == pytest.approx(other[name].value, rel=1e-10), name


def test_a_layer_may_be_called_by_the_name_of_its_input(fitted):
    class Named(nn.Sequential):
        def forward(self, x):
            for part in self:
                x = part(input=x)
            return x

    model, _, examples = fitted
    one, other = (compute(net, None, examples, names=OF_WEIGHTS) for net in (model, Named(*model)))
    assert one == other


def test_a_layer_of_zeros_has_no_stable_rank(fitted):
    model, _, _ = fitted
    model[2].weight.zero_()
    found = compute(model, names=["fro-over-spec", "prod-of-fro"])
    assert "layer 2" in found["fro-over-spec"].reason
    assert (found["prod-of-fro"].value, found["prod-of-fro"].log_value) == (0, -math.inf)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_that_others_are_computed_from_are_read_as_what_they_are(fitted):
    model, _, examples = fitted
    plain = compute(model, None, examples, names=["param-norm", "path-norm", "cross-entropy"])
    for normed in (nn.utils.parametrizations.weight_norm, nn.utils.weight_norm):
        net = network(4, 6, 5, 3)
        net.load_state_dict(model.state_dict())
        normed(net[2])
        for name, one in compute(net, None, examples, names=list(plain)).items():
            assert one.value == pytest.approx(plain[name].value, rel=1e-12), name
        assert torch.allclose(net(examples[0]), model(examples[0]))  # and the caller's model is as it was


def test_layers_that_are_not_read_are_named_with_their_share():
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.norm, self.head = nn.Embedding(10, 4), nn.LayerNorm(4), nn.Linear(4, 2)
            self.unused = nn.Linear(50, 50)

        def forward(self, x):
            return self.head(self.norm(self.words(x).mean(1)))

    evidence = Evidence.of(Words(), None, (torch.zeros(3, 5, dtype=torch.long), torch.zeros(3)), None, None, "")
    assert [layer.name for layer in evidence.layers] == ["head"]
    assert evidence.coverage.skipped == (
        "words (Embedding)",
        "norm (LayerNorm)",
        "unused (Linear, which is not called)",
    )
    assert evidence.coverage.share == pytest.approx(10 / (40 + 8 + 10 + 2550))


def test_a_model_that_does_not_take_the_examples_is_refused_in_words(fitted):
    model, _, _ = fitted
    with pytest.raises(InputRefused, match="can be called on the examples"):
        compute(model, None, (torch.randn(5, 7), torch.zeros(5)), names=["param-norm"])


def test_labels_that_are_no_class_of_the_model_are_refused(fitted):
    model, _, (x, y) = fitted
    for wrong, word in (
        (y + 3, "got 4, 5"),
        (y - 4, "got -3, -2"),
        (y + 0.5, "class number"),
        (y[:, None], "class number"),
    ):
        with pytest.raises(InputRefused, match=word):
            compute(model, None, (x, wrong), names=["cross-entropy"])


def test_outputs_beyond_every_float_have_no_margin(fitted):
    model, _, examples = fitted
    for i in (0, 2, 4):
        model[i].weight.mul_(1e150)
    found = compute(model, None, examples, names=["inverse-margin", "prod-of-fro"])
    assert "not all finite" in found["inverse-margin"].reason
    assert found["prod-of-fro"].applicable


def test_dividing_by_the_number_of_examples_is_a_step_of_its_own(fitted):
    model, _, examples = fitted
    found = compute(model, None, examples, names=["param-norm", "neg-entropy", "fro-distance"])
    once = adjusted(found, 60)
    assert once["param-norm"].value == pytest.approx(math.sqrt(found["param-norm"].value / 60), rel=1e-14)
    assert once["param-norm"].log_value == pytest.approx((found["param-norm"].log_value - math.log(60)) / 2, rel=1e-14)
    assert "negative" in once["neg-entropy"].reason
    assert "initial weights" in once["fro-distance"].reason
    assert adjusted({"of no logarithm": Measure(8.0, None, ())}, 2)["of no logarithm"].value == 2
    assert adjusted({"of no logarithm": Measure(0.25, None, ())}, 1)["of no logarithm"].value == 0.5
    with pytest.raises(InputRefused, match="adjusted ones"):
        adjusted(once, 60)
    with pytest.raises(InputRefused, match="at least one"):
        adjusted(found, 0)
