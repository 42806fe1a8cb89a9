"""Does a measure foresee which way the gap moves when one hyper-parameter changes, in every environment?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.maths.ranking.configurations import checked
from byheart.maths.ranking.environment_pairs import EnvironmentPairs, Kind, environment_pairs
from byheart.maths.ranking.units import over_units
from byheart.maths.shapes import Float, Given
from byheart.maths.statistics.resampling import Interval


class Environments(NamedTuple):
    """Each environment once per direction (from one value to the other, and back): all (e,).

    Attributes:
        setting: which hyper-parameter is changed.
        loss: the weighted sign-error.
        effective_size: (sum w)^2 / sum w^2.
    """

    setting: np.ndarray
    loss: np.ndarray
    effective_size: np.ndarray


class SignError(NamedTuple):
    """Mean and largest over environments, the mean of each hyper-parameter's, and the mean effective size."""

    mean: float
    worst: float
    per_setting: np.ndarray
    effective_size: float


def sign_error(
    measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"], test_size: int, of: Kind = "auto"
) -> SignError:
    r"""How often does a measure point the wrong way when one hyper-parameter changes?

    An environment: two configurations that differ in exactly one hyper-parameter, over all pairs of their repeats. Each
    pair of runs has the loss (1 - sign(dmu) sign(dg))/2 (a tie 0.5) and the weight max(0, v - 0.5),
    v = max(0, 1 - 2 exp(-2 n (|dg|/2)^2))^2, n the test examples: a difference of gaps that another test set could turn
    round counts little or not. The environment's loss is the weighted mean; environments of an effective size
    (sum w)^2 / sum w^2 below 12 are left out. Range [0, 1], no unit: 0 always right, 0.5 a guess or a constant measure,
    1 always wrong. An oracle has 0.

    Without repeats an environment of two runs has an effective size of 1: then (`auto`) it is the intervention, all
    pairs of runs that differ in one hyper-parameter by the same two values (`interventions`). That is our reading, not
    the paper's (`configurations`).

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap, a difference of shares.
        settings: (r, h) its hyper-parameters, numbers or words.
        test_size: test examples that each gap was measured on.
        of: what an environment is made of, `configurations`, `interventions` or `auto`.

    Returns:
        `mean` and `worst` over environments, `per_setting` (h,) the means where that hyper-parameter changes, and
        `effective_size`, the mean of those kept; NaN where no environment is kept, the effective size then 0.

    Raises:
        InputRefused: NaN, infinity, other lengths, fewer than two runs, no or missing hyper-parameters, gaps beyond -1
            to 1, no test examples.
        UnknownName: another kind of environment.

    Cost: the pairs of runs that differ in one hyper-parameter. Fails when: the test set is small: hardly a difference
    of gaps is certain, and no environment is kept.

    Reference: Dziugaite et al. 2020, "In search of robust measures of generalization", and the code beside it.

    >>> repeats = [[width] for width in (1, 2) for seed in range(4)]
    >>> sign_error([1, 1, 1, 1, 2, 2, 2, 0], [0.1] * 4 + [0.3] * 4, repeats, 10_000)
    SignError(mean=0.25, worst=0.25, per_setting=array([0.25]), effective_size=16.0)
    """
    return summed(environments(measure, gap, settings, test_size, of), np.asarray(settings).shape[1])


def summed(found: Environments, h: int) -> SignError:
    """What are mean and largest over these environments, and the mean of each of h hyper-parameters?"""
    if not len(found.loss):
        return SignError(float("nan"), float("nan"), np.full(h, np.nan), 0.0)
    counts = np.bincount(found.setting, minlength=h)
    totals = np.bincount(found.setting, found.loss, minlength=h)
    per_setting = np.divide(totals, counts, out=np.full(h, np.nan), where=counts > 0)
    return SignError(float(found.loss.mean()), float(found.loss.max()), per_setting, float(found.effective_size.mean()))


def environments(
    measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"], test_size: int, of: Kind = "auto"
) -> Environments:
    r"""In which environments is the order of two gaps certain enough, and how wrong is the measure in each?

    Those of `sign_error`, kept where their effective size is at least 12; each stands twice, as it is met from either
    of its two values. Losses in [0, 1], 0 for an oracle.

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap, a difference of shares.
        settings: (r, h) its hyper-parameters.
        test_size: test examples that each gap was measured on.
        of: `configurations`, `interventions` or `auto`.

    Returns:
        `setting`, `loss`, `effective_size`, all (e,).

    Raises:
        InputRefused: as `sign_error`.
        UnknownName: another kind of environment.

    Cost: the pairs of runs that differ in one hyper-parameter. Fails when: as `sign_error`.

    Reference: Dziugaite et al. 2020, "In search of robust measures of generalization".

    >>> repeats = [[width] for width in (1, 2) for seed in range(4)]
    >>> environments([1] * 8, [0.1] * 4 + [0.3] * 4, repeats, 10_000).loss
    array([0.5, 0.5])
    """
    measure, gap = checked(measure, gap)
    return environments_of(measure, environment_pairs(gap, settings, test_size, of))


