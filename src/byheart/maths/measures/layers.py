"""Layers: the linear and convolutional layers of a network as matrices, in the order in which they run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.measures.convolution_spectrum import largest_singular_value
from byheart.maths.recording.module_copy import called
from byheart.seeds import stream

DENSE = 1_000  # rows up to which all eigenvalues are computed: a tenth of a second
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Inapplicable(Exception):
    """This measure has no value here, and why."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer with weights (c_out, c_in, sides of the kernel ...), and where it reads.

    Attributes:
        name: of the module.
        weight: without the bias, BatchNorm folded in.
        bias: (c_out,), or None.
        size: sides of what a convolution reads; () of a linear layer, None where no example has run.
        stride: of a convolution, an axis each; () of a linear layer.
        dilation: likewise.
        groups: of channels that do not see one another.
    """

    name: str
    weight: Tensor
    bias: Tensor | None = None
    size: tuple[int, ...] | None = None
    stride: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1

    @property
    def matrix(self) -> Tensor:
        """(c_out, c_in * positions): a kernel reshaped, which is not the operator of the convolution."""
        return self.weight.flatten(1)

    @property
    def positions(self) -> int:
        """k^2: places of a kernel, 1 of a linear layer."""
        return math.prod(self.weight.shape[2:])

    @cached_property
    def squared_frobenius(self) -> float:
        """||W||_F^2."""
        return float((self.weight**2).sum())

    @cached_property
    def squared_spectral(self) -> float:
        """||W||_2^2 of the reshaped matrix."""
        return largest_squared_singular_value(self.matrix)

    def squared_operator(self, size: Sequence[int] | None, stride: Sequence[int]) -> float:
        """||W||_2^2 of the circular convolution on inputs of that size; of a linear layer, of its matrix."""
        if self.weight.dim() == 2:
            return self.squared_spectral
        if size is None:
            raise Inapplicable(f"the size of what convolution {self.name} reads is not known: it takes an example")
        return largest_singular_value(self.weight, size, stride, self.dilation, self.groups) ** 2

    @cached_property
    def squared_exact(self) -> float:
        """||W||_2^2 of the operator, at its own input size and stride."""
        return self.squared_operator(self.size, self.stride)

    def less(self, other: Layer) -> Layer:
        """The layer of the difference of weights."""
        return Layer(self.name, self.weight - other.weight, None, self.size, self.stride, self.dilation, self.groups)


def largest_squared_singular_value(matrix: Tensor) -> float:
    """By how much does a matrix stretch: the largest eigenvalue of the smaller of W W^T and W^T W?

    Of a matrix of more than 1,000 rows and columns by Lanczos' method, whose relative error is about 1e-13.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    rows = wide.shape[0]
    if rows <= DENSE or not matrix.any():
        return max(0.0, float(torch.linalg.eigvalsh(wide @ wide.T)[-1]))
    array = wide.numpy()
    square = LinearOperator((rows, rows), matvec=lambda v: array @ (array.T @ v), dtype=array.dtype)
    start = stream(0, "largest singular value").normal(size=rows)
    return float(eigsh(square, k=1, v0=start, tol=1e-13, return_eigenvectors=False)[0])


class Coverage(NamedTuple):
    """How much of a network the measures of weights speak of."""

    share: float  # of its parameters, in layers that are read
    skipped: tuple[str, ...]  # modules with parameters of their own that are not, and what they are


def is_layer(part: nn.Module) -> bool:
    """Is this a layer whose weights are a matrix or a kernel?

    Linear, Conv1d, Conv2d, Conv3d, and the transposed linear layer of Hugging Face's GPT-2, which is known by its name.
    """
    return isinstance(part, (nn.Linear, *CONVOLUTIONS)) or _transposed(part)


