"""Means over secrets: coverage where Student's interval fails, no interval from one secret, none from stillness."""

import numpy as np
import pytest
from scipy.stats import t as student

from byheart.maths.statistics.ranks import wilson
from byheart.probes.memory.exposure.quantities import dose_spearman, mean_of, over_groups, share

CEILING, SETS = 18.8, 600
# four standard errors of a coverage of 95 % counted over SETS
LEAST = 0.95 - 4 * np.sqrt(0.95 * 0.05 / SETS)


def students(own):
    half = student.ppf(0.975, len(own) - 1) * own.std(ddof=1) / np.sqrt(len(own))
    return own.mean() - half, own.mean() + half


def coverage(drawn, truth, interval):
    return np.mean([low <= truth <= high for low, high in map(interval, drawn)])


def at_the_ceiling(rng, full):
    """Eight secrets a set, each at the ceiling with that probability, else anywhere below it."""
    values = CEILING * rng.random((SETS, 8))
    values[rng.random(values.shape) < full] = CEILING
    return values, CEILING * (full + (1 - full) / 2)


@pytest.mark.parametrize("full", [0.7, 0.85, 0.95])
def test_at_the_ceiling_it_covers_and_students_does_not(rng, full):
    values, truth = at_the_ceiling(rng, full)
    assert coverage(values, truth, lambda own: mean_of(own, CEILING).interval) >= LEAST
    assert coverage(values, truth, students) < LEAST


def test_eight_of_eight_at_the_ceiling_are_no_certainty():
    found = mean_of(np.full(8, CEILING), CEILING)
    assert found.value == found.interval[1] == CEILING
    assert found.interval[0] == pytest.approx(CEILING * wilson(8, 8).low)
    assert "8 of 8 at the ceiling of 18.8 bits: at least" in found.how


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_values_that_are_all_alike_are_no_certainty(value):
    # rounding is no spread
    low, high = mean_of(np.full(8, value) + 1e-12 * np.arange(8), CEILING).interval
    assert low <= value < value + 1 < high


def test_where_values_spread_it_is_students(rng):
    own = rng.uniform(2, 9, 8)
    assert mean_of(own, CEILING).interval == pytest.approx(students(own))


def test_one_secret_a_group_has_no_interval(rng):
    single, more = np.array([7.0]), rng.uniform(2, 9, 8)
    for found in (mean_of(single, CEILING), over_groups([single] * 3, CEILING), over_groups([single, more], CEILING)):
        assert found.interval is None
        assert found.how == "no interval: one secret a group"
    assert over_groups([single, more], CEILING).value == pytest.approx(np.append(more, 7.0).mean())


def test_the_mean_of_groups_covers_though_some_sit_at_the_ceiling(rng):
    full, truth = at_the_ceiling(rng, 0.9)
    low = rng.normal(6, 1, (SETS, 8))
    drawn = np.concatenate([low, full], 1)
    found = coverage(drawn, (6 + truth) / 2, lambda own: over_groups([own[:8], own[8:]], CEILING).interval)
    assert found >= LEAST


def test_of_groups_that_spread_it_is_stratified(rng):
    groups = [rng.normal(mean, 1, 40) for mean in (4, 12)]
    low, high = over_groups(groups, CEILING).interval
    half = student.ppf(0.975, 39) * np.sqrt(sum(own.var(ddof=1) / 40 for own in groups)) / 2
    assert (high - low) / 2 == pytest.approx(half)


def test_a_share_nearly_all_0_with_a_few_near_1_is_covered(rng):
    truth = 0.02 * 20 / 21
    drawn = (rng.random((SETS, 56)) < 0.02) * rng.beta(20, 1, (SETS, 56))
    seen = np.r_[np.ones(56, bool), np.zeros(4, bool)]

    def interval(own):
        return share(np.append(own, np.zeros(4)), seen, "x").interval

    assert coverage(drawn, truth, interval) >= LEAST
    assert coverage(drawn, truth, students) < 0.8
    assert interval(np.zeros(56))[1] > 0.05


def test_doses_of_one_secret_each_cannot_be_resampled(rng):
    values, repeats = np.array([1.0, 3.0, 6.0]), np.array([1, 4, 16])
    assert dose_spearman(values, repeats, rng)[:2] == (pytest.approx(1.0), None)
    assert "no interval" in dose_spearman(values, repeats, rng)[2]
    apart = dose_spearman(np.repeat(values, 4), np.repeat(repeats, 4), rng)
    assert apart[1] is None
    assert "no interval: resampling" in apart[2]
    mixed = dose_spearman(rng.normal(size=12), np.repeat(repeats, 4), rng)
    assert mixed[1][0] < mixed[0] < mixed[1][1]
