"""Which one number of a prediction is explained, by the kind of output? And what does the bank hold of it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from byheart.tasks.data import Data

if TYPE_CHECKING:
    from torch import Tensor

    from byheart.tasks.output import Output
from byheart.training.run import Run


@dataclass(frozen=True)
class Target:
    """What is asked of a recorded training.

    Attributes:
        y: target of the query, as `maths.attribution.targets` reads it.
        number: `"margin"`, or a function of the outputs.
        label: the class whose margin it is (its code); the known value; None for passages and an unknown value.
        says: the class (its code) or the value that the model gives; None for passages.
        centre: what every output stands on: the mean of the training values, 0 for other outputs.
    """

    y: np.ndarray
    number: str | Callable[[Any], Tensor]
    label: float | None = None
    says: float | None = None
    centre: float = 0.0


def target_of(data: Data, run: Run, known: bool, label: int | None = None) -> Target:
    """Margin of the label (of the class the model says, where none is known), predicted value, or log probability.

    - classes: log p - log(1 - p), in nats.
    - values: the predicted value in the unit of the target. The loop trains on (y - mean) / deviation of the training
      values, so this is mean + deviation times the output; the mean stands apart as `centre`. Effect holds mean and
      deviation: letting the mean move too foretold members worse (a table of 320 rows: LDS 0.12 against 0.35).
    - tokens: log p of the counted tokens of the passage, in nats; minus the loss.

    Args:
        data: with a view `query` of one example.
        run: of one model that looked at that view.
        known: whether the label of the query is known.
        label: the class that another training was asked about; None asks about the query's own.
    """
    if data.output.labelled:
        return _class(data, run, known, label)
    if data.output.continuous:
        return _value(data, run, known)
    return Target(np.ascontiguousarray(data.views["query"].y), "margin")  # of sequences the margin is log p


def _class(data: Data, run: Run, known: bool, label: int | None) -> Target:
    says = int(np.argmax(np.asarray(run.views["query"].logits)[0, 0]))
    own = int(data.views["query"].y[0]) if known else says
    y = own if label is None else label
    return Target(np.array([y]), "margin", y, says)


def _value(data: Data, run: Run, known: bool) -> Target:
    centre, deviation = map(float, data.output.units(data.train.y))  # as training/stepper.py standardises
    says = float(np.asarray(run.views["query"].logits)[0, 0, 0])
    scaled = lambda outputs: outputs.reshape(len(outputs), -1)[:, 0] * deviation  # noqa: E731
    own = float(data.views["query"].y[0]) if known else None
    return Target(np.zeros(1, np.float32), scaled, own, says, centre)


def of_members(output: Output, view: str, row: int, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The same number (m,) as the members of a bank gave it at the end, from the arrays of their run."""
    if output.labelled:
        return np.asarray(arrays[f"{view}.margin"][-1][:, row], np.float64)
    if output.continuous:
        return np.asarray(arrays[f"{view}.logits"][:, row, 0], np.float64)
    return -np.asarray(arrays[f"{view}.loss_nats"][-1][:, row], np.float64)
