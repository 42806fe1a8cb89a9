"""Claim files: ours hold together; a wrong word names the nearest right one; what is no claim is refused."""

import copy
import tomllib

import pytest

from byheart.auditing.claims import claim_named, listed
from byheart.auditing.studies import prepared, requested, study
from byheart.errors import InputRefused, UnknownName, UsageError
from byheart.records.claim_table import claim_from

GOOD = """
claim = "c"
[[source]]
author = "a"
year = 2000
title = "t"
[every]
task = "digits"
probes = ["memory/membership"]
[subject.one]
[subject.two]
flip = 0.1
[[expect]]
says = "s"
quantity = "memory/membership/membership_auc"
of = "one"
above = "null"
"""
GRID = """
[grid]
flip = [0.0, 0.1]
learner.hidden = [8, 16]
[survey.easier]
name = "dose"
quantity = "memory/membership/membership_auc"
by = "flip"
"""


@pytest.fixture
def table():
    return copy.deepcopy(tomllib.loads(GOOD))


def test_what_stands_under_every_holds_for_every_subject(table):
    made = claim_from(table)
    assert [one.task for one in made.subject.values()] == ["digits", "digits"]
    assert [one.flip for one in made.subject.values()] == [None, 0.1]
    table["subject"]["two"]["task"] = "fashion"
    assert claim_from(table).subject["two"].task == "fashion"


@pytest.mark.parametrize("name", sorted(listed()))
def test_every_claim_of_ours_is_one_and_every_word_of_it_is_known(name):
    called, made = claim_named(name)
    assert called == name
    assert made.claim.endswith(".")
    assert made.claim == listed()[name]
    for subject in made.subject.values():
        assert requested(subject).subject.task.name


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(listed()))
def test_every_quantity_of_ours_is_measured(name, tmp_path):
    """Minutes: an outcome may be anything, but none is withheld for want of a number."""
    found = study(*claim_named(name), tmp_path)
    assert not found.partial
    assert [reading for one in found.outcomes for reading in one.readings if reading.quantity is None] == []


@pytest.mark.parametrize("at, value, near", [
    (("clam",), "c", "claim"),
    (("subject", "one", "flp"), 0.1, "flip"),
    (("every", "probes"), ["memory/membershp"], "memory/membership"),
    (("expect", 0, "abov"), 1, "above"),
    (("expect", 0, "of"), "on", "one"),
    (("expect", 0, "quantity"), "memory/membershp/x", "memory/membership"),
    (("source", 0, "yaer"), 2000, "year"),
])  # fmt: skip
def test_a_wrong_word_names_the_nearest_right_one(table, at, value, near):
    inner = table
    for step in at[:-1]:
        inner = inner[step]
    inner[at[-1]] = value
    with pytest.raises(UnknownName, match=f"Nearest: {near}"):
        claim_from(table)


@pytest.mark.parametrize("change, told", [
    ({"task": "digts"}, "Nearest: digits"),
    ({"task_settings": {"m": 3}}, "setting of task digits"),
    ({"learner": "mpl"}, "Nearest: mlp"),
    ({"learner": "mlp", "learner_settings": {"epoch": 3}}, "Nearest: epochs"),
    ({"levers": ["dropot=0.5"]}, "Nearest: dropout"),
    ({"members": 0}, "at least one member"),
    ({"members": -3}, "at least one member"),
    ({"flip": 7.0}, "share of labels"),
])  # fmt: skip
def test_words_of_tasks_learners_and_levers_are_checked_before_anything_runs(table, change, told):
    table["subject"]["two"] |= change
    with pytest.raises(UsageError, match=told):
        requested(claim_from(table).subject["two"])


