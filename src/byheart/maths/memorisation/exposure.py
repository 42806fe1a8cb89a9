"""How far above chance does a model prefer a planted secret? Exposure: by rank, by enumeration, extrapolated."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln, log_ndtr, logsumexp
from scipy.stats import skew

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float, Given

# what exposure is on average where ranks are uniform, in the limit of many references
NULL_BITS = 1 / math.log(2)
_NEEDED = 20  # references below which three parameters of a tail are noise
_POINTS = 4001
_DEPTH_NATS = 45.0


class Extrapolated(NamedTuple):
    """Exposure in bits (c,), whether it lies beyond what the references reach (c,), and the fit's parameters."""

    bits: np.ndarray
    beyond: np.ndarray
    shape: float
    location: float
    scale: float


def exposure(canary_bits: Given[Any, " c"], reference_bits: Given[Any, " r"]) -> Float[np.ndarray, " c"]:
    r"""How far up a ranking of equally likely secrets does the model put this one?

    exposure = log2(r + 1) - log2(rank), rank = 1 + #{references with bits <= the canary's}, where bits is
    -log2 of the probability that the model gives to the secret. The r references are secrets of the same
    format drawn alike and never trained on. A tie counts against the canary, so a model that gives all the
    same length shows 0.

    Range 0 to log2(r + 1), bits. Null: a secret never trained on is exchangeable with its references, its
    rank is uniform on 1..r + 1 and the exposure 1/ln 2 = 1.44 bits on average (`null_mean`). Rote, which
    gives what it saw no bits: log2(r + 1). Oracle, which knows the format alone: the null.

    Args:
        canary_bits: (c,) code lengths of the planted secrets.
        reference_bits: (r,) code lengths of the references under the same model.

    Returns:
        (c,) bits.

    Raises:
        InputRefused: other shapes, NaN or infinity, no reference.

    Cost: O((c + r) log r). Fails when: the secret is likelier than all references: the value is then the
    ceiling log2(r + 1), a lower bound (`extrapolated` goes on, under an assumption).

    Reference: Carlini, Liu, Erlingsson, Kos, Song 2019, "The Secret Sharer", definitions 2 and 3; the sampled
    form is their section 4.3, with the canary itself counted among the candidates so that nothing is infinite.

    >>> exposure([0.5, 3.0, 9.0], [1.0, 2.0, 3.0]).tolist()
    [2.0, 0.0, 0.0]
    """
    canary, reference = array(canary_bits, "canary_bits", "c"), array(reference_bits, "reference_bits", "r")
    _some(reference)
    rank = 1 + np.searchsorted(np.sort(reference), canary, side="right")
    return np.log2(len(reference) + 1) - np.log2(rank)


def enumerated(space_bits: Given[Any, " s"], secrets: Given[Any, " c"]) -> Float[np.ndarray, " c"]:
    r"""What is the exact exposure, when every possible secret has been coded?

    exposure = log2 |R| - log2 rank, |R| the number of possible secrets, rank = #{secrets of R with bits <= the
    canary's}, the canary among them. Range 0 to log2 |R| bits; null, over a uniform choice of the canary,
    log2 |R| - log2(|R|!)/|R|. Rote: log2 |R|; Oracle: the null.

    Args:
        space_bits: (s,) code lengths of all secrets of the space.
        secrets: (c,) positions of the planted ones in it.

    Returns:
        (c,) bits.

    Raises:
        InputRefused: other shapes, NaN, an empty space, a position outside it.

    Cost: O(s log s), and coding the space. Fails when: the space is too large to code; sample it then.

    Reference: Carlini et al. 2019, definition 3 (exposure) and section 4.2 (by enumeration).

    >>> enumerated([4.0, 1.0, 2.0, 3.0], [1, 0]).tolist()
    [2.0, 0.0]
    """
    space, places = array(space_bits, "space_bits", "s"), array(secrets, "secrets", "c")
    _some(space)
    if len(places) and (places.dtype.kind not in "iu" or places.min() < 0 or places.max() >= len(space)):
        raise InputRefused(f"secrets as positions from 0 to {len(space) - 1}", f"{places}", "Number the space.")
    rank = np.searchsorted(np.sort(space), space[places.astype(np.int64)], side="right")
    return from_ranks(rank, len(space))


def from_ranks(ranks: Given[Any, " ..."], size: int) -> Float[np.ndarray, " ..."]:
    r"""What is the exact exposure, when only the ranks among all possible secrets were kept?

    exposure = log2 |R| - log2 rank, |R| = size: `enumerated` where |R| code lengths are too many to keep and a search
    has counted instead. Range 0 to log2 |R|, bits; null `null_mean(size - 1)`. Rote: log2 |R|; Oracle: the null.

    Args:
        ranks: any shape: #{secrets of R with bits <= the canary's}, the canary among them, 1 to size.
        size: how many secrets there could be, |R|.

    Returns:
        Bits, of that shape.

    Raises:
        InputRefused: a rank below 1 or above size.

    Cost: none. Fails when: the canary is none of R.

    Reference: Carlini et al. 2019, The Secret Sharer, definition 3.

    >>> from_ranks([1, 4, 16], 16).tolist()
    [4.0, 2.0, 0.0]
    """
    ranks = np.asarray(ranks)
    if size < 1 or not ((ranks >= 1) & (ranks <= size)).all():
        raise InputRefused(expected=f"ranks from 1 to {size}", came=f"{ranks}", do="Count the canary itself.")
    return np.log2(size) - np.log2(ranks)


