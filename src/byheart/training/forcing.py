r"""Forcing: how far a model is drawn to the data at each step of a window, and what strength does not let it explode.

- `constant`: alpha at every step, generalised teacher forcing; 1 is plain teacher forcing.
- `sparse`: 1 at every tau-th step, 0 between.
- `adaptive`: alpha follows the Jacobians J of the model at the data. Gradients stay bounded where (1 - alpha) s <= 1,

    alpha* = max(0, 1 - 1 / s)
    s = max over sequences of (prod_t ||J(xhat_t)||)^(1/t)   `product`, the upper bound of a product of matrices
    s = max over sequences of ||mean_t J(xhat_t)||           `mean`

  Every 5th batch: where alpha* is above alpha it is taken at once, else alpha <- 0.999 alpha + 0.001 alpha*; it starts
  at 1.

Reference: Hess, Monfared, Brenner, Durstewitz 2023, "Generalized teacher forcing for learning chaotic dynamics", ICML,
sections 3 and 4; Mikhaeil, Monfared, Durstewitz 2022 (sparse).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from byheart.training.forced_fleet import ForcedFleet

Kind = Literal["constant", "sparse", "adaptive"]
Estimate = Literal["product", "mean"]
EVERY = 5  # batches from one estimate to the next
GAMMA = 0.999  # what stays of alpha where the estimate is lower
AT_ONCE = 1 << 22  # numbers of Jacobians that are held


class Forcing:
    """The strength of m members on their way: `strength` (m,), at a step of the window by `table`."""

    def __init__(self, kind: Kind, alpha: float, every: int, estimate: Estimate, m: int, device: str) -> None:
        self.kind, self.every, self.estimate, self.batches = kind, every, estimate, 0
        self.strength = torch.full((m,), 1.0 if kind == "adaptive" else alpha, device=device)

    def table(self, steps: int) -> Tensor:
        """(steps, m) alpha at the steps 1, 2, ... of a window."""
        table = self.strength.expand(steps, -1)
        if self.kind != "sparse":
            return table
        forced = torch.arange(1, steps + 1, device=table.device) % self.every == 0
        return forced[:, None].to(table.dtype).expand(-1, table.shape[1])

    def look(self, fleet: ForcedFleet, held: Tensor, data: Tensor) -> None:
        """Count a batch whose states before each step were `held` (t, m, M, b), and adapt by it if its turn is now.

        `data` (t, m, M, b): the Jacobians are taken where the units that are read out stand at the data.
        """
        self.batches += 1
        if self.kind != "adaptive" or (self.batches - 1) % EVERY:
            return
        at = held.clone()
        at[1:, :, : fleet.channels] = data[:-1, :, : fleet.channels]
        wanted = (1 - 1 / growth(fleet, at, self.estimate)).clamp(min=0).to(self.strength)
        slowly = GAMMA * self.strength + (1 - GAMMA) * wanted
        self.strength = torch.where(wanted > self.strength, wanted, slowly)


@torch.no_grad()
def growth(fleet: ForcedFleet, states: Tensor, estimate: Estimate) -> Tensor:
    """(m,) s of the states (t, m, M, b)."""
    t, m, units, b = states.shape
    found = []
    for j in range(m):
        w = {name: weight[j : j + 1] for name, weight in fleet.parameters.items()}
        logs, total, by = states.new_zeros(b), states.new_zeros(b, units, units), max(AT_ONCE // (b * units**2), 1)
        for part in states[:, j].split(by):  # (t', M, b)
            z = part.permute(1, 0, 2).reshape(1, units, -1)
            jacobians = fleet.cell.jacobian(w, z)[0].view(len(part), b, units, units)
            if estimate == "product":
                logs += norms(jacobians).log().sum(0)
            else:
                total += jacobians.sum(0)
        found.append((logs / t).exp().max() if estimate == "product" else norms(total / t).max())
    return torch.stack(found)


def norms(matrices: Tensor) -> Tensor:
    r"""Spectral norms of (..., M, M), by the largest eigenvalue of J'J; infinite where a matrix is not finite.

    >>> norms(torch.diag(torch.tensor([3.0, 1.0]))).item()
    3.0
    """
    squares = matrices.transpose(-1, -2) @ matrices
    finite = squares.isfinite().all(-1).all(-1)
    largest = torch.linalg.eigvalsh(torch.where(finite[..., None, None], squares, 0.0))[..., -1]
    return torch.where(finite, largest.clamp(min=0).sqrt(), torch.inf)
