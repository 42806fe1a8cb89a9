"""Course: members in training as a lever sees them, the batch of a step, and what the lever remembers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
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
        other: (m, b, ...) second targets of each example, as `targets`; None where there is one.
        other_share: (m, b) what the loss of the second weighs, the first's the rest.
    """

    rows: torch.Tensor
    x: torch.Tensor
    targets: torch.Tensor
    weight: torch.Tensor | None = None
    meta: Mapping[str, torch.Tensor] = field(default_factory=dict)
    other: torch.Tensor | None = None
    other_share: torch.Tensor | None = None

    def mixed(self, of: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """What `of` gives of the targets (m, b, ...); of two, (1 - share) that of the first and share the second's."""
        first = of(self.targets)
        if self.other is None or self.other_share is None:
            return first
        share = self.other_share.view(*self.other_share.shape, *[1] * (first.dim() - 2))
        return (1 - share) * first + share * of(self.other)

    @property
    def counted(self) -> torch.Tensor:
        """(m, b) 1 where an example counts, 0 where it fills up a shorter batch of its member."""
        import torch

        return torch.ones_like(self.rows, dtype=torch.float) if self.weight is None else (self.weight > 0).float()

    def at(self, i: int) -> Batch:
        """The i-th example of each member, alone."""
        part = slice(i, i + 1)
        meta = {name: values[:, part] for name, values in self.meta.items()}
        return Batch(self.rows[:, part], self.x[:, part], self.targets[:, part], None, meta)

    def beside(self, other: Batch, counted: torch.Tensor) -> Batch:
        """Both batches as one in which every example that counts weighs alike; `counted` (m, b) of the other's."""
        import torch

        both = torch.cat([self.counted, counted.float()], 1)
        one, two = vars(self), vars(other)
        joined = {name: torch.cat([one[name], two[name]], 1) for name in ("rows", "x", "targets")}
        if self.other is not None and self.other_share is not None:  # the other's examples have one target each
            alone = torch.zeros_like(other.rows, dtype=self.other_share.dtype)
            joined["other"] = torch.cat([self.other, other.targets], 1)
            joined["other_share"] = torch.cat([self.other_share, alone], 1)
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

    Attributes: `m` members, in `phase` 0, 1, ..., on a `device`; `most` new examples in a batch;
    `epochs_done`, counted through all phases.
    """

    m: int
    phase: int
    device: str
    most: int
    epochs_done: int

    @property
    def seen(self) -> Sequence[np.ndarray]:
        """For each member the rows that it trains on in this phase."""

    @property
    def fixed_inputs(self) -> str:
        """Why inputs cannot be moved a little without moving what is to be given; empty where they can."""

    @property
    def epochs_left(self) -> int:
        """How many epochs are still to come, in all phases."""

    @property
    def views(self) -> Collection[str]:
        """The names of the views."""

    @property
    def unit(self) -> float:
        """How far inputs in a batch move where the prepared ones, of which they are made, move by 1."""

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

    def differentiate_at(self, shift: Mapping[str, torch.Tensor], batch: Batch) -> None:
        """Fill `gradients` with those at the weights plus `shift`; weights and what modules keep stay as they are."""

    def differentiate_cut(self, batch: Batch, most: float) -> None:
        """Fill `gradients` with the sum over the examples that count of their gradients, each cut to length `most`."""

    def snapshot(self) -> dict[str, torch.Tensor]:
        """Copies (m, ...) of the weights, and of what modules keep beside them."""

    def put_back(self, kept: Mapping[str, torch.Tensor]) -> None:
        """Take the weights, and what modules keep, of a snapshot."""

    def fresh(self, seeds: Sequence[int]) -> dict[str, torch.Tensor]:
        """name -> (m, ...) weights as the learner draws them before training, a seed for each member."""

    def losses(self, view: str) -> np.ndarray:
        """(m, n) loss of each example of a view at the weights as they are."""
