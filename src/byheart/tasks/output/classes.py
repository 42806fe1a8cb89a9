"""Classes: k logits an example, one a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from byheart.tasks.output.base import Output

if TYPE_CHECKING:
    from torch import Tensor

    from byheart.maths.statistics.seen_unseen import BankLengths


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """-log softmax(logits)_y (...) in nats, of logits (..., k)."""
    return logits.logsumexp(-1) - logits.gather(-1, targets[..., None])[..., 0]


@dataclass(frozen=True)
class Classes(Output):
    """One label among k classes; y (n,) int64.

    Example:
        >>> kept = Classes(2).outcomes(np.array([[[[2.0, 0.0]]]]), np.array([0]))
        >>> float(kept["margin"][0, 0, 0]), bool(kept["correct"][0, 0, 0])
        (2.0, True)
    """

    kind: ClassVar[str] = "classes"
    labelled: ClassVar[bool] = True
    returned: ClassVar[str] = "logits"
    recorded: ClassVar[str] = "cross-entropy"
    coded: ClassVar[str] = "logits"

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """-log softmax(logits)_y."""
        return cross_entropy(outputs, targets)

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """softmax(logits) - onehot(y)."""
        # Across the classes of many examples at once: a softmax over a short last axis is 10 times slower.
        slope = outputs.transpose(-1, -2).contiguous().softmax(-2)  # (..., k, b)
        ones = slope.new_full((), -1.0).expand(*targets.shape[:-1], 1, targets.shape[-1])
        return slope.scatter_add_(-2, targets.unsqueeze(-2), ones).transpose(-1, -2)

    def outcomes(self, outputs: np.ndarray, y: np.ndarray, predicted: np.ndarray | None = None) -> dict[str, Any]:
        """Margin, loss and correctness from logits (c, m, n, k), computed in float64, kept in float32.

        margin = z_y - logsumexp_{c != y} z_c, loss = log(1 + exp(-margin)); a tie for the largest logit counts as
        wrong. `predicted` (c, m, n) overrides the arg-max.
        """
        margin = np.empty(outputs.shape[:-1], dtype=np.float32)
        correct = np.empty(outputs.shape[:-1], dtype=bool)
        rows = np.arange(len(y))
        for c in range(outputs.shape[0]):
            for j in range(outputs.shape[1]):
                z = outputs[c, j].astype(np.float64)
                label = z[rows, y].copy()
                z[rows, y] = -np.inf
                top = z.max(1)
                correct[c, j] = label > top
                margin[c, j] = label - (top + np.log(np.exp(z - top[:, None]).sum(1)))
        if predicted is not None:
            correct = predicted == y
        with np.errstate(invalid="ignore"):  # a member that diverged has NaN here and is left out by its learner
            loss = np.logaddexp(0.0, -margin).astype(np.float32)
        return {"loss_nats": loss, "correct": correct, "margin": margin}

    def lengths(self, outputs: np.ndarray, y: np.ndarray, mask: np.ndarray, **where: Any) -> BankLengths:
        """Bits of each label under each member, from its logits (m, n, k)."""
        from byheart.maths.codes.bank import bank_lengths

        return bank_lengths(outputs, y, mask, **where)
