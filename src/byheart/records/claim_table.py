"""A claim from the tables of its file: what holds for every subject, the grid of subjects, and values put over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from itertools import product
from typing import Any

from byheart.errors import UsageError, shown, unknown_name
from byheart.records.claim import SURVEY, Claim, ClaimSubject, Expectation, Source
from byheart.records.options import Options

TOGETHER = "together"
OPTIONS = [one.name for one in fields(Options) if one.metadata["data"] or one.name == "transform"]  # on data of a file
Point = dict[str, Any]


def claim_from(document: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> Claim:
    """The claim that a parsed TOML file holds; what stands under `every` holds for every subject.

    A `[grid]` of settings, each with its values, makes the subjects: the product of all, or with `together = true` the
    first value of each, then the second. A setting is a path (`learner.hidden`) or a field of a subject (`flip`).
    Subjects with names of their own may stand beside the grid; surveys read its points alone.
    What stands under `[set]` may be named in braces anywhere in the file, and is given a value of its own by its name.

    Args:
        document: the tables.
        values: put over it: a setting of every subject, the values of one that the grid varies, or `survey.NAME.FIELD`.

    Raises:
        UnknownName: a word that names no field, setting, probe or subject; the nearest is said.
        UsageError: a field is missing or of the wrong kind, or a comparison is not one.
    """
    fields, values = _filled(document, values or {})
    every, grid = _table(fields.pop("every", {}), "every"), _flat(_table(fields.pop("grid", {}), "grid"))
    subjects = {name: _table(one, name) for name, one in _table(fields.get("subject", {}), "subject").items()}
    surveys = {name: _table(one, name) for name, one in _table(fields.get(SURVEY, {}), SURVEY).items()}
    over = _put_over(values, grid, surveys, _table(document.get("set", {}), "set"))
    words = _flat(_table(fields.get("words", {}), "words"))
    points = _points(grid, words) if grid else {}
    beside = {name: {} for name in subjects if name not in points}
    if len(beside) < len(subjects):
        twice = next(name for name in subjects if name in points)
        raise UsageError(expected="names other than those of the grid", came=shown(twice), do="Rename the subject.")
    points, varied = points | beside, points or beside  # surveys read the points of the grid
    made = {name: _subject({**every, **subjects.get(name, {})}, {**point, **over}) for name, point in points.items()}
    lists = {"source": Source, "expect": Expectation}
    rows = {word: tuple(cls(**_table(one, word)) for one in _rows(fields, word)) for word, cls in lists.items()}
    varied = {name: {path: one for path, one in point.items() if path != "says"} for name, point in varied.items()}
    return Claim(**{**fields, **rows, "words": words, "subject": made, "grid": varied, SURVEY: surveys})


def _filled(document: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables with the names of `[set]` in braces filled in, and the values that are not of these.

    Example:
        >>> _filled({"set": {"n": [1]}, "grid": {"a.{n}": "{n}"}, "note": "{n}, {m}"}, {"n": 5, "b": 2})
        ({'grid': {'a.[5]': [5]}, 'note': '[5], {m}'}, {'b': 2})
    """
    names = _table(document.get("set", {}), "set")
    given = {name: value for name, value in values.items() if name in names}
    listed = {name for name, usual in names.items() if isinstance(usual, list)}
    names |= {name: [one] if name in listed and not isinstance(one, list) else one for name, one in given.items()}

    def fill(found: Any) -> Any:
        if isinstance(found, Mapping):
            return {fill_text(name): fill(one) for name, one in found.items()}
        if isinstance(found, list):
            return [fill(one) for one in found]
        alone = found[1:-1] if isinstance(found, str) and found[:1] == "{" else ""
        return names[alone] if alone in names else fill_text(found) if isinstance(found, str) else found

    def fill_text(text: str) -> str:
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    filled = {name: fill(one) if names else one for name, one in document.items() if name != "set"}
    return filled, {name: one for name, one in values.items() if name not in given}


