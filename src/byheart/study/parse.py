"""Parse: words of the command line become specs; a wrong word names the nearest right one."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_origin

from byheart.errors import InputRefused, UnknownName, UsageError, unknown_name
from byheart.levers.base import Lever
from byheart.records.spec import Spec
from byheart.registry import find, names, renamed

TABLES = {".csv", ".tsv", ".txt", ".parquet"}
DEEPEST = 8  # lists in lists; no setting needs more than a list
TEXTS = {".txt", ".md", ".rst"}  # a .txt with a target is a table


def pairs(words: Sequence[str], option: str) -> dict[str, Any]:
    """`NAME=VALUE` words as a mapping; values are read as JSON where they can be, commas make lists.

    Example:
        >>> pairs(["epochs=30", "hidden=256,128", "activation=tanh"], "--set")
        {'epochs': 30, 'hidden': [256, 128], 'activation': 'tanh'}
    """
    return {name.replace("-", "_"): value for name, value in paths(words, option).items()}


def paths(words: Sequence[str], option: str) -> dict[str, Any]:
    """`PATH=VALUE` words as a mapping, as `pairs` reads them; of a path every letter counts.

    Example:
        >>> paths(["lever.weight-decay.strength=0.1"], "--set")
        {'lever.weight-decay.strength': 0.1}
    """
    found = {}
    for word in words:
        name, sign, text = word.partition("=")
        if not sign or not name:
            raise UsageError(expected=f"NAME=VALUE after {option}", came=repr(word), do="Example: epochs=30.")
        found[name.strip()] = _value(text.strip())
    return found


def _value(text: str) -> Any:
    if "," in text and not text.startswith(("[", "{", '"')):
        return [_value(part) for part in text.split(",") if part.strip()]
    try:
        value = json.loads(text)
    except ValueError:  # no JSON, or a number of more digits than Python reads
        return text
    except RecursionError:
        value, deep = None, True
    else:
        deep = _depth(value) > DEEPEST
    if deep:
        raise UsageError(
            expected=f"a value nested at most {DEEPEST} deep",
            came=f"{text[:20]}... of {len(text)} characters",
            do="Give a number, a word, or a list such as 256,128.",
        )
    return value


def _depth(value: Any) -> int:
    """How many lists and mappings lie within one another."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, list | dict)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def spec(kind: str, name: str, settings: Mapping[str, Any]) -> Any:
    """The spec of `kind` called `name` with `settings`; a lone value fits a field that holds several."""
    cls: type[Spec] = find(kind, name)
    return cls(**_fields(cls, settings))


def changed(found: Spec, settings: Mapping[str, Any]) -> Any:
    """The same spec with some settings changed; what it carries besides its fields is kept."""
    fields = _fields(type(found), settings)
    checked = type(found)(**{**{name: getattr(found, name) for name in type(found).model_fields}, **fields})
    return found.model_copy(update={name: getattr(checked, name) for name in fields})


def _fields(cls: type[Spec], settings: Mapping[str, Any]) -> dict[str, Any]:
    known = cls.model_fields
    fields = {}
    for field, value in settings.items():
        if field not in known:
            raise unknown_name(f"setting of {cls.kind} {cls.name}", field, known)
        several = get_origin(known[field].annotation) is tuple
        fields[field] = [value] if several and not isinstance(value, list | tuple) else value
    return fields


