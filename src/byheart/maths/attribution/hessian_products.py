"""Products of the Hessian of a batch loss with many vectors at once: what unrolling and exact curvature are made of.

For weights theta (a list of tensors), a batch of b examples with losses l_i and coefficients c_i, and q directions
v_j, `product` gives the slopes d l_i / d theta . v_j (q, b) and adds the products H v_j, H the Hessian of
sum_i c_i l_i, to what it is told to; or, with `exact=False`, H the generalised Gauss-Newton matrix J' (d2 l / dz2) J,
J the derivative of the outputs z: the part of H that stays when the network is taken as linear in its weights, never
negative in any direction. Two ways: `Stack` by hand, for Linear layers with activations between them, `Anything` by
`torch.autograd`, reverse over reverse. What does not depend on the direction is made once.

Reference: Pearlmutter 1994, "Fast exact multiplication by the Hessian", Neural Computation 6, section 3; Schraudolph
2002, "Fast curvature matrix-vector products for second-order gradient descent", Neural Computation 14, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_flatten, tree_unflatten

from byheart.maths.attribution.second_derivatives import Twice, along, gradients
from byheart.maths.recording.flat_parameters import Layout
from byheart.maths.recording.losses import Loss


def _relu(z: Tensor) -> tuple[Tensor, Tensor, None]:
    y = z.clamp_min(0)
    return y, (y > 0).to(z.dtype), None


def _tanh(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    y = z.tanh()
    return y, 1 - y * y, -2 * y * (1 - y * y)


def _gelu(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    share = 0.5 * (1 + torch.erf(z / math.sqrt(2)))
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return z * share, share + z * density, density * (2 - z * z)


def _silu(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    s = z.sigmoid()
    slope = s * (1 - s)
    return z * s, s + z * slope, slope * (2 + z * (1 - 2 * s))


# Value, first and second derivative (None: zero almost everywhere).
ACTIVATIONS: dict[type, Callable[[Tensor], tuple]] = {nn.ReLU: _relu, nn.Tanh: _tanh, nn.GELU: _gelu, nn.SiLU: _silu}


class _Unit(NamedTuple):
    """A Linear layer and what follows it: places of weight and bias among the tensors, the activation."""

    weight: int
    bias: int | None
    activation: Callable[[Tensor], tuple] | None


def pieces(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """(prefix of its names, layer) of nested `nn.Sequential`s, in order."""
    if type(module) is not nn.Sequential:
        yield prefix, module
        return
    for name, part in module._modules.items():
        yield from pieces(part, f"{prefix}{name}.")


class Stack:
    """Linear layers with activations between them, behind layers without weights, under a loss with a name."""

    def __init__(self, ahead: Sequence[nn.Module], units: Sequence[_Unit], loss: str, exact: bool) -> None:
        self.ahead, self.units, self.loss, self.exact = ahead, units, loss, exact

    @classmethod
    def of(cls, module: nn.Module, layout: Layout, loss: Loss, exact: bool = True) -> Stack | None:
        """The stack that `module` is; None where it is something else."""
        parts = list(pieces(module))
        start = next((j for j, (_, part) in enumerate(parts) if type(part) is nn.Linear), None)
        if start is None or callable(loss) or any(m._forward_hooks or m._forward_pre_hooks for m in module.modules()):
            return None
        ahead = [part for _, part in parts[:start]]
        noisy = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase)
        if any(list(p.parameters()) or isinstance(p, noisy) for p in ahead):
            return None
        units: list[_Unit] = []
        for prefix, part in parts[start:]:
            if type(part) is nn.Linear:
                names = [f"{prefix}weight"] + [f"{prefix}bias"] * (part.bias is not None)
                if not set(names) <= set(layout.names):
                    return None
                units.append(_Unit(*[*map(layout.names.index, names), None][:2], None))
            elif type(part) in ACTIVATIONS and getattr(part, "approximate", "none") == "none":
                if units[-1].activation is not None:
                    return None
                units[-1] = units[-1]._replace(activation=ACTIVATIONS[type(part)])
            elif type(part) is not nn.Identity:
                return None
        used = sum(1 + (unit.bias is not None) for unit in units)
        return cls(ahead, units, loss, exact) if used == len(layout.names) else None

    @torch.no_grad()
    def before(self, x: Tensor) -> Tensor:
        """x (n, d) as the first Linear gets it; called once on all examples."""
        for part in self.ahead:
            x = part(x)
        return x

    def fits(self, x: Any, y: Any) -> bool:
        """Whether x (n, d) and y are what the formulas are for: rows of numbers, a class or k values each."""
        if not isinstance(x, Tensor) or not isinstance(y, Tensor) or x.dim() != 2:
            return False
        return self.loss != "cross-entropy" or (y.dim() == 1 and not y.is_floating_point() and int(y.min()) >= 0)

    def at(self, weights: Sequence[Tensor], x: Tensor, y: Tensor, coefficients: Tensor) -> StackPoint:
        """The products at these weights for the batch x (b, d), y, with coefficients (b,)."""
        return StackPoint(self, weights, x, y, coefficients)


class StackPoint:
    """Forward and backward pass of one batch at one point. Layer l: z_l = W_l a_{l-1} + c_l, a_l = act(z_l).

    `gradient`: the tensors of sum_i c_i grad l_i. Everything inside is (units, b), so that q directions at once are
    (q, units, b), and V a for all of them is one product of matrices.
    """

    @torch.no_grad()
    def __init__(self, stack: Stack, weights: Sequence[Tensor], x: Tensor, y: Tensor, coefficients: Tensor) -> None:
        self.units, self.weights, self.exact = stack.units, weights, stack.exact
        self.inputs, self.first, self.second = [], [], []
        a = x.t().contiguous()
        for unit in self.units:
            self.inputs.append(a)
            z = weights[unit.weight] @ a
            if unit.bias is not None:
                z += weights[unit.bias][:, None]
            a, first, second = unit.activation(z) if unit.activation else (z, None, None)
            self.first.append(first)
            self.second.append(second)
        c = coefficients.to(a.dtype)
        if stack.loss == "cross-entropy":
            self.share = a.softmax(0)
            self.losses = a.logsumexp(0) - a.gather(0, y[None])[0]
            self.slope = self.share - F.one_hot(y, len(a)).t().to(a.dtype)
        else:
            scale = (1.0 if stack.loss == "half-squared-error" else 2.0) / len(a)
            error = a - y.reshape(len(y), -1).t().to(a.dtype)
            self.share, self.scale = None, scale
            self.losses, self.slope = 0.5 * scale * error.square().sum(0), scale * error
        self.c = c
        self._backward()

    def _backward(self) -> None:
        """delta_l = d loss / d z_l, times c; `behind` the same before the activation's slope."""
        self.deltas, self.behind = [None] * len(self.units), [None] * len(self.units)
        self.gradient: list[Any] = [None] * len(self.weights)
        back = self.slope * self.c
        for l in range(len(self.units) - 1, -1, -1):
            self.behind[l] = back
            delta = back if self.first[l] is None else back * self.first[l]
            self.deltas[l] = delta
            unit = self.units[l]
            self.gradient[unit.weight] = delta @ self.inputs[l].t()
            if unit.bias is not None:
                self.gradient[unit.bias] = delta.sum(1)
            back = self.weights[unit.weight].t() @ delta

    @torch.no_grad()
    def product(
        self, v: Sequence[Tensor], into: Sequence[Tensor], alpha: Sequence[float], beta: Sequence[float]
    ) -> Tensor:
        """Slopes (q, b) along the directions v (tensors (q, *shape)); `into` = beta into + alpha H v, tensor by tensor.

        `into` may be `v` itself: a layer's directions are overwritten after their last use.
        """
        q = len(v[0])
        moved: list[Any] = []  # R{a_l}
        pre: list[Any] = []  # R{z_l}, where the second derivative asks for it
        for l, unit in enumerate(self.units):
            w, a = self.weights[unit.weight], self.inputs[l]
            z = (v[unit.weight].reshape(-1, w.shape[1]) @ a).view(q, len(w), -1)
            if unit.bias is not None:
                z += v[unit.bias][:, :, None]
            if l:
                z.baddbmm_(w.expand(q, *w.shape), moved[-1])
            pre.append(z)
            if self.first[l] is not None:
                kept = self.exact and self.second[l] is not None
                z = z * self.first[l] if kept else z.mul_(self.first[l])
            moved.append(z)
        slopes = (self.slope * moved[-1]).sum(1)
        g = self._curved(moved[-1])
        for l in range(len(self.units) - 1, -1, -1):
            unit = self.units[l]
            w, a, delta = self.weights[unit.weight], self.inputs[l], self.deltas[l]
            if self.first[l] is not None:
                g = g.mul_(self.first[l])
                if self.exact and self.second[l] is not None:
                    g.addcmul_(pre[l], self.behind[l] * self.second[l])
            direction = v[unit.weight]
            below = None
            if l:
                below = torch.bmm(w.t().expand(q, *w.t().shape), g)
                if self.exact:
                    below.baddbmm_(direction.transpose(1, 2), delta.expand(q, *delta.shape))
            out = into[unit.weight]
            _matrix(out).addmm_(g.view(-1, g.shape[-1]), a.t(), beta=beta[unit.weight], alpha=alpha[unit.weight])
            if l and self.exact:
                scaled = delta * alpha[unit.weight]
                out.baddbmm_(scaled.expand(q, *delta.shape), moved[l - 1].transpose(1, 2))
            if unit.bias is not None:
                into[unit.bias].mul_(beta[unit.bias]).add_(g.sum(2), alpha=alpha[unit.bias])
            g = below
        return slopes

    def _curved(self, z: Tensor) -> Tensor:
        """c times the Hessian of the loss by the logits, times z (q, k, b)."""
        if self.share is None:
            return z * (self.scale * self.c)
        mean = (self.share * z).sum(1, keepdim=True)
        return (z - mean).mul_(self.share * self.c)


