"""Float64 calls: a model that converts its inputs is measured as the same model that does not."""

import numpy as np
import pytest
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.measures import Evidence, compute

CONVERSIONS = {
    "float": lambda x: x.float() / 255,
    "to": lambda x: x.to(torch.float32) / 255,
    "to by name": lambda x: x.to(dtype=torch.float32) / 255,
    "type": lambda x: x.type(torch.float32) / 255,
    "half and back": lambda x: x.float().div(255).to(torch.bfloat16).float(),
}


class Converting(nn.Module):
    def __init__(self, layers, convert):
        super().__init__()
        self.layers, self.convert = layers, convert

    def forward(self, x):
        return self.layers(self.convert(x))


@pytest.fixture
def layers():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 2))
        made(torch.randn(20, 1, 8, 8))  # statistics of its own
        return made.eval()


@pytest.fixture
def examples(rng, layers):
    x = torch.from_numpy(rng.integers(0, 256, (30, 1, 8, 8), dtype=np.uint8))
    with torch.no_grad():
        return x, layers(x.float() / 255).argmax(1)


@pytest.mark.parametrize("name", CONVERSIONS)
def test_the_measures_are_those_of_the_same_model_on_float64(name, layers, examples):
    x, y = examples
    model = Converting(layers, CONVERSIONS[name])
    found = compute(model, examples=(x, y))
    plain = compute(Converting(layers, lambda x: x), examples=(x.double() / 255, y))
    names = [
        one for one in plain if plain[one].applicable and not one.startswith("path-norm")
    ]  # of ones: x is whole numbers
    assert {"cross-entropy", "inverse-margin", "fisher-rao", "prod-of-spec-fft"} <= set(names)
    for one in names:
        assert found[one].value == pytest.approx(plain[one].value, rel=1e-10), one


def test_the_class_of_the_model_given_stays(layers, examples):
    model = Converting(layers, CONVERSIONS["float"])
    compute(model, examples=examples)
    assert type(model) is Converting
    assert model(examples[0]).dtype is torch.float32


def test_a_model_that_takes_float64_is_left_as_it_is(layers):
    x, y = torch.zeros(2, 1, 8, 8), torch.zeros(2)
    assert type(Evidence.of(Converting(layers, lambda x: x), None, (x, y), None, None, "").model) is Converting


def test_what_else_is_wrong_is_said_of_the_model_as_it_was(layers):
    model = Converting(layers, CONVERSIONS["float"])
    with pytest.raises(InputRefused, match="called on the examples"):
        compute(model, examples=(torch.zeros(2, 1, 5, 5, dtype=torch.uint8), torch.zeros(2)))
