"""Capacity: the probe's promises on random sequences, its poles, the null, and where it does not apply."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.transformer import Transformer
from byheart.probes.base import Bank, Subject
from byheart.probes.memory.capacity import MODELS, Capacity, models
from byheart.records.finding import NotApplicable
from byheart.report.cards import About, card_of
from byheart.tasks.digits import Digits
from byheart.tasks.randomness import Randomness
from byheart.tasks.recall import CopyMemory
from byheart.testing.probes import ProbeSuite, bank_of, offers_of
from byheart.training.members import balanced
from byheart.training.run import Outcomes, Run

TASK = Randomness(n=40, n_test=20)
LEARNER = Transformer(width=8, epochs=60, batch=40, lr=0.02)
REFERENCE = 80.0  # 16 tokens of 32
# float32 nats: 80 bits are known to 2 ** -24 of them
ROUNDING = 1e-5


@functools.cache
def trained():
    return bank_of(Capacity(), TASK, LEARNER, members=8)


def made(train, test=None, parameters=1000):
    """A bank of models that need `train` (m, n) bits for the training sequences, and all 80 for others."""
    data = TASK.draw(0)
    subject = Subject(TASK, LEARNER, members=8, offers=offers_of(data))
    train = np.broadcast_to(train, (MODELS, len(data.train)))
    test = np.full((MODELS, len(data.views["test"])), REFERENCE + 1) if test is None else test
    views = {
        name: Outcomes((bits * np.log(2)).astype(np.float32)[None], bits[None] > 0, None, None)
        for name, bits in (("train", train), ("test", test))
    }
    run = Run(balanced(len(data.train), MODELS, 1.0, 0), (60,), views, {"parameters": parameters})
    return Bank(subject, data, {models(subject).key(): run})


def values(bank):
    return {name: quantity.value for name, quantity in Capacity().measure(bank)[0].quantities.items()}


class TestCapacity(ProbeSuite):
    doses = (0.0, 10.0, 40.0)
    pole_tolerance = ROUNDING
    # models saw everything: there is no left-out side
    test_8_one_sided_examples_are_not_applicable = None

    @pytest.fixture(scope="class")
    def probe(self):
        return Capacity()

    @pytest.fixture(scope="class")
    def bank(self):
        return trained()

    def pole(self, probe, name):
        return made(0.0 if name == "rote" else REFERENCE)

    def dosed(self, probe, dose):
        return made(REFERENCE - dose)


def test_by_hand():
    """10 bits saved on each of 40 sequences are 400 bits, an eighth, and 0.4 a parameter."""
    found = values(made(70.0))
    assert found["bits_held"] == pytest.approx(400, rel=ROUNDING)
    assert found["share_held"] == pytest.approx(0.125, rel=ROUNDING)
    assert found["bits_held_a_parameter"] == pytest.approx(0.4, rel=ROUNDING)


def test_what_costs_more_than_the_reference_counts_as_nothing_held():
    bits = np.full((MODELS, 40), 90.0)
    bits[:, :4] = 60.0
    assert values(made(bits))["bits_held"] == pytest.approx(80, rel=ROUNDING)


def test_the_interval_is_students_over_models():
    bits = np.tile(np.array([69.0, 70.0, 70.0, 71.0])[:, None], (1, 40))
    found = Capacity().measure(made(bits))[0].quantities["bits_held"]
    half = 3.182446 * np.std([360, 400, 400, 440], ddof=1) / 2
    assert found.interval == pytest.approx((400 - half, 400 + half), rel=1e-4)


@pytest.mark.parametrize("bits", [0.0, 70.0, REFERENCE])
def test_models_that_do_not_differ_give_no_interval_and_no_certainty(bits):
    finding = Capacity().measure(made(bits))[0]
    for quantity in finding.quantities.values():
        assert quantity.interval is None
        assert quantity.why_no_interval == "no spread"
    assert "[" not in card_of(finding, About(kind="tokens")).body[0]


def test_the_null_is_the_same_of_as_many_sequences_never_trained_on():
    test = np.full((MODELS, 20), REFERENCE - 3)
    found = Capacity().measure(made(70.0, test))[0].quantities["bits_held"]
    assert found.null == pytest.approx(3 * 40, rel=ROUNDING)


def test_a_trained_model_holds_bits_of_what_it_saw_and_none_of_what_it_did_not():
    found = Capacity().measure(trained())[0].quantities["share_held"]
    assert found.interval[0] > 0.05 > found.null


def test_a_model_without_parameters_has_no_bits_a_parameter():
    assert "bits_held_a_parameter" not in values(made(70.0, parameters=0))


def test_digits_have_no_random_sequences():
    subject = Subject(Digits(), LEARNER, offers=offers_of(Digits(n=30).draw(0)))
    answer = Capacity().requires(subject)
    assert isinstance(answer, NotApplicable)
    assert answer.reason.code == "another output"


def test_without_a_known_best_code_it_does_not_apply():
    bank = made(70.0)
    unknown = replace(bank.subject, offers=bank.subject.offers - {"oracle"})
    assert Capacity().measure(replace(bank, subject=unknown))[0].reason.code == "best loss unknown"


def test_of_what_follows_from_what_was_before_nothing_need_be_held():
    bank = made(70.0)
    data = CopyMemory(n=40, n_test=20, length=5).draw(0)
    assert Capacity().measure(replace(bank, data=data))[0].reason.code == "nothing random"


@pytest.mark.usefixtures("quick_page")
def test_an_audit_of_sequences_at_random_measures_all_that_it_asks(byheart):
    """Their truth is known, but the oracle speaks of labels: it is not asked of sequences."""
    said = byheart("audit", "randomness", "--learner", "ngram", "--members", "8", "--jobs", "1", "--device", "cpu", "--json")
    assert said.code == 0, said.err
    findings = json.loads(said.out)["findings"]
    assert {one["status"] for one in findings.values()} == {"measured", "not applicable"}
    low, _ = findings["complexity/description-length"]["quantities"]["understood_bits_share"]["interval"]
    assert low <= 0
