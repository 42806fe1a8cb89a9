"""One record of options: the command line, Python and claims ask for no other, with no other default."""

import inspect
from dataclasses import fields

import pytest
import typer

import byheart
from byheart.auditing.cli_request import command
from byheart.cli.app import app
from byheart.records.claim import ClaimSubject
from byheart.records.options import Options, default_of, word_of

DEFAULTS = {one.name: default_of(one) for one in fields(Options)}
# in Python nothing is worked out from the machine, what is missing is refused by name, and settings are a mapping
PYTHON = {"jobs": 1, "settings": None, "baseline": not DEFAULTS["no_baseline"]}


def test_python_has_no_other_options_and_no_other_defaults():
    own = {"data", "test", "clean", "groups", "model", "fit", "out", "say", "progress"}
    asked = {name: one.default for name, one in inspect.signature(byheart.audit).parameters.items() if name not in own}
    assert asked == {name: PYTHON[name] if name in PYTHON else DEFAULTS[name] for name in asked}


def test_a_claim_has_no_other_options_and_no_other_defaults():
    own = {"says", "settings", "task", "task_settings", "learner_settings", "probes", "learner", "options"}
    asked = {name: one.default for name, one in ClaimSubject.model_fields.items() if name not in own}
    assert asked == {name: DEFAULTS[name] for name in asked}


@pytest.mark.parametrize("name", ["audit", "plan"])
def test_a_command_has_each_option_with_its_help(name):
    made = typer.main.get_command(app).commands[name]
    options = {one.opts[0].removeprefix("--"): one for one in made.params if one.param_type_name == "option"}
    for one in fields(Options):
        if (name, one.name) != ("plan", "budget"):
            assert options[word_of(one)].help == one.metadata["help"]
            assert (options[word_of(one)].default or None) == (default_of(one) or None)


def test_the_command_that_asks_for_the_same_says_what_differs_from_the_defaults():
    asked = Options(flip=0.1, settings=("epochs=3", "hidden=8,4"), levers=("dropout=0.5",), no_control=True, seed=3, jobs=2)
    assert command("digits", asked) == (
        "byheart audit digits --flip 0.1 --no-control --set epochs=3 --set hidden=8,4 --lever dropout=0.5 --seed 3"
    )
