"""Module copy: a copy of somebody's model on which its passes can be made again, and the passes themselves.

What a pass computes stays; what stands in the way of taking derivatives of it again is left out: compiled code,
gradients that are sparse, activations that are dropped and made again (gradient checkpointing).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call
from torch.utils import checkpoint


def uncompiled(module: nn.Module) -> nn.Module:
    """Which module was `torch.compile(module)` made of?

    The module that `torch.compile(module)` was made of; any other as it is.
    """
    return getattr(module, "_orig_mod", module)


def copied(module: nn.Module) -> nn.Module:
    """What is a copy of `module` on which its passes can be made again?

    A copy of `module`, all of it uncompiled, whose embeddings give dense gradients.
    """
    module, memo = uncompiled(module), {}
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, Tensor) and not value.is_leaf:  # a hook computed it from weights, as weight_norm does
                memo[id(value)] = value.detach().clone()
    made = copy.deepcopy(module, memo)
    for part in made.modules():
        if isinstance(part, nn.Embedding | nn.EmbeddingBag):
            part.sparse = False
        if uncompiled(part) is not part:
            vars(part)["forward"] = uncompiled(part)
    return made


def called(module: Callable[..., Any], x: Any) -> Any:
    """What does a model give for x?

    Outputs of a model: a dict of inputs goes in by name; of a rich output the `logits` are taken.

    x goes in as a copy, for the model may write into it.
    """
    with without_recomputation():
        given = module(**{k: v.clone() for k, v in x.items()}) if isinstance(x, Mapping) else module(x.clone())
    if isinstance(given, Tensor):
        return given
    return given["logits"] if isinstance(given, Mapping) else getattr(given, "logits", given)


def places(module: nn.Module) -> dict[str, tuple[str, ...]]:
    """Under which names do the modules hold each parameter, by any of its names, each module once?

    A weight that two modules share has two; the weight of one module that stands at two places of another has one.
    """
    holders: dict[int, list[str]] = {}
    for prefix, part in module.named_modules():
        for key, p in part.named_parameters(recurse=False, remove_duplicate=False):
            holders.setdefault(id(p), []).append(f"{prefix}.{key}".lstrip("."))
    return {name: tuple(holders[id(p)]) for name, p in module.named_parameters(remove_duplicate=False)}


def at_weights(
    module: nn.Module, weights: Mapping[str, Tensor], args: tuple, kwargs: Mapping[str, Any] | None = None,
    held: Mapping[str, tuple[str, ...]] | None = None,
) -> Any:  # fmt: skip
    """What does a module give at other weights (and buffers), its own left as they are?

    `torch.func.functional_call` alone leaves a module that stands at two places of another changed: it replaces its
    weights twice, and puts back the first replacement. `held` is `places(module)` where it is known.
    """
    held = places(module) if held is None else held
    everywhere = {place: value for name, value in weights.items() for place in held.get(name, (name,))}
    return functional_call(module, everywhere, args, dict(kwargs or {}), tie_weights=False)


@contextmanager
def without_recomputation() -> Iterator[None]:
    """`torch.utils.checkpoint` calls its function and no more.

    It would make the pass again during the backward pass, when weights and noise that were lent to it are gone.
    """
    names = ("CheckpointFunction", "_checkpoint_without_reentrant_generator")
    own = [getattr(checkpoint, name) for name in names]
    for name, plain in zip(names, (_Plain, lambda *_given, **_named: iter((None,))), strict=True):
        setattr(checkpoint, name, plain)
    try:
        yield
    finally:
        for name, value in zip(names, own, strict=True):
            setattr(checkpoint, name, value)


class _Plain:
    """In the place of torch's CheckpointFunction."""

    @staticmethod
    def apply(function: Callable[..., Any], _preserve: bool, *args: Any) -> Any:
        """The function itself."""
        return function(*args)
