"""`byheart unlearn`: its lines, JSON, page and exit codes."""

import json
from pathlib import Path

import pytest


@pytest.mark.usefixtures("quick_page")
def test_lines_json_page_and_exit_codes(tree, byheart, short, tmp_path):
    tree("--out", "here")
    Path("ids.txt").write_text("4\n\n0\n")
    short(byheart("unlearn", "latest", "--out", "here", "--forget", "ids.txt"), 2, "4, which was held out")
    Path("ids.txt").write_text("5\n\n0\n")
    said = byheart("unlearn", "latest", "--out", "here", "--forget", "ids.txt", "--models", "3", "--quiet")
    assert (said.code, said.err) == (0, "")
    assert "to forget" in said.out.splitlines()[0]
    assert Path(said.out.splitlines()[-1].removeprefix("Page  ").strip()).is_file()
    document = json.loads(byheart("unlearn", "here", "--forget", "ids.txt", "--models", "3", "--json").out)
    assert document["forgotten"] == [0, 5]
    assert [one["name"] for one in document["methods"]] == ["untouched", "exact"]
    short(byheart("unlearn", "latest", "--out", "here", "--forget", "none.txt"), 3, "no file none.txt")
    Path("empty.txt").write_text("\n")
    short(byheart("unlearn", "latest", "--out", "here", "--forget", "empty.txt"), 2, "Name at least one")
    Path("absent.txt").write_text("5\nxyz\n")
    short(byheart("unlearn", "latest", "--out", "here", "--forget", "absent.txt"), 2, "xyz")
    short(byheart("unlearn", "latest", "--out", "here"), 2, "--forget")
