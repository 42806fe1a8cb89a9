"""Datasets: a map-style dataset, or a loader over one, read once into arrays.

A dataset is what has a length and gives an item at each position: of torch, of Hugging Face `datasets`, or a class of
the user's. Random augmentation, streams and sampling are refused: read once, they would be another recipe.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from byheart.errors import ByheartError, InputRefused
from byheart.exits import as_failures
from byheart.fingerprint.sources import contained
from byheart.tasks.dataset_items import Column, Item, alike, plain
from byheart.tasks.free_memory import room_for
from byheart.terminal import followed, to_stderr

LOOKS = 3  # how often an item is read to see whether it is the same each time
LOOKED_AT = 16  # items spread over the dataset: a change with probability 0.1 is missed in 1 of 150 datasets
Say = Callable[[str], None]


@dataclass(frozen=True)
class Collected:
    """What was read: arrays, tensors or lists x and y, and what the user must know of how.

    Attributes:
        x: one value an example, or a dictionary of them.
        y: the labels.
        title: what the data are called.
        notes: lines on how they were read.
        names: what the user calls each example; empty: by position.
        classes: what the labels 0, 1, ... are called; empty: by their number.
        batch: the batch size of a loader, for the user's own module.
        draws: the dataset that gives other draws of the same examples in training, where there is one.
    """

    x: Any
    y: Any
    title: str
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    batch: int | None = None
    draws: Source | None = None

    def options(self) -> dict[str, Any]:
        """What a task of the arrays must know of them (`Arrays.of`)."""
        known = {"title": self.title, "notes": self.notes, "called": self.classes}
        known |= {"task": "classes"} if self.classes else {}
        return known | ({"id": self.names} if self.names else {})


@dataclass(frozen=True)
class Source:
    """What is read: a dataset, the positions of it that are, and how a loader puts a batch together.

    Attributes:
        dataset: anything with items by position.
        rows: positions, in order.
        title: what it is called.
        label: the key of the label in an item, where that is known.
        classes: what the labels 0, 1, ... are called.
        batch: of a loader.
        collate: of a loader that has one of its own.
        notes: lines that the user is told.
    """

    dataset: Any
    rows: np.ndarray
    title: str
    label: str = ""
    classes: tuple[str, ...] = ()
    batch: int | None = None
    collate: Callable[[list[Any]], Any] | None = None
    notes: tuple[str, ...] = field(default=())

    def given(self, i: int) -> Any:
        """What the dataset gives at the i-th position.

        Raises:
            InputRefused: it fails there; the position is named.
        """
        place = int(self.rows[i])
        try:
            with as_failures():
                return self.dataset[place]
        except ByheartError:
            raise
        except Exception as error:  # whatever a user's dataset raises
            why = (str(error).splitlines() or [""])[0]
            raise InputRefused(
                expected=f"an item at each of the {len(self.rows):,} positions of {self.title}",
                came=f"{type(error).__name__} at {place:,}: {why}",
                do="Mend that item, or leave it out (torch.utils.data.Subset).",
            ) from error

    def items(self) -> Iterator[Any]:
        """Every item in order, as a loader's `collate_fn` gives it where there is one of its own."""
        if self.collate is None:
            yield from (self.given(i) for i in range(len(self.rows)))
            return
        size = max(self.batch or 1, 2)  # that an example is alike alone and beside others is seen beside others
        for start in range(0, len(self.rows), size):
            yield from collated(self.collate, [self.given(i) for i in range(start, min(start + size, len(self.rows)))])


def collect(source: Source, say: Say | None = None, instead: str = "Give the dataset without it.") -> Collected:
    """Read everything, once.

    Args:
        source: what is read.
        say: called with lines worth telling; without it a bar or lines on standard error.
        instead: what to do where items change from one reading to the next.

    Raises:
        InputRefused: no items, items that differ from one reading to the next, in shape or type, that fail, or more of
            them than memory holds.

    Cost: every item once, and up to 48 of them more to see whether they stay the same.
    """
    n = len(source.rows)
    if n == 0:
        raise InputRefused(f"items in {source.title}", "none", "Check how it was made.")
    with contained(0):  # the user's random state stays as it is
        _must_stay_the_same(source, instead)
        columns, labels, names = {}, None, []
        for i, given in enumerate(followed(source.items(), n, "reading data", say)):
            item = Item.of(given, f"item {i:,}", source.label)
            parts = item.parts
            if labels is None:
                columns = {name: Column(n, part, f"x[{name!r}]" if name else "x") for name, part in parts.items()}
                labels = Column(n, item.label, "the label")
                size = sum(column.bytes for column in columns.values())
                numbers = sum(column.numbers for column in columns.values())
                (say or to_stderr)(room_for(size, numbers, f"{n:,} items of {source.title}"))
            _must_have(parts, columns, i)
            for name, part in parts.items():
                columns[name].put(i, part)
            labels.put(i, item.label)
            names.append(item.name)
    values = {name: column.values for name, column in columns.items()}
    return _collected(source, values.get("", values), labels.values, names)


