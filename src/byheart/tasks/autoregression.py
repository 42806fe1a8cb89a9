"""Autoregression: series whose next step follows from the last two, and noise that nothing foretells."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from byheart.seeds import derive, stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.labels import MINIMUM
from byheart.tasks.output import Series

ROOM = 2**20  # ids of one draw
SETTLING = 500  # steps before the first that is kept: what the start leaves behind is gone
SOURCE = (
    "Box, Jenkins 1976, Time series analysis, section 5.1: the error of a step ahead is the shock, of variance noise^2"
)


class Autoregression(Task):
    r"""What comes next in a stationary process of order 2?

        x_s = first x_{s-1} + second x_{s-2} + e_s,   e_s normal with deviation `noise`

    Args:
        n: training series.
        n_test: new series.
        length: steps of a series that are given, the last of them to be continued.
        length_test: the same of new series; 0: as many.
        first: weight of the last step.
        second: weight of the one before it; stationary where |second| < 1 and |first| < 1 - second.
        noise: deviation of the shocks.

    `y` holds the step that follows each step of `x`; the first is not counted, for it has one step before it alone. The
    best possible loss is the variance of the shocks, noise^2.

    Example:
        >>> data = Autoregression(n=20, length=10).draw(0)
        >>> data.train.x.shape, bool((data.train.x[:, 2:] == data.train.y[:, 1:-1]).all()), data.truth.best_loss_nats
        ((20, 10, 1), True, 1.0)

    Reference: Yule 1927, On a method of investigating periodicities in disturbed series, equation 3.
    """

    name = "autoregression"
    n: int = Field(default=200, ge=MINIMUM, le=100_000)
    n_test: int = Field(default=100, ge=2, le=100_000)
    length: int = Field(default=24, ge=4, le=10_000)
    length_test: int = Field(default=0, ge=0, le=10_000)
    first: float = 1.2
    second: float = -0.6
    noise: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _stationary(self) -> Self:
        if not (abs(self.second) < 1 and abs(self.first) < 1 - self.second):
            raise ValueError("first and second must give a stationary process: |second| < 1 and |first| < 1 - second")
        return self

    def draw(self, seed: int) -> Data:
        """Series from the stream `autoregression` of `seed`."""
        start = (derive(seed, "autoregression", self.length, self.first, self.second, self.noise) >> 24) * ROOM
        sizes = {"train": (self.n, start), "test": (self.n_test, start + ROOM // 2)}
        length = {"train": self.length, "test": self.length_test or self.length}
        return Data(
            views={view: self._series(seed, view, n, length[view], start) for view, (n, start) in sizes.items()},
            output=Series(1, noun=("series", "series"), target="next step"),
            truth=Truth(best_loss_nats=self.noise**2, sources={"best_loss_nats": SOURCE}),
            about={
                "title": f"autoregression of order 2 ({self.first:g}, {self.second:g})",
                "source": "computed",
                "licence": "none needed",
                "n": self.n,
                "n_test": self.n_test,
                "holdout": f"{self.n_test} series of their own",
            },
        )

    def _series(self, seed: int, view: str, n: int, length: int, start: int) -> Examples:
        shocks = stream(seed, "autoregression", view).normal(0, self.noise, (n, SETTLING + length + 1))
        values = np.zeros_like(shocks)
        for s in range(2, values.shape[1]):
            values[:, s] = self.first * values[:, s - 1] + self.second * values[:, s - 2] + shocks[:, s]
        kept = values[:, SETTLING:, None]
        y = kept[:, 1:].copy()
        y[:, 0] = np.nan
        return Examples(np.arange(start, start + n, dtype=np.int64), kept[:, :-1].copy(), y)
