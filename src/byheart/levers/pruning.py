"""Pruning: the smallest weights are set to 0, at the end of training or with some epochs of it left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from byheart.errors import InputRefused
from byheart.levers.base import Course, Lever, State

if TYPE_CHECKING:
    import torch

MATRIX = 3  # axes of a weight (m, out, in, ...); biases and the scales of norms have fewer, and stay


class Pruning(Lever):
    """The `share` of the weights that is smallest by magnitude, over all layers at once, is set to 0.

    It happens when `retrain` epochs of training are left, and for these the weights at 0 stay there; with 0 epochs it
    happens at the end, and what is scored was not trained further. The number of epochs and the schedule of the
    learning rate stay those of the recipe, so the last epochs retrain slowly where it falls. Weights of one axis
    (biases, scales of norms) are not pruned nor counted. Share 0 changes nothing. The share of wrong labels that is
    memorised falls as more is pruned: without retraining what is understood falls with it, with retraining most of it
    comes back, if the epochs left are enough. Nothing is saved: a weight at 0 is stored and multiplied as any other.
    Reference: Han, Pool, Tran, Dally 2015, Learning both weights and connections for efficient neural networks, section
    3; Frankle and Carbin 2019, The lottery ticket hypothesis (global magnitude).

    Raises:
        InputRefused: as many epochs of retraining as there are of training, or a model without matrices.

    Example:
        >>> Pruning(share=0.9).retrain, Pruning(share=0.9, retrain=5).told
        (0, 'share 0.9, retrain 5')
    """

    name: ClassVar[str] = "pruning"
    costless: ClassVar[frozenset[str]] = frozenset({"share"})
    share: Annotated[float, Field(ge=0, lt=1)]
    retrain: Annotated[int, Field(ge=0)] = 0

    @property
    def idle(self) -> bool:
        """At share 0."""
        return self.share == 0

    @property
    def ends(self) -> bool:
        """Whatever is pruned stays so to the end."""
        return True

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """For each matrix 1 where it is kept, 0 where it is pruned; 1 everywhere at first."""
        if self.retrain >= course.epochs_left:
            raise InputRefused(
                expected=f"fewer epochs of retraining than the {course.epochs_left} of training",
                came=f"retrain={self.retrain}",
                do="Weights are pruned when they were trained: lower retrain, or raise epochs.",
            )
        matrices = {name: w for name, w in course.weights.items() if w.dim() >= MATRIX}
        if not matrices:
            raise InputRefused(
                "a model with matrices of weights for pruning", "one without", "Leave the lever out; try weight-decay."
            )
        return {name: w.new_ones(w.shape) for name, w in matrices.items()}

    def epoch_end(self, course: Course, state: State) -> None:
        """When `retrain` epochs are left, choose for each member and set to 0."""
        if course.epochs_left != self.retrain:
            return
        import torch

        size = torch.cat([course.weights[name].flatten(1).abs() for name in state.tensors], 1)  # (m, all of them)
        smallest = size.topk(round(self.share * size.shape[1]), dim=1, largest=False).indices
        kept = torch.ones_like(size).scatter_(1, smallest, 0.0)
        parts = kept.split([mask[0].numel() for mask in state.tensors.values()], 1)
        for name, part in zip(state.tensors, parts, strict=True):
            state[name].copy_(part.view_as(state[name]))
            course.weights[name].mul_(state[name])

    def after(self, course: Course, state: State) -> None:
        """Hold at 0 what was pruned."""
        if course.epochs_left <= self.retrain:
            for name, mask in state.tensors.items():
                course.weights[name].mul_(mask)
