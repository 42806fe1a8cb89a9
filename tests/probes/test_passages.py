"""The bank's probes on a text: bits, memorisation and gap of passages; what does not apply says so."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.transformer import Transformer
from byheart.maths.codes.passages import GRID
from byheart.probes.base import Bank, Subject
from byheart.probes.complexity.description_length import Bits
from byheart.probes.generalization.gap import Gap
from byheart.probes.memory.counterfactual import Counterfactual
from byheart.probes.memory.duplicates import Duplicates
from byheart.probes.memory.influence import Pairs
from byheart.probes.memory.label_noise import Quadrant
from byheart.probes.memory.membership import Membership
from byheart.records.finding import NotApplicable
from byheart.tasks.text import Text
from byheart.testing.probes import ProbeSuite, offers_of
from byheart.testing.worlds import Draw
from byheart.training.members import balanced
from byheart.training.run import Outcomes, Run

TASK = Text(n=96, n_test=30, window=32)
LEARNER = Transformer(width=8, epochs=5, batch=16, lr=0.02)


TRAINED = Draw(TASK, LEARNER, {}, members=10)


def bank_for(probe):
    """What it asks for, trained once, whichever probe asks first."""
    for need in probe.requires(TRAINED.bank.subject):
        TRAINED.run(need)
    return TRAINED.bank


@functools.cache
def drawn():
    return TASK.draw(0)


def made(memory, m=12):
    """Members that know half of each passage, and `memory` of the rest where they saw it; noise of a bit."""
    data, rng = drawn(), np.random.default_rng(0)
    members = balanced(len(data.train), m, 0.7, 0)
    counts = np.bincount(data.train.y.ravel(), minlength=data.output.k) + 0.5
    reference = -np.log(counts / counts.sum())[data.train.y].sum(1)
    left = np.where(members.mask, 0.5 * (1 - memory), 0.5) if memory < 1 else np.where(members.mask, 0.0, 1.0)
    nats = np.abs(reference * left + rng.normal(size=left.shape))
    pool = reference[:, None] + (nats - reference)[:, :, None] * np.minimum(GRID, 1.0)
    train = Outcomes(
        np.stack([np.tile(reference, (m, 1)), nats]).astype(np.float32), np.zeros((2, *nats.shape), bool), None, None,
        pool=pool.astype(np.float32),
    )  # fmt: skip
    new = np.tile(reference[:30] * 0.5, (2, m, 1)).astype(np.float32)
    test = Outcomes(new, np.zeros(new.shape, bool), None, None)
    data = replace(data, views={"train": data.train, "test": data.views["test"].take(np.arange(30))})
    subject = Subject(TASK, replace_epochs(), members=m, offers=offers_of(data))
    run = Run(members, (0, 5), {"train": train, "test": test}, {"outputs": "tokens"})
    return Bank(subject, data, {subject.bank().key(): run})


def replace_epochs():
    return Transformer(width=8, epochs=5)


class OnText(ProbeSuite):
    doses = (0.1, 0.4, 0.8)

    @pytest.fixture(scope="class")
    def bank(self, probe):
        return bank_for(probe)

    def dosed(self, probe, dose):
        return made(dose)

    def pole(self, probe, name):
        return made(1.0 if name == "rote" else 0.0)


class TestBitsOfText(OnText):
    pole_tolerance = 0.02

    @pytest.fixture(scope="class")
    def probe(self):
        return Bits()

    def test_5_poles_sit_at_the_ends(self, probe):
        """There is no oracle of a text; the lookup table is known by definition, and who remembers nothing has 0."""
        finding, _ = probe.measure(self.pole(probe, "rote"))
        assert [(pole.name, pole.value) for pole in finding.poles] == [("Rote", 1.0)]
        assert finding.quantities["memorised_bits_share"].value == pytest.approx(1.0, abs=0.03)
        finding, _ = probe.measure(self.pole(probe, "oracle"))
        assert finding.quantities["memorised_bits_share"].value == pytest.approx(0.0, abs=0.02)


class TestCounterfactualOfText(OnText):
    # bits of a passage: the reference of the lookup table is about 150, measured with noise of a bit
    pole_tolerance = 2.5

    @pytest.fixture(scope="class")
    def probe(self):
        return Counterfactual()


class TestGapOfText(OnText):
    pole_tolerance = 0.1

    @pytest.fixture(scope="class")
    def probe(self):
        return Gap()


class TestMembershipOfText(OnText):
    # noise of a bit makes some judgements of who remembers nothing; 4 standard errors of an AUC of 0.5
    pole_tolerance = 4 * np.sqrt(1 / (12 * 0.7 * 96) + 1 / (12 * 0.3 * 96)) / np.sqrt(12)
    doses = (0.0, 0.01, 0.05)  # the members agree to a bit of 150: a little memory gives them away

    @pytest.fixture(scope="class")
    def probe(self):
        return Membership()


class TestDuplicatesOfText(OnText):
    doses = (0.0, 0.2, 0.5)
    test_8_one_sided_examples_are_not_applicable = None

    @pytest.fixture(scope="class")
    def probe(self):
        return Duplicates()

    def dosed(self, probe, dose):
        """The share `dose` of the passages are copies, two by two; of every other pair one has a byte changed."""
        bank = made(0.0)
        x = np.random.default_rng(0).integers(0, bank.data.output.k, bank.data.train.x.shape)  # the manual repeats itself
        half = round(48 * dose)
        x[half : 2 * half] = x[:half]
        x[half : 2 * half : 2, 0] = (x[half : 2 * half : 2, 0] + 1) % bank.data.output.k
        train = replace(bank.data.train, x=x)
        data = replace(bank.data, views={**bank.data.views, "train": train})
        return replace(bank, data=data)

    def pole(self, probe, name):
        return self.dosed(probe, 1.0 if name == "all copies" else 0.0)


def test_the_budget_adds_up_passage_by_passage_and_finds_what_was_put_in():
    finding, columns = Bits().measure(made(0.4))
    found = {name: finding.quantities[f"{name}_bits_share"].value for name in ("understood", "memorised", "left")}
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["understood"] == pytest.approx(0.5, abs=0.02)
    assert found["memorised"] == pytest.approx(0.2, abs=0.02)
    assert finding.question == "How many of the bits of the text are understood, memorised, left?"
    assert (columns["out_bits"] > columns["in_bits"]).mean() > 0.9


def test_scores_are_bits_by_hand():
    bank = made(0.4)
    run = bank[bank.subject.bank()]
    _, columns = Counterfactual().measure(bank)
    bits, mask = run.views["train"].loss_nats[-1].astype(float) / np.log(2), run.members.mask
    i = 17
    expected = bits[~mask[:, i], i].mean() - bits[mask[:, i], i].mean()
    assert columns["score"][i] == pytest.approx(expected)
    assert np.argmin(columns["rank"]) == np.argmax(columns["score"])


def test_the_gap_is_in_bits_a_token(card):
    bank = made(0.4)
    finding, _ = Gap().measure(bank)
    run = bank[bank.subject.bank()]
    reference = run.views["train"].pool[0, :, 0].mean() / np.log(2) / 32
    found = {name: quantity.value for name, quantity in finding.quantities.items()}
    assert found["gap_bits_a_token"] == pytest.approx(0.2 * reference, rel=0.05)
    assert found["held_out_bits_a_token"] - found["train_bits_a_token"] == pytest.approx(found["gap_bits_a_token"])
    assert finding.quantities["held_out_bits_a_token"].null == pytest.approx(reference)
    for side in ("seen", "held_out"):
        name = "train" if side == "seen" else side
        assert finding.curves[side].y[-1] == pytest.approx(found[f"{name}_bits_a_token"])
    (chart,) = card(bank, finding).charts
    assert chart.table.columns[:3] == ("epoch", "left out", "seen")
    assert chart.rules[0].at == pytest.approx(reference)


def test_a_passage_that_stands_twice_is_shown_once(card):
    bank = made(0.4)
    need, data = bank.subject.bank(), bank.data
    run = bank.runs[need.key()]
    order = np.lexsort((data.train.ids, -Counterfactual().measure(bank)[1]["score"]))
    x = data.train.x.copy()
    x[order[1]] = x[order[0]]  # the second most memorised is a copy of the first
    train = replace(data.train, x=x)
    other = Bank(bank.subject, replace(data, views={**data.views, "train": train}), {need.key(): run})
    finding, _ = Counterfactual().measure(other)
    shown = [one.id for one in card(other, finding).exhibits[0].groups[0].shown]
    assert data.train.ids[order[0]] in shown
    assert data.train.ids[order[1]] not in shown


@pytest.mark.parametrize("probe", [Pairs(), Quadrant()])
def test_what_asks_for_labels_does_not_apply(probe):
    answer = probe.requires(Subject(TASK, LEARNER, offers=frozenset({"tokens", "test"})))
    assert isinstance(answer, NotApplicable)
    assert answer.reason.code == "another output"
