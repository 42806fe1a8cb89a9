"""How far back does a model look? Bits lost when all but the last steps of its window are those of another time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Float, Given

NEGLIGIBLE = 0.01  # bits a prediction
BLOCKS = 20
SMALLEST_VARIANCE = 1e-10  # of the variance of a target: what is foretold better counts as foretold so well


class Truncation(NamedTuple):
    """Bits a prediction is worse when only the last steps of the window are its own.

    `lengths` (r,) ascending, in steps; `bits`, `standard_errors` (r,): above the whole window, summed over targets;
    negative where the older steps mislead. `used`: the smallest length that loses at most 0.01 bits and after which no
    longer one loses more; None where every length given loses more. `used_low`, `used_high`: the same of the bits less
    and plus two standard errors.
    """

    lengths: np.ndarray
    bits: np.ndarray
    standard_errors: np.ndarray
    used: int | None
    used_low: int | None
    used_high: int | None


def truncation(
    predict: Callable[[np.ndarray], Any],
    windows: Given[Any, "n w c"] | Given[Any, "n w"],
    targets: Given[Any, "n k"] | Given[Any, " n"],
    rng: np.random.Generator,
    lengths: Sequence[int] | None = None,
    draws: int = 3,
) -> Truncation:
    r"""How far back does a model look, in steps and in bits a prediction?

    L(l) = sum over targets of log2(mean squared error) / 2, of predictions from windows of which all steps older than
    the last l are those of another window, at least a quarter of the series away (not zeros, which no window of the
    series holds); bits(l) = L(l) - L(w). Of a linear model with weights a_j on independent steps of variance v, and
    errors of variance s: bits(l) = log2(1 + 2 v sum_(j>l) a_j^2 / s) / 2.

    Args:
        predict: from windows (n, w) or (n, w, c), in the order of time, to predictions of the shape of `targets`.
        windows: in the order of time, overlapping or not; unseen in training.
        targets: what follows each.
        rng: which windows lend their older steps.
        lengths: in steps, from 0 (nothing its own) to w; None: all.
        draws: how many windows lend to each.

    Returns:
        A `Truncation`; standard errors by leaving out each twentieth of the windows, in the order of time.

    Raises:
        InputRefused: fewer than 40 windows or four window lengths of them, NaN, targets that do not vary, lengths out
            of range, predictions of another shape or that are not finite.

    Cost: draws times lengths passes over the windows. Fails when: a window put together of two times is unlike any
    other, and the model fails by that (a jump where the series has none: the bits then are an upper bound); steps
    that move predictions and make them no better, which lose no bits here; an error of the whole window near 0, of
    which every use is a great many bits.

    Reference: Breiman 2001, Random forests, section 10 (permuting an input); the window cut as in Khandelwal, He, Qi,
    Jurafsky 2018, Sharp nearby, fuzzy far away, section 4.

    >>> rng = np.random.default_rng(0)
    >>> windows = rng.normal(size=(2000, 5))
    >>> y = windows[:, -2] + rng.normal(size=2000)  # the step before the last, half of the variance
    >>> found = truncation(lambda w: w[:, -2], windows, y, rng)
    >>> found.used, [round(float(b), 1) + 0.0 for b in found.bits]
    (2, [0.8, 0.8, 0.0, 0.0, 0.0, 0.0])
    """
    x = array(windows, "windows", "nw" if np.ndim(windows) == 2 else "nwc")
    y = array(targets, "targets", "n" if np.ndim(targets) == 1 else "nk").astype(np.float64)
    n, w = x.shape[:2]
    at = np.arange(w + 1) if lengths is None else np.unique(np.asarray(lengths, dtype=np.int64))
    if len(y) != n or n < max(40, 4 * w) or not len(at) or at[0] < 0 or at[-1] > w or draws < 1:
        raise InputRefused(
            expected=f"a target a window, {max(40, 4 * w)} windows or more, lengths from 0 to {w}, draws of 1 or more",
            came=f"{n} windows of {w} steps, targets {y.shape}, lengths {at.tolist()[:9]}, draws={draws}",
            do="Give more windows, or shorter ones.",
        )
    if (y.std(0) <= 1e-12 * abs(y).max(0)).any():
        raise InputRefused("targets that vary", "a target that is constant", "Leave constant targets out.")
    shifts = rng.integers(n // 4, n - n // 4, size=draws)
    whole = _squares(predict, x, y)
    cut = np.stack([np.mean([_squares(predict, _lent(x, s, int(own)), y) for s in shifts], 0) for own in at])
    blocks = np.array_split(np.arange(n), BLOCKS)
    bits = _lost(cut, whole, y)
    without = np.stack([_lost(np.delete(cut, b, 1), np.delete(whole, b, 0), y) for b in blocks])
    errors = np.sqrt((BLOCKS - 1) * without.var(0))
    return Truncation(at, bits, errors, *(_used(at, bits + shift * errors) for shift in (0, -2, 2)))


def _lent(x: np.ndarray, shift: int, own: int) -> np.ndarray:
    """Windows whose steps older than the last `own` are those of the window `shift` further."""
    older = x.shape[1] - own
    return np.concatenate([np.roll(x, -shift, axis=0)[:, :older], x[:, older:]], axis=1)


def _squares(predict: Callable[[np.ndarray], Any], x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "n k"]:
    """Squared errors of each prediction."""
    said = array(predict(x), "predictions", "nk"[: y.ndim]).astype(np.float64)
    same_shape(said, "predictions", y.shape)
    return ((said - y) ** 2).reshape(len(y), -1)


def _lost(cut: Float[np.ndarray, "r n k"], whole: Float[np.ndarray, "n k"], y: np.ndarray) -> Float[np.ndarray, " r"]:
    """Bits above the whole window."""
    least = SMALLEST_VARIANCE * y.reshape(len(y), -1).var(0)
    return (np.log2(np.maximum(cut.mean(1), least)) - np.log2(np.maximum(whole.mean(0), least))).sum(1) / 2


def _used(lengths: np.ndarray, bits: np.ndarray) -> int | None:
    """The smallest length from which on no length loses more than what is negligible."""
    above = np.flatnonzero(bits > NEGLIGIBLE)
    first = int(above[-1]) + 1 if len(above) else 0
    return int(lengths[first]) if first < len(lengths) else None
