"""Written: an estimator's class and parameters as names and JSON, and the estimator made again from them."""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from byheart.errors import UnknownName, UsageError
from byheart.fingerprint.code import fingerprint
from byheart.fingerprint.sources import digest_of, is_foreign, version_of
from byheart.fingerprint.trust import check_parameter, estimator_class, load_once

MISSPELT = 0.85  # a name as near as this to a known one is that one with a slip
OURS = ("random_state", "n_jobs")  # set for every member, so no part of the key


class Unwritable(Exception):
    """A parameter that JSON cannot hold."""


def files_of(releases: Mapping[str, str]) -> dict[str, str]:
    """File -> `sources.digest_of` it, of the classes in `releases` that are the user's own."""
    paths = {name.rpartition(":")[0] for name in releases if PLACE.search(name)}
    return {path: digest_of(path) for path in sorted(paths)}


PLACE = re.compile(r"^.*\.py(?=:[^/\\]+$)")


def placeless(name: str) -> str:
    """The name of a class without the file that it lies in.

    Example:
        >>> placeless("/home/me/mine.py:Mine"), placeless("sklearn.svm:SVC")
        (':Mine', 'sklearn.svm:SVC')
    """
    return PLACE.sub("", name)


def placeless_params(value: Any) -> Any:
    """Written parameters with the names of estimators within `placeless`."""
    if isinstance(value, list):
        return [placeless_params(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    match dict(value):
        case {"estimator": [str(name), params], **rest} if not rest:
            return {"estimator": [placeless(name), placeless_params(params)]}
    return {key: placeless_params(item) for key, item in value.items()}


@functools.cache
def _known() -> dict[str, type]:
    """Every class of scikit-learn by its name."""
    from sklearn.utils import all_estimators

    return dict(all_estimators())


def _class_of(name: str, files: Mapping[str, str]) -> type:
    """The class that a name stands for: `Name`, `package.module:Class` or `/folder/file.py:Class`."""
    where, _, qualname = name.rpartition(":")
    if not where:
        if name not in _known():
            raise _no_such("estimator", name, list(_known()))
        return _known()[name]
    return load_once(where, qualname, files.get(where, "")) if where.endswith(".py") else estimator_class(name)


def name_of(cls: type, releases: dict[str, str]) -> str:
    """The name that `_class_of` reads; what its code is, into `releases`."""
    top = cls.__module__.partition(".")[0]
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if _known().get(cls.__name__) is cls:
        releases["sklearn"] = version_of("sklearn")
        return cls.__name__
    if file and is_foreign(cls.__module__, Path(file)):
        releases[top] = version_of(top)
        return f"{cls.__module__}:{cls.__qualname__}"
    code = fingerprint(cls)
    if code.digest is None or code.path is None:
        raise Unwritable(f"the class {cls.__qualname__}: {code.reason}")
    releases[f"{code.path}:{cls.__qualname__}"] = code.digest
    return f"{code.path}:{cls.__qualname__}"


def build(name: str, params: Mapping[str, Any], files: Mapping[str, str]) -> Any:
    """The estimator of a class's name and written parameters; `files` has digests of the files that it needs."""
    cls = _class_of(name, files)
    values = {}
    for key, value in params.items():
        check_parameter(key, value)
        values[key] = _read(value, files)
    known, more = list(_defaults(cls)), _takes_more(cls)
    for key in values:
        misspelt = not more or difflib.get_close_matches(key, known, n=1, cutoff=MISSPELT)
        if known and key not in known and misspelt:
            raise _no_such(f"parameter of {cls.__name__}", key, known)
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"parameters that {cls.__name__} takes", str(error), "See its documentation.") from None


def _no_such(what: str, word: str, known: list[str]) -> UnknownName:
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(lower), n=3, cutoff=0.4)
    names = ", ".join(lower[name] for name in near)
    advice = f"Nearest: {names}." if near else f"There are {len(known)}, such as {', '.join(known[:3])}."
    return UnknownName(expected=f"the name of a scikit-learn {what}", came=repr(word), do=advice)


def _takes_more(cls: type) -> bool:
    """Whether it takes parameters that its signature does not name, as LightGBM does."""
    return any(one.kind is one.VAR_KEYWORD for one in inspect.signature(cls).parameters.values())


def _defaults(cls: type) -> dict[str, Any]:
    return {
        name: parameter.default
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind in {parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    }


def written_params(estimator: Any, releases: dict[str, str]) -> dict[str, Any]:
    """Parameters that differ from the defaults, as JSON values."""
    name_of(type(estimator), releases)
    defaults = _defaults(type(estimator))
    params = {}
    for name, value in sorted(estimator.get_params(deep=False).items()):
        default = defaults.get(name, Unwritable)
        plain = isinstance(value, bool | int | float | str | None | type(None))
        if name in OURS or value is default or (plain and type(value) is type(default) and value == default):
            continue
        params[name] = _write(value, name, releases)
    return params


def _write(value: Any, what: str, releases: dict[str, str]) -> Any:
    """JSON for a parameter; one-key dictionaries mark what JSON has not."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_write(item, what, releases) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_write(item, what, releases) for item in value]}
    if isinstance(value, Mapping):
        return {"items": [[_write(part, what, releases) for part in item] for item in value.items()]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.size <= 10_000:
        return {"array": [value.dtype.str, _write(value.tolist(), what, releases)]}
    if hasattr(value, "get_params") and not isinstance(value, type):
        name = name_of(type(value), releases)
        return {"estimator": [name, written_params(value, releases)]}
    raise Unwritable(f"{what} is a {type(value).__name__}, which cannot be written down")


def _read(value: Any, files: Mapping[str, str]) -> Any:
    """The parameter that `_write` wrote; plain JSON is itself."""
    if isinstance(value, list):
        return [_read(item, files) for item in value]
    if not isinstance(value, Mapping):
        return value
    match dict(value):
        case {"float": str(text), **rest} if not rest:
            return float(text)
        case {"tuple": list(items), **rest} if not rest:
            return tuple(_read(item, files) for item in items)
        case {"items": list(pairs), **rest} if not rest:
            return {_read(key, files): _read(item, files) for key, item in pairs}
        case {"array": [str(dtype), items], **rest} if not rest:
            return np.array(_read(items, files), dtype=dtype)
        case {"estimator": [str(name), params], **rest} if not rest:
            return build(name, params, files)
    return {key: _read(item, files) for key, item in value.items()}
