"""Schedule: how long a phase lasts, its learning rate, and its optimiser."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from byheart.errors import unknown_name
from byheart.levers.base import Lever
from byheart.training.model import Trainable


def rate(lr: float, schedule: str, step: int, steps: int) -> float:
    """Learning rate of step 0..steps - 1: lr (1 - t/T), lr (1 + cos(pi t/T)) / 2, lr 1000^(-t/T), or lr."""
    part = step / steps
    match schedule:
        case "linear":
            return lr * (1 - part)
        case "cosine":
            return lr * 0.5 * (1 + math.cos(math.pi * part))
        case "exponential":
            return lr * 1000.0**-part
        case "constant":
            return lr
    raise unknown_name("schedule", schedule, ("linear", "cosine", "exponential", "constant"))


def optimiser(name: str, flat: Tensor, lr: float, betas: tuple[float, float] = (0.9, 0.999)) -> torch.optim.Optimizer:
    """One fused optimiser for the flat vector of all members; `adamw` decays by 0.01, torch's default."""
    match name:
        case "adam":
            return torch.optim.Adam([flat], lr=lr, betas=betas, fused=True)
        case "adamw":
            return torch.optim.AdamW([flat], lr=lr, betas=betas, fused=True)
        case "sgd":
            return torch.optim.SGD([flat], lr=lr, fused=True)
        case "momentum":
            return torch.optim.SGD([flat], lr=lr, momentum=0.9, fused=True)
        case "radam":
            return torch.optim.RAdam([flat], lr=lr, betas=betas)
    raise unknown_name("optimizer", name, ("adam", "adamw", "radam", "sgd", "momentum"))


def last_epoch(learner: Trainable, levers: Sequence[Lever]) -> int:
    """The epochs of a phase: the learner's, or as many as the levers leave."""
    return min([learner.epochs, *(lever.last_epoch(learner.epochs) for lever in levers)])
