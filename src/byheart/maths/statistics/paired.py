"""How far apart are two recipes, measured on the same examples by members that saw the same subsets?

What one recipe's member says of an example, less what the other's member on the same subset says of it, is a bank of
its own: its means have the variances of any bank (`intervals`, `new_examples`), and what the two recipes share, hard
examples and lucky subsets, has gone from them. Every difference is that of the second less the first; the other way
round it is the same to the last bit but for its sign.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.maths.codes.variance import FEWEST_DEVIATIONS, effective_number, linear_shares
from byheart.maths.inputs import array, members_mask, same_shape
from byheart.maths.memorisation.share import Fit
from byheart.maths.shapes import Given, Shaped
from byheart.maths.statistics.effective_sample_size import (
    Estimate,
    estimate,
    group_numbers,
    unlike,
    variance_of_mean,
    worth,
)
from byheart.maths.statistics.few_members import pairs_estimate
from byheart.maths.statistics.intervals import BudgetShares, score_density, share_estimate, side_ratios
from byheart.maths.statistics.new_examples import linear_ratio, mean_over_members
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS
from byheart.maths.statistics.training_variance import ONE_BY_ONE_SCORES, PAIRED, Bank, sum_of

# understood, memorised and left as signs of the means of those that saw an example and of the others
SIGNS = ((0, -1), (-1, 1), (1, 0))


def paired_shares(
    reference_bits: Given[Any, " n"],
    member_bits: Given[Any, "m n"],
    other_bits: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    groups: Given[Any, " n"] | None = None,
    *,
    bound: float = 1.0,
) -> BudgetShares:
    r"""By how much do understood, memorised and left differ between two recipes, as shares of the same reference?

    share' - share = sum_i phi_i / sum_i rho_i, phi_i = d_out - d_in (memorised), -d_out (understood), d_in (left), with
    d_ji = other_ji - bits_ji and d_in, d_out its means over the members that saw example i and that did not. The
    variance is that of `budget_share_intervals` of d, with half of its h (`training_variance.PAIRED`): examples in
    groups, training set, members; the reference bits, the same for both, cancel. Range of the value [-1, 1] and beyond,
    as for understood; two equal recipes give 0.

    Args:
        reference_bits: (n,) bits without a model, the same for both.
        member_bits: (m, n) bits of each member of the first recipe.
        other_bits: (m, n) bits of the member of the second recipe that saw the same examples.
        mask: (m, n) True where the members saw the example.
        groups: (n,) names of groups that are drawn together.
        bound: as in `budget_share_intervals`.

    Returns:
        An `Estimate` of each difference.

    Raises:
        InputRefused: wrong shapes, NaN, fewer than 4 members, or no example with members on both sides.

    Cost: O(m n). Fails when: seeds alone move the members: the part of the training set is then taken too large, and
    the interval is wider than it need be.

    Reference: paired comparison: Student 1908, "The probable error of a mean", Biometrika 6, section 9; variance: Shao
    and Wu 1989, eq. 2.2.

    >>> mask = np.arange(12).reshape(4, 3) % 4 > 0
    >>> first, second = np.where(mask, 0.5, 1.5), np.where(mask, 0.5, 1.0)
    >>> [float(part.value) for part in paired_shares([2.0, 2.0, 2.0], first, second, mask)]
    [0.25, -0.25, 0.0]
    """
    bits, other, rho = _pair(member_bits, other_bits, "bits", "mn", reference_bits)
    if len(bits) < FEWEST_MEMBERS:
        return _of_pairs(rho, bits, other, members_mask(mask, bits.shape), groups, bound)
    bank = Bank(other - bits, mask)
    rho, places = rho[bank.kept], group_numbers(groups, len(bank.kept))[bank.kept]
    return BudgetShares(*(share_estimate(bank, rho, places, *each, 0, bound, PAIRED) for each in SIGNS))


def _of_pairs(
    rho: np.ndarray, bits: np.ndarray, other: np.ndarray, mask: np.ndarray, groups: Any, bound: float
) -> BudgetShares:
    """The three differences of few members, by sums over the pairs of each side."""
    (seen, unseen, z), (other_seen, other_unseen, other_z) = (side_ratios(rho, one, mask) for one in (bits, other))
    apart = other_seen - seen, other_unseen - unseen
    values = (sum(sign * of for sign, of in zip(signs, apart) if sign) for signs in SIGNS)
    return BudgetShares(
        *(pairs_estimate(value, other_z - z, mask, of, groups, bound=bound) for value, of in zip(values, SIGNS))
    )


def paired_variance_shares(
    errors: Given[Any, "m n"],
    other_errors: Given[Any, "m n"],
    spread: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    groups: Given[Any, " n"] | None = None,
) -> BudgetShares:
    r"""By how much do the three shares of the variance differ between two recipes?

    Each share is linearised pair by pair as in `variance_share_intervals`, and z' - z compared as in `paired_shares`.

    Args:
        errors: (m, n) squared errors of the first recipe.
        other_errors: (m, n) those of the second.
        spread: (m, n) squared deviation from the member's training mean, the same for both.
        mask: as in `paired_shares`.
        groups: likewise.

    Returns:
        An `Estimate` of each difference.

    Raises:
        InputRefused: as `paired_shares`.

    Cost: O(m n). Fails when: as `variance_share_intervals`. Reference: as there and as `paired_shares`.

    >>> rng = np.random.default_rng(0)
    >>> mask, errors = rng.random((8, 50)) < 0.7, rng.random((8, 50))
    >>> paired_variance_shares(errors, errors / 2, np.ones((8, 50)), mask).left.value < 0
    True
    """
    first, second = _pair(errors, other_errors, "errors", "mn")
    spread = array(spread, "spread", "mn").astype(np.float64)
    mask = members_mask(mask, spread.shape)
    (own, linear), (other, other_linear) = (linear_shares(one, spread, mask) for one in (first, second))
    parts = paired_shares(np.ones(linear.shape[1]), linear, other_linear, mask, groups, bound=0.0)
    return BudgetShares(*(part._replace(value=b - a) for part, a, b in zip(parts, own, other)))


def paired_new_examples(
    outcome: Given[Any, "m q"],
    other_outcome: Given[Any, "m q"],
    n: int,
    n_left_out: int | Given[Any, " m"],
    groups: Given[Any, " q"] | None = None,
    *,
    bounded: bool = True,
) -> Estimate:
    r"""By how much does the mean outcome on new examples differ between two recipes?

    The mean of O'_jq - O_jq, with the variance of `new_examples_interval`. Range [-1, 1] for accuracies.

    Args:
        outcome: (m, q) outcome of each member of the first recipe on each new example.
        other_outcome: (m, q) that of the second, member by member on the same subsets.
        n: number of training examples.
        n_left_out: d, how many of them a member does not see; (m,) where members differ.
        groups: (q,) names of groups of new examples that are drawn together.
        bounded: whether outcomes are 0/1, and a difference of theirs at most 1.

    Returns:
        An `Estimate` of the difference.

    Raises:
        InputRefused: as `new_examples_interval`.

    Cost: O(m q). Fails when: as `new_examples_interval`. Reference: as there.

    >>> paired_new_examples([[1, 1, 1, 0], [1, 1, 0, 0]], [[1, 1, 1, 0], [1, 1, 1, 1]], n=10, n_left_out=3).value
    0.25
    """
    first, second = _pair(outcome, other_outcome, "outcome", "mq")
    ends = (-1.0, 1.0) if bounded else (-np.inf, np.inf)
    return mean_over_members(second - first, n, n_left_out, groups, bounded, *ends)


def paired_new_r2(
    squared: Given[Any, "m q"],
    other_squared: Given[Any, "m q"],
    targets: Given[Any, "q ..."],
    n: int,
    n_left_out: int | Given[Any, " m"],
    groups: Given[Any, " q"] | None = None,
) -> Estimate:
    r"""By how much does R2 on new examples differ between two recipes?

    Both ratios are linearised as in `new_r2_interval`; the difference is that of 1 - R. NaN where few squared
    deviations carry the variance.

    Args:
        squared: (m, q) squared errors of the first recipe.
        other_squared: (m, q) those of the second.
        targets: (q,) what was to be predicted, or (q, c).
        n: number of training examples.
        n_left_out: d, as in `paired_new_examples`.
        groups: likewise.

    Returns:
        An `Estimate` of the difference.

    Raises:
        InputRefused: as `new_r2_interval`.

    Cost: O(m q). Fails when: as `new_r2_interval`. Reference: as there.

    >>> y = np.repeat([-1.0, 1.0], 50)
    >>> paired_new_r2(np.ones((4, 100)), np.full((4, 100), 0.5), y, 100, 30).value
    0.5
    """
    (first, linear), (second, other) = (linear_ratio(one, targets) for one in (squared, other_squared))
    found = mean_over_members(linear - other, n, n_left_out, groups, False, -np.inf, np.inf)
    if effective_number(targets, groups) < FEWEST_DEVIATIONS:
        found = found._replace(low=np.nan, high=np.nan)
    return found._replace(value=first - second)


def paired_memorised_share(
    correct: Given[Any, "m n"],
    other_correct: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    threshold: float = 0.25,
    groups: Given[Any, " n"] | None = None,
) -> Estimate:
    r"""By how much does the share of memorised examples differ between two recipes?

    share' - share of `memorised_share`. psi_i is the difference of their influences; t_j, the difference of f t_j
    of `memorised_share_interval`, f the density of the scores at the threshold; the difference of the biases counts
    as due to the number of members. Range [-1, 1].

    Args:
        correct: (m, n) True where a member of the first recipe is right.
        other_correct: (m, n) the same of the second.
        threshold: smallest score that counts as memorised.
        mask: as in `paired_shares`.
        groups: likewise.

    Returns:
        An `Estimate` of the difference.

    Raises:
        InputRefused: as `memorised_share`.

    Cost: two fits of `memorised_share`. Fails when: as there. Reference: as there and as `paired_shares`.

    >>> mask = np.arange(40).reshape(4, 10) % 4 > 0
    >>> paired_memorised_share(mask, np.ones((4, 10), bool), mask).value
    -1.0
    """
    both = [one.astype(bool) for one in _pair(correct, other_correct, "correct", "mn")]
    mask = members_mask(mask, both[0].shape)
    (first, psi, bias), (second, other_psi, other_bias) = (Fit(one, mask).share(threshold) for one in both)
    scores = [Bank(one.astype(np.float64), mask) for one in both]
    first_density, other_density = (score_density(one.inside - one.outside, threshold) for one in scores)
    bank = Bank(other_density * both[1] - first_density * both[0], mask)
    places, psi = group_numbers(groups, len(bank.kept))[bank.kept], other_psi - psi
    draws = worth(places)
    examples = max(unlike(draws), variance_of_mean(psi, places, draws))
    moved = bank.member_variance(1.0, -1.0, psi, PAIRED * ONE_BY_ONE_SCORES)
    sources = sum_of(examples, np.inf, moved)[0]
    sources = sources._replace(members=sources.members + (other_bias - bias) ** 2)
    return estimate(second - first, sources, -1.0, 1.0, draws, len(places))


def unpaired_difference(first: Shaped[np.ndarray, " 3"], second: Shaped[np.ndarray, " 3"]) -> Shaped[np.ndarray, " 3"]:
    r"""Between which values does the difference of two numbers lie, of which only the intervals are known?

    d = b - a, low = d - hypot(b - b_low, a_high - a), high = d + hypot(b_high - b, a - a_low): the interval of two
    independent numbers, recovered from their own; wider than need be where they move together, as numbers of the same
    examples do. Of two shares with Wilson's intervals it is Newcombe's.

    Args:
        first: a, a_low, a_high.
        second: b, b_low, b_high.

    Returns:
        d, low, high.

    Raises:
        Nothing.

    Cost: none. Fails when: the two move against each other. Reference: Zou and Donner 2008, "Construction of confidence
    limits about effect measures", Statistics in Medicine 27, eq. 6 and 7; Newcombe 1998, "Interval estimation for the
    difference between independent proportions", Statistics in Medicine 17, method 10.

    >>> unpaired_difference(np.array([1.0, -3.0, 5.0]), np.array([3.0, 0.0, 6.0]))
    array([ 2., -3.,  7.])
    """
    value = second[0] - first[0]
    below = np.hypot(second[0] - second[1], first[2] - first[0])
    above = np.hypot(second[2] - second[0], first[0] - first[1])
    return np.array([value, value - below, value + above])


def _pair(first: Any, second: Any, name: str, axes: str, reference: Any = None) -> list[np.ndarray]:
    """Both as float64 of one shape, and the reference of their examples where there is one."""
    both = [array(one, name, axes).astype(np.float64) for one in (first, second)]
    same_shape(both[1], f"{name} of the second", both[0].shape)
    if reference is not None:
        both.append(array(reference, "reference_bits", "n").astype(np.float64))
        same_shape(both[2], "reference_bits", both[0].shape[1:])
    return both
