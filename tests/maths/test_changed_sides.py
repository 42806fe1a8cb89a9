"""Examples that changed sides, in simulated banks that say which did."""

import numpy as np
import pytest

from byheart.maths.memorisation.changed_sides import changed_sides

M, N = 48, 200


def bank(rng, seen, unseen, mask=None):
    """(m, n) answers of members with these accuracies, and who saw what."""
    mask = rng.random((M, len(seen))) < 0.6 if mask is None else mask
    return rng.random(mask.shape) < np.where(mask, seen, unseen), mask


def recipes(rng, changed=0):
    """Accuracies where seen and left out of two recipes, of which the first memorises `changed` examples more."""
    unseen = rng.beta(2, 1, N)
    unseen[: N // 2] = 0.05
    seen = np.maximum(unseen, 0.9)
    other_seen = seen.copy()
    other_seen[:changed] = 0.05
    return (seen, unseen), (other_seen, unseen)


@pytest.mark.parametrize("paired", [True, False])
def test_those_that_are_memorised_in_one_alone_are_named(rng, paired):
    first, second = recipes(rng, changed=40)
    right, mask = bank(rng, *first)
    other, other_mask = bank(rng, *second, mask if paired else None)
    found = changed_sides(right, mask, other, other_mask, rng)
    named = np.flatnonzero(found["memorised"].first)
    assert len(named) > 30
    assert (named >= 40).sum() <= 1
    assert found["memorised"].second.sum() <= 1
    assert found["memorised"].first.sum() > found["memorised"].most
    assert found["right_unseen"].first.sum() + found["right_unseen"].second.sum() <= 3


def test_those_that_are_right_unseen_in_one_alone_are_named(rng):
    unseen = np.full(N, 0.1)
    other = unseen.copy()
    other[:50] = 0.9
    right, mask = bank(rng, np.ones(N), unseen)
    also, _ = bank(rng, np.ones(N), other, mask)
    found = changed_sides(right, mask, also, mask, rng)["right_unseen"]
    assert found.second[:50].sum() > 40
    assert found.second[50:].sum() + found.first.sum() <= 1


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("noise", [False, True])
def test_the_same_recipe_changes_no_more_than_the_swaps_say(paired, noise):
    """In 20 swaps the largest is exceeded once in 21 times, by chance and not more often."""
    rng, exceeded, repeats = np.random.default_rng(5), 0, 25
    for _ in range(repeats):
        accuracies = (np.full(N, 0.5),) * 2 if noise else recipes(rng)[0]
        right, mask = bank(rng, *accuracies)
        other, other_mask = bank(rng, *accuracies, mask if paired else None)
        found = changed_sides(right, mask, other, other_mask, rng)
        exceeded += any(one.first.sum() + one.second.sum() > one.most for one in found.values())
    assert exceeded <= 7  # of 25 with two chances each: 2.4 expected


def test_sabotage_a_rule_of_one_bar_names_what_noise_brings():
    """The broken twin: 'memorised' by the raw score in one and not in the other."""
    rng = np.random.default_rng(6)
    right, mask = bank(rng, *recipes(rng)[0])
    other, _ = bank(rng, *recipes(rng)[0], mask)

    def memorised(answers):
        means = [np.where(side, answers, 0).sum(0) / side.sum(0) for side in (mask, ~mask)]
        return means[0] - means[1] >= 0.25

    assert (memorised(right) != memorised(other)).sum() > 20


def test_the_other_way_round_first_and_second_change_places(rng):
    first, second = recipes(rng, changed=40)
    right, mask = bank(rng, *first)
    other, _ = bank(rng, *second, mask)
    there, back = (changed_sides(a, mask, b, mask, np.random.default_rng(0)) for a, b in ((right, other), (other, right)))
    for name, one in there.items():
        assert (one.first == back[name].second).all()
        assert (one.second == back[name].first).all()
        assert (one.by_chance, one.most) == (back[name].by_chance, back[name].most)


def test_a_recipe_against_itself_and_more_members_on_one_side(rng):
    right, mask = bank(rng, *recipes(rng)[0])
    same = changed_sides(right, mask, right, mask, rng)
    assert all(not one.first.any() and not one.second.any() and one.most == 0 for one in same.values())
    few = changed_sides(right, mask, right[:20], mask[:20], rng)
    assert all(one.first.sum() + one.second.sum() <= max(one.most, 3) for one in few.values())
