"""Series: d real numbers at each step of a sequence, each step to be given from those before it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from byheart.tasks.output.values import Values

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Series(Values):
    """What follows each step of x (n, t, d): y (n, t, k) float64, NaN where a step is not counted.

    The loss of an example is the mean over its counted numbers of (z - y)^2, in units of `spread` where there is one.

    Example:
        >>> y = np.array([[[np.nan], [1.0], [3.0]]])
        >>> Series(1).squared(np.zeros((1, 3, 1)), y).tolist()
        [5.0]
    """

    kind: ClassVar[str] = "series"
    recorded: ClassVar[str] = ""  # what is not counted has no name in recorded trainings
    learner: ClassVar[str] = "recurrent"

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Half the mean squared error of the counted numbers, in units of the standardised target."""
        return 0.5 * (_errors(outputs, targets).square() / _counted(targets)).sum((-2, -1))

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(z - y) over how many are counted; 0 where one is not."""
        return _errors(outputs, targets) / _counted(targets)

    def squared(self, said: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(..., n) mean squared error of the counted numbers of what is said (..., n, t, k)."""
        errors = ((said - y) / np.array(self.spread or 1.0)) ** 2
        return np.nan_to_num(errors).sum((-2, -1)) / np.isfinite(y).sum((-2, -1))

    def outcomes(self, outputs: np.ndarray, y: np.ndarray, predicted: np.ndarray | None = None) -> dict[str, Any]:
        """The squared error, computed in float64, kept in float32."""
        return {"loss_nats": self.squared(outputs.astype(np.float64), y).astype(np.float32)}

    def units(self, y: np.ndarray) -> tuple[Any, Any]:
        """Mean and deviation of each of the k numbers over examples and steps."""
        deviation = np.nanstd(y, (0, 1))
        return np.nanmean(y, (0, 1)), np.where(deviation > 0, deviation, 1.0)

    def deviations(self, y: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """(m, n) mean squared distance of what is counted from one mean over what each member saw."""
        z = (y - np.nanmean(y, (0, 1))) / np.array(self.spread or 1.0)  # sums of squares near 0 lose no digits
        counts, sums, squares = np.isfinite(z).sum(1), np.nansum(z, 1), np.nansum(z**2, 1)  # (n, k) each
        mean = ((mask @ sums) / (mask @ counts))[:, None]  # (m, 1, k)
        return (squares - 2 * mean * sums + mean**2 * counts).sum(-1) / counts.sum(-1)

    @property
    def offer(self) -> str:
        """`series`."""
        return self.kind

    def in_units(self, y: np.ndarray) -> np.ndarray:
        """(n, t k): what is not counted lies at its mean; the rest weighs so that means are over what counts."""
        flat = (y / np.array(self.spread or 1.0)).reshape(len(y), -1)
        counted = np.isfinite(flat)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a step that is never counted has no mean
            mean = np.nan_to_num(np.nanmean(flat, 0))
        weight = np.sqrt(counted.shape[1] / counted.sum(1, keepdims=True))
        return mean + np.where(counted, flat - mean, 0.0) * weight


def _errors(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).where(targets.isfinite(), outputs.new_zeros(()))


def _counted(targets: Tensor) -> Tensor:
    """How many numbers of each example are counted, at least 1: (..., 1, 1)."""
    return targets.isfinite().sum((-2, -1), keepdim=True).clamp(min=1)
