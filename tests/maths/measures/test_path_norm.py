"""The path norm is the sum over paths, whatever the network of ReLUs, sums and maxima; elsewhere there is none."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from byheart.maths.measures import compute


def path_norm(model, x=None):
    examples = None if x is None else (x, torch.zeros(len(x), dtype=torch.long))
    return compute(model, examples=examples, names=["path-norm"])["path-norm"]


def still(net):
    return net.double().eval().requires_grad_(False)


def by_paths(matrices, biases):
    """Every path, one after another: its product of squared weights, beginning at an input or at a bias."""
    widths = [matrices[0].shape[1], *map(len, matrices)]
    total = paths_from(0, widths, matrices, lambda _input: 1.0)
    for layer, bias in enumerate(biases):
        total += paths_from(layer + 1, widths, matrices, lambda unit, bias=bias: float(bias[unit]) ** 2)
    return total


def paths_from(layer, widths, matrices, start):
    total = 0.0
    for units in itertools.product(*map(range, widths[layer:])):
        steps = zip(matrices[layer:], itertools.pairwise(units), strict=True)
        total += start(units[0]) * math.prod(float(matrix[b, a]) ** 2 for matrix, (a, b) in steps)
    return total


def test_of_a_relu_network_every_path():
    net = still(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)))
    matrices, biases = [net[i].weight for i in (0, 2, 4)], [net[i].bias for i in (0, 2, 4)]
    assert path_norm(net).value == pytest.approx(by_paths(matrices, biases), rel=1e-12)


def test_of_a_convolution_every_path(reference):
    net = still(nn.Sequential(nn.Conv2d(1, 2, 2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2)))
    matrix = torch.from_numpy(reference("measures_slow").dense(net[0].weight.numpy(), (2, 2), 1, 1))
    biases = [net[0].bias.repeat_interleave(9), net[3].bias]
    found = path_norm(net, torch.randn(3, 1, 2, 2))
    assert found.value == pytest.approx(by_paths([matrix, net[3].weight], biases), rel=1e-12)


def test_of_a_residual_both_ways():
    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)

        def forward(self, x):
            return self.b(x + F.relu(self.a(x)))

    net = still(Around())
    a, b = net.a.weight**2, net.b.weight**2
    assert path_norm(net).value == pytest.approx(float((b @ (torch.ones(2) + a.sum(1)).double()).sum()), rel=1e-12)


def test_of_a_maximum_the_largest():
    net = still(nn.Sequential(nn.Linear(2, 4, bias=False), nn.MaxPool1d(2), nn.Linear(2, 1, bias=False)))
    inner = (net[0].weight ** 2).sum(1).reshape(2, 2).amax(1)
    assert path_norm(net).value == pytest.approx(float((net[2].weight ** 2 @ inner).sum()), rel=1e-12)


def test_a_fixed_scaling_of_the_inputs_has_no_part_in_it():
    class Scaled(nn.Module):
        def forward(self, x):
            return (x - 0.3) / 0.35

    net = still(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)))
    x = torch.rand(5, 2, 2)
    assert path_norm(nn.Sequential(Scaled(), net), x).value == path_norm(net, x).value


@pytest.mark.parametrize(
    "layer, word",
    [
        (nn.LayerNorm(4), "layer_norm"), (nn.Softmax(-1), "softmax"), (nn.GELU(), "gelu"), (nn.ReLU6(), "hardtanh"),
        (nn.BatchNorm1d(4), "batch_norm"), (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), "attention"),
    ],
)  # fmt: skip
def test_what_is_no_sum_over_paths_has_none(layer, word):
    net = still(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), layer, nn.Linear(4, 2)))
    found = path_norm(net, torch.randn(6, 4))
    assert (found.value, found.applicable) == (None, False)
    assert word in found.reason


@pytest.mark.parametrize("function", [lambda x: x * x, lambda x: x + 1e-4], ids=["square", "shift"])
def test_what_nobody_listed_is_found_by_its_outputs(function):
    class Unlisted(nn.Module):
        def forward(self, x):
            return function(x)

    found = path_norm(still(nn.Sequential(nn.Linear(4, 4), Unlisted(), nn.Linear(4, 2))))
    assert "twice the input is not twice the output" in found.reason


def test_without_the_shape_of_an_input_or_numbers_in_it_there_is_none():
    for layer in (nn.Conv1d(1, 1, 1), nn.Conv2d(1, 1, 3)):
        assert "takes an example" in path_norm(still(nn.Sequential(layer))).reason
    words = still(nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2)))
    assert "whole numbers" in path_norm(words, torch.zeros(4, 2, dtype=torch.long)).reason


def test_a_deep_network_is_beyond_float32_and_its_logarithm_is_right():
    net = nn.Sequential(*itertools.chain(*((nn.Linear(50, 50, bias=False), nn.ReLU()) for _ in range(25))))
    for layer in net[::2]:
        layer.weight.data.fill_(1.0)
    assert path_norm(net.double()).log_value == pytest.approx(26 * math.log(50), rel=1e-12)


def test_folding_changes_it():
    """In evaluation a norm that is not folded takes off a mean, which is no square."""
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
    net[1].running_mean.uniform_(-1, 1)
    still(net)
    scale = 1 / torch.sqrt(net[1].running_var + net[1].eps)
    weight, bias = net[0].weight * scale[:, None], (net[0].bias - net[1].running_mean) * scale
    wanted = (net[3].weight ** 2 @ ((weight**2).sum(1) + bias**2) + net[3].bias ** 2).sum()
    assert path_norm(net).value == pytest.approx(float(wanted), rel=1e-12)


def test_weights_before_the_first_layer_have_a_part_in_the_paths():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.head = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, x):
            return self.head(self.cell(x)[0][:, -1])

    x = torch.randn(20, 5, 4, generator=torch.Generator().manual_seed(0))
    found = compute(Recurrent(), examples=(x, torch.arange(20) % 3), names=["path-norm"])["path-norm"]
    assert not found.applicable
