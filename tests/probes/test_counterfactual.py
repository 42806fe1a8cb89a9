"""Memorisation scores: the slow twin, the null, what is shown first, and values."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.auditing.document import without_examples
from byheart.learners.neighbours import Neighbours
from byheart.maths.memorisation.share import memorised_share
from byheart.probes.memory.counterfactual import NULLS, SHUFFLES, Counterfactual
from byheart.records.finding import Finding
from byheart.tasks.arrays import Arrays
from byheart.testing.probes import bank_of
from byheart.training.members import Members


@pytest.fixture(scope="module")
def measured(noisy):
    return Counterfactual().measure(noisy)


def permuted(bank, seed):
    need = bank.subject.bank()
    run = bank[need]
    mask = run.members.mask[np.random.default_rng(seed).permutation(len(run.members))]
    return replace(bank, runs={**bank.runs, need.key(): replace(run, members=Members(run.members.seeds, mask))})


def slow_score(outcome, mask, i):
    inside = [outcome[j, i] for j in range(len(mask)) if mask[j, i]]
    outside = [outcome[j, i] for j in range(len(mask)) if not mask[j, i]]
    return sum(inside) / len(inside) - sum(outside) / len(outside)


def test_scores_equal_the_slow_twin(noisy, measured):
    run = noisy[noisy.subject.bank()]
    mask, outcomes, columns = run.members.mask, run.views["train"], measured[1]
    right = outcomes.correct[-1].astype(float)
    for i in range(0, 300, 7):
        assert columns["score"][i] == pytest.approx(slow_score(right, mask, i), abs=1e-12)
        out = right[~mask[:, i], i]
        assert columns["c_score"][i] == pytest.approx(out.mean(), abs=1e-12)
    raw, share = (measured[0].quantities[f"memorised_share{kind}"] for kind in ("_raw", ""))
    assert raw.value == pytest.approx(np.mean(columns["score"] >= 0.25 - 1e-9), abs=1e-12)
    assert (raw.n, share.n) == (300, 300)
    alone = memorised_share(right.astype(bool), mask, groups=noisy.groups)
    assert (share.value, share.interval) == (alone.value, alone.interval)
    np.testing.assert_array_equal(columns["posterior_mean"], alone.posterior_mean)
    np.testing.assert_array_equal(columns["posterior_probability"], alone.posterior_probability)


def test_masks_permuted_give_the_null(noisy, measured):
    """What is measured under permuted masks is what the card prints as its null: 4 standard errors of the shuffles."""
    for name, shuffles in (("memorised_share", NULLS), ("memorised_share_raw", SHUFFLES)):
        found = np.array([Counterfactual().measure(permuted(noisy, seed))[0].quantities[name].value for seed in range(8)])
        one = measured[0].quantities[name]
        allowed = 4 * found.std(ddof=1) * np.sqrt(1 / 8 + 1 / shuffles)
        assert abs(found.mean() - one.null) < allowed
        assert one.value > one.null + allowed


def test_known_scores_are_counted_exactly(make_bank, answers, mask, card):
    """Thirty known by heart, ten half so, the rest always right; every score is what was put in."""
    y = np.arange(120) % 3
    right = np.ones_like(mask)
    right[:, :30] = mask[:, :30]
    bank = make_bank(y, answers(y, right, 3), mask)
    finding, columns = Counterfactual().measure(bank)
    np.testing.assert_allclose(columns["score"], np.where(np.arange(120) < 30, 1.0, 0.0), atol=1e-12)
    assert finding.quantities["memorised_share"].value == pytest.approx(0.25, abs=1e-6)
    assert finding.quantities["memorised_share_raw"].value == 0.25
    assert any("30 examples are memorised with a probability above 0.95" in sentence for sentence in card(bank, finding).body)
    assert card(bank, finding).exhibits[0].groups[0].label == "labels as they came (30 with a probability above 0.95)"


def test_the_most_memorised_come_by_posterior_mean_then_id(make_bank, answers, mask, card):
    y = np.arange(120) % 3
    right = np.ones_like(mask)
    right[:, :20] = mask[:, :20]
    right[0, :5] = False  # of five one member is wrong, seen or not
    ids = np.random.default_rng(0).permutation(120)
    bank = make_bank(y, answers(y, right, 3), mask, ids=ids)
    finding, columns = Counterfactual().measure(bank)
    first = np.argsort(columns["rank"])
    keys = list(zip(-np.round(columns["posterior_mean"][first], 12), ids[first]))
    assert keys == sorted(keys)
    assert set(first[:20]) == set(range(20))
    assert [one.id for one in card(bank, finding).exhibits[0].groups[0].shown] == list(ids[first[:12]])


def test_only_examples_that_are_surely_memorised_are_named(make_bank, mask, card):
    """Guesses pass the threshold by chance, and are not named; five known by heart are, and counted."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 120)
    right = rng.random(mask.shape) < 1 / 3
    right[:, :5] = mask[:, :5]
    logits = 6.0 * np.eye(3)[np.where(right, y, (y + 1) % 3)]
    bank = make_bank(y, logits, mask)
    finding, columns = Counterfactual().measure(bank)
    assert (columns["score"][5:] >= 0.25).sum() > 10
    shown = card(bank, finding).exhibits[0].groups[0].shown
    assert {one.id for one in shown} <= set(range(100, 105))
    assert all("memorised with probability" in one.sentence for one in shown)