def augmented(source: Source, clean: Collected) -> Collected:
    """The clean view of a dataset that augments: what is scored, with the draws that are trained on.

    Raises:
        InputRefused: another length, other labels (a few are looked at), or a `collate_fn` of its own.
    """
    n = len(source.rows)
    if n != len(clean.y):
        raise InputRefused(
            f"clean= with the {n:,} items of {source.title}",
            f"{len(clean.y):,}",
            "Give the same ones without augmentation.",
        )
    if source.collate is not None:
        raise InputRefused(
            expected="a loader without a collate_fn of its own where clean= is given",
            came="one with it",
            do="Do in the dataset what it does, or train in fit=.",
        )
    with contained(0):
        for i in _spread(n):
            item = Item.of(source.given(i), f"item {i:,}", source.label)
            if not alike(np.asarray(plain(item.label, "the label", f"item {i:,}")), np.asarray(clean.y[i])):
                raise InputRefused(
                    expected=f"clean= with the labels of {source.title}, in its order",
                    came=f"another one at position {i:,}",
                    do="Give the same examples without augmentation, unshuffled.",
                )
    note = f"each member sees draws of its own of {source.title}; scored on clean=, without augmentation"
    return replace(clean, batch=source.batch or clean.batch, draws=source, notes=(*clean.notes, note))


def _spread(n: int) -> list[int]:
    """Positions spread over n items."""
    return np.unique(np.linspace(0, n - 1, min(n, LOOKED_AT)).astype(int)).tolist()


def collated(collate: Callable[[list[Any]], Any], items: list[Any]) -> Iterator[Any]:
    """The items of a batch as `collate` gives each alone, if it gives the same of them together.

    Raises:
        InputRefused: what it gives of an example depends on the others of its batch, or changes from call to call.
    """
    try:
        with as_failures():
            whole = collate(copy.deepcopy(items))  # it may take items apart
            pairs = [(_row(collate([copy.deepcopy(item)]), 0), _row(whole, i)) for i, item in enumerate(items)]
    except Exception as error:  # whatever a user's function raises, and what has no rows
        raise InputRefused(
            expected="a collate_fn that gives (x, y), or a dictionary with a label, with one row per item",
            came=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}",
            do="Try it: loader.collate_fn([dataset[0], dataset[1]]).",
        ) from error
    for alone, together in pairs:
        if not alike(alone, together):
            raise InputRefused(
                expected="a collate_fn that gives the same of an example alone and in a batch",
                came="another shape or other values in a batch (padding to its longest, mixing, or chance)",
                do="Pad to one length in the dataset, or train in fit=, which may collate as it likes.",
            )
        yield alone


def _row(batch: Any, i: int) -> Any:
    """Example i of what a collate_fn gave: of a pair, of a mapping, of a tensor."""
    if isinstance(batch, Mapping):
        return {name: _row(value, i) for name, value in batch.items()}
    if isinstance(batch, tuple | list) and any(hasattr(one, "shape") or isinstance(one, Mapping) for one in batch):
        return tuple(_row(one, i) for one in batch)
    return batch[i]


def _must_stay_the_same(source: Source, instead: str) -> None:
    for i in _spread(len(source.rows)):
        first = source.given(i)
        if not all(alike(first, source.given(i)) for _ in range(LOOKS - 1)):
            raise InputRefused(
                expected="items that are the same whenever they are read",
                came=f"another one each time at position {i:,} of {source.title}: augmentation, it seems",
                do=instead,
            )


def _must_have(parts: Mapping[str, Any], columns: Mapping[str, Any], i: int) -> None:
    if parts.keys() != columns.keys():
        had, came = (", ".join(map(str, names)) or "one value" for names in (columns, parts))
        raise InputRefused(f"the parts {had} in every item", f"{came} in item {i:,}", "Give every item the same parts.")


def _collected(source: Source, x: Any, y: Any, names: list[Any]) -> Collected:
    first = next(iter(x.values())) if isinstance(x, dict) else x
    if hasattr(first, "detach") and isinstance(y, list) and all(isinstance(one, int | float) for one in y):
        import torch

        y = torch.tensor(y)  # as a loader gives them
    if isinstance(x, list) and all(isinstance(one, str) for one in x):
        x = _as_series(x)
    called = tuple(map(str, names)) if all(name is not None for name in names) else ()
    return Collected(x, y, source.title, source.notes, called, source.classes, source.batch)


def _as_series(texts: list[str]) -> Any:
    """Texts as a series, in which code of the user's gets them.

    Raises:
        InputRefused: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise InputRefused(
            "pandas, to hold texts", "none installed", "Install it, or give numbers of tokens."
        ) from None
    return pandas.Series(texts, name="text")
