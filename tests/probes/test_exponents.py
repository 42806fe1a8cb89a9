"""Lyapunov exponents of models that are a known law."""

import numpy as np
import pytest
import torch
from torch import nn

from byheart.learners.torch_module import FromFactory
from byheart.probes.base import Bank, Subject
from byheart.probes.dynamics.exponents import Exponents
from byheart.tasks.systems.observed_maps import ObservedHenon
from byheart.training.keep import Weights
from byheart.training.members import subsets
from byheart.training.training import Training

TASK = ObservedHenon(n=400, n_test=100, n_validation=0, window=1)
DATA = TASK.draw(0)
TRUE = 0.41922, -1.62319  # Sprott 2003, Chaos and time-series analysis, table A.1; their sum is ln 0.3


class Henon(nn.Module):
    """The map itself in training units, or one that comes to rest; its one parameter changes nothing."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.idle, self.factor = nn.Parameter(torch.zeros(1)), factor

    def forward(self, x):
        centre, scale = (torch.tensor(DATA.about[name], dtype=x.dtype) for name in ("centre", "scale"))
        mean, deviation = (torch.tensor(np.asarray(one), dtype=x.dtype) for one in DATA.output.units(DATA.train.y))
        a, b = (x[:, -1] * scale + centre).unbind(-1)
        after = (
            torch.stack([1 - 1.4 * a**2 + b, 0.3 * a], -1)
            if self.factor == 1
            else self.factor * torch.stack([a, b], -1)
        )
        return ((after - centre) / scale - mean) / deviation + 0 * self.idle


def answer(factor=1.0, steps=400):
    learner = FromFactory.of(lambda: Henon(factor)).model_copy(update={"epochs": 1, "lr": 1e-9})
    subject = Subject(task=TASK, learner=learner, members=8, offers=frozenset({"next step", "test"}))
    probe = Exponents(steps=steps)
    (need,) = probe.requires(subject)
    members = subsets("all", len(DATA.train), 1, 1.0, 0)
    run = learner.fit(DATA, members, Training((1,), 0, (Weights(),), way="each"))
    return probe.measure(Bank(subject, DATA, {need.key(): run}))[0]


def test_of_the_law_itself_they_are_those_of_the_system():
    finding = answer()
    first, second = finding.tables["exponents"].values["exponent"]
    error = finding.tables["exponents"].values["standard_error"][0]
    assert first == pytest.approx(TRUE[0], abs=4 * error)
    assert first + second == pytest.approx(np.log(0.3), abs=1e-9)  # exact: the map shrinks areas by 0.3 everywhere
    assert finding.quantities["attractor_dimension"].value == pytest.approx(1 + first / abs(second), abs=1e-9)
    assert finding.quantities["largest_exponent"].interval[0] > 0
    assert finding.tables["exponents"].values["system"][0] == pytest.approx(TRUE[0], abs=1e-3)


def test_what_shrinks_by_a_half_has_ln_2_below_0():
    finding = answer(0.5)
    assert finding.tables["exponents"].values["exponent"] == pytest.approx((-np.log(2), -np.log(2)))
    assert finding.quantities["attractor_dimension"].value == 0


def test_what_leaves_has_none():
    finding = answer(1.5)
    assert finding.status == "withheld"
    assert finding.withheld.code == "no orbit"
