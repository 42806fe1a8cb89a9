"""Isotropic: a linear target of inputs that are alike in all directions, with a known signal and known noise."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from byheart.seeds import derive, stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.grouping import Grouping
from byheart.tasks.labels import MINIMUM
from byheart.tasks.output import Values

ROOM = 2**20  # ids of one draw
SOURCE = "y = x.b + noise, |b|^2 = signal: the best prediction is x.b, and what is left is the noise"


class Isotropic(Task):
    r"""What is y, when it is a linear function of all inputs with noise?

        y = x.b + e,   |b|^2 = signal,   e normal of variance noise

    Args:
        n: training examples.
        n_test: new examples.
        d: inputs.
        signal: |b|^2, the variance of x.b.
        noise: variance of the noise.
        inputs: `gaussian` (independent, standard normal) or `sphere` (uniform on the sphere of radius sqrt(d)).

    Test values are without noise, as labels redrawn in training are clean in the test: the squared error there is the
    excess error. What least squares and random features make of it is known in closed form (`maths.descent`). x is
    (n, 1, d), one row of d numbers an example and no table, so that nobody standardises its columns.

    Example:
        >>> data = Isotropic(n=50, d=4, signal=2.0).draw(0)
        >>> data.train.x.shape, float(data.truth.signal.sum().round(9)), data.truth.best_loss_nats
        ((50, 1, 4), 2.0, 1.0)

    Reference: Hastie, Montanari, Rosset, Tibshirani 2022, Surprises in high-dimensional ridgeless least squares
    interpolation, section 3; Mei and Montanari 2022, section 2 (the sphere).
    """

    name = "isotropic"
    n: int = Field(default=2000, ge=MINIMUM, le=100_000)
    n_test: int = Field(default=1000, ge=2, le=100_000)
    d: int = Field(default=100, ge=1, le=20_000)
    signal: float = Field(default=5.0, ge=0)
    noise: float = Field(default=1.0, gt=0)
    inputs: Literal["gaussian", "sphere"] = "gaussian"

    def draw(self, seed: int) -> Data:
        """Points from the stream `isotropic` of `seed`."""
        start = (derive(seed, "isotropic", self.d, self.signal, self.noise, self.inputs) >> 24) * ROOM
        direction = stream(seed, "isotropic", "direction").normal(size=self.d)
        b = direction * np.sqrt(self.signal) / np.linalg.norm(direction)
        sizes = {"train": (self.n, start), "test": (self.n_test, start + ROOM // 2)}
        return Data(
            views={view: self._points(seed, view, n, start, b) for view, (n, start) in sizes.items()},
            output=Values(1, noun=("point", "points"), target="value"),
            truth=Truth(
                best_loss_nats=self.noise,
                signal=b**2,
                variances=np.ones(self.d),
                sources=dict.fromkeys(("best_loss_nats", "signal", "variances"), SOURCE),
            ),
            about={
                "title": f"linear in {self.d} inputs ({self.inputs})",
                "source": "computed",
                "licence": "none needed",
                "n": self.n,
                "n_test": self.n_test,
                "holdout": f"{self.n_test} points of their own, their values without noise",
            },
            grouped=Grouping(np.arange(self.n), np.arange(self.n)),  # no two points are near: nobody compares them
        )

    def _points(self, seed: int, view: str, n: int, start: int, b: np.ndarray) -> Examples:
        rng = stream(seed, "isotropic", view)
        noise, x = rng.normal(0, np.sqrt(self.noise), n), rng.normal(size=(n, self.d))
        if self.inputs == "sphere":
            x *= np.sqrt(self.d) / np.linalg.norm(x, axis=1, keepdims=True)
        x = x.astype(np.float32)
        y = x @ b + (noise if view == "train" else 0.0)
        return Examples(np.arange(start, start + n, dtype=np.int64), x[:, None], y)
