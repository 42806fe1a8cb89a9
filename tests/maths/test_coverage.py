"""Intervals on simulated banks whose truth the estimators did not make: a small run of benchmarks/coverage.py."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from byheart.maths.statistics.effective_sample_size import (
    Estimate,
    Sources,
    freedom_of_variance,
    on_log_scale,
    quantile,
)
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.new_examples import new_examples_interval, new_r2_interval
from byheart.maths.statistics.training_variance import MemberVariance, sum_of, training_set_variance

PATH = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
SPEC = importlib.util.spec_from_file_location("benchmark_coverage", PATH)
BENCHMARK = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = BENCHMARK
SPEC.loader.exec_module(BENCHMARK)
BANKS = 150
# the training set's effects are smaller or larger than the part that is assumed: said in the benchmark, not tested
APART = {"seeds alone move", "training set alone moves"}
SMALL = ["small test set", "small test set, easy", "values", "values, hardly any noise", "log-normal values"]


@pytest.mark.parametrize("name", SMALL)
def test_intervals_cover_or_are_withheld(name):
    for quantity, (_, hits, given, _) in BENCHMARK.covered(BENCHMARK.WORLDS[name], BANKS, seed=7).items():
        if given < 0.1 * BANKS:
            continue
        tolerance = 4 * math.sqrt(0.95 * 0.05 / given)
        assert hits / given > 0.95 - tolerance, quantity


def test_the_gap_of_values_is_not_four_times_too_wide():
    wide = BENCHMARK.covered(BENCHMARK.WORLDS["values"], BANKS, seed=3)["gap"][3]
    assert 0.9 < wide < 1.9  # it was 4.2, from a floor made for shares


def test_heavy_tails_withhold_r2_and_ordinary_ones_do_not():
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    plain = new_r2_interval((y - 0.7 * y)[None] ** 2 + 0.1 * rng.random(200), y, 100)
    assert plain.low < plain.value < plain.high < 1
    heavy = np.exp(3 * y)
    assert new_r2_interval((heavy - 1)[None] ** 2, heavy, 100).interval is None


def test_r2_of_one_model_has_the_standard_error_of_a_ratio_and_does_not_depend_on_the_unit():
    """The slow twin leaves out one example at a time."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=300)
    squared = (y - (0.6 * y + 0.5 * rng.normal(size=300))) ** 2
    of = new_r2_interval(squared[None], y, 100)
    left = [np.delete(squared, i).mean() / np.delete(y, i).var() for i in range(300)]
    jackknife = math.sqrt(299 / 300 * ((np.array(left) - np.mean(left)) ** 2).sum())
    assert of.standard_error == pytest.approx(jackknife, rel=0.05)
    assert of.value == pytest.approx(1 - squared.mean() / y.var())
    scaled = new_r2_interval(100 * squared[None], 10 * y, 100)
    np.testing.assert_allclose(scaled[:4], of[:4])
    factor = (1 - of.low) / (1 - of.value)
    assert factor == pytest.approx((1 - of.value) / (1 - of.high))
    assert math.log(factor) == pytest.approx(1.96 * of.standard_error / (1 - of.value), rel=0.03)


def test_noise_of_finitely_many_examples_is_taken_from_the_spread_of_members():
    """Members alike but for coin flips: their spread is sampling, and nothing is left for the training set."""
    rng, kept = np.random.default_rng(2), []
    for _ in range(40):
        coins = (rng.random((40, 400)) < 0.6).astype(float)
        sources = new_examples_interval(coins, 100, 30).sources
        kept.append(sources.training_set / (coins.mean(1).var(ddof=1) * 7 / 3))
    assert np.mean(kept) < 0.2  # added in place of taken it is above 1.5
    skilled = (rng.random((40, 400)) < rng.uniform(0.4, 0.8, (40, 1))).astype(float)
    left = sum(new_examples_interval(skilled, 100, 30).sources[1:])
    assert left == pytest.approx(0.8 * 7 / 3 * (skilled.mean(1).var(ddof=1) - 0.24 / 400), rel=0.1)


def test_students_t_where_draws_come_in_groups():
    assert quantile(5.0, 50) == pytest.approx(2.776, abs=1e-3)
    assert quantile(30.0, 90) == pytest.approx(2.045, abs=1e-3)
    assert quantile(50.0, 50) == pytest.approx(1.960, abs=1e-3)


