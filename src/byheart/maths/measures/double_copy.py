"""Double copy: somebody's model in evaluation mode and float64, its weights plain parameters, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import utils as normed
from torch.nn.utils import parametrize

from byheart.errors import InputRefused
from byheart.maths.recording.module_copy import copied

REMOVED = {"WeightNorm": normed.remove_weight_norm, "SpectralNorm": normed.remove_spectral_norm}


def double_copy(module: nn.Module, noun: str) -> nn.Module:
    """What is the same model in float64, ready to be read?

    Raises:
        InputRefused: NaN or infinity in its weights; the first is named.
    """
    made = copied(module).double().eval()
    for name, value in made.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise InputRefused(f"{noun} without NaN or infinity", f"some in {name}", "Train it again or leave it out.")
    for part in made.modules():
        _plain(part)
    return made


def copy_at(module: nn.Module, weights: Mapping[str, Any], noun: str) -> nn.Module:
    """What is the same architecture at other weights, in float64?

    Raises:
        InputRefused: weights of other names or shapes; the first is named.
    """
    made = copied(module).double()
    own = made.state_dict()
    for name, value in weights.items():
        if name not in own or tuple(value.shape) != tuple(own[name].shape):
            there = tuple(own[name].shape) if name in own else "nothing of that name"
            raise InputRefused(
                expected=f"{noun} of the shapes of the final ones ({name}: {there})",
                came=str(tuple(value.shape)), do=f"Give {noun} of the same architecture.",
            )  # fmt: skip
    if missing := sorted(set(own) - set(weights)):
        raise InputRefused(f"{noun} of every layer", f"none of {missing[0]}", "Give the whole state dict.")
    made.load_state_dict({name: torch.as_tensor(value) for name, value in weights.items()})
    return double_copy(made, noun)


def _plain(part: nn.Module) -> None:
    """Weights that are computed from others before each pass (weight and spectral norm) become what they are."""
    if parametrize.is_parametrized(part):  # torch's own way out takes the weight from a class that the original shares
        values = {name: getattr(part, name).detach() for name in part.parametrizations}
        del part.parametrizations
        part.__class__ = type(part).__bases__[0]
        for name, value in values.items():
            part.register_parameter(name, nn.Parameter(value))
    for hook in list(part._forward_pre_hooks.values()):
        if type(hook).__name__ in REMOVED and type(hook).__module__.startswith("torch.nn.utils."):
            REMOVED[type(hook).__name__](part, hook.name)
