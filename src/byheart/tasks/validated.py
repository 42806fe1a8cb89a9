"""A view to choose by: any task with a part of its test set aside, whose targets are known to be right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field, InstanceOf

from byheart.errors import InputRefused
from byheart.seeds import stream
from byheart.tasks.base import Task, Within
from byheart.tasks.data import Data

FEWEST = 20  # examples of either part
VIEW = "validation"


class Validated(Within):
    """What does the same task say where a part of its test chooses, and the rest judges?

    Args:
        task: a task with a view `test`, or the name of one.
        share: part of the test that becomes the view `validation`, in (0, 1). Exact copies stay on one side.

    Whoever takes this task says that the targets of the test are right: labels that are redrawn for training stay as
    they were there. The view may choose when to stop (lever `early-stop:view=validation`); nothing is scored on it.

    Example:
        >>> data = Validated(task="digits").draw(0)
        >>> len(data.views["validation"]), len(data.views["test"]), data.truth.clean_views
        (180, 180, ('validation',))

    Reference: Prechelt 1998, Early stopping, but when? (a set to stop by is no test set).
    """

    name = "validated"
    task: InstanceOf[Task] = Field(default="digits", validate_default=True)  # type: ignore[assignment]
    share: float = Field(default=0.5, gt=0, lt=1)

    def draw(self, seed: int) -> Data:
        """The data of the task within, its test in two.

        Raises:
            InputRefused: no test, or one too small for two parts.
        """
        data = self.task.draw(seed)
        n = len(data.views.get("test", ()))
        if min(self.share, 1 - self.share) * n < FEWEST:
            raise InputRefused(
                expected=f"a test of which each part has {FEWEST} examples",
                came=f"{n:,} examples of which {self.share:g} are set aside",
                do="Give a larger test, or another share.",
            )
        copies = data.new_copies
        order = stream(seed, "validation", self.task.key()).permutation(int(copies.max()) + 1)
        chosen = np.isin(copies, order[np.cumsum(np.bincount(copies)[order]) <= self.share * n + 0.5])
        test = data.views["test"]
        views = {**data.views, "test": test.take(np.logical_not(chosen)), VIEW: test.take(chosen)}
        truth = replace(data.truth, clean_views=(*data.truth.clean_views, VIEW))
        return replace(data, views=views, truth=truth, about={**data.about, "n_test": len(views["test"])})
