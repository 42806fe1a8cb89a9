"""generalization/laziness keeps the promises of `byheart.probes.base`; the output scale moves a run to the lazy side."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from byheart.learners.base import Network
from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.probes.base import Subject
from byheart.probes.generalization.laziness import Laziness
from byheart.records.axes import Kept
from byheart.records.finding import Finding, NotApplicable
from byheart.report.cards import About
from byheart.report.cards.generalization.laziness import card
from byheart.seeds import stream
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.testing.probes import ProbeSuite, bank_of
from byheart.testing.worlds import WORLDS, Draw, World, near


class Centred(nn.Module):
    """alpha (f(x) - f_0(x)): the network less what it was at the start, times a scale."""

    def __init__(self, network, alpha):
        super().__init__()
        self.network, self.alpha = network, alpha
        # of the same weights, and never trained
        self.start = nn.Sequential(
            *(nn.Linear(p.in_features, p.out_features) if isinstance(p, nn.Linear) else p for p in network)
        )
        self.start.load_state_dict(network.state_dict())
        self.start.requires_grad_(False)

    def forward(self, x):
        return self.alpha * (self.network(x) - self.start(x))


class OutputScale(Network):
    """Chizat, Oyallon, Bach 2019, section 1: as alpha grows, the path of alpha (f - f_0) at a rate of 1 / alpha^2 tends to
    that of the linearised model, whatever the network."""

    name: ClassVar[str] = "output-scale"
    alpha: float = 1.0
    epochs: int = 30
    batch: int = 50
    optimizer: str = "sgd"
    schedule: str = "constant"

    def build(self, data, generator):
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 10))
        with torch.no_grad():
            for p in network.parameters():
                p.uniform_(-0.3, 0.3, generator=generator)
        return Centred(network, self.alpha)


def lazy(probe, alpha):
    return bank_of(probe, Digits(n=200), OutputScale(alpha=alpha, lr=0.2 / alpha**2), members=2)


class Halves(Network):
    """Two units: by the signs of their weights both are on for one half of the inputs, or for the other."""

    name: ClassVar[str] = "halves"
    epochs: int = 4

    def build(self, data, generator):
        return nn.Sequential(Directions())


class Directions(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -1.0]))

    def forward(self, x):
        return torch.relu(x * self.weight).sum(1, keepdim=True) * torch.ones(1, 2)


def linear_world(seed):
    """A network without a hidden layer is linear in its parameters: its kernel never moves, and nothing is linearised."""
    rng = stream(seed, "linear world")
    x, w = rng.normal(size=(120, 4)).astype(np.float32), rng.normal(size=4)
    y = (x @ w + 0.5 * rng.normal(size=120) > 0).astype(int)
    task = Arrays.of(x[:80], y[:80], x[80:], y[80:], task="classes")
    truth = {"kernel_distance": near(0.0), "kernel_velocity_early": near(0.0), "linearisation_gap": near(0.0)}
    return Draw(task, Mlp(hidden=(), epochs=4), truth, members=2)


class TestLaziness(ProbeSuite):
    """Its poles are kernels: one that cannot move, and one that shares no pair of inputs with the first."""

    test_8_one_sided_examples_are_not_applicable = None  # it reads the one model trained on everything
    worlds = (*WORLDS, World("a linear network", linear_world))
    doses = (1 / 30, 1 / 5, 1.0)
    pole_tolerance = 1e-6

    @pytest.fixture(scope="class")
    def probe(self):
        return Laziness()

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_of(probe, Digits(n=200), Mlp(hidden=(16,), epochs=5, lr=0.02), members=4, way="stacked")

    def dosed(self, probe, dose):
        return lazy(probe, 1 / dose)

    def pole(self, probe, name):
        if name == "linearised":
            return bank_of(probe, Digits(n=100), Mlp(hidden=(), epochs=4), members=2, way="stacked")
        rng = np.random.default_rng(0)
        signs = np.where(np.arange(40) % 2, 1.0, -1.0)
        x = np.column_stack([signs, -signs]) * rng.uniform(0.5, 1, (40, 1))
        bank = bank_of(
            probe, Arrays.of(x, np.arange(40) % 2, x[:10] + 0.1, np.arange(10) % 2, task="classes"), Halves(), members=2
        )
        ((key, run),) = bank.runs.items()
        kept = {label: Kept({name: (value * 0 + np.array(w, np.float32)) for name, value in of.items()}, of.axes)
                for (label, of), w in zip(run.kept.items(), ([1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]), strict=True)}  # fmt: skip
        return replace(bank, runs={key: replace(run, kept=kept)})


class TestLazinessOnValues(ProbeSuite):
    test_5_poles_sit_at_the_ends = test_6_monotone_in_the_dose = test_8_one_sided_examples_are_not_applicable = None
    test_10_holds_the_truth_in_every_world = None  # all worlds are run through above

    @pytest.fixture(scope="class")
    def probe(self):
        return Laziness(inputs=32)

    @pytest.fixture(scope="class")
    def bank(self, probe):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(160, 4))
        y = x[:, 0] - x[:, 1] ** 2 + 0.3 * rng.normal(size=160)
        task = Arrays.of(x[:120], y[:120], x[120:], y[120:], task="values")
        return bank_of(probe, task, Mlp(hidden=(16,), epochs=5, lr=0.02), members=2, way="stacked")


def test_the_output_scale_moves_every_meter_to_the_lazy_side():
    """Kernel distance, velocity, motion and the linearisation gap all fall as the scale grows; the labels are learned."""
    found = [Laziness().measure(lazy(Laziness(), alpha))[0].quantities for alpha in (1, 5, 30)]
    for name in ("kernel_distance", "kernel_velocity_early", "relative_motion"):
        values = [quantities[name].value for quantities in found]
        assert values[0] > 3 * values[1] > 9 * values[2], (name, values)
    assert abs(found[-1]["linearisation_gap"].value) < 0.01 < 0.01 + abs(found[0]["linearisation_gap"].value)
    assert all(quantities["linearised_accuracy"].value > 0.3 for quantities in found[1:])


def test_a_gap_that_no_new_example_shows_is_not_said_to_be_exactly_none():
    drawn = linear_world(0)
    gap = Laziness().measure(bank_of(Laziness(), drawn.task, drawn.learner, members=2))[0].quantities[
        "linearisation_gap"
    ]
    assert gap.value == 0
    assert gap.interval == pytest.approx((-0.088, 0.088), abs=1e-3)  # Wilson's upper end of 0 of 40


def test_the_linearised_accuracy_and_the_gap_are_those_of_the_run():
    bank = bank_of(Laziness(), Digits(n=200), Mlp(hidden=(16,), epochs=5, lr=0.02), members=2, way="stacked")
    found, run = Laziness().measure(bank)[0].quantities, next(iter(bank.runs.values()))
    accuracy = run.views["test"].correct[-1, 0].mean()
    assert found["linearised_accuracy"].value + found["linearisation_gap"].value == pytest.approx(accuracy)


def test_the_middle_is_a_moment_of_its_own_and_one_epoch_has_none():
    of = {epochs: Laziness().measure(bank_of(Laziness(), Digits(n=80), Mlp(hidden=(4,), epochs=epochs), members=2, way="stacked"))[0]
          for epochs in (1, 5)}  # fmt: skip
    assert of[5].details["epochs"] == (0, 2, 5)
    to_the_middle = of[5].curves["kernel_distance"].y[1]
    assert of[5].quantities["kernel_velocity_early"].value == pytest.approx(to_the_middle / 2)
    assert of[1].details["epochs"] == (0, 1)
    assert "kernel_velocity_whole" in of[1].quantities
    assert of[1].quantities["kernel_velocity_whole"].value == pytest.approx(of[1].quantities["kernel_distance"].value)


def test_learners_without_kept_weights_are_told_why():
    answer = Laziness().requires(Subject(Digits(), Neighbours(), offers=frozenset({"classes", "test"})))
    assert isinstance(answer, NotApplicable)
    assert answer.reason.code == "nothing kept"


class Shaken(Network):
    """Outputs that depend on chance even in evaluation."""

    name: ClassVar[str] = "shaken"
    epochs: int = 2

    def build(self, data, generator):
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), Noise())


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


def test_a_model_of_chance_has_no_kernel_and_it_is_said():
    answer, _ = Laziness().measure(bank_of(Laziness(), Digits(n=60), Shaken(), members=2))
    assert isinstance(answer, NotApplicable)
    assert "one call to the next" in answer.reason.figures["why"]


def test_inputs_are_of_the_labels_as_they_came_one_of_each_group_of_copies():
    x = np.repeat(np.random.default_rng(0).normal(size=(40, 3)), 3, axis=0)
    y = np.repeat(np.arange(40) % 2, 3)
    bank = bank_of(Laziness(), Arrays.of(x, y, x[:9], y[:9], task="classes"), Mlp(hidden=(4,), epochs=2), members=2)
    rows = Laziness(inputs=64).rows(bank)
    assert len(rows) == 40 == len(np.unique(bank.groups[rows]))
    finding, _ = Laziness().measure(bank)
    assert isinstance(finding, Finding)
    assert finding.quantities["kernel_distance"].n == 40


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_the_card_says_its_numbers(kind):
    x = np.random.default_rng(0).normal(size=(90, 3))
    y = np.sin(2 * x[:, 0]) + x[:, 1] / 2
    y = (y > 0).astype(int) if kind == "classes" else y
    task = Arrays.of(x[:60], y[:60], x[60:], y[60:], task=kind)
    finding, _ = Laziness().measure(bank_of(Laziness(), task, Mlp(hidden=(8,), epochs=5), members=2, way="stacked"))
    made = card(finding, About(kind=kind, n_test=30))
    words = " ".join(made.body)
    assert "per epoch up to epoch 2" in words
    assert f"{finding.quantities['relative_motion'].value:.2f} times their length" in words
    assert ("Alignment with the labels" if kind == "classes" else "Alignment with the values") in words
    assert ("its accuracy is" if kind == "classes" else "its R2 is") in words
    assert [len(chart.lines[0].x) for chart in made.charts] == [3, 3]
    assert set(made.notes) == set(finding.quantities)
