"""Values: one real number an example, or several columns of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from byheart.tasks.output.base import Output

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Values(Output):
    """k real numbers an example; y (n,) float64 for one, (n, k) for several.

    One column is measured in its own unit: loss = (z - y)^2. Several have none in common: loss = the mean over columns
    of ((z - y) / spread)^2, `spread` (k,) the deviation of each column over the training examples, so a column in
    other units changes nothing. Networks are trained on targets standardised column by column.

    Example:
        >>> two = Values(2, spread=(1.0, 10.0))
        >>> two.squared(np.array([[1.0, 20.0]]), np.array([[0.0, 0.0]])).tolist()
        [2.5]
    """

    kind: ClassVar[str] = "values"
    continuous: ClassVar[bool] = True
    recorded: ClassVar[str] = "half-squared-error"
    precision: ClassVar[type[np.floating]] = np.float64  # an error may be small beside the target
    spread: tuple[float, ...] = ()

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(z - y)^2 / 2 in units of the standardised target; the mean over several columns."""
        if targets.dim() < outputs.dim():
            return 0.5 * (outputs[..., 0] - targets).square()
        return 0.5 * (outputs - targets).square().mean(-1)

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """z - y, over the number of columns."""
        return (outputs - targets.reshape(outputs.shape)) / outputs.shape[-1]

    @property
    def offer(self) -> str:
        """`values`, or `columns` where there are several."""
        return "columns" if self.spread else self.kind

    def in_units(self, y: np.ndarray) -> np.ndarray:
        """One column as it is; several in units of their deviations."""
        return y / np.array(self.spread) if self.spread else y

    def squared(self, said: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(..., n) squared error of what is said (..., n) or (..., n, k)."""
        if not self.spread:
            return (said - y) ** 2
        return (((said - y) / np.array(self.spread)) ** 2).mean(-1)

    def outcomes(self, outputs: np.ndarray, y: np.ndarray, predicted: np.ndarray | None = None) -> dict[str, Any]:
        """The squared error, computed in float64, kept in float32."""
        said = outputs.astype(np.float64)
        return {"loss_nats": self.squared(said if self.spread else said[..., 0], y).astype(np.float32)}

    def units(self, y: np.ndarray) -> tuple[Any, Any]:
        """Mean and deviation of each column; 1 where it is constant."""
        deviation = y.std(0)
        return y.mean(0), np.where(deviation > 0, deviation, 1.0)

    def one_hot(self, y: np.ndarray) -> np.ndarray:
        """(n, k) the values."""
        return y.astype(np.float64).reshape(len(y), -1)
