"""Every probe of ours keeps the promises of `byheart.probes.base`.

Recipe for a new one: a subclass of `ProbeSuite` with the fixtures `probe` and `bank`; say in `needs` which offers it
cannot do without; override `pole` and `dosed` where lookup table, oracle and redrawn labels are not its scale.
"""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.learners.run import outcomes
from byheart.probes.complexity.bits import Bits
from byheart.probes.generalization.gap import Gap
from byheart.probes.memory.counterfactual import Counterfactual
from byheart.probes.memory.duplicates import Duplicates
from byheart.probes.memory.membership import Membership
from byheart.probes.memory.order import Order
from byheart.probes.memory.pairs import Pairs
from byheart.probes.memory.quadrant import Quadrant
from byheart.registry import find
from byheart.tasks.arrays import Arrays
from byheart.tasks.digits import Digits
from byheart.tasks.flipped import Flipped
from byheart.testing.probes import Merged, ProbeSuite, bank_of

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
    doses = (0.0, 0.1, 0.2)  # with half of the labels random no model can bet against one
    # 4 standard errors of an AUC of 0.5 with about 54 redrawn and 246 other labels: 4 sqrt(301 / (12 * 54 * 246))
    pole_tolerance = 0.174

    @pytest.fixture(scope="class")
    def probe(self):
        return Quadrant()

    def pole(self, probe, name):
        """Classes equally frequent: otherwise a lookup table finds redrawn labels by their rarity."""
        return bank_of(probe, Flipped(task=Digits(n=300), share=0.2), find("learner", name)())


class TestMembership(OnNoisyDigits):
    @pytest.fixture(scope="class")
    def probe(self):
        return Membership()


class TestDuplicates(OnNoisyDigits):
    """Its poles and its dose are data, whatever the model: all different, all copies, more and more copies."""

    doses = (0.0, 0.1, 0.3)
    # it has no sides: an example that all members saw may still be there twice
    test_8_one_sided_examples_are_not_applicable = None

    @pytest.fixture(scope="class")
    def probe(self):
        return Duplicates()

    def copied(self, probe, share):
        """The share `share` of 100 rows are copies of one another, two by two, one of each pair with another label."""
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(100, 5)), np.arange(100) % 2
        half = round(50 * share)
        x[half : 2 * half] = x[:half]
        task = Arrays.of(x, y, rng.normal(size=(30, 5)), np.arange(30) % 2, task="classes")
        return bank_of(probe, task, Neighbours(), members=12)

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return self.copied(probe, 0.2)

    def pole(self, probe, name):
        return self.copied(probe, 1.0 if name == "all copies" else 0.0)

    def dosed(self, probe, dose):
        return self.copied(probe, dose)


class TestOrder(OnNoisyDigits):
    """Its poles are orders: one that has nothing to do with memory, and one in which what is by heart comes last."""

    needs = ("classes",)
    dosed_quantity = "first_learned"
    pole_tolerance = 4 / np.sqrt(200)  # 4 standard errors of a rank correlation of 0

    @pytest.fixture(scope="class")
    def probe(self):
        return Order()

    def pole(self, probe, name):
        """Member by member: right from a stage on where seen; where not, the less likely the later the stage, or not so."""
        bank = bank_of(probe, Digits(n=200), Mlp(hidden=(8,), epochs=8), members=32, way="stacked")
        rng, n = np.random.default_rng(0), 200
        stage = np.arange(n) % 5 + 1
        hard = (stage if name == "by heart last" else rng.permutation(stage)) / 6
        need = bank.subject.bank()
        run, y = bank[need], bank.data.train.y
        mask, late = run.members.mask, np.arange(6)[:, None, None] >= stage
        margin = np.where(mask, np.where(late, 4.0, -4.0), np.log(1 - hard) - np.log(hard))
        logits = np.zeros((*margin.shape, 10))
        logits[..., np.arange(n), y] = margin + np.log(9)
        kept = outcomes(logits, y, "classes", trail=False)
        return replace(bank, runs={**bank.runs, need.key(): replace(run, views={**run.views, "train": kept})})

    def dosed(self, probe, dose):
        task = Flipped(task=Merged(n=200), share=dose)
        return bank_of(probe, task, Mlp(hidden=(32,), epochs=20, lr=0.01), members=12, way="stacked")


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


class TestMembershipOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Membership()


class TestDuplicatesOnValues(OnValues, ProbeSuite):
    test_8_one_sided_examples_are_not_applicable = None

    @pytest.fixture(scope="class")
    def probe(self):
        return Duplicates()


class TestGapOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Gap()


class TestBitsOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Bits()
