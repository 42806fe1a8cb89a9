"""Which shares of the variance of real-valued targets are understood, memorised, and not learned?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask, same_shape
from byheart.maths.shapes import Bool, Float, Given, Shaped
from byheart.maths.statistics.effective_sample_size import complement, effective_size, on_log_scale
from byheart.maths.statistics.intervals import BudgetShares, budget_share_intervals
from byheart.maths.statistics.seen_unseen import side_columns, sides

# fewest squared deviations, in effect, that a variance can rest on
FEWEST_DEVIATIONS = 30.0
# ratios are rounded to multiples of this: sums of such numbers below 4,096 have no rounding error at all
GRAIN = 2.0**-40


class VarianceBudget(NamedTuple):
    """Shares of the variance of the targets, which add up to 1."""

    understood: float
    memorised: float
    left: float


class SideErrors(NamedTuple):
    """Squared errors of each example, (n,) each, in units of the mean squared deviation of their side.

    `reference` of the members' own training means (its mean is 1), `seen` of members that saw the example, `unseen`
    of the others; NaN where a side has no member.
    """

    reference: np.ndarray
    seen: np.ndarray
    unseen: np.ndarray


def variance_budget(y: Given[Any, " n"], predictions: Given[Any, "m n"], mask: Given[Any, "m n"]) -> VarianceBudget:
    r"""Which shares of the variance of the targets are understood, memorised, and not learned?

    understood = 1 - MSE_out/Var_out, memorised = MSE_out/Var_out - MSE_in/Var_in, left = MSE_in/Var_in. MSE_out is
    the mean over examples of the mean of (f_j(x_i) - y_i)^2 over the members j that did not see example i, MSE_in the
    same over those that did; predictions are never averaged. Var_out and Var_in are the same means of
    (y_i - mean_j)^2, mean_j the mean target of what member j saw. Examples missing on a side are left out of it. Of
    fewer than eight members every pair of member and example counts once.

    No unit; they add up to 1. understood is R2 where left out, at most 1 and without lower end; memorised exceeds 1
    where understood is negative; left is 0 or more. A constant (the member's training mean): 0, 0, 1. Rote: 0, 1, 0.
    Oracle: 1 minus the share of noise, 0, the share of noise.

    Args:
        y: (n,) targets.
        predictions: (m, n) prediction of each member for each example, in the unit of y.
        mask: (m, n) True where the member saw the example.

    Returns:
        `understood`, `memorised`, `left`; NaN for those that need a side without a single pair.

    Raises:
        InputRefused: wrong shapes, NaN or infinite values, targets that do not vary.

    Cost: O(m n). Fails when: few squared deviations carry the variance (`effective_number` below 30).

    Reference: byheart, reference/complexity.md 3.8; R2 on data not seen: Campbell and Thompson 2008, "Predicting
    excess stock returns out of sample", Review of Financial Studies 21, eq. 1.

    >>> y, mask = [1.0, 2.0, 3.0, 4.0], [[True, True, False, False], [False, False, True, True]]
    >>> variance_budget(y, [[1.0, 2.0, 1.5, 1.5], [3.5, 3.5, 3.0, 4.0]], mask)
    VarianceBudget(understood=0.0, memorised=1.0, left=0.0)
    """
    y = array(y, "y", "n").astype(np.float64)
    predictions = array(predictions, "predictions", "mn").astype(np.float64)
    same_shape(y, "y", predictions.shape[1:])
    mask = members_mask(mask, predictions.shape)
    return budget_of_sides(side_errors((predictions - y) ** 2, deviations(y, mask), mask))


def budget_of_sides(sides: SideErrors) -> VarianceBudget:
    """The three shares, from the errors of both sides."""
    unseen, seen = (float(np.round(mean_of_known(side) / GRAIN) * GRAIN) for side in (sides.unseen, sides.seen))
    return VarianceBudget(1.0 - unseen, unseen - seen, seen)


def mean_of_known(values: Shaped[np.ndarray, " n"]) -> float:
    """What is the mean of the values that are there?

    NaN where none is.
    """
    there = np.isfinite(values)
    return float(values[there].mean()) if there.any() else float("nan")


def deviations(y: Shaped[np.ndarray, "n ..."], mask: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, "m n"]:
    """How far is each target from the mean of what each member saw, squared?

    (m, n) squared distance of each target from the mean of what each member saw; of several columns (n, c) the mean.

    Raises:
        InputRefused: targets that do not vary.
    """
    if not (y != y[:1]).any():
        raise InputRefused(
            expected="targets that differ",
            came=f"{len(y)} of one value",
            do="A constant target has no variance to explain; choose one that varies.",
        )
    columns = y.reshape(len(y), -1).T
    return np.mean([(column - ((mask @ column) / mask.sum(1))[:, None]) ** 2 for column in columns], axis=0)


def side_errors(
    errors: Shaped[np.ndarray, "m n"], spread: Shaped[np.ndarray, "m n"], mask: Bool[np.ndarray, "m n"]
) -> SideErrors:
    """How large are the errors of both sides, in units of the variance that each member saw?

    The errors of both sides over the mean squared deviation of the same pairs.

    Args:
        errors: (m, n) squared errors.
        spread: (m, n) squared deviations, of `deviations`.
        mask: (m, n) True where the member saw the example.

    Returns:
        The variance of each target where it was not seen, and both errors, (n,) each, in units of the mean variance.

    Raises:
        nothing of its own.

    Cost: O(m n). Fails when: no example has members on a side: its errors are then NaN.

    Reference: as `variance_budget`.

    >>> mask = np.array([[True, False], [False, True]])
    >>> side_errors(np.where(mask, 0.0, 1.0), np.ones((2, 2)), mask).seen.tolist()
    [0.0, 0.0]
    """
    (seen, unseen), (spread_seen, spread_unseen) = side_columns(errors, mask), side_columns(spread, mask)
    reference = np.where(np.isfinite(spread_unseen), spread_unseen / mean_of_known(spread_unseen), np.nan)
    return SideErrors(reference, seen / mean_of_known(spread_seen), unseen / mean_of_known(spread_unseen))


def effective_number(y: Given[Any, "n ..."], groups: Given[Any, " n"] | None = None) -> float:
    r"""On how many squared deviations does the variance of these targets rest?

    (sum_g d_g)^2 / sum_g d_g^2, d_g the squared distances of the targets of group g from the mean, summed. From 1 (one
    target carries everything) to the number of groups; n/3 for a normal distribution. The poles have no part in it.

    Args:
        y: (n,) targets, or (n, c): the mean over columns.
        groups: (n,) names of groups (copies of one another) that are drawn together.

    Returns:
        The number; below 30 a variance, and R2 with it, is known too badly to be reported.

    Raises:
        InputRefused: NaN, or targets that do not vary.

    Cost: O(n). Fails when: the tail is so heavy that no large deviation was drawn yet.

    Reference: Kish 1965, "Survey sampling", section 8.2 (effective size under unequal weights).

    >>> round(effective_number([0.0, 1.0] * 10), 9), round(effective_number([0.0] * 99 + [1.0]), 2)
    (20.0, 1.02)
    """
    y = np.asarray(y)
    y = array(y.reshape(len(y), -1), "y", "nc").astype(np.float64)
    return effective_size(deviations(y, np.ones((1, len(y)), bool))[0], groups)


def variance_share_intervals(
    errors: Given[Any, "m n"],
    spread: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    groups: Given[Any, " n"] | None = None,
) -> BudgetShares:
    r"""Between which values would the three shares of the variance lie over fresh draws?

    Each share is a ratio of two means, both of them drawn: R = MSE/Var. It is linearised pair by pair, z_ji = R +
    (e_ji - R v_ji)/Var with e the squared error, v the squared deviation, R and Var those of the side on which member
    j stands to example i; the variance of the mean of z over fresh draws of examples and training set is that of
    `intervals.budget_share_intervals`. understood and left get their interval on the scale of log R, as R is
    positive and skewed: R exp(-+ 1.96 s/R).

    Range and poles as in `variance_budget`: left is never below 0 and understood never above 1.

    Args:
        errors: (m, n) squared error of each member for each example.
        spread: (m, n) squared deviation from the member's training mean, of `deviations`.
        mask: (m, n) True where the member saw the example.
        groups: (n,) names of groups (copies of one another) that are drawn together.

    Returns:
        An `Estimate` each: share, 95 % interval, standard error.

    Raises:
        InputRefused: wrong shapes, NaN, or no example with members on both sides.

    Cost: O(m n). Fails when: few squared deviations carry the variance (`effective_number` below 30).

    Reference: ratio of means: Cochran 1977, "Sampling techniques", eq. 6.13; training set: Shao and Wu 1989, "A
    general theory for jackknife variance estimation", eq. 2.2.

    >>> rng = np.random.default_rng(0)
    >>> mask, y = rng.random((8, 50)) < 0.7, rng.normal(size=50)
    >>> shares = variance_share_intervals(deviations(y, mask), deviations(y, mask), mask)
    >>> [float(part.value) for part in shares]
    [0.0, 0.0, 1.0]
    """
    errors = array(errors, "errors", "mn").astype(np.float64)
    spread = array(spread, "spread", "mn").astype(np.float64)
    same_shape(spread, "spread", errors.shape)
    mask = members_mask(mask, errors.shape)
    budget, linear = linear_shares(errors, spread, mask)
    parts = budget_share_intervals(np.ones(errors.shape[1]), linear, mask, groups, bound=0.0)
    left = on_log_scale(parts.left._replace(value=budget.left))
    unseen = on_log_scale(complement(parts.understood)._replace(value=1 - budget.understood))
    memorised = parts.memorised._replace(value=budget.memorised)
    return BudgetShares(complement(unseen), memorised, left)


def linear_shares(
    errors: Shaped[np.ndarray, "m n"], spread: Shaped[np.ndarray, "m n"], mask: Bool[np.ndarray, "m n"]
) -> tuple[VarianceBudget, Float[np.ndarray, "m n"]]:
    """What are the three shares, and what does each pair of a member and an example add to those of its side?

    The budget, and z of `variance_share_intervals`.
    """
    budget = budget_of_sides(side_errors(errors, spread, mask))
    means = [mean_of_known(side) for side in side_columns(spread, mask)]
    linear = np.empty(errors.shape)
    for side, ratio, whole in zip(sides(mask), (budget.left, 1 - budget.understood), means):
        linear[side] = ratio + (errors[side] - ratio * spread[side]) / whole
    return budget, linear
