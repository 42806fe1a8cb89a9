"""Continued: models go on from weights that were kept, by the one loop that trains all models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from byheart.tasks.data import Data
from byheart.training.keep import Weights
from byheart.training.loop import train
from byheart.training.run import Run
from byheart.training.training import Training

if TYPE_CHECKING:
    from byheart.training.stepper import Stepper

Change = Callable[["Stepper", slice], None]  # what is done to some of the members, by their places, before they go on


@dataclass(frozen=True)
class Trained:
    """Models that were trained on everything: the learner, the data, their run with weights kept, and how they train.

    `learner` is a network that our loop trains; `training` has the levers, the way and the device of the run.
    """

    learner: Any
    data: Data
    run: Run
    training: Training

    def weights(self) -> dict[str, np.ndarray]:
        """name -> (m, *shape) at the end of training."""
        kept = self.run.kept[Weights().label]
        return {name: kept[name] for name in kept}

    def others(self, rows: np.ndarray) -> np.ndarray:
        """Places of the training examples that are not in `rows`."""
        return np.setdiff1d(np.arange(len(self.data.train)), rows)


def continued(
    trained: Trained, rows: np.ndarray, weights: Mapping[str, np.ndarray], epochs: int = 1, change: Change | None = None
) -> Run:
    """The models from `weights` on, trained for so many epochs on the examples `rows` as their recipe says.

    Inputs and values stay scaled as they were when the weights were trained. `change` may do something to the members
    first, or put something else in the place of `stepper.epoch` or `stepper.step`.

    Args:
        trained: the models.
        rows: places of the training examples that they go on with.
        weights: name -> (m, *shape) where they begin.
        epochs: passes over these rows; the schedule of the learning rate runs over them.
        change: called with a stepper and the places of its members.
    """
    learner = trained.learner.model_copy(update={"epochs": epochs})
    data, at = replace(trained.data, phases=(rows,)), 0

    def start(stepper: Stepper) -> None:
        nonlocal at
        places = slice(at, at := at + stepper.m)
        stepper.fleet.restore({name: torch.from_numpy(np.array(value[places])) for name, value in weights.items()})
        if change is not None:
            change(stepper, places)

    training = replace(trained.training, checkpoints=(epochs,), trail=False)
    return train(learner, data, trained.run.members, training, watch=start)


def unmoved(trained: Trained, weights: Mapping[str, np.ndarray]) -> Run:
    """The models with these weights, as they are."""

    def rest(stepper: Stepper, _places: slice) -> None:
        stepper.epoch = lambda: None  # type: ignore[method-assign]

    return continued(trained, np.arange(len(trained.data.train)), weights, change=rest)
