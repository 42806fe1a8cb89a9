r"""Surrogates: series that look like another and are not, by which it is seen what a measure can see.

| made by | has of the original | has not | seen by |
|---|---|---|---|
| `phase_surrogate` | spectrum and correlation of channels, to rounding | the shape of the attractor | state space |
| `time_shuffle` | every state, as often | any order in time | the spectrum |
| `replay` | everything | anything new | novelty |
| `denoised` | everything but the noise | anything new | novelty in windows |

Reference: Theiler, Eubank, Longtin, Galdrikian, Farmer 1992, "Testing for nonlinearity in time series: the method of
surrogate data", Physica D 58; Prichard, Theiler 1994, "Generating surrogate data for time series with several
simultaneously measured variables", Physical Review Letters 73 (the same phases in all channels).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.signal import savgol_filter

from byheart.errors import InputRefused
from byheart.maths.orbits.pairs import orbit_of
from byheart.maths.shapes import Float, Given
from byheart.seeds import stream


def phase_surrogate(series: Given[Any, "*r"], seed: int = 0) -> Float[np.ndarray, "t d"]:
    r"""What has the spectrum of a series and is otherwise at random?

    The phase of each frequency is turned by an angle drawn for it, the same in all channels: mean, spectrum and the
    correlations of channels at all lags stay (Prichard and Theiler 1994).

    Args:
        series: (t, d), or (t,).
        seed: of the angles.

    Returns:
        (t, d) surrogate.

    Raises:
        InputRefused: no series of numbers, fewer than 4 steps.

    Cost: two Fourier transforms a channel. Fails when: the series does not end where it began: the jump between is a
    part of its spectrum.
    Reference: Theiler et al. 1992; Prichard, Theiler 1994 (titles at the head of the file).

    >>> x = np.sin(np.arange(64.0)) ** 3
    >>> made = phase_surrogate(x)[:, 0]
    >>> bool(np.allclose(abs(np.fft.fft(made)), abs(np.fft.fft(x)))), bool(np.allclose(made, x))
    (True, False)
    """
    x = orbit_of(series, "the series", 4)
    spectrum = np.fft.rfft(x, axis=0)
    turn = np.exp(1j * stream(seed, "phases").uniform(0, 2 * np.pi, len(spectrum)))
    turn[0] = 1.0
    if len(x) % 2 == 0:
        turn[-1] = 1.0  # the highest frequency of an even number of steps has no phase
    return np.fft.irfft(spectrum * turn[:, None], n=len(x), axis=0)


def time_shuffle(series: Given[Any, "*r"], seed: int = 0) -> Float[np.ndarray, "t d"]:
    """Which series has the same states in no order?

    (t, d), the steps of the series drawn without replacement.
    """
    return stream(seed, "shuffle").permutation(orbit_of(series, "the series"))


def replay(series: Given[Any, "*r"], steps: int | None = None, start: int = 0) -> Float[np.ndarray, "t d"]:
    """What would a model give that plays its training series again from `start`, round and round?

    (steps, d); None: as many as the series has.
    """
    x = orbit_of(series, "the series")
    return x[(start + np.arange(len(x) if steps is None else steps)) % len(x)]


def denoised(series: Given[Any, "*r"], span: int = 11) -> Float[np.ndarray, "t d"]:
    """What would a model give that has learned its training series by heart without the noise?

    Each value of the local polynomial of degree 3 through `span` steps around it (Savitzky and Golay 1964).

    Raises:
        InputRefused: a span that is even, below 5, or longer than the series.
    """
    x = orbit_of(series, "the series")
    if span % 2 == 0 or not 5 <= span <= len(x):
        raise InputRefused("an odd span from 5 to the length of the series", f"{span} of {len(x)}", "Take 11.")
    return savgol_filter(x, span, 3, axis=0)
