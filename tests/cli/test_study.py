"""`byheart study`: lists, runs, prints, and says what is wrong."""

import json
import tomllib

import pytest

from byheart.cli.audits import writable
from byheart.errors import InputRefused
from byheart.ledger.base import Failure, Result
from byheart.ledger.sqlite import SqliteLedger

CLAIM = """
claim = "Trees fit all."
[[source]]
author = "Doe, Roe and Poe"
year = 2000
title = "Trees"
[every]
task = "digits"
task_settings = { n = 60 }
learner = "DecisionTreeClassifier"
members = 8
probes = ["generalization/gap"]
[subject.digits]
[[expect]]
says = "all of it"
quantity = "generalization/gap/train_accuracy"
above = 0.9
[[expect]]
says = "not all that is new"
quantity = "generalization/gap/test_accuracy"
below = 0.1
"""


@pytest.fixture
def mine(tmp_path):
    def write(text=CLAIM):
        (tmp_path / "mine.toml").write_text(text)
        return "mine.toml"

    return write


def test_without_a_name_the_claims_are_listed(byheart):
    said = byheart("study")
    assert said.code == 0
    for name in ("attribution", "canaries", "capacity", "capacity-sweep", "double-descent-epochs", "double-descent-samples", "double-descent-width", "gradient-flow", "membership", "superposition"):
        assert f"  {name} " in said.out
    assert json.loads(byheart("study", "--json").out)["claim"].keys() >= {"capacity"}
    assert byheart("study", "--out", "elsewhere").out == said.out


def test_a_study_prints_its_outcomes_and_writes_its_page(byheart, mine, tmp_path):
    said = byheart("study", mine(), "--jobs", "1", "--device", "cpu")
    assert said.code == 0  # one does not hold: a finding, no error
    lines = said.out.splitlines()
    assert lines[0] == "byheart study · mine · Doe et al. 2000"
    assert lines[2] == "  held      all of it"
    assert "train accuracy 100.0" in lines[3]
    assert "n 60" in lines[3]
    assert lines[4] == "  not held  not all that is new"
    assert lines[-2] == "  1 of 2 expectations held, 1 not held"
    assert lines[-1] == "Page  byheart-study/study-mine.html"
    assert (tmp_path / "byheart-study" / "study-mine.html").exists()
    again = byheart("study", "mine.toml", "--jobs", "1", "--device", "cpu")
    assert again.out == said.out
    assert "all in the ledger" in again.err


def test_json_is_one_document(byheart, mine):
    document = json.loads(byheart("study", mine(), "--jobs", "1", "--json", "--out", "out").out)
    assert [one["outcome"] for one in document["outcomes"]] == ["held", "not held"]
    assert document["provenance"]["command"] == "byheart study mine.toml"


def test_a_failed_subject_is_partial(byheart, mine):
    said = byheart("study", mine(CLAIM.replace('members = 8', 'members = 8\nlearner_settings = { max_depth = -1 }')), "--jobs", "1")
    assert said.code == 6
    assert "  failed    digits: " in said.out
    assert "  withheld  all of it" in said.out


@pytest.mark.parametrize("words, told", [
    (["membershp"], ["'membershp'", "Nearest: membership"]),
    (["no.toml"], ["a claim file", "no.toml"]),
    (["canaries", "--jobs", "two"], ["--jobs", "'two'"]),
    (["canaries", "--device", "tpu"], ["'tpu'"]),
    (["canaries", "--nope"], ["--nope"]),
])  # fmt: skip
def test_a_wrong_word_is_a_usage_error(words, told, byheart, short):
    short(byheart("study", *words), 2, *told)