def levers(words: Sequence[str]) -> tuple[Lever, ...]:
    """`weight-decay=0.001` or `replay=0.5:size=100` words as levers; the value after the name is its first setting.

    Example:
        >>> levers(["dropout=0.5", "replay:share=1:sampling=balanced"])
        (Dropout(share=0.5), Replay(share=1.0, size=200, sampling='balanced'))
    """
    made: list[Lever] = []
    for word in words:
        head, *more = word.split(":")
        name, sign, text = head.partition("=")
        if name not in names("lever"):
            raise unknown_name("lever", name, names("lever"))
        if name in {one.name for one in made}:
            raise UsageError(f"the lever {name} once", f"{len(words)} levers, {name} twice", "Leave one of them out.")
        known = find("lever", name).model_fields
        field, fields = next(iter(known), ""), pairs(more, f"{name}:")
        if sign:
            fields = {field: _value(text), **fields}
        if field and known[field].is_required() and field not in fields:
            raise UsageError(expected=f"a value: {name}=VALUE", came=repr(word), do=f"It sets {field}.")
        made.append(spec("lever", name, fields))
    return tuple(made)


def probes(words: Sequence[str]) -> dict[str, Any]:
    """`memory/effect` or `memory/effect:method=retrain:test=32` words as probes, by name.

    Example:
        >>> probes(["memory/effect:method=retrain"])["memory/effect"].method
        'retrain'
    """
    found = {}
    for word in [words] if isinstance(words, str) else words:
        name, *fields = word.split(":")
        name = renamed("probe", name)
        if name not in names("probe"):
            raise unknown_name("probe", name, names("probe"))
        found[name] = spec("probe", name, pairs(fields, f"{name}:"))
    return found


def every_probe(also: Sequence[str] = ()) -> list[Any]:
    """Every known probe, in the order of the registry; those on request wait unless `also` names them.

    Raises:
        UsageError: an unknown probe, or a setting that it does not have.
    """
    wanted = probes(also)
    return [wanted.get(name) or find("probe", name).by_default() for name in names("probe")]


def estimator(name: str, settings: Mapping[str, Any]) -> Any:
    """The learner called `name`: one of ours, or any scikit-learn class by its name."""
    if name in names("learner"):
        _complete("learner", name, settings)
        return spec("learner", name, settings)
    if name[:1].isupper():
        return find("learner", "estimator")(cls=name, params=dict(settings))
    raise unknown_name("learner", name, names("learner"))


def seconds(text: str) -> float:
    """A duration such as `90`, `60s`, `5m` or `1h`, in seconds.

    Example:
        >>> seconds("1.5m")
        90.0
    """
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:].lower())
    try:
        value = float(text[:-1] if unit else text) * (unit or 1.0)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UsageError(expected="a duration such as 60s, 5m or 1h", came=repr(text), do="Try --budget 60s.")
    return value


def split(word: str | float | None) -> dict[str, Any]:
    """`0.3`, `random`, `time` or `time:0.3` as the fields of a task.

    Raises:
        UsageError: another word, or a share that is none.

    Example:
        >>> split("time:0.3")
        {'order': 'time', 'split': 0.3}
    """
    parts = [] if word is None else str(word).split(":")
    found: dict[str, Any] = {}
    for part in parts:
        if part in {"random", "time"}:
            found["order"] = part
            continue
        try:
            found["split"] = float(part)
        except ValueError:
            raise unknown_name("split (or a share such as 0.2)", part, ["random", "time"]) from None
        if not 0 < found["split"] < 1:
            raise UsageError("a share to hold out, above 0 and below 1", f"{word}", "Try --split 0.2.")
    return found


def task_from(word: str, options: Mapping[str, Any]) -> Any:
    """The task that SUBJECT names: a known task, a table, a text or an `.npz` file.

    Raises:
        UnknownName: neither a task nor a file.
        InputRefused: the file cannot be read.
    """
    path = Path(word)
    if path.suffix.lower() in TEXTS and options.get("target") is None:
        must_exist(path)
        return find("task", "text").of(path)
    if path.suffix.lower() in TABLES and path.suffix:
        must_exist(path)
        known = find("task", "table").model_fields
        return find("task", "table").of(path, **{k: v for k, v in options.items() if k in known or k == "task"})
    if path.suffix.lower() == ".npz":
        must_exist(path)
        kept = {k: options[k] for k in ("task", "missing", "split", "order") if options.get(k) is not None}
        return find("task", "arrays").from_npz(path, **kept)
    if word in names("task"):
        _complete("task", word, {})
        return spec("task", word, {})
    if path.exists():
        raise InputRefused(
            expected="a .csv, .parquet, .npz or .py file, a text (.txt), a folder of pictures, or the name of a task",
            came=f"{word}",
            do="Save arrays with numpy.savez(file, x=x, y=y), or a table as CSV.",
        )
    raise unknown_name("task (or a file)", word, names("task"))


