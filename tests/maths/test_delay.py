"""Delayed generalization: steps that are held, areas, Fourier power, restricted and excluded logits."""

from __future__ import annotations

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.delay import (
    first_held,
    frequency_power,
    gap_over_log_steps,
    gini,
    gini_of_noise,
    highest_held,
    key_frequencies,
    log_steps,
    sum_means,
    typical_step,
    with_frequencies,
    without_frequencies,
)

P = 13


def wave(p, *frequencies):
    """(p, 2 f) a cosine and a sine a frequency."""
    angles = 2 * np.pi * np.outer(np.arange(p), frequencies) / p
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)


def pairs(p=P):
    """a, b and a + b of the whole table."""
    a, b = np.divmod(np.arange(p * p), p)
    return a, b, (a + b) % p


# --- steps


def test_the_grid_is_even_over_the_logarithm_and_ends_where_training_does():
    steps = np.array(log_steps(6000))
    assert steps[:9].tolist() == [0, 1, 2, 3, 4, 5, 6, 8, 10]
    assert steps[-1] == 6000
    assert (np.diff(steps) > 0).all()
    assert (steps[11:-1] / steps[10:-2]).max() < 1.3
    assert len(steps) < 45
    assert (log_steps(0), log_steps(1)) == ((0,), (0, 1))


def test_a_level_counts_from_where_it_is_held_for_three_evaluations():
    steps = [1, 2, 3, 5, 8, 12, 18]
    curves = [
        [0.1, 0.99, 0.2, 0.96, 0.95, 1.0, 1.0],  # a spike does not count
        [0.0, 0.0, 0.0, 0.0, 0.96, 0.99, 1.0],  # the last three are enough
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.99, 1.0],  # two are not
        [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0],  # held, and lost later: it was there
    ]
    found = first_held(curves, steps, 0.95)
    assert found.step[[0, 1, 3]].tolist() == [5, 8, 1]
    assert found.before[[0, 1, 3]].tolist() == [3, 5, 1]
    assert np.isnan(found.step[2])
    assert np.isnan(found.before[2])


def slow_first_held(curve, steps, level, held):
    for i in range(len(steps) - held + 1):
        if all(curve[i + j] >= level for j in range(held)):
            return steps[i]
    return float("nan")


def test_held_steps_are_those_of_a_loop_and_the_highest_level_is_the_last_with_a_step():
    rng = np.random.default_rng(0)
    curves, steps = rng.random((40, 12)), np.cumsum(rng.integers(1, 9, 12))
    for held in (1, 2, 3):
        found = first_held(curves, steps, 0.6, held).step
        assert np.array_equal(found, [slow_first_held(c, steps, 0.6, held) for c in curves], equal_nan=True)
        for curve, level in zip(curves, highest_held(curves, held)):
            assert np.isfinite(first_held(curve[None], steps, level, held).step[0])
            assert np.isnan(first_held(curve[None], steps, level + 1e-12, held).step[0])


def test_typical_step_covers_log_normal_steps_and_holds_what_the_grid_leaves_open():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(400):
        low, high = typical_step(np.exp(rng.normal(6.0, 0.3, 4))).interval
        hits += low <= np.exp(6.0) <= high
    assert abs(hits / 400 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 400)
    low, high = typical_step([100.0, 400.0], low=[50.0, 200.0], high=[200.0, 800.0]).interval
    alone = typical_step([100.0, 400.0])
    assert alone.value == pytest.approx(200.0)
    assert (low, high) == pytest.approx((alone.interval[0] / 2, alone.interval[1] * 2))
    assert typical_step([7.0]) == (pytest.approx(7.0), None)


def test_the_gap_is_the_area_over_the_logarithm():
    steps = np.array([0, 1, 10, 100, 1000])
    seen, out = np.ones((1, 5)), np.array([[9.0, 0.0, 0.0, 0.0, 1.0]])  # the step 0 has no logarithm
    assert gap_over_log_steps(seen, out, steps) == pytest.approx([1 - 1 / 6])
    assert gap_over_log_steps(seen, seen, steps) == pytest.approx([0.0])


# --- frequencies


def test_the_power_of_a_cosine_stands_at_its_frequency_and_is_as_uneven_as_can_be():
    power = frequency_power(wave(53, 7))
    assert power.argmax() == 6
    assert power[6] == pytest.approx(2 * (53 / 2) ** 2)
    assert np.delete(power, 6) == pytest.approx(0, abs=1e-18)
    assert gini(power) == pytest.approx(1 - 1 / 26)


