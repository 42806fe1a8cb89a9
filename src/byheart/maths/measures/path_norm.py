"""Path norm: the sum over all paths from inputs and biases to the logits of the product of squared weights.

One pass says it: every parameter squared, all inputs 1, the logits summed. With nothing negative a ReLU does nothing,
and what is left multiplies and adds; layers that do something else to positive numbers break the identity, and then
there is no number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from byheart.maths.measures.evidence import Evidence
from byheart.maths.measures.layers import Inapplicable, outputs_of, what_is_read
from byheart.maths.measures.norms import log, over_margin
from byheart.maths.recording.module_copy import copied

BREAKING = frozenset((
    "softmax", "log_softmax", "softmin", "gumbel_softmax", "scaled_dot_product_attention",
    "multi_head_attention_forward", "layer_norm", "group_norm", "instance_norm", "batch_norm", "rms_norm", "normalize",
    "local_response_norm",
    "sigmoid", "tanh", "gelu", "silu", "mish", "softplus", "logsigmoid", "elu", "selu", "celu",
    "relu6", "hardtanh", "hardswish", "hardsigmoid",
))  # fmt: skip


def path_norm(evidence: Evidence) -> float:
    """How much do all paths carry: log sum_k f_{w^2}(1)[k] (44)?

    The ones go in where the first layer reads, so that a fixed scaling of the inputs has no part in it; where its input
    is read elsewhere too (a residual around the first layer), at the input of the network. The code of Dziugaite et al.
    2020 does the latter always. Biases are paths that begin at the layer.

    Raises:
        Inapplicable: the network computes something else than sums over paths; the shape of its input is not known.
    """
    squared, ones = _squared(evidence), _ones(evidence)
    first = squared.get_submodule(evidence.layers[0].name)
    # what stands before the first layer and is no layer has a part in the paths, which the input has to go through
    for inside in (None,) if evidence.compat or evidence.coverage.skipped else (first, None):
        if _homogeneous(squared, evidence, ones, inside):
            value = float(_pass(squared, ones, inside).sum())
            if not math.isfinite(value) or value < 0:
                raise Inapplicable("the sum over paths is beyond the largest number of float64")
            return log(value)
    raise Inapplicable(
        "the network does more than multiply, add and take maxima: twice the input is not twice the output"
    )


def path_norm_over_margin(evidence: Evidence) -> float:
    """How much beside the margin: log sum_k f_{w^2}(1)[k] / gamma^2 (43)?"""
    return over_margin(path_norm(evidence), evidence)


def _squared(evidence: Evidence) -> nn.Module:
    squared = copied(evidence.network)
    with torch.no_grad():
        for parameter in squared.parameters():
            parameter.square_()
    return squared


def _ones(evidence: Evidence) -> Tensor:
    """An input of ones, of the shape of an example; without one, what a first linear layer reads."""
    if evidence.x is not None:
        if not evidence.x.is_floating_point():
            raise Inapplicable("the network reads whole numbers, such as tokens, of which none is a one")
        return torch.ones_like(evidence.x[:1])
    weight = evidence.layers[0].weight
    if weight.dim() > 2:
        raise Inapplicable("the shape of the input is not known: it takes an example")
    return weight.new_ones(1, weight.shape[1])


def _homogeneous(squared: nn.Module, evidence: Evidence, ones: Tensor, inside: nn.Module | None) -> bool:
    """Without biases, is the output at twice the input twice the output?"""
    plain = copied(squared)
    for layer in evidence.layers:
        if layer.bias is not None:
            plain.get_submodule(layer.name).bias.data.zero_()
    names = {id(part): name for name, part in squared.named_modules()}
    at = None if inside is None else plain.get_submodule(names[id(inside)])
    with _Watch() as watch:
        once, twice = (_pass(plain, ones, at, times) for times in (1.0, 2.0))
    if found := sorted(BREAKING & watch.names):
        raise Inapplicable(f"the network computes {', '.join(found)}: its output is no sum over paths")
    return bool(torch.allclose(2 * once, twice, rtol=1e-9, atol=0))


def _pass(model: nn.Module, ones: Tensor, inside: nn.Module | None, times: float = 1.0) -> Tensor:
    """Outputs where the layer `inside`, or where None the network, reads `times` everywhere."""
    with torch.no_grad():
        if inside is None:
            return outputs_of(model, ones * times)
        handle = inside.register_forward_pre_hook(
            lambda _part, given, named: ((torch.full_like(what_is_read(given, named), times),), {}), with_kwargs=True
        )
        try:
            return outputs_of(model, ones)
        finally:
            handle.remove()


class _Watch(TorchFunctionMode):
    """Which functions of torch does a pass call?"""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping | None = None
    ) -> Any:
        """Each call, noted and made."""
        self.names.add(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))
