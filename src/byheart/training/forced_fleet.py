"""Forced fleet: m cells that are driven through windows, their gradient by hand (training/forced_sweep.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from byheart.training.fleet import Fleet, Hidden
from byheart.training.forced_sweep import Sweep, forced, gradients

STARTED_BY = "L"  # the weights that start the units no data are known of, from the first step of the data


class ForcedFleet(Fleet):
    """m modules with a `cell` whose first `channels` units are read out, trained on windows x (m, b, w, d).

    Seen from outside it says what follows a window: every step of it forces the read-out units all the way, the other
    units go on by themselves. That is said as any network says it, in the units of its standardised targets: what the
    cell says less `carried` times the last step, less `centre`, over `scale` (buffers (m, d) of the modules).
    """

    def __init__(self, modules: Sequence[nn.Module], device: str = "cpu") -> None:
        super().__init__(modules, device)
        self.cell: Any = modules[0].cell
        self.channels = int(modules[0].channels)
        self.units = self.parameters["A"].shape[1]

    def states(self, x: Tensor) -> Tensor:
        """(m, M, b) where orbits begin: x (m, b, d) read out, the other units by their linear start."""
        seen = x.transpose(1, 2)
        return torch.cat([seen, self.parameters[STARTED_BY] @ seen], 1) if self.units > self.channels else seen

    def beside(self, x: Tensor) -> Tensor:
        """(t, m, M, b) what data x (m, b, t, d) say of each unit: 0 of those that are not read out."""
        seen = x.new_zeros(x.shape[2], self.m, self.units, x.shape[1])
        seen[:, :, : self.channels] = x.permute(2, 0, 3, 1)
        return seen

    @torch.no_grad()
    def run(self, x: Tensor, y: Tensor, strength: Tensor) -> tuple[Sweep, Tensor]:
        """The sweep through windows x (m, b, w, d) and what follows, y (m, b, d); and its data (w, m, M, b).

        `strength` (w, m) is alpha at the steps 1..w, of the units that are read out.
        """
        table = x.new_zeros(*strength.shape, self.units, 1)
        table[:, :, : self.channels] = strength[..., None, None]
        data = self.beside(torch.cat([x[:, :, 1:], y[:, :, None]], 2))
        return forced(self.cell, self.parameters, self.states(x[:, :, 0]), data, table), data

    @torch.no_grad()
    def differentiate(self, sweep: Sweep, x: Tensor, slopes: Tensor) -> None:
        """Fill `gradient` with that of a loss whose derivatives by what is said are `slopes` (w, m, d, b)."""
        every = torch.zeros_like(sweep.said)
        every[:, :, : self.channels] = slopes
        found, first, _ = gradients(self.cell, self.parameters, sweep, every)
        if self.units > self.channels:
            found[STARTED_BY] = first[:, self.channels :] @ x[:, :, 0]
        for name, gradient in self.gradients.items():
            gradient.copy_(found[name])

    def targets(self, next_steps: Tensor, x: Tensor) -> Tensor:
        """As standardised targets (m, b, d) what follows windows x (m, b, w, d)."""
        centre, scale, carried = (self.buffers[name][:, None] for name in ("centre", "scale", "carried"))
        return (next_steps - carried * x[:, :, -1] - centre) / scale

    def next_steps(self, targets: Tensor, x: Tensor) -> Tensor:
        """What follows windows x (m, b, w, d), from the standardised targets (m, b, d)."""
        centre, scale, carried = (self.buffers[name][:, None] for name in ("centre", "scale", "carried"))
        return targets * scale + centre + carried * x[:, :, -1]

    def forward(self, x: Tensor, hidden: Hidden | None = None) -> Tensor:
        """(m, b, d) what follows windows x (m, b, w, d), as standardised targets."""
        sweep, _ = self.run(x, torch.zeros_like(x[:, :, 0]), x.new_ones(x.shape[2], self.m))
        self.tape = sweep, x
        return self.targets(sweep.said[-1, :, : self.channels].transpose(1, 2), x)

    def backward(self, g: Tensor) -> None:
        """The gradient of a loss of the last step alone, from its derivative g (m, b, d)."""
        sweep, x = self.tape
        slopes = torch.zeros_like(sweep.said[:, :, : self.channels])
        slopes[-1] = (g / self.buffers["scale"][:, None]).transpose(1, 2)
        self.differentiate(sweep, x, slopes)
        del self.tape

    @torch.no_grad()
    def predict(self, x: Tensor, shared: bool) -> Tensor:
        """As `forward`; of a cell without units of its own the last step says it all."""
        x = x.expand(self.m, *x.shape) if shared else x
        d = self.channels
        z = self.states(x[:, :, -1 if self.units == d else 0])
        for step in range(1, 1 if self.units == d else x.shape[2]):
            z = self.cell.step(self.parameters, z)
            z[:, :d] = x[:, :, step].transpose(1, 2)
        return self.targets(self.cell.step(self.parameters, z)[:, :d].transpose(1, 2), x)
