"""Every measure of the table has a check against a truth of its own, and a factor 2 or a turned sign fails it.

A check is a function of the measure's name that calls `compute` and asserts; `@check("name", ...)` lists it.
"""

import functools
import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import davies_bouldin_score
from torch import nn

from byheart.maths.measures import ROWS, Search, TrainingLog, compute
from byheart.maths.measures.evidence import DELTA, Noted
from byheart.maths.measures.example_order import example_order
from byheart.seeds import derive, stream

CHECKS = {}


def check(*names):
    def listing(function):
        CHECKS.update(dict.fromkeys(names, function))
        return function

    return listing


def drawn(seed):
    """A small convolutional network with BatchNorm, a stride and a bias everywhere but before the norm."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3), nn.ReLU(),
            nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3),
        ).double()  # fmt: skip
        for part in (net[1].weight, net[1].bias, net[1].running_mean):
            part.data.normal_()
        net[1].running_var.uniform_(0.5, 2)
    return net.eval().requires_grad_(False)


@functools.cache
def world(twin):
    """(arguments of `compute`, the twin's numbers): every label is the largest logit, so margins are positive."""
    model, initial = drawn(0), drawn(1)
    x = torch.randn(40, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    logits = model(x)
    y = logits.argmax(1)
    steps = [
        twin.Step(w, w0, b, *place)
        for (w, b), (w0, _), place in zip(
            plain(model, twin), plain(initial, twin), (((6, 6), 1, 1), ((6, 6), 2, 1), ()), strict=True
        )
    ]
    numbers = twin.measures(steps, x.numpy(), y.tolist(), logits.numpy(), DELTA)
    return {"model": model, "initial": initial.state_dict(), "examples": (x, y)}, numbers


def plain(net, twin):
    """(W, b) of its three layers in numpy, the norm written into the first."""
    norm = [part.numpy() for part in (net[1].weight, net[1].bias, net[1].running_mean, net[1].running_var)]
    yield twin.with_norm(net[0].weight.numpy(), torch.zeros(3).double().numpy(), *norm, net[1].eps)
    yield from ((net[i].weight.numpy(), net[i].bias.numpy()) for i in (3, 6))


SPECTRAL = (
    "spec-init", "spec-orig", "spec-init-main", "spec-orig-main", "prod-of-spec-over-margin", "prod-of-spec",
    "fro-over-spec", "sum-of-spec-over-margin", "sum-of-spec", "dist-spec-init",
)  # fmt: skip
OTHERS = (
    "vc-dim", "params", "cross-entropy", "inverse-margin", "neg-entropy", "prod-of-fro-over-margin", "prod-of-fro",
    "sum-of-fro-over-margin", "sum-of-fro", "fro-distance", "param-norm", "path-norm-over-margin", "path-norm", "l2", "l2-distance",
)  # fmt: skip


@check(*SPECTRAL, *(f"{name}-fft" for name in SPECTRAL), *OTHERS)
def as_the_slow_twin(name, reference):
    given, numbers = world(reference("measures_slow"))
    found = compute(**given, names=[name])[name]
    assert found.value == pytest.approx(numbers[name], rel=1e-10)
    if found.log_value is not None:
        assert found.log_value == pytest.approx(math.log(numbers[name]), rel=1e-10, abs=1e-10)


BOUNDS = [name for name, row in ROWS.items() if row.number in range(25, 37)]
SEARCH = Search(draws=5, starts=1, ascent_steps=3, halvings=20, tolerance=1e-4)
RAY = np.array([1.0, -2.0, 0.5])


@functools.cache
def ray(searches, bounds):
    """A linear classifier of examples on one line: where a box flips them is known, and all flip at once."""
    w, w0 = np.array([[2.0, -1.0, 0.5], [-1.0, 0.3, 0.1]]), np.array([[0.4, 0.2, -0.3], [0.1, 0.6, 0.7]])
    model = nn.Linear(3, 2, bias=False).double().requires_grad_(False)
    model.weight.copy_(torch.as_tensor(w))
    x = torch.as_tensor(np.linspace(0.5, 3, 20) * np.tile([1, -1], 10))[:, None] * torch.as_tensor(RAY)
    y = (x[:, 0] < 0).long()
    noise = [
        torch.randn(2, 3, generator=torch.Generator().manual_seed(derive(0, "noise", k)), dtype=torch.float64)
        for k in range(5)
    ]
    radii = {
        kind: searches.bisected(
            lambda s, of=of: searches.lost_to_noise(model, x, y, [[one.numpy()] for one in noise], of, s),
            0.1,
            2.0,
            20,
            1e-4,
        )
        for kind, of in (("sigma", lambda _, s: s), ("sigma-mag", lambda w, s: np.sqrt(s**2 * w**2 + 1e-6)))
    }
    margin = RAY @ (w[0] - w[1])
    radii["alpha"] = margin / (2 * np.abs(RAY).sum())
    radii["alpha-mag"] = (margin - 2e-3 * np.abs(RAY).sum()) / (np.abs(RAY) @ np.abs(w).sum(0))
    given = {"model": model, "initial": {"weight": torch.as_tensor(w0)}, "examples": (x, y), "search": SEARCH}
    return given, bounds.rows([w], [w0], 20, radii)


@check(*BOUNDS)
def as_the_search_says(name, reference):
    given, numbers = ray(reference("searches_slow"), reference("search_bounds_slow"))
    assert compute(**given, names=[name])[name].value == pytest.approx(numbers[name], rel=1e-3)


@functools.cache
def homogeneous():
    """A network of three layers and ReLUs without biases, and its weights after the first epoch."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        net, first = (
            nn.Sequential(
                *[
                    nn.Linear(3, 5, bias=False),
                    nn.ReLU(),
                    nn.Linear(5, 5, bias=False),
                    nn.ReLU(),
                    nn.Linear(5, 3, bias=False),
                ]
            )
            for _ in range(2)
        )
        examples = torch.randn(30, 3).double(), torch.arange(30) % 3
    return net.double(), first.double(), examples


@check("fisher-rao")
def as_the_logits_say(name, reference):
    net, _, (x, y) = homogeneous()
    f = net(x).detach()
    slopes = 3 * ((f.softmax(1) - torch.eye(3)[y]) * f).sum(1)
    assert compute(net, examples=(x, y), names=[name])[name].value == pytest.approx(
        16 * float((slopes**2).mean()), rel=1e-12
    )


@check("grad-noise-epoch-1", "grad-noise-final")
def as_the_loop_over_examples(name, reference):
    net, first, examples = homogeneous()
    log = TrainingLog(np.arange(3), np.ones(3), first.state_dict())
    expected = reference("gradient_noise_slow").variance(net if name == "grad-noise-final" else first, *examples)
    assert compute(net, examples=examples, log=log, names=[name])[name].value == pytest.approx(expected, rel=1e-11)


@check("steps-to-0.1", "steps-0.1-to-0.01")
def as_the_log_says(name, reference):
    log = TrainingLog(np.array([0, 7, 9, 20, 31]), np.array([2.3, 0.5, 0.1, 0.2, 0.005]))
    expected = {"steps-to-0.1": 9, "steps-0.1-to-0.01": 22}[name]
    assert compute(homogeneous()[0], log=log, names=[name])[name].value == pytest.approx(expected, rel=1e-12)


@check("adaptive-sharpness-average")
def as_the_normal_distribution_says(name, reference):
    """Logits of two classes, of length one, are +-1/sqrt(2): an example that turns wrong costs sqrt(2) nats."""
    w = np.array([[1.0, 0.5], [-1.5, 0.25]])
    x = np.random.default_rng(0).normal(size=(60, 2))
    model = nn.Linear(2, 2, bias=False).double().requires_grad_(False)
    model.weight.copy_(torch.as_tensor(w))
    search, examples = (
        Search(draws=900, relative_noise=1.0),
        (torch.as_tensor(x), torch.as_tensor(np.argmax(x @ w.T, 1))),
    )
    right = reference("searches_slow").noise_of_linear(w, x, examples[1].numpy(), w**2)
    found = compute(model, examples=examples, search=search, names=[name])[name]
    assert found.value == pytest.approx(math.sqrt(2) * (1 - right), abs=4 * math.sqrt(2) * 0.5 / math.sqrt(900))


@check("adaptive-sharpness-worst")
def as_the_corners_and_a_grid_say(name, reference):
    """Three weights, three classes: the box is small enough to try a grid of it."""
    w, x, y = (
        torch.tensor([[1.0], [0.2], [-0.7]]).double(),
        torch.tensor([[1.0], [0.5], [-2.0], [-1.0]]).double(),
        torch.tensor([0, 1, 2, 2]),
    )
    model = nn.Linear(1, 3, bias=False).double().requires_grad_(False)
    model.weight.copy_(w)
    axis = torch.linspace(-0.3, 0.3, 31).double()
    logits = x * (w[:, 0] * (1 + torch.cartesian_prod(axis, axis, axis)))[:, None]
    centred = logits - logits.mean(2, keepdim=True)
    losses = -(centred / (centred**2).sum(2, keepdim=True).sqrt()).log_softmax(2)[:, torch.arange(4), y].mean(1)
    search = Search(starts=4, relative_box=0.3)
    found = compute(model, examples=(x, y), search=search, names=[name])[name].value
    assert found == pytest.approx(float(losses.max() - losses[len(losses) // 2]), rel=0.01)


@functools.cache
def mixed():
    """A network of two linear layers, examples, and means of two of each label in the order that the measures take."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3)).double().requires_grad_(False)
        x, y = torch.randn(30, 4).double(), torch.arange(30) % 3
    pairs = []
    for label in range(3):
        ids = np.flatnonzero(y.numpy() == label)
        ids = ids[example_order(x[ids]).numpy()]
        pairs += [(a, b, label) for a, b in zip(ids, np.roll(ids, 1), strict=True)]
    return net, (x, y), [((x[a] + x[b]) / 2, label) for a, b, label in pairs]


@check("davies-bouldin-mixup")
def as_scikit_learn_says(name, reference):
    net, (x, y), pairs = mixed()
    wrong = np.mean([int(net(one).argmax()) != label for one, label in pairs])
    expected = davies_bouldin_score(net[0](x).numpy(), y.numpy()) * wrong
    assert compute(net, examples=(x, y), names=[name])[name].value == pytest.approx(expected, rel=1e-10)


@check("mixup-margin")
def as_the_hyperplanes_say(name, reference):
    """Behind the first layer the network is linear: the distance to a boundary is the margin over ||v_y - v_k||."""
    net, examples, pairs = mixed()
    distances, hidden = [], []
    for one, label in pairs:
        scores = net(one)
        other = max((k for k in range(3) if k != label), key=lambda k, scores=scores: scores[k])
        between = torch.linalg.norm(net[1].weight[label] - net[1].weight[other])
        distances.append(float((scores[label] - scores[other]) / between))
        hidden.append(net[0](one).numpy())
    expected = -np.mean(distances) / np.sqrt(np.mean(np.var(hidden, axis=0)))  # 5 % of six outputs is none
    assert compute(net, examples=examples, names=[name])[name].value == pytest.approx(expected, rel=1e-10)


@check("disagreement")
def as_counted(name, reference):
    net, (x, _), _ = mixed()
    other = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3)).double()
    other.load_state_dict({key: value + 0.2 * value.roll(1, 0) for key, value in net.state_dict().items()})
    differ = sum(int(net(one).argmax()) != int(other(one).argmax()) for one in x)
    assert 0 < differ < 30
    assert compute(net, second_run=(other, x), names=[name])[name].value == pytest.approx(differ / 30, rel=1e-12)


