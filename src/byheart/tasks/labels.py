"""Labels as people keep them, read as class numbers or values; what cannot be read is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.output import Classes, Output, Values

# Fewest training examples: even with 20, a share of one half is only known to be in 0.27..0.73.
MINIMUM = 20
SMALLEST, LARGEST = 1e-15, 1e15  # differences of values, whose squares must fit into single precision with room
FEW = 20  # whole numbers with at most this many (or sqrt n) different ones are taken for classes
IGNORED = -100

Kind = Literal["classes", "values"]


@dataclass(frozen=True)
class Plain:
    """Labels as one flat array (n,) of text, bool, int64 (uint64 beyond) or float64, and how they were read."""

    values: np.ndarray
    how: str


@dataclass(frozen=True)
class Labels:
    """Labels that a model can be asked for.

    Attributes:
        y: (n,) int64 class numbers 0..k-1 in sorted order of the names, or float64 values, (n, c) of several columns.
        classes: (k,) the names; empty for values.
        how: how the labels were read, in words.
        inferred: the rule that chose the kind, in words.
    """

    y: np.ndarray
    classes: tuple[str, ...]
    how: str
    inferred: str

    def output(self, **fields: Any) -> Output:
        """What a model must give for them; `fields` say the rest."""
        if self.classes:
            return Classes(len(self.classes), self.classes, **fields)
        if self.y.ndim == 1:
            return Values(1, **fields)
        return Values(self.y.shape[1], spread=tuple(self.y.std(0).tolist()), **fields)


def read_labels(y: np.ndarray, task: Kind | None = None, what: str = "y") -> Labels:
    """What do these labels ask for?

    Args:
        y: (n,), (n, 1) or one-hot (n, k) array of text, bytes, bool, whole numbers or floats; (n, c) of numbers for
            several values an example.
        task: `classes` or `values` where the user says so; None to infer it.
        what: what the labels are called in messages.

    Raises:
        InputRefused: missing or infinite labels, one class, a class with one example, -100 as a class.

    Example:
        >>> read_labels(np.array(["no", "yes", "no", "yes"])).classes
        ('no', 'yes')
    """
    if _several(y) and task in (None, "values"):
        columns = [_varied(flatten(column, name), name) for name, column in _columns(y, what)]
        how = f"numbers, {y.shape[1]} columns"
        return Labels(np.stack(columns, 1), (), how, f"values: {y.shape[1]} columns of numbers")
    plain = flatten(y, what)
    continuous, inferred = _continuous(plain, task, what)
    if continuous:
        return Labels(_varied(plain, what), (), plain.how, inferred)
    names, codes = _names(plain, what)
    _check_classes(names, np.bincount(codes), what)
    return Labels(codes, names, plain.how, inferred)


def read_more_labels(y: np.ndarray, like: Labels, what: str = "y_test") -> np.ndarray:
    """More labels in the numbering of `like`; a class that was not trained on is refused by name.

    Raises:
        InputRefused: as `read_labels`, or a label that no training example has.
    """
    if like.y.ndim == 2:
        if y.shape[1:] != like.y.shape[1:]:
            raise InputRefused(
                f"{what} of {like.y.shape[1]} columns, as in training", f"shape {y.shape}", "Give the same targets."
            )
        return np.stack([_numbers(flatten(column, name), name) for name, column in _columns(y, what)], 1)
    plain = flatten(y, what)
    if not like.classes:
        return _numbers(plain, what)
    names, codes = _names(plain, what)
    unseen = [name for name in names if name not in like.classes]
    if unseen:
        raise InputRefused(
            expected=f"labels in {what} that the training labels have too",
            came=f"{_listed(unseen)}, which no training example has",
            do="Add training examples of it, or drop those test examples.",
        )
    number = {name: code for code, name in enumerate(like.classes)}
    return np.array([number[name] for name in names], dtype=np.int64)[codes]


def flatten(y: np.ndarray, what: str = "y") -> Plain:
    """Labels as a flat array of text, bool, int64 or float64.

    Raises:
        InputRefused: shapes that are not one label an example, types that are not labels, missing labels.
    """
    how = ""
    if y.ndim == 2 and y.shape[1] == 1:
        y, how = y[:, 0], f"({len(y)}, 1) column, flattened; "
    elif _one_hot(y):
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


def _several(y: np.ndarray) -> bool:
    """Whether there are several values an example."""
    return y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "iuf" and not _one_hot(y)


def _columns(y: np.ndarray, what: str) -> list[tuple[str, np.ndarray]]:
    return [(f"{what}, column {c}", y[:, c]) for c in range(y.shape[1])]


def _one_hot(y: np.ndarray) -> bool:
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


def _continuous(plain: Plain, task: Kind | None, what: str) -> tuple[bool, str]:
    """Whether the labels are values, and the rule that says so."""
    values = plain.values
    text = values.dtype.kind in "Ub"
    if task == "values" and values.dtype.kind == "U":
        raise InputRefused(
            expected=f"numbers in {what}, for the task is values",
            came=f"text, such as {str(values[0])!r}",
            do="Convert it to numbers, or use task='classes'.",
        )
    if task is not None:
        return task == "values", f"{task}: as you said"
    if text or plain.how.startswith("one-hot"):
        return False, f"classes: the labels are {plain.how}"
    return _kind_of_numbers(values)


def _kind_of_numbers(values: np.ndarray) -> tuple[bool, str]:
    if values.dtype.kind == "f" and (values != np.floor(values)).any():
        return True, "values: the labels have fractions (task='classes' to override)"
    different = np.unique(values)
    few = max(FEW, int(len(values) ** 0.5))
    dense = different[0] in (0, 1) and int(different[-1]) - int(different[0]) + 1 == len(different)
    if values.dtype.kind in "iu" and dense and len(values) >= 2 * len(different):
        return False, f"classes: whole numbers {different[0]} to {different[-1]}, without a gap"
    if len(different) <= few:
        return False, f"classes: {len(different)} different whole numbers, at most {few}"
    line = f"values: {len(different)} different whole numbers, more than {few} (task='classes' to override)"
    return True, line


def _numbers(plain: Plain, what: str) -> np.ndarray:
    if plain.values.dtype.kind == "U":
        raise InputRefused(
            f"numbers in {what}, as in training", f"text, such as {str(plain.values[0])!r}", "Convert it to numbers."
        )
    return plain.values.astype(np.float64)


def _varied(plain: Plain, what: str) -> np.ndarray:
    y = _numbers(plain, what)
    if len(y) and (y == y[0]).all():
        raise InputRefused(
            expected=f"values in {what} that differ",
            came=f"{y[0]:g} in every example",
            do="There is nothing to learn; check the target.",
        )
    if len(y) and not SMALLEST < (spread := float(np.abs(y - y[0]).max())) < LARGEST:
        raise InputRefused(
            expected=f"values in {what} that differ by more than {SMALLEST:g} and less than {LARGEST:g}",
            came=f"a largest difference of {spread:g}",
            do="Give them in another unit: squared errors of these have no place in single precision.",
        )
    return y


def _names(plain: Plain, what: str) -> tuple[tuple[str, ...], np.ndarray]:
    different, codes = np.unique(plain.values, return_inverse=True)
    if different.dtype.kind in "iuf" and (different == IGNORED).any():
        count = int((plain.values == IGNORED).sum())
        raise InputRefused(
            expected=f"a class for every example in {what}",
            came=f"{count} labels of -100, which torch's cross entropy silently ignores",
            do="Drop those examples, or give the class another number; use task='values' for a regression.",
        )
    return tuple(_name(label) for label in different.tolist()), codes.astype(np.int64)


def _name(label: object) -> str:
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)


def _check_classes(names: tuple[str, ...], counts: np.ndarray, what: str) -> None:
    if len(names) == 1:
        raise InputRefused(
            expected=f"at least two classes in {what}",
            came=f"one, {names[0]!r}, in all {counts[0]} examples",
            do="There is nothing to learn; check the target.",
        )
    single = [name for name, count in zip(names, counts) if count == 1]
    if single:
        raise InputRefused(
            expected=f"at least two examples of every class in {what}",
            came=f"one example of {_listed(single)}",
            do="Merge it with another class or drop it; for a regression use task='values'.",
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
