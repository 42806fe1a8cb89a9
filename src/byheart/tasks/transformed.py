"""A transformed target: any regression whose values are replaced by their logarithms or ranks."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.base import Within
from byheart.tasks.data import Data


class Transformed(Within):
    """What does the same regression say of the logarithm, or the rank, of its target?

    Args:
        task: a regression task, or the name of one.
        how: `log`, the natural logarithm of every value; or `rank`, the share of training values below it, ties and
            the value itself by half, new values between two training values on the line between them.

    Every number then speaks of the transformed target: `output.target` and `about` say so.

    Example:
        >>> from byheart.tasks.arrays import Arrays
        >>> task = Arrays.of([[float(i)] for i in range(40)], [2.0 ** (i % 8) for i in range(40)], task="values")
        >>> data = Transformed(task=task, how="log").draw(0)
        >>> float(np.exp(data.train.y.max()).round(6)), data.output.target
        (128.0, 'log of target')
    """

    name = "transformed"
    how: Literal["log", "rank"]

    def draw(self, seed: int) -> Data:
        """The data of the task within, its targets transformed.

        Raises:
            InputRefused: the task within gives classes or text, or the logarithm of a value of 0 or less is asked for.
        """
        data = self.task.draw(seed)
        title = str(data.about.get("title", self.task.name))
        if not data.output.continuous:
            raise InputRefused(
                expected=f"values for --transform {self.how}",
                came=f"{title}, which gives {data.output.kind}",
                do="Leave it out, or read the target as values with --task values.",
            )
        target = "target" if data.output.target == "label" else data.output.target
        train = data.train.y
        views = {name: replace(view, y=self._transformed(view.y, train, target)) for name, view in data.views.items()}
        said = f"{self.how} of {target}"
        how = "natural logarithm" if self.how == "log" else "rank"
        line = f"the target is the {how} of {target}; all numbers speak of it"
        return replace(
            data,
            views=views,
            output=replace(data.output, target=said),
            about={**data.about, "title": f"{title}, {said}", "transform": line},
        )

    def _transformed(self, y: np.ndarray, train: np.ndarray, target: str) -> np.ndarray:
        if self.how == "log":
            if (y <= 0).any():
                raise InputRefused(
                    expected=f"values of {target} above 0 for --transform log",
                    came=f"{int((y <= 0).sum())} of {len(y)} at or below 0, the smallest {y.min():g}",
                    do="Use --transform rank, or add a constant to the column first.",
                )
            return np.log(y)
        values, counts = np.unique(train, return_counts=True)
        return np.interp(y, values, (np.cumsum(counts) - counts / 2) / len(train))
