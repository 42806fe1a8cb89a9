"""Every example script runs, small, and finds what its first line promises."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def test_there_are_examples():
    assert [path.name[:2] for path in EXAMPLES] == ["01", "02", "03", "04"]


@pytest.mark.parametrize("path", EXAMPLES[:3], ids=lambda path: path.stem)
def test_example_runs(path, capsys):
    audit = runpy.run_path(str(path))["main"](12)
    assert "complexity/description-length" in audit.findings
    assert audit.findings["complexity/description-length"].status == "measured"
    assert "Audit of" in capsys.readouterr().out


def test_the_recorded_loop_adds_up(capsys):
    found = runpy.run_path(str(EXAMPLES[3]))["main"](3)
    assert abs(found["total"] - found["output"]).max() < 1e-5
    assert found["credit"].shape == found["effect"].shape == (1, 1400)
    assert "add up to" in capsys.readouterr().out
