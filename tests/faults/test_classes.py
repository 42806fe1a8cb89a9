"""Different labels stay different, and keep their own type to the page; what cannot is refused by name."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.tasks.arrays import Arrays
from byheart.tasks.table import Table

N = 60
X = np.arange(2.0 * N).reshape(N, 2)
BIG = 2**53

APART = {
    "uint64 beyond int64": (np.array([2**63 + 1, 2**63 + 2], np.uint64), (str(2**63 + 1), str(2**63 + 2))),
    "uint64, one of them small": (np.array([3, 2**64 - 1], np.uint64), ("3", str(2**64 - 1))),
    "int64 beyond floats": (np.array([BIG, BIG + 1]), (str(BIG), str(BIG + 1))),
    "bytes that are no UTF-8": (np.array([b"\xff", b"\xfe"]), ("\\xfe", "\\xff")),
    "bytes of latin-1": (np.array([b"caf\xe9", b"caf\xe8"]), ("caf\\xe8", "caf\\xe9")),
    "a list beyond every type": ([-1, 2**70], ("-1", str(2**70))),
    "a list below and above": ([-1, 2**63], ("-1", str(2**63))),
    "objects beyond floats": (np.array([BIG, BIG + 1], object), (str(BIG), str(BIG + 1))),
    "objects beyond every type": (np.array([2**70, 2**70 + 1], object), (str(2**70), str(2**70 + 1))),
    "true and false": (np.array([True, False]), ("False", "True")),
    "long floats": (np.array([0.1, np.nextafter(0.1, 1)]), ("0.1", "0.10000000000000002")),
}


@pytest.mark.parametrize("case", APART)
def test_labels_stay_apart_and_keep_their_names(case):
    labels, names = APART[case]
    turn = np.arange(N) % 2
    y = [labels[i] for i in turn] if isinstance(labels, list) else labels[turn]
    data = Arrays.of(X, y, task="classes").draw(0)
    assert data.output.classes == names
    named = np.array([str(labels[i]) if isinstance(labels, list) or labels.dtype.kind != "S" else names[0] for i in turn])
    assert len(np.unique(data.train.y)) == 2
    if getattr(labels, "dtype", np.dtype("O")).kind != "S":
        assert [names[code] for code in data.train.y] == named[data.train.ids].tolist()


REFUSED = {
    "a number and its text": (["1", 1], "a mixture of int, str"),
    "text that numpy cuts": (["a", "a\0"], "fall together"),
    "bytes that numpy cuts": ([b"a", b"a\0"], "fall together"),
    "bytes and their escapes": (np.array([b"\xff", b"\\xff"]), "fall together"),
    "a whole number and a fraction that hides it": (np.array([BIG + 1, BIG, 0.5], object), "fall together"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_labels_that_would_fall_together_are_refused(case):
    labels, why = REFUSED[case]
    y = [labels[i % len(labels)] for i in range(N)] if isinstance(labels, list) else labels[np.arange(N) % len(labels)]
    with pytest.raises(InputRefused, match=why):
        Arrays.of(X, y, task="classes")


TARGETS = {
    "beyond floats": (BIG, BIG + 1),
    "beyond int64": (2**63 + 1, 2**63 + 2),
    "beyond every type": (10**30, 10**30 + 1),
}


@pytest.mark.parametrize("case", TARGETS)
def test_whole_numbers_of_a_table_are_classes_apart(case, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,y", *(f"{i / 2},{TARGETS[case][i % 2]}" for i in range(N))]))
    data = Table.of(path, "y").draw(0)
    assert data.output.classes == tuple(map(str, TARGETS[case]))
    np.testing.assert_array_equal(data.train.y, data.train.ids % 2)


@pytest.mark.parametrize("names", [("x", "X"), ("y", "Y"), ("x", "x_train"), ("X_test", "x_test")])
def test_two_arrays_of_one_name_are_refused(names, tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"x": X, "y": np.arange(N) % 2} | dict.fromkeys(names, X)
    np.savez(path, **arrays)
    with pytest.raises(InputRefused, match=rf"{names[0]} and {names[1]}"):
        Arrays.from_npz(path)


def test_an_array_of_another_name_beside_may_be_there_twice(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=np.arange(N) % 2, note=X, NOTE=X)
    assert Arrays.from_npz(tmp_path / "a.npz").draw(0).output.k == 2
