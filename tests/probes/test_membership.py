"""Membership: the closed form, the two poles, what is withheld, what is shown first, values."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from byheart.maths.memorisation.membership import likelihood_ratio
from byheart.maths.statistics.ranks import wilson
from byheart.probes.memory.membership import Membership, attack_score, caught_share
from byheart.records.finding import NotApplicable
from byheart.training.members import Members, balanced


def with_margins(make_bank, margin, mask, **options):
    """A bank of two classes whose margins (m, n) are given."""
    y = np.arange(margin.shape[1]) % 2
    logits = np.zeros((*margin.shape, 2))
    logits[:, np.arange(len(y)), y] = margin
    return make_bank(y, logits, mask, **options)


def permuted(bank, seed):
    need = bank.subject.bank()
    run = bank[need]
    mask = run.members.mask[np.random.default_rng(seed).permutation(len(run.members))]
    return replace(bank, runs={**bank.runs, need.key(): replace(run, members=Members(run.members.seeds, mask))})


def test_normal_margins_give_the_closed_form(make_bank):
    rng, mask = np.random.default_rng(0), balanced(300, 60, 0.5, seed=0).mask
    finding, columns = Membership().measure(with_margins(make_bank, rng.normal(size=mask.shape) + 1.5 * mask, mask))
    found = finding.quantities["membership_auc"]
    assert found.value == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=0.015)
    assert found.interval[0] < norm.cdf(1.5 / np.sqrt(2)) < found.interval[1] + 0.01
    at = finding.quantities["tpr_at_fpr_1_percent"]
    assert at.value == pytest.approx(norm.sf(norm.isf(0.01) - 1.5), abs=0.04)
    assert at.null == 0.01
    assert columns["risk"].mean() == pytest.approx(found.value, abs=1e-9)
    assert columns["found_at_1_percent"].mean() == pytest.approx(at.value, abs=1e-3)


def test_masks_permuted_give_one_half(noisy):
    found = np.array([Membership().measure(permuted(noisy, seed))[0].quantities["membership_auc"].value for seed in range(8)])
    assert abs(found.mean() - 0.5) < 4 * found.std(ddof=1) / np.sqrt(8)
    measured = Membership().measure(noisy)[0].quantities["membership_auc"]
    assert measured.interval[0] > 0.5
    assert measured.value > found.max()


def test_levels_without_enough_false_alarms_are_withheld_and_say_what_would_do(noisy, card):
    finding = Membership().measure(noisy)[0]  # 16 members, 300 digits: about 1,440 judgements of non-members
    assert not {"tpr_at_fpr_1_percent", "tpr_at_fpr_0.1_percent"} & set(finding.quantities)
    body = card(noisy, finding).body
    assert any("withheld, 14 false alarms in the place of 30; 34 members would be needed" in line for line in body)
    assert any("At 0.1" in line and "withheld, 1 false alarm in" in line for line in body)


def test_the_most_exposed_come_first_and_planted_apart(make_bank, card):
    rng, mask = np.random.default_rng(1), balanced(240, 48, 0.7, seed=0).mask
    effect = np.zeros(240)
    effect[:12] = 12.0
    changed = np.zeros(240, bool)
    changed[:4] = True
    bank = with_margins(make_bank, rng.normal(size=mask.shape) + effect * mask, mask, changed=changed)
    finding, columns = Membership().measure(bank)
    said = card(bank, finding)
    redrawn, own = said.exhibits[0].groups
    assert {one.id for one in redrawn.shown} == {100, 101, 102, 103}
    assert {one.id for one in own.shown} <= set(range(104, 112))
    assert (columns["found_at_1_percent"][:12] == 1).all()
    assert any("give themselves away: of these 100" in line for line in said.body)
    saw = int(mask[:, redrawn.shown[0].id - 100].sum())
    assert redrawn.shown[0].lines[1] == f"{saw} of {saw}"


def test_exposed_are_those_that_the_attack_is_right_about(make_bank):
    """Not the one that it takes for a training example in any case, and not those that it finds now and then."""
    rng, mask = np.random.default_rng(1), balanced(240, 48, 0.7, seed=0).mask
    margin = rng.normal(size=mask.shape)
    margin[:, :12] += 12.0 * mask[:, :12]
    margin[:, 12] += 12.0
    columns = Membership().measure(with_margins(make_bank, margin, mask))[1]
    assert np.flatnonzero(columns["exposed"]).tolist() == list(range(12))
    assert (columns["taken_at_1_percent"][:12] == 0).all()
    alike = rng.normal(size=mask.shape) + 3 * rng.normal(size=240)  # who saw what says nothing, however odd an example
    assert not Membership().measure(with_margins(make_bank, alike, mask))[1]["exposed"].any()


@pytest.mark.parametrize("found, saw, taken, others, exposed", [
    (34, 34, 0, 14, 1), (24, 34, 0, 14, 1), (23, 34, 0, 14, 1), (22, 34, 0, 14, 0), (34, 34, 3, 14, 1), (34, 34, 4, 14, 0),
    (5, 5, 0, 2, 0), (6, 6, 0, 4, 1),
])  # fmt: skip
def test_exposed_beyond_both_intervals(found, saw, taken, others, exposed):
    """One example beside many that nobody finds, whose non-members fill the false alarms."""
    mask = np.zeros((saw + others, 40), bool)
    mask[:saw] = True
    score = np.zeros(mask.shape)
    score[:found, 0], score[saw : saw + taken, 0] = 2.0, 2.0
    score[saw:, 1:] = np.linspace(0, 1, others * 39).reshape(others, 39)
    caught = caught_share(score, mask, false_alarms=taken)
    assert caught.found_at_1_percent[0] == found / saw
    assert caught.taken_at_1_percent[0] == taken / others
    low, high = wilson([found, taken], [saw, others])
    assert caught.exposed[0] == exposed == (low[0] > 0.5 and high[1] < 0.5)
    assert not caught.exposed[1:].any()


def test_nobody_is_shown_where_nothing_is_given_away(make_bank, card):
    mask = balanced(120, 16, 0.7, seed=0).mask
    bank = with_margins(make_bank, np.broadcast_to(np.linspace(-3, 3, 120), mask.shape), mask)
    finding, columns = Membership().measure(bank)
    assert finding.quantities["membership_auc"].value == pytest.approx(0.5, abs=1e-12)
    assert card(bank, finding).exhibits == ()
    np.testing.assert_allclose(columns["risk"], 0.5)


@pytest.mark.parametrize("m", [1, 2, 4, 7])
def test_few_members_are_no_shadow_models_and_attacked_by_the_loss_alone(make_bank, card, m):
    rng, mask = np.random.default_rng(0), balanced(120, m, 0.7, seed=0).mask
    score = rng.normal(size=mask.shape) + mask
    bank = with_margins(make_bank, score, mask)
    answer, columns = Membership().measure(bank)
    assert (columns, answer.curves, answer.ranked) == ({}, {}, {})
    auc = answer.quantities["membership_auc"]
    assert auc.value == pytest.approx(np.mean([(s > score[~mask]).mean() for s in score[mask]]))
    assert auc.interval[0] < auc.value < auc.interval[1]
    assert auc.speaks_of == ("training" if m == 1 else "recipe")
    assert "this one training" in auc.method or m > 1
    assert "at least 8 members" in card(bank, answer).body[1]


def test_values_are_judged_by_their_absolute_error(values, card):
    run = values[values.subject.bank()]
    wanted = -np.abs(run.views["train"].logits[:, :, 0] - values.data.train.y)
    np.testing.assert_allclose(attack_score(values), wanted, atol=1e-5)
    finding = Membership().measure(values)[0]
    assert finding.quantities["membership_auc"].value > 0.5
    said = card(values, finding)
    assert "absolute error" in said.how[0]
    assert any("error alone, no other models" in line for line in said.body)


def test_the_chart_is_the_curve(noisy, card):
    chart = card(noisy, Membership().measure(noisy)[0]).charts[0]
    assert chart.x.log
    assert chart.y.log
    online, _, _, guess = chart.lines
    assert online.y[-1] == pytest.approx(1.0)
    assert guess.x == guess.y
    assert all(low <= y <= high for low, y, high in zip(online.low, online.y, online.high))
    mask = noisy[noisy.subject.bank()].members.mask
    ratio = likelihood_ratio(attack_score(noisy), mask)
    bar = np.quantile(ratio[~mask], 1 - online.x[8])
    assert online.y[8] == pytest.approx((ratio[mask] > bar).mean(), abs=0.01)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n, m", [(20, 8), (40, 9), (60, 8)])
def test_small_banks_are_measured_without_a_curve_or_said_not_to_apply(make_bank, card, n, m):
    """Fewer than 60 judgements of non-members draw no curve; nothing is divided by zero on the way."""
    rng, mask = np.random.default_rng(0), balanced(n, m, 0.7, seed=0).mask
    bank = with_margins(make_bank, rng.normal(size=mask.shape), mask)
    answer = Membership().measure(bank)[0]
    if not isinstance(answer, NotApplicable):
        assert len(card(bank, answer).charts) == ((~mask).sum() >= 60)
        assert 0 <= answer.quantities["membership_auc"].value <= 1


def aucs(finding):
    return {name: finding.quantities[f"{name}_auc"].value for name in ("online", "offline", "loss_threshold")}


@pytest.mark.parametrize("best", ["online", "offline", "loss_threshold"])
def test_the_strongest_attack_is_reported_and_named(make_bank, card, best):
    """Online: the effect differs in sign. Offline: one effect for all, so means of the seen are noise. Alone: all alike."""
    members = {"online": 40, "offline": 8, "loss_threshold": 8}[best]
    rng, mask = np.random.default_rng(0), balanced(400, members, 0.5, 0).mask
    place = 0.0 if best == "loss_threshold" else 6 * rng.normal(size=400)
    effect = 3 * rng.normal(size=400) if best == "online" else 1.2
    bank = with_margins(make_bank, rng.normal(size=mask.shape) + effect * mask + place, mask)
    finding = Membership().measure(bank)[0]
    found, auc = aucs(finding), finding.quantities["membership_auc"]
    assert max(found, key=found.get) == best
    assert auc.value == pytest.approx(found[best], abs=1e-12)
    word = {"online": "likelihood ratio", "offline": "never saw", "loss_threshold": "loss alone"}[best]
    said = card(bank, finding)
    assert said.body[0].startswith("The strongest of three attacks")
    assert word in said.body[0]
    assert word in said.notes["membership_auc"]


def test_where_a_level_is_below_a_guess_it_says_so(make_bank, card):
    below = 0
    for seed in range(6):  # nothing is given away: about half of the levels lie below
        rng, mask = np.random.default_rng(seed), balanced(400, 20, 0.6, seed).mask
        bank = with_margins(make_bank, rng.normal(size=mask.shape), mask)
        finding = Membership().measure(bank)[0]
        body = card(bank, finding).body
        point, auc = finding.quantities["tpr_at_fpr_1_percent"], finding.quantities["membership_auc"]
        assert any("fewer than a guess, which finds 1" in line for line in body) == (point.value < 0.01)
        assert any("Even that is worse than a guess" in line for line in body) == (auc.value < 0.5)
        below += point.value < 0.01
    assert 0 < below < 6


def test_labels_of_the_control_do_not_enter(make_bank, card):
    rng, mask = np.random.default_rng(0), balanced(300, 30, 0.6, seed=0).mask
    control = np.arange(300) < 30
    margin = rng.normal(size=mask.shape) + mask
    found = []
    for strength in (0.0, 20.0):
        bank = with_margins(make_bank, margin + strength * (mask & control), mask, changed=control)
        truth = replace(bank.data.truth, control=control)
        bank = replace(bank, data=replace(bank.data, truth=truth))
        finding, columns = Membership().measure(bank)
        found.append((finding.quantities, columns["risk"][~control], columns["risk"][control], card(bank, finding).body))
    assert found[0][0] == found[1][0]
    assert found[0][0]["membership_auc"].n == 270
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert found[0][2].mean() < 0.85 < 0.95 < found[1][2].min()
    assert any("of these 100" in line for line in found[1][3])
    counted = with_margins(make_bank, margin + 20 * (mask & control), mask, changed=control)
    assert Membership().measure(counted)[0].quantities["membership_auc"].value > found[1][0]["membership_auc"].value + 0.01


def test_copies_widen_the_interval(make_bank):
    rng, mask = np.random.default_rng(0), np.repeat(balanced(100, 40, 0.6, seed=0).mask, 4, 1)
    margin = np.repeat(rng.normal(size=(40, 100)) + 2 * rng.random(100) * mask[:, ::4], 4, 1)
    margin += 0.1 * rng.normal(size=margin.shape)
    widths = [
        np.ptp(Membership().measure(with_margins(make_bank, margin, mask, x=x))[0].quantities["membership_auc"].interval)
        for x in (np.arange(400.0)[:, None], np.repeat(np.arange(100.0), 4)[:, None])
    ]
    assert widths[1] > 1.3 * widths[0]
