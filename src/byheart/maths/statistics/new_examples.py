"""How far would accuracy or R2 on new examples move with other ones, another training set, other members?"""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.codes.variance import FEWEST_DEVIATIONS, effective_number
from byheart.maths.inputs import array, is_binary, same_shape
from byheart.maths.shapes import Given, Shaped
from byheart.maths.statistics.effective_sample_size import (
    Estimate,
    Sources,
    complement,
    estimate,
    freedom_of_variance,
    group_numbers,
    on_log_scale,
    variance_of_mean,
    worth,
)
from byheart.maths.statistics.few_members import KEPT_OF_FEW
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS
from byheart.maths.statistics.training_variance import (
    KEPT,
    ONE_BY_ONE_NEW,
    MemberVariance,
    deleted_jackknife_variance,
    sum_of,
)


def new_examples_interval(
    outcome: Given[Any, "m q"], n: int, n_left_out: int | Given[Any, " m"], groups: Given[Any, " q"] | None = None
) -> Estimate:
    r"""Between which values would the mean over members on new examples lie over fresh draws of the task?

    The mean of O_jq over m members and q new examples (test accuracy, if O is 1 where right). Variance =
    variance of the members' mean outcome over examples, / q, + h r max(T - N, 0.05 T), r = (n - d_j)/d_j (each member
    its own), T the variance between the members' means, N = sum_jq (O_jq - O_j. - O_.q + O_..)^2/(m q^2) the part of T
    that comes from finitely many examples, h as in `training_variance`. For 0/1 outcomes at least 1/(2 q)^2. Copies as
    in `budget_share_intervals`; Student's t by Satterthwaite. Of fewer than eight members the part between them has
    Student's t on m - 1 degrees of its own and at least 0.2 T; of one the interval is over examples alone. Unit of the
    outcome; the poles as for any accuracy.

    Args:
        outcome: (m, q) outcome of each member on each new example.
        n: number of training examples.
        n_left_out: d, how many of them a member does not see; (m,) where members differ.
        groups: (q,) names of groups of new examples (copies of one another) that are drawn together.

    Returns:
        An `Estimate`: mean, 95 % interval (within [0, 1] for 0/1 outcomes), standard error.

    Raises:
        InputRefused: wrong shapes, NaN, d out of range, fewer than 2 examples.

    Cost: O(m q). Fails when: the seed moves members more than their subsets do: the interval is then too
    wide.

    Reference: Shao and Wu 1989, eq. 2.2; two-way layout: Scheffe 1959, "The analysis of variance", section
    4.3.

    >>> bounds = new_examples_interval([[1, 1, 1, 0], [1, 1, 0, 0]], n=10, n_left_out=3)
    >>> bounds.value, bounds.low < 0.5, bounds.high
    (0.625, True, 1.0)
    """
    outcome = array(outcome, "outcome", "mq")
    binary = is_binary(outcome)
    ends = (0.0, 1.0) if binary else (-np.inf, np.inf)
    return mean_over_members(outcome.astype(np.float64), n, n_left_out, groups, binary, *ends)


