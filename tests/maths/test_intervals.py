import math

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.statistics.effective_sample_size import unlike, worth
from byheart.maths.statistics.intervals import (
    budget_share_intervals,
    memorised_share_interval,
)
from byheart.maths.statistics.new_examples import new_examples_interval
from byheart.maths.statistics.ranks import wilson
from byheart.maths.statistics.resampling import bootstrap
from byheart.maths.statistics.training_variance import deleted_jackknife_variance, training_set_variance
from byheart.training.members import balanced


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
    found = np.array([interval(make(rng))[:4] for _ in range(audits)])
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
    assert found.standard_error == pytest.approx(math.sqrt(outcome[0].mean() * (1 - outcome[0].mean()) / 500), rel=0.02)
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
    # half of the interval is Wilson's bound for 0 of 100
    assert oracle.high == pytest.approx(wilson(0, 100).high, rel=0.05)


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


def drawn_in_groups(rng, sizes, m=8):
    """Values of groups of copies, 0.5 on average, no matter what was trained on; the group of each, and a mask."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    values = 0.5 + 0.2 * rng.normal(size=len(sizes))[groups]
    return values, groups, np.array([rng.permutation(len(groups)) >= 0.3 * len(groups) for _ in range(m)])


def of_budget(values, groups, mask, rng):
    bits = np.where(mask, 0.0, np.broadcast_to(values, mask.shape))
    return budget_share_intervals(np.ones(len(values)), bits, mask, groups).memorised[1:3]


def of_new(values, groups, mask, rng):
    return new_examples_interval(np.broadcast_to(values, mask.shape), 100, 30, groups)[1:3]


def of_bootstrap(values, groups, mask, rng):
    return bootstrap(values, groups=groups, rng=rng, draws=400).mean(0)


def by_sums_alone(values, groups, mask, rng):
    """The broken twin: squared sums of the groups without G/(G - 1), under the normal quantile."""
    sums = np.bincount(groups, values - values.mean())
    half = 1.96 * math.sqrt(sums @ sums) / len(values)
    return values.mean() - half, values.mean() + half


@pytest.mark.parametrize("interval", [of_budget, of_new, of_bootstrap])
@pytest.mark.parametrize("count", [5, 8, 16])
def test_intervals_of_few_groups_of_copies_cover(interval, count):
    audits, rng = 400, np.random.default_rng(count)
    bounds = [interval(*drawn_in_groups(rng, [20] * count), rng) for _ in range(audits)]
    covered = np.mean([low <= 0.5 <= high for low, high in bounds])
    # the percentiles of 400 draws end a little inside those of the law
    assert covered > 0.95 - 4 * math.sqrt(0.95 * 0.05 / audits) - (0.01 if interval is of_bootstrap else 0)


def test_sabotage_sums_of_groups_alone_do_not_cover():
    audits, rng = 400, np.random.default_rng(5)
    bounds = [by_sums_alone(*drawn_in_groups(rng, [20] * 5), rng) for _ in range(audits)]
    assert np.mean([low <= 0.5 <= high for low, high in bounds]) < 0.95 - 4 * math.sqrt(0.95 * 0.05 / audits)


@pytest.mark.parametrize("sizes", [[100], [50, 50], [25] * 4, [97, 1, 1, 1]], ids=str)
def test_below_five_draws_there_is_no_interval(sizes):
    rng = np.random.default_rng(0)
    values, groups, mask = drawn_in_groups(rng, sizes)
    for interval in (of_budget, of_new, of_bootstrap):
        assert np.isnan(interval(values, groups, mask, rng)).all()
    assert memorised_share_interval(mask, mask, groups=groups).interval is None


def test_copies_never_make_an_interval_narrower():
    """Copies that differ more within a group than groups do: their sums hardly move, single draws do."""
    rng, groups = np.random.default_rng(0), np.repeat(np.arange(20), 10)
    values, mask = np.tile(np.arange(10) / 10, 20), drawn_in_groups(rng, [10] * 20)[2]
    for interval in (of_budget, of_new):
        apart, together = (np.ptp(interval(values, names, mask, rng)) for names in (None, groups))
        assert together >= apart


def test_where_all_are_alike_intervals_are_as_wide_as_wilson():
    mask = np.array([np.random.default_rng(j).permutation(120) >= 36 for j in range(16)])
    for part in budget_share_intervals(np.ones(120), np.zeros((16, 120)), mask):
        assert part.high - part.value == pytest.approx(1 - wilson(120, 120).low, rel=0.05)
    groups = np.arange(120) // 4
    for part in budget_share_intervals(np.ones(120), np.zeros((16, 120)), mask, groups):
        assert part.high - part.value >= 1 - wilson(30, 30).low
    assert unlike(30.0) == pytest.approx((1.96 / 30) ** 2, rel=1e-4)


def test_copies_are_worth_as_many_draws_as_there_are_equal_groups():
    assert worth(np.arange(7)) == 7
    assert worth([0, 0, 1, 1, 2, 2]) == 3
    assert 1 < worth([0] * 97 + [1, 2, 3]) < 1.07


def test_new_examples_repeated_are_known_no_better():
    rng = np.random.default_rng(1)
    right = rng.random((8, 10)) < 0.7
    once, often = new_examples_interval(right, 100, 30), np.repeat(right, 40, 1)
    together = new_examples_interval(often, 100, 30, np.repeat(np.arange(10), 40))
    assert together.value == pytest.approx(once.value)
    assert together.high - together.low >= 0.95 * (once.high - once.low)
    alike = np.broadcast_to(right[:1], right.shape)  # members that training does not move: the examples alone
    blind, wide = (new_examples_interval(one, 100, 30).standard_error for one in (np.repeat(alike, 40, 1), alike))
    assert blind < 0.3 * wide
    np.testing.assert_array_equal(new_examples_interval(right, 100, 30, np.arange(10)[::-1])[:4], once[:4])


def unequal_mask(rng, m, n):
    """Members that leave out between a tenth and nine tenths of the examples."""
    return np.array([rng.permutation(n) >= rng.integers(n // 10, n - n // 10) for _ in range(m)])


def test_each_member_counts_with_what_it_left_out_itself():
    """The mean over what a member saw, members unequal: unbiased only if each has its own (n - d)/d."""
    rng, own, common = np.random.default_rng(10), [], []
    for _ in range(600):
        x, mask = rng.normal(size=50), unequal_mask(rng, 10, 50)
        means, left_out = np.array([x[row].mean() for row in mask]), (~mask).sum(1)
        own.append(deleted_jackknife_variance(means, 50, left_out))
        common.append(deleted_jackknife_variance(means, 50, round(left_out.mean())))
    error = np.std(own) / math.sqrt(600)
    assert abs(np.mean(own) - 1 / 50) < 4 * error
    assert np.mean(common) > 1 / 50 + 8 * error


def slow_training_set_variance(values, mask, a, b, psi, h):
    """Member by member and example by example."""
    both = mask.any(0) & ~mask.all(0)
    values, mask, psi = values[:, both], mask[:, both], psi[both]
    m, n = values.shape
    effects, noise, ratio, seen, sides = [], [], [], [], []
    for j in range(m):
        effect = spread = 0.0
        for side, weight in ((True, a), (False, b)):
            rest = []
            for i in range(n):
                if mask[j, i] == side:
                    others = [values[k, i] for k in range(m) if k != j and mask[k, i] == side]
                    rest.append(values[j, i] - np.mean(others) if others else 0.0)
            effect += weight * np.mean(rest)
            sides.append(np.mean(rest))
            spread += weight**2 * np.var(rest) / len(rest)
        effects.append(effect), noise.append(spread)
        ratio.append(mask[j].sum() / (~mask[j]).sum())
        seen.append(psi[mask[j]].mean())
    effects, noise, ratio, seen = map(np.array, (effects, noise, ratio, seen))
    h *= 1 + np.corrcoef(sides[::2], sides[1::2])[0, 1]
    away, over = effects - (ratio * effects).sum() / ratio.sum(), m - 1
    between = (ratio * away**2).sum() / over
    shared = 2 * (ratio * away * (seen - (ratio * seen).sum() / ratio.sum())).sum() / over
    training = h * max(between - (ratio * noise).mean(), 0.05 * between) + shared
    rest = max(0, effects.var(ddof=1) - noise.mean())
    unsure = 2 * (h * between) ** 2 / over + 4 * between * ratio.mean() * seen.var() / over
    return max(0, training), (noise.mean() + (1 - h) * rest) / m, unsure


@pytest.mark.parametrize("moves", [0.0, 1.0])
def test_training_set_variance_equals_its_slow_twin(moves):
    rng = np.random.default_rng(11)
    mask, trait = unequal_mask(rng, 12, 40), rng.normal(size=40)
    values = rng.normal(size=(12, 40)) + moves * np.array([trait[row].sum() for row in mask])[:, None]
    twin = slow_training_set_variance(values, mask, -0.5, 2.0, trait - trait.mean(), 0.5)
    np.testing.assert_allclose(training_set_variance(values, mask, -0.5, 2.0, trait - trait.mean()), twin)
    assert moves == 0 or twin[0] > 0


def test_sources_add_up_and_name_what_moves():
    rng = np.random.default_rng(12)
    reference, bits, mask = fresh_bank(rng)
    for part in budget_share_intervals(reference, bits, mask):
        assert sum(part.sources) == pytest.approx(part.standard_error**2)
        assert min(part.sources) >= 0
    alike = new_examples_interval(np.broadcast_to(rng.random(80) < 0.7, (10, 80)), 100, 30).sources
    assert alike.training_set == alike.members == 0 < alike.examples
    skilled = (rng.random((10, 4000)) < np.repeat([[0.5], [0.9]], 5, 0)).astype(float)
    assert max(skilled_sources := new_examples_interval(skilled, 100, 30).sources) == skilled_sources.training_set


def test_a_share_above_a_threshold_moves_with_the_scores_around_that_threshold():
    """Scores of 0.25 and 0.75 stand around 0.5, those of -0.25 and -0.75 do not: density of the definition."""
    rng = np.random.default_rng(4)
    mask, none = balanced(80, 16, 0.7, 0).mask, np.zeros(80)
    skill = rng.random(16)[:, None] < 0.5
    near = memorised_share_interval(np.where(mask, skill, False), mask, 0.5, fitted=(0.5, none, 0.0))
    far = memorised_share_interval(np.where(mask, False, skill), mask, 0.5, fitted=(0.5, none, 0.0))
    assert near.sources.training_set + near.sources.members > 0
    assert far.sources.training_set + far.sources.members == 0
