import math
import time
import tracemalloc

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.memorisation.counterfactual import (
    influence,
    memorisation,
    raw_memorised_share,
    shuffled,
    split_half_reliability,
)
from byheart.maths.memorisation.influence import influence_counts, largest_influence_null, members_needed
from byheart.maths.memorisation.influence_by_chance import largest_by_chance
from byheart.maths.memorisation.mean_difference import spread


@pytest.fixture
def small():
    rng = np.random.default_rng(0)
    mask = rng.random((9, 12)) < 0.6
    mask[:, 0], mask[:, 1], mask[:, 2] = True, False, [True] + [False] * 8
    return rng.random((9, 12)) < 0.5, rng.normal(size=(9, 12)) * 10 + 1e4, mask


@pytest.mark.parametrize("real", [False, True])
def test_memorisation_slow_twin_agrees(small, reference, real):
    slow = reference("counterfactual_slow")
    outcome, mask = small[int(real)].astype(float), small[2]
    pooled = slow.pooled_variance(outcome, mask, [(i, i) for i in range(12)]) if real else (None, None)
    score, error = memorisation(outcome, mask)
    for i in range(12):
        np.testing.assert_allclose((score[i], error[i]), slow.score(outcome, mask, i, i, pooled), rtol=1e-6)
    assert np.isnan(score[:2]).all()
    assert np.isnan(error[:2]).all()


@pytest.mark.parametrize("real", [False, True])
def test_influence_slow_twin_agrees(small, reference, real):
    slow = reference("counterfactual_slow")
    mask = small[2]
    outcome = small[int(real)][:, :5].astype(float)
    pooled = (
        slow.pooled_variance(outcome, mask, [(i, q) for i in range(12) for q in range(5)])
        if real
        else (None, None)
    )
    score, error = influence(outcome, mask)
    for i in range(12):
        for q in range(5):
            np.testing.assert_allclose(
                (score[i, q], error[i, q]), slow.score(outcome, mask, i, q, pooled), rtol=1e-6
            )


def test_influence_on_the_training_examples_is_memorisation(small):
    for outcome in small[:2]:
        own = memorisation(outcome, small[2])
        pairs = influence(outcome, small[2])
        np.testing.assert_allclose(np.diag(pairs.score), own.score, atol=1e-9)
    np.testing.assert_allclose(
        np.diag(influence(small[0], small[2]).standard_error), memorisation(small[0], small[2]).standard_error
    )


def test_no_score_claims_to_be_exact(draw_mask):
    mask = draw_mask(20, 50, np.random.default_rng(1))
    for outcome in (mask.copy(), np.ones((20, 50)), mask * 0.75 + 0.1, np.full((20, 50), 0.3)):
        error = memorisation(outcome, mask).standard_error
        assert (error > 0).all()
    # closed form: 14 of 14 seen right, 0 of 6 unseen
    mask = np.arange(20)[:, None] < 14
    expected = math.sqrt(15 / 16 * 1 / 16 / 14 + 1 / 8 * 7 / 8 / 6)
    np.testing.assert_allclose(memorisation(mask, mask).standard_error, expected)


def test_standard_error_is_the_spread_of_the_score():
    rng = np.random.default_rng(2)
    mask = np.zeros((20, 4000), bool)
    mask[:14] = True
    for outcome in (
        rng.random((20, 4000)) < np.where(mask, 0.8, 0.4),
        rng.normal(size=(20, 4000)) * np.where(mask, 1, 2),
    ):
        score, error = memorisation(outcome, mask)
        ratio = error.mean() / score.std()
        # a standard deviation from 4,000 scores has a relative error of 1/sqrt(8,000); shrinking may add 5 %
        assert 1 - 4 / math.sqrt(8000) < ratio < 1.05 + 4 / math.sqrt(8000)


def test_poles(draw_mask):
    rng = np.random.default_rng(3)
    mask = draw_mask(30, 200, rng)
    lucky = rng.random(200) < 0.1
    rote = mask | lucky
    assert raw_memorised_share(rote, mask) == pytest.approx(1 - lucky.mean())
    oracle = np.broadcast_to(rng.random(200) < 0.9, (30, 200))
    assert raw_memorised_share(oracle, mask) == 0
    np.testing.assert_array_equal(memorisation(oracle, mask).score, 0)


def test_a_tie_with_the_threshold_counts():
    mask = np.array([[1]] * 4 + [[0]] * 5, bool)
    outcome = np.array([[1]] * 1 + [[0]] * 8, bool)
    assert raw_memorised_share(outcome, mask, 0.25) == 1
    assert raw_memorised_share(outcome, mask, 0.251) == 0
    # 0.7 - 0.4 is a shade under 0.3 in floating point
    mask = np.array([[1]] * 10 + [[0]] * 10, bool)
    outcome = np.array([[1]] * 7 + [[0]] * 3 + [[1]] * 4 + [[0]] * 6, bool)
    assert 0.7 - 0.4 < 0.3
    assert raw_memorised_share(outcome, mask, 0.3) == 1


