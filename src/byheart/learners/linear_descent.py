"""Gradient descent on least squares: what every step of it says, in closed form."""

from __future__ import annotations

import time
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from scipy import linalg

from byheart.errors import InputRefused
from byheart.learners.base import Learner
from byheart.tasks.data import Data
from byheart.training.members import Members
from byheart.training.preprocessing import checked, prepare_rows
from byheart.training.run import Run, outcomes
from byheart.training.training import Training


class LinearDescent(Learner):
    r"""What does a linear map say after so many steps of gradient descent from 0?

    On the mean of half the squared errors of the subset, all examples in every step (an epoch is a step):

        w_t = V (1 - (1 - lr v)^t) / v  V' X't / n,   X'X / n = V diag(v) V',   0 in directions where v is 0

    t is one-hot for classes and y for values, less the mean of the subset with `intercept`.

    Args:
        epochs: steps.
        lr: learning rate, below 2 over the largest eigenvalue of X'X / n.
        intercept: whether the mean target of the subset is added; without it the closed form of theory holds.

    Raises:
        InputRefused: views or masks that do not fit the data, or a learning rate at which the steps grow.

    Cost: O(n d^2 + d^3) a member, and one product with the inputs a checkpoint. Fails when: the inputs have thousands
    of columns.

    Reference: Ali, Kolter and Tibshirani 2019, A continuous-time view of early stopping for least squares, section 2
    (there in the limit of small steps).

    Example:
        >>> LinearDescent(epochs=100).steps()
        100
    """

    name: ClassVar[str] = "linear-descent"
    family: ClassVar[str] = "linear"
    epochs: Annotated[int, Field(ge=1)] = 1000
    lr: Annotated[float, Field(gt=0)] = 0.1
    intercept: bool = True

    def steps(self) -> int:
        """Epochs, of one step each."""
        return self.epochs

    def fit(self, data: Data, members: Members, training: Training) -> Run:
        """Every member at every checkpoint (`Learner.fit`)."""
        start = time.process_time()
        data = checked(data, members, training.levers, self.name)
        targets = data.output.one_hot(data.train.y)  # (n, k)
        t = np.array(training.checkpoints, dtype=float)
        logits = {
            view: np.empty((len(t), len(members), len(look), targets.shape[1]), data.output.precision)
            for view, look in data.views.items()
        }
        parameters = 0
        for j, mask in enumerate(members.seen):
            views = prepare_rows(data, mask)
            mean = targets[mask].mean(0) if self.intercept else np.zeros(targets.shape[1])
            weights = self._weights(views["train"][mask], targets[mask] - mean, t)  # (c, d, k)
            parameters = weights[0].size + self.intercept * targets.shape[1]
            for view, x in views.items():
                logits[view][:, j] = x @ weights + mean
        kept = {
            view: outcomes(logits[view], examples.y, data.output, training.trail and view == "train")
            for view, examples in data.views.items()
        }
        about: dict[str, Any] = {"parameters": parameters, "way": "closed form"}
        about["outputs"] = data.output.returned if data.output.continuous else "scores"
        if not self.intercept:
            about |= {"law": "gradient descent", "lr": self.lr}
        about["cpu_seconds"] = time.process_time() - start
        return Run(members, tuple(training.checkpoints), kept, about)

    def _weights(self, x: np.ndarray, targets: np.ndarray, t: np.ndarray) -> np.ndarray:
        """(c, d, k) the weights after each number of steps."""
        values, vectors = linalg.eigh(x.T @ x / len(x), driver="evd")
        if self.lr * values[-1] >= 2:
            raise InputRefused(
                expected=f"a learning rate below {2 / values[-1]:.3g}, two over the largest curvature",
                came=f"{self.lr:g}", do="Set lr to less.",
            )  # fmt: skip
        there = values > 1e-12 * values[-1]
        rate, to = values[there], vectors[:, there]
        way = (1 - (1 - self.lr * rate) ** t[:, None]) / rate  # (c, r)
        return to @ (way[:, :, None] * (to.T @ (x.T @ targets / len(x))))
