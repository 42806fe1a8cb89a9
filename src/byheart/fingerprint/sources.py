"""Sources: the files that the user's code comes from; what it changes for the process. `trust` runs them."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import os
import random
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from byheart.exits import as_failures


@contextlib.contextmanager
def unchanged() -> Iterator[None]:
    """What the user's code changes for the whole process is put back afterwards.

    The global generators of random, numpy and torch; torch's default type, gradient mode, threads and determinism;
    numpy's handling of errors; the filters of warnings; the working folder. torch's only if it has been imported.
    The end of the process that it asks for is an error like any other.

    Example:
        >>> with unchanged():
        ...     warnings.simplefilter("ignore")
        >>> warnings.filters[:1] == [("ignore", None, Warning, None, 0)]
        False
    """
    torch = sys.modules.get("torch")
    folder, hook = os.getcwd(), sys.excepthook
    states, errors = (random.getstate(), np.random.get_state()), np.geterr()
    filters, listed, show = warnings.filters, list(warnings.filters), warnings.showwarning
    if torch:
        own = torch.get_rng_state(), torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
        strict = _determinism(torch)
    cuda = torch.cuda.get_rng_state_all() if torch and torch.cuda.is_initialized() else None
    try:
        with as_failures():
            yield
    finally:
        os.chdir(folder)
        sys.excepthook = hook
        random.setstate(states[0])
        np.random.set_state(states[1])
        np.seterr(**errors)
        warnings.filters, warnings.showwarning = filters, show
        if warnings.filters != listed:  # else every warning would be told again
            warnings.filters[:] = listed
        if torch:
            torch.set_rng_state(own[0])
            torch.set_default_dtype(own[1])
            torch.set_grad_enabled(own[2])
            if torch.get_num_threads() != own[3]:
                torch.set_num_threads(own[3])
            if _determinism(torch) != strict:  # to set it imports torch's compiler: a second
                torch.use_deterministic_algorithms(strict[0], warn_only=strict[1])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


def _determinism(torch: Any) -> tuple[bool, bool]:
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


@contextlib.contextmanager
def contained(seed: int) -> Iterator[None]:
    """`unchanged`, and the global generators of random, numpy and torch start at the seed.

    Example:
        >>> with contained(0):
        ...     a = random.random()
        >>> with contained(0):
        ...     print(a == random.random())
        True
    """
    with unchanged():
        random.seed(seed)
        np.random.set_state(np.random.RandomState(seed % 2**32).get_state())
        if torch := sys.modules.get("torch"):
            # manual_seed writes down the stack for each kind of device that may be started later: milliseconds a member
            every = torch.manual_seed if torch.accelerator.is_available() else torch.default_generator.manual_seed
            every(seed)
        yield


@contextlib.contextmanager
def reachable(path: str | Path | None) -> Iterator[None]:
    """The folder that holds a file's top package first on `sys.path`, so that its local imports work."""
    if path is None:
        yield
        return
    folder = str(root_of(Path(path)))
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def own_lines(error: BaseException, path: str | Path | None) -> str:
    """Kind and message of an error, and the lines of the user's file that led there.

    Example:
        >>> own_lines(ValueError("no"), None)
        'ValueError: no'
    """
    said = " ".join("".join(traceback.format_exception_only(error)).split())
    frames = [f for f in traceback.extract_tb(error.__traceback__) if path and same(f.filename, path)]
    lines = [f"{Path(f.filename).name} line {f.lineno}: {f.line}" for f in frames[-3:]]
    return "; ".join([*lines, said])


def with_imports(file: Path, seen: set[Path]) -> Iterator[tuple[Path, bytes]]:
    """A file and the local files that it imports, with their bytes, each once; those `seen` are left out.

    Raises:
        OSError: one cannot be read.
    """
    waiting = [file.resolve()]
    while waiting:
        if (path := waiting.pop()) in seen:
            continue
        seen.add(path)
        content = path.read_bytes()
        yield path, content
        with contextlib.suppress(SyntaxError, ValueError):  # not Python: its bytes are enough
            waiting += sorted(local_imports(ast.parse(content), path))


