"""Next step: d real numbers that follow a window of a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from byheart.tasks.output.values import Values


@dataclass(frozen=True)
class NextStep(Values):
    """What follows each window x (n, w, d): y (n, d) float64 = next step - carried * last step, a channel each.

    `carried` (d,) is 1 for a channel whose last step predicts the next better than its mean does: there the blind
    guess is no change, and y is the change; 0 elsewhere. So a random walk is not understood by repeating it, nor noise
    by undoing it. `spread` are the deviations of y in training. Windows overlap and follow one another in time, so
    nothing is asked of a single one.

    Example:
        >>> output = NextStep(1, spread=(1.0,), carried=(1.0,))
        >>> output.levels(np.array([[[1.0], [5.0]]]), np.array([[0.5]])).tolist()
        [[5.5]]
    """

    kind: ClassVar[str] = "next step"
    windows: ClassVar[bool] = True
    learner: ClassVar[str] = "mlp"
    carried: tuple[float, ...] = ()

    @property
    def offer(self) -> str:
        """`next step`."""
        return self.kind

    def levels(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The next steps (..., n, d) that targets or predictions y (..., n, d) after windows x (n, w, d) stand for."""
        return y + np.array(self.carried) * x[..., -1, :]

    def targets(self, x: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """The targets (..., n, d) that next steps (..., n, d) after windows x (n, w, d) are: `levels` undone."""
        return steps - np.array(self.carried) * x[..., -1, :]

    def read_by(self, kinds: Sequence[str]) -> bool:
        """By whatever gives values: it is called on windows as on any array."""
        return bool({self.kind, "values"} & {*kinds})

    def laid_out(self, x: np.ndarray, other: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """Windows as rows; all numbers are in one unit already."""
        return tuple(view.reshape(len(view), -1) for view in (x, other) if view is not None)
