"""Moved weights: what a model gives at other weights, which live beside it: the model stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from byheart.maths.measures.evidence import Evidence
from byheart.maths.recording.module_copy import at_weights, called

Kind = Literal["sigma", "sigma-mag", "alpha", "alpha-mag"]
Weights = Mapping[str, Tensor]

EPSILON = 1e-3  # what a weight of zero still moves by where each moves in proportion to its own size
ROUNDING = 1e-9  # shares of examples that differ by less are the same share
ROWS_AT_ONCE = 512


class Lost(NamedTuple):
    """Accuracy lost at one radius: the mean over draws or the most over starts, and the least and most of any."""

    share: float
    least: float
    most: float


def movable(evidence: Evidence) -> tuple[nn.Module, dict[str, Tensor]]:
    """Which weights are moved, and in which model?

    Those of `Evidence.layers`.
    """
    own = {name: p.detach() for name, p in evidence.model.named_parameters()}
    names = [f"{layer.name}.weight".lstrip(".") for layer in evidence.layers]
    return evidence.model, {name: own[name] for name in names}


def outputs(model: nn.Module, weights: Weights, x: Tensor) -> Tensor:
    """What does the model give at these weights?"""
    return called(lambda given: at_weights(model, weights, (given,)), x)


def accuracy_of(model: nn.Module, weights: Weights, x: Tensor, y: Tensor) -> float:
    """Which share of the examples is right at these weights?"""
    right = 0
    with torch.no_grad():
        for part, labels in zip(x.split(ROWS_AT_ONCE), y.split(ROWS_AT_ONCE), strict=True):
            right += int((outputs(model, weights, part).argmax(1) == labels).sum())
    return right / len(y)
