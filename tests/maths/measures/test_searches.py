"""The four searches: against closed forms of linear classifiers, slow twins, and what they promise."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.measures import ROWS, Search, compute
from byheart.maths.measures.evidence import Evidence, Inapplicable
from byheart.maths.measures.moved_weights import EPSILON, Lost
from byheart.maths.measures.perturbation import Radius, radius
from byheart.seeds import derive

OF_SEARCHES = [name for name, row in ROWS.items() if row.number in range(25, 37)]
FOUND = Radius(0.5, Lost(0.09, 0.08, 0.1), 0.505, 4)


def linear(w):
    model = nn.Linear(len(w[0]), len(w), bias=False).double().requires_grad_(False)
    model.weight.copy_(torch.as_tensor(w))
    return model


def evidence(model, x, y, compat="", **search):
    return Evidence.of(model, None, (torch.as_tensor(x), torch.as_tensor(y)), None, Search(**search), compat)


@pytest.fixture(scope="module")
def plane():
    """Two classes in a plane, each example at a distance of its own, and the weights that divide them."""
    rng = np.random.default_rng(0)
    w = np.array([[1.0, 0.5], [-1.5, 0.25]])
    x = rng.normal(size=(60, 2))
    return w, x, np.argmax(x @ w.T, 1)


@pytest.fixture(scope="module")
def ray():
    """Examples along one direction of three inputs: all are right or none is."""
    w = np.array([[2.0, -1.0, 0.5], [-1.0, 0.3, 0.0]])
    v, t = np.array([1.0, -2.0, 0.5]), np.linspace(0.5, 3, 20) * np.tile([1, -1], 10)
    return w, v, t[:, None] * v, (t < 0).astype(int)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    x = torch.randn(40, 3, dtype=torch.float64)
    return model.requires_grad_(False), x, model(x).argmax(1)


@pytest.mark.parametrize("kind", ["sigma", "sigma-mag"])
def test_noise_on_a_linear_classifier_loses_what_the_closed_form_says(reference, plane, kind):
    w, x, y = plane
    found = radius(evidence(linear(w), x, y, draws=400), kind)

    def exact(s):
        variances = s**2 * w**2 + EPSILON**2 if kind == "sigma-mag" else np.full_like(w, s**2)
        return 1 - reference("searches_slow").noise_of_linear(w, x, y, variances)

    error = math.sqrt(0.1 * 0.9 / 400)  # losses within [0, 1] of mean 0.1 spread by no more (Bhatia and Davis 2000)
    assert exact(found.value) - 4 * error <= 0.1 <= exact(found.beyond) + 4 * error
    assert found.beyond - found.value <= 0.01 * found.beyond


@pytest.mark.parametrize("kind, scale", [("sigma", 1.0), ("sigma-mag", 1.0), ("sigma-mag", 0.003)])
def test_noise_on_a_model_that_is_right_on_most_is_the_slow_twin_draw_by_draw(reference, plane, kind, scale):
    """Some noise makes it better, and weights as small as eps move by it."""
    w, x, y = plane
    w, y = scale * w, np.where(x @ [1.0, 1.2] > 0, 0, 1)
    slow, model = reference("searches_slow"), linear(w)
    noise = [
        [
            torch.randn(
                2, 2, generator=torch.Generator().manual_seed(derive(0, "noise", draw)), dtype=torch.float64
            ).numpy()
        ]
        for draw in range(6)
    ]

    def lost(s):
        of = (lambda w, s: np.sqrt(s**2 * w**2 + EPSILON**2)) if kind == "sigma-mag" else (lambda w, s: s)
        return slow.lost_to_noise(model, torch.as_tensor(x), y, noise, of, s)

    found = radius(evidence(model, x, y, draws=6, loss=0.05, largest=8.0, tolerance=0.02), kind)
    assert found.value == slow.bisected(lambda s: lost(s) - 1e-9, 0.05, 8.0, 16, 0.02)
    assert found.lost.least < 0 < found.lost.most


@pytest.mark.parametrize("kind", ["alpha", "alpha-mag"])
def test_the_box_that_flips_a_linear_classifier_is_met(reference, ray, kind):
    w, v, x, y = ray
    found = radius(evidence(linear(w), x, y, starts=2), kind)

    def flips(a):
        sides = a * np.abs(w) + EPSILON if kind == "alpha-mag" else np.full_like(w, a)
        return reference("searches_slow").box_of_one_direction(w, v, sides)

    assert not flips(found.value)
    assert flips(found.beyond)
    assert found.beyond - found.value <= 0.01 * found.beyond


def test_the_box_is_met_however_sure_the_model_is(ray):
    w, _, x, y = ray
    plain = radius(evidence(linear(w), x, y), "alpha").value
    sure = radius(evidence(linear(1000 * w), x, y, largest=2000.0), "alpha").value  # 1 - p rounds to 0 in any precision
    assert sure == pytest.approx(1000 * plain, rel=0.02)


@pytest.mark.parametrize("kind", ["sigma", "sigma-mag"])
def test_noise_is_the_slow_twin_draw_by_draw(reference, net, kind):
    model, x, y = net
    slow = reference("searches_slow")
    noise = []
    for draw in range(3):
        generator = torch.Generator().manual_seed(derive(5, "noise", draw))
        noise.append(
            [
                torch.randn(p.shape, generator=generator, dtype=p.dtype).numpy()
                for p in model.parameters()
                if p.dim() > 1
            ]
        )

    def deviation(w, s):
        return np.sqrt(s**2 * w**2 + EPSILON**2) if kind == "sigma-mag" else s

    expected = slow.bisected(lambda s: slow.lost_to_noise(model, x, y, noise, deviation, s), 0.1, 2.0, 16, 0.01)
    assert radius(evidence(model, x, y, draws=3, seed=5), kind).value == expected > 0


def test_the_published_code_takes_the_variance_for_the_deviation(ray):
    w, _, x, y = ray
    ours = radius(evidence(linear(w), x, y), "sigma")
    theirs = radius(evidence(linear(w), x, y, compat="dziugaite2020"), "sigma")
    assert theirs.value == pytest.approx(math.sqrt(ours.value), rel=0.02)


def test_the_published_code_moves_biases_too_and_adds_variances(reference, net):
    model, x, y = net
    slow, noise = reference("searches_slow"), []
    for draw in range(3):
        generator = torch.Generator().manual_seed(derive(0, "noise", draw))
        noise.append([torch.randn(p.shape, generator=generator, dtype=p.dtype).numpy() for p in model.parameters()])

    def lost(s):
        return slow.lost_to_noise(model, x, y, noise, lambda w, s: s**2 * w**2 + EPSILON**2, s, biases=True)

    found = radius(evidence(model, x, y, "dziugaite2020", draws=3, largest=4.0), "sigma-mag")
    assert found.value == slow.bisected(lambda s: lost(s) - 1e-9, 0.1, 4.0, 16, 0.01) > 0


def test_every_radius_sees_the_same_noise_so_that_the_loss_grows(net, monkeypatch):
    given = []
    monkeypatch.setattr("byheart.maths.measures.perturbation.bisected", lambda lost, *_rest: given.append(lost))
    model, x, y = net
    radius(evidence(model, x, y, draws=4, loss=0.6), "sigma")
    shares = [given[0](s).share for s in np.linspace(0.01, 1, 12)]
    assert shares == [given[0](s).share for s in np.linspace(0.01, 1, 12)]
    assert np.diff(shares).min() > -0.03


def test_a_wider_box_and_more_steps_lose_more(net):
    model, x, y = net
    few = radius(evidence(model, x, y, starts=1, ascent_steps=1), "alpha").value
    assert radius(evidence(model, x, y, starts=4), "alpha").value <= few


def test_the_model_stays_as_it_is_to_the_last_bit(net):
    model, x, y = net
    given = evidence(model, x, y)
    before = {name: value.clone() for name, value in given.model.state_dict().items()}
    for kind in ("sigma", "alpha-mag"):
        radius(given, kind)
    assert all(torch.equal(before[name], value) for name, value in given.model.state_dict().items())


@pytest.mark.parametrize("kind", ["sigma", "alpha"])
def test_a_layer_at_two_places_is_moved_at_both_and_stays_as_it_is(kind):
    """torch's own functional call would leave the last perturbation in it."""
    torch.manual_seed(0)
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.ReLU(), shared).double().requires_grad_(False)
    x = torch.randn(40, 3).double()
    given = evidence(model, x, model(x).argmax(1), starts=1)
    before = given.model[0].weight.clone()
    assert radius(given, kind).value > 0
    assert torch.equal(given.model[0].weight, before)
    assert given.model[0] is given.model[2]


