"""Columns to take away: cells that harm no spreadsheet, every format read back, and what is refused."""

import csv
import io
import json
import sys

import pyarrow
import pyarrow.parquet
import pytest

from byheart.errors import OutputRefused, UsageError
from byheart.records import columns
from byheart.records.columns import Columns, checked_path, frame_library, safe, unsafe

TEXTS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1", "'", "''", "'=1", "plain", "", " ", "a=1",
    'say "x"', "a,b;c", "two\nlines", "\r\n", "Ünïcode 日本", "-", "\u00a0=1", "007",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_cell_is_no_formula_and_gives_the_text_back(text):
    cell = safe(text)
    assert unsafe(cell) == text
    assert cell[:1] not in tuple("=+-@\t\r\n\uff1d")
    assert cell.lstrip()[:1] not in tuple("=+-@\uff1d")


def read(content):
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_csv_file_holds_every_text_and_every_number():
    numbers = [-1.5, 1e-300, 3, -7, True, None, float("nan"), 0.1 + 0.2]
    table = Columns(
        {"=name": TEXTS, "number": [*numbers, *[0] * (len(TEXTS) - len(numbers))], "ids": [["=a", "b"]] * len(TEXTS)}
    )
    head, *rows = read(table.written(".csv"))
    assert head == ["'=name", "number", "ids"]
    assert [unsafe(row[0]) for row in rows] == TEXTS
    assert [row[1] for row in rows[: len(numbers)]] == [
        "-1.5",
        "1e-300",
        "3",
        "-7",
        "true",
        "",
        "",
        "0.30000000000000004",
    ]
    assert {json.loads(row[2])[0] for row in rows} == {"=a"}
    raw = table.written(".csv").decode("utf-8-sig")
    assert '"\'-1",3,' in raw  # text in quotes, numbers as they are
    assert '"\'@SUM(A1)",-7,' in raw


def test_a_file_of_ascii_has_no_mark_and_another_has():
    assert Columns({"id": ["a"]}).written(".csv") == b'"id"\n"a"\n'
    assert Columns({"id": ["ä"]}).written(".csv").startswith(b"\xef\xbb\xbf")


def test_lines_and_parquet_hold_what_is_there():
    table = Columns({"id": TEXTS, "n": [None, *range(len(TEXTS) - 1)], "of": [[], *[[1, "=x"]] * (len(TEXTS) - 1)]})
    lines = [json.loads(line) for line in table.written(".jsonl").decode().split("\n") if line]
    parquet = pyarrow.parquet.read_table(pyarrow.BufferReader(table.written(".parquet"))).to_pylist()
    assert lines == parquet == table.rows()
    assert lines[0] == {"id": "=1+1", "n": None, "of": []}
    assert lines[1]["of"] == ["1", "=x"]


def test_a_name_that_utf8_cannot_hold_is_escaped():
    assert Columns({"id": ["a\udc80"]})["id"] == ["a\\udc80"]


def test_an_empty_table_has_its_columns():
    assert Columns({"id": [], "label": []}).written(".csv") == b'"id","label"\n'
    assert Columns({"id": []}).n == 0
    assert Columns({"id": []}).written(".jsonl") == b""
    parquet = pyarrow.BufferReader(Columns({"id": [], "label": []}).written(".parquet"))
    assert pyarrow.parquet.read_table(parquet).column_names == ["id", "label"]
    assert [len(Columns({"id": []}).to_frame(library)) for library in ("polars", "pandas")] == [0, 0]


def test_an_ending_in_capitals_is_that_ending(tmp_path):
    for name in ("A.CSV", "A.Parquet", "A.JSONL"):
        assert Columns({"id": [7]}).save(tmp_path / name).read_bytes() == Columns({"id": [7]}).written(f".{name[2:].lower()}")


@pytest.mark.parametrize("imported, installed, found", [
    (["pandas"], ["polars", "pandas"], "pandas"),
    (["polars", "pandas"], ["polars", "pandas"], "polars"),
    ([], ["polars", "pandas"], "polars"),
    ([], ["pandas"], "pandas"),
])  # fmt: skip
def test_which_library_makes_the_frame(monkeypatch, imported, installed, found):
    for name in ("polars", "pandas"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in imported:
        monkeypatch.setitem(sys.modules, name, sys)
    monkeypatch.setattr(columns, "find_spec", lambda name: sys if name in installed else None)
    assert frame_library() == found


def test_without_a_library_both_are_named(monkeypatch):
    for name in ("polars", "pandas"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(columns, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"polars or pandas .* neither is installed\. pip install polars"):
        Columns({"id": [1]}).to_frame()
    with pytest.raises(UsageError, match=r"pandas to make a frame, got it is not installed\. pip install pandas"):
        Columns({"id": [1]}).to_frame("pandas")
    with pytest.raises(UsageError, match=r"pyarrow to write Parquet.*Choose \.csv or \.jsonl"):
        checked_path("a.parquet")


@pytest.mark.parametrize("path", ["issues.xlsx", "issues", ".csv", ""])
def test_another_ending_is_refused(path):
    with pytest.raises(UsageError, match=r"\.csv, \.parquet or \.jsonl.*Try issues\.csv"):
        checked_path(path)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(UsageError, match=r"a file that ends in .* got the folder .*a\.csv\. Try issues\.csv"):
        Columns({"id": [1]}).save(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("")
    with pytest.raises(OutputRefused, match=r"to write .*c\.csv.*Choose another path"):
        Columns({"id": [1]}).save(tmp_path / "b.csv" / "c.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    Columns({"id": [1]}).save(path)
    monkeypatch.setattr("byheart.files.os.replace", broken)
    with pytest.raises(OutputRefused, match="no space"):
        Columns({"id": [2]}).save(path)
    assert path.read_bytes() == b'"id"\n1\n'
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


def broken(*paths):
    raise OSError(28, "no space")
