"""How far would a number move with other examples and another training set? Intervals for fresh draws.

A bootstrap over examples knows only that other examples would be *measured*. Another training set also moves
all members together. Simulated audits of fresh draws (eight recipes, 320 audits each: n 120 to 400, 2 to 10
classes, 16 to 32 members): 95 % intervals from examples alone covered the truth in 48 to 92 %, those of this
module in 92 to 99 %; `left` alone falls short (61 %) where it is a hundredth of the reference and skewed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.clusters import Estimate, estimate, unlike, variance_of_mean, worth
from byheart.maths.inputs import array, is_binary, members_mask, same_shape
from byheart.maths.sides import side_means

# part of the variance between members (sampling removed) due to examples acting one by one; the rest, seeds
# and joint effects, averages out over members. The two cannot be told apart with few members: 1 is exact for
# effects that add up but covered 99.4 % where seeds matter; lower values were too narrow with few classes
ONE_BY_ONE_BITS, ONE_BY_ONE_SCORES = 0.45, 0.6
# the variance between members less its sampling part is noisy: at least so much of it is kept
KEPT = 0.25
# half width around the threshold in which the density of scores is taken: wide enough to reach the scores
# piled up at 0, which another training set does move (without them the intervals covered 83 to 95 %)
NEAR = 0.25


class BudgetShares(NamedTuple):
    """Understood, memorised and left bits as shares of the reference bits."""

    understood: Estimate
    memorised: Estimate
    left: Estimate


def deleted_jackknife_variance(values_by_member: Any, n: int, n_left_out: int) -> float:
    r"""How much would a quantity vary over draws of the training set?

    v = (n - d)/d times the variance between members, d examples left out by each of the m members. Unit: that
    of the quantity, squared. The poles: Oracle has 0 where it does not depend on the training set.

    Args:
        values_by_member: (m,) the quantity for each member alone, all measured on the same examples.
        n: number of training examples.
        n_left_out: d, how many a member does not see.

    Returns:
        The variance for a quantity measured on a training set of n examples.

    Raises:
        InputRefused: fewer than 2 members, NaN, or d not between 1 and n - 1.

    Cost: O(m). Fails when: members are few (relative error of about sqrt(2/(m - 1))), or the seed of a member
    moves it more than its subset does: the seed's variance enters (n - d)/d times over, so the estimate is
    then too large.

    Reference: Shao and Wu 1989, "A general theory for jackknife variance estimation", Annals of Statistics
    17, eq. 2.2.

    >>> deleted_jackknife_variance([1.0, 3.0], n=10, n_left_out=5)
    2.0
    """
    values = array(values_by_member, "values_by_member", "m").astype(np.float64)
    if len(values) < 2 or not 0 < n_left_out < n:
        raise InputRefused(
            expected="at least 2 members and 0 < n_left_out < n",
            came=f"{len(values)} members, n={n}, n_left_out={n_left_out}",
            do="Train more members on proper subsets.",
        )
    return float((n - n_left_out) / n_left_out * values.var(ddof=1))


def budget_share_intervals(
    reference_bits: Any, member_bits: Any, mask: Any, groups: Any = None
) -> BudgetShares:
    r"""Between which shares of the reference would understood, memorised, left lie over fresh draws?

    share = sum_i phi_i / sum_i rho_i, rho_i the reference bits, phi_i = out_i - in_i (memorised), rho_i -
    out_i (understood) or in_i (left), in_i and out_i the means of member_bits over members that saw i and
    that did not. With psi_i = (phi_i - share rho_i)/mean(rho) the variance is

        V = max(G/(G - 1) sum_g (sum_{i in g} psi_i)^2, sum_i psi_i^2, (1.96 n/G)^2) / n^2
            + max(0, h r max(T - N, T/4) + 2 r C)

    examples (g: groups, worth G draws, `clusters.worth`; where there are copies Student's t on G - 1, NaN below 5;
    the last term keeps n that are all alike from being certain) + training set + what the two share. r = (n - d)/d,
    d examples left out by a member. T is the variance between members of their effects t_j: the mean over its unseen
    and seen examples of the member's bits less the mean of the other members of that side, signed as in phi; N the
    part of T that comes from averaging over finitely many examples; C the covariance over members of t_j with the mean
    of psi over what j saw (a training set with more wrong labels has both more of them to measure and worse
    members). h = 0.45, checked by simulation, see the module.

    Range of the value: about [0, 1]; the interval is not clipped, for understood may be below 0. Rote:
    memorised 1; Oracle: memorised 0; a model that knows nothing: left 1.

    Args:
        reference_bits: (n,) bits without a model.
        member_bits: (m, n) bits of each member for each example, of `bank_lengths` or `bank_lengths_values`.
        mask: (m, n) True where the member saw the example.
        groups: (n,) names of groups (copies of one another) that are drawn together.

    Returns:
        An `Estimate` each: share, 95 % interval, standard error.

    Raises:
        InputRefused: wrong shapes, NaN, fewer than 4 members, or no example with members on both sides.

    Cost: O(m n). Fails when: members are fewer than about 16 or examples than about 100 (measured coverage
    near 92 %).

    Reference: delete-d jackknife: Shao and Wu 1989, eq. 2.2; ratio: Cochran 1977, "Sampling techniques", eq.
    6.13. C, h and the floor T/4 are ours, checked by simulation.

    >>> mask = np.arange(12).reshape(4, 3) % 4 > 0
    >>> bits = np.where(mask, 0.5, 1.5)
    >>> [float(round(part.value, 3)) for part in budget_share_intervals([2.0, 2.0, 2.0], bits, mask)]
    [0.25, 0.5, 0.25]
    """
    bits = array(member_bits, "member_bits", "mn").astype(np.float64)
    rho = array(reference_bits, "reference_bits", "n").astype(np.float64)
    same_shape(rho, "reference_bits", bits.shape[1:])
    bank = _Bank(bits, mask, groups)
    rho = rho[bank.kept]
    shares = []
    for in_sign, out_sign, own in ((0, -1, 1), (-1, 1, 0), (1, 0, 0)):
        phi = own * rho + in_sign * bank.inside + out_sign * bank.outside
        share = phi.sum() / rho.sum()
        variance = bank.variance(
            (phi - share * rho) / rho.mean(), in_sign / rho.mean(), out_sign / rho.mean(), ONE_BY_ONE_BITS
        )
        shares.append(estimate(share, variance, draws=bank.draws, n=len(rho)))
    return BudgetShares(*shares)


def memorised_share_interval(
    outcome: Any, mask: Any, threshold: float = 0.25, groups: Any = None
) -> Estimate:
    r"""Between which shares would the examples known by heart lie over fresh draws of the task?

    The share of examples with score_i >= threshold, score_i = mean outcome of the members that saw i less
    that of the others. Variance as in `budget_share_intervals` with phi_i = [score_i >= threshold], h = 0.6;
    t_j, a shift of all scores, moves the share by f t_j, f the density of the scores at the threshold (share
    within 0.25 of it, over 0.5). The part from examples is at least that of (x + 1)/(G + 2), x of G draws
    above. Range [0, 1]; Rote 1 up to lucky guesses, Oracle 0.

    Args:
        outcome: (m, n) outcome of each member on each training example, 0/1 or probability.
        mask: (m, n) True where the member saw the example.
        threshold: smallest score that counts as memorised.
        groups: (n,) names of groups (copies of one another) that are drawn together.

    Returns:
        An `Estimate`: share, 95 % interval within [0, 1], standard error.

    Raises:
        InputRefused: wrong shapes, NaN, fewer than 4 members, or no example with members on both sides.

    Cost: O(m n). Fails when: members are few, so that the density is that of a coarse grid of scores.

    Reference: Feldman and Zhang 2020, section 3.2; Shao and Wu 1989, eq. 2.2; quantile-type statistics:
    Serfling 1980, "Approximation theorems of mathematical statistics", section 2.3.

    >>> mask = np.arange(12).reshape(4, 3) % 4 > 0
    >>> memorised_share_interval(mask, mask).value
    1.0
    """
    outcome = array(outcome, "outcome", "mn")
    bank = _Bank(outcome.astype(np.float64), mask, groups)
    score = bank.inside - bank.outside
    n = len(score)
    above = (score >= threshold - 1e-9).astype(np.float64)
    density = float((np.abs(score - threshold) <= NEAR + 1e-9).mean()) / (2 * NEAR)
    shrunk = (above.mean() * bank.draws + 1) / (bank.draws + 2)
    variance = bank.variance(
        above - above.mean(), density, -density, ONE_BY_ONE_SCORES, floor=shrunk * (1 - shrunk) / bank.draws
    )
    return estimate(above.mean(), variance, 0.0, 1.0, bank.draws, n)


def new_examples_interval(outcome: Any, n: int, n_left_out: int, groups: Any = None) -> Estimate:
    r"""Between which values would the mean over members on new examples lie over fresh draws of the task?

    The mean of O_jq over m members and q new examples (test accuracy, if O is 1 where right). Variance =
    variance of the members' mean outcome over examples, / q, + r max(T - N, T/4), r = (n - d)/d, T the
    variance between the members' means, N = sum_jq (O_jq - O_j. - O_.q + O_..)^2/(m q^2) the part of T that
    comes from finitely many examples. 0/1 outcomes get two imagined examples, one right and one wrong, each as
    large as a group. Copies as in `budget_share_intervals`. Unit of the outcome; the poles as for any accuracy.

    Args:
        outcome: (m, q) outcome of each member on each new example.
        n: number of training examples.
        n_left_out: d, how many of them a member does not see.
        groups: (q,) names of groups of new examples (copies of one another) that are drawn together.

    Returns:
        An `Estimate`: mean, 95 % interval (within [0, 1] for 0/1 outcomes), standard error.

    Raises:
        InputRefused: wrong shapes, NaN, fewer than 2 members, d out of range, fewer than 2 examples.

    Cost: O(m q). Fails when: the seed moves members more than their subsets do: the interval is then too
    wide.

    Reference: Shao and Wu 1989, eq. 2.2; two-way layout: Scheffe 1959, "The analysis of variance", section
    4.3.

    >>> bounds = new_examples_interval([[1, 1, 1, 0], [1, 1, 0, 0]], n=10, n_left_out=3)
    >>> bounds.value, bounds.low < 0.5, bounds.high
    (0.625, True, 1.0)
    """
    outcome = array(outcome, "outcome", "mq")
    values = outcome.astype(np.float64)
    if values.shape[1] < 2:
        raise InputRefused(
            expected="outcome (m, q) with q >= 2", came=f"shape {values.shape}", do="Give more new examples."
        )
    of_members, of_examples = values.mean(1), values.mean(0)
    jackknife = deleted_jackknife_variance(of_members, n, n_left_out)
    mean, q = float(of_members.mean()), values.shape[1]
    places = _places(groups, q)
    draws = worth(places)
    apart = values - of_members[:, None] - of_examples + mean
    together = apart if draws == q else np.stack([np.bincount(places, row) for row in apart])
    noise = float((together**2).sum()) / (len(values) * q**2)
    training = max(jackknife - (n - n_left_out) / n_left_out * noise, KEPT * jackknife)
    binary = is_binary(outcome)
    variance = _measured(of_examples, places, draws, binary) + training
    return estimate(mean, variance, *((0.0, 1.0) if binary else (-np.inf, np.inf)), draws=draws, n=q)


def _places(groups: Any, n: int) -> np.ndarray:
    """(n,) number of each example's group; each its own without groups."""
    places = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
    same_shape(places, "groups", (n,))
    return places


