"""Program: functions, classes, modules and files of the user's, with all that they look up."""

from __future__ import annotations

import contextlib
import inspect
import types
from pathlib import Path
from typing import Any

from byheart.fingerprint.bytecode_names import all_names, foreign_name, global_names, late_imports, local_class, plain
from byheart.fingerprint.digest import Digest, Unkeyable
from byheart.fingerprint.sources import is_foreign, root_of, version_of, with_imports
from byheart.fingerprint.trust import local_module

COMPUTED = {"globals", "locals", "eval", "exec", "__import__"}  # what these find cannot be foreseen


class Program(Digest):
    """Takes in code: its source, its bytes as compiled, and the values of the names in it."""

    def __init__(self) -> None:
        super().__init__()
        self.files: set[Path] = set()
        self.modules: set[tuple[int, str]] = set()
        self.names: list[frozenset[str]] = [frozenset()]  # those that the code being read looks up

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
        try:
            for path, content in with_imports(file, self.files):
                self.put("file", path.relative_to(root_of(path)).as_posix())
                self.put("bytes", content)
        except OSError as error:
            raise Unkeyable(f"the file {error.filename} cannot be read") from None
