"""An order of examples that looks random and depends on nothing but the examples, however they are given."""

from __future__ import annotations

import torch
from torch import Tensor

from byheart.seeds import derive

FINE = 1e4  # what is kept are the digits after the fourth: like numbers do not come together


def example_order(x: Tensor) -> Tensor:
    """In which order of (n, ...) examples does it not matter in which order they were given?

    By the last digits of the sine of their product with a random direction, in units of the largest of these; equal
    examples can change places.
    """
    rows = x.double().flatten(1)
    generator = torch.Generator().manual_seed(derive(0, "order of examples"))
    direction = torch.randn(rows.shape[1], generator=generator, dtype=rows.dtype)
    products = (rows * direction).sum(1)
    products = products / products.abs().max().clamp(min=1e-300)
    return torch.argsort(torch.frac(torch.sin(products * FINE) * FINE))
