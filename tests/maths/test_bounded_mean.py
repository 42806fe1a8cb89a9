"""Means of values below a ceiling: coverage where Student's interval fails, none from one value or from stillness."""

import numpy as np
import pytest
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.statistics.bounded_mean import bounded_mean, stratified_mean
from byheart.maths.statistics.ranks import wilson

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
    assert coverage(values, truth, lambda own: bounded_mean(own, CEILING).interval) >= LEAST
    assert coverage(values, truth, students) < LEAST


def test_eight_of_eight_at_the_ceiling_are_no_certainty():
    found = bounded_mean(np.full(8, CEILING), CEILING)
    assert found.value == found.interval[1] == CEILING
    assert found.interval[0] == pytest.approx(CEILING * wilson(8, 8).low)
    assert (found.at_ceiling, found.n, found.widened) == (8, 8, True)


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_values_that_are_all_alike_are_no_certainty(value):
    # rounding is no spread
    low, high = bounded_mean(np.full(8, value) + 1e-12 * np.arange(8), CEILING).interval
    assert low <= value < value + 1 < high


def test_where_values_spread_it_is_students(rng):
    own = rng.uniform(2, 9, 8)
    assert bounded_mean(own, CEILING).interval == pytest.approx(students(own))


def test_one_secret_a_group_has_no_interval(rng):
    single, more = np.array([7.0]), rng.uniform(2, 9, 8)
    for found in (bounded_mean(single, CEILING), stratified_mean([single] * 3, CEILING), stratified_mean([single, more], CEILING)):
        assert found.interval is None
        assert not found.widened
    assert stratified_mean([single, more], CEILING).value == pytest.approx(np.append(more, 7.0).mean())


def test_the_mean_of_groups_covers_though_some_sit_at_the_ceiling(rng):
    full, truth = at_the_ceiling(rng, 0.9)
    low = rng.normal(6, 1, (SETS, 8))
    drawn = np.concatenate([low, full], 1)
    found = coverage(drawn, (6 + truth) / 2, lambda own: stratified_mean([own[:8], own[8:]], CEILING).interval)
    assert found >= LEAST


def test_of_groups_that_spread_it_is_stratified(rng):
    groups = [rng.normal(mean, 1, 40) for mean in (4, 12)]
    low, high = stratified_mean(groups, CEILING).interval
    half = student.ppf(0.975, 39) * np.sqrt(sum(own.var(ddof=1) / 40 for own in groups)) / 2
    assert (high - low) / 2 == pytest.approx(half)


@pytest.mark.parametrize("wrong", [[], [[1.0]], [float("nan")]])
def test_what_is_no_group_of_values_is_refused(wrong):
    with pytest.raises(InputRefused):
        bounded_mean(wrong, CEILING)
