"""Embedding: a point of k numbers an example, of which only the direction counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from byheart.tasks.output.base import Output

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 1e-12  # length below which a point has no direction


@dataclass(frozen=True)
class Embedding(Output):
    """The place of an example among others; y (n, k) float64 is the place that it should have.

    loss = 1 - cosine of the angle between the two, from 0 (the same direction) to 2 (opposite ones).

    Example:
        >>> z, y = np.array([[[[0.0, 2.0], [3.0, 0.0]]]]), np.array([[1.0, 0.0], [1.0, 0.0]])
        >>> Embedding(2).outcomes(z, y)["loss_nats"].tolist()
        [[[1.0, 0.0]]]
    """

    kind: ClassVar[str] = "embedding"
    continuous: ClassVar[bool] = True

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """1 - cosine."""
        return 1 - (_unit(outputs) * _unit(targets)).sum(-1)

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """-(y - cosine z) / |z|, z and y of length 1."""
        z, y = _unit(outputs), _unit(targets)
        return -(y - (z * y).sum(-1, keepdim=True) * z) / outputs.norm(dim=-1, keepdim=True).clamp(min=LEAST)

    def outcomes(self, outputs: np.ndarray, y: np.ndarray, predicted: np.ndarray | None = None) -> dict[str, Any]:
        """1 - cosine, computed in float64, kept in float32."""
        z, y = (
            a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), LEAST) for a in (outputs.astype(np.float64), y)
        )
        return {"loss_nats": (1 - (z * y).sum(-1)).astype(np.float32)}

    def one_hot(self, y: np.ndarray) -> np.ndarray:
        """(n, k) the places."""
        return y.astype(np.float64)


def _unit_of(points: np.ndarray) -> np.ndarray:
    return points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), LEAST)


def _unit(points: Tensor) -> Tensor:
    return points / points.norm(dim=-1, keepdim=True).clamp(min=LEAST)
