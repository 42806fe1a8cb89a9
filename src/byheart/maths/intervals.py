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
from byheart.maths.clusters import Estimate, Sources, estimate, unlike, variance_of_mean, worth
from byheart.maths.inputs import array, is_binary, same_shape
from byheart.maths.training_variance import (
    KEPT,
    ONE_BY_ONE_BITS,
    ONE_BY_ONE_SCORES,
    Bank,
    MemberVariance,
    deleted_jackknife_variance,
)

# half width around the threshold in which the density of scores is taken: wide enough to reach the scores
# piled up at 0, which another training set does move (without them the intervals covered 83 to 95 %)
NEAR = 0.25


class BudgetShares(NamedTuple):
    """Understood, memorised and left bits as shares of the reference bits."""

    understood: Estimate
    memorised: Estimate
    left: Estimate


def budget_share_intervals(
    reference_bits: Any, member_bits: Any, mask: Any, groups: Any = None, one_by_one: float = ONE_BY_ONE_BITS
) -> BudgetShares:
    r"""Between which shares of the reference would understood, memorised, left lie over fresh draws?

    share = sum_i phi_i / sum_i rho_i, rho_i the reference bits, phi_i = out_i - in_i (memorised), rho_i -
    out_i (understood) or in_i (left), in_i and out_i the means of member_bits over members that saw i and
    that did not. With psi_i = (phi_i - share rho_i)/mean(rho) the variance is

        V = max(G/(G - 1) sum_g (sum_{i in g} psi_i)^2, sum_i psi_i^2, (1.96 n/G)^2) / n^2
            + training_set

    examples (g: groups, worth G draws, `clusters.worth`; where there are copies Student's t on G - 1, NaN below 5;
    the last term keeps n that are all alike from being certain) + the training set that all members share
    (`training_set_variance` with psi: a training set with more wrong labels has both more of them to measure and
    worse members). `sources` splits V: what finitely many members add is in the spread over examples, and is
    taken from it.

    Range of the value: about [0, 1]; the interval is not clipped, for understood may be below 0. Rote:
    memorised 1; Oracle: memorised 0; a model that knows nothing: left 1.

    Args:
        reference_bits: (n,) bits without a model.
        member_bits: (m, n) bits of each member for each example, of `bank_lengths`.
        mask: (m, n) True where the member saw the example.
        groups: (n,) names of groups (copies of one another) that are drawn together.
        one_by_one: h of `training_set_variance`.

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
    bank = Bank(bits, mask)
    rho, places = rho[bank.kept], _places(groups, len(bank.kept))[bank.kept]
    draws, shares = worth(places), []
    for in_sign, out_sign, own in ((0, -1, 1), (-1, 1, 0), (1, 0, 0)):
        phi = own * rho + in_sign * bank.inside + out_sign * bank.outside
        share = phi.sum() / rho.sum()
        psi = (phi - share * rho) / rho.mean()
        examples = max(unlike(draws), variance_of_mean(psi, places, draws))
        moved = bank.member_variance(in_sign / rho.mean(), out_sign / rho.mean(), psi, one_by_one)
        shares.append(estimate(share, split(examples, moved), draws=draws, n=len(rho)))
    return BudgetShares(*shares)


def memorised_share_interval(
    outcome: Any, mask: Any, threshold: float = 0.25, groups: Any = None, fitted: tuple | None = None
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
        fitted: a share estimated otherwise than by counting; phi_i - share, its derivative to the weight of each
            example that has members on both sides; and its bias, which counts as due to the number of members.

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
    bank = Bank(outcome.astype(np.float64), mask)
    score, places = bank.inside - bank.outside, _places(groups, len(bank.kept))[bank.kept]
    n, draws = len(score), worth(places)
    above = (score >= threshold - 1e-9).astype(np.float64)
    density = float((np.abs(score - threshold) <= NEAR + 1e-9).mean()) / (2 * NEAR)
    share, psi, bias = fitted or (above.mean(), above - above.mean(), 0.0)
    shrunk = (share * draws + 1) / (draws + 2)
    examples = max(shrunk * (1 - shrunk) / draws, unlike(draws), variance_of_mean(psi, places, draws))
    sources = split(examples, bank.member_variance(density, -density, psi, ONE_BY_ONE_SCORES))
    return estimate(share, sources._replace(members=sources.members + bias**2), 0.0, 1.0, draws, n)


def new_examples_interval(outcome: Any, n: int, n_left_out: Any, groups: Any = None) -> Estimate:
    r"""Between which values would the mean over members on new examples lie over fresh draws of the task?

    The mean of O_jq over m members and q new examples (test accuracy, if O is 1 where right). Variance =
    variance of the members' mean outcome over examples, / q, + r max(T - N, T/4), r = (n - d_j)/d_j (each member its
    own), T the variance between the members' means, N = sum_jq (O_jq - O_j. - O_.q + O_..)^2/(m q^2) the part of T that
    comes from finitely many examples. 0/1 outcomes get two imagined examples, one right and one wrong, each as
    large as a group. Copies as in `budget_share_intervals`. Unit of the outcome; the poles as for any accuracy.

    Args:
        outcome: (m, q) outcome of each member on each new example.
        n: number of training examples.
        n_left_out: d, how many of them a member does not see; (m,) where members differ.
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
    ratio = float(np.mean((n - np.asarray(n_left_out)) / np.asarray(n_left_out)))
    moved = MemberVariance(max(jackknife - ratio * noise, KEPT * jackknife), noise / len(values))
    binary = is_binary(outcome)
    sources = split(_measured(of_examples, places, draws, binary), moved)
    return estimate(mean, sources, *((0.0, 1.0) if binary else (-np.inf, np.inf)), draws=draws, n=q)


def split(examples: float, moved: MemberVariance) -> Sources:
    """The sources of a variance over examples whose values finitely many members estimate, and of `moved`."""
    members = min(moved.members, examples)
    return Sources(examples - members, moved.training_set, members)


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
