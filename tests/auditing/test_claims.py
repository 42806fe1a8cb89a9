"""Claim files: ours hold together; a wrong word names the nearest right one; what is no claim is refused."""

import copy
import tomllib

import pytest

from byheart.auditing.claims import claim_named, listed
from byheart.auditing.studies import requested, study
from byheart.errors import InputRefused, UnknownName, UsageError
from byheart.records.claim import Claim, claim_from

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
dose = 0
[subject.two]
dose = 1
flip = 0.1
[[expect]]
says = "s"
quantity = "memory/membership/membership_auc"
of = "one"
above = "null"
"""
TREND = {"quantity": "memory/membership/membership_auc", "says": "s", "trend": "grows", "over": ["one", "two"]}


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
    ({"members": 3}, "at least 8 members"),
    ({"members": 0}, "at least 8 members"),
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
    ({"trend": "grows", "over": ["one"]}, "at least two subjects"),
    ({"trend": "grows", "over": ["one", "two"]}, "`of` or `over`"),
    ({"above": 1, "than_of": "two"}, "`than_of` beside another quantity"),
    ({"above": "null", "than_of": "nobody"}, "`than_of` beside another quantity"),
    ({"above": True}, "above"),
    ({"near": False, "within": 1}, "near"),
    ({"near": 1, "within": True}, "within"),
    ({"above": 1, "over": ["one", "two"]}, "at least two subjects"),
    ({"of": "", "trend": "grows", "over": ["two", "one"]}, "ascending dose"),
    ({"trend": "rises", "over": ["one", "two"]}, "grows"),
    ({"trend": "levels off", "over": ["one", "two"]}, "within"),
    ({"above": "membership_auc"}, "chapter/probe/quantity"),
    ({"above": float("nan")}, "finite"),
])  # fmt: skip
def test_what_is_no_comparison_is_refused(table, expected, told):
    table["expect"] = [{"says": "s", "quantity": "memory/membership/membership_auc", "of": "one", **expected}]
    with pytest.raises(UsageError, match=told):
        claim_from(table)


@pytest.mark.parametrize("word", ["dose", "flip", "members", "share", "seed"])
def test_true_is_no_number(table, word):
    table["subject"]["two"][word] = True
    with pytest.raises(UsageError, match=word):
        claim_from(table)


def test_a_setting_called_self_is_a_wrong_word(table):
    table["subject"]["two"]["self"] = 1
    with pytest.raises(UnknownName, match="'self'"):
        claim_from(table)


def test_a_trend_needs_doses(table):
    del table["subject"]["two"]["dose"]
    table["expect"] = [TREND]
    with pytest.raises(UsageError, match="ascending dose"):
        claim_from(table)


@pytest.mark.parametrize("missing", ["claim", "source", "subject", "expect"])
def test_what_is_missing_is_said(table, missing):
    del table[missing]
    with pytest.raises(UsageError, match=missing):
        claim_from(table)


@pytest.mark.parametrize("word", ["source", "subject", "expect", "every"])
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
    bound = [one for one in claim_named("capacity")[1].expect if one.quantity.endswith("bits_held_a_parameter")]
    assert [one.near is None and one.below is None for one in bound] == [True]
    assert "3.6" in claim_named("capacity")[1].called(bound[0].quantity)


def test_the_continuous_statement_is_asked_at_three_learning_rates_of_equal_training():
    made = claim_named("gradient-flow")[1]
    settings = [one.learner_settings for one in made.subject.values()]
    assert len({round(each["lr"] * each["epochs"], 9) for each in settings}) == 1
    assert [one.dose for one in made.subject.values()] == [each["lr"] for each in settings]
    assert all(":continuous=true" in one.probes[0] for one in made.subject.values())


def test_every_size_of_the_capacity_has_as_many_steps_and_visits():
    subjects = claim_named("capacity")[1].subject.values()
    assert {one.learner_settings["epochs"] for one in subjects} == {3000}
    assert all(one.learner_settings["batch"] == one.task_settings["n"] for one in subjects)


def test_a_file_of_the_users_own_is_a_claim(tmp_path):
    (tmp_path / "my claim.toml").write_text(GOOD)
    name, made = claim_named(str(tmp_path / "my claim.toml"))
    assert name == "my-claim"
    assert isinstance(made, Claim)


@pytest.mark.parametrize("word, near", [("membershp", "membership"), ("canary", "canaries")])
def test_an_unknown_claim_names_the_nearest(word, near):
    with pytest.raises(UnknownName, match=f"Nearest: .*{near}"):
        claim_named(word)
