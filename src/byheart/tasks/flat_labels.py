"""Labels as one flat array of text, truth values, whole numbers or floats; none may be missing or fall together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from byheart.errors import InputRefused


@dataclass(frozen=True)
class Plain:
    """Labels as one flat array (n,) of text, bool, int64 (uint64 beyond) or float64, and how they were read."""

    values: np.ndarray
    how: str


def flatten(y: np.ndarray, what: str = "y") -> Plain:
    """Labels as a flat array of text, bool, int64 or float64.

    Raises:
        InputRefused: shapes that are not one label an example, types that are not labels, missing labels.
    """
    how = ""
    if y.ndim == 2 and y.shape[1] == 1:
        y, how = y[:, 0], f"({len(y)}, 1) column, flattened; "
    elif one_hot(y):
        return Plain(y.argmax(axis=1).astype(np.int64), f"one-hot rows of {y.shape[1]} classes")
    if y.ndim != 1:
        raise InputRefused(
            expected=f"one label an example: {what} of shape (n,), (n, 1), or one-hot (n, k)",
            came=f"shape {y.shape}",
            do="Several targets at once are numbers, (n, c).",
        )
    values, kind = _flat(y, what)
    _complete(values, what)
    return Plain(values, f"{how}{kind}")


def one_hot(y: np.ndarray) -> bool:
    """Whether every row is one-hot."""
    if y.ndim != 2 or y.shape[1] < 2 or len(y) == 0 or y.dtype.kind not in "biuf":
        return False
    return bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def _flat(y: np.ndarray, what: str) -> tuple[np.ndarray, str]:
    if y.dtype.kind == "O":
        y = _unboxed(y, what)
    if y.dtype.kind == "S":
        return _apart(y, np.char.decode(y, "utf-8", "backslashreplace"), what), "bytes, read as text"
    if y.dtype.kind == "U":
        return y, "text"
    if y.dtype.kind == "b":
        return y, "true or false"
    if y.dtype.kind in "iu":
        return y if y.size and y.max() > np.iinfo(np.int64).max else y.astype(np.int64), "whole numbers"
    if y.dtype.kind == "f":
        return _apart(y, y.astype(np.float64), what), "floats"
    raise InputRefused(
        expected=f"{what} of text, whole numbers, floats or true and false",
        came=f"dtype {y.dtype}",
        do="Convert it: y.real for complex numbers, y.astype('datetime64[D]').astype(float) for dates.",
    )


def _unboxed(y: np.ndarray, what: str) -> np.ndarray:
    missing = [row for row, label in enumerate(y) if label is None or label != label]
    if missing:
        raise _missing(len(missing), missing[0], what)
    kinds = {type(label).__name__ for label in y}
    if len(kinds) > 1 and not all(isinstance(label, int | float | np.number) for label in y):
        raise InputRefused(
            expected=f"labels of one type in {what}",
            came=f"a mixture of {', '.join(sorted(kinds))}",
            do="Convert them: y.astype(str) for classes, y.astype(float) for values.",
        )
    plain = exact(y.tolist())
    if plain.dtype.kind == "O" or plain.ndim != 1:
        raise InputRefused(
            expected=f"text or numbers in {what}",
            came=f"objects of type {', '.join(sorted(kinds)) or 'nothing'}",
            do="Give one number or one word an example.",
        )
    return _apart(y, plain, what)


def exact(labels: list[Any]) -> np.ndarray:
    """Labels as an array; whole numbers that no type of numpy holds become text, for floats would merge them.

    Example:
        >>> exact([2**53, 2**53 + 1]).tolist(), exact([-1, 2**70]).tolist()
        ([9007199254740992, 9007199254740993], ['-1', '1180591620717411303424'])
    """
    whole = all(isinstance(label, int | np.integer) and not isinstance(label, bool) for label in labels)
    plain = np.array(labels)
    return np.array([str(int(label)) for label in labels]) if whole and plain.dtype.kind not in "iu" else plain


def _apart(y: np.ndarray, read: np.ndarray, what: str) -> np.ndarray:
    """The labels as read, if no two different ones became one."""
    merged = len(set(y.tolist())) - len(np.unique(read))
    if merged > 0 and not (read.dtype.kind == "f" and np.isnan(read).any()):
        raise InputRefused(
            expected=f"labels in {what} that stay different when read as {read.dtype}",
            came=f"{merged} that would fall together with another",
            do="Give them as text of their own: y.astype(str).",
        )
    return read


def _complete(values: np.ndarray, what: str) -> None:
    if values.dtype.kind == "f":
        gone = ~np.isfinite(values)
    elif values.dtype.kind == "U":
        gone = np.char.str_len(np.char.strip(values)) == 0
    else:
        return
    if gone.any():
        raise _missing(int(gone.sum()), int(gone.argmax()), what)


def _missing(count: int, row: int, what: str) -> InputRefused:
    return InputRefused(
        expected=f"a label for every example in {what}",
        came=f"{count} missing, NaN or infinite, the first in row {row}",
        do="Drop those examples: what a model knows cannot be judged without the answer.",
    )
