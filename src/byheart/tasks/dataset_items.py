"""Dataset items: what one item of a map-style dataset holds, and the columns that its items fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.records.formatting import with_article
from byheart.tasks.features import as_array
from byheart.tasks.picturefile import opaque, pillow_pixels

LABELS = ("label", "labels", "y", "target", "targets")
OF_A_WORD = 100  # bytes, about, of a number or a short text in a list
NAMES = ("id", "ids", "idx")  # what an item may call its own name


@dataclass(frozen=True)
class Item:
    """One example: `x` one value, or values by name; its label; the name that it bears, or None."""

    x: Any
    label: Any
    name: Any = None

    @classmethod
    def of(cls, given: Any, place: str, label: str = "") -> Item:
        """The item as it was given: (x, y), or a dictionary with a label.

        A dictionary of one input beside the label is that input; of several, a dictionary of them. `label` is the key
        of the label, where it is known.

        Raises:
            InputRefused: neither, no label, or several.

        Example:
            >>> Item.of({"image": 1, "label": 2, "id": "a"}, "item 0")
            Item(x=1, label=2, name='a')
        """
        if isinstance(given, Mapping):
            return cls._named(dict(given), place, label)
        if isinstance(given, tuple | list) and len(given) == 2:
            x, y = given
            return cls(dict(x) if isinstance(x, Mapping) else x, y)
        count = f" of {len(given)}" if isinstance(given, tuple | list) else ""
        raise InputRefused(
            expected="items (x, y), or dictionaries with a label",
            came=f"{with_article(type(given).__name__)}{count} at {place}",
            do='Several inputs are a dictionary: return ({"a": a, "b": b}, y).',
        )

    @classmethod
    def _named(cls, given: dict[str, Any], place: str, label: str) -> Item:
        labels = [label] if label else [name for name in LABELS if name in given]
        if len(labels) != 1 or labels[0] not in given:
            raise InputRefused(
                expected=f"one label in an item: {', '.join(LABELS)}",
                came=f"{', '.join(map(str, given))} at {place}",
                do="Rename the label to `label`, and leave the others out.",
            )
        y = given.pop(labels[0])
        name = next((given.pop(key) for key in NAMES if len(given) > 1 and key in given), None)
        if not given:
            raise InputRefused("an input beside the label in an item", f"none at {place}", "Return x too.")
        name = name.item() if hasattr(name, "item") else name
        return cls(next(iter(given.values())) if len(given) == 1 else given, y, name)

    @property
    def parts(self) -> dict[str, Any]:
        """The inputs by name; a single one has none."""
        return self.x if isinstance(self.x, dict) else {"": self.x}


class Column:
    """One value of each of n examples, filled in one after another; all of the first one's shape and type.

    Tensors become a tensor (n, ...), arrays, pictures and lists of numbers an array (n, ...), numbers and words a list.
    """

    def __init__(self, n: int, first: Any, what: str) -> None:
        self.n, self.what = n, what
        first = plain(first, what, "item 0")
        self.form = _form(first)
        self.values: Any = None  # made with the first value: whether there is room is asked before
        several = hasattr(first, "shape") and not isinstance(first, np.generic)
        self.numbers = n * int(np.prod(first.shape)) if several else 0
        self.bytes = n * (first.nbytes if several else OF_A_WORD)
        if hasattr(first, "detach"):
            as_array(first, what)  # sparse, quantised and nested ones are refused

    def put(self, i: int, value: Any) -> None:
        """Example i.

        Raises:
            InputRefused: another shape or type than the first.
        """
        value = plain(value, self.what, f"item {i:,}")
        if (form := _form(value)) != self.form:
            raise InputRefused(
                expected=f"items alike: {self.what} {self.form} as in item 0",
                came=f"{form} in item {i:,}",
                do="Scale, cut or pad them to one shape and type in the dataset (its transform).",
            )
        if self.values is None:
            self.values = self._room_like(value)
        self.values[i] = value

    def _room_like(self, value: Any) -> Any:
        if hasattr(value, "detach"):
            return value.new_empty((self.n, *value.shape))
        return np.empty((self.n, *value.shape), value.dtype) if isinstance(value, np.ndarray) else [None] * self.n


def plain(value: Any, what: str, place: str) -> Any:
    """A value as a tensor, an array, or one number or word; pictures by their pixels.

    Raises:
        InputRefused: something else, by name.
    """
    if hasattr(value, "getbands"):
        where = f"{what} of {place}"
        pixels = opaque(pillow_pixels(value, where), where)
        return pixels[..., 0] if pixels.shape[2] == 1 else pixels
    if hasattr(value, "detach"):
        return value.detach()
    if isinstance(value, np.ndarray):
        return value
    if value is None or isinstance(value, str | bytes | int | float | np.generic):
        return value
    if isinstance(value, list | tuple) and not any(hasattr(one, "shape") for one in value):
        array = as_array(list(value), f"{what} of {place}")
        if array.dtype.kind in "biuf":
            return array
    kind = with_article(type(value).__name__)
    if isinstance(value, list | tuple):
        kind += f" of {type(value[0]).__name__}s" if len(value) else " of nothing"
    raise InputRefused(
        expected=f"{what} as one tensor, array, picture, number or word",
        came=f"{kind} in {place}",
        do='Several inputs are a dictionary: return ({"a": a, "b": b}, y).',
    )


def _form(value: Any) -> str:
    """Type and shape, in words; numbers and texts are all alike here, for labels are read as a whole."""
    if isinstance(value, np.ndarray) or hasattr(value, "detach"):
        kind = "tensor" if hasattr(value, "detach") else "array"
        return f"{str(value.dtype).removeprefix('torch.')} {kind} of shape {tuple(value.shape)}"
    return "one value"


def alike(a: Any, b: Any) -> bool:
    """Are these the same, value by value? Of items, of what is in them, and of arrays."""
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(alike(a[name], b[name]) for name in a)
    if isinstance(a, tuple | list):
        return isinstance(b, tuple | list) and len(a) == len(b) and all(map(alike, a, b))
    if hasattr(a, "getbands"):
        return hasattr(b, "getbands") and a.size == b.size and a.tobytes() == b.tobytes()
    if hasattr(a, "detach") or isinstance(a, np.ndarray | np.generic | int | float):
        one, two = as_array(a, "x"), as_array(b, "x")
        numbers = one.dtype.kind == "f" and two.dtype.kind == "f"
        return one.shape == two.shape and one.dtype == two.dtype and np.array_equal(one, two, equal_nan=numbers)
    return a is b or type(a).__eq__ is object.__eq__ or bool(a == b)  # of some objects nothing can be told
