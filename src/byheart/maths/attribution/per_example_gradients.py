"""Examplewise: the gradient of each example's loss, or of each query's target, in one pass over all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from byheart.maths.attribution.gradient_products import Formed, Gradients, Indexed, Outer
from byheart.maths.recording.module_copy import called, copied
from byheart.maths.recording.trace import Part, Trace

# The sum of what the layers give must be the gradient; a layer used in a way that hooks do not see differs by far more.
AGREES = 1e-3


class Examplewise:
    """Gradients of per-example scalars of a traced model at any weights.

    Linear, Conv2d, Embedding and LayerNorm are read from their inputs and output gradients; every other weight by
    per-example autograd (`vmap`, or a row at a time). `coverage` says which share of the weights each gives.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace, self.module = trace, copied(trace.module)
        self.modes = [(part, trace.modes.get(name, True)) for name, part in self.module.named_modules()]
        self.training: bool | None = None
        self.flat = trace.weights(0).clone()
        views = trace.named(self.flat)
        self.leaves = {name: p for name, p in self.module.named_parameters() if name in trace.layout.slices}
        for name, p in self.leaves.items():  # one copy into `flat` then moves the whole model
            p.data = views[name]
            p.requires_grad_(True)
        for name, p in self.module.named_parameters():
            if name not in self.leaves:
                p.requires_grad_(False)
        self.copies = any(getattr(part, "inplace", False) for part in self.module.modules())
        self.layers = dict(known_layers(self.module, set(self.leaves)))
        self.rest = self._rest()
        self.seen: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for name, layer in self.layers.items():
            layer.register_forward_hook(lambda _m, given, out, name=name: self._keep(name, given, out))

    def _keep(self, name: str, given: tuple, out: Tensor) -> Tensor | None:
        if not torch.is_grad_enabled() or name not in self.layers:
            return None
        out = out.clone() if self.copies else out  # a later operation in place would overwrite what is derived by
        self.seen.setdefault(name, []).append((given[0].detach(), out))
        return out if self.copies else None

    def _rest(self) -> list[str]:
        """Names of the weights that no layer's product gives."""
        held = {f"{name}.{key}".lstrip(".") for name, layer in self.layers.items() for key, _ in own(layer)}
        return [name for name in self.leaves if name not in held]

    @property
    def coverage(self) -> dict[str, float]:
        """Share of the weights by kind of layer; `autograd` is the fallback."""
        total, shares = sum(p.numel() for p in self.leaves.values()), {}
        for name, layer in self.layers.items():
            size = sum(self.leaves[f"{name}.{key}".lstrip(".")].numel() for key, _ in own(layer))
            shares[type(layer).__name__] = shares.get(type(layer).__name__, 0.0) + size / total
        rest = sum(self.leaves[name].numel() for name in self._rest())
        return shares | ({"autograd": rest / total} if rest else {})

    def values(self, weights: Tensor, x: Any, value: Callable[[Any], Tensor]) -> Tensor:
        """value(outputs) (b,) in evaluation mode, without gradients."""
        self.flat.copy_(weights)
        with torch.no_grad():
            return value(self._call(x, None))

    def at(self, weights: Tensor, x: Any, value: Callable[[Any], Tensor], part: Part | None = None) -> Gradients:
        """Gradients of value(outputs) (b,) at flat weights (p,); with `part`, in the modes and noise of that pass.

        `value` must give each example's scalar from its own outputs alone.
        """
        self.flat.copy_(weights)
        values = self._run(x, value, part)
        names = [name for name in self.layers if name in self.seen]
        outs = [out for name in names for _, out in self.seen[name]]
        rest = self.rest
        grads = torch.autograd.grad(values.sum(), outs, allow_unused=True, retain_graph=bool(rest)) if outs else ()
        found, taken = [], iter(grads)
        for name in self.layers:
            calls = [(a, next(taken), out) for a, out in self.seen.get(name, [])]
            calls = [(a, torch.zeros_like(out) if s is None else s) for a, s, out in calls]
            found.append(_part(name, self.layers[name], calls, len(values)))
        if rest:
            found.append(Formed(self._examples(values, rest, x, value, part)))
        self.seen = {}
        return Gradients(found)

    def _run(self, x: Any, value: Callable[[Any], Tensor], part: Part | None) -> Tensor:
        self.seen = {}
        with torch.enable_grad():
            return value(self._call(x, part))

    def _call(self, x: Any, part: Part | None) -> Any:
        """As `Trace.outputs`, on our own copy; modes are set when they change, not at every call."""
        if self.training != (part is not None):
            self.training = part is not None
            for module, trained in self.modes:
                module.training = self.training and trained
        if part is None or part.state is None:
            return called(self.module, x)
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(part.state)
            return called(self.module, x)

    def _examples(
        self, values: Tensor, names: list[str], x: Any, value: Callable[[Any], Tensor], part: Part | None
    ) -> dict[str, Tensor]:
        """Per-example gradients (b, size) of the weights `names`, from the graph of `values`."""
        leaves = [self.leaves[name] for name in names]
        rows = torch.eye(len(values), dtype=values.dtype, device=values.device)
        try:
            found = torch.autograd.grad(
                values, leaves, rows, is_grads_batched=True, allow_unused=True, retain_graph=True
            )
        except RuntimeError:  # an operation without a batching rule
            each = [torch.autograd.grad(values, leaves, row, allow_unused=True, retain_graph=True) for row in rows]
            found = [None if column[0] is None else torch.stack(column) for column in zip(*each, strict=True)]
        return {
            name: (leaf.new_zeros(len(values), leaf.numel()) if g is None else g.reshape(len(values), -1))
            for name, leaf, g in zip(names, leaves, found, strict=True)
        }

    def check(self, weights: Tensor, x: Any, value: Callable[[Any], Tensor], part: Part | None = None) -> None:
        """Leave to autograd every layer whose products are not the gradients: weights used elsewhere too, or an input
        whose first axis is not the examples. Unequal weights a_b on the scalars tell examples apart.
        """
        self.flat.copy_(weights)
        values = self._run(x, value, part)
        b = len(values)
        for name, calls in self.seen.items():
            if any(out.shape[0] != b or a.shape[0] != b for a, out in calls):
                self.layers.pop(name, None)
        self.rest = self._rest()
        marks = torch.linspace(1, 2, b, dtype=values.dtype, device=values.device)
        whole = torch.autograd.grad(marks @ values, list(self.leaves.values()), allow_unused=True)
        truth = dict(zip(self.leaves, whole, strict=True))
        formed = self.at(weights, x, value, part).form()
        for name, layer in list(self.layers.items()):
            for key, p in own(layer):
                full = f"{name}.{key}".lstrip(".")
                expected = torch.zeros_like(p) if truth[full] is None else truth[full]
                given = (marks @ formed[full]).view_as(expected)
                if (given - expected).norm() > AGREES * expected.norm().clamp_min(1e-12):
                    self.layers.pop(name, None)
        self.rest = self._rest()


