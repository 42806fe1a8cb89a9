"""Every probe of ours keeps the promises of `byheart.probes.base`.

Recipe for a new one: a subclass of `ProbeSuite` with the fixtures `probe` and `bank`; say in `needs` which offers it
cannot do without; override `pole` and `dosed` where lookup table, oracle and redrawn labels are not its scale.
"""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.learners.neighbours import Neighbours
from byheart.learners.random_features import LeastSquares, RandomFeatures
from byheart.probes.complexity.description_length import Bits
from byheart.probes.complexity.value_bits import ValueBits
from byheart.probes.generalization.delay import Delay
from byheart.probes.generalization.descent import Descent
from byheart.probes.generalization.gap import Gap
from byheart.probes.memory.counterfactual import Counterfactual
from byheart.probes.memory.duplicates import Duplicates
from byheart.probes.memory.forgetting import Forgetting
from byheart.probes.memory.influence import Pairs
from byheart.probes.memory.label_noise import Quadrant
from byheart.probes.memory.learning_order import Order
from byheart.probes.memory.membership import Membership
from byheart.registry import find
from byheart.tasks.arrays import Arrays
from byheart.tasks.data import Truth
from byheart.tasks.digits import Digits
from byheart.tasks.in_phases import InPhases
from byheart.tasks.isotropic import Isotropic
from byheart.tasks.label_noise import Flipped
from byheart.tasks.modular import Modular
from byheart.testing.probes import Merged, ProbeSuite, bank_of
from byheart.testing.worlds import Draw, World, near
from byheart.training.run import outcomes

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
    dosed_quantity = "worth_checking_share"
    doses = (0.0, 0.1, 0.2)  # with half of the labels random no model can bet against one
    # 4 standard errors of an AUC of 0.5 with about 54 redrawn and 246 other labels: 4 sqrt(301 / (12 * 54 * 246))
    pole_tolerance = 0.174

    @pytest.fixture(scope="class")
    def probe(self):
        return Quadrant()

    def dosed(self, probe, dose):
        """Noise that came with the data: what is known to be planted is not listed."""
        bank = super().dosed(probe, dose)
        return replace(bank, data=replace(bank.data, truth=Truth()))

    def pole(self, probe, name):
        """Classes equally frequent: otherwise a lookup table finds redrawn labels by their rarity."""
        return bank_of(probe, Flipped(task=Digits(n=300), share=0.2), find("learner", name)())


def in_phases(probe):
    """Digits in two phases of five classes."""
    learner = Mlp(hidden=(16,), epochs=5, lr=0.02)
    return bank_of(probe, InPhases(task=Digits(n=200)), learner, members=12, way="stacked")


class TestForgetting(ProbeSuite):
    """Poles and dose are outcomes: the share of what an earlier phase had learned that is wrong at the end."""

    doses = (0.0, 0.3, 1.0)

    @pytest.fixture(scope="class")
    def probe(self):
        return Forgetting()

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return in_phases(probe)

    def pole(self, probe, name):
        return self.dosed(probe, float(name == "all lost"))

    def dosed(self, probe, dose):
        bank = in_phases(probe)
        need = bank.subject.bank()
        run = bank[need]
        right = run.views["train"].correct.copy()
        first = bank.data.phases[0]
        right[-1][:, first] = right[run.checkpoints.index(5)][:, first]
        right[-1][:, first[: round(dose * len(first))]] = False
        train = replace(run.views["train"], correct=right)
        return replace(bank, runs={need.key(): replace(run, views={**run.views, "train": train})})


class TestMembership(OnNoisyDigits):
    """Members enough for the level of 1 % false alarms, so that its quantity and its column are there to be checked."""

    @pytest.fixture(scope="class")
    def probe(self):
        return Membership()

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_of(probe, NOISY, Mlp(hidden=(16,), epochs=5, lr=0.02), members=56, way="stacked")

    def test_4_every_number_is_a_quantity(self, probe, bank):
        super().test_4_every_number_is_a_quantity(probe, bank)
        finding, columns = probe.measure(bank)
        assert "tpr_at_fpr_1_percent" in finding.quantities
        assert columns.keys() == {"risk", "found_at_1_percent", "taken_at_1_percent", "exposed"}


