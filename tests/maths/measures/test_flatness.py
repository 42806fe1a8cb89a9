"""Rows 25 to 36: bounds and inverses of the radii, against slow twins."""

import pytest
import torch
from torch import nn

from byheart.maths.measures import ROWS, Search, compute
from byheart.maths.measures.moved_weights import Lost
from byheart.maths.measures.perturbation import Radius

RADII = {"sigma": 0.03, "sigma-mag": 0.4, "alpha": 0.007, "alpha-mag": 0.05}
NAMES = [name for name, row in ROWS.items() if row.number in range(25, 37)]
M = 40


@pytest.fixture
def net():
    torch.manual_seed(0)
    return [nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)).double() for _ in range(2)]


@pytest.fixture
def found(net, monkeypatch):
    """All measures at radii that are given."""
    monkeypatch.setattr(
        "byheart.maths.measures.perturbation.searched", lambda _, kind: Radius(RADII[kind], Lost(0.09, 0, 0.1), 1.0, 4)
    )
    examples = torch.randn(M, 1, 4, 4), torch.arange(M) % 3
    return lambda **how: compute(net[0], net[1].state_dict(), examples, **{"search": Search(), "names": NAMES, **how})


def weights(model):
    return [p.detach().numpy() for p in model.parameters() if p.dim() > 1]


@pytest.mark.parametrize("name", NAMES)
def test_each_bound_is_its_slow_twin(reference, net, found, name):
    expected = reference("search_bounds_slow").rows(weights(net[0]), weights(net[1]), M, RADII)
    assert found(names=[name])[name].value == pytest.approx(expected[name], rel=1e-11)


def test_all_twelve_are_there():
    assert len(NAMES) == 12


def test_the_published_variants_have_the_radius_in_the_confidence_term(reference, net, found):
    theirs = found(compat="dziugaite2020")
    for name, expected in reference("search_bounds_slow").published(weights(net[0]), weights(net[1]), M, RADII).items():
        assert theirs[name].value == pytest.approx(expected, rel=1e-11)
        assert theirs[name].value != pytest.approx(found()[name].value, rel=1e-4)


def test_a_bound_around_zero_can_be_negative_and_has_no_logarithm(net, found):
    for name in ("pacbayes-mag-orig", "sharpness-mag-orig"):
        assert found()[name].log_value is None
    for layer in (net[0][0], net[0][2]):
        nn.init.constant_(layer.weight, 1e-9)  # far from the start, and almost zero
    assert found()["pacbayes-mag-orig"].value < found()["pacbayes-mag-init"].value


def test_without_initial_weights_only_the_bounds_around_them_do_not_apply(net, monkeypatch):
    monkeypatch.setattr(
        "byheart.maths.measures.perturbation.searched", lambda _, kind: Radius(RADII[kind], Lost(0.09, 0, 0.1), 1.0, 4)
    )
    some = compute(net[0], None, (torch.randn(M, 1, 4, 4), torch.arange(M) % 3), search=Search(), names=NAMES)
    lacking = {name for name, one in some.items() if not one.applicable}
    assert lacking == {name for name in NAMES if "initial weights" in ROWS[name].needs}
    assert "initial weights" in some["pacbayes-mag-orig"].reason
