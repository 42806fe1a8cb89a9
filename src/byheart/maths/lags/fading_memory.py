"""Does a recurrent model forget where it started? Two states driven by the same inputs, and how fast they meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Float, Given

MET = 1e-6  # of the distance at the start
FLOOR = 1e-10  # below it, rounding says how far they are apart
FEWEST_PAIRS = 5
CRITICAL = 2.0  # standard errors
ROUNDING = 1e-9  # of a rate


class Fading(NamedTuple):
    """How fast pairs of states meet under the same inputs.

    `rate`, `standard_error`: the mean over pairs of ln(distance) a step; below 0 the start is forgotten. `steps`: the
    median number of steps to a millionth of the distance; None where fewer than half of the pairs come so near.
    `forgets`: True or False where the rate is two standard errors (and more than rounding) from 0, else None.
    `rates` (pairs,).
    """

    rate: float
    standard_error: float
    steps: float | None
    forgets: bool | None
    rates: np.ndarray


def fading_memory(
    step: Callable[[np.ndarray, np.ndarray], Any],
    first: Given[Any, "r m"],
    second: Given[Any, "r m"],
    inputs: Given[Any, "t r k"],
) -> Fading:
    r"""Does a recurrent model forget where it started?

    rate = ln(|x_T - y_T| / |x_0 - y_0|) / T of two states driven by the same inputs, T the last step at which they are
    further apart than 1e-10 of their first distance (below it rounding decides), or the last of all. Of x' = a x + u
    the rate is ln |a|; of near states it is the largest exponent of the driven system.

    Args:
        step: from states (r, m) and inputs (r, k) to the next states (r, m).
        first: (r, m), one state a pair.
        second: (r, m), the other; near the first to ask about the exponent, anywhere to ask about the start.
        inputs: (t, r, k); the pairs should have inputs of their own, so that they are independent.

    Returns:
        A `Fading`; the standard error is that of the mean over pairs.

    Raises:
        InputRefused: fewer than 5 pairs, pairs of equal states, shapes that do not fit, or states that overflow.

    Cost: 2 t steps of r states. Fails when: far states that part stay on a bounded set, so that the rate is about 0 and
    not above it; a few pairs in another basin than the rest.

    Reference: Jaeger 2001, The echo state approach to analysing and training recurrent neural networks, GMD report 148.

    >>> rng = np.random.default_rng(0)
    >>> found = fading_memory(lambda x, u: 0.5 * x + u, np.zeros((8, 2)), np.ones((8, 2)), rng.normal(size=(40, 8, 2)))
    >>> round(found.rate, 4), found.steps, found.forgets  # ln 0.5; 0.5^20 is the first below a millionth
    (-0.6931, 20.0, True)
    """
    x, y = (array(one, name, "rm").astype(np.float64) for one, name in ((first, "first"), (second, "second")))
    u = array(inputs, "inputs", "trk")
    if x.shape != y.shape or u.shape[1] != len(x) or len(x) < FEWEST_PAIRS or not len(u):
        raise InputRefused(
            expected=f"at least {FEWEST_PAIRS} pairs of states and inputs (steps, pairs, channels)",
            came=f"first {x.shape}, second {y.shape}, inputs {u.shape}",
            do="Give one state, the other, and a series of inputs a pair.",
        )
    distance = np.stack([_apart(x, y), *_driven(step, x, y, u)])
    if not distance[0].all():
        raise InputRefused("pairs of different states", "a pair of equal ones", "Start each pair from two states.")
    relative = distance / distance[0]
    over = np.maximum(_last(relative > FLOOR), 1)
    pairs = np.arange(len(x))
    rates = np.log(np.maximum(relative[over, pairs], FLOOR)) / over
    met = np.where((relative < MET).any(0), (relative < MET).argmax(0), np.inf)
    steps = float(np.median(met))
    rate, error = float(rates.mean()), float(rates.std(ddof=1) / np.sqrt(len(rates)))
    forgets = bool(rate < 0) if abs(rate) > max(CRITICAL * error, ROUNDING) else None
    return Fading(rate, error, steps if np.isfinite(steps) else None, forgets, rates)


def _driven(step: Callable[[np.ndarray, np.ndarray], Any], x: np.ndarray, y: np.ndarray, inputs: np.ndarray) -> Any:
    """The distance of each pair after each input."""
    for u in inputs:
        x, y = (array(step(one, u), "states", "rm").astype(np.float64) for one in (x, y))
        same_shape(x, "states", y.shape)
        yield _apart(x, y)


def _apart(x: Float[np.ndarray, "r m"], y: Float[np.ndarray, "r m"]) -> Float[np.ndarray, " r"]:
    """The distance of each pair."""
    return np.sqrt(((x - y) ** 2).sum(1))


def _last(there: np.ndarray) -> np.ndarray:
    """The last step (rows) at which it is so, of each pair, before the first at which it is not."""
    return np.where(there.all(0), len(there), there.argmin(0)) - 1
