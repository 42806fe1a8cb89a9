r"""Valid time: for how many Lyapunov times does a prediction stay with the truth?

From each start, x^_k the prediction and x_k the truth k steps later,

    t = dt min { k : |x^_k - x_k| > eps sqrt(<|x - <x>|^2>) },   V = lambda t,

< > over all starts and steps; the median over starts, with an interval by their order (no distribution assumed). lambda
is the largest exponent per unit of time: a V is only as good as its lambda, so where that is from is said beside it.

Reference: Vlachas, Pathak, Hunt, Sapsis, Girvan, Ott, Koumoutsakos 2020, "Backpropagation algorithms and reservoir
computing in recurrent neural networks for the forecasting of complex spatiotemporal dynamics", Neural Networks 126
(valid prediction time); Conover 1999, Practical nonparametric statistics, section 3.2 (interval of a median).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binom

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.orbits.lyapunov import Spectrum
from byheart.maths.shapes import Float, Given

BEYOND = 0.025  # probability left out on each side


@dataclass(frozen=True)
class ValidTime:
    """How long predictions stay with the truth.

    Attributes:
        value: median over starts, in Lyapunov times; infinite where more than half were still valid at the end.
        low, high: 95 % interval of the median by the order of the starts; 0 and infinite where they are fewer than 6.
        times: (n,) of each start, in Lyapunov times; infinite where it was valid to the end.
        longest: Lyapunov times that were looked at.
        eps: the bound, in deviations of the reference.
        exponent: lambda, per unit of time.
        source: where lambda is from.
    """

    value: float
    low: float
    high: float
    times: Float[np.ndarray, " n"]
    longest: float
    eps: float
    exponent: float
    source: str


def valid_prediction_time(
    reference: Given[Any, "*r"],
    predicted: Given[Any, "*s"],
    dt: float,
    exponent: float | Spectrum,
    eps: float = 0.4,
    source: str = "given, its source not named",
) -> ValidTime:
    r"""For how many Lyapunov times does a prediction stay with the truth?

    The median V at the head of the file. The true flow from a true state stays for ever, a replay until its analogue
    parts.

    Args:
        reference: (n, k, d) what came after each of n starts, from the first step on; (k, d) of one.
        predicted: the same shape, what was predicted. NaN and infinity are not valid.
        dt: time of a step.
        exponent: the largest Lyapunov exponent per unit of time, or the `Spectrum` of `lyapunov_spectrum`.
        eps: the bound; 0.4 is usual, 0.5 also published.
        source: where a number as `exponent` is from.

    Returns:
        `ValidTime`.

    Raises:
        InputRefused: other shapes; NaN in the reference, or one that is constant; dt, eps or exponent not above 0 (what
            does not part has no Lyapunov time).

    Cost: none. Fails when: starts overlap or are near each other (the interval takes them as independent); there are
    fewer than 40; the exponent is an estimate from data.
    Reference: Vlachas et al. 2020; Conover 1999 (titles at the head of the file).

    >>> truth = np.sin(np.arange(100.0))[:, None]
    >>> drifts = truth + 0.01 * np.arange(1, 101)[:, None]  # 0.4 deviations (0.28) are passed by the 29th step
    >>> found = valid_prediction_time(truth, drifts, dt=0.1, exponent=2.0, source="a textbook")
    >>> round(found.value, 6), found.source
    (5.8, 'a textbook')
    """
    x, y = (_starts(one, name) for one, name in ((reference, "the reference"), (predicted, "the prediction")))
    same_shape(y, "the prediction", x.shape)
    if isinstance(exponent, Spectrum):
        exponent, source = float(exponent.values[0]), f"lyapunov_spectrum over time {exponent.time:g}"
    if not (np.isfinite(x).all() and x.size):
        raise InputRefused(
            "a reference without NaN or infinity", f"{x.size} numbers", "Leave out what was not measured."
        )
    if not (dt > 0 and eps > 0 and 0 < exponent < np.inf):
        raise InputRefused(
            expected="dt, eps and the exponent above 0", came=f"dt={dt:g}, eps={eps:g}, exponent={exponent:g}",
            do="What does not part has no Lyapunov time: say the time in periods.",
        )  # fmt: skip
    scale = float(np.sqrt(((x - x.mean((0, 1))) ** 2).sum(2).mean()))
    if scale <= 1e-12 * np.abs(x).max():
        raise InputRefused("a reference that moves", "one that is constant", "Every prediction of it is valid.")
    with np.errstate(invalid="ignore", over="ignore"):
        parted = ~(np.sqrt(((y - x) ** 2).sum(2)) <= eps * scale)
    times = np.where(parted.any(1), parted.argmax(1) + 1.0, np.inf) * (dt * exponent)
    value, low, high = _median(times)
    return ValidTime(value, low, high, times, x.shape[1] * dt * exponent, eps, float(exponent), source)


def _starts(value: Any, name: str) -> Float[np.ndarray, "n k d"]:
    value = value[None] if getattr(value, "ndim", 3) == 2 else value
    return array(value, name, "nkd", finite=False).astype(np.float64)


def _median(times: Float[np.ndarray, " n"]) -> tuple[float, float, float]:
    """The median, and the order statistics that hold it with at least 95 %."""
    ordered, n = np.sort(times), len(times)
    rank = int(binom.ppf(BEYOND, n, 0.5))  # fewer than so many of n are below the median with probability 2.5 % at most
    low, high = (float(ordered[rank - 1]), float(ordered[n - rank])) if rank > 0 else (0.0, np.inf)
    return float(np.median(ordered)), low, high
