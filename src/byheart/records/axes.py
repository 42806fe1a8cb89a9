"""Axes: what each axis of an array counts, declared where the array is declared.

Joining chunks, taking members or examples, the ledger's look at shapes and the suites read this; nothing else says
where the members stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Self

import numpy as np

Axes = tuple[str, ...]  # e.g. ("checkpoints", "members", "examples"); "examples" are those of the view at hand


def array(*axes: str, optional: bool = True) -> Any:
    """A field of a dataclass that holds an array of these axes.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Losses:
        ...     loss: np.ndarray = array("members", "examples", optional=False)
        >>> declared(Losses)
        {'loss': ('members', 'examples')}
    """
    metadata = {"axes": axes}
    return field(default=None, metadata=metadata) if optional else field(metadata=metadata)


@cache
def declared(kind: type) -> dict[str, Axes]:
    """The axes of every array that a dataclass declares, by field."""
    return {one.name: one.metadata["axes"] for one in fields(kind) if "axes" in one.metadata}


def held(record: Any) -> dict[str, np.ndarray]:
    """The arrays that a record of a class with declared axes has."""
    found = {name: getattr(record, name) for name in declared(type(record))}
    return {name: value for name, value in found.items() if value is not None}


def along(axis: str, place: np.ndarray, arrays: Mapping[str, np.ndarray], axes: Mapping[str, Axes]) -> dict[str, Any]:
    """Every array with those in `place` (positions or a mask) along `axis`; arrays without that axis as they are.

    Example:
        >>> along("members", np.array([1]), {"a": np.eye(2)}, {"a": ("members", "examples")})["a"]
        array([[0., 1.]])
    """
    place = np.flatnonzero(place) if place.dtype == bool else place
    return {
        name: np.take(values, place, axes[name].index(axis)) if axis in axes[name] else values
        for name, values in arrays.items()
    }


def side_by_side(axis: str, parts: Sequence[Mapping[str, np.ndarray]], axes: Mapping[str, Axes]) -> dict[str, Any]:
    """The arrays of all parts one after another along `axis`; those without it as in the last part that has them.

    A part that lacks one (only the first members keep a trail) adds nothing to it.
    """
    made = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        found = [part[name] for part in parts if name in part]
        many = len(found) > 1 and axis in axes[name]
        made[name] = np.concatenate(found, axes[name].index(axis)) if many else found[-1]
    return made


@dataclass(frozen=True)
class Kept(Mapping[str, np.ndarray]):
    """What a run was asked to keep beside outcomes: named arrays and the axes of each."""

    arrays: Mapping[str, np.ndarray]
    axes: Mapping[str, Axes]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def along(self, axis: str, place: np.ndarray) -> Self:
        """With those in `place` alone, or in that order, along `axis`."""
        return replace(self, arrays=along(axis, place, self.arrays, self.axes))
