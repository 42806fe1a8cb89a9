"""Every example script runs, small, and finds what its first line promises."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def test_there_are_examples():
    assert [path.name[:2] for path in EXAMPLES] == ["01", "02", "03"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, capsys):
    audit = runpy.run_path(str(path))["main"](12)
    assert "complexity/bits" in audit.findings
    assert audit.findings["complexity/bits"].status == "measured"
    assert "Audit of" in capsys.readouterr().out
