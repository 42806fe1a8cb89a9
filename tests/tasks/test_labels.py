"""Labels in every shape people keep them in, mapped to 0..k-1 in sorted order."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.tasks.arrays import Arrays
from byheart.tasks.labels import read_labels, read_more_labels

TURN = np.arange(30) % 3

CLASSES = {
    "text": (np.array(["cat", "ant", "bee"])[TURN], ("ant", "bee", "cat"), [2, 0, 1], "text"),
    "bytes": (np.array([b"cat", b"ant", b"bee"])[TURN], ("ant", "bee", "cat"), [2, 0, 1], "bytes"),
    "objects": (np.array(["c", "a", "b"], object)[TURN], ("a", "b", "c"), [2, 0, 1], "text"),
    "gaps": (np.array([5, 10**9, 7])[TURN], ("5", "7", "1000000000"), [0, 2, 1], "whole numbers"),
    "negative": (np.array([-1, 3, -5])[TURN], ("-5", "-1", "3"), [1, 2, 0], "whole numbers"),
    "uint8": (TURN.astype(np.uint8), ("0", "1", "2"), [0, 1, 2], "whole numbers"),
    "whole floats": (np.array([2.0, 1.0, 3.0])[TURN], ("1", "2", "3"), [1, 0, 2], "floats"),
    "bool": (TURN == 1, ("False", "True"), [0, 1, 0], "true or false"),
    "one-hot": (np.eye(3)[TURN], ("0", "1", "2"), [0, 1, 2], "one-hot rows of 3 classes"),
    "one-hot integers": (np.eye(4, dtype=int)[TURN + 1], ("1", "2", "3"), [0, 1, 2], "one-hot rows"),
    "column": (TURN[:, None], ("0", "1", "2"), [0, 1, 2], "(30, 1) column, flattened; whole"),
}


@pytest.mark.parametrize("case", CLASSES)
def test_classes(case):
    y, names, codes, how = CLASSES[case]
    before = y.copy()
    read = read_labels(y)
    assert read.output().kind == "classes"
    assert read.classes == names
    assert read.y.dtype == np.int64
    np.testing.assert_array_equal(read.y, np.array(codes)[TURN])
    assert how in read.how
    np.testing.assert_array_equal(y, before)


def test_fractions_are_values():
    read = read_labels(np.r_[1.0, 2.0, 2.5])
    assert (read.output().kind, read.classes, read.y.dtype) == ("values", (), np.float64)
    assert "fractions" in read.inferred


@pytest.mark.parametrize("scale, kind", [(3, "values"), (1, "classes")])
def test_many_whole_numbers_are_values_unless_they_count_without_gaps(scale, kind):
    y = np.repeat(np.arange(50), 8) * scale
    assert read_labels(y).output().kind == kind
    assert read_labels(y.astype(float)).output().kind == "values"
    assert read_labels(y, "classes").output().kind == "classes"
    assert read_labels(y, "values").output().kind == "values"


@pytest.mark.parametrize("different, kind", [(20, "classes"), (21, "values")])
def test_the_boundary_is_where_it_is_said_to_be(different, kind):
    y = np.repeat(np.arange(different) * 2, 5)
    read = read_labels(y)
    assert read.output().kind == kind
    assert str(different) in read.inferred


def test_more_labels_take_the_same_numbers():
    like = read_labels(np.array(["b", "a", "c", "a", "b", "c"]))
    np.testing.assert_array_equal(read_more_labels(np.array(["c", "c", "a"]), like), [2, 2, 0])
    whole = read_labels(np.array([4, 9, 4, 9]))
    np.testing.assert_array_equal(read_more_labels(np.array([9.0, 4.0]), whole), [1, 0])


def test_ages_are_values_for_they_start_at_no_first_class():
    assert read_labels(np.repeat(np.arange(18, 90), 8)).output().kind == "values"


@pytest.mark.parametrize("times, kind", [(100, "classes"), (50, "values")])
def test_more_examples_allow_more_classes(times, kind):
    y = np.repeat(np.arange(60) * 3, times)  # 60 kinds; the square roots are 77 and 54
    assert read_labels(y).output().kind == kind


@pytest.mark.parametrize("scale", [1e-200, 1e-17, 1e17, 1e200])
def test_values_whose_squared_errors_no_float_holds_are_refused(scale):
    with pytest.raises(InputRefused, match="another unit"):
        Arrays.of(np.zeros((40, 1)), scale * np.linspace(1.5, 2.5, 40), task="values").draw(0)