def disagreement_interval(
    predicted: Given[Any, "m q"], n: int, n_left_out: int | Given[Any, " m"], groups: Given[Any, " q"] | None = None
) -> Estimate:
    r"""On which share of new examples do two models of one recipe give different answers?

    The mean over pairs of members j < l and examples i of [c_ji != c_li], c the predicted classes. Where the recipe is
    calibrated over its trainings, its expectation is the error on new examples; it takes no labels. Variance as in
    `new_examples_interval` with e_ji, the share of the other members that answer otherwise, and its deviation from
    member to member doubled, for a mean over pairs moves twice as far as each of its two members. Two members are one
    pair, which does not say how pairs differ: no interval (NaN). Range [0, 1]. Members that all say the same: 0; that
    guess independently among k classes: 1 - 1/k.

    Args:
        predicted: (m, q) class that each member predicts for each new example, m >= 2.
        n: number of training examples.
        n_left_out: how many of them a member does not see; (m,) where members differ.
        groups: (q,) names of groups of new examples that are drawn together.

    Returns:
        An `Estimate`.

    Raises:
        InputRefused: fewer than 2 members or examples, NaN.

    Cost: O(m q k). Fails when: members are wrong alike, as after a shift of the inputs: they agree, and are wrong.

    Reference: Jiang, Nagarajan, Baek and Kolter 2022, Assessing generalization of SGD via disagreement, ICLR, section
    3; Hoeffding 1948, A class of statistics with asymptotically normal distribution (a mean over pairs).

    >>> round(disagreement_interval([[0, 1, 1, 0], [0, 1, 0, 0], [0, 1, 1, 1]], n=10, n_left_out=3).value, 9)
    0.333333333
    """
    classes = array(predicted, "predicted", "mq")
    m, q = classes.shape
    if m < 2:
        raise InputRefused("predicted (m, q) of at least 2 members", f"shape {classes.shape}", "Train more members.")
    alike = np.zeros((m, q))
    for one in np.unique(classes):
        says = classes == one
        alike += says * says.sum(0)
    others = (m - alike) / (m - 1)
    doubled = others + (others.mean(1) - others.mean())[:, None]
    found = mean_over_members(doubled, n, n_left_out, groups, True, 0.0, 1.0)
    return found if m > 2 else found._replace(low=np.nan, high=np.nan)


def mean_over_members(
    values: Shaped[np.ndarray, "m q"],
    n: int,
    n_left_out: int | Given[Any, " m"],
    groups: Given[Any, " q"] | None,
    bounded: bool,
    low: float,
    high: float,
) -> Estimate:
    """Between which values, kept from `low` to `high`, would the mean of values (m, q) over members and examples lie?

    The formula is that of `new_examples_interval`; `bounded`: values that no draw takes further than 1.

    Raises:
        InputRefused: fewer than 2 examples, or members that leave out none or all.
    """
    if values.shape[1] < 2:
        raise InputRefused("outcome (m, q) with q >= 2", f"shape {values.shape}", "Give more new examples.")
    of_members, of_examples = values.mean(1), values.mean(0)
    mean, (m, q) = float(of_members.mean()), values.shape
    places = group_numbers(groups, q)
    draws, ends = worth(places), (low, high)
    # where all are right the spread is 0; another draw may still bring one that is wrong
    examples = max(bounded / (2 * draws) ** 2, variance_of_mean(of_examples - mean, places, draws))
    freedom = freedom_of_variance(of_examples - mean, places)
    if m == 1:
        return estimate(mean, Sources(examples, 0.0, 0.0), *ends, draws, q, freedom)
    jackknife = deleted_jackknife_variance(of_members, n, n_left_out)
    apart = values - of_members[:, None] - of_examples + mean
    together = apart if draws == q else np.stack([np.bincount(places, row) for row in apart])
    noise = float((together**2).sum()) / (m * q**2)
    ratio = float(np.mean((n - np.asarray(n_left_out)) / np.asarray(n_left_out)))
    if m < FEWEST_MEMBERS:
        shared = ONE_BY_ONE_NEW * max(jackknife - ratio * noise, KEPT_OF_FEW * jackknife)
        own = (1 - ONE_BY_ONE_NEW) * max(float(of_members.var(ddof=1)) - noise, 0.0) / m
        return estimate(mean, Sources(examples, shared, own), *ends, draws, q, freedom, between=m - 1)
    moved = _moved(of_members, jackknife, ratio * noise, noise)
    sources, freedom = sum_of(examples, freedom, moved)
    return estimate(mean, sources, *ends, draws, q, freedom)


