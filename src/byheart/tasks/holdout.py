"""The hold-out by content: which examples are kept from training, whatever their order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from byheart.errors import InputRefused

CHUNK = 4096


def digests(rows: Iterable[bytes]) -> np.ndarray:
    """A 64-bit number (n,) for the content of each row; equal rows have equal numbers."""
    read = (int.from_bytes(hashlib.blake2b(row, digest_size=8).digest(), "big") for row in rows)
    return np.fromiter(read, dtype=np.uint64)


def array_digests(x: np.ndarray) -> np.ndarray:
    """The digest (n,) of every example of `x` (n, ...); the float type does not matter, nor does -0.

    Example:
        >>> a, b = array_digests(np.array([[0.0, 1.0], [-0.0, 1.0]]))
        >>> a == b
        np.True_
    """

    def rows() -> Iterable[bytes]:
        for start in range(0, len(x), CHUNK):
            part = np.ascontiguousarray(x[start : start + CHUNK].reshape(-1, x[0].size), dtype=np.float64)
            part = np.where(np.isnan(part), np.nan, part + 0.0)  # one zero, one NaN
            yield from (row.tobytes() for row in part)

    return digests(rows())


def held_out(content: np.ndarray, split: float, classes: np.ndarray | None = None) -> np.ndarray:
    """Which examples are held out?

    Args:
        content: (n,) uint64 digests of the rows.
        split: the share to hold out, in (0, 1).
        classes: (n,) class numbers, or None; no class is left without a training example.

    Returns:
        (n,) bool. The rows with the smallest digests, at most round(split * n), equal rows on one side: the
        choice follows from the content and not from the order.

    Raises:
        InputRefused: too few different rows to hold any out.
    """
    wanted = max(1, round(split * len(content)))
    different, where, counts = np.unique(content, return_inverse=True, return_counts=True)
    fits = counts <= wanted  # a row repeated more often than that can only be trained on
    chosen = fits & (np.cumsum(np.where(fits, counts, 0)) <= wanted)
    if classes is not None:
        for lost in _without_training(chosen[where], classes):
            chosen[np.unique(where[classes == lost])] = False
    out = chosen[where]
    if not out.any():
        raise InputRefused(
            expected="enough different examples to hold some out",
            came=f"{len(different)} different ones among {len(content)}",
            do="Give a test set of its own, or drop the repeats.",
        )
    return out


def _without_training(out: np.ndarray, classes: np.ndarray) -> list[int]:
    k = int(classes.max()) + 1
    return [int(label) for label in np.flatnonzero(np.bincount(classes[~out], minlength=k) == 0)]