def layer_of(name: str, part: nn.Module, size: tuple[int, ...] | None = None) -> Layer:
    """What are the weights of one linear or convolutional layer?"""
    weight = part.weight.detach()
    bias = None if part.bias is None else part.bias.detach()
    if isinstance(part, CONVOLUTIONS):
        return Layer(name, weight, bias, size, part.stride, part.dilation, part.groups)
    return Layer(name, weight.T if _transposed(part) else weight, bias, size=())


def layers_of(model: nn.Module, x: Tensor | None) -> tuple[tuple[Layer, ...], str]:
    """Which layers have weights, in the order in which they run, and how is the order known?

    With an example, a pass of it says the order and what each convolution reads; a layer that does not run is left out.
    Without, the order is that of the modules.
    """
    parts = {name: part for name, part in model.named_modules() if is_layer(part)}
    if x is None:
        return tuple(layer_of(name, part) for name, part in parts.items()), "modules"
    seen = order_of_calls(model, parts, x[:1])
    return tuple(layer_of(name, parts[name], tuple(size)) for name, size in seen.items()), "pass"


def order_of_calls(model: nn.Module, parts: Mapping[str, nn.Module], x: Tensor) -> dict[str, torch.Size]:
    """In which order do these modules run, and what sides has what each reads (without examples and channels)?"""
    seen: dict[str, torch.Size] = {}

    def remembering(name: str) -> Callable[..., None]:
        def remember(_part: nn.Module, given: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
            seen.setdefault(name, what_is_read(given, named).shape[2:])

        return remember

    handles = [part.register_forward_pre_hook(remembering(name), with_kwargs=True) for name, part in parts.items()]
    try:
        outputs_of(model, x)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def what_is_read(given: tuple[Tensor, ...], named: Mapping[str, Tensor]) -> Tensor:
    """What does a layer read, however it is called: layer(x) or layer(input=x)?"""
    return given[0] if given else next(iter(named.values()))


def outputs_of(model: nn.Module, x: Tensor) -> Tensor:
    """What does the model give, or why can it not be run on these examples?

    Raises:
        InputRefused: the model cannot be called on x.
    """
    try:
        return called(model, x)
    except (RuntimeError, TypeError, ValueError, IndexError) as why:
        raise InputRefused(
            expected="a model that can be called on the examples", came=f"{type(why).__name__}: {str(why)[:200]}",
            do=f"Give x as the model reads it; it is of shape {tuple(x.shape)} here, its numbers in float64.",
        ) from why  # fmt: skip


def coverage_of(model: nn.Module, layers: Sequence[Layer]) -> Coverage:
    """Which share of the parameters is in these layers, and which modules are skipped?"""
    known = {layer.name for layer in layers}
    counted: dict[int, tuple[int, bool]] = {}
    skipped = []
    for name, part in model.named_modules():
        own = list(part.parameters(recurse=False))
        if own and name not in known:
            kind = type(part).__name__ + (", which is not called" if is_layer(part) else "")
            skipped.append(f"{name} ({kind})" if name else kind)
        for parameter in own:  # one that two modules share is counted once
            before = counted.get(id(parameter), (0, False))[1]
            counted[id(parameter)] = (parameter.numel(), before or name in known)
    total = sum(size for size, _ in counted.values())
    return Coverage(sum(size for size, read in counted.values() if read) / max(total, 1), tuple(skipped))


def same_layers(final: Sequence[Layer], initial: Sequence[Layer]) -> None:
    """Have both models the same layers?

    Raises:
        InputRefused: other names or shapes.
    """
    there = {layer.name: layer for layer in initial}
    for layer in final:
        other = there.get(layer.name)
        if other is None or layer.weight.shape != other.weight.shape:
            raise InputRefused(
                expected=f"initial weights of the shape of the final ones ({layer.name}: {tuple(layer.weight.shape)})",
                came="none" if other is None else str(tuple(other.weight.shape)),
                do="Give the initial weights of the same architecture.",
            )  # fmt: skip


def _transposed(part: nn.Module) -> bool:
    return type(part).__name__ == "Conv1D" and hasattr(part, "nf") and part.weight.dim() == 2
