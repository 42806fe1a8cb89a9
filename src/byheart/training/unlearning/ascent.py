"""Ascent: climb the loss of the rows that must go, until it is what models say that never saw them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from byheart.training.run import Run, outcomes
from byheart.training.unlearning.continued import Trained, continued

if TYPE_CHECKING:
    from torch import Tensor

    from byheart.training.stepper import Stepper

MOST = 200  # steps
LONGEST = 0.02  # of the norm of the weights, a step
NEAR = 0.01  # of the way that there was to go: there it stops


@dataclass(frozen=True)
class Ascent:
    """Steps up the gradient of the mean loss of the forgotten, until that loss is `until`.

    A step is Polyak's, (until - loss)/|g|^2 along the gradient g, which would arrive were the loss linear, and at most
    2 % of the norm of the weights long. Each model stops where 1 % of its way is left, or after 200 steps. Inner levers
    (dropout, decay) rest. `until` is in the unit of outcomes: nats, or squared units of the target.

    Reference: gradient ascent: Golatkar et al. 2020, Eternal sunshine of the spotless net, section 5 (negative
    gradient); the step: Polyak 1987, Introduction to optimization, section 5.3.
    """

    name: ClassVar[str] = "ascent"
    version: ClassVar[int] = 1
    until: float = 0.0

    def forget(self, trained: Trained, rows: np.ndarray) -> Run:
        """The models, driven away from `rows`."""

        def climb(stepper: Stepper, _places: slice) -> None:
            stepper.epoch = partial(_climb, stepper, trained, rows, self.until)  # type: ignore[method-assign]

        return continued(trained, rows, trained.weights(), change=climb)


def _climb(stepper: Stepper, trained: Trained, rows: np.ndarray, until: float) -> None:
    """All steps of the members of one stepper."""
    way = None
    for _ in range(MOST):
        gap = until - _loss_and_gradient(stepper, trained, rows)
        way = np.maximum(gap, 0.0) if way is None else way
        moving = gap > NEAR * way
        if not moving.any():
            return
        _step(stepper, torch.from_numpy(np.where(moving, gap, 0.0)).to(stepper.fleet.flat))


def _loss_and_gradient(stepper: Stepper, trained: Trained, rows: np.ndarray) -> np.ndarray:
    """(m,) mean loss of the rows, in the unit of outcomes; the gradient of the mean training loss is left in place."""
    y, output = trained.data.train.y, trained.data.output
    total, found = torch.zeros_like(stepper.fleet.gradient), []
    for part in np.array_split(rows, -(-len(rows) // trained.learner.batch)):
        batch = stepper.examples(torch.from_numpy(part).to(stepper.device).expand(stepper.m, -1))
        z = stepper.in_units(stepper.differentiate(batch, plain=True).cpu().numpy())
        total += stepper.fleet.gradient * (len(part) / len(rows))
        found.append(outcomes(z[None], y[part], output, trail=False).loss_nats[0].astype(np.float64))
    stepper.fleet.gradient.copy_(total)
    return np.concatenate(found, 1).mean(1)


def _step(stepper: Stepper, gap: Tensor) -> None:
    """Polyak's step of each member whose gap (m,), in the unit of outcomes, is above 0."""
    g2, w2 = _squares(stepper.gradients), _squares(stepper.weights)
    scale = torch.as_tensor(stepper.scale, dtype=gap.dtype).reshape(stepper.m, -1).square().mean(1).to(gap)
    gap = gap / (2 * scale) if stepper.output.continuous else gap  # training halves the error of the standardised
    by = torch.minimum(gap / g2.clamp_min(1e-30), LONGEST * (w2 / g2.clamp_min(1e-30)).sqrt())
    for name, value in stepper.weights.items():
        value.add_(stepper.gradients[name] * by.reshape(-1, *[1] * (value.dim() - 1)))


def _squares(named: Mapping[str, Tensor]) -> Tensor:
    """(m,) the squared norm of all tensors of each member."""
    return torch.stack([value.flatten(1).square().sum(1) for value in named.values()]).sum(0)
