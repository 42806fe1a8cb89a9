"""The strongest attack: chosen where it is not scored; scores of two attacks on one scale of false alarms."""

import numpy as np
import pytest

from byheart.maths.memorisation.strongest_attack import cross_scored, strongest
from byheart.maths.statistics.detection import detection_curve
from byheart.training.members import balanced


def area(score, mask):
    false, true = detection_curve(score, mask)
    return float(((true[1:] + true[:-1]) / 2 * np.diff(false)).sum())


def test_each_half_is_scored_by_the_choice_of_the_other(rng):
    mask = balanced(200, 20, 0.5, seed=0).mask
    noise, tells, first = rng.normal(size=(2, *mask.shape))[0], rng.normal(size=mask.shape) + mask, np.arange(20)[:, None] < 10
    attacks = {"noise": noise, "first": np.where(first, tells, noise), "second": np.where(first, noise, tells)}
    # the first half finds that "first" tells, and the second is scored by it: what a peek would give is not got
    assert strongest(attacks, mask) == (("second", "first"),)
    assert area(cross_scored(attacks, mask, ("second", "first")), mask) < 0.55
    assert area(cross_scored(attacks, mask, ("first", "second")), mask) > 0.7


def test_the_best_of_many_guesses_is_a_guess(rng):
    honest, peeked = [], []
    for trial in range(30):
        mask = balanced(60, 12, 0.5, seed=trial).mask
        attacks = {str(k): rng.normal(size=mask.shape) for k in range(12)}
        honest.append(area(cross_scored(attacks, mask, strongest(attacks, mask)[0]), mask))
        peeked.append(max(area(score, mask) for score in attacks.values()))
    assert abs(np.mean(honest) - 0.5) < 4 * np.std(honest) / np.sqrt(30)
    assert np.mean(peeked) - 0.5 > 8 * np.std(peeked) / np.sqrt(30)


def test_auc_and_each_level_have_a_choice_of_their_own(rng):
    """One attack is a little right of everything, the other sure of a tenth."""
    mask = balanced(500, 20, 0.5, seed=0).mask
    little, tenth = rng.normal(size=mask.shape) + 0.8 * mask, rng.normal(size=mask.shape)
    tenth[:, :50] += 9 * mask[:, :50]
    chosen = strongest({"tenth": tenth, "little": little}, mask, (0.01, 0.3))
    assert chosen == (("little", "little"), ("tenth", "tenth"), ("little", "little"))


def test_two_scales_become_one_of_false_alarms(rng):
    mask = balanced(100, 10, 0.5, seed=0).mask
    score = rng.normal(size=mask.shape) + mask
    made = cross_scored({"a": score, "b": np.exp(7 * score)}, mask, ("a", "b"))
    for half in (slice(0, 5), slice(5, 10)):
        assert area(made[half], mask[half]) == pytest.approx(area(score[half], mask[half]), abs=1e-12)
        assert (made[half] > -0.1)[~mask[half]].mean() == pytest.approx(0.1, abs=0.005)
    assert cross_scored({"a": score}, mask, ("a", "a")) is score


def test_in_doubt_the_first_is_kept(rng):
    mask = balanced(100, 10, 0.5, seed=0).mask
    flat, told = np.zeros(mask.shape), rng.normal(size=mask.shape) + 2 * mask
    assert strongest({"flat": flat, "same": flat}, mask) == (("flat", "flat"),)
    assert strongest({"flat": flat, "told": told}, mask) == (("told", "told"),)
    assert strongest({"flat": flat[:2], "told": told[:2]}, mask[:2]) == (("flat", "flat"),)  # a half of one member
    assert strongest({"flat": flat, "told": np.where(mask, told, np.nan)}, mask) == (("flat", "flat"),)  # one kind
