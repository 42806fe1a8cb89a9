"""A time series as these measures accept it: (t, c), without gaps, every channel saying something of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float


def given_series(series: Any, name: str = "series") -> Float[np.ndarray, "t c"]:
    """Is this a series of numbers, one row a time step, in which every channel varies and none is another again?

    Given back as float64 (t, c), each channel of mean 0 and standard deviation 1.

    Raises:
        InputRefused: another number of axes, NaN or infinity, a channel that is constant, or one that repeats another.
    """
    x = array(series, name, "t" if np.ndim(series) == 1 else "tc").astype(np.float64)
    x = x[:, None] if x.ndim == 1 else x
    if len(x) < 2 or not x.shape[1]:
        raise InputRefused(f"{name} of at least 2 steps and a channel", f"shape {x.shape}", "Give a longer series.")
    middle = x.mean(0)
    spread = x.std(0)
    constant = np.flatnonzero(spread <= 1e-12 * np.maximum(abs(middle), 1e-300))
    if len(constant):
        raise InputRefused(
            f"channels of {name} that vary", f"channel {constant[0]} is constant", "Leave constant channels out."
        )
    x = (x - middle) / spread
    alike = np.triu(abs(x.T @ x) / len(x) > 1 - 1e-12, 1)
    if alike.any():
        first, second = np.argwhere(alike)[0]
        raise InputRefused(
            f"channels of {name} of which none repeats another",
            f"channel {second} is channel {first} again, up to scale",
            "Leave repeated channels out.",
        )
    return x


def single_channel(series: Any) -> Float[np.ndarray, " t"]:
    """Is this a series of one channel, without gaps, that varies?

    Raises:
        InputRefused: as `given_series`, or more channels than one.
    """
    x = given_series(series)
    if x.shape[1] != 1:
        raise InputRefused("a series of one channel", f"{x.shape[1]} channels", "Give one channel at a time.")
    return x[:, 0]
