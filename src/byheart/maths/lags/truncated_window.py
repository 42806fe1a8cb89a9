"""How far back does a model look? Bits lost when all but the last steps of its window are those of another time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.lags.truncation_curve import Truncation, cut_lengths, truncation_curve
from byheart.maths.shapes import Float, Given

SMALLEST_VARIANCE = 1e-10  # of the variance of a target: what is predicted better counts as predicted so well


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
        rng: which windows lend their older steps, and which blocks are drawn for the errors.
        lengths: in steps, from 0 (nothing its own) to w, which is always among them; None: all.
        draws: how many windows lend to each.

    Returns:
        A `Truncation`, as by `truncation_curve`.

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
    if len(y) != n or n < max(40, 4 * w) or draws < 1:
        raise InputRefused(
            expected=f"a target a window, {max(40, 4 * w)} windows or more, draws of 1 or more",
            came=f"{n} windows of {w} steps, targets {y.shape}, draws={draws}",
            do="Give more windows, or shorter ones.",
        )
    if (y.std(0) <= 1e-12 * abs(y).max(0)).any():
        raise InputRefused("targets that vary", "a target that is constant", "Leave constant targets out.")
    asked = np.arange(w) if lengths is None else np.unique(lengths)
    at = cut_lengths(asked[asked != w], w)
    shifts = rng.integers(n // 4, n - n // 4, size=draws)
    scale = y.reshape(n, -1).var(0)
    whole = _squares(predict, x, y) / scale
    cut = np.stack([np.mean([_squares(predict, _lent(x, s, int(own)), y) for s in shifts], 0) for own in at]) / scale
    return truncation_curve(at, cut[:, None], whole[None], w, rng, smallest=SMALLEST_VARIANCE)


def _lent(x: np.ndarray, shift: int, own: int) -> np.ndarray:
    """Windows whose steps older than the last `own` are those of the window `shift` further."""
    older = x.shape[1] - own
    return np.concatenate([np.roll(x, -shift, axis=0)[:, :older], x[:, older:]], axis=1)


def _squares(predict: Callable[[np.ndarray], Any], x: np.ndarray, y: np.ndarray) -> Float[np.ndarray, "n k"]:
    """Squared errors of each prediction."""
    said = array(predict(x), "predictions", "nk"[: y.ndim]).astype(np.float64)
    same_shape(said, "predictions", y.shape)
    return ((said - y) ** 2).reshape(len(y), -1)
