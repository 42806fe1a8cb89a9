"""Help: of the whole, of a command, at any width; words that are no command."""

import re

import pytest
import typer

from byheart.cli.app import AUDIT, FINISHED, REFERENCE, app

COMMANDS = typer.main.get_command(app).commands


def titles(text):
    return [line[:-1] for line in text.splitlines() if re.match(r"\S.*:$", line) and not line.startswith("Usage")]


def test_byheart_alone_lists_every_command_in_its_panel(byheart):
    said = byheart()
    assert (said.code, said.err) == (0, "")
    assert said.out == byheart("help").out == byheart("--help").out
    assert titles(said.out) == [AUDIT, FINISHED, REFERENCE, "Options"]
    assert re.findall(r"^  ([a-z]+)  ", said.out, re.M) == list(COMMANDS)
    for word in ("--version", "--install-completion", "--show-completion", "--debug"):
        assert f"\n  {word}" in said.out
    assert said.out.count("...") == 1  # of the usage: no line is cut


@pytest.mark.parametrize("name", COMMANDS)
def test_help_and_a_command_is_its_page(name, byheart):
    said = byheart("help", name)
    assert (said.code, said.err) == (0, "")
    assert said.out == byheart(name, "--help").out
    assert said.out.startswith(f"Usage: byheart {name} ")
    assert "<" not in said.out
    assert COMMANDS[name].help.partition("\n")[0].split()[-1] in said.out


def test_the_options_of_an_audit_stand_in_panels(byheart):
    said = byheart("help", "audit").out
    assert titles(said) == ["Arguments", "Data", "Model", "Training", "Output", "Options"]
    panels = dict(zip(titles(said), re.split(r"\n\n\S.*:\n", said)[1:]))
    for title, words in {
        "Data": ("--target", "--group", "--split", "--flip"), "Model": ("--learner", "--set", "--returns", "--lever"),
        "Training": ("--members", "--budget", "--jobs"), "Output": ("--also", "--out", "--json", "--issues"),
    }.items():  # fmt: skip
        for word in words:
            assert f"  {word} " in panels[title], (title, word)


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("words", [[], *[["help", name] for name in COMMANDS]])
def test_no_page_cuts_a_word(words, columns, byheart, monkeypatch):
    whole = set(byheart(*words).out.split())
    monkeypatch.setenv("COLUMNS", str(columns))
    narrow = byheart(*words).out
    assert set(narrow.split()) == whole
    assert all(len(line) <= columns for line in narrow.splitlines())


@pytest.mark.parametrize("words", [["audti"], ["help", "audti"], ["audti", "digits", "--members", "8"]])
def test_a_wrong_command_names_the_nearest(words, byheart, short):
    short(byheart(*words), 2, "expected the name of a command, got 'audti'", "Nearest: audit")


def test_a_wrong_option_names_the_page_that_has_it(byheart, short):
    short(byheart("gate", "--mx", "gap=1"), 2, "--max", "Try: byheart gate --help")


def test_the_version(byheart):
    assert re.fullmatch(r"byheart \d+\.\d+\.\d+\S*\n", byheart("--version").out)
