"""Settings by path: `learner.hidden`, `task.n` and `lever.weight-decay.strength` of a subject, each with a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from byheart.errors import UsageError, unknown_name
from byheart.learners.base import Learner
from byheart.levers.base import Lever
from byheart.records.spec import Spec
from byheart.registry import names
from byheart.study import parse
from byheart.tasks.base import Task, Within

PARTS = {"task": 1, "learner": 1, "lever": 2}  # words after each


class Settled(NamedTuple):
    """What settings by path were applied to."""

    task: Task
    learner: Learner
    levers: tuple[Lever, ...]


def with_settings(task: Task, learner: Learner, levers: Sequence[Lever], settings: Mapping[str, Any]) -> Settled:
    """The same task, learner and levers, with the settings that their paths name.

    `task.n` is the outermost task's that has an `n`; `lever.NAME.FIELD` changes the lever, or adds it where none is.

    Raises:
        UnknownName: no such part, lever or field; the nearest is said.
        UsageError: a value that its field does not take.

    Example:
        >>> from byheart.learners.mlp import Mlp
        >>> from byheart.tasks.digits import Digits
        >>> made = with_settings(Digits(), Mlp(), (), {"learner.hidden": 8, "lever.weight-decay.strength": 1})
        >>> made.learner.hidden, made.levers
        ((8,), (WeightDecay(strength=1.0),))
    """
    made, asked = {lever.name: lever for lever in levers}, _by_part(settings)
    for field, value in asked.pop("task", {}).items():
        task = _deep(task, field, value)
    if own := asked.pop("learner", {}):
        learner = _learner(learner, own)
    for name, fields in asked.items():
        made[name] = _lever(made.get(name), name, fields)
    return Settled(task, learner, tuple(made.values()))


def _by_part(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields of `task`, of `learner` and of each lever by its name: those of one part are set at once."""
    found: dict[str, dict[str, Any]] = {}
    for path, value in settings.items():
        part, *rest = path.split(".")
        if part not in PARTS:
            raise unknown_name("part of a subject", part, PARTS)
        if len(rest) != PARTS[part]:
            raise UsageError(expected="task.FIELD, learner.FIELD or lever.NAME.FIELD", came=repr(path), do=_EXAMPLE)
        found.setdefault(rest[0] if part == "lever" else part, {})[rest[-1]] = value
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


def _lever(found: Spec | None, name: str, fields: Mapping[str, Any]) -> Any:
    if found is not None:
        return parse.changed(found, fields)
    if name not in names("lever"):
        raise unknown_name("lever", name, names("lever"))
    return parse.spec("lever", name, fields)
