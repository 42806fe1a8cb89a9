"""Every probe of ours keeps the promises of `byheart.probes.base`.

Recipe for a new one: a subclass of `ProbeSuite` with the fixtures `probe` and `bank`; say in `needs` which offers it
cannot do without; override `pole` and `dosed` where lookup table, oracle and redrawn labels are not its scale.
"""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.probes.complexity.bits import Bits
from byheart.probes.generalization.gap import Gap
from byheart.probes.memory.counterfactual import Counterfactual
from byheart.probes.memory.pairs import Pairs
from byheart.probes.memory.quadrant import Quadrant
from byheart.registry import find
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.flipped import Flipped
from byheart.testing.probes import ProbeSuite, bank_of

NOISY = Flipped(task=Digits(n=200), share=0.2)


class OnNoisyDigits(ProbeSuite):
    """A small network with a time course; twelve members."""

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_of(probe, NOISY, Mlp(hidden=(16,), epochs=5, lr=0.02), members=12, way="stacked")


class TestCounterfactual(OnNoisyDigits):
    @pytest.fixture(scope="class")
    def probe(self):
        return Counterfactual()


class TestPairs(OnNoisyDigits):
    withheld_at_poles = True
    needs = ("classes", "test")
    doses = (0.1, 0.5, 0.9)
    dosed_quantity = "largest_influence"

    @pytest.fixture(scope="class")
    def probe(self):
        return Pairs()

    def dosed(self, probe, dose):
        """All new examples right by chance of nobody, but one: right in the share `dose` of members that saw its twin."""
        bank = bank_of(probe, NOISY, Neighbours(), members=40)
        need = bank.subject.bank()
        run = bank[need]
        right = np.zeros_like(run.views["test"].correct)
        saw = np.flatnonzero(run.members.mask[:, 7])
        right[-1, saw[: round(dose * len(saw))], 3] = True
        test = replace(run.views["test"], correct=right)
        return replace(bank, runs={need.key(): replace(run, views={**run.views, "test": test})})


class TestQuadrant(OnNoisyDigits):
    needs = ("classes",)
    dosed_quantity = "strange_share"
    # 4 standard errors of an AUC of 0.5 with about 54 redrawn and 246 other labels: 4 sqrt(301 / (12 * 54 * 246))
    pole_tolerance = 0.174

    @pytest.fixture(scope="class")
    def probe(self):
        return Quadrant()

    def pole(self, probe, name):
        """Classes equally frequent: otherwise a lookup table finds redrawn labels by their rarity."""
        return bank_of(probe, Flipped(task=Digits(n=300), share=0.2), find("learner", name)())


class TestGap(OnNoisyDigits):
    @pytest.fixture(scope="class")
    def probe(self):
        return Gap()


class TestBits(OnNoisyDigits):
    @pytest.fixture(scope="class")
    def probe(self):
        return Bits()


class OnValues:
    """The same promises for values; poles and dose are those of classes and stand above."""

    test_5_poles_sit_at_the_ends = test_6_monotone_in_the_dose = None

    @pytest.fixture(scope="class")
    def bank(self, probe):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(160, 4))
        y = x[:, 0] - x[:, 1] + 0.3 * rng.normal(size=160)
        task = Arrays.of(x[:120], y[:120], x[120:], y[120:], task="values")
        return bank_of(probe, task, Mlp(hidden=(16,), epochs=5, lr=0.02), members=12, way="stacked")


class TestCounterfactualOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Counterfactual()


class TestGapOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Gap()


class TestBitsOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Bits()