def test_degrees_of_freedom_of_a_variance():
    rng, own = np.random.default_rng(3), np.arange(4000)
    assert freedom_of_variance(rng.normal(size=4000), own) == pytest.approx(4000, rel=0.2)
    assert freedom_of_variance(np.where(own % 2, 0.5, -0.5), own) == math.inf
    few = (own < 8) - 8 / 4000
    assert freedom_of_variance(few, own) == pytest.approx(16, rel=0.05)


def test_log_scale_keeps_a_ratio_positive_and_its_logarithm_symmetric():
    of = on_log_scale(Estimate(0.2, -0.1, 0.5, 0.15, Sources(0.02, 0.0, 0.0)))
    assert 0 < of.low < 0.2 < of.high
    assert of.low * of.high == pytest.approx(0.04)
    assert on_log_scale(Estimate(0.0, -0.1, 0.1, 0.05, Sources(0.0, 0.0, 0.0))).low == 0


def spread_over(members, rng, n=400):
    """Answers that are coin flips for every member on every example: nothing but more members would tell them better."""
    mask = np.array([rng.permutation(n) >= 120 for _ in range(members)])
    return budget_share_intervals(np.ones(n), (rng.random((members, n)) < 0.5).astype(float), mask).memorised


def test_sources_name_what_narrows_the_interval():
    """What twice as many members bring is foretold; a constant model's interval is the examples' and does not move."""
    rng = np.random.default_rng(4)
    few, many = (np.mean([spread_over(m, rng).sources for _ in range(20)], axis=0) for m in (16, 64))
    assert Sources(*few).largest == "members"
    assert few[2] > 2 * many[2]
    right = np.broadcast_to(rng.random(400) < 0.5, (64, 400))
    for members in (16, 64):
        mask = np.array([rng.permutation(400) >= 120 for _ in range(members)])
        sources = budget_share_intervals(np.ones(400), 1.0 - right[:members], mask).understood.sources
        assert sources.largest == "examples"
        assert sources.members == 0


def test_what_few_members_cannot_tell_counts_as_theirs_and_costs_degrees_of_freedom():
    sure, unsure = (sum_of(1.0, 50.0, MemberVariance(0.5, 0.2, noise)) for noise in (0.0, 0.25))
    assert sure[0] == pytest.approx((0.8, 0.5, 0.2))
    assert sure[1] == pytest.approx(2 * 1.5**2 / (2 / 50))
    assert unsure[0] == pytest.approx((0.8, 0.25, 0.45))
    assert unsure[1] == pytest.approx(2 * 1.5**2 / (2 / 50 + 0.25))
    assert sum_of(0.1, math.inf, MemberVariance(0.0, 0.2, 0.0)) == ((0.0, 0.0, 0.1), math.inf)


def test_a_subset_fitted_closely_is_no_effect_of_its_examples_one_by_one():
    """Members that are better where seen by as much as worse elsewhere: the gap of the training set does not move."""
    rng = np.random.default_rng(6)
    mask = np.array([rng.permutation(200) >= 60 for _ in range(40)])
    luck, noise = rng.normal(size=(40, 1)), 0.01 * rng.normal(size=(40, 200))
    apart = training_set_variance(np.where(mask, -luck, luck) + noise, mask).training_set
    alike = training_set_variance(np.where(mask, luck, 3 * luck) + noise, mask).training_set
    assert apart < 0.01 * alike
    # both sides alike in direction: h is doubled
    assert alike == pytest.approx(2 * 0.5 * 7 / 3 * 4 * luck.var(ddof=1), rel=0.15)


def test_an_interval_does_not_hang_on_the_rounding_of_a_side_that_says_the_same(rng):
    """A pool without slope codes every left-out label as the reference does: what is left is rounding."""
    mask = rng.random((8, 300)) < 0.7
    seen = 2 - rng.random(8)[:, None] - 0.1 * rng.random((8, 300))
    exact = budget_share_intervals(np.full(300, 3.0), np.where(mask, seen, 3.0), mask).memorised
    for _ in range(5):
        rounded = np.where(mask, seen, 3.0 + 1e-15 * rng.normal(size=mask.shape))
        found = budget_share_intervals(np.full(300, 3.0), rounded, mask).memorised
        assert found.interval == pytest.approx(exact.interval, rel=1e-9)
