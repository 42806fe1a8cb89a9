"""Every wrong word, file and folder: one short message, the right exit code, nothing left half done."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from byheart.ledger.sqlite import SqliteLedger

TREE = ["--learner", "DecisionTreeClassifier", "--set", "max_depth=3"]


pytestmark = pytest.mark.usefixtures("quick_page")


@pytest.mark.parametrize("words, told", [
    (["audti"], ["audti", "audit"]),
    (["audit", "digts"], ["'digts'", "Nearest: digits"]),
    (["audit", "digits", "--nope"], ["--nope"]),
    (["audit", "digits", "--members", "many"], ["--members", "many"]),
    (["audit", "digits", "--members", "0"], ["at least one member", "got 0"]),
    (["audit", "digits", "--share", "2"], ["between 0 and 1"]),
    (["audit", "digits", "--jobs", "0"], ["--jobs", "'0'"]),
    (["audit", "digits", "--jobs", "two"], ["--jobs", "'two'"]),
    (["audit", "digits", "--device", "tpu"], ["auto, cpu, cuda or mps", "'tpu'"]),
    (["audit", "digits", "--budget", "soon"], ["60s, 5m or 1h", "'soon'"]),
    (["audit", "digits", "--flip", "7"], ["7.0"]),
    (["audit", "digits", "--lever", "dropot=0.5"], ["Nearest: dropout"]),
    (["audit", "digits", "--lever", "dropout=2"], ["dropout", "2"]),
    (["audit", "digits", "--set", "epochs"], ["NAME=VALUE", "'epochs'"]),
    (["audit", "digits", "--learner", "mpl"], ["Nearest: mlp"]),
    (["audit", "digits", "--learner", "LogisticRegresion"], ["Nearest: LogisticRegression"]),
    (["audit", "digits", "--learner", "module"], ["needs nothing more"]),
    (["audit", "digits", "--target", "label"], ["a table", "digits"]),
    (["audit", "digits", "--split", "0.5"], ["data of yours for --split", "digits"]),
    (["audit", "digits", "--returns", "logits"], ["--returns"]),
    (["audit", "arrays"], ["data.npz"]),
    (["audit", "flipped"], ["--flip"]),
    (["audit", "no.csv"], ["expected a file, got no.csv"]),
    (["audit", "no.npz"], ["expected a file, got no.npz"]),
    (["audit", "no.py"], ["expected a file, got no.py"]),
    (["plan", "digts"], ["Nearest: digits"]),
    (["list", "taks"], ["Nearest: task"]),
    (["list", "--nope"], ["--nope"]),
    (["show", "abc"], ["finished audit"]),
    (["report", "abc"], ["finished audit"]),
])  # fmt: skip
def test_a_wrong_word_is_a_usage_error(words, told, byheart, short, tmp_path):
    short(byheart(*words), 2, *told)
    assert list(tmp_path.iterdir()) == []


def test_a_setting_of_the_default_learner_is_checked_before_training(audited, npz, short):
    short(audited(npz, "--set", "epoch=2"), 2, "'epoch'", "Nearest: epochs")
    short(audited(npz, "--set", "batch=many"), 2, "batch", "'many'")


def test_a_file_of_another_kind(audited, short, tmp_path):
    (tmp_path / "data.xlsx").write_bytes(b"PK")
    short(audited("data.xlsx"), 3, ".csv, .parquet, .npz or .py")


# Tables


def _csv(tmp_path, text, name="t.csv"):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def _rows(n=60):
    return [f"{i},{i % 7},{'yes' if i % 3 else 'no'}" for i in range(n)]


def test_an_odd_table_is_read_and_what_was_inferred_is_said(audited, tmp_path):
    """Semicolons, decimal commas, a mark before the first name, quoted line ends, gaps, a column of ids."""
    rows = ['"no\nte"'.join([f"{i / 2:.2f};".replace(".", ","), f";{'yes' if i % 3 else 'no'};id{i}"]) for i in range(60)]
    rows[4] = ";;yes;id4"
    _csv(tmp_path, "\ufeffWidth (cm);note;größe;id\r\n" + "\r\n".join(rows))
    said = audited("t.csv", "--target", "größe", *TREE[:2], "--json")
    assert said.code == 0
    for words in ("separated by semicolons", "'größe'", "Width (cm)", "missing cells", "held out"):
        assert words in said.err


@pytest.mark.parametrize("text, code, told", [
    ("a,b,label\n" + "\n".join(_rows()), 2, ["Nearest: label"]),
    ("a,b,lable\n" + "\n".join([*_rows(), "1,2"]), 3, ["line 62", "expected 3 cells", "got 2"]),
    (b"a,b,lable\n" + "\n".join(_rows()).encode() + b"\n1,\xff\xfe,yes\n", 3, ["line 62", "0xff"]),
    ("", 3, ["empty file"]),
    ("a,b,lable\n", 3, ["header only"]),
    ("a,b,lable\n" + "\n".join(row.replace("yes", "no") for row in _rows()), 3, ["at least two classes"]),
    ("a,b,lable\n" + "\n".join([*_rows(), "1,2,maybe"]), 3, ["maybe"]),
    ("a,b,lable\n" + "\n".join(_rows(8)), 3, ["at least 20"]),
    ("1,2,3\n" + "\n".join(_rows()), 3, ["column names"]),
])  # fmt: skip
def test_a_bad_table_is_refused_and_its_line_named(text, code, told, audited, short, tmp_path):
    _csv(tmp_path, text)
    short(audited("t.csv", "--target", "lable"), code, *told)


def test_a_table_without_a_target_lists_the_columns(audited, short, tmp_path):
    _csv(tmp_path, "a,b,label\n" + "\n".join(_rows()))
    short(audited("t.csv"), 2, "a target", "a, b, label")


def test_empty_cells_are_missing_values_unless_refused(audited, short, tmp_path):
    _csv(tmp_path, "a,b,label\n" + "\n".join([*_rows(), ",3,yes"]))
    assert audited("t.csv", "--target", "label", *TREE).code == 0
    short(audited("t.csv", "--target", "label", *TREE, "--missing", "refuse"), 3, "a")


def test_control_characters_of_data_reach_no_terminal(audited, byheart, short, tmp_path):
    _csv(tmp_path, "a\x1b[31m,b\x9b2J,label\n" + "\n".join(_rows()), "t\x1b[1m.csv")
    name = "t\x1b[1m.csv"
    short(audited(name), 2, "a[31m")
    short(audited(name, "--target", "a\x1b[31n"), 2, "Nearest")
    said = audited(name, "--target", "label", *TREE, "--out", "out")
    assert said.code == 0
    shown = byheart("show", "out")
    planned = byheart("plan", name, "--target", "label", *TREE, "--out", "out")
    listed = byheart("list", "run", "--out", "out")
    for text in (said.out, said.err, shown.out, planned.out, listed.out):
        assert not [c for c in text if not (c.isprintable() or c == "\n")]


# Arrays


@pytest.mark.parametrize("arrays, told", [
    ({"x": np.zeros((40, 2)).astype(object), "y": np.arange(40) % 2}, ["pickle", "astype(float)"]),
    ({"x": np.full((40, 2), np.nan), "y": np.arange(40) % 2}, ["NaN", "row 0, column 0", "--missing impute"]),
    ({"x": np.full((40, 2), np.inf), "y": np.arange(40) % 2}, ["infinite"]),
    ({"x": np.zeros((40, 2)), "y": np.arange(41) % 2}, ["40 and 41"]),
    ({"x": np.zeros((40, 2)), "y": np.zeros(40)}, ["at least two classes"]),
    ({"x": np.zeros((40, 2))}, ["x and y", "got x"]),
    ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, ["none"]),
])  # fmt: skip
def test_bad_arrays_are_refused(arrays, told, audited, short, tmp_path):
    np.savez(tmp_path / "bad.npz", **arrays)
    short(audited("bad.npz"), 3, *told)


@pytest.mark.parametrize("share", ["0", "1", "-0.5"])
def test_a_split_that_leaves_nothing_on_one_side_is_a_usage_error(share, audited, npz, short):
    short(audited(npz, "--split", share), 2, "split")


def test_a_damaged_archive_is_refused(audited, npz, short, tmp_path):
    content = (tmp_path / npz).read_bytes()
    (tmp_path / npz).write_bytes(content[: len(content) // 2])
    short(audited(npz), 3, "damaged")


def test_missing_numbers_are_filled_in_when_asked(audited, tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 2))
    x[3, 1] = np.nan
    np.savez(tmp_path / "gaps.npz", x=x, y=np.arange(60) % 2)
    said = audited("gaps.npz", "--missing", "impute", *TREE)
    assert said.code == 0
    assert "missing cells: 1" in said.err


# Files of the user's code


HEAD = """
import numpy as np
from sklearn.tree import DecisionTreeClassifier
rng = np.random.default_rng(0)
x = rng.normal(size=(70, 3))
y = (x[:, 0] > 0).astype(int)
"""
FIT = """
def fit(x, y, seed):
    return DecisionTreeClassifier(random_state=seed).fit(x, y)
