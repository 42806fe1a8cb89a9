"""Contraction: inner products of example gradients, without forming them where that is cheaper.

The gradient of scalar b by a linear layer's weight is the sum over positions t of outer products s_bt a_bt', with a
the layer's input and s the derivative of the scalar by its output. So
<grad_b, grad_q> = sum_tu (a_bt.a_qu)(s_bt.s_qu), and the bias adds sum_tu s_bt.s_qu. A convolution is linear in its
unfolded patches, an embedding in one-hot rows. Several gradients of the same scalars, weighted, are further positions:
that is how the points of a quadrature are summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Outer:
    """Gradients of b scalars by a weight (o, i) and bias (o,): `a` (b, t, i), `s` (b, t, o)."""

    weight: str
    bias: str | None
    a: Tensor
    s: Tensor

    def pair(self, other: Outer | Several, scales: Mapping[str, float]) -> Tensor:
        """Inner products (b, q) with the gradients of q other scalars; each tensor's times its scale."""
        if isinstance(other, Several):
            if self.a.shape[1] > 1:
                return _formed_pair(self.form(), other.form(), scales)
            total = self.s.new_zeros(len(self.s), len(other.terms[0].s))
            for weight, one in zip(other.weights, other.terms, strict=True):
                total.addcmul_(self._inputs(one, scales), self.s[:, 0] @ one.s[:, 0].T, value=weight)
            return total
        (b, t, i), (q, u, _), o = self.a.shape, other.a.shape, self.s.shape[-1]
        if t * u * (i + o) > i * o + o:
            return _formed_pair(self.form(), other.form(), scales)
        s = self.s.reshape(b * t, o) @ other.s.reshape(q * u, o).T
        return _summed(s.mul_(self._inputs(other, scales)), b, t, q, u)

    def _inputs(self, other: Outer, scales: Mapping[str, float]) -> Tensor:
        """a.a' of all positions, times the weight's scale, plus the bias's."""
        i = self.a.shape[-1]
        weight, bias = scales[self.weight], scales[self.bias] if self.bias else 0.0
        mine, theirs = self.a.reshape(-1, i), other.a.reshape(-1, i).T
        if not bias:
            return (mine @ theirs).mul_(weight)
        return torch.addmm(mine.new_full((), bias).expand(len(mine), theirs.shape[1]), mine, theirs, alpha=weight)

    def form(self) -> dict[str, Tensor]:
        """The gradients (b, size) by tensor name."""
        if self.a.shape[1] == 1:
            weight = self.s.transpose(1, 2) * self.a
        else:
            weight = torch.bmm(self.s.transpose(1, 2), self.a)
        return {self.weight: weight.flatten(1)} | ({self.bias: self.s.sum(1)} if self.bias else {})

    def against(self, adjoint: Mapping[str, Tensor], scales: Mapping[str, float]) -> Tensor:
        """Inner products (b, q) with q directions, given as named tensors (q, size)."""
        (b, t, i), o = self.a.shape, self.s.shape[-1]
        if t > 1:
            return _against(self.form(), adjoint, scales)
        v = adjoint[self.weight]
        s = self.s[:, 0]
        # s.(V a) and not (s a).V: the same products, and no gradient of the whole weight is formed
        moved = (self.a[:, 0] @ v.reshape(len(v) * o, i).T).view(b, len(v), o)
        found = torch.bmm(moved, s[:, :, None])[..., 0].mul_(scales[self.weight])
        return torch.addmm(found, s, adjoint[self.bias].T, alpha=scales[self.bias]) if self.bias else found

    def dot(self, direction: Mapping[str, Tensor]) -> Tensor:
        """Inner products (b,) with one direction, given as named tensors."""
        moved = self.a @ direction[self.weight].reshape(self.s.shape[-1], -1).T
        if self.bias:
            moved = moved + direction[self.bias]
        return (moved * self.s).sum((1, 2))

    def joined(self, others: Sequence[Outer], weights: Sequence[float]) -> Outer | Several:
        """The weighted sum of several gradients of the same scalars."""
        if all(one.a.data_ptr() == self.a.data_ptr() for one in others):  # a first layer: the inputs are the data
            return Outer(self.weight, self.bias, self.a, sum(w * one.s for one, w in zip(others, weights, strict=True)))
        if self.a.shape[1] == 1:
            return Several(list(others), list(weights))
        s = torch.cat([w * one.s for one, w in zip(others, weights, strict=True)], 1)
        return Outer(self.weight, self.bias, torch.cat([one.a for one in others], 1), s)


@dataclass
class Several:
    """A weighted sum of `Outer` gradients of one position each, kept apart: joining them would copy the inputs."""

    terms: list[Outer]
    weights: list[float]

    def against(self, adjoint: Mapping[str, Tensor], scales: Mapping[str, float]) -> Tensor:
        """Inner products (b, q), as `Outer.against`."""
        return sum(w * one.against(adjoint, scales) for one, w in zip(self.terms, self.weights, strict=True))

    def form(self) -> dict[str, Tensor]:
        """The gradients (b, size) by tensor name."""
        first = self.terms[0]
        s = torch.cat([w * one.s for one, w in zip(self.terms, self.weights, strict=True)], 1)
        return Outer(first.weight, first.bias, torch.cat([one.a for one in self.terms], 1), s).form()

    def dot(self, direction: Mapping[str, Tensor]) -> Tensor:
        """Inner products (b,) with one direction."""
        return sum(w * one.dot(direction) for one, w in zip(self.terms, self.weights, strict=True))


