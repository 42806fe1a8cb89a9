"""Memorisation scores: the slow twin, the null, what is shown first, and values."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.learners.members import Members
from byheart.probes.memory.counterfactual import Counterfactual


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
    probability = np.exp(-outcomes.loss_nats[-1].astype(float))
    for i in range(0, 300, 7):
        assert columns["score"][i] == pytest.approx(slow_score(right, mask, i), abs=1e-12)
        assert columns["score_probability"][i] == pytest.approx(slow_score(probability, mask, i), abs=1e-12)
        out = right[~mask[:, i], i]
        assert columns["c_score"][i] == pytest.approx(out.mean(), abs=1e-12)
    share = measured[0].quantities["memorised_share"]
    assert share.value == pytest.approx(np.mean(columns["score"] >= 0.25 - 1e-9), abs=1e-12)
    assert share.n == 300


def test_masks_permuted_give_the_null(noisy, measured):
    """What is measured under permuted masks is what the card prints as its null: 4 standard errors of 20 shuffles."""
    found = np.array([Counterfactual().measure(permuted(noisy, seed))[0].quantities["memorised_share"].value for seed in range(8)])
    null = measured[0].quantities["memorised_share"].null
    allowed = 4 * found.std(ddof=1) * np.sqrt(1 / 8 + 1 / 20)
    assert abs(found.mean() - null) < allowed
    assert measured[0].quantities["memorised_share"].value > null + allowed


def test_known_scores_are_counted_exactly(make_bank, answers, mask):
    """Thirty known by heart, ten half so, the rest always right; every score is what was put in."""
    y = np.arange(120) % 3
    right = np.ones_like(mask)
    right[:, :30] = mask[:, :30]
    finding, columns = Counterfactual().measure(make_bank(y, answers(y, right, 3), mask))
    np.testing.assert_allclose(columns["score"], np.where(np.arange(120) < 30, 1.0, 0.0), atol=1e-12)
    assert finding.quantities["memorised_share"].value == 0.25
    assert any("30 examples tie at 1.00" in sentence for sentence in finding.body)


def test_most_memorised_come_by_score_then_probability(make_bank, answers, mask):
    y = np.arange(120) % 3
    right = np.ones_like(mask)
    right[:, :20] = mask[:, :20]
    logits = answers(y, right, 3)
    logits[:, :20] *= (1 + np.arange(20) / 10)[None, :, None]  # ties at 1.00, surer and surer
    bank = make_bank(y, logits, mask)
    finding, columns = Counterfactual().measure(bank)
    shown = [one.id for one in finding.exhibits[0].groups[0].shown]
    assert shown == [int(bank.data.train.ids[i]) for i in range(19, 7, -1)]
    np.testing.assert_array_equal(columns["rank"][:20], np.arange(20)[::-1])
    assert sorted(columns["rank"]) == list(range(120))


def test_full_ties_are_ordered_by_id(make_bank, answers, mask):
    y = np.arange(120) % 3
    right = np.ones_like(mask)
    right[:, :20] = mask[:, :20]
    # 16 members, each example left out by 4 or 5: the same surety on both sides makes the probability tie as well
    ids = np.random.default_rng(0).permutation(120)
    finding, columns = Counterfactual().measure(make_bank(y, answers(y, right, 3), mask, ids=ids))
    tied = np.flatnonzero(np.isclose(columns["score_probability"][:20], columns["score_probability"][:20].max(), atol=0))
    first = tied[np.argsort(columns["rank"][tied])]
    assert list(ids[first]) == sorted(ids[first])
    assert finding.exhibits


def test_the_sentence_on_changed_labels_counts_at_the_threshold(noisy, measured):
    high, changed = measured[1]["score"] >= 0.25 - 1e-9, noisy.data.truth.changed
    among = [f"{100 * high[chosen].mean():.0f}\u202f%" for chosen in (changed, ~changed)]
    assert measured[0].body[0] == f"Of the labels we changed {among[0]} score that high, of the labels as they came {among[1]}."
    between = (measured[1]["score"] >= 0.25) & (measured[1]["score"] < 0.3)
    assert between.any()


def test_redrawn_labels_stand_beside_the_users_own(noisy, measured):
    redrawn, own = measured[0].exhibits[0].groups
    assert (redrawn.ring, own.ring) == (True, False)
    changed = set(noisy.data.train.ids[noisy.data.truth.changed])
    assert {one.id for one in redrawn.shown} <= changed
    assert not {one.id for one in own.shown} & changed
    assert all("redrawn; it came as" in one.sentence for one in redrawn.shown)


def test_the_others_are_counted_as_they_vote(make_bank, answers, mask):
    y = np.zeros(120, int)
    right = mask.copy()
    bank = make_bank(y, answers(y, right, 3), mask)
    first = Counterfactual().measure(bank)[0].exhibits[0].groups[0].shown[0]
    out = int((~mask[:, first.id - 100]).sum())
    assert first.lines == ("c0", "c1", f"{out} of {out}")


def test_nothing_memorised_shows_nobody_and_ranks_nothing(make_bank, answers, mask):
    y = np.arange(120) % 3
    finding = Counterfactual().measure(make_bank(y, answers(y, np.ones_like(mask), 3), mask))[0]
    assert finding.exhibits == ()
    assert finding.quantities["memorised_share"].value == 0
    assert "reliability_correct" not in finding.quantities
    assert any("no ranking to repeat" in sentence for sentence in finding.body)


def test_no_sentence_compares_with_labels_that_are_not_there(make_bank, answers, mask):
    y = np.arange(120) % 3
    bank = make_bank(y, answers(y, mask, 3), mask, changed=np.ones(120, bool))
    body = Counterfactual().measure(bank)[0].body
    assert not any("as they came" in sentence for sentence in body)


def test_values_form_ranks_and_counts_no_share(values):
    finding, columns = Counterfactual().measure(values)
    run, y = values[values.subject.bank()], values.data.train.y
    error = -((run.views["train"].logits[:, :, 0] - y) ** 2) / y.var()
    for i in range(0, 150, 11):
        assert columns["score"][i] == pytest.approx(slow_score(error.astype(float), run.members.mask, i), abs=1e-5)
    assert finding.headline == "memorisation_mean"
    assert "memorised_share" not in finding.quantities
    np.testing.assert_array_equal(np.argsort(columns["rank"]), np.argsort(-columns["score"], kind="stable"))
    shown = [one.id for one in finding.exhibits[0].groups[0].shown]
    assert shown == [int(values.data.train.ids[i]) for i in np.argsort(-columns["score"])[:12]]
    assert "share of members right" not in " ".join(finding.how)
    assert "squared error" in finding.how[0]


def test_a_lookup_table_of_values_scores_one(make_bank, mask):
    """Rote: the value where seen, the mean elsewhere; on average one variance of the target, and more for none."""
    y = np.linspace(-2, 2, 120)
    predictions = np.where(mask, y, 0.0)[..., None]
    finding, columns = Counterfactual().measure(make_bank(y, predictions, mask, kind="values", k=1))
    assert finding.quantities["memorisation_mean"].value == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(columns["score"], y**2 / y.var(), rtol=1e-5)