def controlled(bank):
    """The same bank, its redrawn labels a control of the audit's: changed ones, and five that came out as they were."""
    truth = bank.data.truth
    control = truth.changed.copy()
    control[np.flatnonzero(~control)[:5]] = True
    return replace(bank, data=replace(bank.data, truth=replace(truth, control=control))), control


def test_the_control_leaves_every_total_and_stands_apart(noisy, card):
    bank, control = controlled(noisy)
    need, changed = bank.subject.bank(), bank.data.truth.changed
    finding, columns = Counterfactual().measure(bank)
    run = bank[need]
    right = run.views["train"].correct[-1].astype(bool)
    apart = memorised_share(right[:, changed], run.members.mask[:, changed], groups=bank.groups[changed])
    of_control = finding.quantities["control_memorised_share"]
    assert (of_control.value, of_control.interval, of_control.n) == (apart.value, apart.interval, changed.sum())
    assert f"Of the {changed.sum()} redrawn labels it memorised {100 * apart.value:.0f}\u202f%" in card(bank, finding).body[0]
    np.testing.assert_array_equal(columns["posterior_mean"][changed], apart.posterior_mean)
    assert np.isfinite(columns["posterior_mean"]).all()

    # whatever the members answer about the control, no total moves
    view = run.views["train"]
    other = np.where(control, ~view.correct, view.correct)
    answering = replace(run, views={**run.views, "train": replace(view, correct=other)})
    again = Counterfactual().measure(replace(bank, runs={**bank.runs, need.key(): answering}))[0].quantities
    assert again["control_memorised_share"].value != of_control.value
    for name in ("memorised_share", "memorised_share_raw", "c_score", "reliability_correct"):
        assert finding.quantities[name].n == 300 - control.sum()
        one, two = (
            [of.value, *(of.interval or ()), of.null, of.n] for of in (finding.quantities[name], again[name])
        )
        assert one == pytest.approx(two, rel=1e-9), name  # the sums run over other distinct counts


def test_noise_that_is_part_of_the_data_counts(noisy, measured, card):
    assert "control_memorised_share" not in measured[0].quantities
    assert measured[0].quantities["memorised_share"].n == 300
    first = card(noisy, measured[0]).body[0]
    assert first.startswith("Of the 55 redrawn labels it memorised ")
    assert "no total" not in first


