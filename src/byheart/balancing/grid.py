"""Grid: the settings of levers that are tried, each a change against the recipe."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from byheart.auditing.turned import dials, moved_by_words, path_of, turned
from byheart.errors import InputRefused, UsageError
from byheart.learners.base import Learner
from byheart.learners.users_code import UsersCode
from byheart.probes.base import Subject
from byheart.registry import names
from byheart.study import parse

MOST = 400  # settings; more would be a mistake in the words


@dataclass(frozen=True)
class Setting:
    """A point of the grid: levers and settings by their words, each with its value; none are the recipe."""

    values: tuple[tuple[str, Any], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """As `--lever` takes them.

        Example:
            >>> Setting((("weight-decay", 0.1), ("max_depth", None))).words
            ('weight-decay=0.1', 'max_depth=null')
        """
        return tuple(f"{name}={shown(value)}" for name, value in self.values)

    @property
    def title(self) -> str:
        """In words.

        Example:
            >>> Setting((("weight-decay", 0.1), ("max_depth", None))).title, Setting().title
            ('weight-decay 0.1, max_depth None', 'the recipe')
        """
        said = (f"{name} {'None' if value is None else shown(value)}" for name, value in self.values)
        return ", ".join(said) or "the recipe"


def shown(value: Any) -> str:
    """A value as `--lever` takes it: None is null, as JSON has it.

    Example:
        >>> shown(1e-05), shown(0.1), shown(3), shown(None)
        ('1e-05', '0.1', '3', 'null')
    """
    return "null" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)


def spread(text: str, name: str) -> list[Any]:
    """The values of `--try NAME=...`: a list, or `LOW..HIGH:N` places, by equal factors where both ends allow it.

    Raises:
        UsageError: no values, fewer than two places, or ends that are no numbers.

    Example:
        >>> spread("0.001..0.1:3", "C"), spread("2..8:3", "max_depth"), spread("0,0.5", "dropout")
        ([0.001, 0.01, 0.1], [2, 5, 8], [0, 0.5])
    """
    ends, sign, count = text.partition(":")
    low, dots, high = ends.partition("..")
    if not dots:
        found = next(iter(parse.paths([f"x={text}"], "--try").values())) if text else ""
        values = found if isinstance(found, list) else [found]
        if sign or not all(map(_can_be_tried, values)):
            raise _wrong(name, text)
        return values
    a, b, n = (_number(part, name, text) for part in (low, high, count or "5"))
    if not (float(n).is_integer() and 2 <= n <= MOST and a < b):
        raise _wrong(name, text)
    by_factors = a > 0 and b / a >= 10
    places = np.geomspace(a, b, int(n)) if by_factors else np.linspace(a, b, int(n))
    if all(isinstance(parse.paths([f"x={part}"], "--try")["x"], int) for part in (low, high)):
        return list(dict.fromkeys(round(place) for place in places))
    return [float(f"{place:.3g}") for place in places]


def _can_be_tried(value: Any) -> bool:
    """A finite number, or None."""
    if value is None:
        return True
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(text: str, name: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _wrong(name, whole)
    return value


def _wrong(name: str, text: str) -> UsageError:
    return UsageError(
        expected=f"values to try as {name}=0.1,0.3 or {name}=LOW..HIGH:PLACES",
        came=repr(f"{name}={text}"),
        do=f"Example: --try {name}=0.001..0.1:5.",
    )


def grid_of(tries: Sequence[str] | Mapping[str, Iterable[Any]], subject: Subject) -> list[Setting]:
    """The settings to try of a subject whose learner is known, the recipe first; those equal to another are left out.

    Every combination of the values that `tries` names; without any, a usual range of each lever alone.

    Raises:
        UsageError: a grid of one, a lever tried twice or fixed and tried; UnknownName: no such lever or setting.
        InputRefused: a lever that does not apply to this learner.
    """
    lists = _lists(tries, subject)
    if lists:
        combined = [Setting(tuple(zip(lists, values))) for values in itertools.product(*lists.values())]
        if len(combined) > MOST:
            raise UsageError(f"at most {MOST} settings", f"{len(combined):,}", "Give fewer values to --try.")
    else:
        from byheart.balancing.usual_ranges import usual_ranges

        combined = [Setting(((name, value),)) for name, values in usual_ranges(subject).items() for value in values]
    made: dict[Any, Setting] = {_identity(subject): Setting()}
    for setting in combined:
        made.setdefault(_identity(set_to(subject, setting)), setting)
    settings = list(made.values())
    if len(settings) < 3:
        came = f"{len(settings) - 1} beside the recipe" if lists else "no lever that this learner is known to have"
        raise UsageError("at least two settings to try", came, _advice(settings[1:], bool(lists), subject.learner))
    return settings


def _advice(others: Sequence[Setting], named: bool, learner: Learner) -> str:
    """What to do where there are not two settings beside the recipe."""
    if others:
        return f"Of one, `byheart audit --lever {others[0].words[0]}` says what it moves."
    if named:
        return "These values are the recipe's own: give others."
    if known := [*dials(learner)]:
        return f"Name one with its values: --try {known[0]}=LOW..HIGH:PLACES."
    if isinstance(learner, UsersCode):
        return "Give your function a keyword with a number: fit(x, y, seed, depth=3)."
    return "None of its settings takes a number."


def _lists(tries: Sequence[str] | Mapping[str, Iterable[Any]], subject: Subject) -> dict[str, list[Any]]:
    """Name -> values to try, in order."""
    if isinstance(tries, Mapping):
        pairs: list[tuple[str, Any]] = [(str(name), values) for name, values in tries.items()]
    else:
        pairs = []
        for word in tries:
            name, sign, text = word.partition("=")
            if not sign or not name:
                raise _wrong(name or "NAME", text)
            pairs.append((name.strip(), text.strip()))
    lists: dict[str, list[Any]] = {}
    fixed = {lever.name for lever in subject.levers} | {name for name, _ in subject.turned}
    for name, values in pairs:
        known = name if name in names("lever") else path_of(name, subject.learner)
        if known in names("lever") and not subject.learner.fleet:
            raise InputRefused(
                expected=f"{name} to be a lever of this learner: it acts in training steps, of networks",
                came=f"{_called(subject.learner)}, whose steps are its own",
                do=f"Its settings are levers: {', '.join([*dials(subject.learner)][:4]) or 'none takes numbers'}.",
            )
        if known in lists:
            raise UsageError(f"{name} tried once", f"--try {name} twice", "Give all its values in one.")
        if known in fixed:
            raise UsageError(f"{name} fixed or tried", "--lever and --try of it", "Leave one of them out.")
        lists[known] = spread(values, name) if isinstance(values, str) else _listed(values, name)
    return lists


def _called(learner: Learner) -> str:
    return str(getattr(learner, "cls", "") or getattr(learner, "qualname", "") or learner.name)


def _listed(values: Any, name: str) -> list[Any]:
    """Values given in Python."""
    made = list(values) if isinstance(values, Iterable) else [values]
    made = [one.item() if isinstance(one, np.generic) else one for one in made]
    if not made or not all(map(_can_be_tried, made)):
        raise UsageError(f"finite numbers to try for {name}", f"{values!r:.60}", f'As levers={{"{name}": [0.1, 0.3]}}.')
    return made


def set_to(subject: Subject, setting: Setting) -> Subject:
    """The subject with a setting, beside the levers that it has.

    Raises:
        UsageError: a value that a lever or the learner does not take.
    """
    levers, settings = moved_by_words(setting.words, subject.learner)
    learner = turned(subject.learner, settings) if settings else subject.learner
    told = tuple((name, str(value)) for name, value in settings.items())
    return replace(
        subject, learner=learner, levers=(*subject.levers, *levers), plain=subject.plain or subject.learner,
        turned=(*subject.turned, *told),
    )  # fmt: skip


def _identity(subject: Subject) -> tuple[Any, ...]:
    """Equal for settings that train alike: levers at their neutral setting are none."""
    acting = (lever.key() for lever in subject.levers if lever.acts(subject.learner.steps()))
    return subject.learner.key(), *acting
