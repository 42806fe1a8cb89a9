"""How far back do models look? Bits lost when windows are cut, from the squared errors alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.lags.student_code import NEGLIGIBLE
from byheart.maths.shapes import Float, Given

BLOCKS, FEWEST_BLOCKS = 20, 8  # of neighbouring windows, each of two window lengths where there are enough
FEWEST_WINDOWS = 40
RESAMPLES = 1000
INTERVAL, TOGETHER = (2.5, 97.5), 95  # percent
SMALLEST = 1e-6  # squared error; a thousandth of the standard deviation is as good as exact


class Truncation(NamedTuple):
    """Bits a prediction is worse when only the last steps of the window are its own.

    `lengths` (r,) ascending, in steps, the last the whole window; `bits`, `standard_errors` (r,): above the whole
    window, summed over targets; negative where the older steps mislead; 0 at the whole window. `used`: the smallest
    length that loses at most 0.01 bits, or no more than chance, and after which no longer one loses more; `used_low`,
    `used_high`: 2.5 and 97.5 % of the first alone, with other blocks of windows, and other members where there are
    several. `by_member` (m, r): the bits of each member.
    """

    lengths: np.ndarray
    bits: np.ndarray
    standard_errors: np.ndarray
    used: int
    used_low: int
    used_high: int
    by_member: np.ndarray


def truncation_curve(
    lengths: Sequence[int] | np.ndarray,
    cut: Given[Any, "r m q"] | Given[Any, "r m q k"],
    whole: Given[Any, "m q"] | Given[Any, "m q k"],
    window: int,
    rng: np.random.Generator,
    channels: int = 1,
    smallest: float = SMALLEST,
) -> Truncation:
    r"""How far back do models look, in steps and in bits a prediction?

    bits(l) = mean over members of sum over targets of log2(c_l / c) / 2, with c the mean squared error of the whole
    windows and c_l that of windows of which all steps older than the last l are those of another time: the difference
    of two Gaussian codes, each of its own variance. Used: the smallest l from which on bits stay below 0.01, or
    within a band that holds those of all l at once in 95 % of the draws: of many cuts one always seems to cost
    something.

    Args:
        lengths: of the cuts, ascending, in steps, from 0 (nothing its own) to below the window.
        cut: squared errors of members m on windows q, in the order of time; with a last axis, of each target.
        whole: the same of the windows as they are.
        window: steps of a whole window.
        rng: of the blocks that are drawn.
        channels: where a squared error is the mean over so many targets: each counts for bits of its own.
        smallest: a mean squared error below it counts as so large, in units of the squared errors.

    Returns:
        A `Truncation`; errors and ends by 1,000 draws of 20 blocks of neighbouring windows (fewer where a block would
        be shorter than two windows, at least 8), and of members.

    Raises:
        InputRefused: fewer than 40 windows, squared errors that are NaN, negative or do not fit, or lengths that are
            not ascending whole numbers below the window.

    Cost: one pass over the squared errors, and 1,000 r m k numbers. Fails when: fewer windows than two window lengths
    in each of 8 blocks (neighbours are alike and the interval is too narrow); errors of a heavy tail, whose mean is
    that of a few windows.

    Reference: Khandelwal, He, Qi, Jurafsky 2018, Sharp nearby, fuzzy far away, section 4; Kuensch 1989, The jackknife
    and the bootstrap for general stationary observations (blocks).

    >>> rng = np.random.default_rng(0)
    >>> error, older = rng.normal(size=(2, 1, 4000))  # the step before the last is worth half of the variance
    >>> found = truncation_curve([0, 1, 2], np.stack([(error + older) ** 2] * 2 + [error**2]), error**2, 4, rng)
    >>> found.used, [round(float(b), 1) + 0.0 for b in found.bits]
    (2, [0.5, 0.5, 0.0, 0.0])
    """
    at = cut_lengths(lengths, window)
    errors = array(cut, "cut", "rmqk"[: np.ndim(cut)] if np.ndim(cut) == 4 else "rmq").astype(np.float64)
    own = array(whole, "whole", "mqk"[: errors.ndim - 1]).astype(np.float64)
    same_shape(errors, "cut", (len(at), *own.shape))
    squares = np.concatenate([errors, own[None]]).reshape(len(at) + 1, *own.shape[:2], -1)
    q = squares.shape[2]
    if q < FEWEST_WINDOWS or not len(own) or (squares < 0).any() or channels < 1:
        raise InputRefused(
            expected=f"squared errors of a member or more on {FEWEST_WINDOWS} windows or more",
            came=f"{len(own)} members, {q} windows, smallest value {squares.min(initial=np.inf):.3g}, {channels=}",
            do="Give squared errors, not losses, of more windows.",
        )
    parts = np.array_split(np.arange(q), int(np.clip(q // (2 * window), FEWEST_BLOCKS, BLOCKS)))
    sums = np.stack([squares[:, :, part].sum(2) for part in parts])  # (blocks, lengths, members, targets)
    sizes = np.array([len(part) for part in parts], dtype=np.float64)
    by_member = channels * _bits(sums.sum(0) / q, smallest).T
    drawn = rng.multinomial(len(parts), np.full(len(parts), 1 / len(parts)), size=RESAMPLES)
    means = np.tensordot(drawn, sums, 1) / (drawn @ sizes)[:, None, None, None]
    members = rng.multinomial(len(own), np.full(len(own), 1 / len(own)), size=RESAMPLES) / len(own)
    resampled = channels * np.einsum("brm,bm->br", _bits(means, smallest), members)
    lengths_all, bits = np.append(at, window), by_member.mean(0)
    drawn_used = [_used(lengths_all, one) for one in resampled]
    low, high = np.percentile(drawn_used, INTERVAL, method="closest_observation").astype(int)
    spread = resampled.std(0, ddof=1)
    off = (resampled - resampled.mean(0))[:, :-1] / np.maximum(spread[:-1], np.finfo(float).tiny)
    few = student.ppf(0.975, len(parts) - 1) / norm.ppf(0.975)  # an error known from so few blocks
    used = _used(lengths_all, bits, few * np.percentile(off.max(1), TOGETHER) * spread)
    return Truncation(lengths_all, bits, spread, used, min(used, int(low)), max(used, int(high)), by_member)


def cut_lengths(lengths: Any, window: int) -> np.ndarray:
    """Are these whole numbers of steps, ascending, below the window?

    Raises:
        InputRefused: they are not.
    """
    at = np.asarray(lengths)
    if (
        at.ndim != 1
        or at.dtype.kind not in "iu"
        or not len(at)
        or (np.diff(at, prepend=-1) <= 0).any()
        or at[-1] >= window
    ):
        raise InputRefused(
            expected=f"lengths that are ascending whole numbers of steps from 0 to {window - 1}",
            came=f"{at.tolist()[:9] if at.ndim == 1 else at.shape}",
            do="Count the steps; the whole window is always among them.",
        )
    return at.astype(np.int64)


def _bits(means: Float[np.ndarray, "*b r m k"], smallest: float) -> Float[np.ndarray, "*b r m"]:
    """Bits of each length above the last, which is the whole window, summed over targets."""
    logarithms = np.log2(np.maximum(means, smallest)).sum(-1) / 2
    return logarithms - logarithms[..., -1:, :]


def _used(lengths: np.ndarray, bits: np.ndarray, chance: np.ndarray | float = 0.0) -> int:
    """The smallest length from which on no length loses more than what is negligible, or than chance."""
    above = np.flatnonzero(bits > np.maximum(NEGLIGIBLE, chance))
    return int(lengths[above[-1] + 1 if len(above) else 0])
