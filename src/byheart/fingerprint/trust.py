"""Trust: the only way from a name or a path that was read to code that runs.

Code that the caller passes, or names in the command, runs: it is the caller's. Within `reading`, which surrounds
everything that is restored from a ledger or a claim file, only estimators of `PACKAGES` run. Other code is refused, and
the message shows it; with trust it is shown and runs. A recorded digest is checked before a file runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import re
import sys
import types
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from byheart.errors import InputRefused, UnknownName
from byheart.exits import as_failures, captured
from byheart.fingerprint.sources import contained, digest_of, is_foreign, is_local, own_lines, reachable, root_of, same
from byheart.terminal import put

PACKAGES = ("sklearn", "lightgbm", "xgboost", "catboost")
FILE_PARAMETERS = re.compile(r"memory|config|(input|output)_(model|result)|.*(file|filename|dir|path|log)")
_LINES = 3


# Whether code that was read is trusted; None outside of `reading`.
_TRUST: ContextVar[bool | None] = ContextVar("trust", default=None)
# files that the caller named in the command, whatever else is read
_NAMED: ContextVar[frozenset[str]] = ContextVar("named", default=frozenset())
_SHOWN: set[str] = set()


@contextlib.contextmanager
def reading(trust: bool = False, named: Sequence[str] = ()) -> Iterator[None]:
    """Names within this context come from a ledger or a file that anybody may have written.

    Args:
        trust: run the code that they name, after showing it.
        named: words of the caller's own command; a file among them (`my_audit.py`, `my_models.py:make`) may run.

    Example:
        >>> with reading():
        ...     load(contextlib.__file__, "suppress")  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        byheart.errors.InputRefused: expected a learner of byheart
    """
    token = _TRUST.set(trust)
    files = _NAMED.set(frozenset(os.path.realpath(re.sub(r"\.py:.*", ".py", word)) for word in named))
    try:
        yield
    finally:
        _TRUST.reset(token)
        _NAMED.reset(files)


def _require_trust(what: str, file: str | Path | None) -> None:
    """Refuse the code in `file`, or show it where it is trusted; code of the caller's passes."""
    trust = _TRUST.get()
    if trust is None or (file is not None and os.path.realpath(file) in _NAMED.get()):
        return
    shown = f"{what} ({_excerpt(file)})"
    if not trust:
        raise InputRefused(
            expected=f"a learner of byheart, an installed plug-in or {', '.join(PACKAGES)}",
            came=shown,
            do="It was not run. If you trust this code, run again with --trust.",
        )
    if shown not in _SHOWN:
        _SHOWN.add(shown)
        put(f"Trusted: {shown}", sys.stderr)


def _excerpt(file: str | Path | None) -> str:
    """Path, digest and first lines of a file."""
    try:
        if file is None or not os.path.isfile(file):
            raise OSError
        content = Path(file).read_bytes()
    except OSError:
        return "it has no file here"
    lines = [line[:80] for line in content.decode("utf-8", "replace").splitlines() if line.strip()][:_LINES]
    return "\n  ".join([f"{file}, sha256 {hashlib.sha256(content).hexdigest()}, which begins:", *lines])


def load_module(path: str | Path, digest: str = "") -> types.ModuleType:
    """The module that the file at `path` is, imported under a name that is not `__main__`.

    Args:
        path: the file.
        digest: the recorded `sources.digest_of` the file, compared before it runs; empty where none is known.

    Raises:
        InputRefused: no such file, a changed one, an untrusted one, or its import fails; with the user's own lines.

    Example:
        >>> load_module(re.__file__).compile is not None
        True
    """
    if not os.path.isfile(path):
        raise InputRefused("the file of your code", f"no file {path}", "Put it back, or run it inline.")
    _require_trust(f"code of {Path(path).name}", path)
    if digest and digest_of(path) != digest:
        raise InputRefused(
            expected=f"{path}, with what it imports, as it was when the audit began",
            came="changed files, which were not run",
            do="Put them back, or run the audit again.",
        )
    try:
        with reachable(path), as_failures():
            return _module_at(Path(path).resolve())
    except Exception as error:
        raise InputRefused(
            f"{Path(path).name} to be importable", own_lines(error, path), "Correct it and run it again."
        ) from None