def environments_of(measure: Float[np.ndarray, " r"], pairs: EnvironmentPairs) -> Environments:
    """How wrong is a measure in the environments of these pairs?"""
    twice = np.repeat(pairs.kept, 2)
    return Environments(pairs.setting[twice], np.repeat(pairs.losses(measure), 2), pairs.size[twice])


def sign_error_interval(
    measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"], test_size: int, of: Kind = "auto"
) -> Interval:
    r"""How far would the mean sign-error move with other configurations?

    The mean over environments is a weighted mean over pairs of runs; see `over_units`. Range [0, 1].

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap, a difference of shares.
        settings: (r, h) its hyper-parameters.
        test_size: test examples that each gap was measured on.
        of: `configurations`, `interventions` or `auto`.

    Returns:
        The 95 % interval of `sign_error(...).mean`; NaN where no environment is kept.

    Raises:
        InputRefused: as `sign_error`.
        UnknownName: another kind of environment.

    Cost: as `sign_error`. Fails when: there are few configurations (below about ten).

    Reference: Hoeffding 1948, "A class of statistics with asymptotically normal distribution", theorem 7.1.

    >>> repeats = [[width] for width in (1, 2) for seed in range(4)]
    >>> sign_error_interval([1] * 4 + [2] * 4, [0.1] * 4 + [0.3] * 4, repeats, 10_000)
    Interval(low=0.0, high=0.975)
    """
    measure, gap = checked(measure, gap)
    return interval_of(measure, environment_pairs(gap, settings, test_size, of))


def interval_of(measure: Float[np.ndarray, " r"], pairs: EnvironmentPairs) -> Interval:
    """How far would the mean sign-error over these pairs move with other configurations?"""
    if not len(pairs.kept):
        return Interval(float("nan"), float("nan"))
    share = np.zeros(len(pairs.total))
    share[pairs.kept] = 1 / (pairs.total[pairs.kept] * len(pairs.kept))
    weight, runs = pairs.weight * share[pairs.environment], len(pairs.unit)
    agreed, both = (
        np.bincount(pairs.first, one, minlength=runs) + np.bincount(pairs.second, one, minlength=runs)
        for one in (weight * pairs.wrong(measure), weight)
    )
    return over_units(agreed, both, pairs.unit, (0, 1))


class Ends(NamedTuple):
    """Environments kept, once each (e,): the loss and the ends of its interval."""

    loss: np.ndarray
    low: np.ndarray
    high: np.ndarray


def environment_intervals(
    measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"], test_size: int, among: int = 1,
    of: Kind = "auto",
) -> Ends:  # fmt: skip
    r"""How far would the sign-error in each environment move with other configurations, all of them at once?

    The loss of an environment is a weighted mean over pairs of runs (see `over_units`); of e environments and `among`
    measures each interval is one of 1 - 0.05/(e among), so that all hold at once in 95 % of cases (Bonferroni). Range
    [0, 1].

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap, a difference of shares.
        settings: (r, h) its hyper-parameters.
        test_size: test examples that each gap was measured on.
        among: how many measures are looked at.
        of: `configurations`, `interventions` or `auto`.

    Returns:
        `loss`, `low`, `high`, all (e,).

    Raises:
        InputRefused: as `sign_error`.
        UnknownName: another kind of environment.

    Cost: as `sign_error`. Fails when: an environment rests on few configurations.

    Reference: Hoeffding 1948, "A class of statistics with asymptotically normal distribution", theorem 7.1.

    >>> settings = [(a, b) for a in (0, 1) for b in range(15)]
    >>> gap = [0.1 + 0.4 * a + 0.001 * b for a, b in settings]
    >>> environment_intervals(gap, gap, settings, 10_000)
    Ends(loss=array([0.]), low=array([0.]), high=array([0.21801936]))
    """
    measure, gap = checked(measure, gap)
    pairs = environment_pairs(gap, settings, test_size, of)
    level, wrong, ends = 1 - 0.025 / max(1, among * len(pairs.kept)), pairs.wrong(measure), []
    for place in pairs.kept:
        inside = pairs.environment == place
        first, second = pairs.first[inside], pairs.second[inside]
        weight = pairs.weight[inside] / pairs.total[place]
        units = np.unique(np.concatenate([first, second]), return_inverse=True)[1]  # repeats are drawn anew, too
        both = np.concatenate([weight, weight])
        ends.append(over_units(both * np.tile(wrong[inside], 2), both, units, (0, 1), level))
    low, high = np.array(ends).reshape(-1, 2).T
    return Ends(pairs.losses(measure), low, high)
