"""Models told from retrained ones: a slow twin, chance under no effect, and what it sees."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.memorisation.retraining_auc import either_way_auc, retraining_auc


def slow(score, retrained):
    """By three loops."""
    placed = [[[float(a > b) + 0.5 * (a == b) for a, b in zip(one, other)] for other in retrained] for one in score]
    return np.mean(placed)


def test_it_is_the_mean_over_all_pairs_and_rows_and_ties_count_half():
    rng = np.random.default_rng(0)
    score, retrained = rng.integers(0, 4, (5, 7)), rng.integers(0, 4, (3, 7))
    found = retraining_auc(score, retrained)
    assert found.auc == pytest.approx(slow(score, retrained))
    assert found.by_example.mean() == pytest.approx(found.auc)
    assert retraining_auc(retrained, score).auc == pytest.approx(1 - found.auc)
    assert retraining_auc(np.ones((3, 4)), np.ones((3, 4)))[:2] == (0.5, (0.5, 0.5))
    assert retraining_auc(np.ones((1, 4)), np.ones((3, 4))).interval is None


@pytest.mark.parametrize("shared", [0.0, 2.0])
def test_under_no_effect_the_interval_holds_chance(shared):
    """400 times two kinds of the same models, whose scores of all rows may move together: in 95 % of them or more."""
    rng, held = np.random.default_rng(1), 0
    for _ in range(400):
        one, other = (shared * rng.normal(size=(8, 1)) + rng.normal(size=(8, 20)) for _ in range(2))
        low, high = retraining_auc(one, other).interval
        held += low <= 0.5 <= high
    assert held / 400 > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 400)


def test_what_is_known_still_and_what_is_avoided_are_both_seen():
    rng = np.random.default_rng(2)
    for moved, side in ((0.7, 1), (-0.7, -1)):
        found = retraining_auc(rng.normal(size=(8, 40)) + moved, rng.normal(size=(8, 40)))
        assert side * (found.auc - 0.5) > 0.1
        assert not found.interval[0] <= 0.5 <= found.interval[1]


def test_other_rows_are_refused():
    with pytest.raises(InputRefused, match="the same examples"):
        retraining_auc(np.zeros((3, 4)), np.zeros((3, 5)))


def test_either_way_is_the_mean_over_left_out_pairs():
    rng = np.random.default_rng(3)
    score, retrained = rng.integers(0, 4, (4, 5)), rng.integers(0, 4, (3, 5))
    agrees = []
    for j in range(4):
        for k in range(3):
            for i in range(5):
                other = np.delete(score[:, i], j).mean() - np.delete(retrained[:, i], k).mean()
                pair = float(score[j, i] - retrained[k, i])
                agrees.append(0.5 if other * pair == 0 else float(other * pair > 0))
    assert either_way_auc(score, retrained, rng, 1).auc == pytest.approx(np.mean(agrees))
    assert either_way_auc(score[:1], retrained, rng) == (0.5, 1.0)


@pytest.mark.parametrize("shared", [0.0, 2.0])
def test_either_way_tells_nothing_under_no_effect(shared):
    rng, told, aucs = np.random.default_rng(4), 0, []
    for _ in range(200):
        one, other = (shared * rng.normal(size=(6, 1)) + rng.normal(size=(6, 12)) for _ in range(2))
        found = either_way_auc(one, other, rng, 49)
        told += found.p <= 0.1
        aucs.append(found.auc)
    assert told / 200 < 0.1 + 4 * np.sqrt(0.1 * 0.9 / 200)
    assert abs(np.mean(aucs) - 0.5) < 4 * np.std(aucs) / np.sqrt(200)
