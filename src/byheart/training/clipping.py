"""Clipping: a gradient longer than a bound is scaled down to it, each member's by itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def clip(gradients: Mapping[str, Tensor], most: float) -> None:
    """Scale each member's gradients name -> (m, ...), of all names together, down to length `most`, in place.

    g min(1, most / |g|). A gradient that is not finite has no direction and becomes 0: the optimiser goes on by what it
    remembers. Lengths whose squares overflow are measured all the same.

    Args:
        gradients: name -> (m, ...), what levers added included.
        most: the length, above 0.

    Reference: Pascanu, Mikolov, Bengio 2013, On the difficulty of training recurrent neural networks, algorithm 1.

    Example:
        >>> g = {"a": torch.tensor([[3.0], [3e30], [0.3]]), "b": torch.tensor([[4.0], [4e30], [0.4]])}
        >>> clip(g, 1.0)
        >>> [[round(x, 3) for x in one.flatten().tolist()] for one in g.values()]
        [[0.6, 0.6, 0.3], [0.8, 0.8, 0.4]]
    """
    largest = torch.stack([g.flatten(1).abs().amax(1) for g in gradients.values()]).amax(0)
    usable = largest.isfinite()
    unit = torch.where(usable & (largest > 0), largest, 1.0)
    squares = torch.stack([_along(1 / unit, g).mul(g).flatten(1).square().sum(1) for g in gradients.values()]).sum(0)
    by = torch.where(usable, (most / unit / squares.sqrt()).clamp(max=1), 0.0)
    for g in gradients.values():
        g.mul_(_along(by, g))
        g[~usable] = 0


def _along(by: Tensor, g: Tensor) -> Tensor:
    return by.view(-1, *[1] * (g.dim() - 1))
