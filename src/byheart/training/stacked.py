"""Stacked: m stacks of standard layers, forward pass and gradient batched by hand (training/layers.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from byheart.training.fleet import ACTIVATIONS, Fleet, Hidden
from byheart.training.layers import Convolution, Flatten, Gelu, Layer, Linear, Local, Norm, Relu, Scale, Tanh

# Parameter-free and elementwise or pooling: may run on (m b, ...) as one large batch.
FREE = (*ACTIVATIONS, nn.Identity, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)


def pieces(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """(prefix of its names, layer) of nested `nn.Sequential`s, in order."""
    if type(module) is not nn.Sequential:
        yield prefix, module
        return
    for name, part in module._modules.items():  # not named_children: it leaves out what comes twice
        yield from pieces(part, f"{prefix}{name}.")


def stackable(module: nn.Module) -> bool:
    """Is `module` a stack of layers that this file knows, all trained, none with hooks or shared weights?"""
    parts = [part for _, part in pieces(module)]
    count = sum(1 for part in parts for _ in part.parameters())
    return (
        type(module) is nn.Sequential
        and all(_known(part) for part in parts)
        and count == len(list(module.parameters()))
        and all(p.requires_grad for p in module.parameters())
        and not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in module.modules())
    )


def _known(part: nn.Module) -> bool:
    if type(part) is nn.Flatten:
        return part.start_dim == 1 and part.end_dim == -1
    if type(part) is nn.LayerNorm:
        return len(part.normalized_shape) == 1
    if type(part) is nn.Conv2d:
        return part.padding_mode == "zeros" and not isinstance(part.padding, str)
    return type(part) in (nn.Linear, Scale, *FREE) or (type(part) is nn.Dropout and part.p == 0)


class Stacked(Fleet):
    """m stacks of standard layers, with the gradient by hand."""

    def __init__(self, modules: Sequence[nn.Module], device: str = "cpu") -> None:
        super().__init__(modules, device)
        parts = list(pieces(modules[0]))
        fixed = [type(part) in (Scale, nn.Flatten) for _, part in parts]
        start = fixed.index(False)
        self.ahead = [self._layer(name, part) for name, part in parts[:start]]
        self.unit = Scale.by ** sum(type(part) is Scale for _, part in parts[:start])
        self.layers = [self._layer(name, part) for name, part in parts[start:]]
        weighted = [layer for layer in self.layers if getattr(layer, "dweight", None) is not None]
        self.tells_lengths = all(isinstance(layer, Linear) for layer in weighted)
        self.hides = [isinstance(part, ACTIVATIONS) for _, part in parts[start:]]  # where hidden levers act

    def before(self, x: Tensor, shared: bool) -> Tensor:
        """x after the leading layers that only scale and reshape, so that no step repeats them."""
        x = x[None] if shared else x
        for layer in self.ahead:
            x, _ = layer.forward(x, False)
        return x[0] if shared else x

    def _layer(self, name: str, part: nn.Module) -> Layer:
        match part:
            case nn.Linear():
                return Linear(self, name)
            case nn.Conv2d():
                return Convolution(self, name, part)
            case nn.LayerNorm():
                return Norm(self, name, part.eps)
            case nn.ReLU():
                return Relu()
            case nn.Tanh():
                return Tanh()
            case nn.GELU():
                return Gelu(part.approximate)
            case nn.Flatten():
                return Flatten()
        one = nn.Identity() if isinstance(part, nn.Dropout) else part
        return Local(lambda x: one(x.flatten(0, 1)).unflatten(0, x.shape[:2]))

    @torch.no_grad()
    def forward(self, x: Tensor, hidden: Hidden | None = None) -> Tensor:
        """Logits (m, b, k) of x (m, b, ...), as `before` gives it."""
        self.tape: list[tuple[Layer, Any]] = []
        for layer, hides in zip(self.layers, self.hides, strict=True):
            x, kept = layer.forward(x, True)
            self.tape.append((layer, kept))
            if hides and hidden:
                draws = hidden.draw(tuple(x.shape))
                lever = Local(lambda a, draws=draws: hidden.apply(a, draws))
                x, kept = lever.forward(x, True)
                self.tape.append((lever, kept))
        return x

    @torch.no_grad()
    def backward(self, g: Tensor) -> None:
        """The chain rule, layer by layer from the last; below the first weights nothing is needed."""
        trained = [place for place, (layer, _) in enumerate(self.tape) if getattr(layer, "dweight", None) is not None]
        for place in range(len(self.tape) - 1, trained[0] - 1, -1):
            layer, kept = self.tape[place]
            g = layer.backward(g, kept, place == trained[0])
        self.tape = []

    @torch.no_grad()
    def lengths(self, g: Tensor) -> Tensor | None:
        """Of linear layers on rows the gradient of an example is an outer product, whose length is that of both parts.

        |dW_i|^2 + |dc_i|^2 = |g_i|^2 (|x_i|^2 + 1). Reference: Goodfellow 2015, Efficient per-example gradient
        computations.
        """
        linear = [place for place, (layer, _) in enumerate(self.tape) if isinstance(layer, Linear)]
        if any(self.tape[place][1].shape[1] != g.shape[1] for place in linear):
            return None  # further axes of an example are rows, too
        g, squares = g.clone(), g.new_zeros(g.shape[:2])  # layers may write into the g they get
        for place in range(len(self.tape) - 1, linear[0] - 1, -1):
            layer, kept = self.tape[place]
            if isinstance(layer, Linear):
                one = kept.square().sum(2) + (layer.bias is not None)
                squares += g.square().sum(2) * one
            g = layer.backward(g, kept, place == linear[0])
        return squares.sqrt()

    @torch.no_grad()
    def predict(self, x: Tensor, shared: bool) -> Tensor:
        """Logits (m, b, k); x (b, ...) when `shared`."""
        x = x.expand(self.m, *x.shape) if shared else x
        for layer in self.layers:
            x, _ = layer.forward(x, False)
        return x
