"""The front of the measures: what it refuses by name, what does not apply and why, and a table of their numbers."""

import math

import pytest
import torch
from torch import nn

from byheart.errors import InputRefused, UnknownName
from byheart.maths.measures import ROWS, compute


@pytest.fixture
def model():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).requires_grad_(False)
    for layer, value in ((net[0], 0.5), (net[2], -2.0)):
        layer.weight.fill_(value)
        layer.bias.fill_(7.0)
    return net


def test_norms_by_hand(model):
    found = compute(model, names=["param-norm", "prod-of-fro"])
    assert found["param-norm"].value == pytest.approx(12 * 0.25 + 8 * 4, rel=1e-14)
    assert found["prod-of-fro"].log_value == pytest.approx(math.log(3 * 32), rel=1e-14)


def test_without_examples_what_reads_them_does_not_apply(model):
    found = compute(model, names=["inverse-margin", "param-norm"])
    assert not found["inverse-margin"].applicable
    assert "training examples" in found["inverse-margin"].reason
    assert found["param-norm"].applicable


def test_a_model_that_is_not_fitted_has_no_margin(model):
    found = compute(model, examples=(torch.ones(20, 3), torch.zeros(20, dtype=torch.long)), names=["inverse-margin"])
    assert not found["inverse-margin"].applicable
    assert "10th percentile" in found["inverse-margin"].reason


def test_names_and_weights_are_refused_by_name(model):
    with pytest.raises(UnknownName, match="param-norm"):
        compute(model, names=["param-nrom"])
    with pytest.raises(InputRefused, match=r"2\.weight"):
        compute(model, initial={**model.state_dict(), "2.weight": torch.zeros(3, 4)})
    model[2].weight[0, 0] = math.nan
    with pytest.raises(InputRefused, match=r"2\.weight"):
        compute(model)


def test_the_numbers_of_the_paper_are_each_given_once():
    numbers = [row.number for row in ROWS.values() if row.number is not None]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) <= set(range(1, 41))
