"""The course of learning against a slow twin; signs against scores in closed cases."""

import math

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.memorisation.learning_order import course, learned_by, stand_in, top_weights
from byheart.maths.statistics.ranks import spearman

EPOCHS = (0, 1, 2, 3, 5, 8)


def slow_course(right, loss):
    """Of one member and one example, checkpoints after epoch 0."""
    right, p = list(right[1:]), np.exp(-loss[1:])
    first = next((EPOCHS[t + 1] for t in range(5) if all(right[t:])), 2 * EPOCHS[-1])
    events = sum(right[t] and not right[t + 1] for t in range(4)) if any(right) else 5
    return first, not right[-1], events, p.mean(), p.std(), loss[-1]


def test_the_course_equals_the_slow_twin(rng):
    right, loss, mask = rng.random((6, 5, 20)) < 0.6, rng.exponential(1, (6, 5, 20)), rng.random((5, 20)) < 0.7
    mask[0] = True
    found = course(right, loss, mask, EPOCHS)
    for i in range(20):
        each = [slow_course(right[:, j, i], loss[:, j, i]) for j in range(5) if mask[j, i]]
        np.testing.assert_allclose([column[i] for column in found], np.mean(each, 0), rtol=1e-9)


def test_who_did_not_see_an_example_has_no_say(rng):
    right, loss, mask = rng.random((6, 4, 10)) < 0.5, rng.exponential(1, (6, 4, 10)), rng.random((4, 10)) < 0.5
    mask[0] = True
    other = np.where(mask, right, ~right)
    for a, b in zip(course(right, loss, mask, EPOCHS), course(other, np.where(mask, loss, 9.0), mask, EPOCHS)):
        np.testing.assert_array_equal(a, b)


def test_luck_before_training_is_not_forgotten():
    right = np.array([1, 0, 1, 1, 1, 1], bool)[:, None, None]
    found = course(right, np.zeros(right.shape), [[True]], EPOCHS)
    assert found.forgetting_events[0] == 0
    assert found.first_learned[0] == 2


def test_learned_by_rises_to_the_share_right_at_the_end(rng):
    right, mask = rng.random((6, 8, 30)) < 0.7, np.ones((8, 30), bool)
    by = learned_by(right, mask, EPOCHS)
    assert (np.diff(by, axis=0) >= 0).all()
    np.testing.assert_allclose(by[-1], right[-1].mean(0))


def test_signs_in_closed_cases(rng):
    score = rng.normal(size=400)
    same = stand_in([score**3], [score], 20, rng)
    assert (same.spearman, same.recall) == (pytest.approx(1.0), 1.0)
    assert stand_in([-score], [score], 20, rng).spearman == pytest.approx(-1.0)
    other = np.round(score + rng.normal(size=400), 1)
    assert stand_in([other], [score], 20, rng).spearman == pytest.approx(spearman(other, score), rel=1e-12)
    nothing = stand_in([rng.normal(size=400)], [score], 20, rng)
    assert abs(nothing.spearman) < 4 / math.sqrt(400)
    assert nothing.interval.low < 0 < nothing.interval.high


def test_a_tie_at_the_cut_counts_in_part():
    score = np.array([5.0, 3.0, 3.0, 3.0, 1.0])
    np.testing.assert_allclose(top_weights(score, 2), [1, 1 / 3, 1 / 3, 1 / 3, 0])
    assert math.isnan(stand_in([np.ones(5)], [score], 2, np.random.default_rng(0)).spearman)
    assert stand_in([np.ones(5)], [score], 2, np.random.default_rng(0)).recall == pytest.approx(2 / 5)


def test_bootstrap_of_the_rank_correlation_covers():
    """Bivariate normal, r = 0.6: rho = 6/pi asin(r/2)."""
    rng, truth, held = np.random.default_rng(0), 6 / math.pi * math.asin(0.3), []
    for _ in range(200):
        a = rng.normal(size=150)
        b = 0.6 * a + 0.8 * rng.normal(size=150)
        low, high = stand_in([a], [b], 5, rng, draws=200).interval
        held.append(low <= truth <= high)
    assert np.mean(held) > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 200)


def test_several_scores_are_averaged(rng):
    a, b, score = rng.normal(size=(3, 100))
    both = stand_in([a, b], [score, score], 10, rng)
    assert both.spearman == pytest.approx((spearman(a, score) + spearman(b, score)) / 2, rel=1e-12)


def test_bad_input_is_refused():
    right = np.ones((2, 1, 3), bool)
    with pytest.raises(InputRefused, match="at least 2 checkpoints"):
        course(right, np.zeros((2, 1, 3)), np.ones((1, 3), bool), (0, 1))
    with pytest.raises(InputRefused, match="c = 3"):
        course(right, np.zeros((2, 1, 3)), np.ones((1, 3), bool), (0, 1, 2))
    with pytest.raises(InputRefused, match="loss_nats"):
        course(right, np.zeros((2, 1, 4)), np.ones((1, 3), bool), (0, 1))
    with pytest.raises(InputRefused, match="k from 1"):
        stand_in([[1.0]], [[1.0]], 2, np.random.default_rng(0))
