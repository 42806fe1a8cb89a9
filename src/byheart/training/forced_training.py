"""Forced training: members on their way through windows of a series, under teacher forcing.

An example is a window x (w, d) and the step after it y (d): a sequence of w + 1 steps. Every step but the first is said
from the one before it, under forcing, and the loss of an example is the mean over its w steps of what is said *before*
it is forced. The cell is a map in the units that the task holds the series in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from byheart.levers.base import Batch, Lever
from byheart.tasks.data import Data
from byheart.training.forced_fleet import ForcedFleet
from byheart.training.forced_sweep import Sweep
from byheart.training.forcing import Forcing
from byheart.training.members import Members
from byheart.training.model import Trainable
from byheart.training.stepper import Stepper

DRAWN_TO_ONE = "A"  # by the pull on the weights; the others are drawn to 0


class ForcedStepper(Stepper):
    """`Stepper` whose gradient is that of a whole window under forcing; `pull` draws the weights to A = 1, others 0."""

    continues = True
    unfollowed = "training under teacher forcing, whose loss is that of all steps of a window"
    fleet: ForcedFleet

    def __init__(
        self,
        learner: Trainable,
        data: Data,
        members: Members,
        levers: Sequence[Lever],
        way: str,
        device: str,
        forcing: Forcing,
        pull: float,
    ) -> None:
        self.forcing, self.pull = forcing, pull
        super().__init__(learner, data, members, levers, way, device)

    def _targets(self, data: Data) -> None:
        super()._targets(data)
        for name, own in (("centre", self.centre), ("scale", self.scale)):
            self.fleet.buffers[name].copy_(torch.as_tensor(own))

    def differentiate(self, batch: Batch, plain: bool = False) -> Tensor:
        """Fill the fleet's gradient with that of the losses under forcing; what follows the windows (m, b, d)."""
        following = self.fleet.next_steps(batch.targets, batch.x)
        sweep, data = self.fleet.run(batch.x, following, self.forcing.table(batch.x.shape[2]))
        if not plain:
            self.forcing.look(self.fleet, sweep.held, data)
        slopes = self._slopes(sweep, data, batch, plain)
        by = 1 / batch.rows.shape[1] if batch.weight is None else batch.weight[:, None]
        self.fleet.differentiate(sweep, batch.x, slopes * by)
        if self.pull and not plain:
            self._pull()
        return self.fleet.targets(sweep.said[-1, :, : self.fleet.channels].transpose(1, 2), batch.x)

    def _slopes(self, sweep: Sweep, data: Tensor, batch: Batch, plain: bool) -> Tensor:
        """(w, m, d, b) derivative of the summed losses of the examples by what is said of each step."""
        said, true = (one[:, :, : self.fleet.channels] for one in (sweep.said, data))
        if plain or not self.levers.weighing:
            return (said - true) / (len(said) * self.fleet.channels)
        with torch.enable_grad():
            z = said.permute(1, 3, 0, 2).detach().requires_grad_()  # (m, b, w, d)
            per_example = 0.5 * (z - true.permute(1, 3, 0, 2)).square().mean((2, 3))
            loss = self.levers.loss(per_example, self.fleet.targets(z[:, :, -1], batch.x), batch)
            return torch.autograd.grad(loss.sum(), z)[0].permute(2, 0, 3, 1)

    def _pull(self) -> None:
        """Add the derivative of pull (|1 - A|^2 + the squares of all other weights of the cell)."""
        for name, gradient in self.fleet.gradients.items():
            to = 1.0 if name == DRAWN_TO_ONE else 0.0
            gradient.add_(self.weights[name] - to, alpha=2 * self.pull)

    def state(self) -> dict[str, Any]:
        """As `Stepper`, with the strength of the forcing."""
        forcing = (self.forcing.strength.clone(), self.forcing.batches)
        return super().state() | {"forcing": forcing}

    def restore(self, state: dict[str, Any]) -> None:
        """As `Stepper`."""
        super().restore(state)
        strength, self.forcing.batches = state["forcing"]
        self.forcing.strength = strength.clone()
