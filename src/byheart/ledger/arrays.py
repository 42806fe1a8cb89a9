"""Arrays read late: their names cost a header, an array costs its file, and the hash is checked once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from byheart.ledger.blobs import Blobs, damaged


class LateArrays(Mapping[str, np.ndarray]):
    """The arrays of one entry. Each look-up reads the array anew and gives the caller his own copy.

    Args:
        blobs: where the file lives.
        digest: its name; the whole file is checked against it before the first array is given out.
        key: whose arrays these are, to be named if the file is damaged.
    """

    def __init__(self, blobs: Blobs, digest: str, key: str) -> None:
        self._blobs, self._digest, self._key = blobs, digest, key
        self._names: tuple[str, ...] | None = None
        self._checked = False

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._list():
            raise KeyError(name)
        if not self._checked:
            self._blobs.check(self._digest, ".safetensors", self._key)
            self._checked = True
        with self._file() as file:
            return file.get_tensor(name)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, from the header alone; nothing is checked but that there is one."""
        if name not in self._list():
            raise KeyError(name)
        with self._file() as file:
            return tuple(file.get_slice(name).get_shape())

    def __iter__(self) -> Iterator[str]:
        return iter(self._list())

    def __len__(self) -> int:
        return len(self._list())

    def __contains__(self, name: object) -> bool:
        return name in self._list()

    def __repr__(self) -> str:
        return f"LateArrays({self._digest[:12]})"  # reads nothing: a damaged file must not hide in a repr

    def _list(self) -> tuple[str, ...]:
        if self._names is None:
            with self._file() as file:
                self._names = tuple(sorted(file.keys()))
        return self._names

    @contextmanager
    def _file(self) -> Iterator[Any]:
        try:
            with safe_open(str(self._blobs.path(self._digest, ".safetensors")), framework="numpy") as file:
                yield file
        except (SafetensorError, OSError) as error:
            why = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
            raise damaged(self._digest, ".safetensors", self._key, why) from error
