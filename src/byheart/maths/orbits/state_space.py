r"""State space: is a generated orbit where the true one is, and as often there?

Boxes of the same size along every axis; n_b visits of the reference to box b, m_b of the generated orbit,

    p_b = (n_b + a) / (sum n + a K),  q_b likewise of m,  D = sum_b p_b ln(p_b / q_b),  a = 1e-5, K boxes.

Only visited boxes are stored; those that neither visits share one term. Two true orbits of the same length do not have
D = 0 but a floor that falls with their length: on Lorenz 1963 with 30 boxes an axis about 0.04 to 0.12 at 100,000
steps, 0.65 to 1.8 at 10,000. A D without its floor says nothing; that of a replayed training series is at the floor.

Reference: Koppe, Toutounji, Kirsch, Lis, Durstewitz 2019, "Identifying nonlinear dynamical systems via generative
recurrent neural networks with applications to fMRI", PLoS Computational Biology 15, equation 13 onwards (the idea);
Hess, Monfared, Brenner, Durstewitz 2023, "Generalized teacher forcing for learning chaotic dynamics", ICML (boxes).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.orbits.pairs import orbit_pair
from byheart.maths.shapes import Float, Given, Int

ADDED = 1e-5  # visits given to every box, so that none has probability 0
MARGIN = 0.1  # deviations of the reference by which the boxes reach beyond its extremes
WRAPS = 2**16  # visits that the 16-bit counter of the published code holds
COMPAT = ("gtf", "legacy", "alrnn")
OUTSIDE = -1  # the number of the box for all that is outside


def state_divergence(
    reference: Given[Any, "*r"], generated: Given[Any, "*s"], bins: int = 30, compat: str | None = None
) -> float:
    r"""Does a generated orbit visit the states that the true one visits, as often?

    D of the head of the file. Ours: boxes from the least to the largest value of the reference, widened by 0.1 of its
    deviation; all that is outside is in one box more, so that what escapes is paid for. A replay of the training series
    is at the floor: this measure cannot see it.

    Args:
        reference: (t, d) the true orbit, or (t,).
        generated: (s, d) in the same units, never standardised by itself.
        bins: boxes along an axis.
        compat: None is ours. "gtf": the same boxes, what is outside left out, counters of 16 bits that begin again
            after 65,535. "legacy": boxes from -2 to 2 deviations around 0, what is outside left out of both. "alrnn":
            boxes from the least to the largest value, the lowest of each axis left out of both.

    Returns:
        D in nats, 0 or more.

    Raises:
        InputRefused: `pairs.orbit_pair`; fewer than 2 boxes an axis, or more than can be numbered; an unknown `compat`;
            a `compat` that leaves nothing.

    Cost: a sort of the orbits. Fails when: orbits are short for the number of boxes (compare the floor); in many
    dimensions, where no box is visited twice.
    Reference: Koppe et al. 2019; Hess et al. 2023 (titles at the head of the file).

    >>> here, there = np.repeat([0.0, 1.0], 50), np.repeat([0.0, 1.0], [25, 75])
    >>> round(state_divergence(here, there, bins=2), 4), round(float(np.log(4 / 3)) / 2, 4)
    (0.1438, 0.1438)
    """
    a, b = orbit_pair(reference, generated)
    if compat is not None and compat not in COMPAT:
        raise InputRefused(
            f"compat one of {', '.join(COMPAT)}, or None", repr(compat), "None is the measure of byheart."
        )
    if bins < 2 or bins ** a.shape[1] >= 2**62:
        raise InputRefused(
            expected="at least 2 boxes an axis, and fewer than 2^62 in all",
            came=f"{bins} along each of {a.shape[1]} axes", do="Take fewer channels or boxes.",
        )  # fmt: skip
    boxes = [_boxes(orbit, *_range(a, compat), bins, compat) for orbit in (a, b)]
    if compat is not None:
        boxes = [one[one != OUTSIDE] for one in boxes]
        for one, name in zip(boxes, ("reference", "generated orbit"), strict=True):
            if not len(one):
                raise InputRefused(
                    f"a {name} inside the boxes of {compat!r}", "none of it", "compat=None counts what is outside."
                )
    visited, both = np.unique(np.concatenate(boxes), return_inverse=True)
    counts = [np.bincount(part, minlength=len(visited)) for part in np.split(both, [len(boxes[0])])]
    if compat == "gtf":
        counts = [count % WRAPS for count in counts]
    return _divergence(*counts, bins ** a.shape[1] + (compat is None))


def _range(reference: Float[np.ndarray, "t d"], compat: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Where the boxes begin and end, along each axis."""
    spread = reference.std(0)
    if compat == "legacy":
        return -2 * spread, 2 * spread
    margin = 0.0 if compat == "alrnn" else MARGIN * spread
    return reference.min(0) - margin, reference.max(0) + margin


def _boxes(
    orbit: Float[np.ndarray, "t d"], low: np.ndarray, high: np.ndarray, bins: int, compat: str | None
) -> Int[np.ndarray, " t"]:
    """The number of the box that each state is in; `OUTSIDE` where it is in none."""
    inside = ((orbit >= low) & (orbit <= high)).all(1)
    places = np.floor((np.clip(orbit, low, high) - low) / (high - low) * bins).astype(np.int64)
    places = np.minimum(places, bins - 1)
    if compat == "alrnn":
        inside &= (places > 0).all(1)
    return np.where(inside, places @ bins ** np.arange(orbit.shape[1], dtype=np.int64), OUTSIDE)


def _divergence(n: Int[np.ndarray, " r"], m: Int[np.ndarray, " r"], boxes: int) -> float:
    """sum p ln(p / q) over so many boxes, the counts of all but the never visited given."""
    total_n, total_m = float(n.sum()) + ADDED * boxes, float(m.sum()) + ADDED * boxes
    p, q = (n + ADDED) / total_n, (m + ADDED) / total_m
    empty = (boxes - len(n)) * (ADDED / total_n) * np.log(total_m / total_n)
    return max(float((p * np.log(p / q)).sum() + empty), 0.0)
