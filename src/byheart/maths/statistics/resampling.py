"""How far would a number move with other examples? The bootstrap over examples, by resampling weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Float, Given, Shaped
from byheart.maths.statistics.effective_sample_size import Z, known, quantile, worth


class Interval(NamedTuple):
    """The two ends of an interval, floats or arrays."""

    low: Any
    high: Any


class Resampled(NamedTuple):
    """Sums of c columns over resampled examples, (draws, c); `counts` (draws,); `total`, `n` as measured.

    `stretch`: how much farther from what was measured the few groups of copies spread than their resamples do; NaN
    where they are too few to say.
    """

    sums: np.ndarray
    counts: np.ndarray
    total: np.ndarray
    n: int
    stretch: float = 1.0

    @property
    def known(self) -> bool:
        """Whether there are draws enough for an interval."""
        return bool(np.isfinite(self.stretch))

    def draws(self, numerator: int, denominator: int | None = None) -> np.ndarray:
        """The resampled mean of a column, or the ratio of the sums of two columns: (draws,)."""
        whole = self.n if denominator is None else self.total[denominator]
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = self.sums[:, numerator] / (self.counts if denominator is None else self.sums[:, denominator])
            return self._stretched(drawn, self.total[numerator] / whole)

    def _stretched(self, drawn: np.ndarray, measured: float) -> np.ndarray:
        return drawn if self.stretch == 1.0 else measured + self.stretch * (drawn - measured)

    def mean(self, column: int) -> Interval:
        """Percentile interval of the mean of a column."""
        return percentiles(self.draws(column))

    def sum(self, column: int) -> Interval:
        """Percentile interval of the sum of a column."""
        return percentiles(self._stretched(self.sums[:, column], self.total[column]))

    def ratio(self, numerator: int, denominator: int) -> Interval:
        """Percentile interval of the ratio of the sums of two columns."""
        return percentiles(self.draws(numerator, denominator))

    def variance(self, numerator: int, denominator: int | None = None) -> float:
        """Bootstrap variance of the mean of a column, or of the ratio of the sums of two columns."""
        return float(self.draws(numerator, denominator).var(ddof=1))


def percentiles(draws: Shaped[np.ndarray, " r"]) -> Interval:
    """Between which values does the middle 95 % of the finite draws lie?"""
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(draws, [(1 - 0.95) / 2, (1 + 0.95) / 2])
    return Interval(float(low), float(high))


def around(value: float, draws: Shaped[np.ndarray, " r"]) -> Interval:
    """Between which values does the middle 95 % of the draws lie, stretched to hold the value itself?"""
    low, high = percentiles(draws)
    return Interval(float(np.fmin(low, value)), float(np.fmax(high, value)))


def bootstrap(
    values: Given[Any, "n ..."], *, groups: Given[Any, " n"] | None = None, rng: np.random.Generator, draws: int = 1000
) -> Resampled:
    r"""How far would sums, means and ratios move with other examples of the same kind?

    In each draw n examples (or as many groups as there are, each with all its examples) are taken with
    replacement, and the columns summed; means and ratios of sums follow from the same draws. Groups worth G draws
    (`clusters.worth`) spread sqrt(G/(G - 1)) t/z times as far as their resamples, t Student's on G - 1; no interval
    (NaN) below 5. Unit of the columns; the poles have no part in it.

    Args:
        values: (n, c) columns of numbers per example; (n,) is one column.
        groups: (n,) names; examples of one group (copies of one another) are taken together.
        rng: the source of the draws.
        draws: how many.

    Returns:
        `Resampled`, whose methods `mean`, `sum`, `ratio` give 95 % intervals and `variance` the variance.

    Raises:
        InputRefused: NaN, wrong shapes, no example.

    Cost: O(draws (n + groups c)). Fails when: the quantity depends on a training set
    that would change as well: see `intervals`.

    Reference: Efron 1979, "Bootstrap methods", Annals of Statistics 7; Davison and Hinkley 1997, section 2.4
    and 3.8.

    >>> resampled = bootstrap([1.0, 1.0, 1.0], rng=np.random.default_rng(0))
    >>> resampled.mean(0)
    Interval(low=1.0, high=1.0)
    """
    shape = np.shape(values)
    values = array(values, "values", "nc"[: max(1, min(len(shape), 2))]).astype(np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if not len(values):
        raise InputRefused(expected="values (n, c), n >= 1", came=f"shape {values.shape}", do="Give some examples.")
    sizes = np.ones(len(values))
    blocks, stretch = values, 1.0
    if groups is not None:
        groups = np.asarray(groups)
        same_shape(groups, "groups", (len(values),))
        _, place = np.unique(groups, return_inverse=True)
        sizes = np.bincount(place.ravel()).astype(np.float64)
        blocks = np.stack([np.bincount(place.ravel(), column, len(sizes)) for column in values.T], 1)
        stretch = _stretch(worth(groups), len(values))
    columns = np.column_stack([blocks, sizes])
    sums = np.concatenate([weights @ columns for weights in resampling_weights(len(columns), rng, draws)])
    return Resampled(sums[:, :-1], sums[:, -1], values.sum(0), len(values), stretch)


def _stretch(draws: float, n: int) -> float:
    """Resamples of few groups spread too little (G/(G - 1)) and not like Student's t."""
    if draws == n:
        return 1.0
    return (draws / (draws - 1)) ** 0.5 * quantile(draws, n) / Z if known(draws, n) else float("nan")


def resampling_weights(n: int, rng: np.random.Generator, draws: int) -> Iterator[Float[np.ndarray, "_ n"]]:
    """How often is each of n items drawn, with replacement?

    Multinomial weights of n items drawn with replacement, in arrays (some draws, n).
    """
    at_once = max(1, (1 << 19) // n)
    for start in range(0, draws, at_once):
        rows = min(at_once, draws - start)
        taken = rng.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(taken.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
