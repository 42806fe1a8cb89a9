"""How many bits do real-valued targets cost? The bank code on a printed grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask, same_shape
from byheart.maths.pools import chunks, halves
from byheart.maths.sides import BankCode, BankLengths, side_means

LOG_SQRT_TAU = 0.5 * np.log(2 * np.pi)


def grid_step(targets: Any) -> float:
    r"""How finely are the targets given?

    step = max(smallest positive difference of distinct targets, sd/1000), sd the standard deviation of the
    targets. Unit of the targets, > 0. Both poles use the same grid.

    Args:
        targets: (n,) real values.

    Returns:
        The step; to be printed with every code length, which changes by log2 of the ratio with another step.

    Raises:
        InputRefused: NaN, or targets that are all equal (there is nothing to code).

    Cost: one sort. Fails when: few targets lie on a finer grid than the rest.

    Reference: byheart, reference/complexity.md 3.7 step 7.

    >>> grid_step([1.0, 3.0, 3.5])
    0.5
    """
    targets = array(targets, "targets", "n").astype(np.float64)
    distinct = np.unique(targets)
    if len(distinct) < 2:
        raise InputRefused(
            expected="targets (n,) with at least two distinct values",
            came=f"{len(distinct)} distinct in shape {targets.shape}",
            do="A constant target costs no bits; choose one that varies.",
        )
    return float(max(np.diff(distinct).min(), targets.std() / 1000))


def bank_code_values(
    predictions: Any, targets: Any, mask: Any, seed: int = 0, *, ids: Any = None, groups: Any = None
) -> BankCode:
    r"""How many bits does each target cost: without a model, with members that saw it, with the others?

    The target y is coded as its cell [y - h/2, y + h/2], h = `grid_step(targets)`. Reference: q0 = mass of
    the cell under the Gaussian of mean and standard deviation of the targets. Model: p = mass under the
    Gaussian of centre mean + w (f - mean) and width sigma, f the prediction; mixed p~ = (1 - e) p + e q0, e =
    1/(n + 2); length -log2 p~. As in `bank_code`, one (w >= 0, sigma) for each half and side, shared by all
    members, is fitted on the other half's examples of that side; in and out are means of lengths over the
    members of a side. Unit: bits on that grid; the grid cancels in `understood` and `memorised` where it is
    fine. Rote: in near 0, out = reference. Oracle: in = out.

    Args:
        predictions: (m, n) prediction of each member for each training example, in the unit of the targets.
        targets: (n,) real values.
        mask: (m, n) True where the member saw the example.
        seed: of the hash that cuts the halves.
        ids: (n,) stable names of the examples; row numbers if absent.
        groups: (n,) names of groups that must fall in one half.

    Returns:
        `reference_bits`, `in_bits`, `out_bits`, each (n,) float64; NaN where a side has no member.

    Raises:
        InputRefused: wrong shapes, NaN or infinite values, constant targets.

    Cost: four fits of two parameters, about 30 passes over the predictions. Fails when: errors are far from
    Gaussian: the code is then honest but longer than it need be.

    Reference: byheart, reference/complexity.md 3.7 step 7; Rissanen 1983, "A universal prior for integers and
    estimation by minimum description length", section 2 (precision of the data).

    >>> y = np.arange(40.0)
    >>> code = bank_code_values(y[None], y, np.ones((1, 40), bool))
    >>> bool(code.in_bits.mean() < 0.1 < 5 < code.reference_bits.mean())
    True
    """
    reference, lengths = bank_lengths_values(predictions, targets, mask, seed, ids=ids, groups=groups)
    return BankCode(reference, *side_means(lengths, members_mask(mask, lengths.shape)))


def bank_lengths_values(
    predictions: Any, targets: Any, mask: Any, seed: int = 0, *, ids: Any = None, groups: Any = None
) -> BankLengths:
    r"""How many bits does each real-valued target cost each member?

    The code of `bank_code_values` before it is averaged: -log2 p~ of member j for the target of example i.
    Unit, range and poles as there.

    Args:
        predictions: (m, n) prediction of each member for each training example, in the unit of the targets.
        targets: (n,) real values.
        mask: (m, n) True where the member saw the example.
        seed: of the hash that cuts the halves.
        ids: (n,) stable names of the examples; row numbers if absent.
        groups: (n,) names of groups that must fall in one half.

    Returns:
        `reference_bits` (n,) and `member_bits` (m, n), float64.

    Raises:
        InputRefused: wrong shapes, NaN or infinite values, constant targets.

    Cost: as `bank_code_values`. Fails when: as `bank_code_values`.

    Reference: byheart, reference/complexity.md 3.7 step 7.

    >>> bits = bank_lengths_values(np.zeros((2, 4)), [0.0, 1.0, 2.0, 3.0], np.eye(2, 4, dtype=bool))
    >>> bits.member_bits.shape
    (2, 4)
    """
    predictions = array(predictions, "predictions", "mn").astype(np.float64)
    targets = array(targets, "targets", "n").astype(np.float64)
    m, n = predictions.shape
    same_shape(targets, "targets", (n,))
    mask = members_mask(mask, (m, n))
    mean, sd = targets.mean(), targets.std()
    step = grid_step(targets) / sd
    # in units of the targets' spread, so that the fit is blind to the unit of the targets
    y, f = (targets - mean) / sd, (predictions - mean) / sd
    reference = -_log_mass(y, 1.0, step)
    mix = 1 / (n + 2)
    first = halves(n, seed, ids, groups)
    lengths = np.full((m, n), np.nan)
    for seen in (True, False):
        places = [np.nonzero((mask == seen) & half) for half in (first, ~first)]
        for here, there in ((places[0], places[1]), (places[1], places[0])):
            if len(here[0]):
                w, sigma = _fit(f[there], y[there[1]], reference[there[1]], step, mix)
                own = here[1]
                mass = _log_mass(y[own] - w * f[here], sigma, step)
                lengths[here] = -np.logaddexp(np.log1p(-mix) + mass, np.log(mix) - reference[own])
    return BankLengths(reference / np.log(2), lengths / np.log(2))


def _log_mass(residual: np.ndarray, sigma: float, step: float) -> np.ndarray:
    """Log of the Gaussian mass of a cell of width `step`, `residual` from the centre; finite far out."""
    # by symmetry the cell is put on the lower tail, where log_ndtr keeps its digits
    middle = -np.abs(residual) / sigma
    half = 0.5 * step / sigma
    upper, lower = middle + half, middle - half
    with np.errstate(divide="ignore"):
        central = np.log(np.maximum(ndtr(upper) - ndtr(lower), 0.0))
    far = middle < -5
    if np.any(far):
        log_upper, log_lower = log_ndtr(upper[far]), log_ndtr(lower[far])
        central[far] = log_upper + np.log(-np.expm1(np.minimum(log_lower - log_upper, -1e-300)))
    return central


def _fit(f: np.ndarray, y: np.ndarray, reference: np.ndarray, step: float, mix: float) -> tuple[float, float]:
    """(w, sigma) that code y shortest in the mixture, in units of their spread; (0, 1) without rows."""
    if not len(f):
        return 0.0, 1.0
    unit = float(np.sqrt(np.mean(f * f)))
    g = f / unit if unit > 0 else f
    slope = max(0.0, float(g @ y) / max(float(g @ g), 1e-300))
    residual = np.abs(y - slope * g)
    # least squares follows outliers that the mixture would rather leave to the reference: start from both
    widths = {float(np.sqrt(np.mean(residual**2))), 1.4826 * float(np.median(residual))}
    bounds = [(0.0, None), (np.log(step / 50), np.log(50.0))]
    starts = [
        np.array([slope, np.clip(np.log(max(width, step / 20)), *bounds[1])]) for width in sorted(widths)
    ]
    found = [
        minimize(
            _objective, start, args=(g, y, reference, step, mix), jac=True, method="L-BFGS-B", bounds=bounds,
            options={"ftol": 1e-13, "gtol": 1e-8, "maxiter": 200},
        )
        for start in starts
    ]  # fmt: skip
    best = min(found, key=lambda result: result.fun)
    return float(best.x[0]) / (unit if unit > 0 else 1.0), float(np.exp(best.x[1]))


def _objective(
    point: np.ndarray, g: np.ndarray, y: np.ndarray, reference: np.ndarray, step: float, mix: float
) -> tuple[float, np.ndarray]:
    """Mean length in nats and its gradient in (w, log sigma)."""
    w, sigma = point[0], np.exp(point[1])
    half = 0.5 * step / sigma
    value, gradient = 0.0, np.zeros(2)
    for part in chunks(len(g), 16):
        residual = y[part] - w * g[part]
        log_mass = _log_mass(residual, sigma, step)
        upper, lower = residual / sigma + half, residual / sigma - half
        log_p = np.log1p(-mix) + log_mass
        log_mixed = np.logaddexp(log_p, np.log(mix) - reference[part])
        r = np.exp(log_p - log_mixed)
        # densities at the two borders relative to the mass between them
        at_upper = np.exp(np.minimum(-0.5 * upper**2 - LOG_SQRT_TAU - log_mass, 700.0))
        at_lower = np.exp(np.minimum(-0.5 * lower**2 - LOG_SQRT_TAU - log_mass, 700.0))
        value -= float(log_mixed.sum())
        gradient[0] += float((r * (at_upper - at_lower) * g[part]).sum()) / sigma
        gradient[1] += float((r * (upper * at_upper - lower * at_lower)).sum())
    return value / len(g), gradient / len(g)
