"""Training: how members are trained, and what their training keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from byheart.levers.base import Lever
from byheart.training.keep import Snapshot


@dataclass(frozen=True)
class Training:
    """How members are trained, and what their training keeps.

    Attributes:
        checkpoints: epochs at which outcomes are kept, ascending; the last is the end of training.
        trail: keep the training view's logits at every checkpoint (half precision), not at the last alone.
        keep: what else to keep (`training.keep`): weights, embeddings, free runs.
        levers: what moves the balance.
        way: how a fleet is trained: `stacked`, `functional` or `each`.
        device: `cpu`, `cuda` or `mps`.
    """

    checkpoints: tuple[int, ...]
    trail: bool = True
    keep: Sequence[Snapshot] = ()
    levers: Sequence[Lever] = ()
    way: str = "each"
    device: str = "cpu"
