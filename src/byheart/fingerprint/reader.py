"""Reader: everything that a piece of user code depends on, read into one digest, or the reason why it cannot be."""

from __future__ import annotations

import collections
import datetime
import enum
import functools
import logging
import pathlib
import re
import sys
import types
from typing import Any

import numpy as np

from byheart.fingerprint.bytecode_names import EXACT, foreign_name, installed, local_class
from byheart.fingerprint.content import Content
from byheart.fingerprint.digest import Unkeyable
from byheart.fingerprint.program import Program

# values whose repr says all there is to them, when they are of these types or their subclasses
TOLD = (type(...), range, slice, pathlib.PurePath, np.generic, np.dtype, logging.Logger)
TOLD += (datetime.date, datetime.timedelta)
HOLDERS = (list, dict, set, frozenset, tuple)
PLAIN_HOLDERS = (*HOLDERS, collections.OrderedDict, collections.Counter)
COMPILED = (
    types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodWrapperType,
    types.MethodDescriptorType, types.ClassMethodDescriptorType,
)  # fmt: skip


class Reader(Program, Content):
    """Feeds a SHA-256 with everything that a value depends on; `Unkeyable` where that cannot be had."""

    def __init__(self) -> None:
        super().__init__()
        self.met: dict[int, int] = {}
        self.kept: list[Any] = []  # so that no id is used twice

    def value(self, value: Any, what: str) -> None:
        """Take in a value called `what` in messages."""
        if type(value) in EXACT:
            return self.put(type(value).__qualname__, repr(value))
        if isinstance(value, types.ModuleType):  # what is read of it differs from one function to the next
            return self._module(value)
        if type(value) is tuple:  # not remembered: equal tuples may be one object or two
            return self._items(value, what, "tuple")
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
        elif isinstance(value, enum.Enum):
            self._items([type(value), value.name, value.value], what, "enum")
        elif isinstance(value, TOLD):
            self._kind(value, what)
            self.put("told", repr(value))
            self._fields(value, what)
        elif isinstance(value, functools.partial):
            self._items([value.func, value.args, value.keywords], what, "partial")
            self._fields(value, what)
        elif isinstance(value, types.MethodType | staticmethod | classmethod):
            self._items([value.__func__, getattr(value, "__self__", None)], what, "method")
        elif isinstance(value, property):
            self._items([value.fget, value.fset, value.fdel], what, "property")
        elif isinstance(value, functools.cached_property | functools._lru_cache_wrapper):
            self.value(getattr(value, "func", None) or value.__wrapped__, what)
        elif isinstance(value, (*HOLDERS, *EXACT[:-1])):
            self._holder(value, what)
        elif isinstance(value, re.Pattern):
            self._items([value.pattern, value.flags], what, "pattern")
        else:
            self._object(value, what)

    def _holder(self, value: Any, what: str) -> None:
        """A list, dictionary, set, tuple, number or text, or something more that is one."""
        base = next(base for base in (*HOLDERS, *EXACT[:-1]) if isinstance(value, base))
        if type(value) not in PLAIN_HOLDERS:
            self._kind(value, what)
        if base is dict:
            if type(value) is collections.defaultdict:
                self.value(value.default_factory, what)
            self._items([part for item in dict.items(value) for part in item], what, type(value).__qualname__)
        elif base in {set, frozenset}:
            if not all(type(item) in EXACT for item in value):
                raise Unkeyable(f"{what} is a set of things that have no order")
            self._items(sorted(base(value), key=repr), what, "set")
        elif base in {list, tuple}:
            self._items(list(base.__iter__(value)), what, type(value).__qualname__)
        else:
            self.put(base.__qualname__, base.__repr__(value))
        self._fields(value, what)

    def _kind(self, value: Any, what: str) -> None:
        """The class of a value that has more to it than what a plain one of its sort has."""
        kind = type(value)
        if not local_class(kind) and "__dict__" not in dir(kind) and kind is not collections.defaultdict:
            known = isinstance(value, TOLD) or hasattr(kind, "_fields")
            if not known:
                raise Unkeyable(f"{what} is a {kind.__module__}.{kind.__qualname__}, which cannot be read")
        self.value(kind, what)

    def _object(self, value: Any, what: str) -> None:
        torch = sys.modules.get("torch")
        if torch and isinstance(value, torch.Tensor):
            return self._tensor(value, what)
        if torch and isinstance(value, torch.dtype | torch.device):
            return self.put("torch", repr(value))
        if isinstance(value, np.ndarray):
            return self._array(value, what)
        if torch and isinstance(value, torch.nn.Module):
            return self._weights(value, what, strict=True)
        kind = type(value)
        if isinstance(value, COMPILED):
            owner = getattr(value, "__self__", None)
            if owner is not None and not isinstance(owner, types.ModuleType | type):
                raise Unkeyable(f"{what} is bound to a {type(owner).__name__}, whose state cannot be read")
            return self.put("compiled", foreign_name(value))
        if not local_class(kind) and callable(value) and installed(value):
            return self.put("compiled", foreign_name(value))
        told = hasattr(value, "__dict__") and (hasattr(value, "get_params") or kind is types.SimpleNamespace)
        if not (told or local_class(kind)):
            raise Unkeyable(f"{what} is a {kind.__module__}.{kind.__qualname__}, which cannot be read")
        self.value(kind, what)
        return self._fields(value, what)
