"""How much of its past inputs does a state hold? Linear memory capacity and information processing capacity."""

from __future__ import annotations

from itertools import combinations_with_replacement, groupby
from typing import Any, NamedTuple

import numpy as np
from scipy.special import eval_legendre
from scipy.stats import beta

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.lags.given_series import single_channel
from byheart.maths.shapes import Float, Given

BLOCKS = 10
SHUFFLES = 20
BY_CHANCE = 0.05  # of one false capacity among all targets
MOST_TARGETS = 20_000
PRODUCTS = 2.0  # of the threshold: squares of products of the same inputs are alike (half of the runs erred at 1)
DEGENERATE = 1e-10  # of the largest singular value of the states


class Capacity(NamedTuple):
    """Shares of the variance of targets that the best linear read-out of the states holds, less what chance brings.

    `targets`: what each value is of: a delay, or ((delay, degree), ...). `values`, `standard_errors` (r,). `chance`:
    the share held of a shuffled input. `held` (r,): beyond what Gaussian noise brings in 5 % of all such measurements,
    for products beyond twice that. `total`: the sum of the values held, and its standard error; the `rank` of the
    states is the most it can be, up to sampling.
    """

    targets: tuple[Any, ...]
    values: np.ndarray
    standard_errors: np.ndarray
    chance: float
    held: np.ndarray
    total: float
    total_standard_error: float
    rank: int


def linear_capacity(
    inputs: Given[Any, " t"], states: Given[Any, "t m"], delays: int, rng: np.random.Generator
) -> Capacity:
    r"""How many of its past inputs can be read off a state, linearly?

    C_k = R^2 of u_(t-k) on [1, states_t], for k = 0, ..., delays - 1, over the same steps t; less the share c of
    shuffled inputs: (C_k - c) / (1 - c), which is 0 in the mean for what is not held and 1 for what is held exactly.
    The sum over all delays is at most the number of units. A shift register of n steps has capacity n.

    Args:
        inputs: one independent value a step.
        states: the states after each input, one row a step; leave a transient out of both.
        delays: how many, from 0 on (0: the input of the same step).
        rng: of the shuffles.

    Returns:
        A `Capacity` in inputs (of delays 0, 1, ...); standard errors by leaving out each tenth of the steps.

    Raises:
        InputRefused: gaps, states that do not vary or do not fit, inputs that foretell one another (their memory would
            count as the state's), or fewer than five steps a unit.

    Cost: O(10 t m^2 + t m (delays + 20)). Fails when: the longest delay is held, for then more are (`held[-1]`).

    Reference: Jaeger 2001, Short term memory in echo state networks, GMD report 152, section 3.

    >>> rng = np.random.default_rng(0)
    >>> u = rng.uniform(-1, 1, 1000)
    >>> register = np.stack([np.roll(u, k) for k in range(4)], 1)[10:]
    >>> round(linear_capacity(u[10:], register, 8, rng).total, 3)
    4.0
    """
    u, x = _given(inputs, states, delays)
    targets = np.stack([u[delays - 1 - k : len(u) - k] for k in range(delays)], 1)
    return _capacity(tuple(range(delays)), targets, x[delays - 1 :], rng)


def processing_capacity(
    inputs: Given[Any, " t"],
    states: Given[Any, "t m"],
    delays: int,
    rng: np.random.Generator,
    degree: int = 3,
    low: float = -1.0,
    high: float = 1.0,
) -> Capacity:
    r"""How many functions of its past inputs can be read off a state, linearly, and of which degree?

    The same as `linear_capacity` for the targets prod_k P_(d_k)(v_(t-k)), v the inputs stretched to [-1, 1], P_d
    Legendre polynomials, over all choices of degrees d_k whose sum is 1 to `degree`: uncorrelated for independent
    uniform inputs, so that capacities add up, to the number of units where targets suffice and the states forget.

    Args:
        inputs: one independent value a step, uniform between `low` and `high`.
        states: as `linear_capacity`.
        delays: how many, from 0 on.
        rng: of the shuffles.
        degree: the largest sum of degrees.
        low: of the inputs.
        high: of the inputs.

    Returns:
        A `Capacity`; `by_degree` sums it up.

    Raises:
        InputRefused: as `linear_capacity`; inputs outside low and high; more than 20,000 targets.

    Cost: O(10 t m^2 + t m targets), targets = binomial(delays + degree, degree) - 1. Fails when: inputs are not uniform
    (targets are then correlated, and counted twice); capacity lies in longer delays or higher degrees, in many values
    each below the threshold (the total then falls short of the rank).

    Reference: Dambre, Verstraeten, Schrauwen, Massar 2012, Information processing capacity of dynamical systems,
    Scientific Reports 2.

    >>> rng = np.random.default_rng(0)
    >>> u = rng.uniform(-1, 1, 2000)
    >>> {d: round(c, 1) for d, c in by_degree(processing_capacity(u, u[:, None] ** 3, 2, rng)).items()}
    {1: 0.8, 2: 0.0, 3: 0.2}
    """
    _, x = _given(inputs, states, delays)
    raw = np.asarray(array(inputs, "inputs", "t"), np.float64)
    if not low < high or raw.min() < low or raw.max() > high or degree < 1:
        raise InputRefused(
            expected="inputs between low and high, degree of at least 1",
            came=f"inputs from {raw.min():.3g} to {raw.max():.3g}, low={low}, high={high}, degree={degree}",
            do="Say between which values the inputs were drawn.",
        )
    chosen = [
        tuple((k, len(list(same))) for k, same in groupby(one))
        for d in range(1, degree + 1)
        for one in combinations_with_replacement(range(delays), d)
    ] if _targets(delays, degree) <= MOST_TARGETS else []  # fmt: skip
    if not chosen:
        raise InputRefused(
            f"at most {MOST_TARGETS} targets", f"{_targets(delays, degree)}", "Ask for fewer delays, or a lower degree."
        )
    v = 2 * (raw - low) / (high - low) - 1
    of = {d: eval_legendre(d, v) for d in range(1, degree + 1)}
    late = delays - 1
    targets = np.stack([np.prod([of[d][late - k : len(raw) - k] for k, d in one], axis=0) for one in chosen], 1)
    return _capacity(tuple(chosen), targets, x[late:], rng, PRODUCTS)


