"""Inputs: fitted on a member's own rows, equally wide for all, untouched where nothing is fitted."""

from dataclasses import replace

import numpy as np
import pytest

from byheart.errors import InputRefused, UsageError
from byheart.levers.penalties import Dropout, WeightDecay
from byheart.levers.schedules import EarlyStop
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Classes, Column
from byheart.training.members import Members, balanced
from byheart.training.preprocessing import checked, known, prepare, shared

NAN = np.nan
COLUMNS = (Column("a", "number"), Column("b", "category", ("u", "v", "w")), Column("c", "number"))
X = np.array([[1.0, 0, 5], [3, 1, NAN], [NAN, -1, NAN], [2, NAN, 7], [6, 2, 9]])


def data_of(x, columns=(), x_test=None, ids=None):
    n = len(x)
    train = Examples(np.arange(n) if ids is None else ids, x, np.arange(n) % 2)
    x_test = x if x_test is None else x_test
    test = Examples(np.arange(100, 100 + len(x_test)), x_test, np.zeros(len(x_test), int))
    return Data({"train": train, "test": test}, Classes(2, columns=columns), Truth(), {})


def test_a_table_by_hand():
    got = prepare(data_of(X, COLUMNS), np.array([0, 1, 2, 3]))["train"]
    median = 2.0
    numbers = np.array([1, 3, median, 2])
    a = (np.array([1, 3, median, 2, 6]) - numbers.mean()) / numbers.std()
    c_seen = np.array([5, 6, 6, 7])
    c = (np.array([5, 6, 6, 7, 9]) - c_seen.mean()) / c_seen.std()
    b = np.eye(3)[[0, 1, 0, 0, 2]]  # the commonest of u, v is the first
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, np.column_stack([a, c, b]), atol=1e-6)


def test_every_subset_gives_the_same_width():
    data = data_of(X, COLUMNS)
    widths = {prepare(data, np.flatnonzero(mask))["test"].shape[1] for mask in balanced(5, 10, 0.4, 0).mask}
    assert widths == {5}


@pytest.mark.parametrize("x, columns", [(X, COLUMNS), (np.where(X > 0, X, NAN), ())])
def test_a_column_without_values_in_the_subset_is_0_everywhere(x, columns):
    got = prepare(data_of(x, columns), np.array([2]))
    assert (got["train"] == 0).all()
    assert (got["test"] == 0).all()


def test_a_constant_column_is_divided_by_1():
    x = np.array([[7.0], [7.0], [9.0]])
    assert prepare(data_of(x), np.array([0, 1]))["train"].ravel().tolist() == [0, 0, 2]


def test_rows_left_out_change_nothing_for_the_others():
    rows, other = np.array([0, 1, 3]), X.copy()
    other[[2, 4]] = [1e6, 2, -1e6]
    a, b = prepare(data_of(X, COLUMNS), rows), prepare(data_of(other, COLUMNS), rows)
    np.testing.assert_array_equal(a["train"][rows], b["train"][rows])


def test_order_does_not_matter(rng):
    x = rng.normal(size=(30, 4))
    order = rng.permutation(30)
    rows = np.arange(20)
    a = prepare(data_of(x), rows)["train"]
    b = prepare(data_of(x[order]), np.flatnonzero(np.isin(order, rows)))["train"]
    np.testing.assert_allclose(a[order], b, atol=1e-5)


@pytest.mark.parametrize("x", [np.full((4, 3, 3), 0.3), np.eye(4), np.eye(4, dtype=np.int64)])
def test_images_and_one_hot_codes_stay_as_they_are(x):
    data = data_of(x)
    assert shared(data)
    np.testing.assert_array_equal(prepare(data, np.array([0]))["train"], x.astype(np.float32))


def test_what_is_fitted_is_not_shared():
    assert not shared(data_of(np.eye(4) * 2))
    assert not shared(data_of(np.eye(4), tuple(Column(str(i), "number") for i in range(4))))
    assert not shared(data_of(np.eye(4), x_test=np.full((1, 4), 0.5)))


def test_a_wrong_number_of_columns_is_refused():
    with pytest.raises(InputRefused, match=r"3 columns \(a, b, c.*got 2"):
        prepare(data_of(X[:, :2], COLUMNS), np.arange(5))


def test_known_needs_id_and_input():
    data = data_of(X, ids=np.array([9, 3, 7, 1, 5]))
    view = Examples(np.array([7, 3, 3, 4]), X[[2, 1, 0, 2]], np.zeros(4))
    data = replace(data, views={**data.views, "look": view})
    assert known(data, "look").tolist() == [2, 1, -1, -1]
    assert known(data, "train").tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("lever", [WeightDecay(strength=0.1), Dropout(share=0.1), EarlyStop(epoch=1)])
def test_levers_on_steps_are_refused_where_there_are_none(lever):
    with pytest.raises(UsageError, match=f"ridge has no training steps, got {lever.name}"):
        checked(data_of(X), balanced(5, 2, 0.7, 0), (lever,), "ridge")


def test_a_missing_training_view_is_refused():
    data = data_of(X)
    with pytest.raises(InputRefused, match="a view train"):
        checked(replace(data, views={"test": data.views["test"]}), balanced(5, 2, 0.7, 0))


def test_a_member_that_sees_nothing_is_refused():
    with pytest.raises(InputRefused, match="an empty subset"):
        checked(data_of(X), Members(np.zeros(1, int), np.zeros((1, 5), bool)))