def test_shuffled_keeps_both_totals(small):
    mask = small[2]
    other = shuffled(mask, np.random.default_rng(4))
    np.testing.assert_array_equal(other.sum(0), mask.sum(0))
    np.testing.assert_array_equal(sorted(other.sum(1)), sorted(mask.sum(1)))
    assert (other != mask).any()
    assert sorted(map(tuple, other)) == sorted(map(tuple, mask))


def naive_influences(outcome, mask):
    with np.errstate(invalid="ignore"):
        return influence(outcome, mask).score


def test_counts_and_largest_equal_the_full_matrix(draw_mask):
    rng = np.random.default_rng(6)
    mask = draw_mask(20, 300, rng)
    mask[:, 0] = True
    outcome = rng.random((20, 90)) < rng.random(90)
    outcome[:, :10] = True
    grid = [0.3, 0.15, -0.1, 0.0]
    counts = influence_counts(outcome, mask, grid, np.random.default_rng(7), 3)
    score = naive_influences(outcome, mask)[1:]
    np.testing.assert_array_equal(counts.measured, [(score >= t - 1e-9).sum() for t in grid])
    assert counts.pairs == 299 * 90
    orders = np.random.default_rng(7)
    for row in counts.shuffled:
        score = naive_influences(outcome[orders.permutation(20)], mask)[1:]
        np.testing.assert_array_equal(row, [(score >= t - 1e-9).sum() for t in grid])
    orders = np.random.default_rng(8)
    expected = [np.nanmax(naive_influences(outcome[orders.permutation(20)], mask)) for _ in range(4)]
    np.testing.assert_allclose(
        largest_influence_null(outcome, mask, np.random.default_rng(8), 4), expected, atol=1e-6
    )


def test_queries_that_cannot_reach_the_largest_need_not_be_asked(draw_mask):
    rng = np.random.default_rng(12)
    mask = draw_mask(20, 4, rng)
    mask[0] = [True, True, True, False]  # examples are left out by different numbers of members
    outcome = rng.normal(size=(20, 2000))
    outcome /= outcome.std(0)  # all could reach about as far: which does is known when asked
    orders = np.random.default_rng(8)
    expected = [np.nanmax(naive_influences(outcome[orders.permutation(20)], mask)) for _ in range(12)]
    found = largest_influence_null(outcome, mask, np.random.default_rng(8), 12)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_null_of_outcomes_that_never_vary_is_zero(draw_mask):
    mask = draw_mask(8, 20, np.random.default_rng(9))
    np.testing.assert_array_equal(
        largest_influence_null(np.ones((8, 5)), mask, np.random.default_rng(0), 3), 0
    )
    np.testing.assert_array_equal(influence_counts(np.ones((8, 5)), mask, [0.1, 0.0]).measured, [0, 100])
    assert np.isnan(
        largest_influence_null(np.ones((8, 5)), np.ones((8, 4)), np.random.default_rng(0), 2)
    ).all()


def test_planted_pair_stands_clear_of_the_null(draw_mask):
    rng = np.random.default_rng(10)
    mask = draw_mask(64, 100, rng)
    outcome = rng.random((64, 50)) < 0.8
    outcome[:, 7] = mask[:, 3]
    null = largest_influence_null(outcome, mask, rng, 19)
    assert influence(outcome, mask).score.argmax() == 3 * 50 + 7
    assert influence(outcome, mask).score.max() > null.max()


def test_pairs_keep_their_promise_of_time_and_memory(draw_mask):
    rng = np.random.default_rng(11)
    mask = draw_mask(64, 5000, rng)
    outcome = rng.random((64, 2000)) < rng.random(2000)
    tracemalloc.start()
    start = time.process_time()
    largest_influence_null(outcome, mask, rng, 4)
    seconds = time.process_time() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 3 * 10 * 4 / 40
    assert peak < 200e6


@pytest.mark.parametrize("m, n, q", [(24, 300, 60), (40, 1000, 200)])
def test_the_largest_by_chance_in_closed_form_is_that_of_shuffles(draw_mask, m, n, q):
    """Chance passes the bar at most once in 20, within four standard errors, and half of the time about the middle."""
    rng = np.random.default_rng(14)
    mask = draw_mask(m, n, rng)
    outcome = rng.random((m, q)) < rng.random(q)
    outcome[:, :3] = True  # never vary
    bar, middle = largest_by_chance(outcome, mask, (1 / 20, math.log(2)))
    null = largest_influence_null(outcome, mask, rng, 400)
    assert (null > bar + 1e-6).mean() <= 1 / 20 + 4 * math.sqrt(0.05 * 0.95 / 400)
    assert (null > bar - 0.1).mean() > 1 / 20  # and is not far above what chance does
    assert (null >= middle - 1e-6).mean() > 0.4
    assert (null > middle + 1e-6).mean() < 0.6


