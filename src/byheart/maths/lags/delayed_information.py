"""After how many steps does a series say something new? The first minimum of its mutual information with its past."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.lags.given_series import single_channel
from byheart.maths.shapes import Float, Int

MOST_BINS = 64
BEYOND = 4.0  # standard deviations of 20 shuffles; of several channels, each asked
FEWEST = 100  # steps beside the lags
A_CELL = 5  # points expected in a cell of the two-dimensional histogram, at least


class Delay(NamedTuple):
    """The delay, and why.

    `steps`: of the first minimum; None where there is none. `reason`: `minimum`; `nothing left`, the information is
    within chance of 0 there; `none`, it falls all along; `slow`, the autocorrelation does not fall to 1/e within a
    tenth of the series, so that chance cannot be told. `bits` (most + 1,): at lags 0, 1, ..., less what chance brings
    to that many cells. `chance`: mean and three standard deviations of what the series says of 20 others put together
    from stretches of it, in bits.
    """

    steps: int | None
    reason: Literal["minimum", "nothing left", "none", "slow"]
    bits: np.ndarray
    chance: float


def delay(series: Any, rng: np.random.Generator, most: int | None = None) -> Delay:
    r"""After how many steps does a series say something new?

    The first k at which I(x_t; x_(t+k)) is smaller than at k - 1 and from which it rises, by three standard deviations
    of chance, before it falls further; or at which it is within chance of 0. Chance is what the series says of one put
    together from stretches of it at random places, of twice the time in which its autocorrelation falls to 1/e: as slow
    as the series, unlike a shuffle of its steps, by which every slow series has a minimum. I by a histogram of 64 bins
    over the range of the series (fewer where a cell would expect below 5 points), less Miller's bias
    (b_xy - b_x - b_y + 1) / (2 n ln 2) of b cells in use, jointly and of each.

    Args:
        series: (t,) in time order.
        rng: of the stretches that say what chance brings.
        most: longest lag, in steps; None: a tenth of the series, at most 200.

    Returns:
        A `Delay`; the bits at lag 0 are the entropy of the bins.

    Raises:
        InputRefused: more channels than one, gaps, a constant, fewer than 100 steps beside the lags.

    Cost: most + 20 histograms; 0.05 CPU s for 6,000 steps and 100 lags. Fails when: a heavy tail puts nearly all points
    into one bin; the series is a few rounds long, so that a true minimum does not stand out.

    Reference: Fraser and Swinney 1986, Independent coordinates for strange attractors from mutual information,
    Physical Review A 33; Politis and Romano 1994, The stationary bootstrap, JASA 89 (stretches).

    >>> x = np.sin(2 * np.pi * np.arange(4000) / 40.3)
    >>> delay(x, np.random.default_rng(0), most=30).reason
    'minimum'
    """
    x = single_channel(series)
    most = min(200, len(x) // 10) if most is None else most
    if most < 1 or len(x) - most < FEWEST:
        raise InputRefused(
            "most of at least 1, and 100 steps beside the lags", f"{len(x)} steps, most={most}", "Give a longer series."
        )
    bins = _bins(len(x) - most)
    cells = _cells(x, bins)
    bits = np.array([_information(cells[: len(x) - k], cells[k:], bins) for k in range(most + 1)])
    block = 2 * _forgotten(x)
    by_chance = [_information(cells[_stretches(len(x), block, rng)], cells, bins) for _ in range(20)]
    chance = float(np.mean(by_chance) + 3 * np.std(by_chance))
    noise = 3 * float(np.std(by_chance))
    if block == 2 * (len(x) // 10):
        return Delay(None, "slow", bits, chance)
    for k in range(1, most):
        if bits[k] <= chance:
            return Delay(k, "nothing left", bits, chance)
        if bits[k] < bits[k - 1] and _rises(bits[k:], noise):
            return Delay(k, "minimum", bits, chance)
    return Delay(None, "none", bits, chance)


def _forgotten(x: Float[np.ndarray, " t"]) -> int:
    """The first lag at which the autocorrelation is below 1 / e; a tenth of the series where none up to it is."""
    for k in range(1, len(x) // 10):
        if x[:-k] @ x[k:] / len(x) < 1 / np.e:
            return k
    return len(x) // 10


def _stretches(t: int, block: int, rng: np.random.Generator) -> np.ndarray:
    """Steps of the series in stretches from anywhere, each of `block` steps in the mean (the stationary bootstrap)."""
    begins = rng.random(t) < 1 / block
    begins[0] = True
    start = np.flatnonzero(begins)[np.cumsum(begins) - 1]
    return (rng.integers(t, size=t)[start] + np.arange(t) - start) % t


def information_beyond_chance(
    x: Float[np.ndarray, "t c"], lags: int, rng: np.random.Generator, age: Int[np.ndarray, " t"] | None = None
) -> bool | None:
    """Does a value of a channel say anything of one up to `lags` steps later, beyond the largest of 20 shuffles?

    By the histogram of `delay`; None where the series has fewer than 100 steps beside the lags.
    `age` says how many steps lie before each one without a gap: none is compared with one beyond a gap.
    """
    age = np.arange(len(x)) if age is None else age
    if len(x) - lags < FEWEST:
        return None
    bins = _bins(len(x) - lags)
    for channel in x.T:
        cells = _cells(channel, bins)
        largest = [_largest(cells, rng.permutation(cells), lags, bins, age) for _ in range(20)]
        if _largest(cells, cells, lags, bins, age) > np.mean(largest) + BEYOND * np.std(largest):
            return True
    return False


def _largest(cells: np.ndarray, later: np.ndarray, lags: int, bins: int, age: np.ndarray) -> float:
    """The most bits at any lag from 1 to `lags`."""
    joined = {k: age[k:] >= k for k in range(1, lags + 1)}
    return max(_information(cells[:-k][there], later[k:][there], bins) for k, there in joined.items() if there.any())


def _bins(pairs: int) -> int:
    return int(np.clip(np.sqrt(pairs / A_CELL), 4, MOST_BINS))


def _cells(x: Float[np.ndarray, " t"], bins: int) -> np.ndarray:
    return np.minimum(((x - x.min()) / np.ptp(x) * bins).astype(int), bins - 1)


def _information(a: Any, b: Any, bins: int) -> float:
    """Bits two rows of cells say of each other, less what as many cells say by chance."""
    joint = np.bincount(a * bins + b, minlength=bins * bins).reshape(bins, bins) / len(a)
    product = joint.sum(1)[:, None] * joint.sum(0)
    there = joint > 0
    information = float((joint[there] * np.log2(joint[there] / product[there])).sum())
    beyond = there.sum() - joint.any(1).sum() - joint.any(0).sum() + 1
    return information - beyond / (2 * len(a) * np.log(2))


def _rises(bits: np.ndarray, noise: float) -> bool:
    """Does the information rise above its first value by more than noise before it falls below it?"""
    below = np.flatnonzero(bits < bits[0])
    until = int(below[0]) if len(below) else len(bits)
    return bool(bits[:until].max() - bits[0] > noise)
