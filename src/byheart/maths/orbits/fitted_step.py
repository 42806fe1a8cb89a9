r"""Fitted step: where nobody has a near neighbour, does a fitted law of motion say that neighbours would part?

In many dimensions no orbit is long enough for neighbours. There a law is fitted to the first three fifths of it,

    g(x) = a + B x + sum_i c_i exp(-|x - x_i|^2 / (2 w^2)),  w three typical distances,

to the rates of change where it is sampled densely (differences over five steps), to the steps otherwise, by ridge
regression. Along the rest of the orbit a small difference v is carried by its derivatives, dv/dt = g'(x) v; the mean of
ln of its growth is the largest Lyapunov exponent of the law. It is one of the system where g also says the rates of
that rest, and where a straight law a + B x, which has no chaos, does not: noise, however smooth, fails the first, sines
the second.

Reference: Brown, Bryant, Abarbanel 1991, Computing the Lyapunov spectrum of a dynamical system from an observed time
series, Physical Review A 43 (exponents of a fitted map); Gencay, Dechert 1992, Physica D 59 (of a smooth regression).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import t as student

from byheart.maths.shapes import Float
from byheart.seeds import stream

CENTRES = 1000  # x_i
WIDTH = 3.0  # times the typical distance of two states
RIDGE = 1e-9  # of the kernel of a state with itself, an x_i
DENSE = 10.0  # steps a turn: rates of change can be read
FITTED = 0.6  # of the orbit
FOLLOWED = 1500  # steps
BLOCKS = 10  # of them, whose means give the interval


@dataclass(frozen=True)
class FittedRate:
    """What a fitted law of motion says of neighbours.

    Attributes:
        rate: how fast they would part, in ln a step; `low`, `high` its interval of 95 %, of ten stretches.
        missed: share of the variance of the rates of change that the law misses on the rest of the orbit.
        missed_straight: share that a straight law misses.
    """

    rate: float
    low: float
    high: float
    missed: float
    missed_straight: float


def fitted_rate(series: Float[np.ndarray, "t d"], a_turn: float) -> FittedRate:
    r"""How fast would neighbours part by a law of motion fitted to the orbit?

    The mean of ln |v'| / |v| along the rest of the orbit, of the law at the head of the file.

    Args:
        series: (t, d) the orbit, channels in units of their deviations.
        a_turn: how many steps a turn takes; above 10 rates of change are fitted, otherwise steps.

    Returns:
        `FittedRate`; it says nothing where `missed` is not small.

    Raises:
        Nothing.

    Cost: 1,000 centres, 1,500 steps followed: 0.1 CPU s in 20 dimensions. Fails when: the orbit fills fewer dimensions
    than it has channels, as on a torus or a cycle: across it the law is a guess, and its rates there are often large.
    Ask it only where neighbours part as far as states at random.
    Reference: Brown, Bryant, Abarbanel 1991; Gencay, Dechert 1992 (titles at the head of the file).

    >>> x = np.full((2000, 2), 0.1)
    >>> for t in range(1, 2000):  # Henon's map: 0.419 a step
    ...     x[t] = 1 - 1.4 * x[t - 1, 0] ** 2 + x[t - 1, 1], 0.3 * x[t - 1, 0]
    >>> found = fitted_rate((x - x.mean(0)) / x.std(0), 4.0)
    >>> round(found.rate, 1), found.missed < 0.001 < 0.1 < found.missed_straight
    (0.4, True)
    """
    dense = a_turn > DENSE
    states, rates = (series[2:-2], _differences(series)) if dense else (series[:-1], np.diff(series, axis=0))
    until = int(FITTED * len(states))
    known = np.unique(np.linspace(0, until - 1, CENTRES).astype(int))
    rest = slice(until + int(a_turn), until + int(a_turn) + FOLLOWED)
    centres, goal = states[known], rates[known]
    square = (WIDTH**2) * 2 * series.var(0).sum()
    straight = np.linalg.lstsq(_with_one(centres), goal, rcond=None)[0]
    kernel = _kernel(centres, centres, square)
    kernel[np.diag_indices_from(kernel)] += RIDGE * len(known)
    weights = cho_solve(cho_factor(kernel), goal - _with_one(centres) @ straight)
    near, line = _kernel(states[rest], centres, square), _with_one(states[rest]) @ straight
    size = ((rates[rest] - goal.mean(0)) ** 2).sum()
    missed, missed_straight = (float(((rates[rest] - one) ** 2).sum() / size) for one in (line + near @ weights, line))
    grown = _carried(states[rest], near, centres, weights, straight[1:], square, dense)
    means = [one.mean() for one in np.array_split(grown, BLOCKS)]
    half = float(student.ppf(0.975, BLOCKS - 1) * np.std(means, ddof=1) / BLOCKS**0.5)
    rate = float(grown.mean())
    return FittedRate(rate, rate - half, rate + half, missed, missed_straight)


def _carried(
    states: np.ndarray, near: np.ndarray, centres: np.ndarray, weights: np.ndarray, straight: np.ndarray,
    square: float, dense: bool,
) -> Float[np.ndarray, " s"]:  # fmt: skip
    """ln of the growth of a small difference at each state, after it has turned into the direction that grows."""
    v = stream(0, "difference").normal(size=states.shape[1])
    logs = []
    for x, k in zip(states, near, strict=True):
        v = v / np.linalg.norm(v)
        slope = straight + ((centres - x) * (k / square)[:, None]).T @ weights  # [j, i]: d g_i / d x_j
        change = v @ slope
        if dense:  # exp(slope) v, to fourth order
            term = change
            for order in (2, 3, 4):
                term = term @ slope / order
                change = change + term
        v = v + change
        logs.append(np.log(np.linalg.norm(v)))
    return np.array(logs[len(logs) // BLOCKS :])


def _differences(series: np.ndarray) -> np.ndarray:
    """Rates of change a step, of the polynomial through five states."""
    return (8 * (series[3:-1] - series[1:-3]) - (series[4:] - series[:-4])) / 12


def _kernel(a: np.ndarray, b: np.ndarray, square: float) -> np.ndarray:
    return np.exp(-((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T) / (2 * square))


def _with_one(x: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones((len(x), 1)), x], 1)