@pytest.mark.parametrize("expected, told", [
    ({"above": 1, "below": 2}, "one of above"),
    ({}, "one of above"),
    ({"near": 1}, "within"),
    ({"above": 1, "within": 1}, "within"),
    ({"near": "nothing", "within": 1}, "near"),
    ({"above": 1, "than_of": "two"}, "`than_of` beside another quantity"),
    ({"above": "null", "than_of": "nobody"}, "`than_of` beside another quantity"),
    ({"above": True}, "above"),
    ({"near": False, "within": 1}, "near"),
    ({"near": 1, "within": True}, "within"),
    ({"above": "membership_auc"}, "chapter/probe/quantity"),
    ({"above": float("nan")}, "finite"),
])  # fmt: skip
def test_what_is_no_comparison_is_refused(table, expected, told):
    table["expect"] = [{"says": "s", "quantity": "memory/membership/membership_auc", "of": "one", **expected}]
    with pytest.raises(UsageError, match=told):
        claim_from(table)


@pytest.mark.parametrize("word", ["flip", "members", "share", "seed"])
def test_true_is_no_number(table, word):
    table["subject"]["two"][word] = True
    with pytest.raises(UsageError, match=word):
        claim_from(table)


def test_a_setting_called_self_is_a_wrong_word(table):
    table["subject"]["two"]["self"] = 1
    with pytest.raises(UnknownName, match="'self'"):
        claim_from(table)


@pytest.mark.parametrize("missing", ["claim", "source", "subject", "expect"])
def test_what_is_missing_is_said(table, missing):
    del table[missing]
    with pytest.raises(UsageError, match=missing):
        claim_from(table)


@pytest.mark.parametrize("word", ["source", "subject", "expect", "every", "grid", "survey"])
def test_another_shape_is_refused(table, word):
    table[word] = 3
    with pytest.raises(UsageError, match=word):
        claim_from(table)


def test_a_file_that_is_not_toml_is_refused(tmp_path):
    (tmp_path / "mine.toml").write_text("claim = ")
    with pytest.raises(InputRefused, match=r"a claim in TOML in mine\.toml"):
        claim_named(str(tmp_path / "mine.toml"))


def test_brackets_too_deep_to_be_read_are_refused(tmp_path):
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(InputRefused, match="too deep"):
        claim_named(str(tmp_path / "deep.toml"))


def test_a_file_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(GOOD)
    monkeypatch.setattr(type(tmp_path), "read_bytes", _forbidden)
    with pytest.raises(InputRefused, match=r"mine\.toml: Permission denied"):
        claim_named(str(tmp_path / "mine.toml"))


def _forbidden(self):
    raise PermissionError(13, "Permission denied")


def test_no_expectation_of_ours_holds_whatever_comes():
    """A share cannot lie below 0, nor a lower bound refute what it bounds."""
    made = claim_named("superposition")[1]
    assert not [one for one in made.expect if one.quantity.endswith("kernel_spread") and one.above == "null"]
    bound = [one for one in claim_named("capacity")[1].expect if one.quantity == "survey/fullest/largest"]
    assert [one.near is None and one.below is None for one in bound] == [True]
    assert "3.6" in claim_named("capacity")[1].called(bound[0].quantity)


@pytest.fixture
def grid():
    """The same claim over a grid of labels redrawn and widths."""
    text = GOOD.replace("[subject.one]\n[subject.two]\nflip = 0.1\n", GRID).replace('of = "one"', 'of = "flip=0, hidden=8"')
    return tomllib.loads(text.replace('task = "digits"', 'task = "digits"\nlearner = "mlp"'))


def subjects(table, **values):
    return {name: requested(one).subject for name, one in claim_from(table, values).subject.items()}


def test_a_grid_makes_a_subject_of_each_combination(grid):
    made = subjects(grid)
    assert list(made) == ["flip=0, hidden=8", "flip=0, hidden=16", "flip=0.1, hidden=8", "flip=0.1, hidden=16"]
    assert [(one.task.name, one.learner.hidden) for one in made.values()] == [
        ("digits", (8,)), ("digits", (16,)), ("flipped", (8,)), ("flipped", (16,)),
    ]  # fmt: skip
    assert claim_from(grid).grid["flip=0.1, hidden=8"] == {"flip": 0.1, "learner.hidden": 8}