OF_SERIES = ("encoding", "separator", "decimal", "split")


def is_series(word: str, asked: Mapping[str, Any]) -> bool:
    """Whether SUBJECT is a file to be followed in time: a table with a column of time, or an .npz of a series."""
    path = Path(word)
    if path.suffix.lower() == ".npz" and path.is_file():
        from byheart.tasks.series import holds_series

        return holds_series(path)
    return bool(asked) and path.suffix.lower() in TABLES


def series(word: str, options: Mapping[str, Any], asked: Mapping[str, Any]) -> Any:
    """The task of a file of a series.

    Raises:
        UsageError: an option of rows, or no column of time; InputRefused: what cannot be followed truly.
    """
    must_exist(Path(word))
    for name, value in options.items():
        if value is not None and name not in OF_SERIES and not (name == "order" and value == "time"):
            if name == "order":  # --split random, and the like
                raise UsageError(
                    "a share for the --split of a series, as 0.2", f"{value}", "Its last steps are held out."
                )
            raise UsageError(f"a series without --{name}", f"{value}", "It is of tables, whose rows are one by one.")
    if "time" not in asked and not word.lower().endswith(".npz"):
        raise UsageError("--time COLUMN of a series", "none", "Name the column that says when each row was.")
    return find("task", "series").of(word, **{name: options[name] for name in OF_SERIES if name in options}, **asked)


def with_window(task: Any, asked: Mapping[str, Any]) -> Any:
    """A task of windows with another window.

    Raises:
        UsageError: a column of another kind of data, or a task without windows.
    """
    wrong = next((name for name in asked if name != "window" or "window" not in type(task).model_fields), None)
    if wrong:
        raise UsageError(f"a series for --{wrong}", f"the task {task.name}", "Leave it out.")
    return changed(task, asked)


def folder(path: Path, options: Mapping[str, Any], say: Any = None) -> Any:
    """The task of a folder of pictures with one folder per class.

    Raises:
        UsageError: a size below one pixel; InputRefused: what cannot be read truly.
    """
    from byheart.tasks.image_folder import read_folder

    size = options.get("size")
    if size is not None and size < 1:
        raise UsageError(expected="--size as a number of pixels, at least 1", came=f"{size}", do="Try --size 32.")
    train, test = read_folder(path, size, say)
    kept = {name: options[name] for name in ("task", "split", "order") if options.get(name) is not None}
    tested = {} if test is None else {"x_test": test.x, "y_test": test.y, "id_test": test.names}
    return find("task", "arrays").of(train.x, train.y, **tested, **train.options() | kept)


def _complete(kind: str, name: str, settings: Mapping[str, Any]) -> None:
    """Refuse a name that stands for nothing without the user's own data or code."""
    fields = find(kind, name).model_fields
    missing = [field for field in fields if fields[field].is_required() and field not in settings]
    if missing or name in {"module", "user-fit"}:
        raise UsageError(f"a {kind} that needs nothing more", repr(name), f"{name}: {names(kind)[name]}.")


def must_exist(path: Path) -> None:
    """Refuse a path that is no file, naming the nearest ones beside it."""
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=3, cutoff=0.5)
        where = f"in {path.parent.absolute()}"
        advice = f"Nearest {where}: {', '.join(near)}." if near else f"Nothing like it {where}."
        raise UnknownName(expected="a file", came=str(path), do=advice)
