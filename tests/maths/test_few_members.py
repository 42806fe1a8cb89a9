"""Fewer than eight members: sums over pairs, and intervals that hold what members were drawn from."""

import numpy as np
import pytest
from scipy.stats import t as student

from byheart.maths.statistics.few_members import few_members_auc, pairs_estimate
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.new_examples import new_examples_interval
from byheart.maths.statistics.seen_unseen import side_columns, side_means
from byheart.training.members import balanced

FEW = [1, 2, 4, 7]


def audit(rng, m, n=200, own=0.0, apart=1.0, groups=None):
    """Costs of each member on each example: an example's own, where unseen one more, a member's, and noise."""
    mask = balanced(n, m, 0.7, int(rng.integers(1 << 30)), groups).mask
    ease = rng.exponential(size=n if groups is None else groups.max() + 1)
    ease = ease if groups is None else ease[groups]
    bits = ease * (1 + apart * ~mask) + own * rng.normal(size=(m, 1)) + 0.3 * rng.normal(size=(m, n))
    return np.full(n, 3.0), bits, mask


@pytest.mark.parametrize("m", FEW)
def test_shares_are_sums_over_the_pairs_and_add_up(m):
    rng = np.random.default_rng(m)
    _, bits, mask = audit(rng, m)
    rho = rng.uniform(1, 3, size=bits.shape[1])
    pairs = {True: np.argwhere(mask), False: np.argwhere(~mask)}
    seen, unseen = (sum(bits[j, i] for j, i in of) / sum(rho[i] for _, i in of) for of in pairs.values())
    found = budget_share_intervals(rho, bits, mask)
    np.testing.assert_allclose([part.value for part in found], [1 - unseen, unseen - seen, seen], atol=1e-12)
    inside, outside = side_columns(bits, mask, rho)
    np.testing.assert_allclose([inside.sum() / rho.sum(), outside.sum() / rho.sum()], [seen, unseen], atol=1e-12)


def test_from_eight_members_on_columns_are_means_of_examples():
    rng = np.random.default_rng(0)
    _, bits, mask = audit(rng, 8)
    for one, other in zip(side_columns(bits, mask, np.arange(200.0)), side_means(bits, mask)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("own", [0.0, 0.3])
@pytest.mark.parametrize("m", [2, 4, 7])
def test_the_interval_holds_the_truth_with_and_without_effects_of_members(m, own):
    """In 200 audits, of which 95 % are meant to: 4 standard errors below 95 % at the least."""
    rng, hits = np.random.default_rng(m), []
    for _ in range(200):
        found = budget_share_intervals(*audit(rng, m, own=own))
        truth = 1 - 2 / 3, 1 / 3, 1 / 3
        hits.append([part.low <= true <= part.high for part, true in zip(found, truth)])
    assert (np.mean(hits, 0) >= 0.95 - 4 * (0.95 * 0.05 / 200) ** 0.5).all()


def test_examples_alone_miss_what_members_add():
    """The broken twin: with effects of members, one member's interval holds the recipe's value far too rarely."""
    rng = np.random.default_rng(0)
    found = [budget_share_intervals(*audit(rng, 1, own=0.3)).left for _ in range(100)]
    assert np.mean([one.low <= 1 / 3 <= one.high for one in found]) < 0.75


def test_the_part_between_members_has_student_s_t_on_their_degrees():
    """All examples alike: what is left is the members, whose spread is known exactly."""
    mask = balanced(100, 3, 0.7, 0).mask
    effect = np.array([-1.0, 0.0, 1.0])[:, None]
    z = np.where(mask, effect - (mask * effect).sum() / mask.sum(), effect - (~mask * effect).sum() / (~mask).sum())
    found = pairs_estimate(0.0, z, mask, (0.0, 1.0), bound=0.0)
    variance = 0.5 * 70 / 30 * 1.0 + 0.5 * 1.0 / 3
    assert found.sources.training_set + found.sources.members == pytest.approx(variance, rel=0.05)
    assert found.high == pytest.approx(
        np.hypot(1.96 * found.sources.examples**0.5, student.ppf(0.975, 2) * variance**0.5), rel=0.15
    )


def test_what_others_find_hard_too_is_no_effect_of_a_member():
    """Ten hard examples, left out by whom chance takes: the spread between members is the examples', not theirs."""
    rng, ends = np.random.default_rng(3), []
    for _ in range(20):
        mask = balanced(200, 4, 0.7, int(rng.integers(1 << 30))).mask
        bits = np.where(rng.random(200) < 0.05, 5.0, 0.0) + 0.1 * rng.random((4, 200))
        found = budget_share_intervals(np.ones(200), bits, mask).memorised
        ends.append((found.high - found.low) / 2 / (1.96 * found.sources.examples**0.5))
    assert np.median(ends) < 1.2


def test_copies_are_drawn_together():
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(40), 5)
    rho, bits, mask = audit(rng, 4, groups=groups)
    alone, together = (budget_share_intervals(rho, bits, mask, names).left for names in (None, groups))
    assert together.sources.examples > 3 * alone.sources.examples


@pytest.mark.parametrize("m", FEW)
def test_the_area_by_loss_alone_is_that_of_all_pairs(m):
    rng, mask = np.random.default_rng(m), balanced(150, m, 0.7, 0).mask
    score = np.round(rng.normal(size=mask.shape) + 0.5 * mask, 1)
    slow = np.mean([(one > score[~mask]).mean() + (one == score[~mask]).mean() / 2 for one in score[mask]])
    found = few_members_auc(score, mask)
    assert found.value == pytest.approx(slow)
    assert 0 <= found.low < found.value < found.high <= 1


def test_the_interval_of_the_area_is_not_of_what_examples_have_in_common():
    """Scores that are mostly the example's own: AUCs of audits spread little, and their intervals know it."""
    rng, found = np.random.default_rng(5), []
    for _ in range(60):
        mask = balanced(200, 4, 0.7, int(rng.integers(1 << 30))).mask
        score = 3 * rng.normal(size=200) + 0.3 * rng.normal(size=(4, 200)) + mask
        found.append(few_members_auc(score, mask)[:3])
    value, low, high = np.array(found).T
    assert np.mean((low <= value.mean()) & (value.mean() <= high)) >= 0.95 - 4 * (0.95 * 0.05 / 60) ** 0.5
    assert np.mean(high - low) / 2 < 4 * value.std()


def test_new_examples_of_one_member_have_an_interval_over_examples_alone():
    right = (np.arange(100) % 10 > 0)[None].astype(float)
    found = new_examples_interval(right, 50, 15)
    assert (found.sources.training_set, found.sources.members) == (0.0, 0.0)
    assert found.value == 0.9
    assert found.high - found.low == pytest.approx(2 * 1.96 * (0.09 / 100) ** 0.5, rel=0.1)
