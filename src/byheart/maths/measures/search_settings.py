"""Search: the settings with which a loss of accuracy is searched for over perturbed weights."""

from __future__ import annotations

from dataclasses import dataclass

from byheart.errors import InputRefused


@dataclass(frozen=True)
class Search:
    """How far weights are searched for the largest perturbation that loses `loss` of the training accuracy.

    Attributes:
        loss: accuracy that may be lost [share].
        largest: upper end of the bisection.
        halvings: its depth at most.
        tolerance: it ends when the radius is known to this share of itself.
        draws: Gaussian perturbations at each radius, the same ones at every radius.
        starts: random starts of the ascent.
        ascent_steps: steps of the ascent from each.
        relative_noise: standard deviation of the noise of adaptive sharpness, relative to each weight.
        relative_box: half the side of its box, likewise.
        seed: of draws and starts.
    """

    loss: float = 0.1
    largest: float = 2.0
    halvings: int = 16
    tolerance: float = 0.01
    draws: int = 10
    starts: int = 4
    ascent_steps: int = 20
    relative_noise: float = 0.1
    relative_box: float = 0.002
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what no search can be made of."""
        positive = ("largest", "tolerance", "relative_noise", "relative_box")
        if not 0 < self.loss < 1:
            raise InputRefused("a search for a loss between 0 and 1 of the accuracy", str(self.loss), "Give 0.1.")
        if wrong := [name for name in positive if not getattr(self, name) > 0]:
            raise InputRefused(f"a search with {wrong[0]} above 0", str(getattr(self, wrong[0])), "Give more.")
        if wrong := [name for name in ("halvings", "draws", "starts") if getattr(self, name) < 1]:
            raise InputRefused(f"a search with at least one of {wrong[0]}", str(getattr(self, wrong[0])), "Give more.")
