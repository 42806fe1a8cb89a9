"""Does a measure foresee which way the gap moves when one hyper-parameter changes, in every environment?"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from byheart.errors import InputRefused, unknown_name
from byheart.maths.ranking.configurations import checked, groups, setting_codes, without
from byheart.maths.ranking.units import over_units
from byheart.maths.shapes import Float, Given, Int
from byheart.maths.statistics.resampling import Interval

Kind = Literal["configurations", "interventions", "auto"]
KINDS = ("configurations", "interventions", "auto")
LEAST_SIZE = 12.0  # effective pairs of runs in an environment that is kept
LEAST_WEIGHT = 0.5


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
    found = environments(measure, gap, settings, test_size, of)
    h = np.asarray(settings).shape[1]
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
    found = _weighed(measure, gap, settings, test_size, of)
    twice = np.repeat(found.kept, 2)
    return Environments(found.setting[twice], found.loss[twice] / found.total[twice], found.size[twice])


def sign_error_interval(
    measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"], test_size: int, of: Kind = "auto"
) -> Interval:
    r"""How far would the mean sign-error move with other configurations?

    The mean over environments is a weighted mean over pairs of runs; see `over_units`. Range [0, 1]; an oracle closes
    it on 0.

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
    Interval(low=0.0, high=0.0)
    """
    found = _weighed(measure, gap, settings, test_size, of)
    if not len(found.kept):
        return Interval(float("nan"), float("nan"))
    share = np.zeros(len(found.total))
    share[found.kept] = 1 / (found.total[found.kept] * len(found.kept))
    weight = found.weight * share[found.environment]
    runs = len(found.unit)
    ends = np.concatenate([found.first, found.second])
    agreed, both = (np.bincount(ends, np.tile(one, 2), minlength=runs) for one in (weight * found.wrong, weight))
    return over_units(agreed, both, found.unit, (0, 1))


def largest_size(gap: Given[Any, " r"], settings: Given[Any, "r h"], test_size: int, of: Kind = "auto") -> float:
    """How many effective pairs has the largest environment, kept or not?"""
    return float(max(_weighed(gap, gap, settings, test_size, of).size, default=0.0))


class _Weighed(NamedTuple):
    """All pairs of runs that differ in one hyper-parameter alone (p,), and their environments (e,)."""

    first: np.ndarray
    second: np.ndarray
    environment: np.ndarray
    weight: np.ndarray
    wrong: np.ndarray
    setting: np.ndarray
    total: np.ndarray
    loss: np.ndarray
    size: np.ndarray
    kept: np.ndarray
    unit: np.ndarray


def _weighed(measure: Any, gap: Any, settings: Any, test_size: int, of: Kind) -> _Weighed:
    measure, gap = checked(measure, gap)
    if of not in KINDS:
        raise unknown_name("kind of environment", str(of), KINDS)
    if np.abs(gap).max() > 1:
        raise InputRefused(
            expected="gaps that are differences of shares, from -1 to 1, whose errors Hoeffding's inequality bounds",
            came=f"{gap[np.abs(gap).argmax()]:g}",
            do="Divide per cents by 100; for a gap of losses leave the sign-errors out.",
        )
    if test_size < 1:
        raise InputRefused("the number of test examples behind each gap", f"{test_size}", "Give at least 1.")
    codes = setting_codes(settings, len(measure))
    unit = groups(codes)
    if of == "auto":
        of = "configurations" if np.bincount(unit).max() > 1 else "interventions"
    setting, first, second, environment = _pairs(codes, of)
    weight = certain(gap[first] - gap[second], test_size)
    wrong = (1 - np.sign(measure[first] - measure[second]) * np.sign(gap[first] - gap[second])) / 2
    total, squares, loss = (np.bincount(environment, one) for one in (weight, weight**2, weight * wrong))
    size = np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0)
    kept = np.flatnonzero((size > LEAST_SIZE) | np.isclose(size, LEAST_SIZE))
    which = setting[np.unique(environment, return_index=True)[1]]
    return _Weighed(first, second, environment, weight, wrong, which, total, loss, size, kept, unit)


def certain(difference: Float[np.ndarray, " p"], test_size: int) -> Float[np.ndarray, " p"]:
    r"""How much does a pair of runs count whose gaps differ by so much?

    w = max(0, v - 0.5), v = max(0, 1 - 2 exp(-2 n (|dg|/2)^2))^2. Range [0, 0.5]: 0 where the difference may be chance.

    Args:
        difference: (p,) of two gaps.
        test_size: test examples n behind each gap.

    Returns:
        (p,) weights.

    Cost: none. Raises: nothing. Fails when: both gaps were measured on the same test examples, whose errors are shared:
    the weights are then smaller than they need be.

    Reference: Dziugaite et al. 2020, the code beside the paper; Hoeffding 1963, theorem 1.

    >>> certain(np.array([0.0, 0.02, 0.5]), 10_000).round(4)
    array([0.    , 0.0319, 0.5   ])
    """
    by_chance = 2 * np.exp(-2 * test_size * (np.abs(difference) / 2) ** 2)
    return np.maximum(0.0, np.maximum(0.0, 1 - by_chance) ** 2 - LEAST_WEIGHT)


def _pairs(codes: Int[np.ndarray, "r h"], of: Kind) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of runs that differ in one setting alone: which setting, the two runs, their environment; all (p,)."""
    found = []
    for place in range(codes.shape[1]):
        cell, value = groups(without(codes, place)), codes[:, place]
        order = np.lexsort((value, cell))
        for runs in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
            first, second = np.triu_indices(len(runs), 1)
            first, second = runs[first], runs[second]
            apart = value[first] != value[second]
            first, second = first[apart], second[apart]
            if not len(first):
                continue
            # the two values, and for pairs of configurations the others too
            key = np.stack([value[first], value[second], *([cell[first]] if of == "configurations" else [])], 1)
            found.append((np.full(len(first), place), first, second, key))
    if not found:
        return (np.zeros(0, np.int64),) * 4
    setting, first, second = (np.concatenate(column) for column in list(zip(*found))[:3])
    key = np.concatenate([one[3] for one in found])
    return setting, first, second, groups(np.column_stack([setting, key]))