@dataclass
class Indexed:
    """Gradients of b scalars by an embedding (v, d): rows `ids` (b, t), `s` (b, t, d)."""

    weight: str
    v: int
    ids: Tensor
    s: Tensor

    def pair(self, other: Indexed, scales: Mapping[str, float]) -> Tensor:
        """Inner products (b, q), as `Outer.pair`."""
        (b, t, d), (q, u, _) = self.s.shape, other.s.shape
        if t * u > self.v:
            return _formed_pair(self.form(), other.form(), scales)
        same = (self.ids.reshape(-1, 1) == other.ids.reshape(1, -1)).to(self.s.dtype)
        same.mul_(self.s.reshape(b * t, d) @ other.s.reshape(q * u, d).T).mul_(scales[self.weight])
        return _summed(same, b, t, q, u)

    def against(self, adjoint: Mapping[str, Tensor], scales: Mapping[str, float]) -> Tensor:
        """Inner products (b, q), as `Outer.against`."""
        return _against(self.form(), adjoint, scales)

    def form(self) -> dict[str, Tensor]:
        """The gradients (b, v d)."""
        b, t, d = self.s.shape
        whole = self.s.new_zeros(b * self.v, d)
        rows = self.ids + self.v * torch.arange(b, device=self.ids.device)[:, None]
        whole.index_add_(0, rows.reshape(-1), self.s.reshape(b * t, d))
        return {self.weight: whole.view(b, -1)}

    def dot(self, direction: Mapping[str, Tensor]) -> Tensor:
        """Inner products (b,) with one direction."""
        return (direction[self.weight][self.ids] * self.s).sum((1, 2))

    def joined(self, others: Sequence[Indexed], weights: Sequence[float]) -> Indexed:
        """The weighted sum of several gradients of the same scalars."""
        s = torch.cat([w * one.s for one, w in zip(others, weights, strict=True)], 1)
        return Indexed(self.weight, self.v, torch.cat([one.ids for one in others], 1), s)


@dataclass
class Formed:
    """Gradients of b scalars that exist as such: name -> (b, size)."""

    gradients: dict[str, Tensor]

    def pair(self, other: Formed, scales: Mapping[str, float]) -> Tensor:
        """Inner products (b, q), as `Outer.pair`."""
        return _formed_pair(self.gradients, other.gradients, scales)

    def against(self, adjoint: Mapping[str, Tensor], scales: Mapping[str, float]) -> Tensor:
        """Inner products (b, q), as `Outer.against`."""
        return _against(self.gradients, adjoint, scales)

    def form(self) -> dict[str, Tensor]:
        """The gradients, as new tensors: the caller may write into them."""
        return {name: g.clone() for name, g in self.gradients.items()}

    def dot(self, direction: Mapping[str, Tensor]) -> Tensor:
        """Inner products (b,) with one direction."""
        return sum(g @ direction[name].reshape(-1) for name, g in self.gradients.items())

    def joined(self, others: Sequence[Formed], weights: Sequence[float]) -> Formed:
        """The weighted sum of several gradients of the same scalars."""
        return Formed({
            name: sum(w * one.gradients[name] for one, w in zip(others, weights, strict=True))
            for name in self.gradients
        })  # fmt: skip


Part = Outer | Several | Indexed | Formed


@dataclass
class Gradients:
    """Gradients of b scalars by all weights, as one part a layer."""

    parts: list[Part]

    def pair(self, other: Gradients, scales: Mapping[str, float]) -> Tensor:
        """Inner products (b, q) with other gradients; `scales` gives a factor for each tensor's share."""
        total = None
        for mine, theirs in zip(self.parts, other.parts, strict=True):
            found = mine.pair(theirs, scales)
            total = found if total is None else total.add_(found)
        return total

    def against(self, adjoint: Mapping[str, Tensor], scales: Mapping[str, float]) -> Tensor:
        """Inner products (b, q) with q directions, given as named tensors (q, size); each tensor's times its scale."""
        return sum(part.against(adjoint, scales) for part in self.parts)

    def dot(self, direction: Mapping[str, Tensor]) -> Tensor:
        """Inner products (b,) with one direction, given as named tensors."""
        return sum(part.dot(direction) for part in self.parts)

    def form(self) -> dict[str, Tensor]:
        """name -> (b, size)."""
        return {name: g for part in self.parts for name, g in part.form().items()}


def joined(gradients: Sequence[Gradients], weights: Sequence[float]) -> Gradients:
    """What is the weighted sum of several gradients of the same scalars, still unformed?"""
    if len(gradients) == 1 and weights[0] == 1:
        return gradients[0]
    columns = zip(*(g.parts for g in gradients), strict=True)
    return Gradients([parts[0].joined(parts, weights) for parts in columns])


def _against(mine: Mapping[str, Tensor], adjoint: Mapping[str, Tensor], scales: Mapping[str, float]) -> Tensor:
    return sum((g @ adjoint[name].T).mul_(scales[name]) for name, g in mine.items())


def _formed_pair(mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor], scales: Mapping[str, float]) -> Tensor:
    return sum((g @ theirs[name].T) * scales[name] for name, g in mine.items())


def _summed(products: Tensor, b: int, t: int, q: int, u: int) -> Tensor:
    return products if t == u == 1 else products.view(b, t, q, u).sum((1, 3))
