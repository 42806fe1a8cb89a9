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

from typing import TYPE_CHECKING, ClassVar

from byheart.levers.course import Batch, Course, State
from byheart.records.spec import Spec
from byheart.tasks.data import Data

if TYPE_CHECKING:
    import numpy as np
    import torch


__all__ = ["Batch", "Course", "Lever", "State"]


class Lever(Spec):
    """Subclass and override any of the methods below."""

    kind: ClassVar[str] = "lever"
    name: ClassVar[str]
    instead: ClassVar[str] = "Leave it out; try weight-decay."  # what to do where it cannot act
    of_the_data: ClassVar[bool] = False  # it came with them, and stays where what other levers move is compared

    @property
    def idle(self) -> bool:
        """Whether it stands at strength 0: it is then left out of training."""
        return False

    @property
    def ends(self) -> bool:
        """Whether it says what the weights at the end of training are; one lever alone may."""
        return False

    @property
    def seen_part(self) -> float:
        """The part of the examples drawn for a member that it is trained on (`trained_on`)."""
        return 1.0

    def trained_on(self, seen: np.ndarray, data: Data) -> np.ndarray:
        """(m, n) which examples each member is trained on, of those drawn for it `seen` (m, n); others are unseen."""
        return seen

    def data(self, data: Data) -> Data:
        """The data to train on: other inputs, targets, meta or phases of the same training examples."""
        return data

    def acts(self, epochs: int) -> bool:
        """Whether it changes training of so many epochs."""
        return not self.idle

    def against(self, data: Data) -> str:
        """Why it cannot act on these data, whatever is trained on them; empty where it can."""
        return ""

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """What it remembers from the first step on: named tensors (m, ...)."""
        return {}

    batch_turn: ClassVar[int] = 0  # of `batch`: 0 adds examples, 1 draws their inputs anew, 2 moves these

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

    def differentiate(self, course: Course, batch: Batch, state: State) -> None:
        """Fill `course.gradients` by another rule than the gradient of the batch's loss; one lever alone may."""
        course.differentiate(batch)

    def gradient(self, course: Course, state: State) -> None:
        """Change `course.gradients` before the optimiser takes its step."""

    def after(self, course: Course, state: State) -> None:
        """Look at, or change, `course.weights` after a step."""

    def epoch_end(self, course: Course, state: State) -> None:
        """Look at, or change, `course.weights` after an epoch, before they are looked at; before `phase_end`."""

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

    def caution(self, epochs: int) -> str:
        """What the page says of training with it for so many epochs of each example; empty where there is nothing."""
        return ""

    @property
    def recordable(self) -> bool:
        """Whether a recording can follow it: every step is the gradient of the batch's own losses, and the decay."""
        hooks = ("trained_on", "start", "batch", "differentiate", "gradient", "after", "epoch_end", "phase_end")
        return self.idle or not self.overrides(*hooks)

    @classmethod
    def overrides(cls, *hooks: str) -> bool:
        """Does it act in any of these hooks?

        Example:
            >>> Lever.overrides("loss", "hidden")
            False
        """
        return any(getattr(cls, hook) is not getattr(Lever, hook) for hook in hooks)
