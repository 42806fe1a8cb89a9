"""The user's arrays: held out by content, never changed, shown as what they are."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.tasks.arrays import Arrays
from byheart.tasks.holdout import array_digests, held_out
from byheart.tasks.pictures import is_picture, picture
from byheart.training.preprocessing import prepare


def data(n=100, d=3, seed=0):
    source = np.random.default_rng(seed)
    return source.normal(size=(n, d)), source.integers(0, 2, n)


def test_the_hold_out_does_not_see_the_order():
    x, y = data()
    order = np.random.default_rng(1).permutation(len(x))
    first = Arrays.of(x, y).draw(0).views["test"]
    second = Arrays.of(x[order], y[order]).draw(0).views["test"]
    assert len(first) == 20
    assert {row.tobytes() for row in first.x} == {row.tobytes() for row in second.x}
    np.testing.assert_array_equal(np.sort(order[second.ids]), first.ids)


def test_the_hold_out_does_not_see_the_float_type():
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    y = np.arange(200) % 2
    single, double = Arrays.of(x, y).draw(0), Arrays.of(x.astype(np.float64), y).draw(0)
    np.testing.assert_array_equal(single.views["test"].ids, double.views["test"].ids)


def test_equal_rows_fall_on_one_side():
    x, y = data(50)
    twice = Arrays.of(np.r_[x, x, x], np.r_[y, y, y]).draw(0)
    out = set(twice.views["test"].ids.tolist())
    assert out
    assert {i % 50 for i in out} & {i % 50 for i in twice.train.ids.tolist()} == set()
    assert twice.about["overlap"] == 0


def test_zero_has_one_sign_and_missing_one_pattern():
    other = np.frombuffer(np.uint64(0x7FF8000000000001).tobytes(), np.float64)[0]
    a, b = array_digests(np.array([[0.0, np.nan], [-0.0, other]]))
    assert a == b


def test_no_class_is_left_without_training_examples():
    content = np.arange(100, dtype=np.uint64)
    classes = np.where(content < 5, 1, 0)
    out = held_out(content, 0.2, classes)
    assert not out[:5].any()
    assert out[5:20].all()
    assert not out[20:].any()
    assert held_out(content, 0.2)[:20].all()


def test_a_row_repeated_too_often_is_trained_on():
    content = np.r_[np.zeros(50), np.arange(1, 51)].astype(np.uint64)
    out = held_out(content, 0.2)
    assert not out[:50].any()
    assert out.sum() == 20


def test_nothing_given_is_changed_and_later_changes_do_nothing():
    x, y = data()
    x[3, 1] = np.nan
    before = x.copy(), y.copy()
    task = Arrays.of(x, y, missing="impute")
    drawn = task.draw(0)
    drawn.train.x[:] = 7
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])
    x[:] = 0
    assert not (task.draw(0).train.x == 7).any()
    assert not (task.draw(0).train.x == 0).any()


def test_a_given_test_is_not_shared_with_the_drawn_one():
    x, y = data()
    task = Arrays.of(x, y, x[:10] + 1, y[:10])
    drawn = task.draw(0)
    drawn.train.x[:] = 7
    drawn.train.y[:] = 0
    np.testing.assert_array_equal(task.draw(0).train.x, x)
    np.testing.assert_array_equal(task.draw(0).train.y, y)


def test_read_only_and_strided_arrays_are_read():
    x, y = data(80)
    x.setflags(write=False)
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    assert Arrays.of(wide, y).key() == Arrays.of(x, y).key()
    fortran = Arrays.of(np.asfortranarray(x), y.tolist())
    np.testing.assert_array_equal(fortran.draw(0).train.x, Arrays.of(x, y).draw(0).train.x)
    assert fortran.key() != Arrays.of(x, y).key()  # the user's code gets it in this order, and may round otherwise


def test_the_key_follows_the_content():
    x, y = data()
    other = x.copy()
    other[0, 0] += 1e-9
    keys = {Arrays.of(x, y).key(), Arrays.of(other, y).key(), Arrays.of(x, 1 - y).key()}
    assert len(keys) == 3
    assert Arrays.of(x.copy(), y.copy()).key() in keys


def test_tensors_are_read():
    import torch

    x, y = data()
    tensor = torch.tensor(x, dtype=torch.bfloat16, requires_grad=True)
    drawn = Arrays.of(tensor, torch.tensor(y)).draw(0)
    assert drawn.train.x.dtype == np.float32
    np.testing.assert_allclose(drawn.train.x, x[drawn.train.ids], rtol=0.01, atol=0.01)


def test_overlap_of_a_given_test_is_counted():
    x, y = data()
    about = Arrays.of(x, y, np.r_[x[:3], x[:3] + 1], np.r_[y[:3], y[:3]]).draw(0).about
    assert about["overlap"] == 3
    assert any(line.startswith("overlap: 3 test examples") for line in about["inferred"])


def test_npz(tmp_path):
    x, y = data()
    np.savez(tmp_path / "a.npz", X_train=x[:80], y_train=y[:80], X_test=x[80:], y_test=y[80:])
    drawn = Arrays.from_npz(tmp_path / "a.npz").draw(0)
    np.testing.assert_array_equal(drawn.views["test"].x, x[80:])
    assert drawn.about["title"] == "a.npz"


PICTURES = {
    "grey bytes": (np.zeros((40, 8, 8), np.uint8), "image", (8, 8)),
    "grey floats": (np.zeros((40, 8, 8)), "image", (8, 8)),
    "one channel": (np.zeros((40, 1, 8, 9)), "image", (8, 9)),
    "colour": (np.zeros((40, 8, 9, 3)), "photograph", (8, 9, 3)),
    "channels first": (np.zeros((40, 3, 8, 9), np.uint8), "photograph", (8, 9, 3)),
    "out of range": (np.full((40, 8, 8), 1.5), None, None),
    "whole numbers": (np.zeros((40, 8, 8), int), None, None),
    "short series": (np.zeros((40, 20, 3)), None, None),
    "volume": (np.zeros((40, 8, 8, 8)), None, None),
    "rows": (np.zeros((40, 8)), None, None),
}


@pytest.mark.parametrize("case", PICTURES)
def test_pictures_are_told(case):
    x, show, drawn = PICTURES[case]
    assert is_picture(x) == show
    if show:
        assert picture(x[0]).shape == drawn


def test_bytes_are_divided_for_our_own_learners_and_only_where_they_are_pictures():
    source = np.random.default_rng(0)
    pictures, table = (
        source.integers(0, 256, (60, 8, 8), np.uint8),
        source.integers(0, 256, (60, 5), np.uint8),
    )
    y = np.arange(60) % 2
    shown, plain = Arrays.of(pictures, y).draw(0), Arrays.of(table, y).draw(0)
    np.testing.assert_array_equal(shown.train.x, pictures[shown.train.ids])
    assert shown.train.x.dtype == np.uint8
    np.testing.assert_array_equal(
        prepare(shown, np.arange(4))["train"], shown.train.x.astype(np.float32) / np.float32(255)
    )
    assert shown.output.show == "image"
    assert shown.output.noun == ("image", "images")
    np.testing.assert_array_equal(plain.train.x, table[plain.train.ids])
    assert plain.output.divided_by == 1
    assert "byheart's own learners divide the bytes by 255" in shown.about["inferred"]
    assert "features: uint8 arrays of shape (n, 8, 8)" in shown.about["inferred"]


@pytest.mark.parametrize("d, show", [(12, "row"), (13, "none")])
def test_narrow_rows_are_shown(d, show):
    output = Arrays.of(*data(d=d)).draw(0).output
    assert output.show == show
    assert len(output.columns) == (d if show == "row" else 0)


def test_values_keep_their_kind():
    x, _ = data()
    drawn = Arrays.of(x, x[:, 0]).draw(0)
    assert (drawn.output.kind, drawn.output.k, drawn.output.classes) == ("values", 1, ())


def test_a_named_archive_is_never_unpickled(tmp_path):
    fired = []

    class Bomb:
        def __reduce__(self):
            return fired.append, (1,)

    np.savez(tmp_path / "a.npz", x=np.array([Bomb()] * 3, dtype=object), y=np.arange(3))
    with pytest.raises(InputRefused):
        Arrays.from_npz(tmp_path / "a.npz")
    assert fired == []
