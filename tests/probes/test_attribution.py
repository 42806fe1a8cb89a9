"""Credit and effect on the page: who is asked, what is held against retraining, and when nothing is named."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.mlp import Mlp
from byheart.maths.ranking import datamodel_score
from byheart.probes.attribution import Asked, again, drawn_mean, mean_interval, own_share, retrained
from byheart.probes.memory.credit import Credit
from byheart.probes.memory.effect import Effect
from byheart.probes.memory.effect.halves import by_halves
from byheart.records.finding import Finding
from byheart.tasks.digits import Digits
from byheart.tasks.flipped import Flipped
from byheart.testing.probes import bank_of

CREDIT, EFFECT = Credit(test=6, train=12), Effect(test=6, train=12)


def made(probe, members=24, **settings):
    learner = Mlp(hidden=(12,), **{"epochs": 15, "lr": 0.02, "batch": 32, **settings})
    return bank_of(probe, Flipped(task=Digits(n=150), share=0.2), learner, members=members, way="stacked")


@pytest.fixture(scope="module")
def credit_bank():
    return made(CREDIT)


@pytest.fixture(scope="module")
def effect_bank():
    return made(EFFECT)


def attribution(bank):
    return next((key, run) for key, run in bank.runs.items() if run.attribution)


def with_effects(bank, effect):
    key, run = attribution(bank)
    kept = {**run.attribution, "effect": effect}
    return replace(bank, runs={**bank.runs, key: replace(run, attribution=kept)})


def test_own_share_by_hand():
    scores = np.array([[3.0, -1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, -2.0]])
    np.testing.assert_allclose(own_share(scores, np.array([0, 1, 2])), [0.75, 0.0, 0.5])


def test_planted_queries_are_weighed_as_often_as_they_are_there():
    values, planted = np.array([1.0, 1.0, 0.0, 0.2]), np.array([True, True, False, False])
    value, (low, high) = drawn_mean(values, planted, 0.05, np.random.default_rng(0))
    assert value == pytest.approx(0.05 * 1.0 + 0.95 * 0.1)
    assert 0.05 <= low < value < high <= 0.05 + 0.95 * 0.2
    alone, _ = drawn_mean(values, np.zeros(4, bool), 0.0, np.random.default_rng(0))
    assert alone == pytest.approx(values.mean())


def test_an_interval_of_a_mean_holds_it_in_19_of_20():
    rng = np.random.default_rng(0)
    inside = [
        (lambda ends: ends[0] <= 0.5 <= ends[1])(mean_interval(rng.random(40), rng)[1]) for _ in range(400)
    ]
    assert abs(np.mean(inside) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 400) + 0.02  # percentiles of 40 are a little narrow


def test_the_score_is_the_one_of_the_retrained_members_by_hand(effect_bank):
    finding, _ = EFFECT.measure(effect_bank)
    bank = effect_bank
    run = bank[bank.subject.bank()]
    asked = Asked.of(bank, attribution(bank)[1])
    assert (bank.data.views["test"].ids[asked.test] == attribution(bank)[1].attribution["test_ids"]).all()
    by_hand = datamodel_score(asked.of_test("effect"), run.members.mask, run.views["test"].margin[-1][:, asked.test])
    assert finding.quantities["effect_lds"].value == pytest.approx(by_hand.value, abs=1e-9)
    assert np.abs(retrained(bank, asked.test) - run.views["test"].margin[-1][:, asked.test]).max() == 0


def test_effects_that_foretell_nothing_name_nobody(effect_bank):
    noise = np.random.default_rng(0).normal(size=attribution(effect_bank)[1].attribution["effect"].shape)
    finding, _ = EFFECT.measure(with_effects(effect_bank, noise))
    assert finding.status == "withheld"
    assert not finding.exhibits
    assert not finding.headline
    low, high = finding.quantities["effect_lds"].interval
    assert low <= 0 <= high


def test_effects_made_of_the_truth_are_recognised(effect_bank):
    """Effects fitted to the members themselves foretell them better than those of another run, and are named."""
    bank = effect_bank
    mask = bank[bank.subject.bank()].members.mask.astype(float)
    asked = Asked.of(bank, attribution(bank)[1])
    outputs = retrained(bank, asked.test)
    fitted = np.linalg.lstsq(mask - mask.mean(0), outputs - outputs.mean(0), rcond=None)[0].T
    effect = np.concatenate([fitted, np.zeros((len(asked.train), mask.shape[1]))])
    finding, _ = EFFECT.measure(with_effects(bank, effect))
    assert finding.quantities["effect_lds"].value > 0.9  # balanced masks have one dimension less than members
    assert finding.exhibits


def test_the_sign_turned_is_withheld(effect_bank):
    """Sabotage: a turned sign ranks retrainings the wrong way round, and is seen."""
    effect = -attribution(effect_bank)[1].attribution["effect"]
    before, _ = EFFECT.measure(effect_bank)
    finding, _ = EFFECT.measure(with_effects(effect_bank, effect))
    assert finding.quantities["effect_lds"].value == pytest.approx(-before.quantities["effect_lds"].value, abs=1e-9)
    if before.quantities["effect_lds"].value > 0:
        assert finding.status == "withheld"


def test_the_ceiling_is_of_the_same_subsets_from_other_seeds(effect_bank):
    finding, _ = EFFECT.measure(effect_bank)
    top = finding.quantities["lds_ceiling"]
    assert 0 < top.value <= 1
    bank, own, other = effect_bank, effect_bank.subject.bank(), again(effect_bank.subject)
    assert (bank[own].members.mask == bank[other].members.mask).all()
    assert not set(bank[own].members.seeds) & set(bank[other].members.seeds)
    alike = replace(bank, runs={**bank.runs, other.key(): replace(bank[other], views=bank[own].views)})
    assert EFFECT.measure(alike)[0].quantities["lds_ceiling"].value == pytest.approx(1.0)


def test_few_members_leave_it_unchecked():
    bank = made(EFFECT, members=8)
    finding, _ = EFFECT.measure(bank)
    assert isinstance(finding, Finding)
    assert "effect_lds" not in finding.quantities
    assert "not checked" in dict(finding.facts)["checked"]
    assert any("Not checked" in sentence for sentence in finding.body)


def test_retraining_is_judged_by_members_that_did_not_make_it():
    probe = Effect(method="retrain", test=6)
    bank = made(probe, members=40, epochs=4)
    finding, _ = probe.measure(bank)
    assert "effect_lds" in finding.quantities
    assert "self_effect_share" not in finding.quantities
    run = bank[bank.subject.bank()]
    asked, _ = by_halves(bank, probe.rows(bank), np.random.default_rng(0))
    overfitted = datamodel_score(asked["effect"], run.members.mask, retrained(bank, asked.test)).value
    assert overfitted > finding.quantities["effect_lds"].value + 0.2  # judged by its own members it flatters itself


def test_retraining_by_few_members_is_not_applicable():
    probe = Effect(method="retrain", test=6)
    answer, _ = probe.measure(made(probe, members=8, epochs=2))
    assert answer.status == "not applicable"
    assert "--members" in answer.offer


def test_a_credit_card_adds_up_and_says_that_it_is_not_effect(credit_bank):
    finding, _ = CREDIT.measure(credit_bank)
    found = finding.quantities
    assert 0 < found["self_credit_share"].value < found["self_credit_share_redrawn"].value
    assert found["remainder_share"].value < 0.05
    assert 1 <= found["examples_behind"].value <= 150
    assert "credit_lds" in found
    assert any("not what would happen" in sentence for sentence in finding.body)
    shown = [one for row in finding.exhibits for group in row.groups for one in group.shown]
    assert {one.view for one in shown} == {"train", "test"}


def test_the_spread_is_of_coefficients(credit_bank):
    """Credits that are kernel times a number an example: a kernel machine, spread 0; signs at random: none."""
    key, run = attribution(credit_bank)
    kernel = run.attribution["kernel"].astype(float)
    rng = np.random.default_rng(0)
    for factor, low, high in (
        (rng.normal(size=kernel.shape[1]), -1e-6, 1e-6),
        (rng.choice([-1.0, 1.0], kernel.shape), 0.5, 1.0),
    ):
        kept = {**run.attribution, "credit": kernel * factor}
        bank = replace(credit_bank, runs={**credit_bank.runs, key: replace(run, attribution=kept)})
        spread = CREDIT.measure(bank)[0].quantities["kernel_spread"]
        assert low <= spread.value <= high
        assert spread.interval[0] <= spread.value <= spread.interval[1]
