"""Newton: one step, by the curvature of what stays, to where the minimum lies without the rows that must go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from byheart.levers.penalties import WeightDecay
from byheart.maths.attribution.removal import removed
from byheart.maths.recording.losses import per_example
from byheart.training.keep import Weights
from byheart.training.kept_module import KeptModule, module_at
from byheart.training.run import Run
from byheart.training.unlearning.continued import Trained, unmoved

ADAMW = 0.01  # decay that torch's AdamW has where none is given (`training.schedule.optimiser`)
HALVINGS = 20  # of the interval in which a step is cut


@dataclass(frozen=True)
class Newton:
    """One step of `maths.attribution.removal`, with curvature in Kronecker factors and a tenth of its mean as damping.

    Reference: Guo et al. 2020, Certified data removal from machine learning models, section 3.
    """

    name: ClassVar[str] = "newton"
    version: ClassVar[int] = 2
    damping: float | str = "heuristic"

    def forget(self, trained: Trained, rows: np.ndarray) -> Run:
        """The models, one step on."""
        weights = {name: np.array(value) for name, value in trained.weights().items()}
        for member in range(len(trained.run.members)):
            at = module_at(
                trained.learner, trained.data, trained.run, Weights().label, member=member,
                levers=trained.training.levers,
            )  # fmt: skip
            for name, value in self._stepped(trained, at, torch.from_numpy(rows)).items():
                weights[name][member] = value.numpy()
        return unmoved(trained, weights)

    def _stepped(self, trained: Trained, at: KeptModule, gone: Tensor) -> dict[str, Tensor]:
        examples, loss = (at.trained_on, _targets(trained, at)), trained.data.output.recorded
        return removed(at.module, examples, gone, self.damping, loss=loss, decay=decay_of(trained), method="ekfac")


@dataclass(frozen=True)
class CutNewton(Newton):
    """The same step, gone only so far that the mean loss of the forgotten is `until` (in the unit of outcomes).

    Where the whole step does not reach it, the whole step. Reference: that of `Newton`; where to stop is byheart's.
    """

    name: ClassVar[str] = "newton-cut"
    version: ClassVar[int] = 2
    until: float = 0.0

    def _stepped(self, trained: Trained, at: KeptModule, gone: Tensor) -> dict[str, Tensor]:
        new = super()._stepped(trained, at, gone)
        old = {name: p.detach() for name, p in at.module.named_parameters() if name in new}
        x, y = at.trained_on[gone], _targets(trained, at)[gone]
        output = trained.data.output
        until = self.until / (2 * float(np.mean(at.scale**2))) if output.continuous else self.until
        low, high = 0.0, 1.0
        if _loss(at, _between(old, new, high), x, y, output.recorded) <= until:
            return new
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = _loss(at, _between(old, new, middle), x, y, output.recorded) <= until
            low, high = (middle, high) if below else (low, middle)
        return _between(old, new, low)


def decay_of(trained: Trained) -> float:
    """By how much each weight is drawn to 0 at rest: of levers, decoupled or L2, and of the optimiser itself."""
    levers = [lever for lever in trained.training.levers if not lever.idle]
    drawn = sum(lever.strength if isinstance(lever, WeightDecay) else lever.decay() for lever in levers)
    return float(drawn) + (ADAMW if trained.learner.optimizer == "adamw" else 0.0)


def _between(old: Mapping[str, Tensor], new: Mapping[str, Tensor], part: float) -> dict[str, Tensor]:
    return {name: value + part * (new[name] - value) for name, value in old.items()}


@torch.no_grad()
def _loss(at: KeptModule, weights: Mapping[str, Tensor], x: Tensor, y: Tensor, loss: str) -> float:
    """Mean training loss of examples at other weights."""
    return float(per_example(loss, torch.func.functional_call(at.module, dict(weights), (x,)), y).mean())


def _targets(trained: Trained, at: KeptModule) -> Tensor:
    """What the loop trains on: class numbers, or standardised values."""
    y = trained.data.train.y
    if not trained.data.output.continuous:
        return torch.from_numpy(y)
    scaled = torch.from_numpy(((y - at.centre) / at.scale).astype(np.float32))
    return scaled[:, None] if scaled.dim() == 1 else scaled
