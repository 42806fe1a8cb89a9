"""Moved inputs: examples mixed in pairs, and noise on what is read; what is scored stays clean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused
from byheart.levers.base import Batch, Course, Lever, State

if TYPE_CHECKING:
    import torch

    from byheart.tasks.data import Data


class OnInputs(Lever):
    """A lever that moves inputs a little, which those of tokens and of sequences to be continued cannot be."""

    batch_turn: ClassVar[int] = 2

    def against(self, data: Data) -> str:
        """Passages: symbols have nothing between them."""
        return "passages of symbols, which have nothing between them" if data.output.passages else ""

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """Remember nothing.

        Raises:
            InputRefused: inputs that are whole numbers, or that hold what is to be given.
        """
        if course.fixed_inputs:
            raise InputRefused(
                expected=f"inputs that {self.name} can move", came=course.fixed_inputs,
                do="Leave it out; try weight-decay or dropout.",
            )  # fmt: skip
        return {}


class Mixup(OnInputs):
    """A step is taken on mixtures of pairs: x = l x_i + (1 - l) x_j, loss = l loss(y_i) + (1 - l) loss(y_j).

    l is drawn from Beta(alpha, alpha) for each example of a batch, j by a permutation of the member's batch. alpha near
    0 leaves most examples as they are, alpha 1 draws l evenly, a large alpha halves all. alpha 0 changes nothing. For
    classes and for squared errors the loss is that of the mixed target, but for a constant. The share of wrong labels
    that is memorised falls as alpha rises. Reference: Zhang, Cisse, Dauphin, Lopez-Paz 2018, mixup: beyond empirical
    risk minimization, eq. 1 (their code draws one l per batch).

    Example:
        >>> Mixup(alpha=0.2).idle, Mixup(alpha=0).idle
        (False, True)
    """

    name: ClassVar[str] = "mixup"
    costless: ClassVar[frozenset[str]] = frozenset({"alpha"})
    alpha: Annotated[float, Field(ge=0)]

    @property
    def idle(self) -> bool:
        """At alpha 0."""
        return self.alpha == 0

    def batch(self, batch: Batch, course: Course, state: State) -> Batch:
        """The mixtures; one number is drawn from a member's stream, the rest from a generator that starts there."""
        import torch

        places, shares = np.tile(np.arange(batch.rows.shape[1]), (course.m, 1)), np.zeros(batch.rows.shape)
        for j, (counted, stream) in enumerate(zip(batch.counted.cpu().numpy() > 0, state.streams, strict=True)):
            rng = np.random.default_rng(int(torch.randint(2**31, (), generator=stream)))
            places[j, counted] = rng.permutation(places[j, counted])
            shares[j, counted] = rng.beta(self.alpha, self.alpha, counted.sum())
        member, place = torch.arange(course.m, device=course.device)[:, None], torch.from_numpy(places)
        place, share = place.to(course.device), torch.from_numpy(shares).to(course.device, batch.x.dtype)
        part = share.view(*share.shape, *[1] * (batch.x.dim() - 2))
        x = (1 - part) * batch.x + part * batch.x[member, place]
        return replace(batch, x=x, other=batch.targets[member, place], other_share=share)


class InputNoise(OnInputs):
    """Every step reads x + strength e, e drawn anew from a standard normal distribution for each number of the input.

    The strength is in units of prepared inputs: standard deviations of a column of a table, pixels between 0 and 1.
    For a small strength it is close to a penalty on the squared slope of the model (Bishop 1995, Training with noise is
    equivalent to Tikhonov regularization). Strength 0 changes nothing. The share of wrong labels that is memorised
    falls as the strength rises.

    Example:
        >>> InputNoise(strength=0.1).told
        0.1
    """

    name: ClassVar[str] = "input-noise"
    costless: ClassVar[frozenset[str]] = frozenset({"strength"})
    strength: Annotated[float, Field(ge=0)]

    @property
    def idle(self) -> bool:
        """At strength 0."""
        return self.strength == 0

    def batch(self, batch: Batch, course: Course, state: State) -> Batch:
        """The same examples with noise; a member draws for those that count, as many as it would alone."""
        import torch

        noise = torch.zeros_like(batch.x)
        for own, counted, stream in zip(noise, batch.counted > 0, state.streams, strict=True):
            drawn = torch.randn(int(counted.sum()), *batch.x.shape[2:], generator=stream)
            own[counted] = drawn.to(own)
        return replace(batch, x=batch.x + self.strength * course.unit * noise)