def load(path: str | Path, qualname: str) -> Any:
    """The attribute `qualname` of the file at `path`.

    Raises:
        InputRefused: as `load_module`, or no such attribute.

    Example:
        >>> load(contextlib.__file__, "suppress.__exit__").__name__
        '__exit__'
    """
    return _attribute(load_module(path), path, qualname)


def _attribute(module: types.ModuleType, path: str | Path, qualname: str) -> Any:
    found: Any = module
    for part in qualname.split("."):
        if not hasattr(found, part):
            raise InputRefused(f"{qualname} in {path}", f"no {part} there", "Define it at the top level.")
        found = getattr(found, part)
    return found


def load_once(path: str | Path, qualname: str, digest: str = "") -> Any:
    """`load`, but a file with the same content is run once a process.

    Raises:
        InputRefused: as `load`.
    """
    key = (os.path.realpath(path), digest_of(path) if os.path.isfile(path) else "")
    if key in _ONCE:
        _require_trust(f"code of {Path(path).name}", path)
    if key not in _ONCE or (digest and key[1] != digest):
        with captured():  # shown where the user gave it
            _ONCE[key] = load_module(path, digest)
    return _attribute(_ONCE[key], path, qualname)


_ONCE: dict[tuple[str, str], types.ModuleType] = {}


def local_module(name: str, path: Path) -> types.ModuleType | None:
    """The local module that code in the file at `path` gets by importing a dotted name; None where it is not local."""
    if not is_local(name, path):
        return None
    if name not in sys.modules:
        _require_trust(f"code of {path.name}", path)
        with reachable(path), contextlib.suppress(Exception), contained(0):
            importlib.import_module(name)
    return sys.modules.get(name)


def estimator_class(name: str) -> type:
    """The estimator class called `package.module:Class`.

    Raises:
        UnknownName: there is no such class, or it is not an estimator.
        InputRefused: a file names it, and its package is neither an installed one of `PACKAGES` nor trusted.
    """
    where, _, qualname = name.rpartition(":")
    top = where.partition(".")[0]
    origin = _origin(top)
    if top not in PACKAGES or origin is None or not is_foreign(top, Path(origin)):
        _require_trust(f"the package {top}", origin)
    try:
        found: Any = importlib.import_module(where)
        for part in qualname.split("."):
            found = getattr(found, part)
            if not isinstance(found, type):
                raise AttributeError(part)
    except (ImportError, AttributeError, TypeError, ValueError):
        raise UnknownName("an estimator that can be imported", name, "Install its package.") from None
    if not all(callable(getattr(found, method, None)) for method in ("fit", "get_params")):
        raise UnknownName("an estimator", f"{name}, which has no fit and get_params", "Name its class.")
    if _TRUST.get() is not None and found.__module__.partition(".")[0] != top:
        raise UnknownName("an estimator", f"{name}, which is of {found.__module__}", "Name it by its own module.")
    return found


def check_parameter(name: str, value: Any) -> None:
    """Refuse a parameter read from a file that names a file or folder to use: a cache may hold pickles.

    Raises:
        InputRefused: it is one, and is not trusted.
    """
    if _TRUST.get() is False and isinstance(value, str) and FILE_PARAMETERS.fullmatch(name):
        raise InputRefused(
            expected=f"an estimator without {name}, which names a file or folder to use",
            came=f"{name}={value!r}",
            do="Leave it out. If you trust it, run again with --trust.",
        )


def _origin(top: str) -> str | None:
    """The file of a package, found without running it."""
    with contextlib.suppress(ImportError, ValueError, AttributeError):
        return getattr(find_spec(top), "origin", None)
    return None


class _Source(SourceFileLoader):
    """Runs the source: a compiled file in __pycache__ may be of another source."""

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _module_at(path: Path) -> types.ModuleType:
    """Import a file: inside a package by its dotted name, else under a name of its own."""
    root = root_of(path)
    if root != path.parent:
        parts = path.relative_to(root).with_suffix("").parts
        module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
        if not same(module.__file__ or "", path):
            raise ImportError(f"another module is called {module.__name__}: {module.__file__}")
        return module
    name = f"byheart_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = spec_from_file_location(name, path, loader=_Source(name, str(path)) if path.suffix == ".py" else None)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and inspect look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
