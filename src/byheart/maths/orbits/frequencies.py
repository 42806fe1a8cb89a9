r"""Frequencies: does a generated orbit beat as the true one does?

For each channel, z-scored by itself, P = |FFT|^2 over the positive frequencies, smoothed by a Gaussian of deviation
sigma, normalised to sum 1; p of the reference, q of the generated orbit,

    H = sqrt(1 - sum sqrt(p q)),  the mean over channels.

sigma is a frequency: in a fixed number of bins it would narrow as the orbit gets longer. Z-scores hide amplitude, which
`state_divergence` sees; a surrogate with the phases shuffled has H = 0, which only `state_divergence` sees too.

Reference: Mikhaeil, Monfared, Durstewitz 2022, "On the difficulty of learning chaotic dynamics with RNNs", NeurIPS,
appendix (the idea); Hess, Monfared, Brenner, Durstewitz 2023, "Generalized teacher forcing for learning chaotic
dynamics", ICML (20 bins).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter1d

from byheart.errors import InputRefused
from byheart.maths.orbits.pairs import orbit_pair
from byheart.maths.shapes import Float, Given

USUAL = 0.002  # cycles a step: 20 bins of an orbit of 10,000 steps
BINS = 20  # of the published code, whatever the length


def spectrum_distance(
    reference: Given[Any, "*r"],
    generated: Given[Any, "*s"],
    dt: float = 1.0,
    smoothing: float | None = None,
    compat: str | None = None,
) -> float:
    r"""Does a generated orbit have the frequencies of the true one, in the same shares?

    H of the head of the file. The longer orbit is cut to the shorter. An orbit that stands still has H = 1. A replay of
    the training series is at the floor of two true orbits: this measure cannot see it.

    Args:
        reference: (t, d) the true orbit, or (t,).
        generated: (s, d) in the same units.
        dt: time of a step.
        smoothing: sigma in cycles per unit of time (hertz where that is the second); None: 0.002 cycles a step.
        compat: None is ours. "gtf": sigma is 20 bins, whatever the length.

    Returns:
        H between 0, the same, and 1, no frequency in common.

    Raises:
        InputRefused: `pairs.orbit_pair`; fewer than 16 steps in common; smoothing or dt not above 0; an unknown
            `compat`, or one together with `smoothing`.

    Cost: two Fourier transforms a channel. Fails when: sigma is below a bin, where two true orbits are 0.5 apart; when
    it is wider than the lines it should tell apart. Compare the floor.
    Reference: Mikhaeil, Monfared, Durstewitz 2022; Hess et al. 2023 (titles at the head of the file).

    >>> t = np.arange(2000)
    >>> slow, fast = np.sin(0.05 * t), np.sin(0.5 * t)
    >>> round(spectrum_distance(slow, fast), 2), round(spectrum_distance(slow, 3 * slow + 1), 2)
    (1.0, 0.0)
    """
    a, b = orbit_pair(reference, generated)
    steps = min(len(a), len(b))
    if steps < 16 or not dt > 0 or not (smoothing is None or smoothing > 0):
        raise InputRefused(
            expected="at least 16 steps in common, dt and smoothing above 0",
            came=f"{steps} steps, dt={dt}, smoothing={smoothing}", do="Let the orbits run longer.",
        )  # fmt: skip
    if compat not in (None, "gtf") or (compat and smoothing is not None):
        raise InputRefused(
            "compat None or 'gtf', the latter without smoothing", repr(compat), "None is the measure of byheart."
        )
    width = USUAL / dt if smoothing is None else smoothing
    bins = BINS if compat else width * steps * dt
    if (a[:steps].std(0) == 0).any():
        raise InputRefused("a reference that moves", "one that stands still in the steps in common", "Generate more.")
    return float(np.mean([_distance(p, q, bins) for p, q in zip(a[:steps].T, b[:steps].T, strict=True)]))


def _distance(p: Float[np.ndarray, " t"], q: Float[np.ndarray, " t"], bins: float) -> float:
    """H of two channels; 1 where the second stands still."""
    if q.std() <= 1e-12 * max(np.abs(q).max(), 1e-300):
        return 1.0
    overlap = float(np.sqrt(_shares(p, bins) * _shares(q, bins)).sum())
    return max(1 - overlap, 0.0) ** 0.5  # rounding may leave 1 - 1 a little below 0


def _shares(x: Float[np.ndarray, " t"], bins: float) -> Float[np.ndarray, " f"]:
    """The smoothed spectrum of a z-scored channel, as shares of its sum."""
    power = np.abs(np.fft.rfft((x - x.mean()) / x.std())) ** 2
    smooth = np.maximum(gaussian_filter1d(power, bins), 0.0)
    return smooth / smooth.sum()
