"""A learner named on the command line: one of ours, a scikit-learn class, or code of the user's by its import path."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from byheart.auditing.given import learner_from
from byheart.errors import InputRefused, UnknownName, UsageError, unknown_name
from byheart.fingerprint.code import contained, load_module
from byheart.learners.users_code import UsersCode
from byheart.registry import find
from byheart.study import parse

FIT = ("x", "y", "seed")


def named_learner(word: str, settings: Mapping[str, Any], returns: str = "auto") -> Any:
    """The learner that `word` names: `mlp`, `Ridge`, `lightgbm:LGBMClassifier` or `my_models.py:make_model`.

    What stands behind a path is an estimator or its class, a class of torch modules, a function that makes either, or
    a training `fit(x, y, seed)`. A setting is a parameter of it, or else a field of our training loop (`epochs`, `lr`).

    Raises:
        UnknownName: no such learner, module, file or name in it; the nearest is named.
        UsageError: a setting that nobody takes.
        InputRefused: what it names is none of these, or fails to import.

    Example:
        >>> named_learner("sklearn.tree:DecisionTreeClassifier", {"max_depth": 3}).params
        {'max_depth': 3}
    """
    where, sign, name = word.rpartition(":")
    if not sign:
        return parse.estimator(word, settings)
    found = name_in(module_at(where), where, name)
    if _is_estimator(found) and isinstance(found, type):
        if where.endswith(".py"):
            return learner_from(made_by(found, settings, word), None, returns)
        return find("learner", "estimator")(cls=f"{found.__module__}:{found.__qualname__}", params=dict(settings))
    if _is_estimator(found):
        return learner_from(found.set_params(**_known(settings, found.get_params(), word)), None, returns)
    if not callable(found):
        raise _no_learner(word, f"a {type(found).__name__}")
    if _trains(found):
        return learner_from(None, _with(found, settings, word, ()), returns)
    own = settings_taken(found)
    with contained(0):
        made = made_by(found, {key: value for key, value in settings.items() if key in own}, word)
    if _is_estimator(made):
        return learner_from(made_by(found, _known(settings, own, word), word), None, returns)
    if not hasattr(made, "parameters"):
        raise _no_learner(word, f"a function that returned a {type(made).__name__}")
    fields = list(find("learner", "module").model_fields)
    learner = learner_from(_with(found, settings, word, fields), None, returns)
    return parse.changed(learner, {key: value for key, value in settings.items() if key not in own})


def with_settings_of_its_own(learner: Any, settings: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A learner of the user's code with the settings filled in that its function takes, and those that are left.

    `learner.hidden` is the parameter `hidden` of `def model(hidden=32)`, as `--learner my_models.py:model --set
    hidden=64` has it; of any other learner all settings are left.

    Raises:
        UnknownName: a setting of the learner that neither its function nor our loop takes.
    """
    if not isinstance(learner, UsersCode):
        return learner, dict(settings)
    function = learner.function()
    own, code = settings_taken(function), UsersCode.model_fields
    loops = [name for name in type(learner).model_fields if name not in code]
    asked = {path.partition(".")[2]: value for path, value in settings.items() if path.startswith("learner.")}
    _known(asked, [*own, *loops], learner.qualname or learner.name)
    mine = {name: value for name, value in asked.items() if name in own}
    left = {path: value for path, value in settings.items() if path.removeprefix("learner.") not in mine}
    if not mine:
        return learner, left
    kept = {name: getattr(learner, name) for name in loops}
    return type(learner).known(functools.partial(function, **mine), **kept), left


def module_at(where: str) -> Any:
    """The module at a path or by its dotted name; a file of that name in the working directory counts."""
    beside = Path(*where.split(".")).with_suffix(".py")
    if where.endswith(".py") or beside.is_file():
        path = Path(where) if where.endswith(".py") else beside
        parse.must_exist(path)
        return load_module(path)
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        raise UnknownName(
            expected="MODULE:NAME of an installed package, or FILE.py:NAME",
            came=f"{where}, which is not there ({error})",
            do="Install it beside byheart, or give the path of the file.",
        ) from None
    except Exception as error:  # whatever a module raises when it is imported
        raise InputRefused(f"{where} to be importable", f"{type(error).__name__}: {error}", "Correct it.") from None


def name_in(module: Any, where: str, name: str) -> Any:
    """What a name, with dots in it perhaps, stands for in a module; a wrong one names the nearest."""
    found = module
    for part in name.split("."):
        if not part or not hasattr(found, part):
            raise unknown_name(f"name in {where}", part, [known for known in dir(found) if not known.startswith("_")])
        found = getattr(found, part)
    return found


def _is_estimator(found: Any) -> bool:
    return callable(getattr(found, "fit", None)) and hasattr(found, "get_params")


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def _trains(function: Callable[..., Any]) -> bool:
    """Whether its first parameters are x, y and seed."""
    return not isinstance(function, type) and tuple(map(str.lower, _parameters(function)))[: len(FIT)] == FIT


def settings_taken(function: Callable[..., Any]) -> list[str]:
    """The parameters that a setting may fill."""
    ours = {"x", "y", "X", "seed"} if _trains(function) else {"seed", "generator"}  # given to every member by byheart
    several = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return [name for name, one in _parameters(function).items() if name not in ours and one.kind not in several]


def _known(settings: Mapping[str, Any], known: Any, word: str) -> dict[str, Any]:
    for name in settings:
        if name not in known:
            raise unknown_name(f"setting of {word}", name, list(known))
    return dict(settings)


def _with(function: Callable[..., Any], settings: Mapping[str, Any], word: str, fields: Any) -> Callable[..., Any]:
    """The function with its own settings filled in; `fields` are those that somebody else takes."""
    own = settings_taken(function)
    _known(settings, [*own, *fields], word)
    mine = {name: value for name, value in settings.items() if name in own}
    return functools.partial(function, **mine) if mine else function


def made_by(make: Callable[..., Any], settings: Mapping[str, Any], word: str) -> Any:
    """What a class or function of the user's makes at seed 0, with these settings."""
    given = {"seed": 0} if "seed" in _parameters(make) and not isinstance(make, type) else {}
    if "generator" in _parameters(make):
        import torch

        given["generator"] = torch.Generator().manual_seed(0)
    try:
        return make(**given, **settings)
    except Exception as error:  # whatever a class or function of the user's raises
        raise UsageError(
            expected=f"settings with which {word} can be made",
            came=f"{type(error).__name__}: {error}",
            do=f"Give them with --set; it takes {', '.join(settings_taken(make)) or 'none'}.",
        ) from None


def _no_learner(word: str, came: str) -> InputRefused:
    return InputRefused(
        expected=f"{word} to be an estimator, a torch module's class, a function that makes one, or fit(x, y, seed)",
        came=came,
        do="See examples/ for one of each.",
    )
