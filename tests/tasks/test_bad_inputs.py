"""Every bad input is refused by name, with what came and what to do."""

import zipfile

import numpy as np
import pytest
from scipy import sparse

from byheart.errors import InputRefused, UsageError
from byheart.tasks.arrays import Arrays
from byheart.tasks.label_noise import Flipped
from byheart.tasks.labels import read_labels
from byheart.tasks.modular import Modular
from byheart.tasks.table import Table

N = 40


def features(n=N, d=3):
    return np.random.default_rng(0).normal(size=(n, d))


def labels(n=N):
    return np.arange(n) % 2


def spoilt(value, row=7, column=1):
    x = features()
    x[row, column] = value
    return x


def with_label(value, kind=object):
    y = np.array(["a", "b"] * (N // 2), dtype=kind)
    y[5] = value
    return y


MATRIX = {
    "NaN": (spoilt(np.nan), labels(), ["1 NaN", "row 7, column 1", "--missing impute"]),
    "infinity": (spoilt(np.inf), labels(), ["1 infinite", "row 7, column 1"]),
    "NaN in pictures": (np.full((N, 8, 8), np.nan), labels(), ["2560 NaN", "row 0, column (0, 0)"]),
    "no examples": (np.empty((0, 3)), np.empty(0), ["examples in x", "none"]),
    "no features": (np.empty((N, 0)), labels(), ["at least one feature", f"({N}, 0)"]),
    "one axis": (np.arange(float(N)), labels(), ["x.reshape(-1, 1)", f"({N},)"]),
    "one number": (np.float64(3), labels(), ["a single number"]),
    "objects": (features().astype(object), labels(), ["objects (dtype object)", "x.astype(float)"]),
    "complex": (features() + 1j, labels(), ["complex numbers", "x.real"]),
    "words as features": (np.full((N, 2), "a"), labels(), ["text (dtype <U1)", ".csv"]),
    "dates as features": (np.zeros((N, 2), "M8[D]"), labels(), ["dates", "datetime64[D]"]),
    "ragged": ([[1.0, 2.0], [1.0]], [0, 1], ["ragged", "Pad or cut"]),
    "masked": (np.ma.masked_greater(features(), 1), labels(), ["masked cells", "filled(np.nan)"]),
    "lengths": (features(), labels(N - 3), [f"{N} and {N - 3}", "one length"]),
    "one label": (features(), 1, [f"{N} and a single label"]),
    "few": (features(20), labels(20), ["at least 20 training examples", "got 16"]),
    "identical rows": (np.ones((N, 2)), labels(), ["1 different ones among 40", "test set of its own"]),
    "one class": (features(), np.zeros(N, int), ["at least two classes", "one, '0', in all 40"]),
    "lone class": (features(), np.r_[labels(N - 1), 9], ["one example of '9'", "Merge it"]),
    "ignored label": (features(), np.where(np.arange(N) == 3, -100, labels()), ["-100", "silently ignores"]),
    "NaN label": (features(), np.where(np.arange(N) == 3, np.nan, labels()), ["1 missing", "row 3"]),
    "infinite value": (features(), np.where(np.arange(N) == 4, np.inf, features()[:, 0]), ["row 4"]),
    "None label": (features(), with_label(None), ["1 missing", "row 5"]),
    "empty label": (features(), with_label("", "U1"), ["1 missing", "row 5", "Drop those examples"]),
    "mixed labels": (features(), with_label(3.5), ["a mixture of float, str", "y.astype(str)"]),
    "complex labels": (features(), labels() + 1j, ["dtype complex128"]),
    "targets of two axes": (features(), features(d=2)[:, None], ["(40, 1, 2)", "(n, c)"]),
    "constant values": (features(), np.full(N, 0.5), ["0.5 in every example", "check the target"]),
}


@pytest.mark.parametrize("case", MATRIX)
def test_arrays_refused(case):
    x, y, words = MATRIX[case]
    with pytest.raises(InputRefused) as refusal:
        Arrays.of(x, y)
    message = str(refusal.value)
    assert refusal.value.do
    for word in words:
        assert word in message, message
    assert len(message) < 300


TESTS = {
    "unseen label": (features(5), np.array([0, 1, 7, 7, 0]), ["'7', which no training example has"]),
    "other shape": (features(5, d=4), labels(5), ["(3,)", "(4,)", "Prepare both"]),
    "test lengths": (features(5), labels(4), ["x_test and y_test of one length", "5 and 4"]),
    "test NaN": (np.full((5, 3), np.nan), labels(5), ["finite features in x_test"]),
    "words for numbers": (features(5), np.array(["p"] * 5), ["'p', which no training example has"]),
}


@pytest.mark.parametrize("case", TESTS)
def test_test_sets_refused(case):
    x_test, y_test, words = TESTS[case]
    with pytest.raises(InputRefused) as refusal:
        Arrays.of(features(), labels(), x_test, y_test)
    for word in words:
        assert word in str(refusal.value)


def test_only_one_half_of_a_test():
    with pytest.raises(InputRefused, match="x_test and y_test together"):
        Arrays.of(features(), labels(), features(5))


def test_bytes_beside_floats_are_refused():
    x = np.zeros((N, 8, 8), np.uint8)
    x[:, 0, 0] = np.arange(N)
    with pytest.raises(InputRefused, match="dtypes uint8 and float64"):
        Arrays.of(x, labels(), x[:5] / 255, labels(5))


def test_imputing_still_refuses_infinity_and_empty_columns():
    assert np.isnan(Arrays.of(spoilt(np.nan), labels(), missing="impute").draw(0).train.x).sum() <= 1
    with pytest.raises(InputRefused, match="1 infinite"):
        Arrays.of(spoilt(-np.inf), labels(), missing="impute")
    x = features()
    x[:, 2] = np.nan
    with pytest.raises(InputRefused, match="only NaN in column 2"):
        Arrays.of(x, labels(), missing="impute")


def test_a_wrong_option_names_the_right_ones():
    with pytest.raises(UsageError, match="Nearest: split"):
        Arrays.of(features(), labels(), splits=0.3)


def test_minus_100_is_a_value_in_a_regression():
    y = features()[:, 0].round() * 50
    y[:3] = -100
    assert read_labels(y, "values").y.min() <= -100
    assert read_labels(np.r_[y, 0.5]).output().kind == "values"


def test_sparse_arrays_are_refused():
    with pytest.raises(InputRefused, match=r"x\.toarray\(\)"):
        Arrays.of(sparse.csr_array(features()), labels())


def test_arrays_in_another_process_are_missing():
    task = Arrays.of(features(), labels())
    with pytest.raises(InputRefused, match="only their digests"):
        Arrays(x=task.x, y=task.y).draw(0)


def test_flips_refuse_a_regression():
    task = Flipped(task=Arrays.of(features(), features()[:, 0]))
    with pytest.raises(InputRefused, match=r"arrays .your arrays., which gives values"):
        task.draw(0)


def test_flips_refuse_what_is_no_task():
    with pytest.raises(UsageError, match="flipped: task"):
        Flipped(task=3)
    with pytest.raises(UsageError, match="Nearest: digits"):
        Flipped(task="digit")
    with pytest.raises(UsageError, match="share"):
        Flipped(task="digits", share=1.5)


def test_too_small_a_table_of_sums():
    with pytest.raises(UsageError, match="at least 20 training sums"):
        Modular(p=7, share=0.2)


def save_lone(path):
    with open(path, "wb") as file:
        np.save(file, features())


ARCHIVES = {
    "pickled objects": (lambda p: np.savez(p, x=features().astype(object), y=labels()), "run any code"),
    "no y": (lambda p: np.savez(p, x=features(), z=labels()), "x, z in a.npz"),
    "a lone array": (save_lone, "a single array in a.npz"),
    "no zip": (lambda p: p.write_bytes(b"PK\x03\x04 not a zip at all"), "damaged"),
    "empty": (lambda p: p.write_bytes(b""), "damaged"),
    "text": (lambda p: p.write_text("x,y\n1,2\n"), "damaged"),
    "absent": (lambda p: None, "no file"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives_refused(case, tmp_path):
    write, words = ARCHIVES[case]
    path = tmp_path / "a.npz"
    write(path)
    with pytest.raises(InputRefused, match=words):
        Arrays.from_npz(path)


def test_a_cut_archive_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=features(200), y=labels(200))
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        begin = archive.infolist()[0].header_offset + 200
    content[begin : begin + 400] = bytes(400)
    path.write_bytes(bytes(content))
    with pytest.raises(InputRefused, match="damaged"):
        Arrays.from_npz(path)


def table(tmp_path, text, target="y", **options):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Table.of(path, target, **options)


def rows(line, n=30):
    return "".join(line.format(i=i, f=f"{(i * 37 % 101) / 7:.3f}", c="ab"[i % 2]) + "\n" for i in range(n))


TABLES = {
    "empty": ("", ["an empty file"]),
    "header only": ("a,y\n", ["a header only"]),
    "no header": ("1,2\n3,4\n", ["only numbers (1, 2)", "line of names"]),
    "ragged": ("a,y\n1,b\n\n2,b,c\n", ["2 cells in every row", "3 in the row at line 4"]),
    "undecodable": (b"a,y\n1,b\n2,caf\xe9\n", ["byte 0xe9 in line 3", "encoding='cp1252'"]),
    "utf-16": ("a,y\n1,b\n".encode("utf-16"), ["line 1", "encoding='utf-16'"]),
    "unlabelled": ("a,y\n" + rows("{f},"), ["only empty cells"]),
    "one class": ("a,y\n" + rows("{f},b"), ["two classes in column 'y'", "'b'"]),
    "lone class": ("a,y\n" + rows("{f},b") + "3,c\n", ["one example of 'c'"]),
    "ignored": ("a,y\n" + rows("{f},1") + "3,-100\n4,-100\n", ["2 labels of -100"]),
    "infinite": ("a,y\n" + rows("{f},{c}") + "inf,a\n", ["finite numbers in column 'a'", "line 32"]),
    "nothing to go by": ("a,id,y\n" + rows("x,{i},{c}"), ["always 'x'", "named like an id"]),
    "target alone": ("y\n" + rows("{c}"), ["the table has no other"]),
    "few": ("a,y\n" + rows("{f},{c}", 12), ["at least 20 training examples"]),
    "huge cell": ("a,y\n" + "z" * 200_000 + ",b\n", ["line 2", "quotation mark"]),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_refused(case, tmp_path):
    text, words = TABLES[case]
    with pytest.raises(InputRefused) as refusal:
        table(tmp_path, text)
    for word in words:
        assert word in str(refusal.value), str(refusal.value)


def test_columns_that_are_not_there(tmp_path):
    text = "Price,Kind,y\n" + rows("{f},{c},{c}")
    with pytest.raises(UsageError, match=r"got 'prise'. Nearest: Price. Columns: Price, Kind, y"):
        table(tmp_path, text, "prise")
    with pytest.raises(UsageError, match=r"target='y', the last. Columns: Price, Kind, y"):
        table(tmp_path, text, None)
    with pytest.raises(UsageError, match="Nearest: Kind"):
        table(tmp_path, text, drop=("kind",))
    with pytest.raises(UsageError, match="an encoding Python knows, got 'utf8000'"):
        table(tmp_path, text, encoding="utf8000")


def test_missing_cells_can_be_refused(tmp_path):
    text = "a,y\n" + rows("{f},{c}") + "NA,a\n"
    assert table(tmp_path, text).draw(0).about["missing_cells"] == 1
    with pytest.raises(InputRefused, match=r"1 empty, the first at line 32.*missing impute"):
        table(tmp_path, text, missing="refuse")


def test_a_file_that_changed_or_vanished(tmp_path):
    task = table(tmp_path, "a,y\n" + rows("{f},{c}"))
    path = tmp_path / "t.csv"
    path.write_text(path.read_text() + "1,a\n")
    with pytest.raises(InputRefused, match="a changed file"):
        task.draw(0)
    path.unlink()
    with pytest.raises(InputRefused, match="no file"):
        task.draw(0)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "t.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(InputRefused, match=r"t.xlsx. Export it as .csv"):
        Table.of(path, "y")
    with pytest.raises(InputRefused, match="that can be read"):
        Table.of(tmp_path, "y")
