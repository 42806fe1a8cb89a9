"""Lever: what moves the balance between memory and understanding.

A lever may act on the data, the per-example loss, the step or the weights; what it does not override it
leaves alone. Levers act alike on one model and on a fleet: tensors carry the members as first axis (m, ...).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from byheart.records.spec import Spec
from byheart.tasks.data import Data

if TYPE_CHECKING:
    import torch


class Lever(Spec):
    """Subclass and override any of `data`, `loss`, `hidden`, `decay`, `last_epoch`."""

    kind: ClassVar[str] = "lever"
    name: ClassVar[str]

    def data(self, data: Data) -> Data:
        """The data to train on."""
        return data

    def loss(self, per_example: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Training loss (m, b) in nats from the plain one; logits (m, b, k), targets (m, b)."""
        return per_example

    def hidden(self, activation: torch.Tensor, uniform: torch.Tensor | None) -> torch.Tensor:
        """Hidden activations (m, b, d) while training; `uniform` of the same shape when `draws_hidden`."""
        return activation

    draws_hidden: ClassVar[bool] = False

    def decay(self) -> float:
        """Decoupled weight decay: each step multiplies the weights by 1 - lr * decay."""
        return 0.0

    def last_epoch(self, epochs: int) -> int:
        """The epoch to stop after; the learning-rate schedule stays as it was."""
        return epochs
