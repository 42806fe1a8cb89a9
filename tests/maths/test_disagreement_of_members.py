"""Disagreement of members on new examples: by pairs, at its limits, and whether the interval holds the truth."""

from itertools import combinations

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.statistics.new_examples import disagreement_interval


def test_it_is_the_mean_over_pairs():
    predicted = np.random.default_rng(0).integers(0, 4, (7, 60))
    slow = np.mean([(predicted[j] != predicted[l]).mean() for j, l in combinations(range(7), 2)])
    assert disagreement_interval(predicted, 100, 30).value == pytest.approx(slow, abs=1e-12)


def test_members_that_agree_differ_nowhere_and_the_interval_does_not_collapse():
    found = disagreement_interval(np.tile(np.arange(50) % 3, (8, 1)), 100, 30)
    assert found.value == 0
    assert found.interval[0] == 0
    assert 0 < found.interval[1] < 0.1


def test_one_pair_does_not_say_how_pairs_differ():
    """Thresholds drawn anew: of two members every interval was of the examples alone, and held the truth in 4 of 10."""
    rng = np.random.default_rng(0)
    truth = 0.1 * 2 / np.sqrt(np.pi)
    for m in (2, 3):
        found = [disagreement_interval(rng.random(200) > rng.normal(0.5, 0.1, (m, 1)), 100, 50) for _ in range(200)]
        known = [one.interval for one in found if one.interval]
        assert len(known) == (0 if m == 2 else 200)
        assert sum(not low <= truth <= high for low, high in known) < 30


def test_one_member_has_nobody_to_disagree_with():
    with pytest.raises(InputRefused, match="2 members"):
        disagreement_interval(np.zeros((1, 10)), 100, 30)


def drawn(rng, m, q):
    """Members of differing quality on examples of differing difficulty: right with p_ji, else one of three others."""
    quality, difficulty = rng.normal(0, 0.5, (m, 1)), rng.normal(1, 1.5, q)
    right = rng.random((m, q)) < 1 / (1 + np.exp(-(quality + difficulty)))
    return np.where(right, 0, rng.integers(1, 4, (m, q)))


def test_the_interval_holds_the_truth_over_fresh_members_and_examples():
    """Members drawn anew (left out d = n/2, so that the jackknife's factor is 1) and examples drawn anew."""
    rng = np.random.default_rng(1)
    truth = np.mean([disagreement_interval(drawn(rng, 16, 4000), 100, 50).value for _ in range(40)])
    found = [disagreement_interval(drawn(rng, 16, 300), 100, 50) for _ in range(200)]
    held = np.mean([low <= truth <= high for low, high in (one.interval for one in found)])
    assert held >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / 200)
    spread, width = np.std([one.value for one in found]), np.mean([np.diff(one.interval)[0] for one in found])
    # nor does it hold it by being wide: members of one training set move together, these do not, which is a root of 16
    assert width < 4 * 2 * 1.96 * spread
