"""Layers: the linear and convolutional layers of a network as matrices, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from byheart.errors import InputRefused


class Layer(NamedTuple):
    """A layer with weights: `matrix` (c_out, c_in * side * side), a convolution's kernel reshaped."""

    name: str
    matrix: Tensor
    bias: Tensor | None
    side: int = 1  # of the kernel; 1 of a linear layer


def layers_of(model: nn.Module, x: Tensor | None) -> tuple[Layer, ...]:
    """Which layers have weights, in the order in which they run?"""
    found = []
    for name, part in model.named_modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            side = part.kernel_size[0] if isinstance(part, nn.Conv2d) else 1
            bias = None if part.bias is None else part.bias.detach()
            found.append(Layer(name, part.weight.detach().flatten(1), bias, side))
    return tuple(found)


def same_layers(final: Sequence[Layer], initial: Sequence[Layer]) -> None:
    """Have both models the same layers?

    Raises:
        InputRefused: other names or shapes.
    """
    for one, other in zip(final, initial, strict=True):
        if one.matrix.shape != other.matrix.shape:
            raise InputRefused(
                expected=f"initial weights of the shape of the final ones ({one.name}: {tuple(one.matrix.shape)})",
                came=str(tuple(other.matrix.shape)), do="Give the initial weights of the same architecture.",
            )  # fmt: skip
