"""Arguments of a call: of the kind that is asked for, or refused by name before anything is computed."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from byheart.errors import UsageError, shown


def must_be(kind: str, **given: Any) -> None:
    """Refuse the first of the arguments that is not of the kind.

    Raises:
        UsageError: such an argument.

    Example:
        >>> must_be("a whole number", seed=0.5)
        Traceback (most recent call last):
        byheart.errors.UsageError: expected a whole number for seed=, got 0.5. See help() of the function.
    """
    for name, value in given.items():
        if not _KINDS[kind](value):
            raise UsageError(f"{kind} for {name}=", shown(value, 60), "See help() of the function.")


def may_be(kind: str, **given: Any) -> None:
    """As `must_be`, for arguments that may be None."""
    must_be(kind, **{name: value for name, value in given.items() if value is not None})


def is_whole(value: Any) -> bool:
    """Whether it is a whole number; True and 0.7 are none, though int() would make one of them.

    Example:
        >>> [is_whole(value) for value in (7, True, 0.7)]
        [True, False, False]
    """
    try:
        return not isinstance(value, bool) and operator.index(value) is not None
    except TypeError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_words(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, Sequence) and all(isinstance(word, str) for word in value))


def _is_path(value: Any) -> bool:
    return isinstance(value, str | Path) and "\0" not in str(value)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "a whole number": is_whole,
    "a number": _is_number,
    "True or False": lambda value: isinstance(value, bool),
    "a word": lambda value: isinstance(value, str),
    "a word or several": _is_words,
    "names with their values": lambda value: isinstance(value, Mapping) and all(isinstance(key, str) for key in value),
    "a function": callable,
    "a path": _is_path,
}
