"""What does a measure predict of the gap that the hyper-parameters do not?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from byheart.errors import InputRefused
from byheart.maths.ranking.configurations import checked, groups, setting_codes
from byheart.maths.shapes import Float, Given, Int
from byheart.maths.statistics.resampling import Interval
from byheart.seeds import stream

FEWEST = 10  # configurations
BY_VALUE = 8  # values of a hyper-parameter that have a column each; of more, numbers enter by their place
DRAWS = 1000


class Increment(NamedTuple):
    """What is gained by the measure, with its interval, and the two shares of variance that it is the difference of."""

    increment: float
    interval: Interval
    with_measure: float
    without_measure: float


def predictive_increment(
    measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"], folds: int = 10, seed: int = 0
) -> Increment:
    r"""What does a measure predict of the gap that the hyper-parameters do not?

    increment = R2 with the measure - R2 without, both out of fold: R2 = 1 - sum (g - f)^2 / sum (g - m)^2, f the
    prediction of a linear model fitted by least squares to the runs of all other folds, m the mean of those runs. The
    model without: one column for each value of each hyper-parameter (of more than 8 values: its rank), added up, no
    interactions. With: beside them the rank of the measure among all runs, so a monotone transform changes nothing. All
    repeats of a configuration are in one fold. Range (-inf, 1]: 0 and slightly below for a measure that is a function
    of one hyper-parameter, or chance; an oracle attains about 1 - R2 without.

    The interval resamples configurations with the predictions as they are: it says how far the increment would move
    with other configurations of the same kind, not with other fits.

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap.
        settings: (r, h) its hyper-parameters, numbers or words.
        folds: parts that are predicted in turn; at most the number of configurations.
        seed: of the folds and the resampling, which the order of runs does not change.

    Returns:
        `increment`, `interval` (95 %), `with_measure`, `without_measure`; NaN for a constant gap.

    Raises:
        InputRefused: NaN, infinity, other lengths, no or missing hyper-parameters, fewer than 10 configurations or than
            two folds.

    Cost: 2 folds r (values + 1)^2. Fails when: hyper-parameters interact, for a measure that says which combination it
    is then predicts what an additive model cannot: an increment is not yet an insight.

    Reference: byheart; the question is that of `mbe-eval` 0.4.0 ("marginal baseline"), the model is ours.

    >>> settings = [[a, b] for a in range(4) for b in range(4)]
    >>> gap = [a + b + (a * b) % 3 for a, b in settings]
    >>> oracle, constant = (predictive_increment(one, gap, settings).increment for one in (gap, [0] * 16))
    >>> oracle > 0.1 > abs(constant)
    True
    """
    measure, gap = checked(measure, gap)
    codes = setting_codes(settings, len(measure))
    configuration = groups(codes)
    count = int(configuration.max()) + 1
    if count < FEWEST or folds < 2:
        raise InputRefused(
            expected=f"at least {FEWEST} configurations and 2 folds",
            came=f"{count} configurations, {folds} folds",
            do="A model of the hyper-parameters cannot be checked on fewer: add runs.",
        )
    fold = (stream(seed, "increment", "folds").permutation(count) % folds)[configuration]
    baseline = _columns(codes)
    rank = rankdata(measure)[:, None] / len(measure)
    guess, without, with_it = (_squares(x, gap, fold) for x in (baseline[:, :0], baseline, np.hstack([baseline, rank])))
    sums = np.stack([np.bincount(configuration, one) for one in (guess, without, with_it)])
    total, *left = sums.sum(1)
    if not total:
        return Increment(*(float("nan"), Interval(float("nan"), float("nan")), float("nan"), float("nan")))
    shares = [float(1 - one / total) for one in left]
    return Increment(shares[1] - shares[0], _interval(sums, seed), shares[1], shares[0])


def _columns(codes: Int[np.ndarray, "r h"]) -> Float[np.ndarray, "r columns"]:
    """The hyper-parameters of the linear model: one column for each value but the first, or the place of the value."""
    made = []
    for column in codes.T:
        values = int(column.max()) + 1
        made.append(column[:, None] / values if values > BY_VALUE else np.eye(values)[column][:, 1:])
    return np.hstack(made)


def _squares(
    x: Float[np.ndarray, "r columns"], gap: Float[np.ndarray, " r"], fold: Int[np.ndarray, " r"]
) -> np.ndarray:
    """(r,) squared errors of each run, predicted by a fit to the other folds; without columns, by their mean."""
    x, found = np.column_stack([np.ones(len(gap)), x]), np.empty(len(gap))
    for part in np.unique(fold):
        out = fold == part
        weights = np.linalg.lstsq(x[fold != part], gap[fold != part], rcond=None)[0]
        found[out] = (gap[out] - x[out] @ weights) ** 2
    return found


def _interval(sums: Float[np.ndarray, "3 c"], seed: int) -> Interval:
    """The 95 % percentile interval of the increment over resampled configurations."""
    count = sums.shape[1]
    drawn = stream(seed, "increment", "configurations").multinomial(count, np.full(count, 1 / count), DRAWS)
    total, without, with_it = sums @ drawn.T
    gained = (without - with_it)[total > 0] / total[total > 0]
    return Interval(*(float(end) for end in np.quantile(gained, (0.025, 0.975))))