def test_settings_may_go_together(grid):
    grid["grid"]["together"] = True
    grid["expect"][0]["of"] = "flip=0"
    assert [one.learner.hidden for one in subjects(grid).values()] == [(8,), (16,)]
    grid["grid"]["flip"] = [0.0]
    with pytest.raises(UsageError, match=r"flip 1, learner\.hidden 2"):
        claim_from(grid)


def test_the_default_learner_takes_settings_of_a_grid(grid):
    del grid["every"]["learner"]
    assert claim_from(grid).subject["flip=0, hidden=8"].learner_settings == {"hidden": 8}


def test_what_a_point_is_called_is_said_by_the_words(grid):
    grid["words"] = {"flip": "share redrawn"}
    assert claim_from(grid).says("flip=0.1, hidden=8") == "share redrawn 0.1, hidden 8"


def test_values_are_put_over_a_claim(grid):
    assert list(subjects(grid, **{"learner.hidden": [4, 8]})) == ["flip=0, hidden=4", "flip=0, hidden=8", "flip=0.1, hidden=4", "flip=0.1, hidden=8"]
    assert {one.learner.epochs for one in subjects(grid, **{"learner.epochs": 3}).values()} == {3}
    assert {one.members for one in subjects(grid, members=9).values()} == {9}
    assert {one.levers[0].strength for one in subjects(grid, **{"lever.weight-decay.strength": 0.5}).values()} == {0.5}
    assert claim_from(grid, {"survey.easier.by": "learner.hidden"}).survey["easier"]["by"] == "learner.hidden"
    assert list(subjects(grid, flip=0.0)) == ["flip=0, hidden=8", "flip=0, hidden=16"]


@pytest.mark.parametrize("path, near", [
    ("learner.hiden", "hidden"), ("task.m", "n"), ("lever.dropot.share", "dropout"), ("fliip", "flip"),
    ("survey.esier.by", "easier"), ("lerner.hidden", "learner"), ("survey.easier.bye", "by"), ("survey.easier.name", "dose"),
])  # fmt: skip
def test_a_wrong_word_put_over_a_claim_names_the_nearest(grid, path, near):
    with pytest.raises(UnknownName, match=f"Nearest: {near}|Known: .*{near}"):
        prepared(claim_from(grid, {path: "doze" if path.endswith("name") else 1}), "cpu")


@pytest.mark.parametrize("change, told", [
    ({"flip": 0.1}, "a list of values"), ({"flip": []}, "a list of values"), ({"flip": [0.1, 0.1]}, "once"),
    ({"together": 1}, "a list of values"), ({"fliip": [0.1]}, "Nearest: flip"),
])  # fmt: skip
def test_what_is_no_grid_is_refused(grid, change, told):
    grid["grid"] |= change
    with pytest.raises(UsageError, match=told):
        claim_from(grid)


def test_a_claim_has_subjects_beside_a_grid_of_names_of_their_own(grid):
    alone, made = claim_from(grid), claim_from({**grid, "subject": {"one": {}}})
    assert made.grid == alone.grid
    assert set(made.subject) == {*alone.subject, "one"}
    with pytest.raises(UsageError, match="names other than those of the grid"):
        claim_from({**grid, "subject": {next(iter(alone.subject)): {}}})


@pytest.mark.parametrize("change, told", [
    ({"by": "learner.hiden"}, r"Nearest: learner\.hidden"), ({"by": "says"}, "setting of this grid"),
    ({"quantity": "memory/membershp/x"}, "Nearest: memory/membership"), ({"name": "doze"}, "Nearest: dose"),
])  # fmt: skip
def test_a_survey_is_checked_before_anything_runs(grid, change, told):
    grid["survey"]["easier"] |= change
    with pytest.raises(UsageError, match=told):
        prepared(claim_from(grid), "cpu")


def test_an_expectation_of_no_survey_names_the_nearest(grid):
    grid["expect"][0] = {"says": "s", "quantity": "survey/esier/trend", "above": 0}
    with pytest.raises(UnknownName, match="Nearest: easier"):
        claim_from(grid)
