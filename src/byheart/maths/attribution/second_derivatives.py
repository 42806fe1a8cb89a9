"""Second derivatives: gradients that can be differentiated again, along many directions at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from byheart.errors import InputRefused


class Twice(TorchFunctionMode):
    """Weight normalisation from operations whose second derivatives torch has right; those of its own are not."""

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: Mapping | None = None) -> Any:
        if func is not torch._weight_norm:
            return func(*args, **(kwargs or {}))
        v, g, dim = (*args, 0)[:3]
        return v * (g / torch.norm_except_dim(v, 2, dim))


def gradients(values: Sequence[Tensor], by: Sequence[Tensor], rows: Sequence[Tensor] | None = None) -> list[Tensor]:
    """What are the gradients of `values`, so that they can be differentiated again?

    Zeros where there is no dependence.
    """
    found = torch.autograd.grad(values, by, rows, create_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(by, found, strict=True)]


def along(values: Sequence[Tensor], by: Sequence[Tensor], rows: Sequence[Tensor]) -> list[Tensor]:
    """How do the products of `values` with some directions change with the tensors `by`?

    Derivatives by the tensors `by` of the products of `values` with q directions `rows` (q, ...): (q, ...) each.

    Raises:
        InputRefused: an operation of the model has no second derivative.
    """
    q = len(rows[0])
    pairs = [(value, row) for value, row in zip(values, rows, strict=True) if value.requires_grad]
    if not pairs:
        return [x.new_zeros(q, *x.shape) for x in by]
    values, rows = [value for value, _ in pairs], [row for _, row in pairs]
    found: Sequence[Any]
    try:
        found = torch.autograd.grad(values, by, rows, retain_graph=True, is_grads_batched=True, allow_unused=True)
    except RuntimeError:  # an operation without a batching rule: a direction at a time
        try:
            each = [
                torch.autograd.grad(values, by, [row[j] for row in rows], retain_graph=True, allow_unused=True)
                for j in range(q)
            ]
        except RuntimeError as error:
            raise InputRefused(
                expected="a model whose operations have second derivatives",
                came=str(error).splitlines()[0][:200].rstrip("."),
                do="Replace that operation, or ask for credit, which needs first derivatives alone.",
            ) from error
        found = [None if column[0] is None else torch.stack(column) for column in zip(*each, strict=True)]
    return [x.new_zeros(q, *x.shape) if g is None else g for x, g in zip(by, found, strict=True)]
