"""Subsets: four ways to draw them; what is in a gap is neither seen nor unseen."""

from __future__ import annotations

import numpy as np
import pytest

from byheart.errors import InputRefused, UsageError
from byheart.maths.memorisation.counterfactual import memorisation
from byheart.training.members import balanced, subsets


def test_balanced_is_balanced():
    one, other = subsets("balanced", 50, 9, 0.7, 3), balanced(50, 9, 0.7, 3)
    assert (one.seen == other.seen).all()
    assert (one.seeds == other.seeds).all()


def test_all_leaves_nothing_out():
    made = subsets("all", 20, 3, 0.5, 0)
    assert made.seen.all()
    assert not made.unseen.any()


@pytest.mark.parametrize("gap", [0, 1, 4])
def test_a_block_is_contiguous_and_its_gap_is_neither(gap):
    n, size = 60, 12
    made = subsets("blocks", n, 15, 0.8, seed=1, gap=gap)
    for seen, unseen in zip(made.seen, made.unseen, strict=True):
        assert unseen.sum() == size
        ends = np.flatnonzero(np.diff(np.concatenate([[unseen[-1]], unseen]).astype(int)))
        assert len(ends) <= 2  # one block, which may go on at the beginning
        nearest = np.abs(np.flatnonzero(seen)[:, None] - np.flatnonzero(unseen)).min(1)
        assert nearest.min() == gap + 1
        neither = ~(seen | unseen)
        assert set(np.abs(np.flatnonzero(neither)[:, None] - np.flatnonzero(unseen)).min(1)) == set(range(1, gap + 1))
    laps = 15 // (n // size)
    assert set(made.unseen.sum(0)) == {laps}  # each example as often as any other
    assert (made.gap is None) == (gap == 0)


def test_prefixes_grow_and_what_follows_the_gap_is_unseen():
    made = subsets("prefixes", 40, 4, 1.0, seed=0, gap=3)
    assert [int(row.sum()) for row in made.seen] == [10, 20, 30, 40]
    assert [int(row.sum()) for row in made.unseen] == [27, 17, 7, 0]
    assert all((np.diff(row.astype(int)) <= 0).all() for row in made.seen)


def test_order_is_that_of_time():
    time = np.random.default_rng(0).permutation(30)
    plain, timed = subsets("blocks", 30, 5, 0.8, 0, gap=2), subsets("blocks", 30, 5, 0.8, 0, gap=2, order=time)
    for name in ("seen", "unseen"):
        assert (getattr(plain, name)[:, time] == getattr(timed, name)).all()


def test_a_copy_of_what_is_left_out_is_neither():
    groups = np.arange(40)
    groups[39] = 0
    made = subsets("blocks", 40, 4, 0.75, 0, groups=groups)
    left_out = made.unseen[:, 0] & ~made.unseen[:, 39]
    assert left_out.any()
    assert not made.seen[left_out, 39].any()
    assert not made.unseen[left_out, 39].any()


def test_readers_of_a_mask_refuse_a_gap():
    with pytest.raises(InputRefused, match="neither"):
        _ = subsets("blocks", 40, 4, 0.75, 0, gap=2).mask
    assert subsets("blocks", 40, 4, 0.75, 0).mask.sum() == 120


def test_what_cannot_be_drawn_is_named():
    with pytest.raises(UsageError, match="blocks"):
        subsets("block", 10, 2, 0.5, 0)
    with pytest.raises(UsageError, match="gap of 9"):
        subsets("blocks", 10, 2, 0.5, 0, gap=9)
    with pytest.raises(UsageError, match="at least one example a member"):
        subsets("prefixes", 10, 11, 1.0, 0)


def test_what_is_in_a_gap_counts_for_neither_side():
    made = subsets("blocks", 30, 12, 0.7, 0, gap=2)
    outcome = np.random.default_rng(1).random((12, 30))
    found = memorisation(outcome, made.sides).score
    for i in range(30):
        seen, unseen = outcome[made.seen[:, i], i], outcome[made.unseen[:, i], i]
        assert len(seen) + len(unseen) < 12 or not made.gap[:, i].any()
        expected = seen.mean() - unseen.mean() if len(seen) and len(unseen) else np.nan
        np.testing.assert_allclose(found[i], expected, rtol=1e-12)
    assert not np.allclose(found, memorisation(outcome, made.seen).score, equal_nan=True)