def _put_over(
    values: Mapping[str, Any], grid: dict[str, Any], surveys: dict[str, Any], names: Iterable[str] = ()
) -> Point:
    """Put values over the grid and the surveys; what is left is of every subject. `names` were filled in before."""
    left: Point = {}
    for path, value in values.items():
        first, *rest = path.split(".")
        if path in grid and path != TOGETHER:
            grid[path] = value if isinstance(value, list) else [value]
        elif first == SURVEY and len(rest) == 2:
            if rest[0] not in surveys:
                raise unknown_name("survey of this claim", rest[0], surveys)
            surveys[rest[0]][rest[1]] = value
        elif "." in path or path in ClaimSubject.model_fields:
            left[path] = value
        elif path in OPTIONS:
            left.setdefault("options", {})[path] = value
        else:
            raise unknown_name("setting of this claim", path, {*names, *grid, *ClaimSubject.model_fields, *OPTIONS})
    return left


def _points(grid: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Point]:
    """Name -> what it varies, of every point of the grid."""
    axes = {path: one for path, one in grid.items() if path != TOGETHER}
    together = grid.get(TOGETHER, False)
    if not isinstance(together, bool) or not axes or not all(isinstance(one, list) and one for one in axes.values()):
        raise UsageError(expected="a list of values for each setting under [grid]", came=shown(grid, 60), do=_EXAMPLE)
    lengths = {path: len(one) for path, one in axes.items()}
    if together and len(set(lengths.values())) > 1:
        came = ", ".join(f"{path} {length}" for path, length in lengths.items())
        raise UsageError(expected="as many values of each setting, as the grid goes together", came=came, do=_EXAMPLE)
    rows = zip(*axes.values(), strict=True) if together else product(*axes.values())
    points = [dict(zip(axes, row)) for row in rows]
    tell = [path for path in axes if path != "says"][: 1 if together else None]
    made = {", ".join(f"{path.rpartition('.')[2]}={_word(one[path])}" for path in tell): one for one in points}
    if len(made) < len(points):
        raise UsageError(expected="each value of a setting once", came=shown(dict(axes), 80), do=_EXAMPLE)
    for point in points:
        told = (f"{words.get(path) or path.rpartition('.')[2]} {_word(point[path])}" for path in tell)
        point.setdefault("says", ", ".join(told))
    return made


_EXAMPLE = "Such as learner.hidden = [64, 128]."


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_word, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _subject(fields: Mapping[str, Any], point: Point) -> ClaimSubject:
    """A subject with what a point varies: paths are settings, of a learner without a name its own; all else fields."""
    made = {**fields, **{name: value for name, value in point.items() if "." not in name}}
    settings = _flat(_table(made.get("settings", {}), "settings"))
    settings |= {path: value for path, value in point.items() if "." in path}
    if not made.get("learner"):  # the default learner is made when the data are there
        own = {path: value for path, value in settings.items() if path.startswith("learner.")}
        settings = {path: value for path, value in settings.items() if path not in own}
        made["learner_settings"] = {
            **_table(made.get("learner_settings", {}), "learner_settings"),
            **{path.partition(".")[2]: value for path, value in own.items()},
        }
    return ClaimSubject(**{**made, "settings": settings})


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """A table with its inner tables' names before theirs: `task.n = 5` is a table in TOML.

    Example:
        >>> _flat({"task": {"n": [5]}, "flip": [0.1]})
        {'task.n': [5], 'flip': [0.1]}
    """
    found: dict[str, Any] = {}
    for name, value in table.items():
        inner = isinstance(value, Mapping) and value
        found |= _flat(value, f"{before}{name}.") if inner else {before + name: value}
    return found


def _rows(fields: Mapping[str, Any], word: str) -> list[Any]:
    found = fields.get(word, [])
    if not isinstance(found, list):
        raise UsageError(expected=f"tables under [[{word}]]", came=shown(found, 60), do="Two brackets make a list.")
    return found


def _table(found: Any, word: str) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise UsageError(expected=f"a table for {word}", came=shown(found, 60), do=f"Begin it with [{word}].")
    return dict(found)
