r"""Wasserstein: how far would the states of one orbit have to be moved to make those of the other?

Along a direction u the distance of two sets of numbers is the area between their quantile functions; over all
directions of length 1 in the state space,

    SW = mean_u int_0^1 |Q_a,u(s) - Q_b,u(s)| ds,   Q_a,u(s) the s-th quantile of a_t . u.

It needs no boxes and no kernel, is the same both ways round, and has the unit of the series. Its directions are drawn
as sets at right angles. Two Gaussians of deviations r and s have |r - s| sqrt(2 / pi); a shift by v has
|v| E|u_1| = |v| G(d/2) / (sqrt(pi) G((d+1)/2)).

Reference: Bonneel, Rabin, Peyre, Pfister 2015, "Sliced and Radon Wasserstein barycenters of measures", Journal of
Mathematical Imaging and Vision 51; Nadjahi, Durmus, Chizat, Kolouri, Shahrampour, Simsekli 2020, "Statistical and
topological properties of sliced probability divergences", NeurIPS.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.maths.orbits.pairs import orbit_pair
from byheart.maths.shapes import Float, Given
from byheart.seeds import stream

HELD = 4_000_000  # projected numbers held at a time


def sliced_wasserstein(
    reference: Given[Any, "*r"], generated: Given[Any, "*s"], directions: int = 100, seed: int = 0
) -> float:
    r"""How far would the states of a generated orbit have to be moved to be where the true one is, as often?

    SW of the head of the file, of order 1. It knows no time: a shuffle and a replay have 0. Between true orbits it has
    a floor, as every measure.

    Args:
        reference: (t, d) the true orbit, or (t,).
        generated: (s, d) in the same units, never standardised by itself.
        directions: directions over which the mean is taken, at least; along one channel one is enough.
        seed: of the directions.

    Returns:
        SW in the unit of the series: in deviations of the training series where that is its unit.

    Raises:
        InputRefused: `pairs.orbit_pair`.

    Cost: a sort of both orbits for each direction; 0.3 CPU s for two of 10,000 steps and 3 channels. Fails when:
    channels have different units, of which the largest decides; in many dimensions, where most directions see little
    of what differs along one.
    Reference: Bonneel et al. 2015; Nadjahi et al. 2020 (titles at the head of the file).

    >>> here = np.array([0.0, 1.0, 2.0, 3.0])
    >>> sliced_wasserstein(here, here + 0.5), sliced_wasserstein(here, here[::-1]), sliced_wasserstein(here, 0 * here)
    (0.5, 0.0, 1.5)
    """
    a, b = orbit_pair(reference, generated)
    axes = _directions(a.shape[1], directions, seed)
    at_once = max(HELD // (len(a) + len(b)), 1)
    parts = [_apart(a @ axes[i : i + at_once].T, b @ axes[i : i + at_once].T) for i in range(0, len(axes), at_once)]
    return float(np.concatenate(parts).mean())


def _directions(d: int, count: int, seed: int) -> Float[np.ndarray, "k d"]:
    """Directions of length 1, evenly spread over the sphere: d of them at a time at right angles."""
    if d == 1:
        return np.ones((1, 1))
    rng = stream(seed, "directions")
    turned = [np.linalg.qr(rng.normal(size=(d, d)))[0].T for _ in range(-(-count // d))]
    return np.concatenate(turned)


def _apart(a: Float[np.ndarray, "t k"], b: Float[np.ndarray, "s k"]) -> Float[np.ndarray, " k"]:
    """The area between the quantile functions, exactly, of each column."""
    a, b = np.sort(a, 0), np.sort(b, 0)
    if len(a) == len(b):
        return np.abs(a - b).mean(0)
    steps = np.union1d(np.arange(1, len(a) + 1) * len(b), np.arange(1, len(b) + 1) * len(a))  # in 1 / (t s)
    widths = np.diff(steps, prepend=0)
    return (np.abs(a[(steps - 1) // len(b)] - b[(steps - 1) // len(a)]) * widths[:, None]).sum(0) / steps[-1]
