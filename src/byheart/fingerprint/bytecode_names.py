"""Names: what compiled code reads, and whose a thing is."""

from __future__ import annotations

import collections
import contextlib
import dis
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

from byheart.fingerprint.sources import is_foreign, version_of

# values whose repr says all there is to them, when they are of exactly these types
EXACT = (int, float, complex, str, bytes, bool, type(None))


def global_names(code: types.CodeType) -> set[str]:
    """The globals that one code object reads, without those inside it."""
    loads = {"LOAD_GLOBAL", "LOAD_NAME"}
    names = {step.argval for step in dis.get_instructions(code) if step.opname in loads}
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return names.union(*map(global_names, inner))


def all_names(code: types.CodeType) -> frozenset[str]:
    """Every name that a function, or one within it, looks up: globals and attributes."""
    inner = [all_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return frozenset(code.co_names).union(*inner)


def late_imports(code: types.CodeType, space: dict[str, Any]) -> set[str]:
    """Dotted names of the modules that a function imports when it runs."""
    found: set[str] = set()
    before: list[Any] = [0, None]
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            level, wanted = before[-2:]
            name = step.argval
            if level:
                with contextlib.suppress(ImportError, ValueError):
                    name = importlib.util.resolve_name("." * level + name, space.get("__package__") or "")
            found.add(name)
            found |= {f"{name}.{part}" for part in wanted or () if part != "*"}
        before = [*before[-1:], step.argval]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= late_imports(constant, space)
    return found


def plain(value: Any, depth: int = 4) -> bool:
    """Numbers, text and arrays, and lists, tuples and dictionaries of such."""
    if type(value) in EXACT:
        return True
    if type(value) is np.ndarray:
        return not value.dtype.hasobject
    if depth and type(value) in {list, tuple}:
        return all(plain(item, depth - 1) for item in value)
    if depth and type(value) in {dict, collections.OrderedDict}:
        return all(plain(part, depth - 1) for item in value.items() for part in item)
    return type(value) in {set, frozenset} and all(type(item) in EXACT for item in value)


def installed(value: Any) -> bool:
    """Is this what an installed package calls by this name?"""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    where = getattr(value, "__module__", None) or ("numpy" if isinstance(value, np.ufunc) else "")
    module = sys.modules.get(where)
    if not name or module is None or not is_foreign(where, Path(getattr(module, "__file__", None) or "<frozen")):
        return False
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


def local_class(cls: type) -> bool:
    """Whether a class is of a file of the user's own."""
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if cls.__module__ in {"__main__", "__mp_main__"}:
        return True
    return module is not None and file is not None and not is_foreign(cls.__module__, Path(file))


def foreign_name(value: Any) -> str:
    """Module and name of a thing of an installed package."""
    module = getattr(value, "__module__", None) or ""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return f"{module}:{name} {version_of(module)}"
