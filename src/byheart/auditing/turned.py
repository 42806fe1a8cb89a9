"""Settings of a learner as levers: which of them take numbers, and the learner with some of them turned."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from byheart.auditing.named_learner import settings_taken, with_settings_of_its_own
from byheart.errors import UsageError, unknown_name
from byheart.learners.base import Learner
from byheart.learners.estimator import Estimator
from byheart.learners.users_code import UsersCode
from byheart.levers.base import Lever
from byheart.records.spec import canonical
from byheart.registry import names
from byheart.study import parse

# of these another value is no other recipe: randomness, cores, messages, precision of a solver
NO_DIALS = frozenset({
    "random_state", "seed", "n_jobs", "verbose", "verbosity", "silent", "thread_count", "nthread", "tol", "max_iter",
    "cache_size", "warm_start", "copy_X", "copy", "memory", "missing", "missing_values", "n_iter_no_change",
    "validation_fraction", "max_fun", "leaf_size", "random_seed",
})  # fmt: skip


def dials(learner: Learner) -> dict[str, Any]:
    """The settings of a learner that take numbers, each with the recipe's own value; None where that is the default.

    Of an estimator the parameters of its constructor, and of those within it by their path (`svc__C`) and by their
    last word where no other ends so; of a function of the user's its keywords; of our own learners their fields.

    Example:
        >>> from byheart.learners.estimator import Estimator
        >>> dials(Estimator(cls="DecisionTreeClassifier", params={"max_depth": 3}))["max_depth"]
        3
    """
    found = _settings(learner)
    return {name: value for name, value in found.items() if _word(name) not in NO_DIALS and _is_dial(value)}


def _word(name: str) -> str:
    return name.rpartition("__")[2]


def _is_dial(value: Any) -> bool:
    one = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
    return one is None or (isinstance(one, int | float) and not isinstance(one, bool))


def _settings(learner: Learner) -> dict[str, Any]:
    if isinstance(learner, Estimator):
        return dict(learner.template().get_params(deep=True))
    if isinstance(learner, UsersCode):
        parameters = inspect.signature(learner.function()).parameters
        taken = {name: parameters[name].default for name in settings_taken(learner.function())}
        code = UsersCode.model_fields
        loop = {name: getattr(learner, name) for name in type(learner).model_fields if name not in code}
        return {**loop, **{name: value for name, value in taken.items() if value is not inspect.Parameter.empty}}
    return {name: getattr(learner, name) for name in type(learner).model_fields}


def path_of(name: str, learner: Learner) -> str:
    """The setting that a word names: itself, or the one within an estimator that alone ends so.

    Raises:
        UnknownName: neither a lever nor a setting of this learner; the nearest is said.
        UsageError: several end so.
    """
    known = dials(learner)
    word = name if name in known else name.replace("-", "_")
    if word in known:
        return word
    within = [path for path in known if _word(path) == word]
    if len(within) > 1:
        raise UsageError(f"one setting called {word}", ", ".join(within), "Give it by its whole name.")
    if not within:
        whose = learner.cls.rpartition(":")[2] if isinstance(learner, Estimator) else learner.name
        levers = names("lever") if learner.fleet else ()  # they act in training steps, of networks
        kind = f"{'lever, or ' if levers else ''}setting of {whose} that takes numbers"
        misspelt = difflib.get_close_matches(name, names("lever"), n=1, cutoff=0.6)  # a lever that does not act here
        raise unknown_name(kind, name, [*levers, *known, *(misspelt if not levers else ())])
    return within[0]


def turned(learner: Any, values: Mapping[str, Any]) -> Any:
    """The learner with these settings, by their names as `dials` has them.

    Raises:
        UsageError: a value that the setting does not take.
    """
    if isinstance(learner, Estimator):
        return learner.with_params(values)
    asked = {f"learner.{name}": value for name, value in values.items()}
    mine, left = with_settings_of_its_own(learner, asked)
    if isinstance(mine, UsersCode) and not mine.keyed:  # nothing else would tell it from the recipe
        mine = mine.model_copy(update={"told": canonical({**values, "before": learner.told})})
    return parse.changed(mine, {path.removeprefix("learner."): value for path, value in left.items()})


def moved_by_words(words: Sequence[str], learner: Any) -> tuple[tuple[Lever, ...], dict[str, Any]]:
    """`--lever` words as levers, and as settings of the learner where they name one of its own.

    A setting at the recipe's own value changes nothing and is left out. Where the learner is chosen later, by the data,
    every word is a lever.

    Raises:
        UsageError: a setting without a value, or given twice.
    """
    settings: dict[str, Any] = {}
    own = [word for word in words if learner is None or _head(word) in names("lever")]
    known = {} if learner is None else dials(learner) if len(own) < len(words) else {}
    for word in (one for one in words if one not in own):
        head, sign, text = word.partition("=")
        name = path_of(head, learner)
        if not sign:
            raise UsageError(f"a value: {head}=VALUE", repr(word), f"The recipe has {known[name]}.")
        if name in settings:
            raise UsageError(f"{head} once", f"--lever {head} twice", "Leave one out.")
        value = next(iter(parse.paths([f"x={text}"], "--lever").values()))
        if value != known[name]:
            settings[name] = value
    return parse.levers(own), settings


def _head(word: str) -> str:
    return word.partition(":")[0].partition("=")[0]
