"""How far would a number move with other examples and another training set? Intervals for fresh draws.

A bootstrap over examples knows only that other examples would be *measured*. Another training set also moves
all members together: 95 % intervals from examples alone covered the truth in 48 to 92 % of simulated audits.
`benchmarks/coverage.py` prints what those of this module cover.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask, same_shape
from byheart.maths.shapes import Given, Shaped
from byheart.maths.statistics.effective_sample_size import (
    Estimate,
    estimate,
    freedom_of_variance,
    group_numbers,
    unlike,
    variance_of_mean,
    worth,
)
from byheart.maths.statistics.few_members import pairs_estimate
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS, sides
from byheart.maths.statistics.training_variance import ONE_BY_ONE, ONE_BY_ONE_GAP, ONE_BY_ONE_SCORES, Bank, sum_of

# half width around the threshold in which the density of scores is taken: wide enough to reach the scores
# piled up at 0, which another training set does move (without them the intervals covered 83 to 95 %)
NEAR = 0.25


class BudgetShares(NamedTuple):
    """Understood, memorised and left bits as shares of the reference bits, or of the variance of values."""

    understood: Estimate
    memorised: Estimate
    left: Estimate


def budget_share_intervals(
    reference_bits: Given[Any, " n"],
    member_bits: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    groups: Given[Any, " n"] | None = None,
    *,
    bound: float = 1.0,
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
    taken from it. Fewer than eight members: sums run over the pairs of member and example that there are (seen, and
    unseen), and the interval is that of `few_members.pairs_estimate`.

    Range of the value: about [0, 1]; the interval is not clipped, for understood may be below 0. Rote:
    memorised 1; Oracle: memorised 0; a model that knows nothing: left 1.

    Args:
        reference_bits: (n,) bits without a model.
        member_bits: (m, n) bits of each member for each example, of `bank_lengths`.
        mask: (m, n) True where the member saw the example.
        groups: (n,) names of groups (copies of one another) that are drawn together.
        bound: how far one more example may be from all others, in mean references: 1 for bits and 0/1 outcomes; 0
            for squared errors, which have no such bound and are never all alike.

    Returns:
        An `Estimate` each: share, 95 % interval, standard error.

    Raises:
        InputRefused: wrong shapes, NaN, or no example with members on both sides (fewer than eight: no pair).

    Cost: O(m n). Fails when: members are fewer than about 16 or examples than about 100 (measured coverage
    near 92 %).

    Reference: delete-d jackknife: Shao and Wu 1989, eq. 2.2; ratio: Cochran 1977, "Sampling techniques", eq.
    6.13. C, h and the floor 0.05 T are ours, checked by simulation.

    >>> mask = np.arange(12).reshape(4, 3) % 4 > 0
    >>> bits = np.where(mask, 0.5, 1.5)
    >>> [float(round(part.value, 3)) for part in budget_share_intervals([2.0, 2.0, 2.0], bits, mask)]
    [0.25, 0.5, 0.25]
    """
    bits = array(member_bits, "member_bits", "mn").astype(np.float64)
    rho = array(reference_bits, "reference_bits", "n").astype(np.float64)
    same_shape(rho, "reference_bits", bits.shape[1:])
    if len(bits) < FEWEST_MEMBERS:
        return _shares_of_pairs(rho, bits, members_mask(mask, bits.shape), groups, bound)
    bank = Bank(bits, mask)
    rho, places = rho[bank.kept], group_numbers(groups, len(bank.kept))[bank.kept]
    signs = ((0, -1, 1), (-1, 1, 0), (1, 0, 0))
    return BudgetShares(*(share_estimate(bank, rho, places, *each, bound) for each in signs))


def share_estimate(
    bank: Bank,
    rho: Shaped[np.ndarray, " n"],
    places: Shaped[np.ndarray, " n"],
    in_sign: int,
    out_sign: int,
    own: int,
    bound: float,
    part: float = 1.0,
) -> Estimate:
    """Between which values would one share of the reference lie, in_sign in_i + out_sign out_i + own rho_i?

    The formula is that of `budget_share_intervals`; `bank` holds the bits of the members, `rho` the reference of the
    examples that it kept, `places` their groups by number; `part`: of what examples do one by one.
    """
    draws, phi = worth(places), own * rho + in_sign * bank.inside + out_sign * bank.outside
    share = phi.sum() / rho.sum()
    psi = (phi - share * rho) / rho.mean()
    examples = max(bound**2 * unlike(draws), variance_of_mean(psi, places, draws))
    one_by_one = part * (ONE_BY_ONE_GAP if in_sign and out_sign else ONE_BY_ONE)
    moved = bank.member_variance(in_sign / rho.mean(), out_sign / rho.mean(), psi, one_by_one)
    sources, freedom = sum_of(examples, freedom_of_variance(psi, places), moved)
    return estimate(share, sources, draws=draws, n=len(rho), freedom=freedom)


