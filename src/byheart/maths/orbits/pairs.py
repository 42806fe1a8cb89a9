"""Pairs: a reference orbit and a generated one that may be compared, or why they may not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float

OWN = 1e-5  # a mean this near 0 and a deviation this near 1, in every channel, is no accident: single precision has it
AWAY = 1000.0  # deviations of the reference: what gets so far has left, and no distance says how far that is
STILL = 1e-6  # of a deviation: what moves less stands still

_UNITS_KNOWN: ContextVar[bool] = ContextVar("the units of both orbits are known", default=False)


@contextmanager
def units_known() -> Iterator[None]:
    """Where may an orbit have mean 0 and deviation 1?

    Within this context: the training series rightly has both.
    """
    before = _UNITS_KNOWN.set(True)
    try:
        yield
    finally:
        _UNITS_KNOWN.reset(before)


def orbit_pair(reference: Any, generated: Any) -> tuple[Float[np.ndarray, "t d"], Float[np.ndarray, "s d"]]:
    """Can these two orbits be compared?

    Both are given back in float64, (steps, channels); a vector is one channel.

    Raises:
        InputRefused: NaN or infinity, other channels, fewer than 2 steps; a channel of the reference that is constant;
            a generated orbit that leaves, or that is standardised by its own mean and deviation where the reference is
            not.
    """
    a, b = (orbit_of(one, name) for one, name in ((reference, "the reference"), (generated, "the generated orbit")))
    if a.shape[1] != b.shape[1]:
        raise InputRefused(
            f"{a.shape[1]} channels in both orbits", f"{b.shape[1]} in the generated one", "Generate the same channels."
        )
    for i in np.flatnonzero(a.std(0) <= 1e-12 * np.abs(a).max(0)):
        raise InputRefused("a reference that moves", f"channel {i} is constant", "Leave this channel out of both.")
    if not _UNITS_KNOWN.get() and _standardised(b) and not _standardised(a):
        raise InputRefused(
            expected="a generated orbit in the units of the reference",
            came="one with mean 0 and deviation 1 in every channel: standardised by itself",
            do="Apply the mean and deviation of the training series to both: its own hide where it is and how large.",
        )
    _must_stay(a, b)
    return a, b


def orbit_of(value: Any, name: str, fewest: int = 2, finite: bool = True) -> Float[np.ndarray, "t d"]:
    """Is this an orbit?

    Given back in float64, (steps, channels); a vector is one channel. Not `finite`: it may have left.

    Raises:
        InputRefused: no numbers of two axes, fewer steps than `fewest`, NaN or infinity.
    """
    value = value[:, None] if getattr(value, "ndim", 2) == 1 else value
    read = array(value, name, "td", finite=False)
    orbit = read.astype(np.float64)
    if len(orbit) < fewest:
        raise InputRefused(f"{name} of at least {fewest} steps", str(len(orbit)), "Let it run longer.")
    bad = np.flatnonzero(~np.isfinite(orbit).all(1))
    if len(bad) and finite:
        ends = ", where single precision ends (3.4e38)" if read.dtype == np.float32 else ""
        raise InputRefused(
            expected=f"{name} without NaN or infinity", came=f"the first at step {bad[0]}{ends}",
            do="It diverges, which no distance says.",
        )  # fmt: skip
    return orbit


def leaves(reference: Float[np.ndarray, "t d"], generated: Float[np.ndarray, "s d"]) -> int | None:
    """At which step has an orbit left, by 1,000 deviations of the reference or with NaN or infinity?

    None: it stays.
    """
    gone = np.flatnonzero(~(np.abs(generated - reference.mean(0)) / reference.std(0) <= AWAY).all(1))
    return int(gone[0]) if len(gone) else None


def stands_still(reference: Float[np.ndarray, "t d"], generated: Float[np.ndarray, "s d"]) -> bool:
    """Does an orbit stand still in its second half, to a millionth of the deviation of the reference?"""
    return bool((generated[len(generated) // 2 :].std(0) < STILL * reference.std(0)).all())


def _must_stay(a: np.ndarray, b: np.ndarray) -> None:
    """Does the generated orbit stay where a distance means something?"""
    step = leaves(a, b)
    if step is not None:
        raise InputRefused(
            expected=f"a generated orbit within {AWAY:.0f} deviations of the reference",
            came=f"one that is {np.max(np.abs(b[step] - a.mean(0)) / a.std(0)):.3g} away at step {step}: it diverges",
            do="Say its class, divergence: a distance would only say how long it ran.",
        )


def _standardised(orbit: np.ndarray) -> bool:
    """By its own mean and deviation, of n or n - 1 steps."""
    spreads = [np.abs(orbit.std(0, ddof=ddof) - 1) < OWN for ddof in (0, 1)]
    return bool((np.abs(orbit.mean(0)) < OWN).all() and any(one.all() for one in spreads))
