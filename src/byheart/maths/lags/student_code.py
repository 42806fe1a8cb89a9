"""How many bits does an error cost whose variance is estimated from others? The Student code, and blocks of it."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from byheart.maths.shapes import Float

BATCHES = 20  # of neighbouring steps, for standard errors: losses of neighbours are alike
NEGLIGIBLE = 0.01  # bits a step
SMALLEST_VARIANCE = 1e-10  # of the variance of a channel: what is predicted better counts as predicted so well


def student_nats(error: np.ndarray, scale: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """How improbable are these errors?

    -ln of their Student density, of squared scale `scale`.
    """
    half = freedom / 2
    return (
        np.log(freedom * np.pi * scale) / 2
        + gammaln(half)
        - gammaln(half + 0.5)
        + (half + 0.5) * np.log1p(error**2 / (freedom * scale))
    )


def smallest_window(lengths: Float[np.ndarray, "windows n"]) -> tuple[int, int]:
    """Which row has the shortest code; which first one is longer by at most 0.01 bits or two standard errors?"""
    code = lengths.mean(1)
    shortest = int(code.argmin())
    longer = batch_errors(lengths - lengths[shortest])
    within = code - code[shortest] <= np.maximum(NEGLIGIBLE, 2 * longer)
    return shortest, int(within.argmax())


def batch_errors(values: Float[np.ndarray, "r n"]) -> Float[np.ndarray, " r"]:
    """How sure is the mean of each row, whose neighbours may be alike?

    Its standard error, by the means of 20 batches.
    """
    means = np.stack([batch.mean(1) for batch in np.array_split(values, BATCHES, axis=1)], 1)
    return means.std(1, ddof=1) / np.sqrt(BATCHES)
