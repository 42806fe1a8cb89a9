"""`--issues FILE`: the issues of an audit in a file, of `audit` and of `show`; what cannot be written is refused first."""

import csv
import json

import numpy as np
import pytest

TREE = ["--learner", "DecisionTreeClassifier"]
WORDS = ["copies.csv", "--target", "label", "--id", "name", *TREE, "--out", "out"]


@pytest.fixture
def copies(tmp_path):
    """copies.csv: 80 rows of which the last two are copies of the first two, one with another label; odd names."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(78, 2)).round(6)
    rows = [[f"=row({i})", a, b, "yes" if a > 0 else "no"] for i, (a, b) in enumerate(x.tolist())]
    rows += [["-79", *rows[0][1:]], ['+80, "x"', *rows[1][1:3], "no" if rows[1][3] == "yes" else "yes"]]
    with open(tmp_path / "copies.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["name", "a", "b", "label"], *rows])


@pytest.mark.usefixtures("copies", "quick_page")
def test_audit_and_show_write_the_same_issues(audited, byheart, tmp_path):
    said = audited(*WORDS, "--issues", "found/issues.csv")
    assert said.code == 0, said.err
    assert "Issues  found/issues.csv" in said.out
    assert "  2 copies that contradict each other" in said.out
    first = (tmp_path / "found" / "issues.csv").read_bytes()
    again = byheart("show", "out", "--issues", "again.csv")
    assert (again.code, (tmp_path / "again.csv").read_bytes()) == (0, first)
    with open(tmp_path / "again.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    against = {row["id"]: json.loads(row["others"]) for row in rows if row["kind"] == "contradicting copy"}
    assert against == {"'=row(1)": ['+80, "x"'], '\'+80, "x"': ["=row(1)"]}
    assert {row["id"] for row in rows if row["kind"] == "duplicate"} == {"'=row(0)", "'-79"}

    lines = byheart("show", "out", "--issues", "issues.jsonl", "--json")
    assert json.loads(lines.out)["issues"]
    records = [json.loads(line) for line in (tmp_path / "issues.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(records) == len(rows)
    assert records[0]["figures"]

    hidden = audited(*WORDS, "--issues", "hidden.csv", "--hide-examples")
    assert hidden.code == 0
    with open(tmp_path / "hidden.csv", newline="", encoding="utf-8-sig") as file:
        bare = list(csv.DictReader(file))
    assert [row["id"] for row in bare] == [row["id"] for row in rows]
    assert {row["label"] for row in bare} == {""}
    assert "predicted" not in bare[0]
    byheart("show", "out", "--issues", "again.csv")  # the report beside it hides its examples
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "hidden.csv").read_bytes()


@pytest.mark.usefixtures("copies")
@pytest.mark.parametrize("path, code, words", [
    ("issues.xlsx", 2, ["ends in .csv, .parquet or .jsonl", "issues.xlsx"]),
    ("folder.csv", 2, ["the folder folder.csv"]),
    ("copies.csv/issues.csv", 3, ["copies.csv", "--issues"]),
])  # fmt: skip
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_done(audited, short, tmp_path, path, code, words):
    (tmp_path / "folder.csv").mkdir()
    short(audited(*WORDS, "--issues", path), code, *words)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("copies")
def test_parquet_needs_its_library(audited, short, monkeypatch, tmp_path):
    from byheart.records import columns

    monkeypatch.setattr(columns, "find_spec", lambda name: None)
    short(audited(*WORDS, "--issues", "issues.parquet"), 2, "pyarrow to write Parquet", "byheart[parquet]")
    assert not (tmp_path / "out").exists()
