"""Lagged: the best linear map from the last steps of a series to the next, in closed form."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from byheart.learners.closed_form import ClosedForm
from byheart.learners.output_conversion import gathered
from byheart.tasks.data import Data
from byheart.training.members import Members
from byheart.training.run import Run


class Lagged(ClosedForm):
    """What does the best linear map of the last `lags` steps say of the next?

    z_s = b + sum_l W_l x_{s-l}, l = 0..lags - 1, by least squares over the counted steps of the subset; steps before
    the first are 0. On a process of order `lags` it reaches the variance of the shocks.

    Args:
        lags: steps that are looked at.

    Raises:
        InputRefused: data that are no series, views or masks that do not fit them.

    Cost: O(n t d^2 lags^2) a member. Fails when: fewer counted steps than weights; the least-norm map is then given.

    Reference: Yule 1927, On a method of investigating periodicities in disturbed series, equation 3.

    Example:
        >>> Lagged(lags=3).lags
        3
    """

    name: ClassVar[str] = "lagged"
    family: ClassVar[str] = "linear"
    reads: ClassVar[tuple[str, ...]] = ("series",)
    any_length: ClassVar[bool] = True
    lags: Annotated[int, Field(ge=1, le=100)] = 2

    def solved(self, data: Data, members: Members, trail: bool) -> Run:
        """Solve every member's least squares."""
        views = {view: self._looked_at(data.output.numbers(look.x)) for view, look in data.views.items()}
        shapes = {view: (len(members), *look.y.shape) for view, look in data.views.items()}
        said = {view: np.empty(shape) for view, shape in shapes.items()}
        y = data.train.y
        for j, seen in enumerate(members.seen):
            counted = np.isfinite(y[seen]).all(-1)  # (n_seen, t)
            weights = np.linalg.lstsq(views["train"][seen][counted], y[seen][counted], rcond=None)[0]
            for view, steps in views.items():
                said[view][j] = steps @ weights
        about = {"parameters": int(weights.size), "outputs": data.output.returned, "inputs": "as they are"}
        return gathered(data, members, trail, said, about)

    def _looked_at(self, x: np.ndarray) -> np.ndarray:
        """(n, t, 1 + lags d): one, and the last steps at each step."""
        n, t, _ = x.shape
        before = [np.pad(x, ((0, 0), (lag, 0), (0, 0)))[:, :t] for lag in range(self.lags)]
        return np.concatenate([np.ones((n, t, 1)), *before], -1).astype(np.float64)
