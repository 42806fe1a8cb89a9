"""Trainable: what the loop asks of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from byheart.levers.base import Lever
from byheart.tasks.data import Data
from byheart.training.members import Members

if TYPE_CHECKING:
    import torch
    from torch import nn


class Trainable(ABC):
    """A model made of a torch module: give `build` and, where they differ, `loss` and `inputs`.

    `loss(self, logits, targets)` gives training losses (m, b) in nats of logits (m, b, k); None: those of the output.

    Attributes: `name`, the kinds of output that it `reads`, `epochs`, `batch`, `lr`, `optimizer`, `schedule`,
    `betas`, `clip`.
    """

    loss: ClassVar[Callable[..., torch.Tensor] | None] = None

    if TYPE_CHECKING:
        name: ClassVar[str]
        reads: ClassVar[tuple[str, ...]]
        any_length: ClassVar[bool]
        epochs: int
        batch: int
        lr: float
        optimizer: str
        schedule: str
        betas: tuple[float, float]
        clip: float

    @abstractmethod
    def build(self, data: Data, generator: torch.Generator) -> nn.Module:
        """A fresh module for these data, its weights drawn from `generator` alone."""

    @abstractmethod
    def stepper(self, data: Data, members: Members, levers: Sequence[Lever], way: str, device: str) -> Any:
        """Members of equal size on their way (`training.stepper.Stepper`); sequences have one of their own."""

    def inputs(self, data: Data, view: str) -> np.ndarray:
        """What the module is called on in a view, as a float32 array (n, ...) that all members share."""
        return data.output.numbers(data.views[view].x)
