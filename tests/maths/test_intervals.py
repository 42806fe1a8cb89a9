import math

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.intervals import (
    budget_share_intervals,
    deleted_jackknife_variance,
    memorised_share_interval,
    new_examples_interval,
)


def linear_members(rng, m, n, d):
    """The mean of a fresh draw over each member's subset: a quantity that is linear in the training examples."""
    x = rng.normal(size=n)
    return np.array([rng.choice(x, n - d, replace=False).mean() for _ in range(m)])


def test_deleted_jackknife_is_unbiased_for_a_mean():
    rng = np.random.default_rng(0)
    found = [deleted_jackknife_variance(linear_members(rng, 10, 50, 15), 50, 15) for _ in range(600)]
    assert abs(np.mean(found) - 1 / 50) < 4 * np.std(found) / math.sqrt(600)
    with pytest.raises(InputRefused, match="n_left_out"):
        deleted_jackknife_variance([1.0, 2.0], 10, 10)


def moving_audit(rng, m=24, n=200, q=500, moves=0.08):
    """Members right with a probability that moves with the mean of a hidden trait of the examples they saw."""
    trait = rng.normal(size=n)
    mask = np.array([rng.permutation(n) >= round(0.3 * n) for _ in range(m)])
    skill = moves * math.sqrt(n) * np.array([trait[row].mean() for row in mask])
    return (rng.random(q) < 0.75 + skill[:, None]).astype(float)


def coverage(make, interval, audits, seed):
    rng = np.random.default_rng(seed)
    found = np.array([interval(make(rng)) for _ in range(audits)])
    truth = found[:, 0].mean()
    return ((found[:, 1] <= truth) & (found[:, 2] >= truth)).mean(), found


def examples_alone(outcome):
    """The broken twin: an interval from examples alone, blind to the training set that all members share."""
    mean, half = outcome.mean(), 1.96 * outcome.mean(0).std() / math.sqrt(outcome.shape[1])
    return mean, mean - half, mean + half, half / 1.96


def test_new_examples_interval_covers_fresh_draws_and_examples_alone_do_not():
    audits = 300
    tolerance = 4 * math.sqrt(0.95 * 0.05 / audits)
    covered, _ = coverage(
        moving_audit,
        lambda o: new_examples_interval(o, 200, 60),
        audits,
        1,
    )
    assert 0.95 - tolerance < covered <= 1
    broken, _ = coverage(moving_audit, examples_alone, audits, 1)
    assert broken < 0.95 - tolerance


def test_new_examples_interval_is_that_of_the_examples_when_training_changes_nothing():
    rng = np.random.default_rng(2)
    outcome = np.broadcast_to(rng.random(500) < 0.8, (10, 500))
    found = new_examples_interval(outcome, 100, 30)
    assert found.standard_error == pytest.approx(
        math.sqrt(outcome[0].mean() * (1 - outcome[0].mean()) / 500), rel=0.02
    )
    assert new_examples_interval(np.ones((5, 50)), 100, 30).low < 1


def fresh_bank(rng, m=20, n=150):
    """Bits of a fresh draw: a fifth of the labels wrong; more of them in what a member saw, more bits elsewhere."""
    wrong = rng.random(n) < 0.2
    mask = np.array([rng.permutation(n) >= round(0.3 * n) for _ in range(m)])
    harm = np.array([wrong[row].mean() for row in mask])[:, None]
    out = np.where(wrong, 4.0, 0.5 + 2 * harm) + rng.normal(size=(m, n)) * 0.2
    return np.full(n, 2.0), np.where(mask, 0.3 + rng.normal(size=(m, n)) * 0.05, out), mask


@pytest.mark.parametrize("part", [0, 1])
def test_budget_shares_cover_fresh_draws_and_examples_alone_do_not(part):
    audits = 300
    tolerance = 4 * math.sqrt(0.95 * 0.05 / audits)
    covered, found = coverage(
        fresh_bank,
        lambda b: budget_share_intervals(*b)[part],
        audits,
        3,
    )
    assert covered > 0.95 - tolerance
    # not by being enormous
    assert np.mean(found[:, 3]) < 1.6 * found[:, 0].std()

    def blind(bank):
        _, bits, mask = bank
        value = budget_share_intervals(*bank)[part].value
        phi = np.where(mask, 0, bits).sum(0) / np.maximum((~mask).sum(0), 1) / 2
        half = 1.96 * phi.std() / math.sqrt(len(phi))
        return value, value - half, value + half, half

    broken, _ = coverage(fresh_bank, blind, audits, 3)
    assert broken < 0.95 - tolerance / 2


def test_budget_shares_add_up_to_one_and_agree_with_the_sums():
    reference, bits, mask = fresh_bank(np.random.default_rng(4))
    shares = budget_share_intervals(reference, bits, mask)
    assert sum(part.value for part in shares) == pytest.approx(1)
    inside = np.where(mask, bits, 0).sum(0) / mask.sum(0)
    assert shares.left.value == pytest.approx(inside.sum() / reference.sum())
    for part in shares:
        assert part.low < part.value < part.high


def test_groups_drawn_together_widen_the_interval():
    reference, bits, mask = fresh_bank(np.random.default_rng(5))
    order = np.argsort(np.where(mask, 0, bits).sum(0) / (~mask).sum(0))
    groups = np.empty(150, int)
    groups[order] = np.arange(150) // 10
    plain = budget_share_intervals(reference, bits, mask).understood
    grouped = budget_share_intervals(reference, bits, mask, groups).understood
    assert grouped.value == plain.value
    assert grouped.standard_error > 1.5 * plain.standard_error


def test_memorised_share_interval_never_collapses_and_stays_in_range():
    rng = np.random.default_rng(6)
    mask = np.array([rng.permutation(100) >= 30 for _ in range(20)])
    assert mask.any(0).all()
    rote = memorised_share_interval(mask, mask)
    assert rote.value == 1
    assert rote.low < 0.99
    assert rote.high == 1
    oracle = memorised_share_interval(np.ones((20, 100)), mask)
    assert oracle.value == 0
    assert 0 == oracle.low < oracle.high
    expected = math.sqrt(1 / 102 * (101 / 102) / 100)
    assert oracle.standard_error == pytest.approx(expected)


def test_examples_without_both_sides_are_left_out_and_a_full_mask_is_refused():
    reference, bits, mask = fresh_bank(np.random.default_rng(7))
    mask[:, 0] = True
    bits[:, 0] = 1e6
    assert budget_share_intervals(reference, bits, mask).left.value < 1
    with pytest.raises(InputRefused, match="mask"):
        budget_share_intervals(reference, bits, np.ones_like(mask))
    with pytest.raises(InputRefused, match="member_bits"):
        budget_share_intervals(reference, bits * np.nan, mask)
    with pytest.raises(InputRefused, match="groups"):
        budget_share_intervals(reference, bits, mask, groups=[1, 2])