def test_the_largest_by_chance_counts_pairs_as_the_permutations_do():
    mask = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], bool)
    outcome = np.array([[1], [1], [0], [0]], bool)
    # two of four saw an example: in 1 of 6 orders both are right (influence 1), in 4 one is (0), in 1 none (-1)
    assert largest_by_chance(outcome, mask, (2 / 6, 2 / 6 - 1e-9, 5 / 3)).tolist() == [0.0, 1.0, -1.0]
    assert np.isnan(largest_by_chance(outcome, np.ones((4, 2), bool), (0.1,))).all()
    assert largest_by_chance(np.ones((4, 3)), mask, (0.1,)).tolist() == [0.0]
    with pytest.raises(InputRefused, match="right or wrong"):
        largest_by_chance(outcome * 0.5, mask, (0.1,))


def test_the_largest_of_each_example_is_known_with_the_counts(draw_mask):
    rng = np.random.default_rng(15)
    mask = draw_mask(20, 600, rng)
    mask[:, 3] = True
    outcome = rng.random((20, 50)) < rng.random(50)
    largest = influence_counts(outcome, mask, [0.1]).largest
    expected = np.nanmax(np.delete(naive_influences(outcome, mask), 3, 0), axis=1)
    assert largest[3] == -np.inf
    np.testing.assert_allclose(np.delete(largest, 3), expected, atol=1e-6)


def test_members_needed_closed_form():
    needed = members_needed(5000, 2000)
    # the mock report: error below 0.026, 1.19 / 0.026^2
    assert round(needed.standard_error, 3) == 0.026
    assert abs(needed.members - 1.1905 / needed.standard_error**2) < 1
    assert members_needed(5000, 2000, threshold=0.3).members == pytest.approx(needed.members / 4, abs=1)
    assert members_needed(100, 100).members < needed.members
    with pytest.raises(InputRefused, match="share"):
        members_needed(10, 10, share=1.0)


def test_members_needed_keeps_the_rate_of_false_alarms():
    rng = np.random.default_rng(12)
    needed = members_needed(10, 10, threshold=0.5)
    mask = np.zeros((needed.members, 10), bool)
    for i in range(10):
        mask[rng.permutation(needed.members)[: round(0.7 * needed.members)], i] = True
    alarms = [naive_influences(rng.random((needed.members, 10)) < 0.5, mask).max() >= 0.5 for _ in range(300)]
    assert np.mean(alarms) < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 300)


def test_reliability_of_signal_and_of_noise(draw_mask):
    rng = np.random.default_rng(13)
    mask = draw_mask(40, 300, rng)
    signal = np.where(mask, np.linspace(0, 1, 300), 0) + rng.normal(size=(40, 300)) * 0.01
    assert split_half_reliability(signal, mask, rng).mean > 0.99
    noise = split_half_reliability(rng.random((40, 300)) < 0.5, mask, rng, halves=10)
    assert abs(noise.mean) < 4 / math.sqrt(300)
    assert noise.splits == 10
    assert math.isnan(split_half_reliability(mask, mask, rng).mean)
    for apart, ranked in ((9, False), (10, True)):  # members are right on all others, seen or not
        score = np.where(np.arange(300) < apart, mask * (1 + np.arange(300)), 1)
        assert math.isfinite(split_half_reliability(score, mask, rng).mean) == ranked


@pytest.mark.parametrize("function", [memorisation, influence, lambda o, m: influence_counts(o, m, [0.1])])
def test_bad_input_is_refused_by_name(small, function):
    outcome, mask = small[1], small[2]
    with pytest.raises(InputRefused, match="outcome"):
        function(outcome * np.nan, mask)
    with pytest.raises(InputRefused, match="mask"):
        function(outcome, mask[:-1])
    with pytest.raises(InputRefused, match="mask"):
        function(outcome, mask * 0.5)
    with pytest.raises(InputRefused, match="outcome"):
        function(outcome[0], mask)


def test_torch_in_numpy_out(small):
    import torch

    for outcome in small[:2]:
        got = memorisation(torch.tensor(outcome), torch.tensor(small[2]))
        np.testing.assert_array_equal(got.score, memorisation(outcome, small[2]).score)
        assert type(got.score) is np.ndarray
        assert got.score.dtype == np.float64


def test_variances_of_a_side_that_agrees_come_from_its_range():
    """R^2/(N + 2) where all agree; what large outcomes differ by, far above rounding, is a variance."""
    count = np.array([3, 3])
    assert spread(count, 0.0, 1, np.array([[0.0, 4.0]])) == pytest.approx(16 / (2 + 2))
    assert spread(count, 0.0, 2, np.full((2, 3), 7.0)) == pytest.approx(1 / (6 + 2))
    assert spread(count, 4e-8, 1, np.array([[1e6, 1e6 + 1]])) == pytest.approx(1e-8)
    assert spread(count, 4e-13, 1, np.array([[1e6, 1e6 + 2]])) == pytest.approx(4 / (2 + 2))