def copied(probe, share, task="classes"):
    """The share `share` of 100 rows are copies, two by two: every other pair exact, the others near; one of each pair
    has another label. Of 30 new rows three leak."""
    rng = np.random.default_rng(0)
    x, x_test = rng.normal(size=(100, 5)), rng.normal(size=(30, 5))
    y, y_test = np.arange(100) % 2, np.arange(30) % 2
    half = round(50 * share)
    x[half : 2 * half] = x[:half] + 1e-4 * (np.arange(half) % 2)[:, None]
    y[half : 2 * half] = 1 - y[:half]
    x_test[:3] = x[-3:]
    labels = (y, y_test) if task == "classes" else (x[:, 0] + y, x_test[:, 0] + y_test)
    return bank_of(probe, Arrays.of(x, labels[0], x_test, labels[1], task=task), Neighbours(), members=12)


class OnCopies(ProbeSuite):
    """Poles and dose of the copies are data, whatever the model: all different, all copies, more and more copies.

    It asks the data: there are no sides, and an example that all members saw may still be there twice; it always applies.
    """

    task = "classes"
    doses = (0.0, 0.1, 0.3)
    test_8_one_sided_examples_are_not_applicable = None

    @pytest.fixture(scope="class")
    def probe(self):
        return Duplicates()

    def pole(self, probe, name):
        return copied(probe, 1.0 if name == "all copies" else 0.0, self.task)

    def dosed(self, probe, dose):
        return copied(probe, dose, self.task)


class TestDuplicates(OnCopies):
    @pytest.fixture(scope="class")
    def bank(self, probe):
        """Three columns of words beside two numbers of one decimal: chance brings copies, and its draws can be seen."""
        rng = np.random.default_rng(0)
        rows, labels = [], []
        for n in (100, 30):
            rows.append(np.hstack([rng.integers(0, 2, (n, 3)), rng.integers(0, 3, (n, 2)) / 10]).astype(float))
            labels.append(np.arange(n) % 2)
        rows[0][3] += 1e-6  # near, not exact
        bank = bank_of(probe, Arrays.of(rows[0], labels[0], rows[1], labels[1], task="classes"), Neighbours(), members=12)
        assert 0 < probe.measure(bank)[0].quantities["duplicate_share"].null < 1
        return bank

    def test_a_copy_alone_is_its_own_count(self, probe):
        """The dose is known exactly: the share planted, half of it as exact copies."""
        found = [probe.measure(copied(probe, dose))[0].quantities for dose in self.doses]
        assert [q["duplicate_share"].value for q in found] == [pytest.approx(dose) for dose in self.doses]
        assert [q["contradicting"].value for q in found] == [round(50 * dose) for dose in self.doses]
        assert {q["leaked_share"].value for q in found} == {0.1}


class TestOrder(OnNoisyDigits):
    """Its poles are orders: one that has nothing to do with memory, and one in which what is by heart comes last."""

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
        kept = outcomes(logits, y, bank.data.output, trail=False)
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


def as_many_inputs_as_examples(seed):
    """Least squares on inputs of which there are fewer, as many, or more than examples: the peak is where they are equal."""
    task = Isotropic(n=440, n_test=100, d=10)
    return Draw(task, LeastSquares(intercept=False), {"peak_at": near(40.0), "theory_gap": near(0.0)}, share=1 / 11)


class OnSizes(ProbeSuite):
    """It asks for runs of its own, each with examples that it left out; no one example is judged."""

    test_8_one_sided_examples_are_not_applicable = None

    @pytest.fixture(scope="class")
    def probe(self):
        return Descent(vary="width", values=(5, 40, 80, 130, 600), seeds=10)


class TestDescent(OnSizes):
    """Poles and dose are outcomes: the share of new examples that are wrong at one size alone."""

    doses = (0.0, 0.3, 1.0)

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_of(probe, NOISY, RandomFeatures(), share=0.5)

    def pole(self, probe, name):
        return self.dosed(probe, float(name == "peak alone"))

    def dosed(self, probe, dose):
        bank = bank_of(probe, NOISY, RandomFeatures(), share=0.5)
        runs = {}
        for need in probe.requires(bank.subject):
            test = bank[need].views["test"]
            right = np.ones_like(test.correct)
            if need.vary["learner.width"] == 80:
                right[..., : round(dose * right.shape[-1])] = False
            runs[need.key()] = replace(bank[need], views={**bank[need].views, "test": replace(test, correct=right)})
        return replace(bank, runs=runs)


