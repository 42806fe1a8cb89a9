"""Kept module: a model whose weights a run kept, to be called again."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused, UsageError
from byheart.fingerprint.sources import unchanged
from byheart.levers.base import Lever
from byheart.seeds import derive
from byheart.tasks.data import Data
from byheart.training.active_levers import AS_DRAWN
from byheart.training.loop import checked
from byheart.training.model import Trainable
from byheart.training.module_inputs import as_called, inputs_of
from byheart.training.run import Run


@dataclass(frozen=True)
class KeptModule:
    """A module with kept weights, in evaluation mode, and what it is called on.

    Attributes:
        module: on the CPU; its weights are its own.
        inputs: view -> (n_view, ...), the examples as they are scored.
        trained_on: (n, ...) what it was trained on: `inputs["train"]`, unless a lever changed the training examples.
        centre, scale: values are outputs * scale + centre; 0 and 1 for classes.
    """

    module: nn.Module
    inputs: Mapping[str, Tensor]
    trained_on: Tensor
    centre: np.ndarray
    scale: np.ndarray


@unchanged()
def module_at(
    learner: Trainable,
    data: Data,
    run: Run,
    label: str,
    checkpoint: int | None = None,
    member: int = 0,
    levers: Sequence[Lever] = (),
) -> KeptModule:
    """Which function was the model at a moment whose weights were kept?

    `module(inputs[view])` gives the logits that the run holds of that member and moment, to rounding.

    Args:
        learner: what was trained; its `build` is called once more, with the member's seed.
        data: what it was trained on, as drawn.
        run: what it left, with weights kept under `label` (`training.keep.Weights`).
        label: `Weights(...).label`.
        checkpoint: the place in `run.checkpoints`, of weights kept at checkpoints; else None.
        member: the place among `run.members`.
        levers: what moved the balance: they may have changed the training examples.

    Raises:
        UsageError: no weights under the label, or a checkpoint where there is one moment, or none where there are many.
        InputRefused: the learner builds a module whose parameters have other names or shapes now.

    Cost: one build; the views are prepared as for training.
    """
    weights = _kept(run, label, checkpoint)
    seen = checked(learner, data, run.members.at(np.array([member])), levers)
    rows = [np.flatnonzero(run.members.seen[member])]
    shared, views = inputs_of(learner, seen, rows)
    x = {name: torch.as_tensor(value) for name, value in views.items()}
    built_for = seen if shared else as_called(seen, x)
    generator = torch.Generator().manual_seed(derive(run.members.seeds[member], "init"))
    module = with_weights(learner.build(built_for, generator), {name: w[member] for name, w in weights.items()})
    x = x if shared else {name: value[0] for name, value in x.items()}
    trained_on = x["train"]
    x["train"] = x.pop(AS_DRAWN, trained_on)
    centre, scale = np.zeros(1), np.ones(1)
    if data.output.continuous:
        centre, scale = map(np.atleast_1d, data.output.units(seen.train.y[rows[0]]))
    return KeptModule(module, x, trained_on, centre, scale)


def _kept(run: Run, label: str, checkpoint: int | None) -> dict[str, np.ndarray]:
    """name -> (m, *shape) weights of one moment."""
    if label not in run.kept:
        came = f"a run that kept {', '.join(run.kept) or 'nothing'}"
        raise UsageError(f"a run that kept {label}", came, "Ask for it in the need: keep=(Weights(...),).")
    kept = run.kept[label]
    along = all(axes[0] == "checkpoints" for axes in kept.axes.values())
    if along != (checkpoint is not None):
        raise UsageError(
            expected="a checkpoint of weights kept at checkpoints, and none of weights kept once",
            came=f"checkpoint {checkpoint} of {label}",
            do="Give checkpoint= exactly where the label says when=checkpoints.",
        )
    return {name: kept[name][checkpoint] if along else kept[name] for name in kept}


def with_weights(module: nn.Module, weights: Mapping[str, Any]) -> nn.Module:
    """A copy of `module` in evaluation mode, with these parameters and buffers (tied ones stand once).

    Raises:
        InputRefused: names or shapes differ; the first that does is named.
    """
    module = copy.deepcopy(module).cpu().eval()
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    shapes = {name: tuple(value.shape) for name, value in own.items()}
    given = {name: tuple(np.shape(value)) for name, value in weights.items()}
    for name in sorted(shapes.keys() | given.keys()):
        if shapes.get(name) != given.get(name):
            raise InputRefused(
                expected=f"{name} of shape {shapes[name]}" if name in shapes else "only weights that the module has",
                came=f"{name} of shape {given[name]}" if name in given else f"no {name} among what was kept",
                do="Give the learner that the run was trained with; audit again if its code changed.",
            )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(torch.as_tensor(weights[name]))
    return module
