"""`byheart rank`: its lines, JSON, files and exit codes."""

import csv
import itertools
import json

import pytest


@pytest.fixture
def runs(tmp_path):
    rows = [{"width": w, "depth": d, "gap": 0.3 - 0.01 * w + 0.02 * d, "norm": w, "zero": 0} for w, d in itertools.product((4, 8, 12), (1, 2, 3, 4))]
    with open(tmp_path / "runs.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return "runs.csv"


WORDS = ["--gap", "gap", "--settings", "width,depth"]


def test_lines_json_and_a_file(byheart, runs, tmp_path):
    said = byheart("rank", runs, *WORDS, "--out", "table.csv")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("byheart rank · runs.csv · 12 runs, 12 configurations of width (3), depth (4) · gap: gap\n")
    assert said.out.endswith("Table  table.csv\n")
    document = json.loads(byheart("rank", runs, *WORDS, "--json").out)
    assert document["table"]["values"]["psi.width"][document["table"]["values"]["measure"].index("norm")] == -1.0
    assert len(list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))) == len(document["table"]["values"]["measure"])
    one = json.loads(byheart("rank", runs, *WORDS, "--measures", "norm", "--test-size", "10000", "--json").out)
    assert [name for name, base in zip(one["table"]["values"]["measure"], one["table"]["values"]["baseline"]) if not base] == ["norm"]


def test_exit_codes(byheart, runs, short, tmp_path):
    short(byheart("rank", "none.csv", *WORDS), 3, "no file none.csv")
    short(byheart("rank", runs, "--gap", "gpa", "--settings", "width"), 2, "column of runs.csv", "Nearest: gap")
    short(byheart("rank", runs), 2, "the column of the generalisation gap", "Columns: width, depth, gap, norm, zero")
    (tmp_path / "one.csv").write_text("width,gap,norm\n1,0.1,2\n")
    short(byheart("rank", "one.csv", "--gap", "gap", "--settings", "width"), 3, "at least 2 runs in one.csv")
    (tmp_path / "twice.csv").write_text("width,gap,norm,width,norm\n1,0.1,2,3,4\n2,0.2,3,1,5\n3,0.3,4,2,6\n")
    short(byheart("rank", "twice.csv", "--gap", "gap", "--settings", "width"), 3, "different names in twice.csv", "'width' twice")
    noted = [f"{row},a,{i}" for i, row in enumerate((tmp_path / "runs.csv").read_text().splitlines())]
    (tmp_path / "others.csv").write_text("\n".join([f"{noted[0][:-3]}note,note", *(f"{row}b" for row in noted[1:])]))
    assert byheart("rank", "others.csv", *WORDS).code == 0
    (tmp_path / "holes.csv").write_text("width,gap,norm\n1,0.1,2\n,0.2,3\n3,0.3,4\n")
    short(byheart("rank", "holes.csv", "--gap", "gap", "--settings", "width"), 3, "a value of 'width' for every run", "at line 3")
    short(byheart("rank", runs, *WORDS, "--out", "table.doc"), 2, ".csv")