def digest_of(file: str | Path) -> str:
    """SHA-256 of a file and of the local files that it imports; nothing is run. Empty where one cannot be read."""
    made = hashlib.sha256()
    try:
        for path, content in with_imports(Path(file), set()):
            made.update(f"{path.relative_to(root_of(path)).as_posix()} {len(content)}\n".encode())
            made.update(content)
    except OSError:
        return ""
    return made.hexdigest()


def local_imports(tree: ast.AST, path: Path) -> set[Path]:
    """Files of the local modules that a file imports, anywhere in it."""
    found: set[Path] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found |= _files_of(alias.name, _bases(alias.name, path))
        elif isinstance(node, ast.ImportFrom):
            bases = [path.parents[node.level - 1]] if node.level else _bases(node.module or "", path)
            start = f"{node.module}." if node.module else ""
            for alias in node.names:
                found |= _files_of(f"{start}{alias.name}", bases)
    return found


def is_local(name: str, path: Path) -> bool:
    """Whether importing a dotted name in the file at `path` runs a file of the user's."""
    return bool(_files_of(name, _bases(name, path)))


def _bases(name: str, path: Path) -> list[Path]:
    """Folders where the top package of a dotted name may lie, the user's own first."""
    top = name.partition(".")[0]
    folders = [root_of(path), *(Path(entry or ".") for entry in sys.path)]
    loaded = getattr(sys.modules.get(top), "__file__", None)
    if loaded is None and top not in sys.builtin_module_names:
        with contextlib.suppress(ImportError, ValueError, AttributeError):
            loaded = getattr(importlib.util.find_spec(top), "origin", None)
    return folders + ([root_of(Path(loaded))] if loaded and os.path.isfile(loaded) else [])


def _files_of(name: str, bases: list[Path]) -> set[Path]:
    """The files that importing a dotted name runs, where they are local."""
    parts = name.split(".")
    for base in bases:
        found = set()
        for i in range(1, len(parts) + 1):
            stem = base.joinpath(*parts[:i])
            for file in (stem.with_suffix(".py"), stem / "__init__.py"):
                if file.is_file():
                    found.add(file.resolve())
        if found:
            return {file for file in found if not is_foreign(parts[0], file)}
    return set()


def root_of(path: Path) -> Path:
    """The folder that holds the top package of a file."""
    folder = path.resolve().parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    return folder


def is_foreign(module: str | None, file: Path) -> bool:
    """Of the standard library, an installed package or ourselves: named with its version, not read."""
    if (module or "").partition(".")[0] == "byheart":
        return True
    if {"site-packages", "dist-packages"} & set(file.parts) or str(file).startswith("<frozen"):
        return True
    standard = {sysconfig.get_path(key) for key in ("stdlib", "platstdlib")}
    return any(file.is_relative_to(folder) for folder in standard if folder)


@functools.cache
def version_of(module: str) -> str:
    """The version of the package that a module is of; Python's where it has none."""
    top = module.partition(".")[0]
    said = vars(sys.modules[top]).get("__version__") if top in sys.modules else None
    if isinstance(said, str):
        return said
    try:
        return metadata.version(top)
    except (metadata.PackageNotFoundError, ValueError):
        return sys.version.split()[0]


def guarded(path: Path) -> bool:
    """Is there an `if __name__ == ...` at the top level?"""
    try:
        body = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError, OSError):
        return False  # changed since it was imported
    tests = [node.test for node in body if isinstance(node, ast.If)]
    return any("__name__" in ast.unparse(test) for test in tests)


def same(a: str | Path, b: str | Path) -> bool:
    """Whether two paths are one file."""
    return os.path.realpath(a) == os.path.realpath(b)
