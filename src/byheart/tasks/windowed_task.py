"""Windowed: what all series have in common, from a file, an array or with the package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from byheart.errors import UsageError
from byheart.tasks.base import Task
from byheart.tasks.data import Data
from byheart.tasks.stretches import copied
from byheart.tasks.windows import windowed


class Windowed(Task):
    """A series as windows: what is the next step, from the last `window`?

    Args:
        window: steps of a window.
        looks_back: how many of them models get; 0: all. The windows stay the same, so that what is lost can be told.
        split: share of the steps held out, the last ones.
    """

    usual_members: ClassVar[int] = 8

    window: Annotated[int, Field(ge=1, le=1000)] = 4
    looks_back: Annotated[int, Field(ge=0, le=1000)] = 0
    split: Annotated[float, Field(gt=0, lt=1)] = 0.2

    def _drawn(self, stretches: Sequence[np.ndarray], channels: Sequence[str], by: str, about: dict[str, Any]) -> Data:
        """The last share of the steps is the test; its windows begin after the last step that trains."""
        steps = sum(map(len, stretches))
        window = self.window
        if self.looks_back > window:
            raise UsageError(
                f"looks_back of at most the window, {window}", f"{self.looks_back}", "Give a longer window."
            )
        first = steps - max(1, round(self.split * steps))
        train, test, at = [], [], 0
        for one in stretches:
            train.append(one[: max(0, first - at)])
            test.append(one[max(0, first - at) :])
            at += len(one)
        held = f"the last {self.split:.0%} of the steps, whose windows hold none of the others"
        train, test = ([one for one in part if len(one)] for part in (train, test))
        said = [*about.get("inferred", ()), *(() if self.looks_back else copied(train, test))]
        told = {**about, "steps": steps, "holdout": held, "stretches": len(stretches), "inferred": said}
        return windowed(train, test, window, channels, told, looks_back=self.looks_back, by=by)
