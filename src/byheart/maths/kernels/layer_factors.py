"""Layer factors: what the gradients of one layer are products of, and the products of two such gradients.

The gradient of output o by the weights of a linear layer is sum_t delta_ot a_t^T, of its inputs a_t and of the
derivatives delta_ot by its outputs at positions t: a product of two gradients needs neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from byheart.maths.shapes import Float, Int

HELD = 1 << 25  # numbers held at once


@dataclass(frozen=True)
class Outer:
    """Gradients sum_t delta_t a_t^T in each of g groups, those of the bias as the last column where there is one."""

    a: Float[Tensor, "n g t d"]
    delta: Float[Tensor, "n k g t c"]
    keys: tuple[str, ...]

    def weighted(self, rows: Tensor, outputs: Tensor) -> dict[str, Tensor]:
        """The gradient of sum_io rows_i outputs_o f_o(x_i), by its parameters."""
        delta = torch.einsum("nkgtc,n,k->ngtc", self.delta, rows, outputs)
        whole = torch.einsum("ngtc,ngtd->gcd", delta, self.a)
        if self.keys == ("bias",):
            return {"bias": whole.flatten()}
        if "bias" in self.keys:
            return {"weight": whole[..., :-1].flatten(), "bias": whole[..., -1].flatten()}
        return {"weight": whole.flatten()}

    def folded(self) -> Outer:
        """With all outputs as one: products are then sums over equal outputs."""
        n, k, g, t, c = self.delta.shape
        return Outer(self.a, self.delta.permute(0, 2, 3, 1, 4).reshape(n, 1, g, t, k * c), self.keys)

    def products(self, other: Outer) -> Float[Tensor, "n r k k2"]:
        """Products of all gradients: through those of inputs and of deltas, or of the gradients, as is cheaper."""
        if self.a.shape[1:3] == (1, 1):
            a, b = self.delta[:, :, 0, 0], other.delta[:, :, 0, 0]
            inputs = self.a[:, 0, 0] @ other.a[:, 0, 0].T
            return (a.flatten(0, 1) @ b.flatten(0, 1).T).unflatten(0, a.shape[:2]).unflatten(-1, b.shape[:2]).permute(
                0, 2, 1, 3
            ) * inputs[:, :, None, None]
        (n, k, g, t, c), r, d = self.delta.shape, len(other.a), self.a.shape[-1]
        through_pairs = n * r * g * t * (t * d + k * t * c + k * k * c)
        through_gradients = g * c * d * ((n + r) * k * t + n * r * k * k)
        if through_pairs > through_gradients:
            return by_blocks(self.gradients, other.gradients, n, r, k * g * c * d)
        parts = [
            by_pairs(lambda i, j, a=self.a[:, m], b=other.a[:, m]: a[i] @ b[j].transpose(1, 2), one, two)
            for m, one, two in zip(range(g), self.delta.unbind(2), other.delta.unbind(2), strict=True)
        ]
        return torch.stack(parts).sum(0)

    def gradients(self, part: slice) -> Float[Tensor, "b k p"]:
        """The gradients themselves, of some examples."""
        return torch.einsum("ngtd,nkgtc->nkgcd", self.a[part], self.delta[part]).flatten(2)


@dataclass(frozen=True)
class Lookup:
    """Gradients of a table of which position t reads row ids_t: delta_t is added to that row."""

    ids: Int[Tensor, "n t"]
    delta: Float[Tensor, "n k t c"]
    rows: int
    keys: tuple[str, ...] = ("weight",)

    def weighted(self, rows: Tensor, outputs: Tensor) -> dict[str, Tensor]:
        """As `Outer.weighted`."""
        each = torch.einsum("nktc,n,k->ntc", self.delta, rows, outputs).flatten(0, 1)
        table = each.new_zeros(self.rows, each.shape[-1]).index_add_(0, self.ids.flatten(), each)
        return {"weight": table.flatten()}

    def folded(self) -> Lookup:
        """As `Outer.folded`."""
        n, k, t, c = self.delta.shape
        return Lookup(self.ids, self.delta.transpose(1, 2).reshape(n, 1, t, k * c), self.rows)

    def products(self, other: Lookup) -> Float[Tensor, "n r k k2"]:
        """Deltas meet where both read the same row."""

        def same(i: int, j: slice) -> Tensor:
            return (self.ids[i][None, :, None] == other.ids[j][:, None]).to(self.delta.dtype)

        return by_pairs(same, self.delta, other.delta)


@dataclass(frozen=True)
class Formed:
    """The gradients themselves, by parameter: few enough to be held."""

    parts: dict[str, Float[Tensor, "n k p"]]

    @property
    def keys(self) -> tuple[str, ...]:
        """The parameters that they are of."""
        return tuple(self.parts)

    def weighted(self, rows: Tensor, outputs: Tensor) -> dict[str, Tensor]:
        """As `Outer.weighted`."""
        return {key: torch.einsum("nkp,n,k->p", g, rows, outputs) for key, g in self.parts.items()}

    def folded(self) -> Formed:
        """As `Outer.folded`."""
        return Formed({key: g.flatten(1)[:, None] for key, g in self.parts.items()})

    def products(self, other: Formed) -> Float[Tensor, "n r k k2"]:
        """Their products."""
        return sum(inner(g, other.parts[key]) for key, g in self.parts.items())


Factors = Outer | Lookup | Formed


def inner(a: Float[Tensor, "n k p"], b: Float[Tensor, "r k2 p"]) -> Float[Tensor, "n r k k2"]:
    """What are the products of all rows of two sets of gradients?"""
    (n, k, _), (r, k2, _) = a.shape, b.shape
    return (a.flatten(0, 1) @ b.flatten(0, 1).T).view(n, k, r, k2).permute(0, 2, 1, 3)


def by_blocks(a, b, n: int, r: int, size: int) -> Float[Tensor, "n r k k2"]:
    """Products of gradients that `a` and `b` give of some examples (slices), `size` numbers each, never all at once."""
    step = max(1, HELD // size)
    blocks = [slice(start, start + step) for start in range(0, max(n, r), step)]
    rows = []
    for i in (part for part in blocks if part.start < n):
        mine = a(i)
        rows.append(torch.cat([inner(mine, b(j)) for j in blocks if j.start < r], 1))
    return torch.cat(rows)


def by_pairs(gram, delta: Float[Tensor, "n k t c"], other: Float[Tensor, "r k2 s c"]) -> Float[Tensor, "n r k k2"]:
    """sum_ts gram_ts(x, x') delta_ot . delta'_ps, of `gram(i, j)` (b, t, s) for an example i and some j."""
    (n, k, t, c), (r, k2, s, _) = delta.shape, other.shape
    found = delta.new_empty(n, r, k, k2)
    step = max(1, HELD // (t * max(s, k2 * c)))
    last = other.transpose(1, 2).reshape(r, s, k2 * c)
    for i in range(n):
        mine = delta[i].reshape(k, t * c)
        for start in range(0, r, step):
            j = slice(start, start + step)
            met = (gram(i, j) @ last[j]).view(-1, t, k2, c).transpose(1, 2).reshape(-1, k2, t * c)  # (b, k2, t c)
            found[i, j] = mine @ met.transpose(1, 2)
    return found


def keys_of(layer: nn.Module) -> tuple[str, ...]:
    """Which trained parameters does a layer itself hold, if its gradients are known factors?

    None where they are not.
    """
    own = dict(layer.named_parameters(recurse=False))
    if not own or not set(own) <= {"weight", "bias"} or not _plain(layer):
        return ()
    return tuple(key for key, p in own.items() if p.requires_grad)


def _plain(layer: nn.Module) -> bool:
    """Of a type whose forward pass this file knows; a subclass may do anything else."""
    if type(layer) is nn.Conv2d:
        return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    if type(layer) is nn.Embedding:
        return layer.max_norm is None and not layer.scale_grad_by_freq and not layer.sparse
    if type(layer) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d):
        return layer.running_mean is not None
    return type(layer) in (nn.Linear, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def factors(layer: nn.Module, keys: tuple[str, ...], a: Tensor, delta: Tensor, n: int) -> Factors:
    """What are the gradients of n examples made of, given the layer's input and the derivatives by its outputs?

    a is what it was called on, (n, ...), or (n t, ...) with the positions of each example together; delta (k, ...) are
    derivatives of the k outputs of the model; `layer` is one that `keys_of` knows, by its trained parameters `keys`.
    """
    k = len(delta)
    match layer:
        case nn.Linear():
            a, delta = a.reshape(n, 1, -1, a.shape[-1]), delta.reshape(k, n, 1, -1, delta.shape[-1])
            return Outer(_with_ones(a, keys), delta.transpose(0, 1), keys)
        case nn.Conv2d():
            patches = F.unfold(a, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
            patches = patches.unflatten(1, (layer.groups, -1)).transpose(2, 3)  # (n, g, t, d)
            delta = delta.flatten(3).unflatten(2, (layer.groups, -1)).permute(1, 0, 2, 4, 3)
            return Outer(_with_ones(patches, keys), delta, keys)
        case nn.Embedding():
            delta = delta.reshape(k, n, -1, delta.shape[-1]).transpose(0, 1)
            ids = a.reshape(n, -1)
            if layer.padding_idx is not None:
                delta = delta * (ids != layer.padding_idx)[:, None, :, None]
            return Lookup(ids, delta, layer.num_embeddings)
    scaled = _standardised(layer, a)
    if not isinstance(layer, nn.LayerNorm | nn.RMSNorm):  # channels stand second
        scaled, delta = scaled.movedim(1, -1), delta.movedim(2, -1)
    size = layer.weight.numel()
    scaled, delta = scaled.reshape(n, 1, -1, size), delta.reshape(k, n, -1, size).transpose(0, 1)
    return Formed({key: (delta * scaled if key == "weight" else delta).sum(2) for key in keys})


def _with_ones(a: Tensor, keys: tuple[str, ...]) -> Tensor:
    """The inputs that the trained weights multiply: a bias multiplies 1."""
    ones = a.new_ones(*a.shape[:-1], 1)
    if "weight" not in keys:
        return ones
    return torch.cat([a, ones], -1) if "bias" in keys else a


def _standardised(layer: nn.Module, a: Tensor) -> Tensor:
    """What the weights of a normalising layer multiply."""
    match layer:
        case nn.LayerNorm():
            return F.layer_norm(a, layer.normalized_shape, eps=layer.eps)
        case nn.RMSNorm():
            return F.rms_norm(a, layer.normalized_shape, eps=layer.eps)
        case nn.GroupNorm():
            return F.group_norm(a, layer.num_groups, eps=layer.eps)
    return F.batch_norm(a, layer.running_mean, layer.running_var, eps=layer.eps)


def held(layer: nn.Module, a: Tensor, out: Tensor, k: int) -> int:
    """How many numbers do the factors of one batch hold?"""
    patches = prod(layer.kernel_size) / max(1, prod(layer.stride)) if isinstance(layer, nn.Conv2d) else 1
    return int(a.numel() * patches) + k * out.numel()
