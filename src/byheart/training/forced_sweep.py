r"""Forced sweep: a cell driven through a sequence under teacher forcing, and the gradient of its losses by hand.

    p_t = F(z~_{t-1}) (+ what drives it),   z~_t = (1 - alpha_t) p_t + alpha_t xhat_t

p_t is what is said of step t, before it is forced; alpha_t is 0 for units that no data are known of. A cell that only
inputs drive is swept without data: z~ = p. Backwards, with s_t the derivative of the loss by p_t,

    g_t = s_t + (1 - alpha_t) b_t,   b_{t-1} = F'(z~_{t-1})' g_t

and the derivatives by the weights are sums over t of products with g_t, taken at once after the sweep: only g is
sequential. alpha_t = alpha is generalised teacher forcing, 1 at every tau-th step and 0 between is sparse forcing, 1 is
plain teacher forcing.

Reference: Doya 1992, "Bifurcations in the learning of recurrent neural networks", ISCAS; Mikhaeil, Monfared, Durstewitz
2022, "On the difficulty of learning chaotic dynamics with RNNs", NeurIPS; Hess et al. 2023, section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from byheart.training.piecewise_cells import Cell, Kept, Weights, summed


@dataclass(frozen=True)
class Sweep:
    """What a sweep of t steps leaves.

    Attributes:
        said: (t, m, M, b) p of every step.
        held: (t, m, M, b) z~ before every step.
        features: (t, m, H, b) c of `held`; `kept` as the cell keeps it.
        passed: (t, m, M, 1) 1 - alpha.
    """

    said: Tensor
    held: Tensor
    features: Tensor
    kept: Kept
    passed: Tensor


def forced(cell: Cell, w: Weights, first: Tensor, data: Tensor, strength: Tensor) -> Sweep:
    """Drive a cell through t steps by data.

    Args:
        cell: F.
        w: its weights (m, ...).
        first: (m, M, b) z~ before the first step.
        data: (t, m, M, b) what each step is drawn to; 0 for units that no data are known of.
        strength: (t, m, M, 1) how far: alpha.
    """

    def follow(step: int, said: Tensor, held: Tensor) -> None:
        torch.lerp(said, data[step], strength[step], out=held)

    return _swept(cell, w, first, len(data), follow, 1 - strength)


def driven(cell: Cell, w: Weights, first: Tensor, added: Tensor) -> Sweep:
    """Drive a cell from `first` (m, M, b) through t steps by what is added to each, (t, m, M, b)."""

    def follow(step: int, said: Tensor, held: Tensor) -> None:
        held.copy_(said.add_(added[step]))

    return _swept(cell, w, first, len(added), follow, first.new_ones(len(added), 1, 1, 1))


def _swept(
    cell: Cell, w: Weights, first: Tensor, t: int, follow: Callable[[int, Tensor, Tensor], None], passed: Tensor
) -> Sweep:
    """`follow` writes z~ of a step from what is said of it."""
    held, said = first.new_empty(t + 1, *first.shape), first.new_empty(t, *first.shape)
    held[0] = first
    features, kept = cell.room(w, (t,), first)
    a, mix, shift = w["A"][..., None], w[cell.mix], w[cell.shift][..., None]
    for step in range(t):
        z, c, p = held[step], features[step], said[step]
        cell.forward(w, z, c, [one[step] for one in kept])
        torch.baddbmm(shift, mix, c, out=p).addcmul_(a, z)
        follow(step, p, held[step + 1])
    return Sweep(said, held[:-1], features, kept, passed)


def gradients(cell: Cell, w: Weights, sweep: Sweep, slopes: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Derivatives of a loss by the weights, by the first state (m, M, b), and by p of every step (t, m, M, b).

    `slopes` (t, m, M, b) are its direct derivatives by p; the sweep's `kept` is used up.
    """
    by_said, back = torch.empty_like(slopes), torch.zeros_like(slopes[0])
    sums = cell.sums(w, slopes.shape[-1])
    a, mixed = w["A"][..., None], w[cell.mix].transpose(1, 2)
    for step in range(len(slopes) - 1, -1, -1):
        g = torch.addcmul(slopes[step], sweep.passed[step], back, out=by_said[step])
        back = cell.backward(w, torch.bmm(mixed, g), [one[step] for one in sweep.kept], sums).addcmul(a, g)
    found = {
        "A": (by_said * sweep.held).sum((0, -1)),
        cell.mix: summed(by_said, sweep.features),
        cell.shift: by_said.sum((0, -1)),
        **cell.gradients(w, sweep.held, sweep.kept, sums),
    }
    cell.tidy(found)
    return found, back, by_said
