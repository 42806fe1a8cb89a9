"""Module inputs: in which type a user's torch module is called on x, and what is said where it fails on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from byheart.errors import InputRefused
from byheart.exits import as_failures
from byheart.tasks.data import Data, Examples
from byheart.tasks.frames.kept import KeptFrame
from byheart.tasks.parts import Parts

if TYPE_CHECKING:
    import torch
    from torch import nn


def tensor_of(x: Any) -> torch.Tensor:
    """x, an array, tensor or list, as a tensor of the same type."""
    import torch

    if torch.is_tensor(x):
        return x
    array = np.asarray(x)
    return torch.as_tensor(array.astype(array.dtype.newbyteorder("=")))


def called_with(examples: Examples, rows: np.ndarray | None = None) -> torch.Tensor:
    """What a user's module is called on: x as it was given; of a dictionary its columns, which `of_parts` takes.

    Of a frame, which is no tensor, the numbers that byheart's own learners get of it.
    """
    if isinstance(examples.containers.get("x"), Parts | KeptFrame):
        return tensor_of(examples.x if rows is None else examples.x[rows])
    return tensor_of(examples.given("x", rows))


def of_parts(module: nn.Module, data: Data) -> nn.Module:
    """A module that takes a dictionary of tensors, as one of its columns; any other module itself.

    Floats come in the type that the module is called in; whole numbers and bools in their own where the user gave
    tensors, else as int64.
    """
    layout = data.train.containers.get("x")
    if not isinstance(layout, Parts):
        return module
    import torch
    from torch import nn

    whole = {name: np.dtype(dtype) for name, _, dtype in layout.parts if np.dtype(dtype).kind in "iub"}
    if layout.tensors:
        own = {name: torch.from_numpy(np.zeros(0, dtype)).dtype for name, dtype in whole.items()}
    else:
        own = {name: torch.int64 for name, dtype in whole.items() if dtype.kind != "b"}

    class OfParts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            parts = layout.split(x).items()
            return self.module({name: part.to(own.get(name, part.dtype)) for name, part in parts})

    return OfParts()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode without gradients; every submodule's own mode is put back."""
    import torch

    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        with torch.no_grad(), as_failures():
            yield
    finally:
        for part, training in modes:
            part.training = training


def taken_dtype(module: nn.Module, x: torch.Tensor) -> torch.dtype:
    """The type in which a module is called on x: x's own; of floats that it fails on, that of its weights.

    float64 is what numpy gives and float32 what torch has: the two differ by rounding. Whole numbers are never
    converted: whether they are bytes of a picture or numbers of words only the user knows.
    """
    weights = next((p.dtype for p in module.parameters() if p.is_floating_point()), x.dtype)
    if not x.is_floating_point() or weights == x.dtype:
        return x.dtype
    try:
        with evaluating(module):
            module(x[:2].clone())
    except Exception:  # whatever a user's module raises
        return weights
    return x.dtype


def refused_inputs(x: torch.Tensor, error: Exception) -> InputRefused:
    """A module failed on x: what it was called on, and what to do."""
    kind = str(x.dtype).removeprefix("torch.")
    whole = not x.is_floating_point()
    advice = " Whole numbers are not converted: do it in the module (x.float() / 255 for bytes), or give floats."
    return InputRefused(
        expected=f"a module that takes {kind} x of shape {tuple(x.shape)}, as it was given",
        came=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}",
        do=f"Give x the shape and type that the module takes.{advice if whole else ''}",
    )
