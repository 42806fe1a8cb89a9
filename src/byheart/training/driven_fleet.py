"""Driven fleet: m cells that read sequences of inputs, their gradient by hand (training/forced_sweep.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from byheart.training.fleet import Fleet, Hidden
from byheart.training.forced_sweep import driven, gradients
from byheart.training.piecewise_cells import summed


class DrivenFleet(Fleet):
    """m modules z_t = F(z_{t-1}) + C s_t from z_0 = 0, read out after the last step: B z_t + b."""

    def __init__(self, modules: Sequence[nn.Module], device: str = "cpu") -> None:
        super().__init__(modules, device)
        self.cell: Any = modules[0].cell

    def inputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """s (t, m, d, b) of x (m, b, t, d), and C s (t, m, M, b)."""
        s = x.permute(2, 0, 3, 1).contiguous()
        return s, self.parameters["C"] @ s

    @torch.no_grad()
    def forward(self, x: Tensor, hidden: Hidden | None = None) -> Tensor:
        """Logits (m, b, k) of x (m, b, t, d)."""
        w = self.parameters
        s, added = self.inputs(x)
        sweep = driven(self.cell, w, torch.zeros_like(added[0]), added)
        self.tape = sweep, s
        return (w["B"] @ sweep.said[-1] + w["b"][..., None]).transpose(1, 2)

    @torch.no_grad()
    def backward(self, g: Tensor) -> None:
        """The chain rule, from the last step back."""
        (sweep, s), w, g = self.tape, self.parameters, g.transpose(1, 2)
        slopes = torch.zeros_like(sweep.said)
        slopes[-1] = w["B"].transpose(1, 2) @ g
        last = sweep.said[-1].transpose(1, 2)
        found, _, by_said = gradients(self.cell, w, sweep, slopes)
        found |= {"B": g @ last, "b": g.sum(-1), "C": summed(by_said, s)}
        for name, gradient in self.gradients.items():
            gradient.copy_(found[name])
        del self.tape

    @torch.no_grad()
    def predict(self, x: Tensor, shared: bool) -> Tensor:
        """As `forward`; nothing is kept."""
        w = self.parameters
        _, added = self.inputs(x.expand(self.m, *x.shape) if shared else x)
        z = torch.zeros_like(added[0])
        for one in added:
            z = self.cell.step(w, z) + one
        return (w["B"] @ z + w["b"][..., None]).transpose(1, 2)
