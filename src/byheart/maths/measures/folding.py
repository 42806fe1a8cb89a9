"""Folding: a BatchNorm layer in evaluation mode is part of the layer whose outputs it scales, and is written into it.

W' = W g / sqrt(v + eps), b' = (b - mean) g / sqrt(v + eps) + shift, a channel each; the function stays what it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.fx import Graph, Tracer
from torch.nn.utils import parametrize

from byheart.maths.measures.layers import CONVOLUTIONS, outputs_of
from byheart.maths.recording.module_copy import copied

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
EXACT = 1e-12  # how far outputs may move, relative to the largest
Pairs = Mapping[str, str]  # a norm, and the layer whose outputs it alone reads


class Folded(NamedTuple):
    """Networks without the BatchNorm layers that could be folded, and what is to be said of it."""

    models: tuple[nn.Module, ...]
    notes: tuple[str, ...]


class Remainder(nn.Module):
    """What the code of Dziugaite et al. 2020 leaves of a folded norm: x / sqrt(1 + eps)."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.factor = (1 + eps) ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        """Scaled."""
        return x * self.factor


def folded(models: Sequence[nn.Module], x: Tensor | None, compat: str = "") -> Folded:
    """Which networks of one architecture compute the same without BatchNorm layers?

    Which layer a norm reads is found in the first of them: in its traced graph, where it can be traced, otherwise by a
    pass of one example. Where examples are there the outputs of each are compared before and after, and a norm whose
    folding moves them by more than 1e-12 stays.

    Args:
        models: in evaluation mode; they stay as they are.
        x: examples (n, ...), or None.
        compat: "dziugaite2020" folds two-dimensional convolutions alone, and leaves 1 / sqrt(1 + eps) of each norm.

    Returns:
        `Folded`: copies without these norms, and what is to be said.

    Raises:
        InputRefused: the model cannot be called on x.

    Cost: a trace, and passes of 16 examples. Fails when: a norm has no running statistics, or reads what is not the
    output of one layer alone; it stays, and is named.

    Reference: Dziugaite et al. 2020, In search of robust measures of generalization, NeurIPS, appendix.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    >>> folded([net], None).notes
    ('1 BatchNorm folded into the layer before, found in its traced graph',)
    """
    norms = [name for name, part in models[0].named_modules() if isinstance(part, NORMS)]
    if not norms:
        return Folded(tuple(models), ())
    pairs, how = _pairs(models[0], x)
    pairs = {norm: layer for norm, layer in pairs.items() if can_fold(models[0], norm, layer, compat)}
    if x is not None and not compat and _moved(models, pairs, x):
        pairs = {norm: layer for norm, layer in pairs.items() if not _moved(models, {norm: layer}, x)}
    made = tuple(fold(model, pairs, compat) for model in models)
    notes = [f"{len(pairs)} BatchNorm folded into the layer before, found {how}"] if pairs else []
    if left := [name for name in norms if name not in pairs]:
        notes.append(f"BatchNorm stays where no single layer before it can take it: {some(left)} (looked for {how})")
    return Folded(made, tuple(notes))


def some(names: Sequence[str], most: int = 4) -> str:
    """What is a list of names in a sentence: the first few, and how many more?"""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def fold(model: nn.Module, pairs: Pairs, compat: str = "") -> nn.Module:
    """What is the network with each of these norms written into its layer?"""
    made = copied(model)
    for norm_name, layer_name in pairs.items():
        norm, layer = made.get_submodule(norm_name), made.get_submodule(layer_name)
        with torch.no_grad():
            weight, bias = folded_weights(layer.weight, layer.bias, norm.state_dict(), norm.eps)
        layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
        parent, _, own = norm_name.rpartition(".")
        setattr(made.get_submodule(parent), own, Remainder(norm.eps) if compat else nn.Identity())
    return made


def folded_weights(
    weight: Tensor, bias: Tensor | None, norm: Mapping[str, Tensor], eps: float
) -> tuple[Tensor, Tensor]:
    """What are W g / sqrt(v + eps) and (b - mean) g / sqrt(v + eps) + shift?"""
    scale = norm.get("weight", torch.ones_like(norm["running_var"])) / (norm["running_var"] + eps).sqrt()
    start = 0.0 if bias is None else bias
    shift = norm.get("bias", 0.0)
    return weight * scale.view(-1, *[1] * (weight.dim() - 1)), (start - norm["running_mean"]) * scale + shift


def can_fold(model: nn.Module, norm_name: str, layer_name: str, compat: str = "") -> bool:
    """Has the norm running statistics of as many channels as the layer puts out?

    The code of Dziugaite et al. 2020 folds two-dimensional convolutions alone.
    """
    norm, layer = model.get_submodule(norm_name), model.get_submodule(layer_name)
    kinds = nn.Conv2d if compat else (nn.Linear, *CONVOLUTIONS)
    plain = isinstance(layer, kinds) and not parametrize.is_parametrized(layer)
    return plain and norm.running_var is not None and norm.num_features == layer.weight.shape[0]


def _pairs(model: nn.Module, x: Tensor | None) -> tuple[Pairs, str]:
    try:
        graph = Tracer().trace(model)
    except Exception as why:  # whatever the user's forward raises on a stand-in for x
        if x is None:
            return {}, f"in vain: the network cannot be traced ({type(why).__name__}) and there is no example"
        return _pairs_of_pass(model, x), "by a pass of one example"
    return _pairs_of_graph(model, graph), "in its traced graph"


def _pairs_of_graph(model: nn.Module, graph: Graph) -> Pairs:
    """A norm that is called once and alone reads the output of a layer that is called once."""
    calls = [node for node in graph.nodes if node.op == "call_module"]
    often = Counter(node.target for node in calls)
    found = {}
    for node in calls:
        source = node.args[0] if node.args else None
        read = getattr(source, "op", "") == "call_module" and len(source.users) == 1
        if (
            read
            and isinstance(model.get_submodule(node.target), NORMS)
            and often[node.target] == often[source.target] == 1
        ):
            found[node.target] = source.target
    return found


def _pairs_of_pass(model: nn.Module, x: Tensor) -> Pairs:
    """A norm whose input is the very tensor that a layer put out; who else reads it the comparison of outputs tells."""
    outputs: dict[int, tuple[str, Tensor]] = {}  # tensors are held, so that no number is used twice
    found: dict[str, str] = {}
    calls: list[str] = []

    def watching(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def watch(part: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
            calls.append(name)
            if isinstance(part, NORMS) and id(given[0]) in outputs:
                found[name] = outputs[id(given[0])][0]
            if isinstance(part, (nn.Linear, *CONVOLUTIONS)):
                outputs[id(output)] = (name, output)

        return watch

    kinds = (nn.Linear, *CONVOLUTIONS, *NORMS)
    handles = [
        part.register_forward_hook(watching(name)) for name, part in model.named_modules() if isinstance(part, kinds)
    ]
    try:
        outputs_of(model, x[:1])
    finally:
        for handle in handles:
            handle.remove()
    return {norm: layer for norm, layer in found.items() if calls.count(norm) == calls.count(layer) == 1}


def _moved(models: Sequence[nn.Module], pairs: Pairs, x: Tensor) -> bool:
    """Does folding move the outputs of any of these networks?"""
    with torch.no_grad():
        for model in models:
            one, other = outputs_of(model, x[:16]), outputs_of(fold(model, pairs), x[:16])
            if (one - other).abs().max() > EXACT * one.abs().max():
                return True
    return False