class TestDelay(ProbeSuite):
    """Poles and dose are outcomes: the share of held-out pairs that is right at every step; it asks for runs of its own."""

    test_8_one_sided_examples_are_not_applicable = None
    doses = (0.0, 0.3, 1.0)

    @pytest.fixture(scope="class")
    def probe(self):
        return Delay()

    @pytest.fixture(scope="class")
    def bank(self, probe):
        learner = Mlp(embedding=8, hidden=(16,), epochs=12, lr=0.02, batch=100)
        return bank_of(probe, Modular(p=11, share=0.9), learner, members=4, way="stacked")

    def pole(self, probe, name):
        return self.dosed(probe, 1 / 11 if name == "rote" else 1.0)

    def dosed(self, probe, dose):
        bank = bank_of(probe, Modular(p=11, share=0.9), Mlp(hidden=(4,), epochs=6), members=4, way="stacked")
        need = probe.requires(bank.subject)[0]
        run = bank[need]
        views = {}
        for view, outcomes_of in run.views.items():
            held_out = run.members.unseen if view == "train" else np.ones(outcomes_of.correct.shape[1:], bool)
            right = np.ones_like(outcomes_of.correct)
            for j, rows in enumerate(held_out):
                right[:, j, np.flatnonzero(rows)[round(dose * rows.sum()) :]] = False
            views[view] = replace(outcomes_of, correct=right)
        return replace(bank, runs={**bank.runs, need.key(): replace(run, views=views)})


class TestDescentOnValues(OnSizes):
    """Poles and dose are those of classes and stand above."""

    test_5_poles_sit_at_the_ends = test_6_monotone_in_the_dose = None

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_of(probe, Isotropic(n=220, n_test=50, d=10, inputs="sphere"), RandomFeatures(bias=0, intercept=False), share=0.4)


class TestDescentOverInputs(OnSizes):
    """A world of its own, in which the setting is of the data."""

    test_7_order_of_examples_changes_nothing = test_5_poles_sit_at_the_ends = test_6_monotone_in_the_dose = None
    worlds = (World("as many inputs as examples", as_many_inputs_as_examples),)

    @pytest.fixture(scope="class")
    def probe(self):
        return Descent(vary="task.d", values=(10, 20, 40, 60, 120))

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_of(probe, Isotropic(n=440, n_test=50, d=10), LeastSquares(intercept=False), share=1 / 11)


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
    """The poles are outcomes: who says what it saw and the mean else, and who says the rule without the noise."""

    doses = (0.0, 0.5, 2.0)
    test_5_poles_sit_at_the_ends = ProbeSuite.test_5_poles_sit_at_the_ends
    test_6_monotone_in_the_dose = ProbeSuite.test_6_monotone_in_the_dose

    @pytest.fixture(scope="class")
    def probe(self):
        return Membership()

    def said(self, probe, value):
        """The bank whose members say `value` (m, n) of targets y (n,) and the mask (m, n)."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(100, 3))
        y = x[:, 0] + rng.normal(size=100)
        bank = bank_of(probe, Arrays.of(x, y, x[:20], y[:20], task="values"), Neighbours(), members=20)
        need = bank.subject.bank()
        run = bank[need]
        logits = value(x, y, run.members.mask)[None, ..., None]
        kept = outcomes(logits, bank.data.train.y, bank.data.output, trail=False)
        return replace(bank, runs={need.key(): replace(run, views={**run.views, "train": kept})})

    def pole(self, probe, name):
        if name == "rote":
            return self.said(probe, lambda x, y, mask: np.where(mask, y, y.mean()))
        return self.said(probe, lambda x, y, mask: np.broadcast_to(x[:, 0], mask.shape))

    def dosed(self, probe, dose):
        """Noisy members that come nearer to what they saw by the part dose / (1 + dose) of the error."""
        noise = np.random.default_rng(1).normal(size=(20, 100))
        return self.said(probe, lambda x, y, mask: x[:, 0] + (y - x[:, 0]) * mask * dose / (1 + dose) + noise)


class TestDuplicatesOnValues(OnCopies):
    task = "values"

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return copied(probe, 0.2, "values")


class TestGapOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Gap()


class TestBitsOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Bits()


class TestValueBits(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return ValueBits()


class TestQuadrantOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Quadrant()


class TestPairsOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Pairs()


class TestOrderOnValues(OnValues, ProbeSuite):
    @pytest.fixture(scope="class")
    def probe(self):
        return Order()
