"""Pairs: a reference orbit and a generated one that may be compared, or why they may not."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float

OWN = 1e-6  # a mean this near 0 and a deviation this near 1, in every channel, is no accident


def orbit_pair(reference: Any, generated: Any) -> tuple[Float[np.ndarray, "t d"], Float[np.ndarray, "s d"]]:
    """Can these two orbits be compared?

    Both are given back in float64, (steps, channels); a vector is one channel.

    Raises:
        InputRefused: NaN or infinity, other channels, fewer than 2 steps; a channel of the reference that is constant;
            a generated orbit standardised by its own mean and deviation where the reference is not.
    """
    a, b = (_orbit(one, name) for one, name in ((reference, "the reference"), (generated, "the generated orbit")))
    if a.shape[1] != b.shape[1]:
        raise InputRefused(
            f"{a.shape[1]} channels in both orbits", f"{b.shape[1]} in the generated one", "Generate the same channels."
        )
    for i in np.flatnonzero(a.std(0) <= 1e-12 * np.abs(a).max(0)):
        raise InputRefused("a reference that moves", f"channel {i} is constant", "Leave this channel out of both.")
    if _standardised(b) and not _standardised(a):
        raise InputRefused(
            expected="a generated orbit in the units of the reference",
            came="one with mean 0 and deviation 1 in every channel: standardised by itself",
            do="Apply the mean and deviation of the training series to both: its own hide where it is and how large.",
        )
    return a, b


def _orbit(value: Any, name: str) -> np.ndarray:
    value = value[:, None] if getattr(value, "ndim", 2) == 1 else value
    orbit = array(value, name, "td", finite=False).astype(np.float64)
    if len(orbit) < 2:
        raise InputRefused(f"{name} of at least 2 steps", str(len(orbit)), "Let it run longer.")
    bad = np.flatnonzero(~np.isfinite(orbit).all(1))
    if len(bad):
        raise InputRefused(
            f"{name} without NaN or infinity", f"the first at step {bad[0]}", "It diverges, which no distance says."
        )
    return orbit


def _standardised(orbit: np.ndarray) -> bool:
    return bool((np.abs(orbit.mean(0)) < OWN).all() and (np.abs(orbit.std(0) - 1) < OWN).all())