def test_noise_on_a_layer_at_two_places_grows_with_its_weights():
    torch.manual_seed(0)
    nets = []
    for scale in (1.0, 4.0):
        shared = nn.Linear(3, 3, bias=False).double().requires_grad_(False)
        shared.weight.copy_(scale * torch.linspace(-1, 1, 9).sin().reshape(3, 3))
        nets.append(nn.Sequential(shared, nn.ReLU(), shared))
    x = torch.randn(40, 3).double()
    y = nets[0](x).argmax(1)
    one, other = (radius(evidence(net, x, y, largest=20.0), "sigma").value for net in nets)
    assert other == pytest.approx(4 * one, rel=0.02)


@pytest.mark.parametrize(
    "wrong",
    [{"loss": 0.0}, {"loss": 1.0}, {"largest": 0.0}, {"tolerance": -1.0}, {"draws": 0}, {"starts": 0}, {"halvings": 0}],
)
def test_a_search_that_cannot_be_made_is_refused(wrong):
    with pytest.raises(InputRefused, match="a search"):
        Search(**wrong)


def test_a_search_is_made_once_for_all_measures_also_where_it_fails(net, monkeypatch):
    made = []
    monkeypatch.setattr("byheart.maths.measures.perturbation.searched", lambda _, kind: made.append(kind) or FOUND)
    model, x, y = net
    compute(model, model.state_dict(), (x, y), search=Search(), names=OF_SEARCHES)
    assert sorted(made) == ["alpha", "alpha-mag", "sigma", "sigma-mag"]

    def fails(_, kind):
        made.append(kind)
        raise Inapplicable("nothing")

    monkeypatch.setattr("byheart.maths.measures.perturbation.searched", fails)
    found = compute(model, model.state_dict(), (x, y), search=Search(), names=OF_SEARCHES)
    assert len(made) == 8
    assert found["pacbayes-mag-flatness"].reason == "nothing"


