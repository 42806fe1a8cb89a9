"""Why can the error fall, rise and fall again while a model is trained? Gradient descent at two speeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Given


def two_scale_risk(steps: Any, signal: Given[Any, " d"], rate: Given[Any, " d"], noise: float) -> Any:
    r"""How large is the excess error after so many steps of gradient descent, when coordinates learn at several rates?

    Orthonormal design, each coordinate an estimate with an error of variance `noise`, reached from 0 at its own rate:

        risk(t) = sum_j signal_j q_j^2 + noise (1 - q_j)^2,   q_j = (1 - rate_j)^t

    What is learned fast and holds much noise falls and rises first; what is learned slowly and holds the signal falls
    later: with two rates far apart the error falls, rises and falls again.

    Range 0 to infinity, unit of y squared. At t = 0: the sum of `signal` (Rote, who says 0 of every new example). As
    t grows: d `noise` for rates in (0, 2). Oracle: 0.

    Args:
        steps: t, whole or broken, one number or several (t,).
        signal: (d,) squared true coefficients.
        rate: (d,) learning rate times curvature of each coordinate, above 0 and below 2.
        noise: variance of the error of each coordinate's estimate: that of the labels, over n.

    Returns:
        One number of one `steps`, an array (t,) of several.

    Raises:
        InputRefused: other shapes, negative steps, signal or noise, a rate that does not converge.

    Cost: t d. Fails when: coordinates are not independent, or the model is not linear.

    Reference: Heckel and Yilmaz 2021, Early stopping in deep networks: double descent and how to eliminate it, section
    3, equation 3; Pezeshki, Mitra, Bengio, Lajoie 2022, Multi-scale feature learning dynamics.

    >>> signal, rate = [0.01] * 80 + [0.2] * 5, [0.1] * 80 + [1e-4] * 5
    >>> two_scale_risk([0, 7, 100, 30_000], signal, rate, 0.01).round(3).tolist()
    [1.8, 1.399, 1.78, 0.848]
    """
    signal, rate = array(signal, "signal", "d").astype(np.float64), array(rate, "rate", "d").astype(np.float64)
    same_shape(rate, "rate", signal.shape)
    t = array(steps, "steps", "" if np.ndim(steps) == 0 else "t").astype(np.float64)
    if not (rate.min(initial=1) > 0 and rate.max(initial=1) < 2):
        raise InputRefused("rates above 0 and below 2", f"{rate.min():g} to {rate.max():g}", "Lower the learning rate.")
    if min(t.min(initial=0), signal.min(initial=0), noise) < 0 or not np.isfinite(noise):
        came = f"steps {t.min(initial=0):g}, signal {signal.min(initial=0):g}, noise {noise:g} at least"
        raise InputRefused("steps, signal and noise of at least 0", came, "Give squares and variances.")
    if rate.max(initial=0) > 1 and (t != np.round(t)).any():
        raise InputRefused("whole steps at rates above 1", f"{t.min():g} to {t.max():g}", "Round the steps.")
    q = (1 - rate) ** t[..., None]
    risk = (signal * q**2 + noise * (1 - q) ** 2).sum(-1)
    return float(risk) if risk.ndim == 0 else risk
