"""Rewards: one action among k for an example, each with its own reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from byheart.tasks.output.base import Output

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Rewards(Output):
    """Preferences (logits) for k actions; y (n, k) float64 the reward of each.

    loss = max y - sum_a p_a y_a, the regret of an action drawn with p = softmax(logits): 0 where the best one is sure.
    `correct`: whether the preferred action is among the best.

    Example:
        >>> made = Rewards(2).outcomes(np.zeros((1, 1, 1, 2)), np.array([[1.0, 3.0]]))
        >>> made["loss_nats"].tolist(), made["correct"].tolist()
        ([[[1.0]]], [[[False]]])
    """

    kind: ClassVar[str] = "rewards"
    returned: ClassVar[str] = "logits"

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The regret."""
        return targets.amax(-1) - (outputs.softmax(-1) * targets).sum(-1)

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """-p_a (y_a - sum_b p_b y_b)."""
        p = outputs.softmax(-1)
        return -p * (targets - (p * targets).sum(-1, keepdim=True))

    def outcomes(self, outputs: np.ndarray, y: np.ndarray, predicted: np.ndarray | None = None) -> dict[str, Any]:
        """The regret, and whether the single most preferred action is one of the best."""
        z = outputs.astype(np.float64)
        p = np.exp(z - z.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        first = z.argmax(-1) if predicted is None else predicted
        alone = (z >= z.max(-1, keepdims=True)).sum(-1) == 1
        best = np.take_along_axis(np.broadcast_to(y, z.shape), first[..., None], -1)[..., 0] >= y.max(-1)
        regret = y.max(-1) - (p * y).sum(-1)
        return {"loss_nats": regret.astype(np.float32), "correct": best & (alone | (predicted is not None))}

    def one_hot(self, y: np.ndarray) -> np.ndarray:
        """(n, k) the rewards."""
        return y.astype(np.float64)
