"""Settings by path: `learner.hidden`, `task.n`, `task.flipped.share`, `lever.weight-decay.strength`; a value each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from byheart.errors import UsageError, unknown_name
from byheart.learners.base import Learner
from byheart.levers.base import Lever
from byheart.records.spec import Spec
from byheart.registry import find, names
from byheart.study import parse
from byheart.tasks.base import Task, Within

PARTS = {"task": (1, 2), "learner": (1,), "lever": (2,)}  # words after each


class Settled(NamedTuple):
    """What settings by path were applied to."""

    task: Task
    learner: Learner
    levers: tuple[Lever, ...]


def with_settings(task: Task, learner: Learner, levers: Sequence[Lever], settings: Mapping[str, Any]) -> Settled:
    """The same task, learner and levers, with the settings that their paths name.

    `task.n` is the outermost task's that has an `n`; `lever.NAME.FIELD` changes the lever, or adds it where none is;
    `task.NAME.FIELD` changes the task of that name that stands around others, or puts one around them.

    Raises:
        UnknownName: no such part, lever or field; the nearest is said.
        UsageError: a value that its field does not take.

    Example:
        >>> from byheart.learners.mlp import Mlp
        >>> from byheart.tasks.digits import Digits
        >>> made = with_settings(Digits(), Mlp(), (), {"learner.hidden": 8, "lever.weight-decay.strength": 1})
        >>> made.learner.hidden, made.levers
        ((8,), (WeightDecay(strength=1.0, form='decoupled'),))
    """
    made, asked = {lever.name: lever for lever in levers}, _by_part(settings)
    for (part, name), fields in asked.items():
        if part == "learner":
            learner = _learner(learner, fields)
        elif part == "lever":
            made[name] = _lever(made.get(name), name, fields)
        elif name:
            task = _around(task, name, fields)
        else:
            for field, value in fields.items():
                task = _deep(task, field, value)
    return Settled(task, learner, tuple(made.values()))


def _by_part(settings: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The fields of each part by its name, which is empty of the task itself and the learner: set at once."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path, value in settings.items():
        part, *rest = path.split(".")
        if part not in PARTS:
            raise unknown_name("part of a subject", part, PARTS)
        if len(rest) not in PARTS[part]:
            known = "task.FIELD, task.NAME.FIELD, learner.FIELD or lever.NAME.FIELD"
            raise UsageError(expected=known, came=repr(path), do=_EXAMPLE)
        found.setdefault((part, rest[0] if len(rest) == 2 else ""), {})[rest[-1]] = value
    return found


_EXAMPLE = "Such as learner.hidden or lever.weight-decay.strength."


def _learner(learner: Learner, fields: Mapping[str, Any]) -> Any:
    """The learner with some fields changed; what an estimator has no field for is its parameter."""
    own = type(learner).model_fields
    params = {name: value for name, value in fields.items() if "params" in own and name not in own}
    changed = {name: value for name, value in fields.items() if name not in params}
    if params:
        changed["params"] = {**learner.model_dump()["params"], **params}
    return parse.changed(learner, changed)


def _deep(task: Task, field: str, value: Any) -> Any:
    """The task with one field changed: its own, else that of the task within it."""
    if field not in type(task).model_fields and isinstance(task, Within):
        return parse.changed(task, {"task": _deep(task.task, field, value)})
    return parse.changed(task, {field: value})


def _around(task: Task, name: str, fields: Mapping[str, Any]) -> Task:
    """The task with the one called `name`, which stands around others, changed; put around it where none is."""
    inner = task
    while isinstance(inner, Within):
        if inner.name == name:
            return _changed_at(task, inner, fields)
        inner = inner.task
    if name not in names("task") or not issubclass(find("task", name), Within):
        around = [one for one in names("task") if issubclass(find("task", one), Within)]
        raise unknown_name("task around another", name, around)
    return parse.spec("task", name, {"task": task, **fields})


def _changed_at(task: Task, at: Task, fields: Mapping[str, Any]) -> Any:
    if task is at:
        return parse.changed(task, fields)
    return parse.changed(task, {"task": _changed_at(cast(Within, task).task, at, fields)})


def _lever(found: Spec | None, name: str, fields: Mapping[str, Any]) -> Any:
    if found is not None:
        return parse.changed(found, fields)
    if name not in names("lever"):
        raise unknown_name("lever", name, names("lever"))
    return parse.spec("lever", name, fields)
