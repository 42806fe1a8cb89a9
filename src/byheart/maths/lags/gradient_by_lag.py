"""Does a gradient reach far back? Its slope by lag, and the time constants of the step it passes through."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float, Given

FEWEST_LAGS = 10
FEWEST_ROWS = 8  # below it, the error comes from stretches of lags
BLOCKS = 10  # of neighbouring lags
CRITICAL = 2.0  # standard errors
ROUNDING = 1e-9  # of a slope


class GradientSlope(NamedTuple):
    """How a gradient changes with each further lag.

    `direction`: `vanishing` or `exploding` where the slope is two standard errors from 0, else `level`; `cut` where
    the gradient is exactly 0 before the tenth lag, and there is no slope. `slope`, `standard_error`: of the logarithm,
    per step. `lags`: how many it is taken over, those before the first at which a gradient is 0 or has overflowed.
    `agrees`: whether slope and Lyapunov exponent have one sign; None where one was not given or is not known to differ
    from 0.
    """

    direction: Literal["vanishing", "exploding", "level", "cut"]
    slope: float | None
    standard_error: float | None
    lags: int
    agrees: bool | None


class TimeConstants(NamedTuple):
    """How long each direction of a step keeps what it holds.

    `values` (r, m): descending, in units of dt; infinite where nothing decays, 0 where the next step has forgotten.
    `slow` (r,): share of the directions slower than the time asked about; `slow_share`: their mean. `growing`: share of
    all directions that grow.
    """

    values: np.ndarray
    slow: np.ndarray
    slow_share: float
    growing: float


def gradient_by_lag(
    norms: Given[Any, "r t"] | Given[Any, " t"], exponent: float | None = None, exponent_error: float = 0.0
) -> GradientSlope:
    r"""Do gradients vanish or explode with the lag, and do they as the Lyapunov exponent says?

    slope = mean over rows and lags of ln G(k + 1) - ln G(k), the average exponent of the products of Jacobians; below 0
    the gradient vanishes, above 0 it explodes. On the orbit of a system it is the largest Lyapunov exponent (in the
    same units of time), so that a chaotic one must explode. Standard error over the rows from 8 on, else by 10
    stretches of lags. Logarithms are averaged: of the norms, the mean would be that of the few largest.

    Args:
        norms: |dL_t / dh_(t-k)| for k = 0, 1, ..., one row a time t (far apart, so that rows are independent), or one.
        exponent: the largest Lyapunov exponent, per step.
        exponent_error: its standard error.

    Returns:
        A `GradientSlope`.

    Raises:
        InputRefused: fewer than 11 lags, NaN, or norms below 0.

    Cost: none. Fails when: the first lags are unlike the rest (give them from where the products have aligned); a
    single row of a slow system, whose stretches are alike.

    Reference: Bengio, Simard, Frasconi 1994, Learning long-term dependencies with gradient descent is difficult;
    Mikhaeil, Monfared, Durstewitz 2022, On the difficulty of learning chaotic dynamics with RNNs, theorem 2.

    >>> found = gradient_by_lag(0.9 ** np.arange(40.0), exponent=-0.1)
    >>> found.direction, round(found.slope, 4), found.agrees
    ('vanishing', -0.1054, True)
    """
    g = array(norms, "norms", "t" if np.ndim(norms) == 1 else "rt", finite=False).astype(np.float64)
    g = g.reshape(-1, g.shape[-1])
    if g.shape[1] <= FEWEST_LAGS or not len(g) or np.isnan(g).any() or (g < 0).any():
        raise InputRefused(
            expected=f"norms of 0 or more for at least {FEWEST_LAGS + 1} lags",
            came=f"shape {g.shape}, {int(np.isnan(g).sum())} NaN, {int((g < 0).sum())} below 0",
            do="Give one row a time, lag 0 first.",
        )
    usable = ((g > 0) & np.isfinite(g)).all(0)
    lags = int(usable.argmin()) if not usable.all() else len(usable)
    if lags <= FEWEST_LAGS:
        return GradientSlope("cut" if (g[:, lags] == 0).any() else "exploding", None, None, lags, None)
    steps = np.diff(np.log(g[:, :lags]), axis=1)
    slope = float(steps.mean())
    parts = steps.mean(1) if len(g) >= FEWEST_ROWS else _stretches(steps.mean(0))
    error = float(parts.std(ddof=1) / np.sqrt(len(parts)))
    sign, of_system = _sign(slope, error), _sign(exponent or 0.0, exponent_error)
    direction = {-1: "vanishing", 0: "level", 1: "exploding"}[sign]
    return GradientSlope(direction, slope, error, lags, sign == of_system if sign and of_system else None)


def time_constants(
    steps: Given[Any, "r m m"] | Given[Any, "m m"] | Given[Any, " m"], dt: float, long: float
) -> TimeConstants:
    r"""How long does a step keep what it holds, and which share of it for longer than this?

    tau = -dt / ln|e| of each eigenvalue e of the Jacobian of the step, or of each entry of a diagonal: the time in
    which a deviation falls to 1/e. Where |e| is 1 or more (up to rounding) nothing decays.

    Args:
        steps: the Jacobian of the map from one state to the next, or one of each region (or state) visited; or the
            diagonal of a linear part.
        dt: time of a step.
        long: the time asked about, in the units of dt: that of a training sequence.

    Returns:
        A `TimeConstants`; regions count alike.

    Raises:
        InputRefused: NaN, Jacobians that are not square, dt or long that are not above 0.

    Cost: eigenvalues of r matrices. Fails when: a step is far from normal (a shift register has eigenvalues of 0 and
    holds its input for m steps); regions are visited in turn, whose products have other eigenvalues.

    Reference: Schmidt, Koppe, Monfared, Beutelspacher, Durstewitz 2021, Identifying nonlinear dynamical systems with
    multiple time scales and long-range dependencies, section 3.

    >>> found = time_constants([0.5, 0.99, 1.0], dt=1.0, long=50.0)
    >>> [round(float(one), 2) for one in found.values[0]], round(found.slow_share, 3)
    ([inf, 99.5, 1.44], 0.667)
    """
    given = array(steps, "steps", "rmm"[3 - np.ndim(steps) :] if np.ndim(steps) != 1 else "m").astype(np.float64)
    square = given.ndim == 1 or given.shape[-1] == given.shape[-2]
    if not square or not given.size or not (np.isfinite(dt) and dt > 0 and long > 0):
        raise InputRefused(
            expected="square Jacobians or a diagonal, dt and long above 0",
            came=f"shape {given.shape}, {dt=}, {long=}",
            do="Give the Jacobian of the step, not of the flow.",
        )
    sizes = abs(given if given.ndim == 1 else np.linalg.eigvals(given)).reshape(-1, given.shape[-1])
    with np.errstate(divide="ignore"):
        rates = -np.log(sizes)
    decays = rates > ROUNDING
    values = np.sort(np.where(decays, dt / np.where(decays, rates, 1.0), np.inf))[:, ::-1]
    slow = (values > long).mean(1)
    return TimeConstants(values, slow, float(slow.mean()), float((rates < -ROUNDING).mean()))


def _stretches(steps: Float[np.ndarray, " t"]) -> np.ndarray:
    """Means of stretches of neighbouring lags."""
    return np.array([part.mean() for part in np.array_split(steps, min(BLOCKS, len(steps) // 2))])


def _sign(value: float, error: float) -> int:
    """-1, 1, or 0 where it is within two standard errors, or rounding, of 0."""
    return int(np.sign(value)) if abs(value) > max(CRITICAL * error, ROUNDING) else 0
