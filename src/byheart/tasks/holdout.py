"""The hold-out by content: which examples are kept from training, whatever their order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.grouping import Grouping

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


def held_out(
    content: np.ndarray, split: float, classes: np.ndarray | None = None, grouped: Grouping | None = None
) -> np.ndarray:
    """Which examples are held out?

    Args:
        content: (n,) uint64 digests of the rows.
        split: the share to hold out, in (0, 1).
        classes: (n,) class numbers, or None; no class is left without a training example.
        grouped: which rows stay together; equal rows if absent.

    Returns:
        (n,) bool. The groups with the smallest digests, as nearly round(split * n) rows as whole groups allow, none
        larger than that: the choice follows from the content, and neither from the order nor from the size of a group.
        Rows of one cell of a design are told apart by their order.

    Raises:
        InputRefused: too few different rows to hold any out.
    """
    wanted = max(1, round(split * len(content)))
    if grouped is not None and grouped.cells:
        content = digests(f"{row}:{time}".encode() for row, time in zip(content, _occurrence(content)))
    names = content if grouped is None else grouped.groups
    different, where, counts = np.unique(names, return_inverse=True, return_counts=True)
    least = np.full(len(different), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, where, content)
    # the least of many digests is small: a group of different rows is drawn by a digest of its own
    mixed = np.zeros(len(different), dtype=bool)
    mixed[where[content != least[where]]] = True
    least[mixed] = digests(f"{name}".encode() for name in least[mixed])
    order = np.argsort(least, kind="stable")
    order = order[counts[order] <= wanted]
    # the last group is taken or not by what comes nearer; small ones that would fill up the rest are like no others
    chosen = np.zeros(len(different), dtype=bool)
    chosen[order[np.cumsum(counts[order]) - counts[order] / 2 <= wanted]] = True
    if classes is not None:
        for lost in _without_training(chosen[where], classes):
            chosen[np.unique(where[classes == lost])] = False
    out = chosen[where]
    if not out.any():
        raise InputRefused(
            expected="copies and groups that can be held out whole, with every class left in training",
            came=f"{len(different)} different ones among {len(content)}, copies and groups counted once",
            do="Give a test set of its own, more groups, or drop the repeats.",
        )
    return out


def _occurrence(content: np.ndarray) -> np.ndarray:
    """(n,) how many equal rows stand before each."""
    order = np.argsort(content, kind="stable")
    start = np.r_[True, content[order][1:] != content[order][:-1]]
    found = np.empty(len(content), dtype=np.int64)
    found[order] = np.arange(len(content)) - np.maximum.accumulate(np.where(start, np.arange(len(content)), 0))
    return found


def _without_training(out: np.ndarray, classes: np.ndarray) -> list[int]:
    k = int(classes.max()) + 1
    return [int(label) for label in np.flatnonzero(np.bincount(classes[~out], minlength=k) == 0)]