"""


def test_a_file_with_arrays_and_training(audited, tmp_path):
    (tmp_path / "my_audit.py").write_text(HEAD + FIT)
    said = audited("my_audit.py")
    assert said.code == 0
    assert "your arrays, fit" in said.out
    assert "all in the ledger" in audited("my_audit.py").err
    (tmp_path / "my_audit.py").write_text(HEAD + FIT.replace("seed)", "seed, max_depth=1)"))
    assert " to do" in audited("my_audit.py").err


def test_a_file_with_a_task_and_a_learner(audited, tmp_path):
    (tmp_path / "my_audit.py").write_text(
        "from byheart.tasks.modular import Modular\nfrom byheart.learners.neighbours import Neighbours\n"
        "task = Modular(p=7)\nlearner = Neighbours()\n"
    )
    said = audited("my_audit.py")
    assert said.code == 0
    assert "a + b mod 7" in said.out


def test_training_that_fails_on_some_subsets(audited, tmp_path):
    (tmp_path / "my_audit.py").write_text(HEAD + FIT.replace("):", "):\n    if seed % 3 == 0: raise ValueError('not \\x1b[31mme')", 1))
    said = audited("my_audit.py", "--members", "16")
    assert said.code == 0
    note = next(line for line in said.out.splitlines() if "could not be trained" in line)
    assert re.search(r"\d of 8 members|\d of 16 members", note)
    assert "my_audit.py line" in note
    assert "ValueError: not [31mme" in note
    assert "\x1b" not in said.out


@pytest.mark.parametrize("text, code, told", [
    ("x = 1\nimport nowhere_at_all\n", 3, ["my_audit.py line 2: import nowhere_at_all", "ModuleNotFoundError"]),
    ("x = (\n", 3, ["SyntaxError", "my_audit.py"]),
    ("raise SystemExit(7)\n", 3, ["SystemExit"]),
    ("a = 1\n", 3, ["`task` and `learner`, or `x`, `y` (or `data`) and `fit`", "none of them"]),
    ("x = [[1.0]] * 40\ny = [0, 1] * 20\n", 3, ["got x, y"]),
    (HEAD + "def fit(x, y, seed):\n    return lambda x: np.zeros((len(x), 5))\n", 3, ["(56, 2)", "(56, 5)"]),
    (HEAD + "def fit(x, y, seed):\n    raise ValueError('no')\n", 6, ["my_audit.py line 8: raise ValueError('no')", "ValueError: no"]),
    (HEAD + "def fit(x):\n    return 1\n", 6, ["fit() takes 1 positional argument"]),
])  # fmt: skip
def test_a_file_that_does_not_work_says_its_own_lines(text, code, told, audited, short, tmp_path):
    (tmp_path / "my_audit.py").write_text(text)
    short(audited("my_audit.py"), code, *told)


# Folders


def test_a_folder_that_is_a_file_is_refused_before_anything_runs(tree, short, listing, tmp_path):
    (tmp_path / "file").write_text("mine")
    before = listing(tmp_path)
    for out in ("file", "file/below"):
        short(tree("--out", out), 3, out, "--out")
    assert listing(tmp_path) == before


def test_a_folder_that_cannot_be_made_is_refused(tree, short):
    short(tree("--out", "/proc/byheart-audit"), 3, "/proc/byheart-audit", "--out")


def _full(*given, **named):
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_told_before_anything_runs(tree, short, listing, tmp_path, npz, monkeypatch):
    monkeypatch.setattr("tempfile.TemporaryFile", _full)
    short(tree("--out", "out"), 3, "No space left on device", "--out")
    assert list(listing(tmp_path)) == [npz]


@pytest.mark.parametrize("after", [0, 3, 8])
def test_a_disk_that_fills_up_loses_nothing(after, tree, short, listing, tmp_path, monkeypatch):
    """The ledger cannot write any more after some outcomes; then there is room again."""
    real, left = os.fsync, [after * 3]

    def fsync(handle):
        left[0] -= 1
        return _full() if left[0] < 0 else real(handle)

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fsync)
        said = tree("--out", "out")
    short(said, 3, "No space left on device")
    files = listing(tmp_path / "out")
    assert not [name for name in files if name.endswith(".tmp") or name.startswith("report")]
    again = tree("--out", "out")
    assert again.code == 0
    assert again.out


def test_a_page_that_cannot_be_written_leaves_the_old_one(tree, short, tmp_path, monkeypatch):
    tree("--out", "out")
    before = (tmp_path / "out" / "report.html").read_bytes()
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", _full)
        short(tree("--out", "out"), 3, "report.html", "No space left on device")
    assert (tmp_path / "out" / "report.html").read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ledger", "report.html", "report.json"]


def test_our_own_fault_is_five_and_its_traceback_is_for_debugging(tree, short, monkeypatch):
    def broken(*given, **named):
        raise ZeroDivisionError("many\nlines\n" * 20)

    monkeypatch.setattr("byheart.auditing.audit.document", broken)
    short(tree("--out", "out"), 5, "ZeroDivisionError", "--debug")
    said = tree("--out", "out", "--debug")
    assert said.code == 1
    assert "Traceback" in said.err
    assert said.err.count("many\nlines") == 20


def test_an_interrupt_says_how_to_go_on(tree, monkeypatch):
    def stopped(*given, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr("byheart.auditing.audit.document", stopped)
    said = tree("--out", "out")
    assert (said.code, said.out) == (130, "")
    assert said.err.rstrip().endswith("the same command goes on from there.")


def test_a_damaged_document_is_named_when_it_is_shown(tree, byheart, short, tmp_path):
    tree("--out", "out")
    ledger = SqliteLedger(tmp_path / "out" / "ledger")
    entries = {path.stem: path for path in (tmp_path / "out" / "ledger" / "blobs").glob("??/*.json")}
    for path in entries.values():
        if b'"kind":"document"' in path.read_bytes():
            path.write_bytes(b"{}")
            harmed = path
    ledger.close()
    short(byheart("show", "out"), 5, harmed.name, "Run the audit again")


def test_heavy_packages_are_not_imported_for_a_wrong_word():
    """Said here for the commands of this folder; tests/architecture looks at all of them."""
    code = "import sys; sys.argv = ['byheart', 'audit', 'digts']\nfrom byheart.cli.main import main\ntry: main()\nexcept SystemExit: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False"