def _matrix(tensor: Tensor) -> Tensor:
    return tensor.view(-1, tensor.shape[-1])


class Anything:
    """Any twice differentiable model: `outputs(named)` and `losses(outputs)` give the b losses."""

    def __init__(
        self,
        names: Sequence[str],
        outputs: Callable[[Mapping[str, Tensor]], Any],
        losses: Callable[[Any], Tensor],
        exact: bool = True,
    ) -> None:
        self.names, self.outputs, self.losses, self.exact = tuple(names), outputs, losses, exact

    def at(self, weights: Sequence[Tensor], coefficients: Tensor) -> AnythingPoint:
        """The products at these weights, with coefficients (b,)."""
        return AnythingPoint(self, weights, coefficients)


class AnythingPoint:
    """As `StackPoint`, by reverse over reverse: noise is drawn in one plain pass, whose graph serves every direction.

    With u (b,) added to the coefficients, G(theta, u) = sum_i (c_i + u_i) grad l_i. Its products with a direction v
    have the derivatives H v by theta, since H is symmetric, and the slopes grad l_i . v by u.
    """

    def __init__(self, way: Anything, weights: Sequence[Tensor], coefficients: Tensor) -> None:
        self.exact, self.weights = way.exact, [w.detach().requires_grad_() for w in weights]
        self.c = coefficients.to(self.weights[0].dtype)
        self.more = torch.zeros_like(self.c, requires_grad=True)
        # the fused kernels of attention have no second derivative
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), Twice():
            outputs = way.outputs(dict(zip(way.names, self.weights, strict=True)))
            if self.exact:
                self.of = self.weights
                self.slope = self._slope(way.losses(outputs))
                self.gradient = [g.detach() for g in self.slope]
                return
            flat, tree = tree_flatten(outputs)
            self.flat = [z for z in flat if isinstance(z, Tensor) and z.requires_grad]
            self.of = [z.detach().requires_grad_() for z in self.flat]
            free = iter(self.of)
            given = [next(free) if isinstance(z, Tensor) and z.requires_grad else z for z in flat]
            self.slope = self._slope(way.losses(tree_unflatten(given, tree)))
            self.gradient = along(self.flat, self.weights, [s.detach()[None] for s in self.slope])
            self.gradient = [g[0] for g in self.gradient]
            # J' w is linear in w, so that its derivative by w along v is J v
            self.dual = [torch.zeros_like(z, requires_grad=True) for z in self.flat]
            self.pulled = gradients(self.flat, self.weights, self.dual)

    def _slope(self, losses: Tensor) -> list[Tensor]:
        self.losses = losses.detach()
        return gradients([((self.c + self.more) * losses).sum()], self.of)

    def product(
        self, v: Sequence[Tensor], into: Sequence[Tensor], alpha: Sequence[float], beta: Sequence[float]
    ) -> Tensor:
        """As `StackPoint.product`."""
        moved = v if self.exact else along(self.pulled, self.dual, v)
        *curved, slopes = along(self.slope, [*self.of, self.more], moved)
        curved = curved if self.exact else along(self.flat, self.weights, curved)
        for out, h, a, b in zip(into, curved, alpha, beta, strict=True):
            out.mul_(b).add_(h, alpha=a)
        return slopes
