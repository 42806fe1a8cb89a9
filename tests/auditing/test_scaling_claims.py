"""`byheart study scaling` and `scaling-text`: their surveys can be read of their grids, and of a small grid they are."""

import json

import pytest

from byheart.auditing.claims import claim_named
from byheart.auditing.studies import prepared
from byheart.auditing.surveys import surveys_of
from byheart.errors import InputRefused

SMALL = """
claim = "A deeper memory of more rows."
[[source]]
author = "A"
year = 2020
title = "T"
[every]
task = "digits"
learner = "DecisionTreeClassifier"
members = 8
probes = ["complexity/description-length"]
[grid]
task.n = [40, 80, 160, 320]
[survey.memory]
name = "power-law"
quantity = "complexity/description-length/memorised_bits"
by = "task.n"
at = 5000
[[expect]]
says = "Memory grows with the data"
quantity = "survey/memory/exponent"
above = 0
[[expect]]
says = "Nothing is said beyond twice the range"
quantity = "survey/memory/predicted"
above = 0
"""


@pytest.mark.parametrize("name, sizes, other", [("scaling", 5, 6), ("scaling-text", 4, 4)])
def test_every_law_has_enough_sizes_at_one_value_of_all_else(name, sizes, other):
    """A mean over several values of another setting is seldom a power law."""
    claim = claim_named(name)[1]
    assert prepared(claim)
    laws = [one for one in surveys_of(claim).values() if one.name == "power-law"]
    for law in laws:
        here = [one for one in claim.grid.values() if law.where.items() <= one.items()]
        moving = [path for path in here[0] if len({one[path] for one in here}) > 1]
        assert len(moving) == 1
        assert len(here) == (sizes if moving == ["task.n"] else other)
        assert law.by in (moving[0], "parameters")


def test_another_subject_takes_the_same_study_with_its_own_values():
    claim = claim_named("scaling", {"subject": "fashion", "values": [16, 32, 64, 128], "tight": 16, "room": 128})[1]
    assert len(claim.subject) == 2 * 5 * 4
    assert prepared(claim)
    with pytest.raises(InputRefused, match=r"'learner\.hidden': 256"):
        prepared(claim_named("scaling", {"values": [16, 32, 64, 128], "tight": 16})[1])


def test_a_study_of_four_sizes_has_an_exponent_and_says_nothing_beyond(tmp_path, monkeypatch, byheart):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    found = json.loads(byheart("study", "small.toml", "--jobs", "1", "--device", "cpu", "--json").out)
    grows, beyond = found["outcomes"]
    assert grows["outcome"] == "held"
    assert beyond["outcome"] == "withheld"
    assert beyond["readings"][0]["reason"]["code"] == "beyond the range"
    page = (tmp_path / "byheart-study" / "study-small.html").read_text()
    assert "20 to 640, and not to 5000" in page
