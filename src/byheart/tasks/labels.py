"""Labels as people keep them, read as class numbers or values; what cannot be read is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from byheart.errors import InputRefused
from byheart.records.formatting import counted
from byheart.tasks.flat_labels import Plain, flatten, one_hot
from byheart.tasks.output import Classes, Output, Values

# Fewest training examples: even with 20, a share of one half is only known to be in 0.27..0.73.
MINIMUM = 20
SMALLEST, LARGEST = 1e-15, 1e15  # differences of values, whose squares must fit into single precision with room
FEW = 20  # whole numbers with at most this many (or sqrt n) different ones are taken for classes
IGNORED = -100
NOTHING_TO_LEARN = "There is nothing to learn; check the target."

Kind = Literal["classes", "values"]


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

    def called(self, names: tuple[str, ...]) -> Labels:
        """The labels 0, 1, ... by these names; as they are where one has none.

        Example:
            >>> read_labels(np.array([0, 2, 0, 2])).called(("cat", "cow", "dog")).classes
            ('cat', 'dog')
        """
        numbers = [int(name) for name in self.classes if name.isdigit() and int(name) < len(names)]
        if len(numbers) < len(self.classes) or len(set(names)) < len(names):
            return self
        return replace(self, classes=tuple(names[number] for number in numbers))

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
    if _several(y):
        return several_values(_columns(y, what), task)
    plain = flatten(y, what)
    continuous, inferred = _continuous(plain, task, what)
    if continuous:
        return Labels(_varied(plain, what), (), plain.how, inferred)
    names, codes = _names(plain, what)
    _check_classes(names, np.bincount(codes), what)
    return Labels(codes, names, plain.how, inferred)


def several_values(columns: Sequence[tuple[str, np.ndarray]], task: Kind | None = None) -> Labels:
    """Several columns, each with what it is called in messages, as values of one example.

    Raises:
        InputRefused: a column of text, one that does not vary, or the task is classes.

    Example:
        >>> several_values([("width", np.arange(3)), ("height", np.array([0.5, 1.5, 1.0]))]).y.shape
        (3, 2)
    """
    read = [(name, flatten(column, name)) for name, column in columns]
    words = [f"{name} holds {plain.how}" for name, plain in read if plain.values.dtype.kind in "Ub"]
    if words or task == "classes":
        raise InputRefused(
            expected="one target of classes, or several of numbers",
            came=f"{len(read)} targets; {', '.join(words) or 'the task is classes'}",
            do="Audit each target on its own, or join them into one column of classes.",
        )
    y = np.stack([_varied(plain, name) for name, plain in read], 1)
    return Labels(y, (), f"numbers, {len(read)} columns", f"values: {len(read)} columns of numbers")


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


def _several(y: np.ndarray) -> bool:
    """Whether there are several values an example."""
    return y.ndim == 2 and y.shape[1] > 1 and not one_hot(y)


def _columns(y: np.ndarray, what: str) -> list[tuple[str, np.ndarray]]:
    return [(f"{what}, column {c}", y[:, c]) for c in range(y.shape[1])]


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
            do=NOTHING_TO_LEARN,
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
            came=f"{counted(count, 'label')} of -100, which torch's cross entropy silently ignores",
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
            do=NOTHING_TO_LEARN,
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