def _measured(values: np.ndarray, places: np.ndarray, draws: float, binary: bool) -> float:
    """Variance of the mean of (q,) values over other examples; outcomes of 0 and 1 beside two imagined groups."""
    q, weight = len(values), np.ones(len(values))
    if binary:
        values, weight = np.append(values, [0.0, 1.0]), np.append(weight, [q / draws] * 2)
        places, draws = np.append(places, places.max() + np.array([1, 2])), draws + 2
    centred = weight * (values - weight @ values / weight.sum())
    # the sum over one group tells nothing: left to `estimate`, which then gives no interval
    return variance_of_mean(centred, places, draws) * len(values) ** 2 / (q * weight.sum())


class _Bank:
    """Values (m, n) of a bank, for examples with members on both sides, split into example and member."""

    def __init__(self, values: np.ndarray, mask: Any, groups: Any) -> None:
        mask = members_mask(mask, values.shape)
        self.kept = mask.any(0) & ~mask.all(0)
        if len(values) < 4 or not self.kept.any():
            raise InputRefused(
                expected="mask of at least 4 members with seen and unseen examples",
                came=f"{len(values)} members, {int(self.kept.sum())} examples with both sides",
                do="Train more members, each on a random part of the examples.",
            )
        values, self.mask = values[:, self.kept], mask[:, self.kept]
        self.inside, self.outside = side_means(values, self.mask)
        # against the other members of the side: the plain mean holds the member and hides 1/t of its effect
        count = np.where(self.mask, self.mask.sum(0), (~self.mask).sum(0))
        others = np.where(count > 1, count / np.maximum(count - 1, 1), 0.0)
        self.residual = (values - np.where(self.mask, self.inside, self.outside)) * others
        self.groups = _places(groups, len(self.kept))[self.kept]
        self.draws = worth(self.groups)

    def variance(
        self, psi: np.ndarray, in_weight: float, out_weight: float, one_by_one: float, floor: float = 0.0
    ) -> float:
        """V of `budget_share_intervals` for example values `psi` (mean 0) and the weights of both sides."""
        examples = max(floor, unlike(self.draws), variance_of_mean(psi, self.groups, self.draws))
        effects, noise = np.zeros(len(self.mask)), 0.0
        for side, weight in ((self.mask, in_weight), (~self.mask, out_weight)):
            chosen, count = np.where(side, self.residual, 0.0), np.maximum(side.sum(1), 1)
            mean = chosen.sum(1) / count
            effects += weight * mean
            noise += weight**2 * float(np.mean(((chosen**2).sum(1) / count - mean**2) / count))
        left_out = max(1.0, float((~self.mask).sum(1).mean()))
        ratio = (len(psi) - left_out) / left_out
        between = float(effects.var(ddof=1))
        seen = np.where(self.mask, psi, 0.0).sum(1) / np.maximum(self.mask.sum(1), 1)
        both = 2 * ratio * float(np.cov(seen, effects)[0, 1])

        training = one_by_one * ratio * max(between - noise, KEPT * between)
        return examples + max(0.0, training + both)
