"""Reader: everything that a piece of user code depends on, read into one digest, or the reason why it cannot be."""

from __future__ import annotations

import ast
import collections
import contextlib
import datetime
import enum
import functools
import hashlib
import inspect
import logging
import pathlib
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from byheart.learners.names import (
    EXACT,
    all_names,
    foreign_name,
    global_names,
    installed,
    late_imports,
    local_class,
    plain,
)
from byheart.learners.sources import contained, is_foreign, local_imports, local_module, root_of, version_of

# values whose repr says all there is to them, when they are of these types or their subclasses
TOLD = (type(...), range, slice, pathlib.PurePath, np.generic, np.dtype, logging.Logger)
TOLD += (datetime.date, datetime.timedelta)
HOLDERS = (list, dict, set, frozenset, tuple)
PLAIN_HOLDERS = (*HOLDERS, collections.OrderedDict, collections.Counter)
ARRAYS = (np.ndarray, np.memmap, np.matrix, np.recarray, np.ma.MaskedArray)
COMPILED = (
    types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodWrapperType,
    types.MethodDescriptorType, types.ClassMethodDescriptorType,
)  # fmt: skip
COMPUTED = {"globals", "locals", "eval", "exec", "__import__"}  # what these find cannot be foreseen


class Unkeyable(Exception):
    """Something that a digest cannot take in; the message names it."""


