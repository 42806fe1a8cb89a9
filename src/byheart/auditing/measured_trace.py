"""The recorded training of a measured model: its first weights, its losses on the way, its weights after an epoch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from byheart.errors import InputRefused, UsageError
from byheart.maths.measures import TrainingLog
from byheart.maths.recording.trace import Trace

MOST = 200  # weights on the way at which the training loss is computed
BATCH = 512


class Recorded(NamedTuple):
    """What a trace tells: the log, and the whole state dict before the first step."""

    log: TrainingLog
    initial: dict[str, Tensor]


def recorded(trace: Any, module: nn.Module, examples: tuple[Tensor, Tensor]) -> Recorded:
    """The training that a trace holds, if it is that of this model on these examples.

    Args:
        trace: a trace of `byheart.record`, or the folder that it was saved in.
        module: the trained model.
        examples: x and class numbers, as they were recorded.

    Raises:
        UsageError: no such folder.
        InputRefused: no whole trace, one of another model, of other examples, or of another training.
    """
    if isinstance(trace, str | os.PathLike):
        if not Path(trace).is_dir():
            raise UsageError("the folder of a trace, as trace.save writes it", f"{trace}", "Check the path.")
        trace = Trace.load(trace, module, examples, "cross-entropy")
    trace.verify()
    _must_end_at(trace, module)
    marks = sorted(trace.kept)
    marks = [marks[place] for place in np.unique(np.linspace(0, len(marks) - 1, MOST).round().astype(int))]
    x, y = examples
    losses = [_mean_loss(trace, trace.weights(t), x, y) for t in marks]
    whole = {name: value.clone() for name, value in module.state_dict().items()}
    first = _first_epoch(trace, len(y))
    log = TrainingLog(
        np.array(marks), np.array(losses), None if first is None else whole | trace.named(trace.weights(first))
    )
    return Recorded(log, whole | trace.named(trace.weights(0)))


def _must_end_at(trace: Trace, module: nn.Module) -> None:
    own = dict(module.named_parameters())
    for name, value in trace.named(trace.weights(len(trace))).items():
        if not torch.equal(value, own[name].detach().to(value.dtype)):
            raise InputRefused(
                expected="the trace of the training that ended at this model",
                came=f"one that ends at other weights in {name}",
                do="Give the model as it was when the recording ended, or leave --trace out.",
            )


def _mean_loss(trace: Trace, weights: Tensor, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        parts = [
            cross_entropy(trace.outputs(weights, own), labels, reduction="sum")
            for own, labels in zip(x.split(BATCH), y.split(BATCH), strict=True)
        ]
    return float(sum(parts)) / len(y)


def _first_epoch(trace: Trace, n: int) -> int | None:
    """After how many steps n examples had been seen; None where the recording is shorter."""
    seen = np.cumsum([sum(len(part.ids) for part in parts) for parts in trace.parts[: len(trace)]])
    reached = np.flatnonzero(seen >= n)
    return int(reached[0]) + 1 if len(reached) else None
