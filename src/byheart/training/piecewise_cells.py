"""Piecewise cells: F(z) = A z + V c(z) + h with c piecewise linear, and its derivatives by hand, m members at once.

A cell says what c is, in two ways that tests hold against each other: as plain operations that torch differentiates,
and in place with what the way back needs. The weights go by the names of the papers; which of them are V and h of the
formula above the cell says.

Shapes: states z (m, M, b), features c (m, H, b); the batch last, so that one `bmm` serves all members.

Reference: Schmidt, Koppe, Monfared, Beutelspacher, Durstewitz 2021, "Identifying nonlinear dynamical systems with
multiple time scales and long-range dependencies", ICLR (PLRNN); Brenner et al. 2022, "Tractable dendritic RNNs for
reconstructing nonlinear dynamical systems", ICML; Hess, Monfared, Brenner, Durstewitz 2023, "Generalized teacher
forcing for learning chaotic dynamics", ICML (shallow, clipped); Brenner, Hemmer, Monfared, Durstewitz 2024,
"Almost-linear RNNs yield highly interpretable symbolic codes in dynamical systems reconstruction", NeurIPS.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]  # name -> (m, ...)
Kept = Sequence[Tensor]  # of one step, (m, H, b) each


class Cell(ABC):
    """F(z) = A z + V c(z) + h; V and h are the weights called `mix` and `shift`.

    What a step keeps is first its own: `kept` arrays of the shape of c, the last of which ends as the derivative of the
    loss by the arguments of the kinks.
    """

    mix: ClassVar[str] = "W"
    shift: ClassVar[str] = "h"
    kept: ClassVar[int] = 1

    def step(self, w: Weights, z: Tensor) -> Tensor:
        """F(z) in operations that torch differentiates."""
        return w["A"][..., None] * z + w[self.mix] @ self.features(w, z) + w[self.shift][..., None]

    @abstractmethod
    def features(self, w: Weights, z: Tensor) -> Tensor:
        """c(z)."""

    @abstractmethod
    def forward(self, w: Weights, z: Tensor, c: Tensor, kept: Kept) -> None:
        """c(z) into `c`, what the way back needs into `kept`; its last is dc by the argument of the kinks."""

    def backward(self, w: Weights, g: Tensor, kept: Kept, sums: Mapping[str, Tensor]) -> Tensor:
        """Derivative by z (m, M, b) from that by c; sums over the steps go into `sums` (m, H, b)."""
        return kept[-1].mul_(g)

    def gradients(self, w: Weights, z: Tensor, kept: Kept, sums: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Derivatives by the cell's own weights, after the way back; z and what was kept are (t, m, ..., b)."""
        return {}

    def tidy(self, gradients: Mapping[str, Tensor]) -> None:
        """Derivatives by entries that are no weights become 0; here all are."""
        return

    def sums(self, w: Weights, b: int) -> dict[str, Tensor]:
        """Zeros (m, H, b) for what `backward` sums up."""
        return {}

    def jacobian(self, w: Weights, z: Tensor) -> Tensor:
        """(m, b, M, M) derivatives of F at the states."""
        c, kept = self.room(w, (), z)
        self.forward(w, z, c, kept)
        return torch.diag_embed(w["A"])[:, None] + self.mixed(w, kept[-1].transpose(1, 2))

    def mixed(self, w: Weights, slopes: Tensor) -> Tensor:
        """(m, b, M, M) derivatives of V c(z) by z, from those of c by the arguments of its kinks (m, b, H)."""
        return w[self.mix][:, None] * slopes[:, :, None]

    def room(self, w: Weights, before: tuple[int, ...], z: Tensor) -> tuple[Tensor, Kept]:
        """Empty arrays (*before, m, H, b) for c and for each that is kept."""
        shape = (*before, len(z), w[self.mix].shape[-1], z.shape[-1])
        return z.new_empty(shape), [z.new_empty(shape) for _ in range(self.kept)]


@dataclass(frozen=True)
class Rectified(Cell):
    """c = z, rectified in its last `rectified` units; None: in all of them, and then W has no diagonal.

    dc = [z > 0] where rectified, else 1.
    """

    rectified: int | None = None

    def features(self, w: Weights, z: Tensor) -> Tensor:
        """As `Cell`."""
        first = self._first(z)
        return torch.cat([z[:, :first], z[:, first:].clamp(min=0)], 1)

    def forward(self, w: Weights, z: Tensor, c: Tensor, kept: Kept) -> None:
        """As `Cell`."""
        first = self._first(z)
        c.copy_(z)[:, first:].clamp_min_(0)
        kept[0].fill_(1)
        torch.sign(c[:, first:], out=kept[0][:, first:])

    def tidy(self, gradients: Mapping[str, Tensor]) -> None:
        """As `Cell`: the diagonal of W is that of A."""
        if self.rectified is None:
            gradients["W"].diagonal(dim1=1, dim2=2).zero_()

    def _first(self, z: Tensor) -> int:
        return 0 if self.rectified is None else z.shape[1] - self.rectified


class Shallow(Cell):
    """c = max(a + h2, 0) - max(a, 0) with a = W2 z: clipped, so that orbits are bounded where every |A| < 1.

    dc = [a > -h2] - [a > 0] by a, and [a > -h2] by h2.
    """

    mix, shift, kept = "W1", "h1", 2

    def features(self, w: Weights, z: Tensor) -> Tensor:
        """As `Cell`."""
        a = w["W2"] @ z
        return (a + w["h2"][..., None]).clamp(min=0) - a.clamp(min=0)

    def forward(self, w: Weights, z: Tensor, c: Tensor, kept: Kept) -> None:
        """As `Cell`."""
        by_shift, by_a = kept
        a = torch.bmm(w["W2"], z)
        torch.add(a, w["h2"][..., None], out=c).clamp_min_(0)
        torch.sign(c, out=by_shift)
        torch.sub(by_shift, a.clamp_min_(0).sign(), out=by_a)
        c.sub_(a)

    def backward(self, w: Weights, g: Tensor, kept: Kept, sums: Mapping[str, Tensor]) -> Tensor:
        """As `Cell`."""
        by_shift, by_a = kept
        sums["h2"].addcmul_(by_shift, g)
        return torch.bmm(w["W2"].transpose(1, 2), by_a.mul_(g))

    def gradients(self, w: Weights, z: Tensor, kept: Kept, sums: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As `Cell`."""
        return {"W2": summed(kept[-1], z), "h2": sums["h2"].sum(-1)}

    def sums(self, w: Weights, b: int) -> dict[str, Tensor]:
        """As `Cell`."""
        return {"h2": w["h2"].new_zeros(*w["h2"].shape, b)}

    def mixed(self, w: Weights, slopes: Tensor) -> Tensor:
        """As `Cell`; one product for all states, of what each kink adds."""
        units = w["A"].shape[1]
        of_kinks = w["W1"].transpose(1, 2)[..., None] * w["W2"][:, :, None]  # (m, H, M, M)
        return (slopes @ of_kinks.flatten(2)).unflatten(2, (units, units))


def summed(g: Tensor, of: Tensor) -> Tensor:
    """(m, i, j) sum over steps and batch of g (t, m, i, b) times `of` (t, m, j, b): one product for all steps."""
    t, m = g.shape[:2]
    products = torch.bmm(g.flatten(0, 1), of.flatten(0, 1).transpose(1, 2))
    return products.view(t, m, *products.shape[1:]).sum(0)
