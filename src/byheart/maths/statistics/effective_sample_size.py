"""How many draws are examples worth of which some are copies of others? Intervals for draws that come in groups."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from byheart.maths.inputs import same_shape
from byheart.maths.shapes import Given, Int, Shaped

# below so many draws nobody knows how far they spread: Student's t already asks for 2.8 standard errors
FEWEST = 5.0
# the spread between members of few examples can be so noisy that Satterthwaite's degrees of freedom fall to 1 and
# intervals to infinity; with 6 (2.45 standard errors) simulated banks are covered (`benchmarks/coverage.py`)
LEAST_FREEDOM = 6.0
Z = float(ndtri(0.975))


class Sources(NamedTuple):
    """A variance by where it comes from: which examples were measured, which were trained on, how many members.

    Seeds are in `members`: each member has a subset and a seed of its own, and the two cannot be told apart.
    """

    examples: float
    training_set: float
    members: float

    @property
    def largest(self) -> str:
        """Name of the largest."""
        return max(self._asdict().items(), key=lambda one: one[1])[0]


class Estimate(NamedTuple):
    """A value with its 95 % interval and standard error over fresh draws; NaN where draws are too few to say."""

    value: float
    low: float
    high: float
    standard_error: float
    sources: Sources

    @property
    def interval(self) -> tuple[float, float] | None:
        """Low and high; None where draws are too few."""
        return (self.low, self.high) if np.isfinite(self.low + self.high) else None


def worth(groups: Given[Any, " n"]) -> float:
    r"""As how many draws do examples count of which some are copies of one another?

    n^2 / sum_g n_g^2, n_g the size of group g: n without copies, the number of groups where all are of one size, and
    about 1 where one group holds nearly everything, however many others there are. The poles have no part in it.

    Args:
        groups: (n,) equal for examples that are drawn together.

    Returns:
        From 1 to n.

    Raises:
        Nothing.

    Cost: one sort. Fails when: copies differ in what is measured (it then counts too few, never too many).

    Reference: Kish 1965, "Survey sampling", section 8.2 (effective size of a sample of clusters, correlation 1).

    >>> worth([0, 0, 1, 1]), worth([3, 1, 2])
    (2.0, 3.0)
    """
    return effective_size(np.ones(len(groups)), groups)


def effective_size(amounts: Given[Any, " n"], groups: Given[Any, " n"] | None = None) -> float:
    r"""On how many draws does a total rest?

    Kish's (sum_g a_g)^2 / sum_g a_g^2, a_g the amounts of group g summed.

    >>> effective_size([1.0, 1.0, 0.0]), effective_size([1.0, 1.0, 2.0], [0, 0, 1])
    (2.0, 2.0)
    """
    amounts = np.asarray(amounts, np.float64)
    if groups is not None:
        amounts = np.bincount(np.unique(groups, return_inverse=True)[1].ravel(), amounts)
    return float(amounts.sum() ** 2 / (amounts @ amounts))


def group_numbers(groups: Given[Any, " n"] | None, n: int) -> Int[np.ndarray, " n"]:
    """Which group is each example in, by number?

    (n,) number of each example's group; each its own without groups.
    """
    places = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
    same_shape(places, "groups", (n,))
    return places


def known(draws: float, n: int) -> bool:
    """Can the spread of what n examples in groups give be known?

    Without copies n speaks for itself, from 2.
    """
    return round(draws) >= FEWEST or draws == n > 1


def quantile(draws: float, n: int) -> float:
    """How many standard errors to either side hold 95 %?

    Student's t where there are copies, 1.96 where not.
    """
    return Z if draws == n else float(stdtrit(draws - 1, 0.975))


def estimate(
    value: float,
    sources: Sources,
    low: float = -np.inf,
    high: float = np.inf,
    draws: float = 1.0,
    n: int = 1,
    freedom: float = np.inf,
    between: int | None = None,
) -> Estimate:
    """Between which values does the truth lie, from the variances of all sources?

    The 95 % interval of `value`, kept between `low` and `high`; n examples that are worth so many draws.

    `freedom`: degrees of freedom of the variance itself (`freedom_of_variance`), fewer where few examples carry it.
    `between`: those of what differs between few members, whose part then has Student's t of its own.
    """
    value, error = float(value), float(np.sqrt(sum(sources)))
    if not known(draws, n):
        return Estimate(value, np.nan, np.nan, error, sources)
    times = max(quantile(draws, n), float(stdtrit(max(freedom, LEAST_FREEDOM), 0.975)))
    half = times * error
    if between is not None:
        moved = float(stdtrit(between, 0.975)) * (sources.training_set + sources.members) ** 0.5 if between else 0.0
        half = float(np.hypot(times * sources.examples**0.5, moved))
    return Estimate(value, max(low, value - half), min(high, value + half), error, sources)


def on_log_scale(of: Estimate) -> Estimate:
    """What is the interval of a ratio of two positive means, which is skewed and never below 0?

    The interval of a ratio of two positive means by the standard error of its logarithm: skewed, never below 0.
    """
    if not of.interval:
        return of
    if of.value <= 0:
        return of._replace(low=of.value)
    factor = float(np.exp(min((of.high - of.value) / of.value, 50.0)))
    return of._replace(low=of.value / factor, high=of.value * factor)


def complement(of: Estimate) -> Estimate:
    """What is the score of an error?

    1 less an estimate: the score of an error.
    """
    return of._replace(value=1 - of.value, low=1 - of.high, high=1 - of.low)


def variance_of_mean(centred: Shaped[np.ndarray, " n"], places: Int[np.ndarray, " n"], draws: float) -> float:
    """How much does the mean of these values vary with other examples?

    Variance of the mean of values less their mean: of groups drawn together, never below that of single draws.

    The sum over G groups of squared sums lacks G/(G - 1), since the mean was fitted to them: nothing is left of one
    group and half of two.
    """
    n = len(centred)
    sums = np.bincount(places, centred)
    grouped = float(sums @ sums) * draws / max(draws - 1, 1e-9) if draws > 1 else 0.0
    return max(grouped, float(centred @ centred)) / n**2


def freedom_of_variance(centred: Shaped[np.ndarray, " n"], places: Int[np.ndarray, " n"]) -> float:
    """How many degrees of freedom does the variance of values less their mean have?

    2 G/(k - 1), k their kurtosis.

    As many as there are values (G sums of groups) where they are normal, few where few of them carry it; infinite for
    a fair coin, whose variance is known.
    """
    squares = np.bincount(places, centred) ** 2
    mean = squares.mean()
    excess = float((squares**2).mean() / mean**2 - 1) if mean > 0 else 0.0
    return 2 * len(squares) / excess if excess > 0 else float("inf")


def error_of_mean(values: Shaped[np.ndarray, " n"], groups: Given[Any, " n"] | None) -> float:
    """How far does a band reach to either side of a mean of examples in groups?

    Half of the 95 % interval of a mean of examples in groups, for a band; NaN where draws are too few.
    """
    places, draws, n = np.unique(groups, return_inverse=True)[1].ravel(), worth(groups), len(values)
    if n < 2 or not known(draws, n):
        return float("nan")
    return quantile(draws, n) * variance_of_mean(values - values.mean(), places, draws) ** 0.5


def unlike(draws: float) -> float:
    """How small may the variance of a share be, that so many draws support?

    Least variance of a share that so many draws can support: where none differed, Wilson's bound z^2/(n + z^2).

    Where all are right the spread of what was seen is 0; another draw may still bring one that is wrong.
    """
    return (Z / draws) ** 2
