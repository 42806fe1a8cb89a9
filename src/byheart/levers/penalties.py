"""Penalties: weight decay, dropout and label smoothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from byheart.levers.base import Batch, Lever, State

if TYPE_CHECKING:
    import torch


class WeightDecay(Lever):
    """Decoupled weight decay: w <- (1 - lr * strength) w before each step.

    Strength 0 changes nothing. Reference: Loshchilov and Hutter 2019, Decoupled weight decay
    regularization, algorithm 2.

    Example:
        >>> WeightDecay(strength=0.1).decay()
        0.1
    """

    name: ClassVar[str] = "weight-decay"
    costless: ClassVar[frozenset[str]] = frozenset({"strength"})
    strength: Annotated[float, Field(ge=0)]

    def decay(self) -> float:
        """The strength."""
        return self.strength


class Dropout(Lever):
    """Each hidden unit is set to 0 with probability `share` and the others are scaled by 1 / (1 - share).

    Share 0 changes nothing. Reference: Srivastava et al. 2014, Dropout, section 4 (inverted scaling).

    Example:
        >>> Dropout(share=0.5).share
        0.5
    """

    name: ClassVar[str] = "dropout"
    costless: ClassVar[frozenset[str]] = frozenset({"share"})
    draws_hidden: ClassVar[bool] = True
    share: Annotated[float, Field(ge=0, lt=1)]

    @property
    def idle(self) -> bool:
        """At share 0."""
        return self.share == 0

    def hidden(self, activation: torch.Tensor, uniform: torch.Tensor | None) -> torch.Tensor:
        """Activations with the units drawn below `share` switched off."""
        if uniform is None:
            return activation
        return activation * (uniform >= self.share) / (1 - self.share)


class LabelSmoothing(Lever):
    """The target gives `share` of its weight to all classes alike.

    loss = (1 - share) (-log p_y) + share mean_c (-log p_c). Share 0 changes nothing; recorded losses
    stay plain. Reference: Szegedy et al. 2016, Rethinking the Inception architecture, section 7.

    Example:
        >>> LabelSmoothing(share=0.1).share
        0.1
    """

    name: ClassVar[str] = "label-smoothing"
    costless: ClassVar[frozenset[str]] = frozenset({"share"})
    share: Annotated[float, Field(ge=0, lt=1)]

    def loss(self, per_example: torch.Tensor, logits: torch.Tensor, batch: Batch, state: State) -> torch.Tensor:
        """The smoothed loss; a regression target (one logit) is refused by the learner's plan."""
        uniform = -logits.log_softmax(-1).mean(-1)
        return (1 - self.share) * per_example + self.share * uniform
