"""The user's code: what its key is made of, and how a worker gets it again.

A key that misses a change would bring back a silently wrong number. So a digest takes in the source, the byte
code (a file edited after its import is not what runs), the files of the local modules it comes from, and
every value it closes over or refers to; what cannot be taken in leaves no digest, with the reason.
"""

from __future__ import annotations

import ast
import contextlib
import datetime
import dis
import enum
import functools
import hashlib
import inspect
import logging
import os
import pathlib
import re
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from byheart.learners.sources import (
    contained,
    guarded,
    is_foreign,
    load,
    load_module,
    local_imports,
    root_of,
    version_of,
)

__all__ = ["Code", "contained", "fingerprint", "load", "load_module"]

# values whose repr says all there is to them: of exactly these types, and of these or their subclasses
EXACT = (int, float, complex, str, bytes, bool, type(None))
TOLD = (type(...), range, slice, enum.Enum, pathlib.PurePath, np.generic, np.dtype, datetime.date)
TOLD += (datetime.timedelta, logging.Logger)


@dataclass(frozen=True)
class Code:
    """What is known of a piece of user code.

    Attributes:
        digest: SHA-256 of all it depends on, or None: then `reason` says what could not be had.
        portable: a spawned worker can get it again as `load(path, qualname)`.
        path: its file, where it has one.
        qualname: its name in that file.
        reason: why it has no digest, or is not portable.
    """

    digest: str | None
    portable: bool
    path: str | None
    qualname: str
    reason: str = ""


class _Unkeyable(Exception):
    """Something that a digest cannot take in; the message names it."""


def fingerprint(obj: Any, factory: bool = False) -> Code:
    """What does the behaviour of this function, class, module or estimator depend on?

    The digest takes in: source text and byte code; the bytes of its file and of the local files
    that file imports, and theirs (standard library and installed packages enter by name and version);
    default values, closure cells and the globals its code names, functions among them likewise;
    arrays by their bytes; torch modules by repr and weights. With `factory`, `obj()` is built at seed 0
    (given as `seed` or `generator` if it asks for one); its repr and weights enter too. Names of modules
    and folders do not enter.

    Args:
        obj: what the user gave.
        factory: it makes torch modules.

    Cost: milliseconds and a read of the files; one build of the module for a factory.

    Fails when: the code reads files, environment variables or the network while it runs, or imports by a
    name that is computed: what it finds there is not in the digest.

    Example:
        >>> fingerprint(lambda x: x).portable
        False
    """
    inner = obj
    while isinstance(inner, functools.partial):
        inner = inner.func
    inner = inner if isinstance(inner, type) or inspect.isroutine(inner) else type(inner)
    qualname = getattr(inner, "__qualname__", repr(inner))
    path = _path_of(inner)
    reader = _Reader()
    try:
        reader.value(obj, qualname)
        if factory:
            reader.built(obj)
    except _Unkeyable as missing:
        return Code(None, False, path, qualname, str(missing))
    why = _why_not_portable(obj, path, qualname)
    return Code(reader.hash.hexdigest(), not why, path, qualname, why)


