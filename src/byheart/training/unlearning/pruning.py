"""Pruning: the smallest weights go first, then the recipe goes on without the rows that must go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from byheart.training.run import Run
from byheart.training.unlearning.continued import Trained, continued
from byheart.training.unlearning.fine_tuning import epochs_of

if TYPE_CHECKING:
    from torch import Tensor

    from byheart.training.stepper import Stepper


@dataclass(frozen=True)
class Pruning:
    """The `share` of smallest magnitude among all weights of matrices is set to 0 and stays there; then fine-tuning.

    Reference: Jia et al. 2023, Model sparsity can simplify machine unlearning, section 4 (prune first, then unlearn).
    """

    name: ClassVar[str] = "pruning"
    version: ClassVar[int] = 1
    share: float = 0.8
    part: float = 0.2

    def forget(self, trained: Trained, rows: np.ndarray) -> Run:
        """The models, pruned and trained on without `rows`."""
        weights = trained.weights()
        kept = kept_weights(weights, self.share)
        pruned = {name: value * kept[name] if name in kept else value for name, value in weights.items()}

        def hold(stepper: Stepper, places: slice) -> None:
            masks = {name: torch.from_numpy(mask[places]) for name, mask in kept.items()}
            step = stepper.step

            def then(batch: Tensor, weight: Tensor | None = None) -> None:
                step(batch, weight)
                for name, mask in masks.items():
                    stepper.weights[name].mul_(mask.to(stepper.weights[name].device))

            stepper.step = then  # type: ignore[method-assign]

        return continued(trained, trained.others(rows), pruned, epochs_of(trained, self.part), hold)


def kept_weights(weights: Mapping[str, np.ndarray], share: float) -> dict[str, np.ndarray]:
    """name -> (m, *shape) bool of the matrices: the largest magnitudes of each member, all its matrices together.

    Example:
        >>> kept_weights({"a": np.array([[[3.0, -1.0]]]), "b": np.array([[9.0]])}, 0.5)
        {'a': array([[[ True, False]]])}
    """
    matrices = {name: np.abs(value) for name, value in weights.items() if value.ndim > 2}
    if not matrices:
        return {}
    m = len(next(iter(matrices.values())))
    flat = np.concatenate([value.reshape(m, -1) for value in matrices.values()], 1)
    gone = round(share * flat.shape[1])
    least = np.sort(flat, 1)[:, gone] if gone < flat.shape[1] else np.full(m, np.inf)
    return {name: value >= least.reshape(m, *[1] * (value.ndim - 1)) for name, value in matrices.items()}
