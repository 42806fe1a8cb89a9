"""Piecewise networks: the torch modules of the piecewise-linear recurrent learners, and where their weights start."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from byheart.training.driven_fleet import DrivenFleet
from byheart.training.forced_fleet import STARTED_BY, ForcedFleet
from byheart.training.piecewise_cells import Cell, Rectified, Shallow

Started = tuple[Cell, dict[str, Tensor]]  # a cell, and its weights at the start


class PiecewiseNetwork(nn.Module):
    """What follows a window x (b, w, d): its steps force the first d units of the cell, the others go on by themselves.

    It is said in the units of standardised targets (`training.forced_fleet`). `fleet` trains members of it by hand;
    this forward pass is for whoever differentiates by the window.
    """

    fleet = ForcedFleet

    def __init__(self, started: Started, channels: int, generator: torch.Generator) -> None:
        super().__init__()
        self.cell, weights = started
        self.channels, units = channels, len(weights["A"])
        if units > channels:
            weights |= {STARTED_BY: _uniform((units - channels, channels), generator)}
        for name, value in weights.items():
            self.register_parameter(name, nn.Parameter(value))
        for name, value in (("centre", 0.0), ("scale", 1.0), ("carried", 0.0)):
            self.register_buffer(name, torch.full((channels,), value))

    @torch.no_grad()
    def carry(self, carried: Tensor) -> None:
        """Say what follows as a change of the channels that are carried (d,), and begin with none of them changing."""
        self.carried.copy_(carried)
        still = torch.zeros(len(self.A), dtype=torch.bool)
        still[: self.channels] = carried > 0
        self.A[still] = 1.0
        self.get_parameter(self.cell.mix)[still] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """(b, d)."""
        w = {name: p[None] for name, p in self.named_parameters()}
        steps = x.permute(1, 2, 0)[:, None]  # (w, 1, d, b)
        z = torch.cat([steps[0], w[STARTED_BY] @ steps[0]], 1) if STARTED_BY in w else steps[0]
        for seen in steps[1:]:
            z = torch.cat([seen, self.cell.step(w, z)[:, self.channels :]], 1)
        return (self.cell.step(w, z)[0, : self.channels].T - self.carried * x[:, -1] - self.centre) / self.scale


class DrivenNetwork(nn.Module):
    """z_t = F(z_{t-1}) + C x_t from 0 over the steps of x (b, t, d); B z_t + b after the last.

    `fleet` trains members of it by hand; this forward pass is for whoever differentiates by the sequence.
    """

    fleet = DrivenFleet

    def __init__(self, started: Started, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.cell, weights = started
        units = len(weights["A"])
        read = {"C": (units, inputs), "B": (outputs, units)}
        weights |= {name: _uniform(shape, generator) for name, shape in read.items()} | {"b": torch.zeros(outputs)}
        for name, value in weights.items():
            self.register_parameter(name, nn.Parameter(value))

    def forward(self, x: Tensor) -> Tensor:
        """(b, k)."""
        w = {name: p[None] for name, p in self.named_parameters()}
        added = w["C"] @ x.permute(1, 2, 0)[:, None]  # (t, 1, M, b)
        z = torch.zeros_like(added[0])
        for one in added:
            z = self.cell.step(w, z) + one
        return (w["B"] @ z)[0].T + self.b


def shallow(units: int, hidden: int, generator: torch.Generator) -> Started:
    """Clipped shallow: W1, W2 and h2 uniform in +- 1 / sqrt(last axis), h1 at 0."""
    return Shallow(), {
        "A": _started(units, generator).diagonal().clone(),
        "W1": _uniform((units, hidden), generator),
        "W2": _uniform((hidden, units), generator),
        "h1": torch.zeros(units),
        "h2": _uniform((hidden,), generator),
    }


def plain(units: int, generator: torch.Generator) -> Started:
    """All units rectified: A and W the diagonal and the rest of one matrix."""
    whole = _started(units, generator)
    a = whole.diagonal().clone()
    return Rectified(), {"A": a, "W": whole - torch.diag(a), "h": torch.zeros(units)}


def almost_linear(units: int, rectified: int, generator: torch.Generator) -> Started:
    """The last `rectified` units rectified: W normal with deviation 0.01."""
    return Rectified(rectified), {
        "A": _started(units, generator).diagonal().clone(),
        "W": 0.01 * torch.randn(units, units, generator=generator),
        "h": torch.zeros(units),
    }


def _started(units: int, generator: torch.Generator) -> Tensor:
    """(R'R / M + 1) / its largest eigenvalue, R standard normal: no direction grows at the start."""
    r = torch.randn(units, units, generator=generator)
    whole = r.T @ r / units + torch.eye(units)
    return whole / torch.linalg.eigvalsh(whole)[-1]


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    bound = 1 / math.sqrt(shape[-1])
    return torch.empty(shape).uniform_(-bound, bound, generator=generator)
