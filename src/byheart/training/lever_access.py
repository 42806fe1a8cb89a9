"""Lever access: what levers may see and change of members in training (`levers.course.Course`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from byheart.levers.sharpness import norms
from byheart.training.ways import reason_against_functional

if TYPE_CHECKING:
    from byheart.levers.base import Batch
    from byheart.tasks.data import Examples
    from byheart.training.fleet import Fleet, Hidden
    from byheart.training.run import Outcomes


class LeverAccess:
    """The part of a `Stepper` that levers reach it by."""

    continues = False  # whether what is to be given are numbers of the input itself, as of tokens

    if TYPE_CHECKING:
        device: str
        phase: int
        last: int
        epochs_done: int
        phases: list[list[np.ndarray]]
        fleet: Fleet
        template: nn.Module
        hidden: Hidden | None
        build: Callable[[torch.Generator], nn.Module]
        called_dtype: torch.dtype
        looked_at: Mapping[str, Examples]

        def differentiate(self, batch: Batch, plain: bool = False) -> Tensor: ...  # noqa: D102

        def slope(self, logits: Tensor, batch: Batch, plain: bool = False) -> Tensor: ...  # noqa: D102

        def outcomes(self, view: str, examples: Examples, trail: bool, last: bool) -> tuple[Outcomes, np.ndarray]: ...  # noqa: D102

    @property
    def seen(self) -> list[np.ndarray]:
        """For each member the rows that it trains on in this phase."""
        return self.phases[self.phase]

    @property
    def weights(self) -> dict[str, Tensor]:
        """name -> (m, ...) parameters, to be changed in place."""
        return self.fleet.parameters

    @property
    def gradients(self) -> dict[str, Tensor]:
        """name -> (m, ...) gradients, to be changed in place."""
        return self.fleet.gradients

    @property
    def mixes(self) -> str:
        """Why the examples of a batch cannot be told apart; empty where they can."""
        return reason_against_functional(self.template)

    @property
    def fixed_inputs(self) -> str:
        """Why inputs cannot be moved a little without moving what is to be given; empty where they can."""
        if self.continues:
            return "sequences that are to be continued, whose targets are numbers of the input"
        return "" if self.called_dtype.is_floating_point else f"inputs of whole numbers ({self.called_dtype})"

    @property
    def epochs_left(self) -> int:
        """How many epochs are still to come, in all phases."""
        return self.last * len(self.phases) - self.epochs_done

    @property
    def unit(self) -> float:
        """How far inputs in a batch move where the prepared ones, of which they are made, move by 1."""
        return self.fleet.unit

    def prepared(self, x: Tensor) -> Tensor:
        """Other inputs (m, b, ...) than those of the data, as they stand in a batch."""
        return self.fleet.before(x.to(self.device, self.called_dtype), False)

    def differentiate_at(self, shift: Mapping[str, Tensor], batch: Batch) -> None:
        """Fill `gradients` with those at the weights plus `shift`; weights and what modules keep stay as they are."""
        kept = self.snapshot()
        for name, weight in self.weights.items():
            weight.add_(shift[name])
        self.differentiate(batch)
        self.put_back(kept)

    def differentiate_cut(self, batch: Batch, most: float) -> None:
        """Fill `gradients` with the sum over the examples that count of their gradients, each cut to length `most`.

        sum_i g_i min(1, most / |g_i|). One example of each member after another, where the fleet does not say all
        lengths at once, or levers draw for hidden activations.
        """
        if self.fleet.tells_lengths and not self.hidden and self._cut_at_once(batch, most):
            return
        summed = {name: torch.zeros_like(g) for name, g in self.gradients.items()}
        for i in range(batch.rows.shape[1]):
            self.differentiate(batch.at(i))
            by = batch.counted[:, i] * _cut(norms(self.gradients), most)
            for name, g in self.gradients.items():
                summed[name].add_(g * by.to(g.dtype).view(-1, *[1] * (g.dim() - 1)))
        for name, g in self.gradients.items():
            g.copy_(summed[name])

    def _cut_at_once(self, batch: Batch, most: float) -> bool:
        slope = self.slope(self.fleet.forward(batch.x), batch)
        lengths = self.fleet.lengths(slope)
        if lengths is None:
            return False
        by = (batch.counted * _cut(lengths, most)).to(slope.dtype)
        self.fleet.backward(slope * by.view(*by.shape, *[1] * (slope.dim() - 2)))
        return True

    def snapshot(self) -> dict[str, Tensor]:
        """Copies (m, ...) of the weights, and of what modules keep beside them."""
        return self.fleet.weights()

    def put_back(self, kept: Mapping[str, Tensor]) -> None:
        """Take the weights, and what modules keep, of a snapshot."""
        self.fleet.restore(kept)

    def fresh(self, seeds: Sequence[int]) -> dict[str, Tensor]:
        """name -> (m, ...) weights as the learner draws them before training, a seed for each member."""
        built = [dict(self.build(torch.Generator().manual_seed(seed)).named_parameters()) for seed in seeds]
        return {name: torch.stack([module[name].detach() for module in built]).to(self.device) for name in self.weights}

    def losses(self, view: str) -> np.ndarray:
        """(m, n) loss of each example of a view at the weights as they are."""
        return self.outcomes(view, self.looked_at[view], False, False)[0].loss_nats[0]


def _cut(lengths: Tensor, most: float) -> Tensor:
    """min(1, most / length)."""
    return (most / lengths.clamp(min=1e-30)).clamp(max=1)
