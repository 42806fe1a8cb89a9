"""`[tool.byheart]` of pyproject.toml: where it is looked for, what it may say, and that the command line wins."""

import json
from dataclasses import fields

import pytest

from byheart.cli import project_file
from byheart.records.options import Options, default_of, word_of


@pytest.fixture
def write(tmp_path):
    def made(text, folder=""):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "pyproject.toml").write_text(text, encoding="utf-8")

    return made


PLAN = ["plan", "digits", "--json"]


def test_defaults_of_the_file_are_asked_for_and_said(byheart, write):
    write('[tool.byheart]\nmembers = 12\nset = ["hidden=8", "epochs=2"]\nlever = "dropout=0.5"\n')
    made = json.loads(byheart(*PLAN).out)
    assert made["members"] == 12
    assert made["notes"] == [
        "Defaults from pyproject.toml: set = hidden=8 and epochs=2, lever = dropout=0.5, members = 12."
    ]
    assert "  Defaults from pyproject.toml: set" in byheart("plan", "digits").out


def test_the_command_line_wins(byheart, write):
    write('[tool.byheart]\nmembers = 12\nset = ["hidden=8", "nonsense=2"]\nseed = 0\n')
    made = json.loads(byheart(*PLAN, "--members", "10", "--set", "hidden=9").out)
    assert made["members"] == 10
    assert made["notes"] == ["Defaults from pyproject.toml: seed = 0."]


def test_a_balance_has_the_defaults_of_its_audit(byheart, npz, write):
    write('[tool.byheart]\nmembers = 8\nlearner = "DecisionTreeClassifier"\njobs = 1\nalso = ["memory/effect"]\n')
    said = byheart("balance", npz, "--try", "max_depth=1,2", "--json")
    assert said.code == 0, said.err
    made = json.loads(said.out)
    assert made["rungs"] == [8]
    assert made["subject"]["learner"] == "DecisionTreeClassifier"
    assert made["notes"] == ["Defaults from pyproject.toml: learner = DecisionTreeClassifier, members = 8, jobs = 1."]


def test_without_a_file_or_a_table_nothing_is_said(byheart, write):
    assert json.loads(byheart(*PLAN).out)["notes"] == []
    write("[tool.ruff]\nline-length = 9\n")
    assert json.loads(byheart(*PLAN).out)["notes"] == []


@pytest.mark.usefixtures("quick_page")
def test_the_document_and_the_page_say_which_came_from_the_file(byheart, npz, write, tmp_path):
    write('[tool.byheart]\nmembers = 8\nlearner = "DecisionTreeClassifier"\njobs = 1\ndevice = "cpu"\n')
    said = byheart("audit", npz)
    note = "Defaults from pyproject.toml: learner = DecisionTreeClassifier, members = 8, jobs = 1, device = cpu."
    assert f"  note          {note}" in said.out.splitlines()
    document = json.loads((tmp_path / "byheart-audit" / "report.json").read_text(encoding="utf-8"))
    assert document["provenance"]["notes"][0] == note
    assert document["subject"]["members"] == 8
    assert "--members 8" in document["provenance"]["command"]  # whoever lacks the file asks for the same with it


