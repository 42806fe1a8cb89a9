"""Layers: standard layers of m members at once, batched by hand.

Every layer has `forward(x, keep) -> (y, kept)` and `backward(g, kept, first) -> derivative by x or None`.
`first` says that nothing below needs a gradient. Shapes: x (m, b, ...), the members first;
g is the derivative of the summed loss by y, and a layer may overwrite the one it gets. The formulas stand
beside the code; tests hold them against autograd.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from byheart.training.fleet import Fleet

# Up to this many outputs the product is faster the other way round (x W' of 10 columns: half the speed).
NARROW = 32


class Layer(ABC):
    """One layer of all members."""

    @abstractmethod
    def forward(self, x: Tensor, keep: bool) -> tuple[Tensor, Any]:
        """y, and what `backward` reads."""

    @abstractmethod
    def backward(self, g: Tensor, kept: Any, first: bool) -> Tensor | None:
        """The derivative by x; those by the weights are stored."""


class Linear(Layer):
    """y = x W' + c.  dW = g' x,  dc = sum_b g,  dx = g W."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self.weight, self.dweight = _both(fleet, f"{name}weight")  # (m, o, i)
        self.bias, self.dbias = _both(fleet, f"{name}bias")  # (m, o)

    def forward(self, x: Tensor, keep: bool) -> tuple[Tensor, Any]:
        """As `Layer`."""
        m, o, i = self.weight.shape
        rows = x.reshape(m, -1, i)  # (m, b, i); further axes count as rows
        if o <= NARROW:  # as W x', stored (m, o, b)
            y = _product(self.weight, rows.transpose(1, 2), self.bias, -1).transpose(1, 2)
        else:
            y = _product(rows, self.weight.transpose(1, 2), self.bias, 1)
        return y.reshape(*x.shape[:-1], o), rows

    def backward(self, g: Tensor, kept: Any, first: bool) -> Tensor | None:
        """As `Layer`."""
        m, o, i = self.weight.shape
        rows = g.reshape(m, -1, o)
        torch.bmm(rows.transpose(1, 2), kept, out=self.dweight)
        if self.dbias is not None:
            torch.sum(rows, 1, out=self.dbias)
        return None if first else torch.bmm(rows, self.weight).view(*g.shape[:-1], i)


def _product(a: Tensor, b: Tensor, c: Tensor | None, axis: int) -> Tensor:
    """a b + c, c (m, o) broadcast along `axis`."""
    return torch.bmm(a, b) if c is None else torch.baddbmm(c.unsqueeze(axis), a, b)


def _both(fleet: Fleet, name: str) -> tuple[Any, Any]:
    """A parameter and the place of its gradient; None and None where the layer has none."""
    return fleet.parameters.get(name), fleet.gradients.get(name)


class Relu(Layer):
    """y = max(x, 0).  dx = g [y > 0]."""

    def forward(self, x: Tensor, keep: bool) -> tuple[Tensor, Any]:
        """As `Layer`."""
        y = x.clamp_min(0)
        return y, y

    def backward(self, g: Tensor, kept: Any, first: bool) -> Tensor | None:
        """As `Layer`."""
        return torch.ops.aten.threshold_backward.grad_input(g, kept, 0, grad_input=g)  # in place


class Tanh(Layer):
    """y = tanh x.  dx = g (1 - y^2)."""

    def forward(self, x: Tensor, keep: bool) -> tuple[Tensor, Any]:
        """As `Layer`."""
        y = x.tanh()
        return y, y

    def backward(self, g: Tensor, kept: Any, first: bool) -> Tensor | None:
        """As `Layer`."""
        return torch.ops.aten.tanh_backward(g, kept)


class Gelu(Layer):
    """y = x P(x), P the normal distribution function, p its density.  dx = g (P(x) + x p(x))."""

    def __init__(self, approximate: str) -> None:
        self.approximate = approximate

    def forward(self, x: Tensor, keep: bool) -> tuple[Tensor, Any]:
        """As `Layer`."""
        return F.gelu(x, approximate=self.approximate), x

    def backward(self, g: Tensor, kept: Any, first: bool) -> Tensor | None:
        """As `Layer`."""
        return torch.ops.aten.gelu_backward(g, kept, approximate=self.approximate)