def test_a_wrong_word_in_a_claim_is_a_usage_error(byheart, mine, short, tmp_path):
    short(byheart("study", mine(CLAIM.replace("above", "abov"))), 2, "'abov'", "Nearest: above")
    short(byheart("study", mine(CLAIM.replace('"digits"', '"digts"'))), 2, "Nearest: digits")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_a_quantity_that_is_not_there_is_a_usage_error(byheart, mine, short):
    said = byheart("study", mine(CLAIM.replace("train_accuracy", "train_acuracy")), "--jobs", "1", "--quiet")
    short(said, 2, "'train_acuracy'", "Nearest: train_accuracy")


def test_nothing_is_left_of_a_refused_study(byheart, mine, short, tmp_path):
    refused = CLAIM.replace("DecisionTreeClassifier", "LinearRegression")
    short(byheart("study", mine(refused), "--jobs", "1", "--quiet", "--out", "deep/out"), 3, "a classifier")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_a_folder_that_was_there_stays_after_a_refusal(byheart, mine, short, tmp_path):
    assert byheart("study", mine(), "--jobs", "1", "--quiet").code == 0
    before = set((tmp_path / "byheart-study").rglob("*.json"))
    refused = CLAIM.replace("DecisionTreeClassifier", "LinearRegression")
    assert byheart("study", mine(refused), "--jobs", "1", "--quiet").code == 3
    assert before <= set((tmp_path / "byheart-study").rglob("*.json"))


def test_two_quantities_of_two_subjects_are_named_with_their_subjects(byheart, mine):
    two = CLAIM.replace("[subject.digits]", "[subject.one]\n[subject.two]\nseed = 1")
    one, other = ("generalization/gap/train_accuracy", "generalization/gap/test_accuracy")
    two = two[: two.index("[[expect]]")] + (
        f'[[expect]]\nsays = "s"\nquantity = "{one}"\nof = "one"\nabove = "{other}"\nthan_of = "two"\n'
    )
    said = byheart("study", mine(two), "--jobs", "1", "--quiet").out
    assert "train accuracy of one 100.0" in said
    assert "test accuracy of two" in said


def test_a_claim_that_is_not_toml_is_refused(byheart, mine, short):
    short(byheart("study", mine(CLAIM + "\nabove = ")), 3, "a claim in TOML in mine.toml")
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(CLAIM + "\nabove = ")


@pytest.mark.parametrize("words, code", [
    (["digits", "--learner", "DecisionTreeClassifier", "--lever", "dropout=0.5"], 2),
    (["digits", "--learner", "transformer"], 3),
    (["digits", "--learner", "LinearRegression"], 3),
])  # fmt: skip
def test_nothing_is_left_of_a_refused_audit(words, code, audited, tmp_path):
    assert audited(*words, "--quiet", "--out", "deep/out").code == code
    assert list(tmp_path.iterdir()) == []


def test_what_was_trained_before_a_refusal_is_kept(tmp_path):
    ledger = SqliteLedger(tmp_path / "out" / "ledger")
    about = {"kind": "train", "learner": {"name": "mlp"}}

    @writable(tmp_path / "out")
    def run():
        ledger.put("0" * 64, Result({}), about)
        ledger.put("1" * 64, Failure("Diverged", "at epoch 3"), about)
        raise InputRefused(came="diverged")

    with pytest.raises(InputRefused):
        run()
    assert ledger.state("0" * 64) == "done"
    ledger.close()


def test_set_puts_values_over_a_claim(byheart, mine, short, tmp_path):
    said = byheart("study", mine(), "--jobs", "1", "--quiet", "--json", "--set", "learner.max_depth=1", "--set", "members=9")
    found = json.loads(said.out)
    assert found["subjects"][0]["about"]["members"] == 9
    assert found["outcomes"][0]["outcome"] == "not held"
    assert "--set learner.max_depth=1 --set members=9" in found["provenance"]["command"]
    short(byheart("study", mine(), "--set", "task.m=3"), 2, "setting of task digits")
    short(byheart("study", mine(), "--set", "membrs=9"), 2, "Nearest: members")
    short(byheart("study", mine(), "--set", "members"), 2, "NAME=VALUE")
