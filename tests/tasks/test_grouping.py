"""What stays together: copies, the user's groups, their connected components; cells of a design do not."""

from __future__ import annotations

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.study.serialization import data_from, data_result
from byheart.tasks.arrays import Arrays
from byheart.tasks.grouping import Grouping
from byheart.tasks.holdout import held_out
from byheart.tasks.label_noise import Flipped
from byheart.tasks.table import Table

RNG = np.random.default_rng(0)


def sides(data, key):
    """Which side of the split holds each key; a set of two where it is torn."""
    found: dict = {}
    for side in ("train", "test"):
        for one in key(data.views[side]):
            found.setdefault(one, set()).add(side)
    return found


def test_copies_stay_on_one_side_of_the_split_and_together_in_training():
    x = np.repeat(RNG.normal(size=(60, 4)), 3, 0)
    y = np.repeat(RNG.integers(0, 2, 60), 3)
    data = Arrays.of(x, y).draw(0)
    assert all(len(found) == 1 for found in sides(data, lambda view: map(bytes, view.x)).values())
    np.testing.assert_array_equal(np.unique(data.groups, return_counts=True)[1], 3)
    told = data.grouping.document()
    assert (told["copies"], told["originals"]) == (2 * len(data.train) // 3, len(data.train) // 3)


def test_near_copies_stay_on_one_side_too():
    base = RNG.normal(size=(80, 6))
    x = np.concatenate([base, base + 1e-6])
    data = Arrays.of(x, np.tile(RNG.integers(0, 2, 80), 2)).draw(0)
    found = sides(data, lambda view: [tuple(row) for row in view.x.round(3)])
    assert all(len(one) == 1 for one in found.values())
    assert len(np.unique(data.groups)) == len(data.train) // 2


def test_the_users_groups_and_copies_are_joined():
    x = RNG.normal(size=(60, 3))
    x[1] = x[0]  # a copy ties the groups a and b together
    named = np.array(["a", "b"] + [f"g{i // 4}" for i in range(58)])
    named[2:6] = "b"
    data = Arrays.of(x, np.arange(60) % 2, x_test=x[:5] + 9, y_test=[0, 1, 0, 1, 0], groups=named).draw(0)
    assert len(set(data.groups[:6])) == 1
    assert data.grouping.named == len(set(named))
    whole = Arrays.of(x, np.arange(60) % 2, groups=named).draw(0)
    assert all(len(one) == 1 for one in sides(whole, lambda view: view.meta["group"]).values())


def test_groups_survive_the_ledger_and_flips():
    named = np.repeat(np.arange(15), 4)
    task = Flipped(task=Arrays.of(RNG.normal(size=(60, 3)), np.arange(60) % 2, groups=named), share=0.2)
    data = task.draw(0)
    again = data_from(data_result(data))
    np.testing.assert_array_equal(again.groups, data.groups)
    assert again.grouping.document() == data.grouping.document()
    assert len(np.unique(data.groups)) == len(np.unique(data.train.meta["group"]))


def test_a_group_column_is_no_feature(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{i // 3},{RNG.normal():.4f},{i % 2}" for i in range(90)]
    path.write_text("patient,a,y\n" + "\n".join(rows))
    data = Table.of(path, "y", group=("patient",)).draw(0)
    assert data.train.x.shape[1] == 1
    assert all(len(one) == 1 for one in sides(data, lambda view: view.meta["group"]).values())
    assert any("patient (its rows stay together)" in line for line in data.about["inferred"])


@pytest.mark.parametrize("named, said", [
    (["a"] * 59, "60 of them"), (["a"] * 59 + [""], "1 without"), ([None] + ["a"] * 59, "1 without"),
])  # fmt: skip
def test_groups_that_do_not_name_every_example_are_refused(named, said):
    with pytest.raises(InputRefused, match=said):
        Arrays.of(RNG.normal(size=(60, 3)), np.arange(60) % 2, groups=np.array(named, dtype=object))


def design(labels):
    cells = np.array([[a, b] for a in range(3) for b in range(3)], dtype=float)
    place = RNG.integers(0, 9, 300)
    return Arrays.of(cells[place], labels(place)).draw(0)


def test_rows_of_a_design_are_drawn_one_by_one():
    data = design(lambda place: (RNG.random(300) < 0.2 + 0.06 * place).astype(int))
    assert data.grouping.cells == 9
    assert len(np.unique(data.groups)) == len(data.train)
    assert data.grouping.document()["copies"] == 0
    assert 50 <= len(data.views["test"]) <= 60


def test_rows_whose_inputs_say_the_target_are_copies_however_many():
    """Nothing tells a design without noise from rows that were written several times."""
    data = design(lambda place: place % 2)
    assert data.grouping.cells == 0
    assert data.grouping.document()["groups"] <= 9


def test_large_groups_are_held_out_no_more_often_than_small_ones():
    """Half of the rows in groups of 20 different rows, half alone: of the rows held out, half are in groups."""
    groups = np.r_[np.repeat(np.arange(12), 20), np.arange(12, 252)]
    rng, kept = np.random.default_rng(5), Grouping(groups, np.arange(480), 0, 252)
    shares = []
    for _ in range(100):
        out = held_out(rng.integers(0, 2**64, 480, dtype=np.uint64), 0.2, None, kept)
        shares.append(out[:240].sum() / out.sum())
    assert abs(np.mean(shares) - 0.5) < 0.08  # 0.8 where the least digest of its rows draws a group


def test_groups_of_one_example_each_change_nothing_and_are_said():
    x, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    plain, alone = (Arrays.of(x, y, groups=groups).draw(0) for groups in (None, range(60)))
    assert "groups: each example has one of its own" in alone.about["inferred"][-1]
    assert alone.grouping.document() == plain.grouping.document()
    assert alone.train.ids.tolist() == plain.train.ids.tolist()
    rng = np.random.default_rng(1)  # rows in time are noticed as without groups
    noise, walk = rng.normal(size=(300, 2)), np.cumsum(rng.normal(size=300))
    found = [Arrays.of(noise, walk, groups=groups).draw(0).about.get("order") for groups in (None, range(300))]
    assert found[0]
    assert found[0] == found[1]
    assert not any(
        "change nothing" in line for line in Arrays.of(x, y, groups=np.arange(60) // 2).draw(0).about["inferred"]
    )
