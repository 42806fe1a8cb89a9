"""Digest: tagged pieces in one SHA-256, and the values among them that are met again."""

from __future__ import annotations

import contextlib
import hashlib
import sys
from abc import ABC, abstractmethod
from typing import Any

from byheart.fingerprint.bytecode_names import local_class


class Unkeyable(Exception):
    """Something that a digest cannot take in; the message names it."""


class Digest(ABC):
    """Feeds a SHA-256 with tagged pieces; what a value is made of, its subclasses know."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.put("python", ".".join(map(str, sys.version_info[:2])))

    def put(self, tag: str, content: str | bytes) -> None:
        """Add one tagged piece to the digest."""
        data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        self.hash.update(f"{tag}:{len(data)}:".encode() + data)

    @abstractmethod
    def value(self, value: Any, what: str) -> None:
        """Take in a value called `what` in messages."""

    def _items(self, items: Any, what: str, tag: str) -> None:
        self.put(tag, str(len(items)))
        for item in items:
            self.value(item, what)

    def _fields(self, value: Any, what: str) -> None:
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
            self.put("field", name)
            self.value(part, f"{what}.{name}")
