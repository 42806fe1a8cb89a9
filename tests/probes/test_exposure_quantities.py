"""Shares of secrets and their rank correlation with copies: coverage, and no interval from stillness."""

import numpy as np
import pytest
from scipy.stats import t as student

from byheart.probes.memory.exposure.quantities import dose_spearman, share

SETS = 600
# four standard errors of a coverage of 95 % counted over SETS
LEAST = 0.95 - 4 * np.sqrt(0.95 * 0.05 / SETS)


def students(own):
    half = student.ppf(0.975, len(own) - 1) * own.std(ddof=1) / np.sqrt(len(own))
    return own.mean() - half, own.mean() + half


def coverage(drawn, truth, interval):
    return np.mean([low <= truth <= high for low, high in map(interval, drawn)])


def test_a_share_nearly_all_0_with_a_few_near_1_is_covered(rng):
    truth = 0.02 * 20 / 21
    drawn = (rng.random((SETS, 56)) < 0.02) * rng.beta(20, 1, (SETS, 56))
    seen = np.r_[np.ones(56, bool), np.zeros(4, bool)]

    def interval(own):
        return share(np.append(own, np.zeros(4)), seen).interval

    assert coverage(drawn, truth, interval) >= LEAST
    assert coverage(drawn, truth, students) < 0.8
    assert interval(np.zeros(56))[1] > 0.05


def test_doses_of_one_secret_each_cannot_be_resampled(rng):
    values, repeats = np.array([1.0, 3.0, 6.0]), np.array([1, 4, 16])
    assert dose_spearman(values, repeats, rng)[:2] == (pytest.approx(1.0), None)
    assert dose_spearman(values, repeats, rng)[2] == "too few"
    apart = dose_spearman(np.repeat(values, 4), np.repeat(repeats, 4), rng)
    assert apart[1] is None
    assert apart[2] == "no spread"
    mixed = dose_spearman(rng.normal(size=12), np.repeat(repeats, 4), rng)
    assert mixed[1][0] < mixed[0] < mixed[1][1]
