"""Resets: weights are drawn anew on the way, all of them in part or the last layers as a whole."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from byheart.errors import InputRefused
from byheart.levers.base import Course, Lever, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch


class Reset(Lever):
    """A lever that acts once, after an epoch: `epoch` counted through all phases, or half of them where it is 0.

    What the optimiser remembers of the weights stays: its mean gradients last a few steps.
    """

    if TYPE_CHECKING:
        epoch: int

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """Remember nothing.

        Raises:
            InputRefused: no training would follow.
        """
        total = course.epochs_done + course.epochs_left
        if not 0 < self.after_epoch(total) < total:
            raise InputRefused(
                expected=f"an epoch of {self.name} that training follows: 1 to {total - 1}",
                came=f"{self.epoch or 'half'} of {total}",
                do="Give it an epoch before the last, or raise epochs.",
            )
        return {}

    def after_epoch(self, total: int) -> int:
        """The epoch after which it acts, of so many in all.

        Example:
            >>> ResetLast(layers=1).after_epoch(20), ResetLast(layers=1, epoch=4).after_epoch(20)
            (10, 4)
        """
        return self.epoch or total // 2

    def epoch_end(self, course: Course, state: State) -> None:
        """Act, if it is the epoch."""
        import torch

        if course.epochs_done == self.after_epoch(course.epochs_done + course.epochs_left):
            seeds = [int(torch.randint(2**31, (), generator=stream)) for stream in state.streams]
            self.reset(course.weights, course.fresh(seeds))

    @abstractmethod
    def reset(self, weights: Mapping[str, torch.Tensor], fresh: Mapping[str, torch.Tensor]) -> None:
        """Change `weights` (m, ...) in place; `fresh` are others that the learner draws."""


class ShrinkPerturb(Reset):
    """After an epoch all weights are shrunk, and drawn weights are added: w <- (1 - shrink) w + noise w0.

    w0 are fresh weights of the learner's own initialisation (the paper adds normal noise). shrink 0 with noise 0
    changes nothing. With half of the epochs to follow, the share of wrong labels that is memorised falls as shrink
    rises. Reference: Ash and Adams 2020, On warm-starting neural network training, section 4.

    Example:
        >>> ShrinkPerturb(shrink=0.5).noise, ShrinkPerturb(shrink=0).idle, ShrinkPerturb(shrink=0, noise=0.1).idle
        (0.0, True, False)
    """

    name: ClassVar[str] = "shrink-perturb"
    costless: ClassVar[frozenset[str]] = frozenset({"shrink", "noise", "epoch"})
    shrink: Annotated[float, Field(ge=0, le=1)]
    noise: Annotated[float, Field(ge=0)] = 0.0
    epoch: Annotated[int, Field(ge=0)] = 0

    @property
    def idle(self) -> bool:
        """Without either."""
        return self.shrink == 0 and self.noise == 0

    def reset(self, weights: Mapping[str, torch.Tensor], fresh: Mapping[str, torch.Tensor]) -> None:
        """Shrink, and add."""
        for name, weight in weights.items():
            weight.mul_(1 - self.shrink).add_(fresh[name], alpha=self.noise)


class ResetLast(Reset):
    """After an epoch the last `layers` layers with weights are drawn anew, as the learner draws them at first.

    Layers are counted in the order in which the module holds them. layers 0 changes nothing. With half of the epochs
    to follow, the share of wrong labels that is memorised falls as more layers are drawn anew. Reference: Zhou, Vani,
    Larochelle, Courville 2022, Fortuitous forgetting in connectionist networks, section 3 (later layers forgotten).

    Example:
        >>> ResetLast(layers=1).epoch
        0
    """

    name: ClassVar[str] = "reset-last"
    costless: ClassVar[frozenset[str]] = frozenset({"layers", "epoch"})
    layers: Annotated[int, Field(ge=0)]
    epoch: Annotated[int, Field(ge=0)] = 0

    @property
    def idle(self) -> bool:
        """At 0 layers."""
        return self.layers == 0

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """Remember nothing.

        Raises:
            InputRefused: fewer layers than asked for, or an epoch that no training follows.
        """
        known = owners(course.weights)
        if self.layers > len(known):
            raise InputRefused(
                expected=f"at most {len(known)} layers of reset-last", came=str(self.layers), do="Lower layers."
            )
        return super().start(course)

    def reset(self, weights: Mapping[str, torch.Tensor], fresh: Mapping[str, torch.Tensor]) -> None:
        """Take the fresh weights of the last layers."""
        last = owners(weights)[-self.layers :]
        for name, weight in weights.items():
            if name.rpartition(".")[0] in last:
                weight.copy_(fresh[name])


def owners(weights: Mapping[str, torch.Tensor]) -> list[str]:
    """The layers that hold these weights, in their order.

    Example:
        >>> owners(dict.fromkeys(["1.weight", "1.bias", "3.weight", "3.bias"]))
        ['1', '3']
    """
    return list(dict.fromkeys(name.rpartition(".")[0] for name in weights))
