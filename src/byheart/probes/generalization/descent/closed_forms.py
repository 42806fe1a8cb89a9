"""What theory says of the error of a run: the closed form of its learner on inputs whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from byheart.maths.descent import (
    optimal_random_features_ridge,
    optimal_ridge,
    random_features_risk,
    ridge_risk,
    ridgeless_risk,
    two_scale_risk,
)
from byheart.tasks.data import Truth
from byheart.training.run import Run

FINE = 121  # places of a line drawn between the values that were measured


class Size(NamedTuple):
    """What the closed forms are of: n examples, p features, d inputs, steps t of gradient descent."""

    n: float
    p: float
    d: float
    t: float = 0.0


def expected(run: Run, truth: Truth, size: Size) -> float | None:
    """The expected excess error; infinite at a peak without a ridge, None where theory has no closed form."""
    law, strength = run.about.get("law"), run.about.get("strength", 0.0)
    if law is None or truth.signal is None or truth.variances is None or truth.best_loss_nats is None:
        return None
    signal, noise, n = float(truth.signal.sum()), truth.best_loss_nats, round(size.n)
    if law == "gradient descent":
        rate = run.about["lr"] * truth.variances
        return float(two_scale_risk(size.t, truth.signal, rate, noise / n))
    if np.ptp(truth.variances) > 0:
        return None
    return (_features if law == "relu features" else _inputs)(size, n, signal, noise, strength)


def _inputs(size: Size, n: int, signal: float, noise: float, strength: float | str) -> float:
    """Least squares on the inputs: of finite size without a penalty, in the limit with one."""
    gamma = size.p / n
    if strength == 0:
        return ridgeless_risk(n, round(size.p), signal, noise)
    ridge = optimal_ridge(gamma, signal, noise) if strength == "loo" else float(strength) / n
    return ridge_risk(gamma, signal, noise, ridge)


def _features(size: Size, n: int, signal: float, noise: float, strength: float | str) -> float:
    """Random features, in the limit; the features are divided by sqrt(N) and the errors summed, hence d / n."""
    psi = size.p / size.d, n / size.d
    best = strength == "loo"
    ridge = optimal_random_features_ridge(*psi, signal, noise) if best else float(strength) * size.d / n
    return random_features_risk(*psi, signal, noise, ridge)


def between(values: Sequence[float], sizes: Sequence[Size]) -> list[tuple[float, Size]]:
    """The sizes at many values between the first and the last, where each is constant or the value itself.

    Example:
        >>> made = between([10, 30], [Size(20, 10, 5), Size(20, 30, 5)])
        >>> made[0], made[-1], len(made)
        ((10, Size(n=20, p=10, d=5, t=0.0)), (30, Size(n=20, p=30, d=5, t=0.0)), 21)
    """
    columns = [np.array(column) for column in zip(*sizes)]
    own = [np.allclose(column, values) for column in columns]
    if not all(is_value or np.ptp(column) == 0 for column, is_value in zip(columns, own)):
        return list(zip(values, sizes))
    fine = sorted({round(value) for value in np.geomspace(max(1, min(values)), max(values), FINE)} | {*values})
    return [(at, Size(*(at if is_value else one for one, is_value in zip(sizes[0], own)))) for at in fine]
