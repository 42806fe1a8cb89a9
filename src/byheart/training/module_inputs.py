"""Module inputs: what the modules of some members are called on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from byheart.tasks.data import Data
from byheart.training import preprocessing
from byheart.training.model import Trainable


def called_on(learner: Trainable, data: Data, rows: np.ndarray) -> dict[str, Any]:
    """What the module of one member that sees `rows` is called on: view -> x (n_view, ...), an array or a tensor."""
    shared, views = inputs_of(learner, data, rows[None])
    return views if shared else {name: x[0] for name, x in views.items()}


def inputs_of(learner: Trainable, data: Data, rows: Sequence[np.ndarray]) -> tuple[bool, dict[str, Any]]:
    """Does every member get the same, and a view's x: (n, ...) where so, else (m, n, ...)."""
    if type(learner).inputs is not Trainable.inputs:  # the learner says itself what it is called on
        given = {name: learner.inputs(data, name) for name in data.views}
        # what a user's module gets is a tensor already, of the user's type
        own = {name: torch.is_tensor(x) for name, x in given.items()}
        return True, {name: x if own[name] else np.ascontiguousarray(x, np.float32) for name, x in given.items()}
    if preprocessing.shared(data):
        return True, preprocessing.prepare(data, rows[0])
    members = [preprocessing.prepare(data, seen) for seen in rows]
    return False, {name: np.stack([member[name] for member in members]) for name in members[0]}


def as_called(data: Data, x: dict[str, Tensor]) -> Data:
    """`data` with a member's prepared x (n, d), so that `build` sees the width that the module gets."""
    views = {name: replace(examples, x=x[name][0].cpu().numpy()) for name, examples in data.views.items()}
    return replace(data, views=views)