def _shares_of_pairs(rho: np.ndarray, bits: np.ndarray, mask: np.ndarray, groups: Any, bound: float) -> BudgetShares:
    """The three shares of few members: sums over the pairs of each side, and the reference over the same."""
    seen, unseen, z = side_ratios(rho, bits, mask)
    parts = ((1 - unseen, (0, -1)), (unseen - seen, (-1, 1)), (seen, (1, 0)))
    return BudgetShares(*(pairs_estimate(share, z, mask, signs, groups, bound=bound) for share, signs in parts))


def with_calibration_cost(
    shares: BudgetShares,
    reference_bits: Given[Any, " n"],
    crossed: Given[Any, "m n"],
    own: Given[Any, "m n"],
    mask: Given[Any, "m n"],
) -> BudgetShares:
    """How far may the shares lie where part of each side's code is the price of its calibration?

    Of a side, cost = (sum of crossed - sum of own)/sum of reference over its pairs, at least 0. Its code is too long by
    something between 0 and the cost, so understood reaches cost_unseen higher, memorised cost_unseen lower and
    cost_seen higher, left cost_seen lower. The poles have no part in it.

    Args:
        shares: of the budget, by the codes `crossed`.
        reference_bits: (n,) of each label without a model.
        crossed: (m, n) bits under each member, each half calibrated by the other.
        own: (m, n) the same, each half calibrated by itself (`codes.bank.bank_lengths(crossed=False)`).
        mask: (m, n) True where the member saw the example.

    Returns:
        The shares with wider intervals.

    Raises:
        InputRefused: a side without a pair.

    Cost: none. Fails when: labels are so few that even their own calibration says nothing. Reference: Akaike 1973,
    "Information theory and an extension of the maximum likelihood principle" (the difference of the two is twice the
    excess in expectation).

    >>> from byheart.maths.statistics.effective_sample_size import Estimate, Sources
    >>> part, mask = Estimate(0.0, -0.2, -0.1, 0.05, Sources(0.0, 0.0, 0.0)), np.array([[True, False]])
    >>> wide = with_calibration_cost(BudgetShares(part, part, part), np.ones(2), [[0.5, 1.3]], [[0.5, 1.0]], mask)
    >>> round(wide.understood.high, 9), wide.left.low
    (0.2, -0.2)
    """
    rho, mask = np.asarray(reference_bits, np.float64), np.asarray(mask)
    ratios = [side_ratios(rho, np.asarray(bits, np.float64), mask)[:2] for bits in (crossed, own)]
    seen, unseen = (max(0.0, long - short) for long, short in zip(*ratios))
    return BudgetShares(
        shares.understood._replace(high=shares.understood.high + unseen),
        shares.memorised._replace(low=shares.memorised.low - unseen, high=shares.memorised.high + seen),
        shares.left._replace(low=shares.left.low - seen),
    )


def side_ratios(
    rho: Shaped[np.ndarray, " n"], bits: Shaped[np.ndarray, "m n"], mask: Shaped[np.ndarray, "m n"]
) -> tuple[float, float, Shaped[np.ndarray, "m n"]]:
    """Which shares of the reference do the pairs of each side cost, and what does each pair add to that of its side?

    The bits where seen and where left out over the reference of the same pairs, and z of `pairs_estimate`.

    Raises:
        InputRefused: a side without a pair.
    """
    z, ratios = np.zeros(bits.shape), []
    for side in sides(mask):
        if not side.any():
            raise InputRefused(
                expected="members with seen and unseen examples", came="none on one side", do="Lower the share."
            )
        whole = float((side @ rho).sum())
        ratios.append(float(bits[side].sum()) / whole)
        z[side] = ((bits - ratios[-1] * rho) * (side.sum() / whole))[side]
    return ratios[0], ratios[1], z


def memorised_share_interval(
    outcome: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    threshold: float = 0.25,
    groups: Given[Any, " n"] | None = None,
    fitted: tuple | None = None,
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
    score, places = bank.inside - bank.outside, group_numbers(groups, len(bank.kept))[bank.kept]
    n, draws = len(score), worth(places)
    above = (score >= threshold - 1e-9).astype(np.float64)
    density = score_density(score, threshold)
    share, psi, bias = fitted or (above.mean(), above - above.mean(), 0.0)
    shrunk = (share * draws + 1) / (draws + 2)
    examples = max(shrunk * (1 - shrunk) / draws, unlike(draws), variance_of_mean(psi, places, draws))
    moved = bank.member_variance(density, -density, psi, ONE_BY_ONE_SCORES)
    sources = sum_of(examples, np.inf, moved)[0]
    return estimate(share, sources._replace(members=sources.members + bias**2), 0.0, 1.0, draws, n)


def score_density(scores: Shaped[np.ndarray, " n"], threshold: float) -> float:
    """How many of the scores does a shift of all of them by a little take over the threshold, per unit of the shift?"""
    return float((np.abs(scores - threshold) <= NEAR + 1e-9).mean()) / (2 * NEAR)