def test_the_card_says_that_a_score_speaks_of_an_example_and_its_copies(make_bank, answers, mask, card):
    y = np.arange(120) % 3
    for x, said in ((np.arange(120), False), (np.arange(120) // 2, True)):
        bank = make_bank(y, answers(y, mask, 3), mask, x=x.astype(np.float32)[:, None])
        how = " ".join(card(bank, Counterfactual().measure(bank)[0]).how)
        assert ("if this example and its copies were left out" in how) is said


def test_the_curve_holds_the_headline_and_its_null(noisy, measured, card):
    curve, share = measured[0].curves["share_by_score"], measured[0].quantities["memorised_share"]
    at = curve.x.index(0.25)
    assert (curve.y[at], curve.null[at]) == (pytest.approx(share.value, abs=1e-9), share.null)
    redrawn, own, chance = card(noisy, measured[0]).charts[0].lines
    assert (own.y, chance.y) == (curve.y, curve.null)
    assert redrawn.y[at] == pytest.approx(measured[0].details["redrawn_share"], abs=1e-9)
    assert redrawn.label == "the 55 redrawn labels"


def test_hidden_examples_are_numbers_alone(noisy, measured, values, card):
    for bank, finding in ((noisy, measured[0]), (values, Counterfactual().measure(values)[0])):
        hidden = without_examples({"findings": {"it": finding.model_dump(mode="json")}})["findings"]["it"]
        left = set(hidden["ranked"]["most_memorised"]["figures"])
        assert left <= {"votes", "voters", "redrawn", "score", "probability"}
        (row,) = card(bank, Finding.model_validate(hidden)).exhibits
        shown = [one for group in row.groups for one in group.shown]
        assert [one.id for one in shown] == list(finding.ranked["most_memorised"].ids)
        assert {(one.lines, one.sentence) for one in shown} == {((), "")}
        assert row.keys == ()


def test_redrawn_labels_stand_beside_the_users_own(noisy, measured, card):
    redrawn, own = card(noisy, measured[0]).exhibits[0].groups
    assert (redrawn.ring, own.ring) == (True, False)
    changed = set(noisy.data.train.ids[noisy.data.truth.changed])
    assert {one.id for one in redrawn.shown} <= changed
    assert not {one.id for one in own.shown} & changed
    assert all("redrawn; it came as" in one.sentence for one in redrawn.shown)


def test_the_others_are_counted_as_they_vote(make_bank, answers, mask, card):
    y = np.zeros(120, int)
    right = mask.copy()
    bank = make_bank(y, answers(y, right, 3), mask)
    first = card(bank, Counterfactual().measure(bank)[0]).exhibits[0].groups[0].shown[0]
    out = int((~mask[:, first.id - 100]).sum())
    assert first.lines == ("c0", "c1", f"{out} of {out}")


def test_nothing_memorised_shows_nobody_and_ranks_nothing(make_bank, answers, mask, card):
    y = np.arange(120) % 3
    bank = make_bank(y, answers(y, np.ones_like(mask), 3), mask)
    finding = Counterfactual().measure(bank)[0]
    assert finding.ranked["most_memorised"].ids == ()
    assert card(bank, finding).exhibits == ()
    assert finding.quantities["memorised_share"].value == 0
    assert "reliability_correct" not in finding.quantities
    assert any("no ranking to repeat" in sentence for sentence in card(bank, finding).body)


def test_values_form_ranks_and_counts_no_share(values, card):
    finding, columns = Counterfactual().measure(values)
    run, y = values[values.subject.bank()], values.data.train.y
    error = -((run.views["train"].logits[:, :, 0] - y) ** 2) / y.var()
    for i in range(0, 150, 11):
        assert columns["score"][i] == pytest.approx(slow_score(error.astype(float), run.members.mask, i), abs=1e-5)
    assert finding.headline == "memorisation_mean"
    assert "memorised_share" not in finding.quantities
    np.testing.assert_array_equal(np.argsort(columns["rank"]), np.argsort(-columns["score"], kind="stable"))
    said = card(values, finding)
    shown = [one.id for one in said.exhibits[0].groups[0].shown]
    assert shown == [int(values.data.train.ids[i]) for i in np.argsort(-columns["score"])[:12]]
    assert "share of members right" not in " ".join(said.how)
    assert "squared error" in said.how[0]


def test_a_lookup_table_of_values_scores_one(make_bank, mask):
    """Rote: the value where seen, the mean elsewhere; on average one variance of the target, and more for none."""
    y = np.linspace(-2, 2, 120)
    predictions = np.where(mask, y, 0.0)[..., None]
    finding, columns = Counterfactual().measure(make_bank(y, predictions, mask, kind="values", k=1))
    assert finding.quantities["memorisation_mean"].value == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(columns["score"], y**2 / y.var(), rtol=1e-5)


def test_models_that_give_only_labels_are_ranked_by_what_is_right():
    """Calibrated, a label would rank examples by their class and half of the pool, which all halves repeat."""
    rng = np.random.default_rng(0)
    task = Arrays.of(rng.normal(size=(120, 3)), rng.integers(0, 2, 120), rng.normal(size=(40, 3)), rng.integers(0, 2, 40))
    found = Counterfactual().measure(bank_of(Counterfactual(), task, Neighbours()))[0].quantities
    assert found["reliability_probability"].value == found["reliability_correct"].value
    assert found["reliability_probability"].value < 0.9
