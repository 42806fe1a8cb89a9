"""Layout: the trained tensors of a module as one flat vector, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Names and shapes of the trained tensors, in the order in which they lie in a flat vector (p,)."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each tensor lies."""
        found, start = {}, 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            found[name] = slice(start, start := start + math.prod(shape))
        return found

    @property
    def size(self) -> int:
        """p, the number of trained weights."""
        return sum(math.prod(shape) for shape in self.shapes)

    def flat(self, named: Mapping[str, Tensor]) -> Tensor:
        """One new vector (p,) of the tensors in `named`; others there are left out."""
        return torch.cat([named[name].detach().reshape(-1) for name in self.names])

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Views (..., *shape) of a flat vector (..., p)."""
        shapes = zip(self.slices.items(), self.shapes, strict=True)
        return {name: flat[..., where].unflatten(-1, shape or (1,)).reshape(*flat.shape[:-1], *shape)
                for (name, where), shape in shapes}  # fmt: skip

    def spread(self, values: Sequence[float], groups: Sequence[Sequence[str]], like: Tensor) -> Tensor:
        """A vector (p,) that holds `values[g]` at every weight of the tensors named in `groups[g]`, else 0."""
        vector = like.new_zeros(self.size)
        for value, names in zip(values, groups, strict=True):
            for name in names:
                vector[self.slices[name]] = float(value)
        return vector
