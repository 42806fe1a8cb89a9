"""The user's code: what its key is made of, and how a worker gets it again.

A key that misses a change would bring back a silently wrong number. So a digest takes in the source, the byte
code (a file edited after its import is not what runs), the files of the local modules it comes from, and
every value it closes over or refers to; what cannot be taken in leaves no digest, with the reason.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from byheart.errors import InputRefused
from byheart.exits import as_failures
from byheart.fingerprint.reader import Reader, Unkeyable
from byheart.fingerprint.sources import contained, digest_of, guarded
from byheart.fingerprint.trust import load, load_module, load_once

__all__ = ["Code", "again", "comes_back", "contained", "fingerprint", "load", "load_module"]


@dataclass(frozen=True)
class Code:
    """What is known of a piece of user code.

    Attributes:
        digest: SHA-256 of all it depends on, or None: then `reason` says what could not be had.
        portable: a spawned worker can get it again as `load(path, qualname)`.
        path: its file, where it has one.
        qualname: its name in that file.
        reason: why it has no digest, or is not portable.
        files: SHA-256 of its file and the local files that this imports, which can be had without running them.
    """

    digest: str | None
    portable: bool
    path: str | None
    qualname: str
    reason: str = ""
    files: str = ""


def again(path: str, qualname: str, digest: str, factory: bool = False, files: str = "") -> Any:
    """The user's code in a process that did not make it: from its file, if it is still the same.

    `files` is the digest of its file and those that this imports, compared before any is run. The file is run once a
    process, and compared once: what the code itself then writes into its globals is its own.

    Raises:
        InputRefused: no such file or name, or another digest.
    """
    key = (path, qualname, digest, factory)
    if key not in _AGAIN:
        found = load_once(path, qualname, files)
        code = fingerprint(found, factory)
        if not digest or code.digest != digest:
            raise InputRefused(
                expected=f"{qualname} in {path} as it was when the audit began",
                came=code.reason or "other code, or other values that it refers to",
                do="Run the audit again.",
            )
        _AGAIN[key] = found
    return _AGAIN[key]


_AGAIN: dict[tuple[str, str, str, bool], Any] = {}


def own_code(spec: Any) -> Code | None:
    """What is known of the code of a spec whose class is the user's own; None for ours and for plug-ins.

    The class and what the spec carries besides its fields are read once a spec, when it is first asked for: what a run
    then writes into globals does not change its key half-way.
    """
    if _named(type(spec)):
        return None
    held = _OWN.get(id(spec))
    if held is None or held[0] is not spec:
        carried = getattr(spec, "__pydantic_private__", None) or {}
        code = fingerprint((type(spec), dict(carried)) if carried else type(spec))
        held = _OWN[id(spec)] = (spec, code)
        while len(_OWN) > 64:
            _OWN.pop(next(iter(_OWN)))
    return held[1]


def why_unkeyed(spec: Any) -> str:
    """Why a spec of a class of the user's own, or one within its fields, has no digest; empty where all have one."""
    for held in (spec, *(getattr(spec, name) for name in type(spec).model_fields)):
        if hasattr(held, "key_fields") and (code := own_code(held)) is not None and code.digest is None:
            return code.reason
    return ""


_OWN: dict[int, tuple[Any, Code]] = {}  # id -> the spec itself, so that no id is used twice, and its code


def _named(cls: type) -> bool:
    """Is this class of byheart, or listed by an installed plug-in?"""
    if cls.__module__.partition(".")[0] == "byheart":
        return True
    from byheart.registry import BUILT_IN, plugins

    kind, name = getattr(cls, "kind", ""), getattr(cls, "name", "")
    point = plugins(kind).get(name) if kind in BUILT_IN else None
    return point is not None and point.value == f"{cls.__module__}:{cls.__qualname__}"


@functools.cache
def comes_back(path: str, qualname: str, digest: str, factory: bool = False) -> bool:
    """Does a fresh process, which has only the file, get the same code?

    Values that the main part of a script set, or another module at run time, are not there.

    Cost: a Python process that imports the user's file.
    """
    if not digest or not os.path.isfile(path):
        return False
    script = (
        "import json, sys; path, qualname, digest, factory, sys.path[:] = json.loads(sys.argv[1]); "
        "from byheart.fingerprint.code import again; again(path, qualname, digest, factory)"
    )
    asked = json.dumps([path, qualname, digest, factory, sys.path])
    command = [sys.executable, "-c", script, asked]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def fingerprint(obj: Any, factory: bool = False) -> Code:
    """What does the behaviour of this function, class, module or estimator depend on?

    The digest takes in: source text and byte code; the bytes of its file and of the local files
    that file imports, and theirs (standard library and installed packages enter by name and version);
    default values, closure cells and the globals its code names, functions among them likewise;
    arrays by their bytes; torch modules by repr, weights, hooks and attributes; what the code reads of local modules
    by value. With `factory`, `obj()` is built at seed 0
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
    why, reader = _why_not_portable(obj, path, qualname), Reader()
    try:
        with as_failures():
            reader.value(obj, qualname)
            if factory:
                reader.built(obj)
    except Unkeyable as missing:
        return Code(None, False, path, qualname, str(missing))
    except Exception as error:  # whatever the user's objects raise when they are read
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return Code(None, False, path, qualname, f"{qualname} cannot be read: {said}")
    return Code(reader.hash.hexdigest(), not why, path, qualname, why, digest_of(path) if path else "")


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
