"""The steps of a recorded training: what each was made of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Part:
    """One forward and backward pass: `ids` (b,) int64 of the examples, and `share`, so that the gradient is that
    of share times the mean loss. `state` is the random state before the forward pass, if it drew.
    """

    ids: Tensor
    share: float = 1.0
    state: Tensor | None = None


@dataclass(frozen=True)
class Step:
    """What one step of the optimiser was made of; g groups of parameters.

    Attributes:
        index: t, from 0.
        parts: the passes whose gradients were added.
        rates: learning rates (g,).
        clips: factor (g,) by which the gradient was multiplied before the optimiser saw it; 1 unclipped.
        before: weights (p,) before the step.
        after: weights (p,) after it.
        second: Adam's second moments v (p,) after the step, not corrected for bias; None under SGD.
    """

    index: int
    parts: tuple[Part, ...]
    rates: tuple[float, ...]
    clips: tuple[float, ...]
    before: Tensor
    after: Tensor
    second: Tensor | None

    @property
    def ids(self) -> Tensor:
        """Ids (b,) of all examples of the step, in the order of the parts."""
        return torch.cat([part.ids for part in self.parts])