class Reader:
    """Feeds a SHA-256 with everything that a value depends on; `Unkeyable` where that cannot be had."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.met: dict[int, int] = {}
        self.kept: list[Any] = []  # so that no id is used twice
        self.files: set[Path] = set()
        self.modules: set[tuple[int, str]] = set()
        self.names: list[frozenset[str]] = [frozenset()]  # those that the code being read looks up
        self.put("python", ".".join(map(str, sys.version_info[:2])))

    def put(self, tag: str, content: str | bytes) -> None:
        """Add one tagged piece to the digest."""
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        self.hash.update(f"{tag}:{len(data)}:".encode() + data)

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

    def _fields(self, value: Any, what: str, without: frozenset[str] = frozenset()) -> None:
        """Attributes that a value has of its own, in `__dict__` and in slots."""
        found = dict(getattr(value, "__dict__", {}))
        for cls in type(value).__mro__:
            slots = vars(cls).get("__slots__", ()) if local_class(cls) else ()
            for slot in [slots] if isinstance(slots, str) else slots:
                name = f"_{cls.__name__.lstrip('_')}{slot}" if slot[:2] == "__" != slot[-2:] else slot
                with contextlib.suppress(AttributeError):
                    if name not in {"__dict__", "__weakref__"}:
                        found[name] = getattr(value, name)
        for name, part in found.items():
            if name not in without:
                self.put("field", name)
                self.value(part, f"{what}.{name}")

    def built(self, factory: Callable[[], Any]) -> None:
        """Take in what the factory builds at seed 0."""
        import torch

        try:
            given = {"seed": 0, "generator": torch.Generator().manual_seed(0)}
            asked = given.keys() & inspect.signature(factory).parameters.keys()
            with contained(0):
                module = factory(**{name: given[name] for name in asked})
        except Exception as error:
            raise Unkeyable(f"it could not be built: {error}") from None
        if not isinstance(module, torch.nn.Module):
            raise Unkeyable(f"it gives a {type(module).__name__}, not a torch module")
        self._weights(module, what="the module", strict=False)

    def _items(self, items: Any, what: str, tag: str) -> None:
        self.put(tag, str(len(items)))
        for item in items:
            self.value(item, what)

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
        if not hasattr(value, "__dict__") and not local_class(kind):
            raise Unkeyable(f"{what} is a {kind.__module__}.{kind.__qualname__}, which cannot be read")
        if not (hasattr(value, "get_params") or local_class(kind) or kind is types.SimpleNamespace):
            raise Unkeyable(f"{what} is a {kind.__module__}.{kind.__qualname__}, which cannot be read")
        self.value(kind, what)
        return self._fields(value, what)

    def _array(self, value: np.ndarray, what: str) -> None:
        kind = type(value)
        if kind not in ARRAYS and not local_class(kind):
            raise Unkeyable(f"{what} is a {kind.__module__}.{kind.__qualname__}, which cannot be read")
        if kind is not np.ndarray:
            self.value(kind, what)
        if isinstance(value, np.ma.MaskedArray):
            masked = [np.asarray(value.data), np.ma.getmaskarray(value), np.asarray(value.fill_value)]
            self._items([*masked, bool(value.hardmask)], what, "masked")
        plain = np.asarray(value)
        if plain.dtype.hasobject:
            self._items([plain.shape, *plain.ravel().tolist()], what, "objects")
        else:
            self.put("array", f"{plain.dtype.str} {plain.dtype} {plain.shape}")
            self.put("bytes", np.ascontiguousarray(plain).tobytes())
        if local_class(kind):
            self._fields(value, what)

    def _tensor(self, value: Any, what: str) -> None:
        torch = sys.modules["torch"]
        kind = type(value)
        own = {torch.Tensor, torch.nn.Parameter, torch.nn.Buffer} if hasattr(torch.nn, "Buffer") else {
            torch.Tensor, torch.nn.Parameter}  # fmt: skip
        if kind not in own:
            if not local_class(kind):
                raise Unkeyable(f"{what} is a {kind.__module__}.{kind.__qualname__}, which cannot be read")
            self.value(kind, what)
        if value.layout is not torch.strided or value.is_quantized or value.device.type == "meta":
            raise Unkeyable(f"{what} is a tensor that is sparse, quantised or without content")
        if value._backward_hooks:
            raise Unkeyable(f"{what} is a tensor with hooks")
        self.put("tensor", f"{value.dtype} {tuple(value.shape)} {value.requires_grad}")
        plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
        sized = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.complex128}
        plain = plain.reshape(-1)
        plain = plain if plain.dtype is torch.bool else plain.view(sized[plain.element_size()])
        self.put("bytes", plain.numpy().tobytes())
        self._fields(value, what)

    def _weights(self, module: Any, what: str, strict: bool) -> None:
        """A torch module: what it says of itself, its weights, and hooks and attributes of every part.

        Without `strict` (it was built just now from code that is in the digest) attributes that are not plain are
        left out.
        """
        said = repr(module)
        if " at 0x" in said:
            raise Unkeyable("the repr of the module names an address in memory")
        self.put("repr", said)
        for name, part in module.named_modules():
            self.put("part", name)
            if strict:
                self.value(type(part), what)
            else:
                self.put("kind", type(part).__qualname__)
            for field, held in sorted(vars(part).items()):
                if field in {"_parameters", "_buffers", "_modules"}:
                    continue
                if "_hooks" in field and isinstance(held, dict):
                    held = list(held.values())  # their keys are numbers that count up
                if strict or plain(held):
                    self.put("field", field)
                    self._loose(held, f"{what}.{name}.{field}".replace("..", "."))
        for name, tensor in [*module.named_parameters(), *module.named_buffers(), *module.state_dict().items()]:
            self.put("weight", name)
            self.value(tensor, f"{what}.{name}")

    def _loose(self, value: Any, what: str) -> None:
        if isinstance(value, set) and all(type(item) in EXACT for item in value):
            return self._items(sorted(value, key=repr), what, "set")
        return self.value(value, what)

    def _function(self, function: types.FunctionType, what: str) -> None:
        code = function.__code__
        file = Path(code.co_filename)
        if is_foreign(function.__globals__.get("__name__"), file):
            self.put("foreign", foreign_name(function))
            return self._wrapped(function, what)  # the user's function in someone else's decorator
        self._source(code, what)
        self._bytecode(code)
        if file.is_file():
            self._file(file)
        self.names.append(all_names(code))
        try:
            self._surroundings(function, what, file)
        finally:
            self.names.pop()
        return None

    def _surroundings(self, function: types.FunctionType, what: str, file: Path) -> None:
        """Defaults, attributes, closure, globals and late imports of a function of the user's."""
        code = function.__code__
        self._items([function.__defaults__, function.__kwdefaults__], f"a default of {what}", "defaults")
        self._fields(function, what)
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            self.put("cell", name)
            with contextlib.suppress(ValueError):  # a cell that is empty so far
                self.value(cell.cell_contents, f"{name}, which {what} closes over,")
        for name in sorted(global_names(code)):
            if name in function.__globals__:
                self.put("global", name)
                self.value(function.__globals__[name], f"the global {name}")
            elif name in COMPUTED:
                raise Unkeyable(f"{what} calls {name}, and what that finds cannot be read")
        for name in sorted(late_imports(code, function.__globals__)):
            module = local_module(name, file)
            if module is not None:
                self.put("import", name)
                self._module(module)

    def _wrapped(self, function: types.FunctionType, what: str) -> None:
        inside = [getattr(function, "__wrapped__", None)]
        for cell in function.__closure__ or ():
            with contextlib.suppress(ValueError):  # a cell that is empty so far
                inside.append(cell.cell_contents)
        inside += [part for name, part in vars(function).items() if name != "__wrapped__"]
        for part in inside:
            if isinstance(part, types.FunctionType | type) or plain(part):
                self.value(part, what)

    def _class(self, cls: type) -> None:
        if not local_class(cls):
            return self.put("foreign", foreign_name(cls))
        source = self._source(cls, cls.__qualname__)
        for base in cls.__bases__:
            self.value(base, base.__qualname__)
        written = hasattr(cls, "__dataclass_fields__")
        for name, part in vars(cls).items():
            if written and name.startswith("__") and f"def {name}" not in source:
                continue  # generated from the fields, which are in the source
            routine = isinstance(part, types.FunctionType | staticmethod | classmethod | property)
            inner = name.startswith("__") or name == "_abc_impl"
            inner = inner or (inspect.isdatadescriptor(part) and not local_class(type(part)))
            # a descriptor that the class does not write itself: put there by a base of an installed package
            lent = name not in source and hasattr(type(part), "__get__") and not local_class(type(part))
            if routine or not (inner or lent):
                self.put("member", name)
                self.value(part, f"{cls.__qualname__}.{name}")
        return None

    def _module(self, module: types.ModuleType) -> None:
        file = getattr(module, "__file__", None)
        if file is None or is_foreign(module.__name__, Path(file)):
            return self.put("foreign", f"{module.__name__} {version_of(module.__name__)}")
        self._file(Path(file))
        if (id(module), "") not in self.modules:
            self.modules.add((id(module), ""))
            for name, part in sorted(vars(module).items()):
                if getattr(part, "__module__", None) == module.__name__:  # what runs, whatever stands in the file
                    for function in vars(part).values() if isinstance(part, type) else [part]:
                        if isinstance(function, types.FunctionType):
                            self._bytecode(function.__code__)
                elif not name.startswith("__") and plain(part):
                    self.put("constant", name)
                    self.value(part, f"{module.__name__}.{name}")
        for name in sorted(self.names[-1] & vars(module).keys()):
            if (id(module), name) not in self.modules:
                self.modules.add((id(module), name))
                self.put("attribute", name)
                self.value(vars(module)[name], f"{module.__name__}.{name}")
        return None

    def _source(self, thing: Any, what: str) -> str:
        try:
            source = inspect.getsource(thing)
        except (OSError, TypeError):
            raise Unkeyable(f"the source of {what} cannot be read") from None
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
                raise Unkeyable(f"the file {path} cannot be read") from None
            self.put("file", path.relative_to(root_of(path)).as_posix())
            self.put("bytes", content)
            with contextlib.suppress(SyntaxError, ValueError):  # not Python: its bytes are enough
                waiting += sorted(local_imports(ast.parse(content), path))
