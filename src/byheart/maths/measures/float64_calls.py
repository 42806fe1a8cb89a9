"""Float64 calls: models that convert their inputs to single precision, called in double precision all the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from byheart.errors import InputRefused
from byheart.maths.measures.layers import outputs_of

SHORTER = (torch.float32, torch.float16, torch.bfloat16)
CASTS = (Tensor.float, Tensor.half, Tensor.bfloat16)


def called_in_float64(models: Sequence[nn.Module], x: Tensor) -> None:
    """Can these models of one architecture, their weights in float64, be called on x?

    Where `x.float() / 255` or the like in their forward stands in the way, they are changed: float64 comes of it.
    """
    if _takes(models[0], x):
        return
    own = [type(model) for model in models]
    for model, cls in zip(models, own, strict=True):
        model.__class__ = _doubling(cls)
    if not _takes(models[0], x):  # something else is wrong, and it is said of the model as it was
        for model, cls in zip(models, own, strict=True):
            model.__class__ = cls


def _takes(model: nn.Module, x: Tensor) -> bool:
    try:
        with torch.no_grad():
            outputs_of(model, x[:1])
    except InputRefused:
        return False
    return True


def _doubling(cls: type[nn.Module]) -> type[nn.Module]:
    """The class, whose forward makes float64 where it asks for less."""

    def forward(self: nn.Module, *given: Any, **named: Any) -> Any:
        with _Doubles():
            return cls.forward(self, *given, **named)

    return type(cls.__name__, (cls,), {"forward": forward, "__module__": cls.__module__})


class _Doubles(TorchFunctionMode):
    """Every conversion to a shorter float is one to float64."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping | None = None
    ) -> Any:
        """The call, its dtypes no shorter than float64."""
        if func in CASTS:
            return args[0].double()
        named = {name: _longer(value) for name, value in (kwargs or {}).items()}
        return func(*map(_longer, args), **named)


def _longer(value: Any) -> Any:
    return torch.float64 if isinstance(value, torch.dtype) and value in SHORTER else value
