"""Scaling: does a number go with a power of a size, with which one, and how far may the law be carried?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Given

FEWEST_SIZES = 4
BEYOND = 2.0  # times the largest size, and the smallest over it: the law is carried no further
ROUNDING = 1e-9  # of a logarithm


class Bounded(NamedTuple):
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


class ScalingLaw(NamedTuple):
    """y = middle (x / center)^exponent, and whether the points allow that form.

    `center`: the geometric mean of the sizes; `bend`: by how much the exponent changes when the size doubles;
    `departures`: (k,) measured over fitted; `surely`: (k,) by how much more than the intervals allow, as factors, 1
    where they allow it; `departure`: the largest of them as a factor of 1 and more, with what the intervals leave open;
    `bends`: whether a bend other than 0 is all that they allow.
    """

    exponent: Bounded
    middle: Bounded
    center: float
    bend: Bounded
    departure: Bounded
    departures: np.ndarray
    surely: np.ndarray
    bends: bool
    logs: np.ndarray  # (3, k): of x / center, of y's low end, of y's high end
    values: np.ndarray  # (k,) log y

    @property
    def fits(self) -> bool:
        """Whether the intervals allow a power law."""
        return not self.bends and bool((self.surely == 1).all())

    def at(self, size: float) -> Bounded:
        """The law at a size.

        Raises:
            InputRefused: below half the smallest size or above twice the largest.
        """
        u = np.log(size / self.center) if size > 0 else -np.inf
        lowest, highest = self.logs[0].min() - np.log(BEYOND), self.logs[0].max() + np.log(BEYOND)
        if not lowest - ROUNDING <= u <= highest + ROUNDING:
            least, most = (float(f"{self.center * np.exp(end):.6g}") for end in (lowest, highest))
            raise InputRefused(
                expected=f"a size from {least:g} to {most:g}, half the smallest to twice the largest",
                came=f"{size:g}",
                do="Measure larger or smaller sizes: a law is not carried further.",
            )
        lines = _coefficients(self.logs[0], _weights(*self.logs[1:]), 1)
        return _exp(_summed(lines[0] + u * lines[1], self.values, *self.logs[1:]))


def scaling_law(
    sizes: Given[Any, " k"], values: Given[Any, " k"], low: Given[Any, " k"], high: Given[Any, " k"]
) -> ScalingLaw:
    r"""With which power of a size does a number go, if it goes with a power at all?

    y = a x^b: log y = log m + b log(x / x0), x0 the geometric mean of the sizes, by least squares with weights one over
    the squared width of each interval on logarithms (all alike where some y is exact). b is a ratio, m has the unit of
    y. Every number is a sum of the log y_i with known weights, so that its interval adds up half widths times sizes of
    weights: at least 95 % whatever the dependence between points, for errors normal on logarithms. The form is tested
    by k + 1 such sums whose expectation is 0 under it: the residuals, and the coefficient of a square; it is refused
    where the interval of one of them, widened to hold all k + 1 at once (Bonferroni), leaves 0 out: in at most 5 % of
    power laws. What intervals are too wide to tell from a power law is not refused: `bend` and `departure` say how
    much they leave open. Poles: a constant has b = 0, a share of all examples b = 1.

    Args:
        sizes: (k,) different sizes above 0.
        values: (k,) the number at each.
        low: (k,) the low ends of 95 % intervals, above 0.
        high: (k,) the high ends.

    Returns:
        A `ScalingLaw`.

    Raises:
        InputRefused: fewer than four sizes, not all different, or a size, value or end that is not above 0.

    Cost: O(k^3). Fails when: the exponent changes slowly over the range: a short range of sizes lets many forms pass.

    Reference: Kaplan et al. 2020, "Scaling laws for neural language models", eq. 1.1 and 1.2; Dunn 1961, "Multiple
    comparisons among means", Journal of the American Statistical Association 56; Clauset, Shalizi and Newman 2009,
    "Power-law distributions in empirical data", SIAM Review 51 (why the form must be tested).

    >>> law = scaling_law([1, 2, 4, 8], [3.0, 6.0, 12.0, 24.0], [2.7, 5.4, 10.8, 21.6], [3.3, 6.6, 13.2, 26.4])
    >>> law.fits, round(law.exponent.value, 6), round(law.at(16).value, 6)
    (True, 1.0, 48.0)
    """
    x, y, *ends = (
        array(one, name, "k").astype(np.float64)
        for one, name in ((sizes, "sizes"), (values, "values"), (low, "low"), (high, "high"))
    )
    _refuse(x, y, ends)
    center = float(np.exp(np.log(x).mean()))
    u, log_y, log_low, log_high = np.log(x) - np.log(center), np.log(y), *map(np.log, ends)
    weights, box = _weights(log_low, log_high), (log_y, log_low, log_high)
    line, bent = _coefficients(u, weights, 1), _coefficients(u, weights, 2)[2]
    stretch = float(ndtri(1 - 0.025 / (len(x) + 1)) / ndtri(0.975))
    wide = (log_y, log_y - stretch * (log_y - log_low), log_y + stretch * (log_high - log_y))
    off = [_summed(row, *wide) for row in np.eye(len(x)) - np.stack([np.ones_like(u), u], 1) @ line]
    sure = np.array([max(one.low, -one.high, 0.0) for one in off])
    bend = _summed(2 * np.log(2) * bent, *wide)
    return ScalingLaw(
        exponent=_summed(line[1], *box),
        middle=_exp(_summed(line[0], *box)),
        center=center,
        bend=_summed(2 * np.log(2) * bent, *box),
        departure=Bounded(*(float(np.exp(one)) for one in _largest(off, sure))),
        departures=np.exp([one.value for one in off]),
        surely=np.exp(np.where(sure > ROUNDING, sure, 0.0)),
        bends=max(bend.low, -bend.high) > ROUNDING,
        logs=np.stack([u, log_low, log_high]),
        values=log_y,
    )


def last_over_law(
    sizes: Given[Any, " k"], values: Given[Any, " k"], low: Given[Any, " k"], high: Given[Any, " k"]
) -> Bounded | None:
    r"""Would the smaller sizes have told the largest?

    y_k over the law of the others at x_k, a factor, 1 where they agree; its interval as in `scaling_law`. None where
    fewer than four others are there, they follow no power law, or the largest lies beyond twice the next.

    Args:
        sizes: (k,) as in `scaling_law`.
        values: (k,) likewise.
        low: (k,) likewise.
        high: (k,) likewise.

    Returns:
        The factor, or None.

    Raises:
        InputRefused: as `scaling_law`.

    Cost: that of `scaling_law`. Fails when: the others bend so little that their intervals hide it.

    Reference: Hestness et al. 2017, "Deep learning scaling is predictable, empirically" (larger sizes told from
    smaller ones).

    >>> y = np.array([2.0, 4.0, 8.0, 16.0, 48.0])
    >>> round(last_over_law([1, 2, 4, 8, 16], y, 0.9 * y, 1.1 * y).value, 6)
    1.5
    """
    order = np.argsort(array(sizes, "sizes", "k"), kind="stable")
    x, y, below, above = (np.asarray(one, np.float64)[order] for one in (sizes, values, low, high))
    if len(x) <= FEWEST_SIZES or x[-1] > BEYOND * x[-2] * (1 + ROUNDING):
        return None
    law = scaling_law(x[:-1], y[:-1], below[:-1], above[:-1])
    if not law.fits:
        return None
    u, box = np.log(x[-1] / law.center), (np.log(y), np.log(below), np.log(above))
    line = _coefficients(law.logs[0], _weights(*law.logs[1:]), 1)
    return _exp(_summed(np.append(-(line[0] + u * line[1]), 1.0), *box))


def _largest(off: list[Bounded], sure: np.ndarray) -> tuple[float, float, float]:
    """The largest distance from the line, the least that it surely is, and the most that it may be."""
    return max(abs(one.value) for one in off), float(sure.max()), max(max(-one.low, one.high) for one in off)


def _weights(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """One over the squared width of each interval, all alike where some number is exact; their largest is 1."""
    width = high - low
    return (width.min() / width) ** 2 if width.min() > 0 else np.ones_like(width)


def _coefficients(u: np.ndarray, weights: np.ndarray, degree: int) -> np.ndarray:
    """(degree + 1, k): each coefficient of the weighted least-squares polynomial in u, as weights of the values."""
    root = np.sqrt(weights)
    return np.linalg.pinv(root[:, None] * np.vander(u, degree + 1, increasing=True)) * root


def _summed(weights: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray) -> Bounded:
    """A weighted sum of points with its interval, whatever the dependence between them."""
    below = np.where(weights > 0, value - low, high - value)
    above = np.where(weights > 0, high - value, value - low)
    total, size = float(weights @ value), np.abs(weights)
    return Bounded(total, total - float(size @ below), total + float(size @ above))


def _exp(of: Bounded) -> Bounded:
    return Bounded(*(float(np.exp(one)) for one in of))


def _refuse(x: np.ndarray, y: np.ndarray, ends: list[np.ndarray]) -> None:
    if len(x) < FEWEST_SIZES or len(set(x.tolist())) < len(x):
        raise InputRefused(
            expected=f"at least {FEWEST_SIZES} different sizes",
            came=f"{len(set(x.tolist()))} in {len(x)}",
            do="Measure more sizes; average what stands at the same one.",
        )
    least = min(float(one.min()) for one in (x, y, *ends))
    if least <= 0:
        raise InputRefused(
            expected="sizes, values and intervals above 0, which have logarithms",
            came=f"{least:g}",
            do="A number that may be 0 goes with no power that could be told: leave the law out.",
        )
    for name, one in (("values", y), ("low", ends[0]), ("high", ends[1])):
        if one.shape != x.shape:
            raise InputRefused(f"{name} of shape {x.shape}, as the sizes", f"{one.shape}", "One number a size.")
    if not ((ends[0] <= y) & (y <= ends[1])).all():
        raise InputRefused("values within their intervals", "some outside", "Give low, value and high of each size.")
