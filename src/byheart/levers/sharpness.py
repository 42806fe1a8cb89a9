"""Sharpness: each step goes by the gradient at the worst weights nearby, so that flat places are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from byheart.levers.base import Batch, Course, Lever, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch


class SharpnessAware(Lever):
    """The gradient of a step is taken at w + rho g / |g|, g the gradient of the batch at w; the step is taken from w.

    |g| is over all weights of a member. Dropout draws anew for the second gradient. A step costs two. rho 0 changes
    nothing. The share of wrong labels that is memorised falls as rho rises, until nothing is learned. Reference: Foret,
    Kleiner, Mobahi, Neyshabur 2021, Sharpness-aware minimization for efficiently improving generalization, eq. 2 with p
    = 2 and algorithm 1.

    Example:
        >>> SharpnessAware(rho=0.05).idle, SharpnessAware(rho=0).idle
        (False, True)
    """

    name: ClassVar[str] = "sam"
    costless: ClassVar[frozenset[str]] = frozenset({"rho"})
    rho: Annotated[float, Field(ge=0)]

    @property
    def idle(self) -> bool:
        """At rho 0."""
        return self.rho == 0

    def differentiate(self, course: Course, batch: Batch, state: State) -> None:
        """Up the gradient by rho, and the gradient there."""
        course.differentiate(batch)
        norm = norms(course.gradients)
        by = self.rho / norm.where(norm > 0, norm.new_ones(()))
        up = {name: g * by.view(-1, *[1] * (g.dim() - 1)) for name, g in course.gradients.items()}
        course.differentiate_at(up, batch)


def norms(gradients: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """(m,) length of each member's gradients name -> (m, ...), of all names together.

    Example:
        >>> import torch
        >>> norms({"a": torch.tensor([[3.0], [0.0]]), "b": torch.tensor([[4.0], [2.0]])}).tolist()
        [5.0, 2.0]
    """
    import torch

    return torch.stack([g.flatten(1).square().sum(1) for g in gradients.values()]).sum(0).sqrt()
