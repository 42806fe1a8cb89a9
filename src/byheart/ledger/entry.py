"""What one entry of the ledger says, as text, and back: format 1.

```
{"format": 1, "key": ..., "state": "done" | "failed", "about": {...}, "document": {...} | null,
 "arrays": digest | null, "failure": {"kind": ..., "message": ..., "traceback": ...} | null}
```

Only what JSON can say is taken, so that what is got is what was put: a tuple comes back as a list, and
nothing else changes. Arrays go to a safetensors blob of their own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from safetensors.numpy import save

from byheart.errors import InputRefused, LedgerDamaged
from byheart.ledger.base import Failure
from byheart.ledger.blobs import is_digest

FORMAT = 1
_DTYPES = ("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64",
           "uint8", "uint16", "uint32", "uint64")  # fmt: skip
_DEPTH = 200


@dataclass(frozen=True)
class Entry:
    """One outcome as it is kept; `arrays` is the digest of a blob, or None."""

    key: str
    state: Literal["done", "failed"]
    about: dict[str, Any]
    document: dict[str, Any] | None = None
    arrays: str | None = None
    failure: Failure | None = None

    def says(self) -> tuple:
        """What counts when two outcomes of one key are compared (a traceback does not)."""
        failure = (self.failure.kind, self.failure.message) if self.failure else None
        return self.state, self.document, self.arrays, failure


def entry_bytes(entry: Entry) -> bytes:
    """The JSON text of an entry; the order of its keys is kept.

    Raises:
        InputRefused: something JSON cannot say; its path is named.
    """
    text = {
        "format": FORMAT,
        "key": entry.key,
        "state": entry.state,
        "about": _plain(entry.about, "about"),
        "document": None if entry.document is None else _plain(entry.document, "document"),
        "arrays": entry.arrays,
        "failure": entry.failure and asdict(entry.failure),
    }
    return json.dumps(text, allow_nan=False, separators=(",", ":")).encode()


def read_entry(content: bytes, name: str) -> Entry:
    """The entry that `entry_bytes` wrote; `name` is the blob's, for the error.

    Raises:
        LedgerDamaged: not an entry, or one of a newer format.
    """
    try:
        text = json.loads(content)
        if text["format"] != FORMAT:
            raise LedgerDamaged(f"an entry of format {FORMAT}", f"format {text['format']!r} in {name}",
                                "Upgrade byheart.")  # fmt: skip
        fields = {name: text[name] for name in ("key", "state", "about", "document", "arrays")}
        entry = Entry(**fields, failure=None if text["failure"] is None else Failure(**text["failure"]))
        if why := _odd(entry):
            raise ValueError(why)
        return entry
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LedgerDamaged("an entry of the ledger", f"something else in blob {name} ({error})",
                            "Remove that file.") from error  # fmt: skip


def _odd(entry: Entry) -> str:
    """What of an entry `entry_bytes` never writes, in words; empty if nothing."""
    failure = entry.failure
    if not is_digest(entry.key) or not isinstance(entry.about, dict):
        return "no key, or no description"
    if entry.state != ("done" if failure is None else "failed"):
        return f"state {entry.state!r}"
    if failure is None:
        ok = isinstance(entry.document, dict) and (entry.arrays is None or is_digest(entry.arrays))
    else:
        ok = all(isinstance(word, str) for word in (failure.kind, failure.message, failure.traceback))
    return "" if ok else "its outcome is of another shape"


def arrays_bytes(arrays: Mapping[str, Any]) -> bytes:
    """The safetensors text of named arrays.

    Raises:
        InputRefused: a name or a dtype that cannot be kept; it is named.
    """
    return save({_array_name(name): _array(name, value) for name, value in arrays.items()})


def _array_name(name: object) -> str:
    if not isinstance(name, str) or name == "__metadata__" or not name.isprintable():
        raise InputRefused("printable text as the name of an array", repr(name), "Rename it.")
    return name


def _array(name: str, value: Any) -> np.ndarray:
    dtype = getattr(value, "dtype", None)
    if not isinstance(value, np.ndarray | np.generic) or dtype is None or dtype.name not in _DTYPES:
        raise InputRefused(
            expected=f"array {name!r} to be a numpy array of {', '.join(_DTYPES)}",
            came=f"{type(value).__name__} of {dtype}" if dtype is not None else type(value).__name__,
            do="Convert it; text belongs in the document, as a list.",
        )
    native = np.asarray(value, dtype=dtype.newbyteorder("="))
    return native if native.flags.c_contiguous else native.copy(order="C")


def _plain(value: Any, path: str, depth: int = 0) -> Any:
    """`value` if JSON can say it; a tuple becomes a list."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputRefused(f"a finite number at {path}", repr(float(value)),
                               "Leave it out, or use null and say why.")  # fmt: skip
        return float(value)
    if depth > _DEPTH:
        raise InputRefused(f"at most {_DEPTH} levels", f"more at {path}", "Flatten it.")
    if isinstance(value, list | tuple):
        return [_plain(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {_word(name, path): _plain(item, f"{path}.{name}", depth + 1) for name, item in value.items()}
    raise InputRefused(f"JSON (numbers, text, lists, mappings) at {path}", type(value).__name__,
                       "Convert it, or keep it as an array.")  # fmt: skip


def _word(name: object, path: str) -> str:
    if not isinstance(name, str):
        raise InputRefused(f"text as a key at {path}", repr(name), "Convert it with str().")
    return name
