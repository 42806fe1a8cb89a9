"""Schedules: when to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from byheart.levers.base import Course, Lever, State

if TYPE_CHECKING:
    import torch

    from byheart.tasks.data import Data

SCORED = ("train", "test")  # views that must not choose


class EarlyStop(Lever):
    """Stop after `epoch`, or where the mean loss on a clean held-out `view` was least.

    By `epoch` the learning rate follows the schedule of the full training until there; an epoch past the last changes
    nothing. By `view` each member is trained through all epochs, the view is looked at after each, and the weights of
    its best epoch are the ones that training (in phases: each phase) ends with; checkpoints before the last show the
    training as it went. The data must offer a view beside the test whose targets are known to be right
    (`Truth.clean_views`): a noisy one picks the wrong step, and a test that chooses judges nothing any more. The share
    of wrong labels that is memorised falls as training stops earlier. Reference: Prechelt 1998, Early stopping, but
    when?

    Example:
        >>> EarlyStop(epoch=5).last_epoch(20), EarlyStop(epoch=50).last_epoch(20), EarlyStop(view="dev").last_epoch(20)
        (5, 20, 20)
    """

    name: ClassVar[str] = "early-stop"
    instead: ClassVar[str] = (
        "Stop by the clock: early-stop=8; or give a clean view: the task validated sets a part of a test aside."
    )
    costless: ClassVar[frozenset[str]] = frozenset({"epoch"})
    epoch: Annotated[int, Field(ge=1)] | None = None
    view: str = ""

    @field_validator("epoch", mode="before")
    @classmethod
    def _counted(cls, value: Any) -> Any:
        if isinstance(value, str):
            raise ValueError(
                "a number of epochs, as in early-stop=8; to stop by the loss on a held-out view that is known to be "
                "clean, early-stop:view=validation"
            )
        return value

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.epoch is None) == (not self.view):
            raise ValueError("either an epoch, as in early-stop=8, or a clean view, as in early-stop:view=validation")
        return self

    def key_fields(self) -> dict[str, Any]:
        """The one that is given: what was stopped by the clock before there was another way stays known."""
        return {"view": self.view} if self.view else {"epoch": self.epoch}

    @property
    def told(self) -> object:
        """The epoch, or the view."""
        return f"by {self.view}" if self.view else self.epoch

    @property
    def recordable(self) -> bool:
        """By the clock."""
        return not self.view

    @property
    def ends(self) -> bool:
        """By a view."""
        return bool(self.view)

    def acts(self, epochs: int) -> bool:
        """By a view, or before the last epoch."""
        return bool(self.view) or self.last_epoch(epochs) < epochs

    def against(self, data: Data) -> str:
        """A view that is not there, that is scored, or that is not known to be clean."""
        if not self.view or self.view in data.truth.clean_views:
            return ""
        if self.view in SCORED:
            return f"the view {self.view}, which is scored and so must not choose"
        known = ", ".join(data.truth.clean_views) or "none"
        if self.view not in data.views:
            return f"no view {self.view} (views known to be clean: {known})"
        return f"the view {self.view}, which is not known to be clean (views that are: {known})"

    def last_epoch(self, epochs: int) -> int:
        """The earlier of the two."""
        return min(self.epoch or epochs, epochs)

    def start(self, course: Course) -> dict[str, torch.Tensor]:
        """By a view, for each member the least loss so far, and the weights that had it."""
        if not self.view:
            return {}
        kept = course.snapshot()
        least = next(iter(kept.values())).new_full((course.m,), float("inf"))
        return {"least": least, **{f"at.{name}": value for name, value in kept.items()}}

    def epoch_end(self, course: Course, state: State) -> None:
        """Remember the weights of members that were never better."""
        import torch

        if not self.view:
            return
        loss = torch.from_numpy(course.losses(self.view).mean(1)).to(state["least"])
        better = loss < state["least"]
        state["least"][better] = loss[better]
        for name, value in course.snapshot().items():
            state[f"at.{name}"][better] = value[better]

    def phase_end(self, course: Course, state: State) -> None:
        """Take back the best weights; the next phase begins with none."""
        if self.view:
            course.put_back({name.removeprefix("at."): v for name, v in state.tensors.items() if name != "least"})
            state["least"].fill_(float("inf"))
