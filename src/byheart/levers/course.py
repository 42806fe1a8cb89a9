"""Course: members in training as a lever sees them, the batch of a step, and what the lever remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True)
class Batch:
    """What m members take a step on.

    Attributes:
        rows: (m, b) positions in the training view.
        x: (m, b, ...) inputs.
        targets: (m, b) classes or values; (m, b, t) tokens.
        weight: (m, b) what each example weighs in the loss, summing to 1 for each member; None for their mean.
        meta: name -> (m, b) what the data say of each example (group, factor, time); words as their number.
    """

    rows: torch.Tensor
    x: torch.Tensor
    targets: torch.Tensor
    weight: torch.Tensor | None = None
    meta: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def counted(self) -> torch.Tensor:
        """(m, b) 1 where an example counts, 0 where it fills up a shorter batch of its member."""
        import torch

        return torch.ones_like(self.rows, dtype=torch.float) if self.weight is None else (self.weight > 0).float()

    def beside(self, other: Batch, counted: torch.Tensor) -> Batch:
        """Both batches as one in which every example that counts weighs alike; `counted` (m, b) of the other's."""
        import torch

        both = torch.cat([self.counted, counted.float()], 1)
        one, two = vars(self), vars(other)
        joined = {name: torch.cat([one[name], two[name]], 1) for name in ("rows", "x", "targets")}
        meta = {name: torch.cat([self.meta[name], other.meta[name]], 1) for name in self.meta}
        weight = None if bool(both.all()) else both / both.sum(1, keepdim=True).clamp(min=1)
        return Batch(**joined, weight=weight, meta=meta)


@dataclass
class State:
    """What a lever remembers of one fleet: named `tensors` (m, ...), and a stream of random numbers for each member."""

    tensors: dict[str, torch.Tensor]
    streams: Sequence[torch.Generator] = ()

    def __getitem__(self, name: str) -> torch.Tensor:
        return self.tensors[name]


class Course(Protocol):
    """Members in training, as a lever sees them.

    Attributes: `m` members, in `phase` 0, 1, ..., on a `device`; `most` new examples in a batch.
    """

    m: int
    phase: int
    device: str
    most: int

    @property
    def seen(self) -> Sequence[np.ndarray]:
        """For each member the rows that it trains on in this phase."""

    @property
    def mixes(self) -> str:
        """Why the examples of a batch cannot be told apart; empty where they can."""

    @property
    def weights(self) -> Mapping[str, torch.Tensor]:
        """name -> (m, ...), to be changed in place."""

    @property
    def gradients(self) -> Mapping[str, torch.Tensor]:
        """name -> (m, ...), to be changed in place."""

    def examples(self, rows: torch.Tensor) -> Batch:
        """The training examples `rows` (m, b)."""

    def prepared(self, x: torch.Tensor) -> torch.Tensor:
        """Other inputs (m, b, ...) than those of the data, as they stand in a batch."""

    def differentiate(self, batch: Batch, plain: bool = False) -> torch.Tensor:
        """Fill `gradients` with those of the batch's loss, without levers where `plain`, and return the logits."""
