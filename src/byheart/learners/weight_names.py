"""Names and types of weights from a file: wrappers' prefixes, whole numbers, and how they fit a module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused

WRAPPERS = ("module.", "_forward_module.")  # of DistributedDataParallel and Fabric, before every name
COMPILED = "_orig_mod."  # of torch.compile, before the names of the part that was compiled


def plain_names(weights: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The weights under the names of the module itself, and what was taken off.

    Example:
        >>> plain_names({"module._orig_mod.fc.weight": 1})
        ({'fc.weight': 1}, ['names: without module. and _orig_mod.'])
    """
    made, gone = dict(weights), []
    for prefix in (*WRAPPERS, COMPILED, *WRAPPERS):
        if prefix == COMPILED:
            shorter = {name.replace(COMPILED, ""): value for name, value in made.items()}
        elif all(name.startswith(prefix) for name in made):
            shorter = {name.removeprefix(prefix): value for name, value in made.items()}
        else:
            continue
        if len(shorter) == len(made) and list(shorter) != list(made):
            made, gone = shorter, [*gone, prefix]
    return made, [f"names: without {' and '.join(dict.fromkeys(gone))}"] if gone else []


def as_tensor(name: str, value: Any) -> tuple[Tensor | None, str]:
    """The value as a tensor that can be measured, and what is to be said of it; None where it is none.

    Raises:
        InputRefused: NaN or infinity.
    """
    if not isinstance(value, Tensor):
        return None, "" if name.endswith("_extra_state") else f"left out: {name}, which is no tensor"
    if value.is_meta:
        return None, f"left out: {name}, of which the file has the shape alone"
    if value.layout is not torch.strided or value.is_complex():
        kind = "complex" if value.is_complex() else str(value.layout).removeprefix("torch.")
        return None, f"left out: {name}, which is {kind}"
    value = value.detach()
    if value.is_quantized:
        return value.dequantize(), f"quantised: {name}, taken with its scale"
    if value.is_floating_point() and (bad := int((~torch.isfinite(_checkable(value))).sum())):
        raise InputRefused(
            expected="weights without NaN or infinity",
            came=f"{bad:,} of {value.numel():,} in {name}",
            do="Train it again, or give an earlier checkpoint.",
        )
    return value, ""


def _checkable(value: Tensor) -> Tensor:
    return value.float() if value.element_size() == 1 else value  # torch asks numbers of one byte nothing


def load_into(module: nn.Module, weights: Mapping[str, Tensor], noun: str) -> list[str]:
    """Put the weights of a file into a module, all of them; what was said of their names.

    Raises:
        InputRefused: weights of other names or shapes (the first is named), whole numbers where the module has floats.
    """
    own, notes = module.state_dict(), []
    twins = _tied(own)
    weights = dict(weights)
    if not set(weights) <= set(own) and (fitting := _without_first(weights, own)):
        first = next(iter(weights)).partition(".")[0]
        weights, notes = fitting, [f"names: without {first}."]
    for name, value in weights.items():
        if name not in own:
            raise _unfit(noun, f"{name}, which the model does not have", own, weights)
        if own[name].shape != value.shape:
            there, came = tuple(own[name].shape), tuple(value.shape)
            raise _unfit(noun, f"{name} of shape {came} in the place of {there}", own, weights)
        if own[name].is_floating_point() and not value.is_floating_point():
            kind = str(value.dtype).removeprefix("torch.")
            raise InputRefused(
                expected=f"{noun} as floats ({name})",
                came=f"{kind}: quantised, and its scale is not known",
                do="Give the weights before they were quantised.",
            )
    missing = [
        name for name in own
        if name not in weights and not (twins[name] & set(weights)) and not name.endswith("num_batches_tracked")
    ]  # fmt: skip
    if missing:
        raise _unfit(noun, f"none called {missing[0]} ({len(missing)} missing)", own, weights)
    module.load_state_dict(weights, strict=False)
    return notes


def _without_first(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without the first part of their names, where that is one and they then fit; else nothing."""
    firsts = {name.partition(".")[0] for name in weights}
    shorter = {name.partition(".")[2]: value for name, value in weights.items()}
    return shorter if len(firsts) == 1 and set(shorter) <= set(own) else {}


def _tied(own: Mapping[str, Tensor]) -> dict[str, set[str]]:
    """Name -> all names of the same numbers; a file may hold them under one of them."""
    of: dict[Any, set[str]] = {}
    for name, value in own.items():
        of.setdefault((value.data_ptr(), tuple(value.shape)) if value.numel() else name, set()).add(name)
    return {name: names for names in of.values() for name in names}


def _unfit(noun: str, came: str, own: Mapping[str, Any], weights: Mapping[str, Any]) -> InputRefused:
    return InputRefused(
        expected=f"{noun} of the model's names and shapes ({len(own)} tensors, such as {next(iter(own), 'none')})",
        came=f"{came}; {len(weights)} tensors in all",
        do="Give the architecture that these weights were trained in.",
    )
