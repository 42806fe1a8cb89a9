"""CONTRIBUTING, followed to the letter: its plug-in is made, installed, held to the suites and audited with."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
FILES = re.findall(r"```(?:toml|python)\n# (\S+)\n(.*?)```", TEXT, re.S)
COMMANDS = re.search(r"```console\n(.*?)```", TEXT, re.S)[1].splitlines()
# the commands of a shell, in this environment and without a network
AS = {
    "pip": [sys.executable, "-m", "pip", "install", "--target", "site", "--no-deps", "--no-index", "--no-build-isolation"],
    "pytest": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
    "byheart": [sys.executable, "-c", "from byheart.cli.main import main; main()"],
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each command of the page says, in a folder of its own."""
    folder = tmp_path_factory.mktemp("plug-in")
    for name, text in FILES:
        (folder / name).write_text(text)
    path = os.pathsep.join([str(folder / "site"), str(ROOT / "src")])
    found = {}
    for line in COMMANDS:
        word, *rest = shlex.split(line)
        rest = rest[1:] if word == "pip" else [*rest, "--jobs", "1"] if "audit" in rest else rest
        asked = [*AS[word], *rest]
        done = subprocess.run(
            asked, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        found[line] = done.stdout
    return folder, found


def test_the_page_begins_with_where_to_add_what():
    assert TEXT.startswith("# Contributing\n\n## Where do I add ...?\n")
    assert [name for name, _ in FILES] == ["pyproject.toml", "stripes.py", "test_stripes.py"]


def test_the_plug_in_keeps_the_promises_and_is_listed(said):
    _, found = said
    assert re.search(r"\d{2,} passed", found["pytest test_stripes.py"])
    assert "stripes/sureness" in found["byheart list probe"]


def test_the_audit_shows_the_number_of_the_added_probe_with_the_default_card(said):
    folder, _ = said
    document = json.loads((folder / "byheart-audit" / "report.json").read_text())
    finding = document["findings"]["stripes/sureness"]
    assert finding["status"] == "measured"
    page = (folder / "byheart-audit" / "report.html").read_text()
    card = re.search(r'<article class="card[^"]*" id="stripes-sureness">.*?</article>', page, re.S)[0]
    value = f"{100 * finding['quantities']['sureness']['value']:.1f} points".replace("-", "\u2212")
    assert value in card
    assert "sureness." in card
    assert 'class="strip"' in card
    assert 'id="chapter-stripes"' in page
    assert "confidence-penalty" in page
    assert "two-layers" in page
