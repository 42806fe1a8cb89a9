"""Aim: the one number of a prediction that is explained, by the kind of output, and what the bank holds of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from byheart.tasks.data import Data, Examples

if TYPE_CHECKING:
    from torch import Tensor

    from byheart.training.run import Run


@dataclass(frozen=True)
class Aim:
    """What is asked of a recorded training.

    Attributes:
        y: target of the query, as `maths.attribution.targets` reads it.
        target: `"margin"`, or a function of the outputs.
        label: whose margin; the known value; empty for passages and where a value is not known.
        says: the class, or the value, that the model gives; empty for passages.
        centre: what every output stands on: the mean of the training values, 0 for other outputs.
    """

    y: np.ndarray
    target: str | Callable[[Any], Tensor]
    label: str = ""
    says: str = ""
    centre: float = 0.0


def aim(data: Data, run: Run, known: bool) -> Aim:
    """Margin of the label (of the class the model says, where none is known), predicted value, or log probability.

    - classes: log p - log(1 - p), in nats.
    - values: the predicted value in the unit of the target. The loop trains on (y - mean) / deviation of the training
      values, so this is mean + deviation times the output; the mean stands apart as `centre`. Effect holds mean and
      deviation: letting the mean move too foretold members worse (a table of 320 rows: LDS 0.12 against 0.35).
    - tokens: log p of the counted tokens of the passage, in nats; minus the loss.
    """
    return {"classes": _class, "values": _value, "tokens": _passage}[data.output.kind](data, run, known)


def _class(data: Data, run: Run, known: bool) -> Aim:
    says = int(np.argmax(run.views["query"].logits[0, 0]))
    y = int(data.views["query"].y[0]) if known else says
    names = data.output.classes
    return Aim(np.array([y]), "margin", str(names[y]), str(names[says]))


def _value(data: Data, run: Run, known: bool) -> Aim:
    y = data.train.y
    deviation = float(y.std()) or 1.0  # as training/stepper.py standardises
    says = float(run.views["query"].logits[0, 0, 0])
    label = f"{float(data.views['query'].y[0]):.6g}" if known else ""
    scaled = lambda outputs: outputs.reshape(len(outputs), -1)[:, 0] * deviation  # noqa: E731
    return Aim(np.zeros(1, np.float32), scaled, label, f"{says:.6g}", float(y.mean()))


def _passage(data: Data, run: Run, known: bool) -> Aim:
    return Aim(np.ascontiguousarray(data.views["query"].y), "margin")  # of sequences the margin is log p


def of_members(kind: str, view: str, row: int, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The same number (m,) as the members of a bank gave it at the end, from the arrays of their run."""
    match kind:
        case "classes":
            return np.asarray(arrays[f"{view}.margin"][-1][:, row], np.float64)
        case "values":
            return np.asarray(arrays[f"{view}.logits"][:, row, 0], np.float64)
    return -np.asarray(arrays[f"{view}.loss_nats"][-1][:, row], np.float64)


def label_of(data: Data, examples: Examples, row: int) -> str:
    """What stands beside an example: its class or its value; nothing beside a passage."""
    y = examples.y[row]
    match data.output.kind:
        case "classes":
            return str(data.output.classes[int(y)])
        case "values":
            return f"{float(y):.6g}"
    return ""
