"""Fresh: are the weights of a new member those that another member was trained with?"""

from __future__ import annotations

import hashlib
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

from byheart.errors import InputRefused

if TYPE_CHECKING:
    from torch import Tensor, nn


class _Made(NamedTuple):
    """What a factory returned last: itself, its tensors by name, and digests of them before training."""

    factory: Any
    module: weakref.ref[nn.Module]
    tensors: dict[str, weakref.ref[Tensor]]
    before: dict[str, str]


_LAST: list[_Made] = []  # one; weak, so that nothing lives longer for it


def must_be_fresh(factory: Any, module: nn.Module) -> None:
    """The module shares nothing that training changes with the one that its factory returned before.

    The same module or the same trained parameters are told by identity; frozen parameters and buffers may be shared
    as long as their values before training stay the same; and no module may start with the weights that the one
    before has now, unless that one started with them too (a checkpoint that all members start from).

    Raises:
        InputRefused: it does; the reason is said.

    Cost: one pass over the weights.
    """
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    digests = {name: _digest(value) for name, value in state.items()}
    last = _LAST[0] if _LAST and _LAST[0].factory == factory else None
    if last and (why := _shared(last, module, state, digests)):
        raise InputRefused(
            expected="model= to make a new module for every member",
            came=why,
            do="Make the module inside the function: what it shares would carry one member's training into the next.",
        )
    kept = {name: weakref.ref(value) for name, value in state.items()}
    _LAST[:] = [_Made(factory, weakref.ref(module), kept, digests)]


def _shared(last: _Made, module: nn.Module, state: dict[str, Tensor], digests: dict[str, str]) -> str:
    """What the module shares with the one before; empty where nothing."""
    if last.module() is module:
        return "the same module again"
    alive = {id(value): name for name, ref in last.tensors.items() if (value := ref()) is not None}
    for name, value in state.items():
        if (known := alive.get(id(value))) is None:
            continue
        if value.requires_grad:
            return f"the same parameter again, {name}"
        if digests[name] != last.before[known]:
            return f"{name} with other values than before the last training"
    before = last.module()
    if before is None or not digests:
        return ""
    now = {**dict(before.named_parameters()), **dict(before.named_buffers())}
    if digests != last.before and digests == {name: _digest(value) for name, value in now.items()}:
        return "the weights that the member before it was trained to"
    return ""


def _digest(value: Tensor) -> str:
    import torch

    plain = value.detach().cpu().contiguous()
    digest = hashlib.blake2b(f"{plain.dtype} {tuple(plain.shape)}".encode(), digest_size=16)
    digest.update(plain.reshape(-1).view(torch.uint8).numpy().data if plain.numel() else b"")
    return digest.hexdigest()