def own(layer: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Trained parameters of a layer itself."""
    return [(key, p) for key, p in layer.named_parameters(recurse=False) if p.requires_grad]


def known_layers(module: nn.Module, trained: set[str]) -> list[tuple[str, nn.Module]]:
    """Layers whose gradients are products, all of whose weights are trained and their own."""
    owners: dict[int, int] = {}
    for part in module.modules():
        for _, p in part.named_parameters(recurse=False):
            owners[id(p)] = owners.get(id(p), 0) + 1
    found = []
    for name, part in module.named_modules():
        parameters = list(part.named_parameters(recurse=False))
        names = [f"{name}.{key}".lstrip(".") for key, _ in parameters]
        alone = parameters and all(owners[id(p)] == 1 for _, p in parameters)
        if alone and "weight" in dict(parameters) and set(names) <= trained and _plain(part):
            found.append((name, part))
    return found


def _plain(part: nn.Module) -> bool:
    if type(part) is nn.Conv2d:
        return part.groups == 1 and part.padding_mode == "zeros" and not isinstance(part.padding, str)
    if type(part) is nn.Embedding:
        return part.max_norm is None and not part.scale_grad_by_freq and not part.sparse
    return type(part) in (nn.Linear, nn.LayerNorm)


def _part(name: str, layer: nn.Module, calls: list[tuple[Tensor, Tensor]], b: int) -> Outer | Indexed | Formed:
    """The gradients that one layer's inputs and output gradients, over all its calls, amount to."""
    prefix = f"{name}." if name else ""
    weight, bias = f"{prefix}weight", f"{prefix}bias" if getattr(layer, "bias", None) is not None else None
    if not calls:
        return Formed({prefix + key: p.new_zeros(b, p.numel()) for key, p in own(layer)})
    match layer:
        case nn.Linear():
            return Outer(weight, bias, *_rows([(_flat(a, b), _flat(s, b)) for a, s in calls]))
        case nn.Conv2d():
            patches = [F.unfold(a, layer.kernel_size, layer.dilation, layer.padding, layer.stride) for a, _ in calls]
            s = [s.flatten(2).transpose(1, 2) for _, s in calls]
            return Outer(weight, bias, *_rows([(a.transpose(1, 2), s) for a, s in zip(patches, s, strict=True)]))
        case nn.Embedding():
            ids, s = _rows([(a.reshape(b, -1), _flat(s, b)) for a, s in calls])
            if layer.padding_idx is not None:
                s = s * (ids != layer.padding_idx)[..., None]
            return Indexed(weight, layer.num_embeddings, ids, s)
    shape = layer.normalized_shape
    scaled = [(F.layer_norm(a, shape, eps=layer.eps) * s, s) for a, s in calls]
    size = layer.weight.numel()
    found = {weight: sum(p.reshape(b, -1, size).sum(1) for p, _ in scaled)}
    return Formed(found | ({bias: sum(s.reshape(b, -1, size).sum(1) for _, s in scaled)} if bias else {}))


def _flat(value: Tensor, b: int) -> Tensor:
    """(b, ..., d) as (b, positions, d)."""
    return value.reshape(b, -1, value.shape[-1])


def _rows(calls: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The calls of a layer one after another, as further positions."""
    return calls[0] if len(calls) == 1 else tuple(torch.cat(column, 1) for column in zip(*calls, strict=True))
