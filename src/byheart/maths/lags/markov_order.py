"""How many steps back does a series depend on its past, in any way at all? Information given the steps between."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import digamma

from byheart.errors import InputRefused
from byheart.maths.lags.given_series import given_series
from byheart.maths.lags.predictive_gain import whole_lags
from byheart.maths.shapes import Float

A_NEIGHBOUR = 50  # steps for each neighbour looked at: fewer vary more, more reach further than what they measure
FEWEST_NEIGHBOURS = 4
EXCHANGED = 12  # neighbours in the steps between, among which a value is exchanged
DRAWS = 20
BEYOND = 4.0  # standard deviations of those draws
FEWEST = 200  # steps


class MarkovOrder(NamedTuple):
    """How many steps back a value depends on, given those between.

    `order`: the last lag that stands out; 0 where none does. `bits`, `chance` (r,): what lag 1, 2, ... says of the next
    value beyond the lags before it, and what has to be exceeded: mean and four standard deviations of 20 draws in which
    its value is exchanged among steps with like values between. `more`: the last lag asked about stands out.
    """

    order: int
    bits: np.ndarray
    chance: np.ndarray
    more: bool


def markov_order(series: Any, rng: np.random.Generator, most: int = 4) -> MarkovOrder:
    r"""How many steps back does a series depend on its past, in its mean or in any other way?

    I(x_t; x_(t-k) | x_(t-1), ..., x_(t-k+1)) = psi(n) + <psi(c_z) - psi(c_xz) - psi(c_yz)>, with c the points within
    the distance of the n-th neighbour of all three, in the largest coordinate, of the parts named; n = t / 50. For a
    Gaussian series -log2(1 - r_k^2) / 2, r the partial autocorrelation; 0 at every lag beyond the order of a Markov
    chain. Chance keeps what the steps between say of both: values of the lag are exchanged among the 12 steps whose
    steps between are most alike. Rounded values are spread over the step to which they are rounded, which changes no
    information and leaves no ties.

    Args:
        series: (t,) or (t, c), in time order.
        rng: of the exchanges.
        most: the longest lag; it stops earlier, where two lags in a row do not stand out.

    Returns:
        A `MarkovOrder`.

    Raises:
        InputRefused: gaps, constant or repeated channels, most that is no whole number of at least 1, fewer than 200
            steps beside the lags.

    Cost: 21 estimates a lag; 2 CPU s for 1,500 steps and 4 lags. Fails when: many channels or lags (in more than about
    6 dimensions neighbours are far away and what is found is too small); a lag that says much about the next value
    only together with an older one; a slow series, of which neighbours are neighbours in time.

    Reference: Frenzel and Pompe 2007, Partial mutual information for coupling analysis of multivariate time series,
    Physical Review Letters 99; Runge 2018, Conditional independence testing based on a nearest-neighbor estimator of
    conditional mutual information, AISTATS (exchanges).

    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=500)
    >>> for t in range(1, 500):
    ...     x[t] *= 0.1 + abs(x[t - 1])  # of mean 0 whatever was before: no prediction gains
    >>> markov_order(x, rng, most=2).order
    1
    """
    x = _untied(given_series(series), rng)
    most = whole_lags(most, "most")
    if len(x) - most < FEWEST:
        raise InputRefused(
            f"{FEWEST} steps beside the lags",
            f"{len(x)} steps, {most=}",
            "Ask for fewer lags, or give a longer series.",
        )
    bits: list[float] = []
    chance: list[float] = []
    now = x[most:]
    for k in range(1, most + 1):
        old = x[most - k : len(x) - k]
        between = np.hstack([x[most - j : len(x) - j] for j in range(1, k)]) if k > 1 else now[:, :0]
        drawn = [_conditional(now, old[_exchanged(between, rng)], between) for _ in range(DRAWS)]
        bits.append(_conditional(now, old, between))
        chance.append(float(np.mean(drawn) + BEYOND * np.std(drawn)))
        if k > 2 and bits[-1] <= chance[-1] and bits[-2] <= chance[-2]:
            break
    beyond = np.flatnonzero(np.array(bits) > chance)
    order = int(beyond[-1]) + 1 if len(beyond) else 0
    return MarkovOrder(order, np.array(bits), np.array(chance), order == most)


def _untied(x: Float[np.ndarray, "t c"], rng: np.random.Generator) -> Float[np.ndarray, "t c"]:
    """Values that are there more than once, spread evenly over half of the smallest step to either side."""
    x = x.copy()
    for channel in x.T:
        values = np.unique(channel)
        if len(values) < len(channel):
            channel += np.diff(values).min() * rng.uniform(-0.5, 0.5, len(channel))
    return x


def _conditional(a: np.ndarray, b: np.ndarray, given: np.ndarray) -> float:
    """Bits that a and b say of each other beyond what is given."""
    n = max(FEWEST_NEIGHBOURS, len(a) // A_NEIGHBOUR)
    everything = np.hstack([a, b, given])
    radius = cKDTree(everything).query(everything, k=n + 1, p=np.inf)[0][:, -1]
    first, second = (digamma(_within(np.hstack([one, given]), radius)) for one in (a, b))
    alone = digamma(_within(given, radius)) if given.shape[1] else digamma(len(a))
    return float((digamma(n) + np.mean(alone - first - second)) / np.log(2))


def _within(points: Float[np.ndarray, "n d"], radius: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """How many points are nearer than the radius, each itself among them."""
    near = cKDTree(points).query_ball_point(points, radius * (1 - 1e-10), p=np.inf, return_length=True)
    return np.asarray(near, dtype=np.float64)


def _exchanged(given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each step one of those with the most alike `given`, each taken once where that is possible."""
    n = len(given)
    if not given.shape[1]:
        return rng.permutation(n)
    alike = rng.permuted(cKDTree(given).query(given, k=EXCHANGED, p=np.inf)[1], axis=1)
    taken, chosen = np.zeros(n, dtype=bool), np.empty(n, dtype=np.int64)
    for step in rng.permutation(n):
        free = alike[step][~taken[alike[step]]]
        chosen[step] = free[0] if len(free) else alike[step][0]
        taken[chosen[step]] = True
    return chosen
