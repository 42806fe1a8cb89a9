"""Completion, called as the shells call it; what it offers is what the commands take."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from byheart.auditing.claims import listed
from byheart.cli.app import app
from byheart.cli.completion import OF_RUNS
from byheart.cli.list_show import kinds
from byheart.registry import BUILT_IN

COMMANDS = typer.main.get_command(app).commands


@pytest.fixture
def offered(byheart, monkeypatch):
    """The words that complete these ones, with what a shell reads of them."""

    def run(*words, shell="fish"):
        monkeypatch.setenv("_BYHEART_COMPLETE", shell)
        said = byheart(*words)
        monkeypatch.delenv("_BYHEART_COMPLETE")
        assert (said.code, said.err) == (0, "")
        return [line for line in said.out.splitlines() if line]

    return run


def first(lines):
    return [line.partition("\t")[0] for line in lines]


def test_commands_with_what_they_do(offered):
    assert first(offered("")) == [*COMMANDS, "help"]
    assert first(offered("help", "")) == [*COMMANDS, "help"]
    assert offered("au") == ["audit\tMeasure what a model trained this way has memorised and what it has understood."]
    assert "--install-completion" in first(offered("--"))
    assert offered("nothing", "") == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_each_command(name, offered):
    options = [word for param in COMMANDS[name].params if param.param_type_name == "option" for word in param.opts]
    assert {*options, "--help"} <= set(first(offered(name, "--")))


def test_an_option_is_offered_again_only_where_it_may_be_repeated(offered):
    found = first(offered("audit", "--members", "8", "--lever", "dropout=0.5", "--"))
    assert "--lever" in found
    assert "--members" not in found


@pytest.mark.parametrize("words, names", [
    (["audit", "--learner"], BUILT_IN["learner"]),
    (["audit", "digits", "--lever"], [f"{name}=" for name in BUILT_IN["lever"]]),
    (["balance", "digits", "--try"], [f"{name}=" for name in BUILT_IN["lever"]]),
    (["audit", "--also"], [name for name, (_, line) in BUILT_IN["probe"].items() if line.endswith("(on request)")]),
    (["gate", "latest", "--fail-on"], BUILT_IN["verdict"]),
    (["init", "--kind"], ["torch", "sklearn", "fit", "table", "text", "series"]),
    (["list"], kinds()),
    (["study"], listed()),
    (["audit", "--target"], []),
])  # fmt: skip
def test_names_after_what_takes_them(words, names, offered):
    assert first(offered(*words, "")) == list(names)
    for name in names:
        assert name in first(offered(*words, name[:3]))


def test_the_tasks_offered_are_those_that_an_audit_takes_as_a_word(offered):
    found = first(offered("audit", ""))
    assert {"fashion", "digits", "modular", "text"} <= set(found) <= set(BUILT_IN["task"])
    assert first(offered("balance", "")) == found
    assert "arrays" not in found


def test_quantities_after_a_bound(offered):
    assert "memorised_bits_share=" in first(offered("gate", "--max", "memorised_bits"))


def test_an_option_with_its_value_in_one_word_or_three(offered):
    assert first(offered("audit", "--learner=rid")) == ["--learner=ridge"]
    assert offered("audit", "--learner=rid", shell="bash") == ["ridge"]
    assert offered("audit", "--learner", "=", "rid", shell="bash") == ["ridge"]
    assert len(offered("audit", "--learner", "=", shell="bash")) == len(BUILT_IN["learner"])


def test_each_shell_reads_its_own_form(offered):
    assert offered("audit", "--lever", "drop", shell="bash") == ["dropout="]
    assert offered("audit", "--lever", "drop", shell="zsh") == [
        "dropout=:share of hidden units switched off while training"
    ]
    (fish,) = offered("audit", "dig", shell="fish")
    assert fish.split("\t")[1].startswith("scikit-learn's")
    (text,) = offered("audit", "--lever", "aug", shell="zsh")
    assert text.count(":") - text.count("\\:") == 1


@pytest.mark.usefixtures("quick_page")
def test_runs_after_the_commands_that_take_them(tree, byheart, offered):
    assert first(offered("show", "")) == ["latest"]
    assert not Path("byheart-audit").exists()
    tree("--out", "here")
    run = byheart("list", "run", "--out", "here", "--json").out.split('"')[3]
    for name in OF_RUNS:
        folder = "--in" if name == "compare" else "--out"
        assert first(offered(name, folder, "here", "")) == [run, "latest"]
        assert first(offered(name, folder, "here", run[:4])) == [run]
    assert first(offered("compare", "--in", "here", run, "la")) == ["latest"]


CODE = """
import os, sys
from byheart.cli.main import main
for words in (["au"], ["audit", "--learner", ""], ["audit", "--"], ["show", ""], ["gate", "--max", ""], ["study", ""], ["list", ""]):
    os.environ["_BYHEART_COMPLETE"] = "bash"
    sys.argv = ["byheart", *words]
    main()
print("HEAVY", sorted({"torch", "numpy", "scipy", "sklearn", "pydantic", "rich", "pandas", "altair"} & set(sys.modules)))
"""


def test_completing_imports_nothing_heavy(tmp_path):
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr
    assert "memorised_bits_share=" in done.stdout


@pytest.fixture
def home(byheart, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_bash_completes_with_what_was_installed(home, byheart):
    said = byheart("--install-completion", "bash")
    assert said.code == 0
    assert (home / ".bashrc").read_text().count("source ") == 1
    assert "already" in byheart("--install-completion", "bash").out
    assert (home / ".bashrc").read_text().count("source ") == 1
    (home / "byheart").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m byheart.cli.main "$@"\n')
    (home / "byheart").chmod(0o755)
    script = 'source ~/.bashrc; COMP_WORDS=(byheart audit --lever drop); COMP_CWORD=3; _byheart byheart; echo "${COMPREPLY[@]}"; complete -p byheart'
    path = os.pathsep.join([str(home), os.environ["PATH"]])
    source = str(Path(sys.modules["byheart"].__file__).parents[1])
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": path, "PYTHONPATH": source},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["dropout=", "complete -o default -F _byheart byheart"], done.stderr


def test_zsh_and_fish_have_theirs_where_they_look(home, byheart):
    (home / ".zshrc").write_text("setopt autocd")
    assert byheart("--install-completion", "zsh").code == 0
    lines = (home / ".zshrc").read_text().splitlines()
    assert lines[:2] == ["setopt autocd", "autoload -Uz compinit && compinit"]
    assert lines[2] == f"source '{home}/.local/share/byheart/complete.zsh'"
    assert byheart("--install-completion", "fish").code == 0
    assert "_BYHEART_COMPLETE=fish" in (home / ".config/fish/completions/byheart.fish").read_text()
    assert (
        byheart("--show-completion", "zsh").out.strip()
        == (home / ".local/share/byheart/complete.zsh").read_text().strip()
    )


def test_another_shell_or_a_home_that_cannot_be_written_is_refused(home, byheart, short, monkeypatch):
    short(byheart("--install-completion", "tcsh"), 2, "bash, zsh or fish", "tcsh")
    short(byheart("--show-completion", "zsh", "fish"), 2, "zsh fish")
    (home / ".local").write_text("a file")
    short(byheart("--install-completion", "bash"), 3, "to write", ".local")
