"""Transformer: a small decoder for text, trained passage by passage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused, UsageError
from byheart.learners.base import Network

if TYPE_CHECKING:
    import torch
    from torch import nn

    from byheart.levers.base import Lever
    from byheart.tasks.data import Data
    from byheart.training.members import Members


ATTENTION = 2 << 30  # bytes that attention may take in a step of one model


class Transformer(Network):
    """A decoder over the tokens of one passage: each is to be given from those before it, the first from nothing.

    Args:
        width: numbers a token is carried in; a multiple of `heads`.
        layers: blocks of attention and a two-layer network of 4 x width, each after a LayerNorm.
        heads: heads of attention.

    Token and place are embedded, and a start vector stands before the first. The loss of a passage is the sum over
    its counted tokens, in nats; a step takes the mean over passages. There is no dropout and no weight shared
    between embedding and head.

    Raises:
        InputRefused: data that are not tokens; passages so long that attention would not fit in memory.
        UsageError: a width that the heads do not divide.

    Example:
        >>> Transformer(width=32, heads=4).heads
        4

    Reference: Radford, Wu, Child, Luan, Amodei, Sutskever 2019, Language models are unsupervised multitask learners,
    section 2.3 (LayerNorm before each part and at the end).
    """

    name: ClassVar[str] = "transformer"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("tokens",)
    epochs: Annotated[int, Field(ge=1)] = 24
    batch: Annotated[int, Field(ge=1)] = 32
    lr: Annotated[float, Field(gt=0)] = 0.01
    width: Annotated[int, Field(ge=4, le=512)] = 32
    layers: Annotated[int, Field(ge=1, le=12)] = 1
    heads: Annotated[int, Field(ge=1)] = 2

    def build(self, data: Data, generator: torch.Generator) -> nn.Module:
        """The decoder for these tokens, its weights drawn from `generator` alone."""
        if self.width % self.heads:
            raise UsageError(f"a width that {self.heads} heads divide", f"{self.width}", "Try --set width=64.")
        from byheart.learners.decoder import Decoder

        length = data.train.x.shape[1]
        return Decoder(data.output.k, length, self.width, self.layers, self.heads, generator)

    def inputs(self, data: Data, view: str) -> np.ndarray:
        """The tokens as numbers; exact in float32, and the decoder makes them whole again."""
        return np.asarray(data.views[view].x, np.float32)

    def stepper(self, data: Data, members: Members, levers: Sequence[Lever], way: str, device: str) -> Any:
        """Training on sequences: the loss is a sum over tokens."""
        from byheart.learners.sequence_steps import Sequences

        self._fits(data.train.x.shape[1], min(self.batch, int(members.seen.sum(1).max())))
        return Sequences(self, data, members, levers, way, device)

    def _fits(self, places: int, passages: int) -> None:
        # a number for every pair of places: kept by each layer for the way back, and three times in between
        needed = 4 * passages * self.heads * places**2 * (self.layers + 3)
        if needed > ATTENTION:
            raise InputRefused(
                expected=f"attention that takes at most {ATTENTION / 2**30:.0f} GiB in a step",
                came=f"about {needed / 2**30:.1f} GiB: {passages} passages of {places} tokens at once",
                do="Use a shorter window or a smaller batch.",
            )

    def title(self, data: Data) -> str:
        """E.g. `transformer of 1 layer, width 32`."""
        return f"transformer of {self.layers} layer{'s' if self.layers > 1 else ''}, width {self.width}"
