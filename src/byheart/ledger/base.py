"""Ledger: what was computed is remembered by content. Nine promises.

1. What is put is what is got.
2. Putting twice is putting once.
3. A killed writer leaves nothing visible.
4. Two processes asking for one key compute it once, or one waits.
5. A result, a kept failure and absence are three things.
6. Keys are pinned by golden values (records/spec.py).
7. Old formats stay readable.
8. Reading runs no code: JSON and safetensors, never pickle.
9. The index is rebuilt from the blobs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

State = Literal["absent", "done", "failed"]
Say = Callable[[str], None]  # told a line worth telling


@dataclass(frozen=True)
class Result:
    """What a step leaves: a JSON document and named arrays (read late, hash checked)."""

    document: dict[str, Any]
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A kept failure: the kind of the exception, its message and its traceback."""

    kind: str
    message: str
    traceback: str = ""


class Ledger(ABC):
    """A place where steps keep their results under keys (64 hex digits)."""

    kind: ClassVar[str] = "ledger"
    name: ClassVar[str]

    @abstractmethod
    def write(self, key: str, outcome: Result | Failure, about: Mapping[str, Any]) -> str:
        """Write the blobs of one outcome durably and return the digest of its entry.

        Nothing is visible under `key` until `record` is called: workers write, the one driver records.
        `about` says what the step was (its description), for listings and for rebuilding the index.
        """

    @abstractmethod
    def record(self, key: str, digest: str) -> None:
        """Make the entry `digest` what `key` stands for; the first recorded outcome wins."""

    def put(self, key: str, outcome: Result | Failure, about: Mapping[str, Any] | None = None) -> None:
        """Write and record in one go (for the driver)."""
        self.record(key, self.write(key, outcome, about or {}))

    @abstractmethod
    def get(self, key: str) -> Result | Failure | None:
        """The outcome under `key`, or None.

        Raises:
            LedgerDamaged: a blob is missing or not what its name says (both are named).
        """

    @abstractmethod
    def state(self, key: str) -> State:
        """`done`, `failed` or `absent`, without reading any blob."""

    @abstractmethod
    def about(self, key: str) -> dict[str, Any] | None:
        """What the step was, or None."""

    @abstractmethod
    def keys(self, kind: str = "") -> Iterator[str]:
        """Recorded keys, newest last; with `kind`, those whose `about["kind"]` is it."""

    @abstractmethod
    def forget(self, key: str, damaged: bool = False) -> None:
        """Remove what `key` stands for (a failure to be tried again, a damaged result to be made anew)."""

    @abstractmethod
    def claim(self, key: str, patience_seconds: float = 600.0, say: Say | None = None) -> AbstractContextManager[bool]:
        """Hold `key` while computing it: yields True to the holder.

        Another process that claims the same key waits until the holder records, lets go or dies; it then
        gets False if there is an outcome to read, True if the work is now its own. `say` is told whom it waits for.
        """

    @abstractmethod
    def rebuild(self) -> int:
        """Make the index anew from the blobs; returns the number of entries found."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the files."""
