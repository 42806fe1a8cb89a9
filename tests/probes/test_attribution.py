"""Credit and effect on the page: who is asked, what is held against retraining, and when nothing is named."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.errors import UsageError
from byheart.learners.mlp import Mlp
from byheart.maths.statistics.ranking import datamodel_score
from byheart.probes.attribution import Asked, again, mean_interval, own_share, retrained, typical, weighed
from byheart.probes.base import reason
from byheart.probes.memory.credit import Credit
from byheart.probes.memory.effect import Effect, by_halves
from byheart.records.finding import Finding
from byheart.report.cards import About, card_of
from byheart.tasks.digits import Digits
from byheart.tasks.label_noise import Flipped
from byheart.testing.probes import bank_of

CREDIT, EFFECT = Credit(test=8, train=16), Effect(test=8, train=16)


def made(probe, members=24, **settings):
    learner = Mlp(hidden=(12,), **{"epochs": 15, "lr": 0.02, "batch": 32, **settings})
    return bank_of(probe, Flipped(task=Digits(n=150), share=0.2), learner, members=members, way="stacked")


@pytest.fixture(scope="module")
def credit_bank():
    return made(CREDIT)


@pytest.fixture(scope="module")
def effect_bank():
    return made(EFFECT)


def said(finding):
    return card_of(finding, About(n=150, noun="digit", nouns="digits", target="digit"))


def attribution(bank):
    return next((key, run) for key, run in bank.runs.items() if run.attribution)


def with_effects(bank, effect):
    key, run = attribution(bank)
    kept = {**run.attribution, "effect": effect}
    return replace(bank, runs={**bank.runs, key: run.with_kept("attribution", kept)})


def test_own_share_by_hand():
    scores = np.array([[3.0, -1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, -2.0]])
    np.testing.assert_allclose(own_share(scores, np.array([0, 1, 2])), [0.75, 0.0, 0.5])


def test_planted_queries_are_weighed_as_often_as_they_are_there():
    values, planted = np.exp(np.array([2.0, 4.0, 0.0, 1.0])), np.array([True, True, False, False])
    value, (low, high) = typical(values, weighed(planted, 0.05))
    assert np.log(value) == pytest.approx(0.05 * 3.0 + 0.95 * 0.5)
    assert low < value < high
    assert typical(values, weighed(np.zeros(4, bool), 0.0))[0] == pytest.approx(np.exp(7 / 4))
    assert typical(np.zeros(4)) == (0.0, (0.0, 0.0))


@pytest.mark.parametrize("q", [8, 16, 32])
def test_the_interval_of_shares_over_decades_holds_them_in_19_of_20(q):
    """Where a bootstrap of the mean of such shares held it in 85 of 100."""
    rng, draws = np.random.default_rng(0), 800
    hits = [low <= 0.01 <= high for low, high in (typical(0.01 * np.exp(rng.normal(0, 1.5, q)))[1] for _ in range(draws))]
    assert abs(np.mean(hits) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / draws)
    planted = np.arange(q) < q // 2
    level = np.exp(0.1 * np.log(0.1) + 0.9 * np.log(0.01))
    hits = []
    for _ in range(draws):
        values = np.where(planted, 0.1, 0.01) * np.exp(rng.normal(0, 1.5, q))
        low, high = typical(values, weighed(planted, 0.1))[1]
        hits.append(low <= level <= high)
    assert abs(np.mean(hits) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / draws) + 0.01  # Welch's approximation


def test_the_interval_of_a_mean_holds_it_in_19_of_20():
    rng = np.random.default_rng(0)
    hits = [low <= 0.5 <= high for low, high in (mean_interval(rng.random(16))[1] for _ in range(800))]
    assert abs(np.mean(hits) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 800)
    low, high = mean_interval(np.array([0.0, 0.0, 0.0, 0.1] * 2))[1]
    assert low == 0.0 < high < 1.0


def test_the_score_is_the_one_of_the_retrained_members_by_hand(effect_bank):
    finding, _ = EFFECT.measure(effect_bank)
    bank = effect_bank
    run = bank[bank.subject.bank()]
    asked = Asked.of(bank, attribution(bank)[1])
    assert (bank.data.views["test"].ids[asked.test] == attribution(bank)[1].attribution["test_ids"]).all()
    by_hand = datamodel_score(asked.of_test("effect"), run.members.mask, run.views["test"].margin[-1][:, asked.test])
    assert finding.quantities["effect_lds"].value == pytest.approx(by_hand.value, abs=1e-9)
    members = finding.tables["members"].values
    query, mask = finding.details["example"], run.members.mask
    place = int(np.flatnonzero(attribution(bank)[1].attribution["test_ids"] == query)[0])
    effects = attribution(bank)[1].attribution["effect"][place].astype(float)
    np.testing.assert_allclose(members["predicted"], (mask - mask.mean(0)) @ effects, atol=1e-6)
    assert members["retrained"] == tuple(retrained(bank, asked.test)[:, place])
    assert [mark.y for mark in said(finding).charts[0].marks] == list(members["retrained"])
    assert np.abs(retrained(bank, asked.test) - run.views["test"].margin[-1][:, asked.test]).max() == 0


def test_effects_that_foretell_nothing_name_nobody(effect_bank):
    noise = np.random.default_rng(0).normal(size=attribution(effect_bank)[1].attribution["effect"].shape)
    finding, _ = EFFECT.measure(with_effects(effect_bank, noise))
    assert finding.status == "withheld"
    assert not said(finding).exhibits
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
    assert said(finding).exhibits


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
    assert "not checked: 8 members are too few" in dict(said(finding).rows)["checked"]
    assert any("Not checked" in sentence for sentence in said(finding).body)
    assert finding.status == "withheld"  # unchecked is no better than checked and failed
    assert not said(finding).exhibits


def test_what_a_curvature_covers_is_said_from_facts_and_of_older_ledgers_as_it_stands():
    probe = Effect(method="curvature", test=8, train=16)
    finding, _ = probe.measure(made(probe))
    details = finding.details
    first = f"{details['layers'][0]} {details['damping'][0]:.2g}"
    assert f" curvature (ekfac) of 100.0 % of the weights; damping: {first}, " in said(finding).how[0]
    partly = {**details, "covered": 0.9123, "skipped": ("a", "b"), "layers": ("c",), "damping": (0.0123,)}
    how = said(finding.model_copy(update={"details": partly})).how[0]
    assert how.endswith(" curvature (ekfac) of 91.2 % of the weights; not covered: a, b; damping: c 0.012.")
    old = {name: fact for name, fact in details.items() if name != "curvature"} | {"said": "as it stands"}
    assert said(finding.model_copy(update={"details": old})).how[0].endswith(" as it stands.")


def test_retraining_is_judged_by_members_that_did_not_make_it():
    probe = Effect(method="retrain", test=8)
    bank = made(probe, members=40, epochs=4)
    finding, _ = probe.measure(bank)
    assert "effect_lds" in finding.quantities
    assert "self_effect_share" not in finding.quantities
    run = bank[bank.subject.bank()]
    asked, _ = by_halves(bank, probe.rows(bank))
    overfitted = datamodel_score(asked["effect"], run.members.mask, retrained(bank, asked.test)).value
    assert overfitted > finding.quantities["effect_lds"].value + 0.2  # judged by its own members it flatters itself
    assert not said(finding).charts


def test_retraining_by_few_members_names_nobody():
    probe = Effect(method="retrain", test=8)
    answer, _ = probe.measure(made(probe, members=8, epochs=2))
    assert answer.status == "withheld"
    assert answer.withheld == reason("unchecked", cause="too few members", members=8)
    assert "effect_lds" not in answer.quantities
    assert not said(answer).exhibits


def test_halves_that_leave_examples_one_sided_are_named():
    """32 members are enough of them, but of 16 all saw some example: they do not all say the same."""
    probe = Effect(method="retrain", test=8)
    bank = made(probe, members=32, epochs=1)
    key, run = next((key, run) for key, run in bank.runs.items() if key == bank.subject.bank().key())
    mask = run.members.mask.copy()
    mask[:16, 0], mask[16:, 0] = True, False
    moved = replace(run, members=replace(run.members, seen=mask))
    answer, _ = probe.measure(replace(bank, runs={**bank.runs, key: moved}))
    assert answer.details["unchecked"] == "one-sided halves"
    assert answer.withheld.figures["cause"] == "one-sided halves"
    assert "Not checked: half of the members leaves some digits seen by all" in " ".join(said(answer).body)


def test_a_note_on_credits_is_a_code_in_the_finding_and_a_sentence_on_its_card():
    probe = CREDIT.model_copy(update={"tolerance": 1e-9})
    finding, _ = probe.measure(made(probe))
    (note,) = finding.details["notes"]
    assert (note.code, note.figures["tolerance"]) == ("above tolerance", 1e-9)
    assert " Note: the remainder is " in said(finding).how[1]
    old = finding.model_copy(update={"details": {**finding.details, "notes": ("as it stood",)}})
    assert said(old).how[1].endswith(" Note: as it stood.")


def test_a_credit_card_adds_up_and_says_that_it_is_not_effect(credit_bank):
    finding, _ = CREDIT.measure(credit_bank)
    found = finding.quantities
    assert 0 < found["self_credit_share"].value < found["self_credit_share_redrawn"].value
    assert found["remainder_share"].value < 0.05
    assert 1 <= found["examples_behind"].value <= 150
    assert "credit_lds" in found
    assert any("not what would happen" in sentence for sentence in said(finding).body)
    rows = said(finding).exhibits
    assert {one.view for row in rows for group in row.groups for one in group.shown} == {"train", "test"}
    asked, credit = Asked.of(credit_bank, attribution(credit_bank)[1]), attribution(credit_bank)[1].attribution["credit"]
    ids, labels = credit_bank.data.train.ids, credit_bank.data.train.y
    for row, values, query in zip(rows, credit, credit_bank.data.views["test"].ids[asked.test]):
        best, worst = int(np.argmax(values)), int(np.argmin(values))
        new, helps, hurts = (group.shown[0] for group in row.groups)
        assert (new.id, helps.id, hurts.id) == (query, ids[best], ids[worst])
        assert helps.sentence == f"training digit {ids[best]}: digit {labels[best]}; credit {helps.lines[1]}"
        assert helps.lines == (str(labels[best]), f"+{values[best]:.{2 if values[best] >= 0.1 else 3}f}")


def test_of_hidden_examples_the_cards_say_ids_and_scores_alone(credit_bank):
    from byheart.auditing.document import without_examples

    finding, _ = CREDIT.measure(credit_bank)
    hidden = without_examples({"findings": {"it": finding.model_dump(mode="json")}})["findings"]["it"]
    row = said(Finding.model_validate(hidden)).exhibits[0]
    assert row.keys == ("credit",)
    assert all(len(one.lines) == 1 and ": digit" not in one.sentence for group in row.groups for one in group.shown)


def test_the_curve_of_credit_says_how_many_hold_half(credit_bank):
    finding, _ = CREDIT.measure(credit_bank)
    curve, half = finding.curves["share_held"], finding.details["examples_holding_half"]
    credit = np.abs(Asked.of(credit_bank, attribution(credit_bank)[1]).of_test("credit"))
    held = np.mean([np.cumsum(sorted(row, reverse=True)) / row.sum() for row in credit], 0)
    np.testing.assert_allclose(curve.y, held[np.array(curve.x, int) - 1])
    np.testing.assert_allclose(curve.null, np.array(curve.x) / 150)
    assert held[half - 2] < 0.5 <= held[half - 1]
    assert f"the {half} digits with the largest credits hold half" in said(finding).charts[0].reading


def test_the_continuous_statement_is_asked_on_request_and_errs_with_the_step(credit_bank):
    assert "continuous_error" not in CREDIT.measure(credit_bank)[0].quantities
    asked, found = Credit(test=8, train=16, continuous=True), []
    for lr, epochs in ((0.2, 8), (0.1, 16)):
        finding, _ = asked.measure(made(asked, members=2, optimizer="sgd", schedule="constant", lr=lr, epochs=epochs))
        found.append(finding.quantities["continuous_error"])
        assert any("infinitely small steps" in line for line in said(finding).body)
        assert found[-1].value > 10 * finding.quantities["remainder_share"].value
    assert found[0].value / found[1].value == pytest.approx(2, rel=0.4)
    assert found[1].interval[1] < found[0].value


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
        bank = replace(credit_bank, runs={**credit_bank.runs, key: run.with_kept("attribution", kept)})
        spread = CREDIT.measure(bank)[0].quantities["kernel_spread"]
        assert low <= spread.value <= high
        assert spread.interval[0] <= spread.value <= spread.interval[1]


def test_credits_that_do_not_add_up_are_withheld(credit_bank):
    key, run = attribution(credit_bank)
    kept = {**run.attribution, "remainder": run.attribution["remainder"] + run.attribution["output"]}
    finding, _ = CREDIT.measure(replace(credit_bank, runs={**credit_bank.runs, key: run.with_kept("attribution", kept)}))
    assert finding.status == "withheld"
    assert finding.withheld == reason("remainder", share=finding.quantities["remainder_share"].value)
    assert not (finding.headline)
    assert not said(finding).exhibits
    assert not said(finding).charts
    assert not (finding.poles)
    assert "kernel_spread" not in finding.quantities


def test_with_one_visit_an_example_nothing_is_said_of_coefficients():
    """Credit is then push times kernel, whatever the network."""
    finding, _ = CREDIT.measure(made(CREDIT, members=8, epochs=1))
    assert "kernel_spread" not in finding.quantities


def test_a_redrawn_label_rests_on_itself_more_only_where_intervals_do_not_meet(credit_bank):
    _key, _run = attribution(credit_bank)
    finding, _ = CREDIT.measure(credit_bank)
    own, redrawn = (finding.quantities[f"self_credit_share{end}"].interval for end in ("", "_redrawn"))
    words = " ".join(said(finding).body)
    assert ("rests on itself more" in words) == (redrawn[0] > own[1])
    assert ("not clearly more" in words) == (redrawn[0] <= own[1])


def test_an_uncertain_ceiling_is_not_named(effect_bank):
    bank, other = effect_bank, again(effect_bank.subject)
    rng = np.random.default_rng(0)
    test = bank[other].views["test"]
    noise = replace(test, margin=rng.normal(size=test.margin.shape).astype(np.float32))
    views = {**bank[other].views, "test": noise}
    moved = replace(bank, runs={**bank.runs, other.key(): replace(bank[other], views=views)})
    finding, _ = EFFECT.measure(moved)
    assert finding.quantities["lds_ceiling"].interval[0] == 0
    assert "the most is not known" in dict(said(finding).rows)["checked"]


@pytest.mark.parametrize("probe", [Credit, Effect])
@pytest.mark.parametrize("field", ["test", "train"])
def test_numbers_that_give_no_interval_are_refused_by_name(probe, field):
    with pytest.raises(UsageError, match=field):
        probe(**{field: 3})
    with pytest.raises(UsageError, match=field):
        probe(**{field: -3})


def test_a_new_version_of_the_questions_is_another_training(monkeypatch):
    from byheart.fingerprint.description import described, revive
    from byheart.learners.attribution_run import Questions
    from byheart.study.plan import Settings, draw_step, train_steps

    subject = made(CREDIT, members=8, epochs=1).subject
    asked = CREDIT._recorded(subject)

    def keys():
        return [step.key for step in train_steps(subject, asked, draw_step(subject), Settings(), None)]

    before = keys()
    monkeypatch.setattr(Questions, "version", 99)
    assert keys() != before
    assert revive(described(asked.questions)) == asked.questions