@functools.cache
def bent():
    """A small tanh network that is not at a minimum, and examples: Hessian and Gauss-Newton matrix differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
        return net, (torch.randn(25, 3).double(), torch.arange(25) % 3)


@check(
    "hessian-trace", "hessian-top-eigenvalue", "ggn-trace", "ggn-top-eigenvalue", "fisher-trace", "fisher-top-eigenvalue",
    "gradient-covariance-trace", "takeuchi",
)  # fmt: skip
def as_torch_func_says(name, reference):
    net, examples = bent()
    if name not in CURVED:
        CURVED[name] = curved(name, reference("curvature_slow"))
    assert compute(net, examples=examples, names=[name])[name].value == pytest.approx(CURVED[name], rel=1e-8)


CURVED = {}


def curved(name, slow):
    """The matrix of its definition, example by example (of the Fisher matrix label by label), and its eigenvalues."""
    (net, (x, y)), loss = bent(), nn.functional.cross_entropy
    kind, _, what = name.partition("-")
    if kind in ("hessian", "ggn"):
        matrix = getattr(slow, kind)(net, x, y, loss)
    elif kind == "fisher":
        matrix = slow.fisher(net, x, 3)
    else:
        mean = slow.gradient(net, x, y, loss)
        matrix = slow.empirical_fisher(net, x, y, loss) - torch.outer(mean, mean)
    matrix = matrix.detach().numpy()
    if kind == "takeuchi":
        ggn = slow.ggn(net, x, y, loss).detach().numpy()
        return np.trace(np.linalg.pinv(ggn, rcond=1e-10, hermitian=True) @ matrix)
    return np.linalg.eigvalsh(matrix)[-1] if what == "top-eigenvalue" else np.trace(matrix)


@functools.cache
def spiked():
    """Two layers with a few directions beyond the random, and a third that is too small to have a spectrum."""
    rng = np.random.default_rng(3)
    net = nn.Sequential(nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 3)).double()
    for layer, spikes in ((net[0], 3), (net[2], 2)):
        rows, columns = layer.weight.shape
        left, right = (np.linalg.qr(rng.normal(size=(side, spikes)))[0] for side in (rows, columns))
        layer.weight.data = torch.as_tensor(rng.normal(size=(rows, columns)) + 40 * left @ right.T)
    return net


@check(
    "alpha", "alpha-weighted", "log-alpha-norm", "log-norm", "log-spectral-norm", "stable-rank", "mp-softrank",
    "spectral-entropy", "rand-distance", "num-spikes",
)  # fmt: skip
def as_eigenvalues_of_the_layers_say(name, reference):
    """Formulas on numpy's eigenvalues, mean over the two layers; the edge of the bulk from the planted noise."""
    net, each = spiked(), []
    for layer, spikes in ((net[0], 3), (net[2], 2)):
        w = layer.weight.detach().numpy()
        values = np.linalg.eigvalsh(w @ w.T)
        shuffled = stream(0, "spectra", "shuffle").permutation(np.sort(w, None)).reshape(w.T.shape)
        rest, (m, n) = values[:-spikes].sum() / (w.shape[1] * (len(w) - spikes)), w.shape
        a = reference("spectrum_slow").power_law(values)[0]
        p = values / values.sum()
        each.append({
            "alpha": a, "alpha-weighted": a * np.log10(values[-1]), "log-alpha-norm": np.log10((values**a).sum()),
            "log-norm": np.log10(values.sum()), "log-spectral-norm": np.log10(values[-1]), "stable-rank": values.sum() / values[-1],
            "mp-softrank": rest * (n**0.5 + m**0.5) ** 2 / values[-1], "spectral-entropy": -(p * np.log(p)).sum() / np.log(m),
            "rand-distance": jensenshannon(values, np.linalg.eigvalsh(shuffled.T @ shuffled)), "num-spikes": spikes,
        }[name])  # fmt: skip
    found = compute(net, names=[name])[name]
    assert found.value == pytest.approx(np.mean(each), rel=1e-9)
    assert found.reason == "no spectrum of 4: fewer than ten eigenvalues; fewer than 50 eigenvalues in 0, 2"


def test_every_measure_has_a_check():
    assert set(CHECKS) == set(ROWS)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_measure(name, reference):
    CHECKS[name](name, reference)


@pytest.mark.parametrize("name", sorted(CHECKS))
@pytest.mark.parametrize("sabotage", ["factor 2", "sign"])
def test_a_sabotaged_measure_fails_its_check(name, sabotage, reference, monkeypatch):
    row = ROWS[name]
    change = {
        ("factor 2", True): lambda value: value + math.log(2),
        ("factor 2", False): lambda value: 2 * value,
        ("sign", True): lambda value: -value,
        ("sign", False): lambda value: -value,
    }[sabotage, row.logarithm]

    def broken(evidence):
        found = row.function(evidence)
        return found._replace(value=change(found.value)) if isinstance(found, Noted) else change(found)

    monkeypatch.setitem(ROWS, name, row._replace(function=broken))
    with pytest.raises(AssertionError):
        CHECKS[name](name, reference)