def extrapolated(canary_bits: Given[Any, " c"], reference_bits: Given[Any, " r"]) -> Extrapolated:
    r"""How exposed is a secret that is likelier than every reference that was tried?

    exposure = -log2 F(bits of the canary), F the cumulative skew-normal 2/w phi(u) Phi(a u), u = (x - l)/w,
    fitted to the references' bits by maximum likelihood. `beyond` marks canaries with fewer bits than every
    reference, where F is a tail no reference has been seen in: an assumption, not a measurement.

    Range 0 to infinity, bits. Null: about 1/ln 2. Rote: as large as the tail allows; Oracle: the null.

    Args:
        canary_bits: (c,) code lengths of the planted secrets.
        reference_bits: (r,) code lengths of the references.

    Returns:
        An `Extrapolated`; shape a, location l and scale w are those of the fit.

    Raises:
        InputRefused: other shapes, NaN, fewer than 20 references, or references that are all alike.

    Cost: a fit of three parameters, and an integral a canary. Fails when: the references' bits are not
    skew-normal in their lower tail; compare it with `exposure` where both can be had.

    Reference: Carlini et al. 2019, section 4.4 (approximating with a skew-normal distribution); O'Hagan and
    Leonard 1976 for the distribution. They test the fit by Kolmogorov-Smirnov; here it is flagged instead.

    >>> rng = np.random.default_rng(0)
    >>> found = extrapolated([30.0, 0.0], rng.normal(30, 3, 2000))
    >>> round(float(found.bits[0]), 1), found.beyond.tolist()
    (1.0, [False, True])
    """
    canary, reference = array(canary_bits, "canary_bits", "c"), array(reference_bits, "reference_bits", "r")
    if len(reference) < _NEEDED or np.ptp(reference) <= 0:
        raise InputRefused(
            expected=f"at least {_NEEDED} references that are not all alike",
            came=f"{len(reference)}, {len(np.unique(reference))} different",
            do="Code more random secrets of the same format.",
        )
    a, l, w = _skew_normal(reference.astype(np.float64))
    nats = np.array([_log_cdf((x - l) / w, a) for x in canary.astype(np.float64)])
    return Extrapolated(-nats / np.log(2), canary < reference.min(), a, l, w)


def null_mean(r: int) -> float:
    r"""What is the exposure of a secret that was never trained on, on average, with r references?

    log2 N - log2(N!)/N, N = r + 1: the mean of log2 N - log2 rank over uniform ranks. Bits; tends to 1/ln 2.
    The poles: Oracle has it, Rote log2 N.

    Args:
        r: references.

    Returns:
        Bits.

    Raises:
        InputRefused: r below 1.

    Cost: none. Fails when: the secrets were not drawn like their references.

    Reference: follows from Carlini et al. 2019, definition 3; Stirling's formula gives the limit.

    >>> round(null_mean(1), 2), round(null_mean(10**6), 3), round(NULL_BITS, 3)
    (0.5, 1.443, 1.443)
    """
    if r < 1:
        raise InputRefused(expected="at least one reference", came=str(r), do="Code random secrets.")
    n = r + 1
    return float(np.log2(n) - gammaln(n + 1) / n / np.log(2))


def null_deviation(r: int) -> float:
    """What is the standard deviation of one such exposure, in bits?

    Tends to 1/ln 2 (ranks are uniform).
    """
    ranks = np.log2(np.arange(1, r + 2))
    return float(ranks.std())


def _some(reference: np.ndarray) -> None:
    if not len(reference):
        raise InputRefused(expected="at least one reference", came="none", do="Code random secrets of the same format.")


def _log_pdf(u: np.ndarray, a: float) -> np.ndarray:
    """Log density of the standard skew-normal, exact far into the tails."""
    return np.log(2) - 0.5 * u * u - 0.5 * np.log(2 * np.pi) + log_ndtr(a * u)


def _skew_normal(x: np.ndarray) -> tuple[float, float, float]:
    """Shape, location and scale by maximum likelihood, started from the moments."""
    mean, deviation, third = x.mean(), x.std(), float(np.clip(skew(x), -0.95, 0.95))
    root = abs(third) ** (2 / 3)
    delta = np.sign(third) * np.sqrt(np.pi / 2 * root / (root + ((4 - np.pi) / 2) ** (2 / 3)))
    w = deviation / np.sqrt(1 - 2 * delta**2 / np.pi)
    start = [delta / np.sqrt(1 - delta**2), -w * delta * np.sqrt(2 / np.pi) / deviation, np.log(w / deviation)]
    z = (x - mean) / deviation

    def cost(p: np.ndarray) -> float:
        return float(p[2] - _log_pdf((z - p[1]) * np.exp(-p[2]), p[0]).mean())

    best = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10, "maxiter": 4000})
    a, l, log_w = best.x
    return float(a), float(mean + deviation * l), float(deviation * np.exp(log_w))


def _log_cdf(u: float, a: float) -> float:
    """Log of the cumulative standard skew-normal at u: the density integrated downwards on a fine grid."""
    # below u the log density falls at least like a parabola: where it is _DEPTH_NATS down, nothing is left
    reach = max(12.0, abs(u) + 12.0) if u > 0 else min(12.0, _DEPTH_NATS / max(abs(u), 1.0) + 4.0)
    grid = np.linspace(u - reach, u, _POINTS)
    log = _log_pdf(grid, a)
    weights = np.full(_POINTS, grid[1] - grid[0])
    weights[[0, -1]] /= 2
    return min(0.0, float(logsumexp(log, b=weights)))
