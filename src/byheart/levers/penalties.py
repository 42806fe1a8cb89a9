"""Penalties: weight decay, dropout and label smoothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from byheart.levers.base import Batch, Course, Lever, State

if TYPE_CHECKING:
    import torch

    from byheart.tasks.data import Data


class WeightDecay(Lever):
    """Weights are drawn to 0 at every step: decoupled from the gradient, or by an L2 penalty in it.

    `decoupled`: w <- (1 - lr strength) w before each step, whatever the optimiser makes of the gradient (AdamW's).
    `l2`: gradient + strength w, the derivative of loss + strength / 2 |w|^2 (torch's Adam and SGD with
    `weight_decay`). Under SGD without momentum the two are the same step. Under Adam they are not: the penalty is
    divided by the root of the mean squared gradient with everything else, so weights whose gradients are large decay
    less than those whose are small; one strength means two things. Strength 0 changes nothing. The share of wrong
    labels that is memorised falls as the strength rises. Reference: Loshchilov and Hutter 2019, Decoupled weight decay
    regularization, algorithm 2 and proposition 2.

    Example:
        >>> WeightDecay(strength=0.1).decay(), WeightDecay(strength=0.1, form="l2").decay()
        (0.1, 0.0)
    """

    name: ClassVar[str] = "weight-decay"
    costless: ClassVar[frozenset[str]] = frozenset({"strength"})
    strength: Annotated[float, Field(ge=0)]
    form: Literal["decoupled", "l2"] = "decoupled"

    @property
    def idle(self) -> bool:
        """At strength 0."""
        return self.strength == 0

    def key_fields(self) -> dict[str, Any]:
        """Without the form where it is the decoupled one: what was trained before there was another stays known."""
        fields = super().key_fields()
        return fields if self.form == "l2" else {"strength": fields["strength"]}

    @property
    def told(self) -> object:
        """The strength, and of which form."""
        return f"{self.strength} ({'L2' if self.form == 'l2' else self.form})"

    @property
    def recordable(self) -> bool:
        """The decoupled one: with the penalty the gradient is not that of the batch's losses alone."""
        return self.idle or self.form == "decoupled"

    def decay(self) -> float:
        """The strength, of the decoupled form."""
        return self.strength if self.form == "decoupled" else 0.0

    def gradient(self, course: Course, state: State) -> None:
        """Add strength w, of the L2 form."""
        if self.form == "l2":
            for name, gradient in course.gradients.items():
                gradient.add_(course.weights[name], alpha=self.strength)


class Dropout(Lever):
    """Each hidden unit is set to 0 with probability `share` and the others are scaled by 1 / (1 - share).

    Share 0 changes nothing. The share of wrong labels that is memorised falls as the share of units rises. Reference:
    Srivastava et al. 2014, Dropout, section 4 (inverted scaling).

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
    stay plain. The share of wrong labels that is memorised stays about as it is: they are given less surely, and more
    new examples are right. Reference: Szegedy et al. 2016, Rethinking the Inception architecture, section 7.

    Example:
        >>> LabelSmoothing(share=0.1).share
        0.1
    """

    name: ClassVar[str] = "label-smoothing"
    costless: ClassVar[frozenset[str]] = frozenset({"share"})
    share: Annotated[float, Field(ge=0, lt=1)]

    @property
    def idle(self) -> bool:
        """At share 0."""
        return self.share == 0

    def against(self, data: Data) -> str:
        """Values: there are no classes to spread a target over."""
        return "values, where there are no classes to spread a target over" if data.output.continuous else ""

    def loss(self, per_example: torch.Tensor, logits: torch.Tensor, batch: Batch, state: State) -> torch.Tensor:
        """The smoothed loss."""
        uniform = -logits.log_softmax(-1).mean(-1)
        return (1 - self.share) * per_example + self.share * uniform
