r"""Forced sweep: a cell driven through a sequence under teacher forcing, and the gradient of its losses by hand.

    p_t = F(z~_{t-1}) (+ what is added),   z~_t = (1 - alpha_t) p_t + alpha_t xhat_t

p_t is what is said of step t, before it is forced; alpha_t is 0 for units that no data are known of. Backwards, with
s_t the derivative of the loss by p_t,

    g_t = s_t + (1 - alpha_t) b_t,   b_{t-1} = F'(z~_{t-1})' g_t

and the derivatives by the weights are sums over t of products with g_t, taken at once after the sweep: only g is
sequential. alpha_t = alpha is generalised teacher forcing, 1 at every tau-th step and 0 between is sparse forcing, 1 is
plain teacher forcing.

Reference: Doya 1992, "Bifurcations in the learning of recurrent neural networks", ISCAS; Mikhaeil, Monfared, Durstewitz
2022, "On the difficulty of learning chaotic dynamics with RNNs", NeurIPS; Hess et al. 2023, section 3.
"""

from __future__ import annotations

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
        strength: (t, m, M, 1) alpha.
    """

    said: Tensor
    held: Tensor
    features: Tensor
    kept: Kept
    strength: Tensor


def swept(cell: Cell, w: Weights, first: Tensor, data: Tensor, strength: Tensor, added: Tensor | None = None) -> Sweep:
    """Drive a cell through t steps.

    Args:
        cell: F.
        w: its weights (m, ...).
        first: (m, M, b) z~ before the first step.
        data: (t, m, M, b) what each step is drawn to; 0 for units that no data are known of.
        strength: (t, m, M, 1) how far: alpha.
        added: (t, m, M, b) inputs from outside, if any.
    """
    t = len(data)
    held, said = first.new_empty(t + 1, *first.shape), first.new_empty(t, *first.shape)
    held[0] = first
    features, kept = cell.room(w, (t,), first)
    a, mix, shift = w["A"][..., None], w[cell.mix], w[cell.shift][..., None]
    for s in range(t):
        z, c, p = held[s], features[s], said[s]
        cell.forward(w, z, c, [one[s] for one in kept])
        torch.baddbmm(shift, mix, c, out=p).addcmul_(a, z)
        if added is not None:
            p.add_(added[s])
        torch.lerp(p, data[s], strength[s], out=held[s + 1])
    return Sweep(said, held[:-1], features, kept, strength)


def gradients(cell: Cell, w: Weights, sweep: Sweep, slopes: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Derivatives of a loss by the weights, by the first state (m, M, b), and by p of every step (t, m, M, b).

    `slopes` (t, m, M, b) are its direct derivatives by p; the sweep's `kept` is used up.
    """
    by_said = torch.empty_like(slopes)
    back, passed = torch.zeros_like(slopes[0]), 1 - sweep.strength
    sums = cell.sums(w, slopes.shape[-1])
    a, mixed = w["A"][..., None], w[cell.mix].transpose(1, 2)
    for s in range(len(slopes) - 1, -1, -1):
        g = torch.addcmul(slopes[s], passed[s], back, out=by_said[s])
        back = cell.backward(w, torch.bmm(mixed, g), [one[s] for one in sweep.kept], sums).addcmul(a, g)
    found = {
        "A": (by_said * sweep.held).sum((0, -1)),
        cell.mix: summed(by_said, sweep.features),
        cell.shift: by_said.sum((0, -1)),
        **cell.gradients(w, sweep.held, sweep.kept, sums),
    }
    cell.tidy(found)
    return found, back, by_said