@pytest.mark.parametrize("text, told", [
    ("[tool.byheart]\nmembrs = 8\n", ["key of [tool.byheart] in pyproject.toml", "'membrs'", "Nearest: members"]),
    ("[tool.byheart]\nno_control = true\n", ["'no_control'", "Nearest: no-control"]),
    ("[tool.byheart]\nmembers = '8'\n", ["a whole number for members", "'8'"]),
    ("[tool.byheart]\nmembers = true\n", ["a whole number for members", "True"]),
    ("[tool.byheart]\nmembers = 8.5\n", ["a whole number for members", "8.5"]),
    ("[tool.byheart]\nshare = nan\n", ["a finite number for share", "nan"]),
    ("[tool.byheart]\nsplit = []\n", ["a word or a number for split", "[]"]),
    ("[tool.byheart]\njobs = false\n", ["a word or a number for jobs", "False"]),
    ("[tool.byheart]\nno-control = 1\n", ["true or false for no-control", "1"]),
    ("[tool.byheart]\nlever = [1]\n", ["a word or a list of words for lever", "[1]"]),
    ("[tool.byheart]\nset = { epochs = 3 }\n", ["a word or a list of words for set", "epochs"]),
    ("[tool]\nbyheart = 3\n", ["a table for tool.byheart in pyproject.toml", "3"]),
    ("[tool.byheart\n", ["pyproject.toml that can be read", "Mend the file"]),
    ("\ufeff[tool.byheart]\nmembers=8\n", ["pyproject.toml that can be read"]),
])  # fmt: skip
def test_a_wrong_key_or_value_is_named(text, told, byheart, write, short):
    write(text)
    short(byheart("plan", "digits"), 2, *told)


@pytest.mark.parametrize("text, told", [
    ("maximum = {}", ["key of [tool.byheart.gate]", "'maximum'", "Nearest: max"]),
    ("max = 0.3", ["a table of names and finite numbers for max", "0.3"]),
    ("min = { gap = '0.3' }", ["a table of names and finite numbers for min"]),
    ("min = { gap = nan }", ["a table of names and finite numbers for min"]),
    ("min = { gap = true }", ["a table of names and finite numbers for min"]),
    ("fail-on = [101]", ["a word or a list of words for fail-on", "[101]"]),
    ("strict = 'yes'", ["true or false for strict", "'yes'"]),
])  # fmt: skip
def test_a_wrong_key_or_value_of_the_gate_is_named(text, told, byheart, write, short):
    write(f"[tool.byheart.gate]\n{text}\n")
    short(byheart("gate", "latest"), 2, *told)


def test_help_is_there_whatever_the_file_says(byheart, write):
    write("[tool.byheart]\nmembrs = 8\n")
    assert byheart("audit", "--help").code == byheart("list").code == 0


def test_a_file_that_is_no_text_is_refused(byheart, tmp_path, short):
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe[tool]")
    short(byheart("plan", "digits"), 2, "pyproject.toml that can be read")


def test_it_is_looked_for_up_to_the_root_of_the_repository_and_no_further(tmp_path, write):
    deep, repo = tmp_path / "repo" / "a" / "b", tmp_path / "repo"
    deep.mkdir(parents=True)
    write("")
    write("", "repo")
    assert project_file.candidates(deep) == []  # in no repository: here alone
    (repo / ".git").mkdir()
    assert project_file.candidates(deep) == [repo / "pyproject.toml"]  # not above the root
    write("", "repo/a/b")
    assert project_file.candidates(deep) == [deep / "pyproject.toml", repo / "pyproject.toml"]


def test_a_nearer_file_of_another_tool_does_not_hide_ours(byheart, write, tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    write("[tool.byheart]\nmembers = 12\n")
    write("[tool.ruff]\n", "package")
    monkeypatch.chdir(tmp_path / "package")
    assert json.loads(byheart(*PLAN).out)["members"] == 12


EXAMPLES = {"str": "a", "int": 3, "float": 0.5, "bool": True, "tuple": ["a"]}


@pytest.mark.parametrize("one", fields(Options), ids=lambda one: one.name)
def test_every_option_has_a_key(one, write, tmp_path, monkeypatch):
    value = next(value for kind, value in EXAMPLES.items() if str(one.type).startswith(kind))
    monkeypatch.chdir(tmp_path)
    write(f"[tool.byheart]\n{word_of(one)} = {json.dumps(value)}\n")
    assert project_file.defaults() == {one.name: value}
    assert value != default_of(one)


def test_a_word_of_the_command_line_may_be_a_number_in_the_file(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("[tool.byheart]\nsplit = 0.25\njobs = 2\nbudget = 60\n")
    assert project_file.defaults() == {"split": "0.25", "jobs": "2", "budget": "60"}
