"""BatchNorm is folded where one layer alone feeds it: same outputs to 1e-12, by graph or by hooks, start and end alike."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from byheart.maths.measures import compute
from byheart.maths.measures.evidence import Evidence
from byheart.maths.measures.folding import folded


def stirred(net, seed=0):
    """Norms as after a training: running statistics and gains away from 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) and part.running_var is not None:
            for value, low in ((part.weight, 0.5), (part.bias, -1), (part.running_mean, -1), (part.running_var, 0.3)):
                value.data.uniform_(low, 2, generator=generator)
    return net.double().eval().requires_grad_(False)


class Residual(nn.Module):
    """Modules listed in another order than they run in; the sum reads what the norms give, never what they read."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 2)
        self.norm2, self.norm1 = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.second = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.first = nn.Conv2d(2, 3, 3, padding=1, bias=False)
        self.side = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))

    def forward(self, x):
        h = F.relu(self.norm1(self.first(x)))
        return self.head((F.relu(self.norm2(self.second(h))) + self.side(x)).mean((2, 3)))


class Untraceable(Residual):
    def forward(self, x):
        if x.sum() > 1e9:  # a stand-in for x has no truth value
            return x
        return super().forward(x)


class ReadTwice(nn.Module):
    """What the layer puts out is read by the norm and by the sum, so that it has to stay."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm, self.head = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)

    def forward(self, x):
        h = self.layer(x)
        return self.head(self.norm(h) + h)


class ReadTwiceUntraceable(ReadTwice):
    def forward(self, x):
        return super().forward(x if len(x) < 10**9 else x[:1])


@pytest.fixture
def pictures():
    return torch.randn(20, 2, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("kind, how", [(Residual, "traced graph"), (Untraceable, "a pass of one example")])
def test_outputs_stay_and_no_norm_is_left(kind, how, pictures):
    model, start = stirred(kind(), 0), stirred(kind(), 1)
    made, notes = folded([model, start], pictures)
    for before, after in zip((model, start), made, strict=True):
        assert not any(isinstance(part, nn.BatchNorm2d) for part in after.modules())
        one, other = before(pictures), after(pictures)
        assert (one - other).abs().max() < 1e-12 * one.abs().max()
        assert (one - before.norm1(one.new_ones(1, 3, 1, 1)).sum()).isfinite().all()  # the caller's model is as it was
    assert how in notes[0]


def test_without_examples_the_graph_is_enough(pictures):
    model = stirred(Residual())
    made, _ = folded([model], None)
    assert (model(pictures) - made[0](pictures)).abs().max() < 1e-12


def test_without_graph_and_examples_it_is_said(pictures):
    made, notes = folded([stirred(Untraceable())], None)
    assert isinstance(made[0].norm1, nn.BatchNorm2d)
    assert "stays" in notes[0]
    assert "norm1" in notes[0]
    assert "no example" in notes[0]


@pytest.mark.parametrize("kind", [ReadTwice, ReadTwiceUntraceable])
def test_a_layer_that_somebody_else_reads_keeps_its_norm(kind):
    model = stirred(kind())
    made, notes = folded([model], torch.randn(20, 4, dtype=torch.float64))
    assert isinstance(made[0].norm, nn.BatchNorm1d)
    assert "norm" in notes[-1]


def test_norms_before_a_layer_and_without_statistics_stay_and_are_named():
    model = stirred(nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)))
    evidence = Evidence.of(model, None, None, None, None, "")
    assert evidence.notes[0].endswith("0, 2 (looked for in its traced graph)")
    assert [name.split()[0] for name in evidence.coverage.skipped] == ["0", "2"]


def test_the_first_weights_are_folded_too():
    """The running statistics of a start are 0 and 1: W0 / sqrt(1 + eps)."""
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2)).eval().requires_grad_(False)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    model[0].weight.fill_(3.0)
    start["0.weight"] = torch.ones(2, 2)
    model[1].running_var.fill_(4.0)
    found = compute(model, start, names=["fro-distance"])["fro-distance"]
    there = 3 / math.sqrt(4 + 1e-5) - 1 / math.sqrt(1 + 1e-5)
    assert found.value == pytest.approx(4 * there**2, rel=1e-12)


def test_layers_stand_in_the_order_in_which_they_run(pictures):
    evidence = Evidence.of(stirred(Residual()), None, (pictures, torch.zeros(20)), None, None, "")
    assert [layer.name for layer in evidence.layers] == ["first", "second", "side.0", "head"]
    assert evidence.layers[0].size == (5, 5)
    alone = Evidence.of(stirred(Residual()), None, None, None, None, "")
    assert [layer.name for layer in alone.layers] == ["head", "second", "first", "side.0"]
    assert "order of the layers is that of the modules" in alone.notes[-1]


def test_the_published_code_leaves_a_factor_for_each_norm(pictures):
    """Running variance 1, eps alive: outputs shrink by sqrt(1 + eps) a norm; norms behind linear layers stay."""
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(27, 2), nn.BatchNorm1d(2))
    model = stirred(net)
    ours, published = (folded([model], pictures, compat).models[0] for compat in ("", "dziugaite2020"))
    rest, last = nn.Sequential(*published[2:4]), published[4]
    assert isinstance(last, nn.BatchNorm1d)
    assert torch.equal(published[0].weight, ours[0].weight)
    assert torch.allclose(published(pictures), last(rest(ours[0](pictures) / math.sqrt(1 + 1e-5))), rtol=1e-13)
