r"""Mixture: is a generated orbit where the true one is, and as often there, in more dimensions than boxes can fill?

A Gaussian of deviation s around every state; p the mixture of the reference, q that of the generated orbit,

    p(x) = 1/T sum_t N(x; r_t, s^2 I),   D = E_{x ~ p} [ln p(x) - ln q(x)],

over draws of p, logarithms of sums by their largest term, so that a draw far from everything generated keeps its cost.
The published codes leave out what falls below the smallest number of single precision: exactly the worst mismatches.

s is in deviations of the reference and decides what is seen. Ours is the median distance from a state of one half of
the reference to the nearest of the other half; at s = 1, which is published, it is as wide as the attractor, and two
true orbits are 0.001 to 0.03 apart. A D without its s and its floor says nothing.

Reference: Koppe, Toutounji, Kirsch, Lis, Durstewitz 2019, "Identifying nonlinear dynamical systems via generative
recurrent neural networks with applications to fMRI", PLoS Computational Biology 15; Brenner, Hess, Mikhaeil, Bereska,
Monfared, Kuo, Durstewitz 2022, "Tractable dendritic RNNs for reconstructing nonlinear dynamical systems", ICML (both
directions); Hess et al. 2023, "Generalized teacher forcing for learning chaotic dynamics", ICML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from byheart.errors import InputRefused
from byheart.maths.orbits.pairs import orbit_pair
from byheart.maths.shapes import Float, Given
from byheart.seeds import stream

ASKED = 1000  # states whose nearest is looked for, to choose s
HELD = 4_000_000  # distances held at a time
UNDERFLOWS = float(np.log(2.0) * -150)  # ln of what single precision rounds to 0
CAPPED = 10_000  # steps that the published codes look at
VARIANCES = {"gtf": 1.0, "alrnn": 0.3, "dendplrnn": 1.0}  # s^2 of each, in the units given


@dataclass(frozen=True)
class Mixture:
    """How far a generated orbit is from the reference, as mixtures of Gaussians.

    Attributes:
        value: D in nats; below 0 only by the draw.
        standard_error: of the draw alone, not of the orbits.
        width: s, the deviation of each Gaussian, in deviations of the reference (`compat`: in the units given).
        draws: how many were averaged.
        dropped: share of draws left out: 0, unless `compat` asks for the published fault.
    """

    value: float
    standard_error: float
    width: float
    draws: int
    dropped: float


def mixture_divergence(
    reference: Given[Any, "*r"],
    generated: Given[Any, "*s"],
    width: float | None = None,
    draws: int = 1000,
    seed: int = 0,
    compat: str | None = None,
) -> Mixture:
    r"""Does a generated orbit visit the states of the true one, as often, where there are too many axes for boxes?

    D of the head of the file. A replay of the training series is at the floor, and a shuffle too: it knows no time.

    Args:
        reference: (t, d) the true orbit, or (t,).
        generated: (s, d) in the same units, never standardised by itself.
        width: s in deviations of the reference. None: the median distance between its halves.
        draws: how many of the reference mixture, spread evenly along the orbit.
        seed: of the draws.
        compat: None is ours. "gtf": s^2 = 1 in the units given, the first 10,000 steps, draws left out whose density
            single precision rounds to 0. "alrnn": the same with s^2 = 0.3. "dendplrnn": "gtf" in both directions, the
            mean.

    Returns:
        `Mixture`, its width in it.

    Raises:
        InputRefused: `pairs.orbit_pair`; a width or draws not above 0; a reference that repeats itself, so that there
            is no distance to choose s by; an unknown `compat`, or one with `width`; one that leaves out every draw.

    Cost: draws times steps distances: 0.4 CPU s for two orbits of 10,000. Fails when: s is far below the distance of
    states, where D is that of single points, or far above, where all are alike.
    Reference: Koppe et al. 2019; Brenner et al. 2022; Hess et al. 2023 (titles at the head of the file).

    >>> one = np.random.default_rng(0).normal(size=(2000, 1))
    >>> found = mixture_divergence(one, one + 2, width=1.0)  # of two Gaussians of variance 1 + 1: 2^2 / (2 * 2) = 1
    >>> abs(found.value - 1) < 0.2, mixture_divergence(one, one).value
    (True, 0.0)
    """
    a, b = orbit_pair(reference, generated)
    if (compat is not None and compat not in VARIANCES) or (compat and width is not None):
        raise InputRefused(
            f"compat one of {', '.join(VARIANCES)} without width, or None",
            repr(compat),
            "None is the measure of byheart.",
        )
    if draws < 2 or not (width is None or width > 0):
        raise InputRefused("a width above 0 and at least 2 draws", f"width={width}, draws={draws}", "Leave them out.")
    if compat is not None:
        return _published(a[:CAPPED], b[:CAPPED], compat, draws, seed)
    a, b = ((one - a.mean(0)) / a.std(0) for one in (a, b))
    s = _spacing(a) if width is None else float(width)
    return _summed(_log_ratios(a, b, s, draws, seed), s)


def _published(a: np.ndarray, b: np.ndarray, compat: str, draws: int, seed: int) -> Mixture:
    """With the width and the fault of a published code."""
    s = VARIANCES[compat] ** 0.5
    ways = [(a, b), (b, a)] if compat == "dendplrnn" else [(a, b)]
    both = [_summed(_log_ratios(p, q, s, draws, seed, drop=True), s) for p, q in ways]
    error = float(np.sqrt(sum(one.standard_error**2 for one in both))) / len(both)
    value, dropped = (float(np.mean([getattr(one, name) for one in both])) for name in ("value", "dropped"))
    return Mixture(value, error, s, sum(one.draws for one in both), dropped)


def _spacing(a: Float[np.ndarray, "t d"]) -> float:
    """The median distance from states of the second half to the nearest of the first: how dense a true orbit is."""
    first, second = np.array_split(a, 2)
    asked = second[np.unique(np.linspace(0, len(second) - 1, ASKED).astype(int))]
    s = float(np.median(cKDTree(first).query(asked)[0]))
    if s > 0:
        return s
    raise InputRefused(
        "a reference that does not repeat itself to the last digit",
        "one whose halves are the same states",
        "Give width.",
    )


def _log_ratios(
    p: Float[np.ndarray, "t d"], q: Float[np.ndarray, "s d"], s: float, draws: int, seed: int, drop: bool = False
) -> Float[np.ndarray, " n"]:
    """ln p - ln q at draws of p; NaN where the published codes leave one out."""
    rng = stream(seed, "mixture")
    places = ((np.arange(draws) + rng.random(draws)) / draws * len(p)).astype(int)
    x = p[places] + s * rng.normal(size=(draws, p.shape[1]))
    log_p, log_q = _log_density(x, p, s), _log_density(x, q, s)
    lost = drop & (log_q + np.log(len(q)) < UNDERFLOWS)
    return np.where(lost, np.nan, log_p - log_q)


def _log_density(x: Float[np.ndarray, "n d"], of: Float[np.ndarray, "t d"], s: float) -> Float[np.ndarray, " n"]:
    """ln of the mean of exp(-|x - of_t|^2 / 2 s^2): what both densities have in common is left out."""
    middle = of.mean(0)  # near which products round least
    x, of = (x - middle) / s, (of - middle) / s
    half, out = (of**2).sum(1) / 2, np.empty(len(x))
    at_once = max(HELD // len(of), 1)
    for start in range(0, len(x), at_once):
        part = x[start : start + at_once]
        terms = part @ of.T - half  # -|x - of|^2 / 2 + |x|^2 / 2
        largest = terms.max(1)
        total = np.exp(terms - largest[:, None]).mean(1)
        out[start : start + at_once] = largest + np.log(total) - (part**2).sum(1) / 2
    return out


def _summed(ratios: Float[np.ndarray, " n"], s: float) -> Mixture:
    kept = ratios[~np.isnan(ratios)]
    if len(kept) < 2:
        raise InputRefused(
            "draws near the generated orbit", "none: every density is 0 in single precision", "compat=None keeps them."
        )
    error = float(kept.std(ddof=1)) / len(kept) ** 0.5
    return Mixture(float(kept.mean()), error, s, len(kept), 1 - len(kept) / len(ratios))
