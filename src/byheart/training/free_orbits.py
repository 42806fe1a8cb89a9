"""Free orbits: a model of windows fed its own predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from byheart.tasks.output import NextStep

AWAY = 1000.0  # deviations of the training series, beyond which a run has left
AXES = {"orbits": ("members", "runs", "steps", "channels"), "begins": ("runs",)}


def begins(n: int, runs: int) -> np.ndarray:
    """The rows of a view of n windows from which runs begin, spread evenly.

    Example:
        >>> begins(100, 4).tolist()
        [0, 25, 50, 74]
    """
    return np.unique(np.linspace(0, n - 1, runs + 1)[:-1].round().astype(np.int64))


def followed(predict: Callable[[np.ndarray], Any], windows: np.ndarray, output: NextStep, steps: int) -> np.ndarray:
    """(m, runs, steps, d) what m models say after windows (m, runs, w, d), each step becoming part of the next window.

    `predict` gives targets (m, runs, d). From where a run is no number, or farther away than 1,000 deviations, it is
    NaN.

    Example:
        >>> from byheart.tasks.output import NextStep
        >>> output = NextStep(1, spread=(1.0,), carried=(1.0,))
        >>> followed(lambda x: np.ones((1, 1, 1)), np.zeros((1, 1, 2, 1)), output, 3).ravel().tolist()
        [1.0, 2.0, 3.0]
    """
    window = np.array(windows, dtype=np.float64)
    orbits = np.full((*window.shape[:2], steps, window.shape[-1]), np.nan)
    gone = np.zeros(window.shape[:2], dtype=bool)
    for step in range(steps):
        after = output.levels(window, np.asarray(predict(window), dtype=np.float64))
        gone |= ~(np.abs(after) < AWAY).all(-1)
        orbits[:, :, step] = np.where(gone[..., None], np.nan, after)
        after[gone] = 0.0  # the model is not handed what has left
        window = np.concatenate([window[:, :, 1:], after[:, :, None]], 2)
    return orbits
