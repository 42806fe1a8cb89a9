"""Subsets by group: whole groups, each left out equally often, and fleets of members of unequal size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.learners.mlp import Mlp
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import KINDS, Classes
from byheart.training.members import balanced
from byheart.training.run import Run
from byheart.training.training import Training


def grouped(seed: int, groups: int, mean: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.permutation(np.repeat(rng.permutation(groups) * 7 + 3, rng.geometric(1 / mean, groups)))


@pytest.mark.parametrize("groups, mean", [(2, 3), (3, 1), (11, 20), (60, 3), (200, 1)])
@pytest.mark.parametrize("seed", range(4))
def test_groups_stay_whole_and_are_left_out_equally_often(groups, mean, seed):
    named = grouped(seed, groups, mean)
    n = len(named)
    for m in (1, 7, 40):
        mask = balanced(n, m, 0.7, seed, named).mask
        out = np.stack([~mask[:, named == one].any(1) for one in np.unique(named)])
        assert all((mask[:, named == one] == mask[:, named == one][:, :1]).all() for one in np.unique(named))
        assert np.ptp(out.sum(1)) <= 1
        assert mask.any(1).all()


@pytest.mark.parametrize("seed", range(4))
def test_each_member_sees_its_share_as_nearly_as_groups_allow(seed):
    named = grouped(seed, 80, 4)
    out = (~balanced(len(named), 30, 0.7, seed, named).mask).sum(1)
    largest = np.unique(named, return_counts=True)[1].max()
    assert (abs(out - 0.3 * len(named)) <= largest / 2 + 1).all()
    assert abs(out.mean() - 0.3 * len(named)) <= largest / 4


def test_pairs_that_do_not_divide_what_is_left_out_are_owed():
    """Three of ten cannot be left out in pairs: two and four in turns, three on average."""
    out = (~balanced(10, 40, 0.7, 0, np.arange(10) // 2).mask).sum(1)
    assert set(out) == {2, 4}
    assert out.mean() == 3


def test_the_first_members_stay_when_more_are_added_and_single_examples_are_as_without_groups():
    named = grouped(1, 50, 3)
    few, many = (balanced(len(named), m, 0.7, 0, named) for m in (9, 31))
    np.testing.assert_array_equal(few.mask, many.mask[:9])
    alone = np.random.default_rng(0).permutation(60)
    np.testing.assert_array_equal(balanced(60, 20, 0.7, 0, alone).mask, balanced(60, 20, 0.7, 0).mask)


def test_one_group_is_refused():
    with pytest.raises(InputRefused, match="all copies of one another"):
        balanced(20, 4, 0.7, 0, np.zeros(20))


def data_of(kind: str) -> Data:
    rng = np.random.default_rng(0)
    n = 70
    y = rng.integers(0, 3, n) if kind == "classes" else rng.normal(size=n) * 5 + 9
    train = Examples(np.arange(n), rng.normal(size=(n, 4)), y)
    return Data({"train": train}, KINDS[kind](3 if kind == "classes" else 1), Truth(), {})


@pytest.mark.parametrize("kind", ["classes", "values"])
@pytest.mark.parametrize("way", ["stacked", "functional"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_members_of_unequal_size_are_in_a_fleet_what_they_are_alone(kind, way, optimizer):
    """Sizes that differ within a batch, and by more than one: the shorter members' padding must not count."""
    data, named = data_of(kind), grouped(5, 60, 2.8)[:70]
    members = balanced(70, 8, 0.7, 0, named)
    sizes = members.mask.sum(1)
    assert len(set(sizes)) > 1
    learner = Mlp(hidden=(6,), epochs=3, batch=16, optimizer=optimizer, lr=0.05)
    fleet = learner.fit(data, members, Training((0, 3), way=way)).views["train"].logits
    alone = learner.fit(data, members, Training((0, 3), way="each")).views["train"].logits
    np.testing.assert_allclose(fleet, alone, atol=2e-5 * max(1.0, float(np.abs(alone).max())))


def test_sabotage_padding_that_counts_is_another_training(monkeypatch):
    from byheart.training import stepper

    data, members = data_of("classes"), balanced(70, 8, 0.7, 0, grouped(5, 60, 2.8)[:70])
    learner = Mlp(hidden=(6,), epochs=3, batch=16, lr=0.05)
    alone = learner.fit(data, members, Training((3,), way="each")).views["train"].logits
    monkeypatch.setattr(stepper, "weights", lambda counted, part: None)
    broken = learner.fit(data, members, Training((3,), way="stacked")).views["train"].logits
    assert np.abs(broken - alone).max() > 1e-3


def test_order_of_members_survives_fleets_of_several_lengths():
    """Sizes 40 to 60 take 3 or 4 steps an epoch: two fleets, whose members come back in their own order."""
    data = data_of("classes")
    rng = np.random.default_rng(2)
    mask = np.stack([rng.permutation(70) < size for size in (60, 40, 61, 39, 60)])
    members = replace(balanced(70, 5, 0.7, 0), seen=mask)
    learner = Mlp(hidden=(6,), epochs=2, batch=16)
    together = learner.fit(data, members, Training((2,), way="stacked"))
    np.testing.assert_array_equal(together.members.mask, mask)
    for j in range(5):
        alone = learner.fit(data, members.take(j, j + 1), Training((2,), way="stacked"))
        np.testing.assert_allclose(together.views["train"].logits[j], alone.views["train"].logits[0], atol=1e-5)


def test_arrays_of_a_run_are_read_when_they_are_asked_for_and_once():
    rng = np.random.default_rng(0)
    train = Examples(np.arange(40), rng.random((40, 6)), rng.integers(3, size=40))
    learner, data = Mlp(hidden=(4,), batch=8, epochs=2), Data({"train": train}, Classes(3), Truth(), {})
    run = learner.fit(data, balanced(40, 4, 0.7, 0), Training((0, 2)))

    class Asked(dict):
        def __getitem__(self, name):
            names.append(name)
            return super().__getitem__(name)

        def get(self, name, other=None):
            names.append(name)
            return super().get(name, other)

    names = []
    late = Run.from_parts(run.document(), Asked(run.arrays()))
    of_some = late.of_rows(np.arange(40) < 9)
    names.clear()
    for _ in range(2):
        np.testing.assert_array_equal(of_some.views["train"].correct, run.views["train"].correct[..., :9])
    assert names == ["train.correct"]
    assert late.arrays().keys() == run.arrays().keys()
    np.testing.assert_array_equal(late.views["train"].logits, run.views["train"].logits)