def test_a_search_that_ends_first_says_so(ray):
    w, _, x, y = ray
    found = compute(
        linear(w), examples=(x, y), search=Search(largest=0.01), names=["pacbayes-flatness", "sharpness-flatness"]
    )
    assert found["pacbayes-flatness"].value == pytest.approx(1e4)
    assert "sigma is at least 0.01, where the search ends" in found["pacbayes-flatness"].reason
    assert "where the search ends" in found["sharpness-flatness"].reason
    assert "lower bound" in found["sharpness-flatness"].reason


@pytest.mark.parametrize(
    "rows, labels, search, reason",
    [
        (20, None, None, "no search"),
        (9, None, Search(), "at least 10 examples; there are 9"),
        (20, 0, Search(), "same label"),
        (20, 1, Search(), "not fitted"),
        (20, None, Search(halvings=2), "even at sigma = 0.5"),
    ],
)
def test_where_there_is_nothing_to_search_it_says_why(ray, rows, labels, search, reason):
    w, _, x, y = ray
    y = {None: y, 0: np.zeros_like(y), 1: 1 - y}[labels]
    found = compute(linear(w / 100), examples=(x[:rows], y[:rows]), search=search, names=["pacbayes-flatness"])
    assert not found["pacbayes-flatness"].applicable
    assert reason in found["pacbayes-flatness"].reason


def test_a_model_that_is_not_at_100_percent_is_searched_from_where_it_is(ray):
    w, _, x, y = ray
    y = y.copy()
    y[:3] = 1 - y[:3]
    found = radius(evidence(linear(w), x, y), "alpha")
    assert found.lost.share == 0
    assert found.value == pytest.approx(radius(evidence(linear(w), x, 1 * (x[:, 0] < 0)), "alpha").value, rel=0.01)
    with pytest.raises(Inapplicable, match="not fitted"):
        radius(evidence(linear(w), x, 1 - y), "alpha")
