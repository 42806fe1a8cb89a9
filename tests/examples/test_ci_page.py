"""docs/ci.md: its workflows parse, and their commands run as they stand, with the defaults of the page."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml

import byheart as bh

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(?:yaml|python)\n# (\S+)\n(.*?)```", TEXT, re.S))
FILE = re.search(r"```toml\n(.*?)```", TEXT, re.S)[1]
GITHUB = yaml.safe_load(BLOCKS[".github/workflows/byheart.yml"])
GITLAB = yaml.safe_load(BLOCKS[".gitlab-ci.yml"])
STEPS = GITHUB["jobs"]["gate"]["steps"]
SCRIPTS = {
    "bounds": re.search(r"## Bounds\n\n```\n(.*?)```", TEXT, re.S)[1].splitlines(),
    "github": [step["run"] for step in STEPS if "run" in step],
    "gitlab": GITLAB["byheart"]["script"],
}


def test_every_workflow_names_what_the_commands_write():
    (kept,) = (step["with"]["path"].split() for step in STEPS if "upload-artifact" in step.get("uses", ""))
    assert kept == ["byheart-audit/report.html", "gate.xml"]
    assert [step["with"]["path"] for step in STEPS if "cache" in step.get("uses", "")] == GITLAB["byheart"]["cache"][
        "paths"
    ]
    assert GITLAB["byheart"]["artifacts"]["reports"] == {"junit": "gate.xml"}


@pytest.mark.usefixtures("quick_page")
def test_the_commands_run_as_they_stand_one_pipeline_after_another(byheart, tmp_path):
    """With the data and the file of the page; the ledger is the cache of the next pipeline."""
    (tmp_path / "pyproject.toml").write_text(FILE.replace("[tool.byheart.gate]", "jobs = 1\n\n[tool.byheart.gate]"))
    x = np.random.default_rng(7).normal(size=(90, 3)).round(3)
    rows = [f"{a},{b},{c},{'yes' if a > 0 else 'no'}" for a, b, c in x]
    (tmp_path / "data.csv").write_text("a,b,c,label\n" + "\n".join(rows) + "\n")
    for name, lines in SCRIPTS.items():
        commands = [shlex.split(line) for line in lines if not line.startswith("pip install")]
        assert [words[:2] for words in commands] == [["byheart", "audit"], ["byheart", "gate"]]
        said = byheart(*commands[0][1:])
        assert said.code == 0, said.err
        assert "Defaults from pyproject.toml: " in said.out
        said = byheart(*commands[1][1:])
        outcome = said.out.splitlines()[-1].removeprefix("Gate  ")  # of ninety rows: whatever it is, it is not refused
        assert said.code == {"held": 0, "withheld": 4}.get(outcome, 1), said.err
        assert outcome == "withheld, counted as not held" if name == "gitlab" else outcome in ("not held", "withheld")
        assert (tmp_path / "byheart-audit" / "report.html").is_file()
        assert (tmp_path / "gate.xml").is_file() is (name != "bounds")


def test_the_test_file_passes(tmp_path):
    """The fixture itself is tested in tests/integrations; here the page's own calls of it."""
    made = {}
    exec(compile(BLOCKS["test_memory.py"], "test_memory.py", "exec"), made)
    found = made["audit"].__wrapped__(lambda data, **options: bh.audit(data, out=tmp_path, **options))
    made["test_it_generalises"](found)
    made["test_it_memorises_little"](found)
