"""Measures of curvature and spectra: estimates beside exact values, what is said beside them, where they do not apply."""

import pytest
import torch
from scipy.sparse.linalg import eigsh
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.measures import compute
from byheart.maths.measures.curvature_measures import EXAMPLES
from byheart.maths.measures.example_order import example_order


@pytest.fixture(scope="module")
def wide():
    """2,172 weights: too many for the whole matrix, few enough to make it here."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(20, 50), nn.Tanh(), nn.Linear(50, 22))
        return net, (torch.randn(40, 20), torch.arange(40) % 22)


def test_estimates_of_a_wide_network_are_its_exact_values_and_say_their_error(wide):
    from byheart.maths.curvature.curvature_matrix import curvature_matrix

    net, examples = wide
    found = compute(net, examples=examples, names=["ggn-trace", "ggn-top-eigenvalue", "fisher-trace", "takeuchi"])
    whole = curvature_matrix(net, examples, "ggn").whole
    said = found["ggn-trace"].reason
    assert said.endswith(" over 48 products")
    error = float(said.removeprefix("standard error ").partition(" ")[0])
    assert abs(found["ggn-trace"].value - float(whole.trace())) < 4 * error
    top = eigsh(whole.numpy(), 1, which="LA", return_eigenvectors=False)[0]
    assert found["ggn-top-eigenvalue"].value == pytest.approx(top, rel=1e-8)
    assert found["fisher-trace"].value == found["ggn-trace"].value
    assert found["takeuchi"].reason.startswith("M a layer at a time, with a tenth of its mean eigenvalue added; standard error")


def test_curvature_is_of_a_thousand_examples_in_whatever_order_they_are_given():
    torch.manual_seed(1)
    net, x = nn.Linear(2, 2), torch.randn(EXAMPLES + 500, 2)
    y = torch.arange(EXAMPLES + 500) % 2
    found = compute(net, examples=(x, y), names=["ggn-trace", "hessian-top-eigenvalue"])
    turned = compute(net, examples=(x.flip(0), y.flip(0)), names=["ggn-trace"])
    ids = example_order(x)[:EXAMPLES]
    few = compute(net, examples=(x[ids], y[ids]), names=["ggn-trace"])
    assert found["ggn-trace"].value == pytest.approx(few["ggn-trace"].value, rel=1e-12)
    assert found["ggn-trace"].value == pytest.approx(turned["ggn-trace"].value, rel=1e-12)
    assert found["ggn-trace"].reason == found["hessian-top-eigenvalue"].reason == "of 1000 of 1500 examples"
    assert few["ggn-trace"].reason == ""


def test_where_they_do_not_apply_they_say_why(wide):
    net, _ = wide
    names = ["hessian-trace", "takeuchi", "gradient-covariance-trace", "alpha"]
    for name, one in compute(net, names=names).items():
        assert one.applicable is (name == "alpha")
        assert name == "alpha" or one.reason == "the training examples are not given"
    small = compute(nn.Linear(3, 2), examples=(torch.zeros(1, 3), torch.zeros(1, dtype=torch.long)), names=names)
    assert "at least 10 positive eigenvalues" in small["alpha"].reason
    assert "at least 2 examples" in small["takeuchi"].reason
    assert small["hessian-trace"].applicable
    assert small["gradient-covariance-trace"].value == 0
    spoilt = nn.Linear(3, 2)
    spoilt.weight.data[0, 0] = torch.nan
    with pytest.raises(InputRefused, match="weight"):
        compute(spoilt, names=["alpha"])


def test_batchnorm_is_folded_before_curvature_and_spectra():
    torch.manual_seed(2)
    norm = nn.BatchNorm1d(12)
    norm.running_var.uniform_(0.5, 2)
    norm.running_mean.normal_()
    nn.init.normal_(norm.weight)
    net = nn.Sequential(nn.Linear(12, 12), norm, nn.ReLU(), nn.Linear(12, 3)).eval()
    plain = nn.Sequential(nn.utils.fusion.fuse_linear_bn_eval(net[0].double(), norm.double()), nn.ReLU(), net[3].double())
    examples = torch.randn(15, 12), torch.arange(15) % 3
    names = ["hessian-trace", "ggn-top-eigenvalue", "gradient-covariance-trace", "takeuchi", "alpha", "rand-distance"]
    found, expected = compute(net, examples=examples, names=names), compute(plain, examples=examples, names=names)
    for name in names:
        assert found[name].value == pytest.approx(expected[name].value, rel=1e-9), name
