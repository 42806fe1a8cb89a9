"""Two scales: a linear target of many inputs that are learned fast and a few that are learned slowly."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from byheart.seeds import derive, stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.grouping import Grouping
from byheart.tasks.labels import MINIMUM
from byheart.tasks.output import Values

ROOM = 2**20  # ids of one draw
SOURCE = "y = x.b + noise, inputs independent: each explains b_j^2 times its variance, and what is left is the noise"


class TwoScales(Task):
    r"""What is y, when a few inputs of small scale hold most of the signal?

        y = x.b + e,   x_j ~ N(0, 1) for `fast` inputs and N(0, spread^2) for `slow` ones

    Gradient descent learns a direction at a rate in proportion to its variance: the fast inputs first, and with them
    the noise, the slow ones later, and with them the signal. So the error falls, rises and falls again.

    Args:
        n: training examples.
        n_test: new examples.
        fast: inputs of variance 1.
        slow: inputs of variance spread^2.
        spread: deviation of a slow input.
        fast_signal: variance of the target that all fast inputs explain.
        slow_signal: the same of the slow ones.
        noise: variance of the noise of training values; those of the test are without.

    x is (n, 1, d), one row of d numbers an example and no table, so that nobody standardises its columns.

    Example:
        >>> data = TwoScales(n=50).draw(0)
        >>> data.train.x.shape, data.truth.signal.sum().round(9).tolist()
        ((50, 1, 85), 1.8)

    Reference: Heckel and Yilmaz 2021, Early stopping in deep networks: double descent and how to eliminate it,
    section 3.
    """

    name = "two-scales"
    n: int = Field(default=22_000, ge=MINIMUM, le=200_000)
    n_test: int = Field(default=1000, ge=2, le=100_000)
    fast: int = Field(default=80, ge=1, le=10_000)
    slow: int = Field(default=5, ge=1, le=10_000)
    spread: float = Field(default=0.001**0.5, gt=0)
    fast_signal: float = Field(default=0.8, ge=0)
    slow_signal: float = Field(default=1.0, ge=0)
    noise: float = Field(default=20.0, gt=0)

    def draw(self, seed: int) -> Data:
        """Points from the stream `two-scales` of `seed`."""
        sizes = self.fast, self.slow
        variances = np.repeat([1.0, self.spread**2], sizes)
        signal = np.repeat([self.fast_signal / self.fast, self.slow_signal / self.slow], sizes)
        signs = stream(seed, "two-scales", "signs").choice([-1.0, 1.0], len(signal))
        b = signs * np.sqrt(signal / variances)
        start = (derive(seed, "two-scales", *sizes, self.spread, self.noise) >> 24) * ROOM
        views = {"train": (self.n, start), "test": (self.n_test, start + ROOM // 2)}
        return Data(
            views={
                view: self._points(seed, view, n, first, np.sqrt(variances), b) for view, (n, first) in views.items()
            },
            output=Values(1, noun=("point", "points"), target="value"),
            truth=Truth(
                best_loss_nats=self.noise,
                signal=signal,
                variances=variances,
                sources=dict.fromkeys(("best_loss_nats", "signal", "variances"), SOURCE),
            ),
            about={
                "title": f"linear in {self.fast} fast and {self.slow} slow inputs",
                "source": "computed",
                "licence": "none needed",
                "n": self.n,
                "n_test": self.n_test,
                "holdout": f"{self.n_test} points of their own, their values without noise",
            },
            grouped=Grouping(np.arange(self.n), np.arange(self.n)),  # no two points are near: nobody compares them
        )

    def _points(self, seed: int, view: str, n: int, start: int, spread: np.ndarray, b: np.ndarray) -> Examples:
        rng = stream(seed, "two-scales", view)
        noise = rng.normal(0, np.sqrt(self.noise), n)
        x = (rng.normal(size=(n, len(b))) * spread).astype(np.float32)
        y = x @ b + (noise if view == "train" else 0.0)
        return Examples(np.arange(start, start + n, dtype=np.int64), x[:, None], y)
