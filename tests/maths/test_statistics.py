import math
import time

import numpy as np
import pytest
from scipy.stats import spearmanr

from byheart.errors import InputRefused
from byheart.maths.statistics.ranking import auc, auc_interval
from byheart.maths.statistics.ranks import r2, row_spearman, spearman, wilson
from byheart.maths.statistics.resampling import bootstrap


def test_wilson_closed_form_and_symmetry():
    low, high = wilson(8, 10)
    # the interval solves (p - 0.8)^2 = z^2 p (1 - p)/10
    for p in (low, high):
        assert (p - 0.8) ** 2 == pytest.approx(1.959964**2 * p * (1 - p) / 10, rel=1e-5)
    other = wilson(2, 10)
    assert other.low == pytest.approx(1 - high)
    assert wilson(0, 5).low == 0
    assert wilson(5, 5).high == 1
    assert wilson([0, 5], [5, 5]).low.shape == (2,)
    with pytest.raises(InputRefused, match="successes"):
        wilson(6, 5)


def test_wilson_covers():
    rng = np.random.default_rng(0)
    low, high = wilson(rng.binomial(50, 0.1, 4000), 50)
    assert abs(((low <= 0.1) & (high >= 0.1)).mean() - 0.95) < 0.025


def test_bootstrap_variance_of_mean_sum_and_ratio():
    rng = np.random.default_rng(1)
    n, draws = 400, 4000
    x = rng.normal(size=n) + 5
    y = x + rng.normal(size=n)
    resampled = bootstrap(np.stack([y, x], 1), rng=rng, draws=draws)
    tolerance = 4 * math.sqrt(2 / draws)
    assert resampled.variance(0) == pytest.approx(y.var() / n, rel=tolerance)
    ratio = y.sum() / x.sum()
    assert resampled.variance(0, 1) == pytest.approx(
        (y - ratio * x).var() / n / x.mean() ** 2, rel=tolerance * 1.2
    )
    low, high = resampled.sum(0)
    assert (high - low) / (2 * 1.96) == pytest.approx(n * math.sqrt(y.var() / n), rel=0.1)
    low, high = resampled.ratio(0, 1)
    assert low < ratio < high


def test_bootstrap_keeps_duplicates_together():
    rng = np.random.default_rng(2)
    one = rng.normal(size=100)
    copies = np.repeat(one, 4)
    together = bootstrap(copies, groups=np.repeat(np.arange(100), 4), rng=rng)
    apart = bootstrap(copies, rng=rng)
    tolerance = 4 * math.sqrt(2 / 1000)
    assert together.variance(0) == pytest.approx(one.var() / 100, rel=tolerance)
    assert apart.variance(0) == pytest.approx(one.var() / 400, rel=tolerance)
    assert not bootstrap(np.ones((10, 1)), groups=[0] * 9 + [1], rng=rng).known
    uneven = bootstrap(np.ones((10, 1)), groups=[0, 0, 0, *range(1, 8)], rng=rng)
    assert uneven.mean(0) == (1, 1)
    assert set(uneven.counts) <= set(range(8, 25, 2))


def test_resamples_of_few_groups_are_stretched_to_what_students_t_says(rng):
    """Ten groups of four: the bootstrap's spread is (G - 1)/G of the unbiased one, and 1.96 is t of 9 degrees."""
    values, groups = rng.normal(size=40), np.arange(40) // 4
    assert bootstrap(values, groups=groups, rng=rng).stretch == pytest.approx(math.sqrt(10 / 9) * 2.262157 / 1.959964)
    assert bootstrap(values, rng=rng).stretch == 1.0


def test_bootstrap_is_fast_and_refuses():
    rng = np.random.default_rng(3)
    values = rng.random((5000, 4))
    start = time.process_time()
    bootstrap(values, rng=rng)
    assert time.process_time() - start < 0.5
    with pytest.raises(InputRefused, match="values"):
        bootstrap([1.0, np.nan], rng=rng)
    with pytest.raises(InputRefused, match="groups"):
        bootstrap([1.0, 2.0], groups=[1], rng=rng)


def test_auc_slow_twin_ties_half():
    rng = np.random.default_rng(4)
    score, positive = rng.integers(0, 6, 60), rng.random(60) < 0.4
    pairs = [(p > q) + 0.5 * (p == q) for p in score[positive] for q in score[~positive]]
    assert auc(score, positive) == pytest.approx(np.mean(pairs))
    assert auc(-score, positive) == pytest.approx(1 - np.mean(pairs))
    with pytest.raises(InputRefused, match="positive"):
        auc(score, positive & False)


def test_auc_interval_equals_resampling_by_hand():
    rng = np.random.default_rng(5)
    positive = rng.random(200) < 0.3
    score = np.round(rng.normal(size=200) + positive, 1)
    slow = []
    for _ in range(600):
        up, down = (
            rng.choice(score[positive], positive.sum()),
            rng.choice(score[~positive], (~positive).sum()),
        )
        slow.append(auc(np.concatenate([up, down]), np.arange(200) < len(up)))
    low, high = auc_interval(score, positive, np.random.default_rng(6))
    expected = np.quantile(slow, [0.025, 0.975])
    # error of a 2.5 % quantile: sqrt(0.025 * 0.975 / draws) / density there (0.058 / sd), both sides drawn
    tolerance = 4 * math.sqrt(0.0244 * (1 / 600 + 1 / 1000)) / 0.058 * np.std(slow)
    np.testing.assert_allclose([low, high], expected, atol=tolerance)


def test_spearman_of_rows_is_that_of_each_bit_for_bit():
    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 6, (200, 24)), rng.normal(size=(200, 24)).round(1)
    a[7], b[8] = 2, 0.0  # constant: no ranking
    found = row_spearman(a, b)
    assert np.array_equal(found, [spearman(*rows) for rows in zip(a, b, strict=True)], equal_nan=True)
    assert np.isnan(found).nonzero()[0].tolist() == [7, 8]


def test_spearman_with_ties_and_r2():
    rng = np.random.default_rng(7)
    a, b = rng.integers(0, 5, 50), rng.integers(0, 5, 50)
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert math.isnan(spearman(np.ones(5), np.arange(5)))
    y = rng.normal(size=100)
    assert r2(y, y) == 1
    assert r2(y, np.full(100, y.mean())) == pytest.approx(0)
    assert r2(y, y[::-1]) < 0
    assert math.isnan(r2(np.ones(4), np.ones(4)))
    with pytest.raises(InputRefused, match="predictions"):
        r2(y, y[:-1])
