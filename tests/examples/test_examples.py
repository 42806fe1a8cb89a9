"""Every example script runs, small, and finds what its first line promises."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


def test_there_are_examples():
    assert [path.name[:2] for path in EXAMPLES] == ["01", "02", "03", "04", "05", "06"]


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


def test_the_series_prints_what_its_first_lines_say(capsys):
    script = runpy.run_path(str(EXAMPLES[4]))
    audit = script["main"](8)
    printed = capsys.readouterr().out.splitlines()
    said = script["__doc__"].strip().splitlines()[2:]
    assert [line.partition(":")[0] for line in printed] == [line.partition(":")[0] for line in said]
    assert printed[0] == "Needed: 2 steps back predict the next"  # the map asks for two, and so does its spectrum
    assert printed[-1].endswith("it fills 1.26 dimensions")  # Russell, Hanson, Ott 1980: 1.26
    assert audit.findings["dynamics/orbit"].status == "measured"


def test_the_best_setting_keeps_a_tree_from_wrong_labels(capsys):
    found = runpy.run_path(str(EXAMPLES[5]))["main"](8)
    assert found.best.beats
    assert found.best.setting["max_depth"] == 3 or found.best.setting["min_samples_leaf"] == 30
    assert found.best.moved.interval[1] < -0.2
    printed = capsys.readouterr().out
    assert "is the best of 3 settings: against the recipe it saves" in printed
    assert printed.count("bits saved per label\n") == len(found.frontier) - 1