class _Reader:
    """Feeds a SHA-256 with everything that a value depends on; `_Unkeyable` where that cannot be had."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.met: dict[int, int] = {}
        self.kept: list[Any] = []  # so that no id is used twice
        self.files: set[Path] = set()
        self.put("python", ".".join(map(str, sys.version_info[:2])))

    def put(self, tag: str, content: str | bytes) -> None:
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        self.hash.update(f"{tag}:{len(data)}:".encode() + data)

    def value(self, value: Any, what: str) -> None:
        """Take in a value called `what` in messages."""
        if type(value) in EXACT or isinstance(value, TOLD):
            return self.put(type(value).__qualname__, repr(value))
        if isinstance(value, tuple):  # not remembered: equal tuples may be one object or two
            return self._items(value, what, type(value).__qualname__)
        if id(value) in self.met:
            return self.put("again", str(self.met[id(value)]))
        self.met[id(value)] = len(self.met)
        self.kept.append(value)
        return self._met(value, what)

    def _met(self, value: Any, what: str) -> None:
        """Take in something that may be met again, or hold itself."""
        if isinstance(value, types.FunctionType):
            self._function(value, what)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, types.ModuleType):
            self._module(value)
        elif isinstance(value, functools.partial):
            self._items([value.func, value.args, value.keywords], what, "partial")
        elif isinstance(value, types.MethodType | staticmethod | classmethod):
            self._items([value.__func__, getattr(value, "__self__", None)], what, "method")
        elif isinstance(value, property):
            self._items([value.fget, value.fset, value.fdel], what, "property")
        elif isinstance(value, functools.cached_property | functools._lru_cache_wrapper):
            self.value(getattr(value, "func", None) or value.__wrapped__, what)
        elif isinstance(value, list):
            self._items(value, what, type(value).__qualname__)
        elif isinstance(value, dict):
            self._items([part for item in value.items() for part in item], what, type(value).__qualname__)
        elif isinstance(value, set | frozenset):
            if not all(type(item) in EXACT for item in value):
                raise _Unkeyable(f"{what} is a set of things that have no order")
            self._items(sorted(value, key=repr), what, "set")
        elif isinstance(value, re.Pattern):
            self._items([value.pattern, value.flags], what, "pattern")
        else:
            self._object(value, what)

    def built(self, factory: Callable[[], Any]) -> None:
        """Take in what the factory builds at seed 0."""
        import torch

        try:
            given = {"seed": 0, "generator": torch.Generator().manual_seed(0)}
            asked = given.keys() & inspect.signature(factory).parameters.keys()
            with contained(0):
                module = factory(**{name: given[name] for name in asked})
        except Exception as error:
            raise _Unkeyable(f"it could not be built: {error}") from None
        if not isinstance(module, torch.nn.Module):
            raise _Unkeyable(f"it gives a {type(module).__name__}, not a torch module")
        self._weights(module)

    def _items(self, items: Any, what: str, tag: str) -> None:
        self.put(tag, str(len(items)))
        for item in items:
            self.value(item, what)

    def _object(self, value: Any, what: str) -> None:
        torch = sys.modules.get("torch")
        if torch and isinstance(value, torch.Tensor):
            value = value.detach().cpu()
            value = value.view(torch.int16) if value.dtype is torch.bfloat16 else value
            return self._object(value.numpy(), what)
        if torch and isinstance(value, torch.dtype | torch.device):
            return self.put("torch", repr(value))
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject:
                return self._items([value.shape, *value.ravel().tolist()], what, "objects")
            self.put("array", f"{value.dtype.str}{value.shape}")
            return self.put("bytes", np.ascontiguousarray(value).tobytes())
        if callable(value) and getattr(value, "__name__", None) and not isinstance(value, type):  # compiled
            owner = getattr(value, "__self__", None)
            if owner is not None and not isinstance(owner, types.ModuleType | type):
                raise _Unkeyable(f"{what} is bound to a {type(owner).__name__}, whose state cannot be read")
            return self.put("compiled", _foreign_name(value))
        if torch and isinstance(value, torch.nn.Module):
            self.value(type(value), what)
            return self._weights(value)
        kind = type(value)
        if not hasattr(value, "__dict__") or not (hasattr(value, "get_params") or _local_class(kind)):
            raise _Unkeyable(f"{what} is a {kind.__module__}.{kind.__qualname__}, which cannot be read")
        self.value(kind, what)
        for name, part in vars(value).items():
            self.put("field", name)
            self.value(part, f"{what}.{name}")
        return None

    def _weights(self, module: Any) -> None:
        said = repr(module)
        if " at 0x" in said:
            raise _Unkeyable("the repr of the module names an address in memory")
        self.put("repr", said)
        for name, tensor in module.state_dict().items():
            self.put("weight", name)
            self._object(tensor, name)

    def _function(self, function: types.FunctionType, what: str) -> None:
        code = function.__code__
        file = Path(code.co_filename)
        if is_foreign(function.__globals__.get("__name__"), file):
            self.put("foreign", _foreign_name(function))
            return self._wrapped(function, what)  # the user's function in someone else's decorator
        self._source(code, what)
        self._bytecode(code)
        if file.is_file():
            self._file(file)
        self._items([function.__defaults__, function.__kwdefaults__], f"a default of {what}", "defaults")
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            self.put("cell", name)
            with contextlib.suppress(ValueError):  # a cell that is empty so far
                self.value(cell.cell_contents, f"{name}, which {what} closes over,")
        for name in sorted(_global_names(code)):
            if name in function.__globals__:
                self.put("global", name)
                self.value(function.__globals__[name], f"the global {name}")
        return None

    def _wrapped(self, function: types.FunctionType, what: str) -> None:
        inside = [getattr(function, "__wrapped__", None)]
        for cell in function.__closure__ or ():
            with contextlib.suppress(ValueError):  # a cell that is empty so far
                inside.append(cell.cell_contents)
        for part in inside:
            if isinstance(part, types.FunctionType | type):
                self.value(part, what)

    def _class(self, cls: type) -> None:
        if not _local_class(cls):
            return self.put("foreign", _foreign_name(cls))
        source = self._source(cls, cls.__qualname__)
        for base in cls.__bases__:
            self.value(base, base.__qualname__)
        written = hasattr(cls, "__dataclass_fields__")
        for name, part in vars(cls).items():
            if written and name.startswith("__") and f"def {name}" not in source:
                continue  # generated from the fields, which are in the source
            routine = isinstance(part, types.FunctionType | staticmethod | classmethod | property)
            inner = name.startswith("__") or name == "_abc_impl" or inspect.isdatadescriptor(part)
            # a descriptor that the class does not write itself: put there by a base of an installed package
            lent = name not in source and hasattr(type(part), "__get__") and not _local_class(type(part))
            if routine or not (inner or lent):
                self.put("member", name)
                self.value(part, f"{cls.__qualname__}.{name}")
        return None

    def _module(self, module: types.ModuleType) -> None:
        file = getattr(module, "__file__", None)
        if file is None or is_foreign(module.__name__, Path(file)):
            return self.put("foreign", f"{module.__name__} {version_of(module.__name__)}")
        self._file(Path(file))
        for part in vars(module).values():  # what runs, which an edit after the import does not change
            if getattr(part, "__module__", None) == module.__name__:
                for function in vars(part).values() if isinstance(part, type) else [part]:
                    if isinstance(function, types.FunctionType):
                        self._bytecode(function.__code__)
        return None

    def _source(self, thing: Any, what: str) -> str:
        try:
            source = inspect.getsource(thing)
        except (OSError, TypeError):
            raise _Unkeyable(f"the source of {what} cannot be read") from None
        self.put("source", source)
        return source

    def _bytecode(self, code: types.CodeType) -> None:
        self.put("code", code.co_code)
        self.put("names", repr((code.co_names, code.co_varnames)))
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._bytecode(constant)
            else:
                same = sorted(constant, key=repr) if isinstance(constant, frozenset) else constant
                self.put("const", repr(same))

    def _file(self, file: Path) -> None:
        """The bytes of a file and of the local files that it imports, each once."""
        waiting = [file.resolve()]
        while waiting:
            if (path := waiting.pop()) in self.files:
                continue
            self.files.add(path)
            try:
                content = path.read_bytes()
            except OSError:
                raise _Unkeyable(f"the file {path} cannot be read") from None
            self.put("file", path.relative_to(root_of(path)).as_posix())
            self.put("bytes", content)
            with contextlib.suppress(SyntaxError, ValueError):  # not Python: its bytes are enough
                waiting += sorted(local_imports(ast.parse(content), path))


def _global_names(code: types.CodeType) -> set[str]:
    loads = {"LOAD_GLOBAL", "LOAD_NAME"}
    names = {step.argval for step in dis.get_instructions(code) if step.opname in loads}
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return names.union(*map(_global_names, inner))


def _local_class(cls: type) -> bool:
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if cls.__module__ in {"__main__", "__mp_main__"}:
        return True
    return module is not None and file is not None and not is_foreign(cls.__module__, Path(file))


def _foreign_name(value: Any) -> str:
    module = getattr(value, "__module__", None) or ""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return f"{module}:{name} {version_of(module)}"


def _path_of(inner: Any) -> str | None:
    module = sys.modules.get(getattr(inner, "__module__", None) or "")
    path = getattr(module, "__file__", None)
    return os.path.abspath(path) if path and os.path.isfile(path) else None


def _why_not_portable(obj: Any, path: str | None, qualname: str) -> str:
    if not (inspect.isfunction(obj) or isinstance(obj, type)):
        return "it is an object made at run time"
    if path is None:
        return "it has no file"
    if "<" in qualname:
        return "it is a lambda or defined inside a function"
    if obj.__module__ in {"__main__", "__mp_main__"} and not guarded(Path(path)):
        return "its script has no `if __name__ == '__main__':`, so importing it would run it all again"
    found: Any = sys.modules.get(obj.__module__)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return "" if found is obj else "its name in its file stands for something else"