def by_degree(capacity: Capacity) -> dict[int, float]:
    """How much of a processing capacity is of each degree?

    The sums of the values held, by the sum of degrees of their targets.
    """
    degrees = np.array([sum(d for _, d in target) for target in capacity.targets])
    held = np.where(capacity.held, capacity.values, 0.0)
    return {int(d): float(held[degrees == d].sum()) for d in np.unique(degrees)}


def _targets(delays: int, degree: int) -> int:
    """How many products of degree 1 to `degree` there are of this many delays."""
    count, all_of = 1, 0
    for d in range(1, degree + 1):
        count = count * (delays + d - 1) // d
        all_of += count
    return all_of


def _given(inputs: Any, states: Any, delays: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and states that fit each other; inputs that foretell themselves are refused."""
    u = single_channel(inputs)
    x = array(states, "states", "tm").astype(np.float64)
    t, m = x.shape
    if len(u) != t or delays < 1 or t - delays < max(5 * m, 100):
        raise InputRefused(
            expected=f"one state an input, delays of at least 1, and {max(5 * m, 100)} steps beside the delays",
            came=f"{len(u)} inputs, states {x.shape}, delays={delays}",
            do="Run the model for longer, or give fewer states.",
        )
    if (x.std(0) <= 1e-12 * abs(x).max(0)).all():
        raise InputRefused("states that vary", "states that are constant", "Check that the inputs reach the model.")
    most = min(max(delays, 5), t // 4)
    alike = np.array([u[:-k] @ u[k:] for k in range(1, most + 1)]) / np.sqrt(t)
    worst = int(abs(alike).argmax())
    if abs(alike[worst]) > 5:
        raise InputRefused(
            expected="inputs independent of one another",
            came=f"a correlation of {alike[worst] / np.sqrt(t):.2f} at distance {worst + 1}",
            do="Drive the model with independent random numbers.",
        )
    return u, x


def _capacity(
    names: tuple[Any, ...], targets: np.ndarray, x: np.ndarray, rng: np.random.Generator, margin: float = 1.0
) -> Capacity:
    """Shares of all targets, corrected, with standard errors and a threshold."""
    shuffled = np.stack([rng.permutation(targets[:, 0]) for _ in range(SHUFFLES)], 1)
    n, rank = len(x), _directions(x).shape[1]
    chance = float(_shares(shuffled, x).mean())
    values = (_shares(targets, x) - chance) / (1 - chance)
    # what is not held exceeds this once in 20 times among all targets
    threshold = margin * _beyond(rank, n, BY_CHANCE / len(names))
    held = values > (threshold - chance) / (1 - chance)
    blocks = np.array_split(np.arange(n), BLOCKS)
    without = np.stack([_shares(np.delete(targets, b, 0), np.delete(x, b, 0)) for b in blocks])
    without = (without - chance * BLOCKS / (BLOCKS - 1)) / (1 - chance * BLOCKS / (BLOCKS - 1))
    spread = np.sqrt((BLOCKS - 1) * without.var(0))
    total = without[:, held].sum(1)
    error = float(np.sqrt((BLOCKS - 1) * total.var()))
    return Capacity(names, values, spread, chance, held, float(values[held].sum()), error, rank)


def _directions(x: Float[np.ndarray, "t m"]) -> np.ndarray:
    """An orthonormal basis of the centred states; directions that do not vary are left out."""
    spread = x.std(0)
    varies = spread > 1e-12 * abs(x).max(0)
    u, s, _ = np.linalg.svd((x - x.mean(0))[:, varies] / spread[varies], full_matrices=False)
    return u[:, s > DEGENERATE * s[0]]


def _shares(targets: Float[np.ndarray, "t r"], x: Float[np.ndarray, "t m"]) -> Float[np.ndarray, " r"]:
    """R^2 of each target on the states."""
    y = targets - targets.mean(0)
    return ((_directions(x).T @ y) ** 2).sum(0) / (y**2).sum(0)


def _beyond(rank: int, n: int, chance: float) -> float:
    """The share of a target of noise that is exceeded with this probability: a beta distribution."""
    return float(beta.ppf(1 - chance, rank / 2, (n - 1 - rank) / 2))
