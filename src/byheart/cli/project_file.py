"""`[tool.byheart]` of `pyproject.toml`: defaults of `byheart audit`, `plan` and `balance`, and the bounds of `byheart gate`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from byheart.records.options import Options, word_of

FILE = "pyproject.toml"
TABLE = "[tool.byheart]"


def defaults() -> dict[str, Any]:
    """Field of `Options` -> the value that the file gives it, checked.

    Raises:
        UsageError: a key that is no option, or a value of another kind.
    """
    return _checked(TABLE, {key: value for key, value in _table().items() if key != "gate"}, _options())


def bounds() -> dict[str, Any]:
    """What `[tool.byheart.gate]` says: `max`, `min`, `fail-on`, `strict`, checked.

    Raises:
        UsageError: a key that it does not have, or a value of another kind.
    """
    found = _table().get("gate", {})
    return _checked(
        "[tool.byheart.gate]", _a_table("tool.byheart.gate", found), {key: (key, kind) for key, kind in _GATE.items()}
    )


def note(values: dict[str, Any]) -> str:
    """Which defaults came from the file, in one line.

    Example:
        >>> note({"members": 16, "drop": ["name", "street"]})
        'Defaults from pyproject.toml: members = 16, drop = name and street.'
    """
    return f"Defaults from {FILE}: {', '.join(f'{key} = {_shown(value)}' for key, value in values.items())}."


def _shown(value: Any) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def candidates(start: Path) -> list[Path]:
    """Each `pyproject.toml` from `start` up to the root of its repository; without one, that of `start` alone."""
    folders = [start, *start.parents]
    root = next((i for i, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    return [folder / FILE for folder in folders[: root + 1] if (folder / FILE).is_file()]


def _table() -> dict[str, Any]:
    """The table of the nearest file that has it."""
    found = (_a_table("tool", _read(path).get("tool", {})) for path in candidates(Path.cwd()))
    return next((_a_table("tool.byheart", tool["byheart"]) for tool in found if "byheart" in tool), {})


def _read(path: Path) -> dict[str, Any]:
    import tomllib

    from byheart.errors import UsageError

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        came = " ".join(str(error).split())[:200]
        raise UsageError(f"a {FILE} that can be read", f"{came} in {path}", "Mend the file.") from None


def _a_table(name: str, found: Any) -> dict[str, Any]:
    from byheart.errors import UsageError, shown

    if not isinstance(found, dict):
        raise UsageError(f"a table for {name} in {FILE}", shown(found, 60), f"Write [{name}] and keys below it.")
    return found


Kind = tuple[str, Callable[[Any], bool]]


def _options() -> dict[str, tuple[str, Kind]]:
    """Key of the file -> the field of `Options`, and what its value must be."""
    return {word_of(one): (one.name, _KINDS[str(one.type)]) for one in fields(Options)}


def _checked(table: str, found: dict[str, Any], known: dict[str, tuple[str, Kind]]) -> dict[str, Any]:
    from byheart.errors import UsageError, shown, unknown_name

    checked = {}
    for key, value in found.items():
        if key not in known:
            raise unknown_name(f"key of {table} in {FILE}", key, known)
        name, (kind, fits) = known[key]
        if not fits(value):
            raise UsageError(f"{kind} for {key} of {table} in {FILE}", shown(value, 60), "Mend the file.")
        checked[name] = (
            [value] if kind == _WORDS[0] and _word(value) else str(value) if kind == _OF_A_WORD[0] else value
        )
    return checked


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _word(value: Any) -> bool:
    return isinstance(value, str)


_OF_A_WORD: Kind = ("a word or a number", lambda value: _word(value) or _number(value))  # --split 0.2, --jobs 2
_WORDS: Kind = (
    "a word or a list of words",
    lambda value: _word(value) or (isinstance(value, list) and all(map(_word, value))),
)
_NUMBERS: Kind = (
    "a table of names and finite numbers",
    lambda value: isinstance(value, dict) and all(map(_number, value.values())),
)
_YES: Kind = ("true or false", lambda value: isinstance(value, bool))
_KINDS: dict[str, Kind] = {
    "str": _OF_A_WORD,
    "int": ("a whole number", _whole),
    "float": ("a finite number", _number),
    "str | int": _OF_A_WORD,
    "bool": _YES,
    "tuple[str, ...]": _WORDS,
    "tuple[str, ...] | Mapping[str, Any]": _WORDS,
}
_KINDS |= {f"{name} | None": _KINDS[name] for name in ("str", "int", "float")}
_GATE: dict[str, Kind] = {"max": _NUMBERS, "min": _NUMBERS, "fail-on": _WORDS, "strict": _YES}