class Norm(Layer):
    """u = (x - mean x) / s, s = sqrt(var x + eps) over the last axis; y = u w + c.

    dw = sum g u,  dc = sum g,  dx = (h - mean h - u mean(h u)) / s with h = g w.
    """

    def __init__(self, fleet: Fleet, name: str, eps: float) -> None:
        self.weight, self.dweight = _both(fleet, f"{name}weight")  # (m, d)
        self.bias, self.dbias = _both(fleet, f"{name}bias")
        self.eps = eps

    def forward(self, x: Tensor, keep: bool) -> tuple[Tensor, Any]:
        """As `Layer`."""
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + self.eps).rsqrt()  # 1 / s
        u = centred * scale
        y = u if self.weight is None else u * _beside(self.weight, x)
        return (y if self.bias is None else y + _beside(self.bias, x)), (u, scale)

    def backward(self, g: Tensor, kept: Any, first: bool) -> Tensor | None:
        """As `Layer`."""
        u, scale = kept
        if self.dbias is not None:
            self.dbias.copy_(_rows(g).sum(1))
        if self.dweight is not None:
            self.dweight.copy_(_rows(g * u).sum(1))
        h = g if self.weight is None else g * _beside(self.weight, g)
        return (h - h.mean(-1, keepdim=True) - u * (h * u).mean(-1, keepdim=True)) * scale


def _beside(p: Tensor, x: Tensor) -> Tensor:
    """(m, d) as (m, 1, ..., d), to go with x (m, b, ..., d)."""
    return p.view(len(p), *[1] * (x.dim() - 2), -1)


def _rows(x: Tensor) -> Tensor:
    """(m, b, ..., d) as (m, b ..., d)."""
    return x.reshape(len(x), -1, x.shape[-1])


class Flatten(Layer):
    """(m, b, ...) as (m, b, d)."""

    def forward(self, x: Tensor, keep: bool) -> tuple[Tensor, Any]:
        """As `Layer`."""
        return x.reshape(*x.shape[:2], -1), x.shape

    def backward(self, g: Tensor, kept: Any, first: bool) -> Tensor | None:
        """As `Layer`."""
        return None if first else g.view(kept)


class Scale(nn.Module):
    """y = (x - 0.3) / 0.35: pixels in 0..1 to mean about 0 and deviation about 1.

    Fixed numbers, near those of common sets of pictures (Fashion-MNIST 0.286 and 0.353, digits 0.305 and
    0.376): nothing is fitted, so no member learns anything of examples that it does not see.
    """

    by = 1 / 0.35

    def forward(self, x: Tensor) -> Tensor:
        """Scaled pixels, of the same shape."""
        return (x - 0.3) * self.by


class Local(Layer):
    """A layer whose own small step goes through autograd: y = f(x), dx = g df/dx."""

    def __init__(self, f: Any) -> None:
        self.f = f

    def forward(self, x: Tensor, keep: bool) -> tuple[Tensor, Any]:
        """As `Layer`."""
        if not keep:
            return self.f(x), None
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            y = self.f(x)
        return y.detach(), (x, y)

    def backward(self, g: Tensor, kept: Any, first: bool) -> Tensor | None:
        """As `Layer`."""
        x, y = kept
        return None if first else torch.autograd.grad(y, x, g)[0]


class Convolution(Layer):
    """y = x * W + c for all members in one grouped convolution: members are groups of channels.

    The gradient is the library's own (`aten::convolution_backward`) of that grouped convolution.
    """

    def __init__(self, fleet: Fleet, name: str, module: nn.Conv2d) -> None:
        self.weight, self.dweight = _both(fleet, f"{name}weight")  # (m, o, c, 3, 3)
        self.bias, self.dbias = _both(fleet, f"{name}bias")
        self.stride, self.padding, self.dilation = module.stride, module.padding, module.dilation
        self.groups = len(self.weight) * module.groups

    def forward(self, x: Tensor, keep: bool) -> tuple[Tensor, Any]:
        """As `Layer`."""
        m, b = x.shape[:2]
        side = x.transpose(0, 1).reshape(b, -1, *x.shape[3:])  # (b, m c, h, w)
        bias = None if self.bias is None else self.bias.reshape(-1)
        y = F.conv2d(side, self.weight.flatten(0, 1), bias, self.stride, self.padding, self.dilation, self.groups)
        return y.view(b, m, -1, *y.shape[2:]).transpose(0, 1), side

    def backward(self, g: Tensor, kept: Any, first: bool) -> Tensor | None:
        """As `Layer`."""
        m, b = g.shape[:2]
        side = g.transpose(0, 1).reshape(b, -1, *g.shape[3:])
        weight = self.weight.flatten(0, 1)
        dx, dweight, dbias = torch.ops.aten.convolution_backward(
            side, kept, weight, [len(weight)], self.stride, self.padding, self.dilation, False, [0, 0],
            self.groups, [not first, True, self.bias is not None],
        )  # fmt: skip
        self.dweight.copy_(dweight.view_as(self.dweight))
        if self.dbias is not None:
            self.dbias.copy_(dbias.view_as(self.dbias))
        return None if first else dx.view(b, m, -1, *dx.shape[2:]).transpose(0, 1)
