"""Tokens: k logits a place of a passage, each token to be given from those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from byheart.tasks.output.base import Output
from byheart.tasks.output.classes import cross_entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from byheart.maths.statistics.seen_unseen import BankLengths


@dataclass(frozen=True)
class Tokens(Output):
    """A passage of symbols 0..k-1; y (n, t) int64 the same numbers as x, -1 where one is not counted.

    Example:
        >>> import torch
        >>> Tokens(4).loss(torch.zeros(1, 1, 3, 4), torch.tensor([[[1, 2, -1]]])).exp().tolist()
        [[16.0]]
    """

    kind: ClassVar[str] = "tokens"
    passages: ClassVar[bool] = True
    returned: ClassVar[str] = "tokens"
    coded: ClassVar[str] = "pool"
    learner: ClassVar[str] = "transformer"

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """-log softmax(logits) of each token."""
        return cross_entropy(outputs, targets.clamp(min=0))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The sum of `each` over the tokens that are counted."""
        return (self.each(outputs, targets) * (targets >= 0)).sum(-1)

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """softmax(logits) - onehot(y); 0 where a token is not counted."""
        slope, own = outputs.softmax(-1), targets.clamp(min=0)
        slope.scatter_add_(-1, own[..., None], slope.new_full((), -1.0).expand(*own.shape, 1))
        return slope.mul_((targets >= 0)[..., None])

    def outcomes(self, outputs: np.ndarray, y: np.ndarray, predicted: np.ndarray | None = None) -> dict[str, Any]:
        """The summed loss, and whether greedy decoding gives all of the passage back."""
        z, counted, own = outputs.astype(np.float64), y >= 0, np.maximum(y, 0)
        top = z.max(-1, keepdims=True)
        log_p = z - top - np.log(np.exp(z - top).sum(-1, keepdims=True))
        said = np.take_along_axis(log_p, np.broadcast_to(own, z.shape[:-1])[..., None], -1)
        told = ((log_p >= said).sum(-1) == 1) | ~counted
        return {"loss_nats": -(said[..., 0] * counted).sum(-1).astype(np.float32), "correct": told.all(-1)}

    def is_table(self, shape: Sequence[int]) -> bool:
        """Never."""
        return False

    def laid_out(self, x: np.ndarray, other: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
        """Passages by the runs of tokens in them."""
        from byheart.maths.memorisation.feature_scaling import comparable

        return comparable(x, other, "tokens")

    @property
    def near_in(self) -> str:
        """Runs of tokens."""
        return "runs of tokens"

    def lengths(self, outputs: np.ndarray, y: np.ndarray, mask: np.ndarray, **where: Any) -> BankLengths:
        """Bits of each passage under each member, from its summed lengths on the grid (m, n, g)."""
        from byheart.maths.codes.passages import passage_lengths

        return passage_lengths(outputs, mask, **where)