def _moved(of_members: np.ndarray, jackknife: float, drawn: float, noise: float) -> MemberVariance:
    """What training sets and members add: `drawn` of `jackknife`, `noise` of the variance of members, is sampling."""
    m = len(of_members)
    apart = max(0.0, float(of_members.var(ddof=1)) - noise)
    return MemberVariance(
        training_set=ONE_BY_ONE_NEW * max(jackknife - drawn, KEPT * jackknife),
        members=(noise + (1 - ONE_BY_ONE_NEW) * apart) / m,
        uncertainty=2 * (ONE_BY_ONE_NEW * jackknife) ** 2 / (m - 1),
    )


def new_r2_interval(
    squared: Given[Any, "m q"],
    targets: Given[Any, "q ..."],
    n: int,
    n_left_out: int | Given[Any, " m"] | None = None,
    groups: Given[Any, " q"] | None = None,
) -> Estimate:
    r"""Between which values would R2 on new examples lie over fresh draws of the task?

    R2 = 1 - R, R = mean_jq e_jq / Var, e_jq the squared error of member j on new example q, Var the variance of the
    targets. Both are drawn, so the variance is that of the mean of e_jq - R d_q over Var, d_q the squared deviation of
    target q from the mean; by `new_examples_interval`, or over the examples alone for a single model. The interval is
    taken on the scale of log R, as R is positive and skewed: R2 never exceeds 1. NaN where few squared
    deviations carry Var: (sum d)^2 / sum d^2 below 30.

    Oracle: 1 minus the share of noise; Rote: 0 or below.

    Args:
        squared: (m, q) squared errors of each member.
        targets: (q,) what was to be predicted, or (q, c) in the units in which errors are means over columns.
        n: number of training examples.
        n_left_out: how many of them a member does not see; (m,) where members differ. None: the members are one model.
        groups: (q,) names of groups of new examples (copies of one another) that are drawn together.

    Returns:
        An `Estimate` of R2.

    Raises:
        InputRefused: wrong shapes, NaN, fewer than 2 examples; without `n_left_out` more than one member.

    Cost: O(m q). Fails when: targets have tails so heavy that no large deviation was drawn yet.

    Reference: ratio of means: Cochran 1977, "Sampling techniques", eq. 6.13; training set: as above.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([-1.0, 1.0], 50)
    >>> bounds = new_r2_interval([(y - 0.5 * y + rng.normal(size=100)) ** 2], y, n=100)
    >>> bool(bounds.low < bounds.value < bounds.high < 1)
    True
    """
    ratio, linear = linear_ratio(squared, targets)
    y, q = np.asarray(targets), linear.shape[1]
    places = group_numbers(groups, q)
    if n_left_out is None:
        examples, none = variance_of_mean(linear.mean(0) - ratio, places, worth(places)), MemberVariance(0.0, 0.0, 0.0)
        sources, freedom = sum_of(examples, freedom_of_variance(linear.mean(0) - ratio, places), none)
        of = estimate(ratio, sources, draws=worth(places), n=q, freedom=freedom)
    else:
        of = new_examples_interval(linear, n, n_left_out, places)
    if effective_number(y, places) < FEWEST_DEVIATIONS:
        of = of._replace(low=np.nan, high=np.nan)
    return complement(on_log_scale(of))


def linear_ratio(squared: Given[Any, "m q"], targets: Given[Any, "q ..."]) -> tuple[float, Shaped[np.ndarray, "m q"]]:
    """How large are squared errors beside the variance of the targets, and what does each pair add to that?

    R of `new_r2_interval`, and R + (e_jq - R d_q) / Var of each member and example.

    Raises:
        InputRefused: wrong shapes, NaN, or targets that do not vary.
    """
    errors = array(squared, "squared", "mq").astype(np.float64)
    y = array(np.asarray(targets).reshape(len(targets), -1), "targets", "qc").astype(np.float64)
    same_shape(y[:, 0], "targets", errors.shape[1:])
    deviations = ((y - y.mean(0)) ** 2).mean(1)
    whole = float(deviations.mean())
    if not whole:
        raise InputRefused(expected="targets that differ", came=f"{len(y)} of one value", do="R2 needs a variance.")
    ratio = float(errors.mean()) / whole
    return ratio, ratio + (errors - ratio * deviations) / whole