def test_power_is_that_of_sums_written_out():
    rows = np.random.default_rng(0).normal(size=(P, 4))
    for k in range(1, P // 2 + 1):
        angle = 2 * np.pi * k * np.arange(P) / P
        slow = sum((rows[:, d] @ np.cos(angle)) ** 2 + (rows[:, d] @ np.sin(angle)) ** 2 for d in range(4))
        assert frequency_power(rows)[k - 1] == pytest.approx(slow)


def test_relabelling_residues_changes_no_unevenness():
    rows = np.random.default_rng(0).normal(size=(P, 3))
    own = frequency_power(rows)
    assert frequency_power(np.roll(rows, 4, axis=0) + 2.5) == pytest.approx(own)
    times = frequency_power(rows[np.arange(P) * 5 % P])  # residue a is called 5 a
    assert np.sort(times) == pytest.approx(np.sort(own))
    assert gini(times) == pytest.approx(gini(own))
    assert times != pytest.approx(own)


@pytest.mark.parametrize("d", [1, 8, 64])
def test_noise_has_the_gini_coefficient_of_a_gamma_variable(d):
    rng, p = np.random.default_rng(d), 53
    found = np.array([gini(frequency_power(rng.normal(size=(p, d)))) for _ in range(400)])
    error = found.std() / np.sqrt(400)
    # the ratio of means differs from the mean of ratios by about 1 / (2 d k), a part of it
    assert abs(found.mean() - gini_of_noise(26, d)) < 4 * error + gini_of_noise(26, d) / (2 * d * 26)


def test_gini_is_that_of_all_pairs():
    values = np.random.default_rng(0).gamma(2.0, size=9)
    slow = np.abs(values[:, None] - values).sum() / (2 * 9 * values.sum())
    assert gini(values) == pytest.approx(slow)
    assert gini(10 * values[::-1]) == pytest.approx(slow)


# --- logits


def by_sums(function, p=P):
    """Logits of all pairs from a function (p, k) of their sum."""
    return function[pairs(p)[2]]


def test_what_follows_from_the_sum_is_found_as_by_least_squares_on_waves():
    rng = np.random.default_rng(0)
    _, _, sums = pairs()
    z = rng.normal(size=(P * P, P))
    z -= z.mean(1, keepdims=True)
    frequencies = (2, 5)
    basis = np.concatenate([np.ones((P, 1)), wave(P, *frequencies)], axis=1)[sums]
    slow = basis @ np.linalg.lstsq(basis, z, rcond=None)[0]
    means = sum_means(z, sums, P)
    assert by_sums(with_frequencies(means, frequencies)) == pytest.approx(slow)
    constant = np.ones((P * P, 1)) * z.mean(0)
    assert without_frequencies(z, sums, means, frequencies) == pytest.approx(z - slow + constant)


def test_a_model_of_five_waves_needs_these_and_nothing_else():
    _, _, sums = pairs(23)
    s, c = np.arange(23)[:, None], np.arange(23)[None]
    right = sum(np.cos(2 * np.pi * k * (s - c) / 23) for k in (1, 4, 6, 7, 10))
    z = by_sums(right, 23)
    constants = np.random.default_rng(0).normal(0, 9, (len(z), 1))  # the same in all logits of a pair: it says nothing
    means = sum_means(z + constants, sums, 23)
    assert set(key_frequencies(means)) == {1, 4, 6, 7, 10}
    assert with_frequencies(means, key_frequencies(means)).argmax(1).tolist() == list(range(23))
    assert without_frequencies(z, sums, means, key_frequencies(means)) == pytest.approx(0, abs=1e-9)


def test_what_is_known_by_heart_stays_without_the_frequencies():
    rng = np.random.default_rng(0)
    _, _, sums = pairs()
    labels = rng.integers(P, size=P * P)
    z = 9.0 * np.eye(P)[labels]
    means = sum_means(z, sums, P)
    assert (without_frequencies(z, sums, means, key_frequencies(means)).argmax(1) == labels).mean() > 0.99
    assert (by_sums(with_frequencies(means, key_frequencies(means))).argmax(1) == labels).mean() < 0.5


def test_a_sum_that_no_pair_has_is_the_mean_of_the_others():
    means = sum_means([[2.0, 0.0, -2.0], [0.0, 0.0, 0.0]], [0, 1], 3)
    assert means[2] == pytest.approx([1.0, 0.0, -1.0])


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: first_held([[1.0, 1.0]], [1, 1], 0.5), "ascending steps"),
        (lambda: first_held([[1.0, 1.0]], [1, 2, 3], 0.5), "ascending steps"),
        (lambda: typical_step([0.0]), "steps above 0"),
        (lambda: gap_over_log_steps([[1.0, 1.0]], [[0.0, 0.0]], [0, 1]), "two steps above 0"),
        (lambda: frequency_power(np.ones((3, 2))), "at least 4 residues"),
        (lambda: gini([0.0, 0.0]), "not all 0"),
        (lambda: gini([-1.0, 2.0]), "values from 0"),
        (lambda: gini_of_noise(0, 1), "one frequency"),
        (lambda: sum_means(np.ones((2, 3)), [0, 3], 3), "0"),
        (lambda: key_frequencies(np.ones((3, 2))), "at least 4 sums"),
        (lambda: with_frequencies(np.ones((7, 2)), [4]), "from 1 to 3"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, said):
    with pytest.raises(InputRefused, match=said):
        call()
