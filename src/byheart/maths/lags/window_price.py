"""What does a model pay for the steps that it looks back further than would do?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Float, Given
from byheart.maths.statistics.effective_sample_size import Z, quantile

SPLITS, RESAMPLES = 200, 1000
FEWEST_BLOCKS = 8
INTERVAL = (2.5, 97.5)  # percent


class WindowPrice(NamedTuple):
    """Bits a step by window.

    `windows` (r,) ascending, in steps; `bits`, `low`, `high` (r,): more than with the longest, negative where a shorter
    one does better, with 95 % ends. `paid`, `paid_low`, `paid_high`: what the longest costs more than the best, which
    is chosen on other blocks than it is read on; negative where the chosen one does worse there. `best`: the window of
    the least error, with the ends `best_low`, `best_high`.
    """

    windows: np.ndarray
    bits: np.ndarray
    low: np.ndarray
    high: np.ndarray
    paid: float
    paid_low: float
    paid_high: float
    best: int
    best_low: int
    best_high: int


def window_price(
    windows: Sequence[int],
    errors: Given[Any, "r n"],
    blocks: Given[Any, " n"],
    rng: np.random.Generator,
    channels: int = 1,
) -> WindowPrice:
    r"""What does a model pay for the steps that it looks back further than would do?

    bits(k) = c/2 log2(E_k / E_w), with E_k the mean squared error of models that see the last k steps, on steps that
    they were not trained on, w the longest window and c channels. Paid: blocks are parted at random in two halves; the
    best window k* of one half is read on the other, c/2 log2(E_w / E_k*), both ways, mean of 200 partings. The window
    that happens to be best on the same blocks would always seem to save something.

    Args:
        windows: ascending, in steps.
        errors: squared errors of models of each window, by step.
        blocks: equal for steps that are not independent.
        rng: of partings and resamples.
        channels: where a squared error is the mean over so many.

    Returns:
        A `WindowPrice`; ends are percentiles of 1,000 resamples of whole blocks.

    Raises:
        InputRefused: fewer than 8 blocks, errors that are negative, NaN or all zero, windows that do not ascend.

    Cost: 1,000 r b numbers of b blocks. Fails when: blocks are not independent; few blocks hold most of the error.

    Reference: byheart; choosing and reading on two halves: Stone 1974, Cross-validatory choice and assessment of
    statistical predictions; blocks: Kuensch 1989, The jackknife and the bootstrap for general stationary observations.

    >>> rng = np.random.default_rng(0)
    >>> noise = rng.chisquare(1, size=4000)
    >>> found = window_price([1, 2, 8], np.stack([noise * 3, noise, noise * 1.2]), np.arange(4000) // 100, rng)
    >>> found.best, round(found.paid, 2), round(float(found.bits[0]), 2)
    (2, 0.13, 0.66)
    """
    at = np.asarray(windows)
    squares = array(errors, "errors", "rn").astype(np.float64)
    same_shape(np.asarray(blocks), "blocks", squares.shape[1:])
    _, block = np.unique(blocks, return_inverse=True)
    count = int(block.max()) + 1
    if count < FEWEST_BLOCKS or len(at) != len(squares) or (np.diff(at) <= 0).any() or not _positive(squares):
        raise InputRefused(
            expected=f"squared errors of ascending windows in {FEWEST_BLOCKS} blocks or more",
            came=f"{len(squares)} rows of errors for windows {at.tolist()[:9]}, {count} blocks",
            do="Give a longer series.",
        )
    sizes = np.bincount(block, minlength=count).astype(np.float64)
    sums = np.stack([np.bincount(block, row, count) for row in squares])  # (r, b)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)
    whole, resampled = _logarithms(np.ones((1, count)), sums, sizes), _logarithms(drawn, sums, sizes)
    bits = channels / 2 * (whole - whole[:, -1:])[0]
    # few blocks spread farther than their resamples do
    stretch = quantile(count, len(block)) / Z * np.sqrt(count / (count - 1))
    low, high = np.percentile(channels / 2 * (resampled - resampled[:, -1:]), INTERVAL, axis=0)
    low, high = (bits + stretch * (end - bits) for end in (low, high))
    paid = float(_crossed(np.ones((SPLITS, count)), sums, sizes, rng).mean()) * channels / 2
    ends = np.percentile(_crossed(drawn, sums, sizes, rng), INTERVAL) * channels / 2
    best = np.percentile(at[resampled.argmin(1)], INTERVAL, method="closest_observation")
    return WindowPrice(
        at, bits, low, high, paid, float(min(ends[0], paid)), float(max(ends[1], paid)), int(at[whole[0].argmin()]),
        int(min(best[0], at[whole[0].argmin()])), int(max(best[1], at[whole[0].argmin()])),
    )  # fmt: skip


def _positive(squares: np.ndarray) -> bool:
    return bool(np.isfinite(squares).all() and (squares >= 0).all() and squares.any(1).all())


def _logarithms(
    weights: Float[np.ndarray, "s b"], sums: Float[np.ndarray, "r b"], sizes: Float[np.ndarray, " b"]
) -> Any:
    """(s, r) log2 of the mean error of each window, under weights of the blocks."""
    return np.log2(np.maximum(weights @ sums.T, np.finfo(float).tiny) / np.maximum(weights @ sizes, 1.0)[:, None])


def _crossed(weights: Any, sums: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> Float[np.ndarray, " s"]:
    """What the longest window costs above the one chosen on the other half of the blocks, mean of both ways."""
    count = weights.shape[1]
    half = np.argsort(rng.random(weights.shape), 1) < count // 2
    sides = [_logarithms(weights * side, sums, sizes) for side in (half, ~half)]
    rows = np.arange(len(weights))
    return sum(read[:, -1] - read[rows, chose.argmin(1)] for chose, read in (sides, sides[::-1])) / 2  # type: ignore[return-value]
