"""Lever: what moves the balance between memory and understanding.

A lever may act on the data, the batch, the per-example loss, the gradient, the step or the weights; what it does not
override it leaves alone. Levers act alike on one model and on a fleet: tensors carry the members as first
axis (m, ...). Four promises.

1. Strength 0 changes nothing, bit for bit.
2. A member alone is the same as in a fleet (to rounding), whatever its neighbours do.
3. Resumed equals uninterrupted, bit for bit: what it remembers are the named tensors and streams of its `State`.
4. What it does to the training data never changes what is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from byheart.records.spec import Spec
from byheart.tasks.data import Data

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

    def differentiate(self, batch: Batch, plain: bool = False) -> torch.Tensor:
        """Fill `gradients` with those of the batch's loss, without levers where `plain`, and return the logits."""


class Lever(Spec):
    """Subclass and override any of the methods below."""

    kind: ClassVar[str] = "lever"
    name: ClassVar[str]

    @property
    def idle(self) -> bool:
        """Whether it stands at strength 0: it is then left out of training."""
        return False

    def data(self, data: Data) -> Data:
        """The data to train on: other inputs, targets, meta or phases of the same training examples."""
        return data

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """What it remembers from the first step on: named tensors (m, ...)."""
        return {}

    def batch(self, batch: Batch, course: Course, state: State) -> Batch:
        """The batch of the next step: replay, mixing, noise.

        A member in a fleet may have a longer batch than it has alone, filled up with examples that do not count; so
        draw equally many random numbers at every step, and of no more than `course.most` examples.
        """
        return batch

    def loss(self, per_example: torch.Tensor, logits: torch.Tensor, batch: Batch, state: State) -> torch.Tensor:
        """Training loss (m, b) in nats from the plain one; logits (m, b, k)."""
        return per_example

    def hidden(self, activation: torch.Tensor, uniform: torch.Tensor | None) -> torch.Tensor:
        """Hidden activations (m, b, d) while training; `uniform` of the same shape when `draws_hidden`."""
        return activation

    draws_hidden: ClassVar[bool] = False

    def gradient(self, course: Course, state: State) -> None:
        """Change `course.gradients` before the optimiser takes its step."""

    def after(self, course: Course, state: State) -> None:
        """Look at, or change, `course.weights` after a step."""

    def phase_end(self, course: Course, state: State) -> None:
        """Remember what the next phases need of this one."""

    def decay(self) -> float:
        """Decoupled weight decay: each step multiplies the weights by 1 - lr * decay."""
        return 0.0

    def last_epoch(self, epochs: int) -> int:
        """The epoch to stop after, in each phase; the learning-rate schedule stays as it was."""
        return epochs

    @property
    def told(self) -> object:
        """The value of its one setting, or all of them in words.

        Example:
            >>> from byheart.levers.penalties import Dropout
            >>> Dropout(share=0.5).told
            0.5
        """
        values = self.model_dump()
        return next(iter(values.values())) if len(values) == 1 else ", ".join(f"{k} {v}" for k, v in values.items())

    @property
    def recordable(self) -> bool:
        """Whether a recording can follow it: every step is the gradient of the batch's own losses, and the decay."""
        return self.idle or not self.overrides("start", "batch", "gradient", "after", "phase_end")

    @classmethod
    def overrides(cls, *hooks: str) -> bool:
        """Does it act in any of these hooks?

        Example:
            >>> Lever.overrides("loss", "hidden")
            False
        """
        return any(getattr(cls, hook) is not getattr(Lever, hook) for hook in hooks)
