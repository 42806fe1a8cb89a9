"""How far would a mean over a bank move with another training set, and how far with other members?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask, same_shape
from byheart.maths.shapes import Given
from byheart.maths.statistics.effective_sample_size import Sources
from byheart.maths.statistics.seen_unseen import both_sides, side_means, sides

# part of the variance between members (sampling removed) due to examples acting one by one; the rest, seeds and joint
# effects, averages out over members. Few members cannot tell the two apart, so it was measured over fresh training sets
# (200 rows, 4 classes): accuracy where left out 0.4 to 0.5 for nearest neighbours, logistic regression and naive Bayes,
# 0.1 to 0.3 for trees; on new examples 0.5 to 0.8 and 0.1 to 0.2; the gap 0.05 to 0.5
ONE_BY_ONE, ONE_BY_ONE_GAP, ONE_BY_ONE_NEW, ONE_BY_ONE_SCORES = 0.5, 0.3, 0.8, 0.6
# what two recipes on the same subsets have in common falls out of their difference, so less of what is left is due to
# examples one by one. Measured likewise, over the parts above: 0.1 to 0.7 where seen or left out, 0.1 to 0.5 of the gap
# (trees of depth 2 and 20, 1 and 5 neighbours, logistic regression and naive Bayes, forests, ridge); on new examples
# up to 1.3 (ridge), so there all of the part is taken
PAIRED = 0.5
# the variance between members less its sampling part is noisy: at least so much of it is kept
KEPT = 0.05
ROUNDING = 1e-9  # of the values: members that differ by less say the same


class MemberVariance(NamedTuple):
    """Variance of a mean over a bank from the training set that its members share, and from their finite number.

    `uncertainty`: the variance of `training_set`, which few members tell badly.
    """

    training_set: float
    members: float
    uncertainty: float


def deleted_jackknife_variance(values_by_member: Given[Any, " m"], n: int, n_left_out: int | Given[Any, " m"]) -> float:
    r"""How much would a quantity vary over draws of the training set?

    v = sum_j r_j (t_j - t)^2 / (m - 1), t_j the quantity of member j, r_j = (n - d_j)/d_j for the d_j examples it
    leaves out, t the mean of the t_j weighted by r_j: r times the variance between members where all leave out as
    many. Unit: that of the quantity, squared. The poles: Oracle has 0 where it does not depend on the training set.

    Args:
        values_by_member: (m,) the quantity for each member alone, all measured on the same examples.
        n: number of training examples.
        n_left_out: d, how many a member does not see; (m,) where members differ.

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
    left_out = np.broadcast_to(np.asarray(n_left_out, np.float64), values.shape)
    if len(values) < 2 or not ((left_out > 0) & (left_out < n)).all():
        raise InputRefused(
            expected="at least 2 members and 0 < n_left_out < n",
            came=f"{len(values)} members, n={n}, n_left_out={n_left_out}",
            do="Train more members on proper subsets.",
        )
    ratio = (n - left_out) / left_out
    return float(ratio @ (values - np.average(values, weights=ratio)) ** 2) / (len(values) - 1)


def training_set_variance(
    values: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    in_weight: float = -1.0,
    out_weight: float = 1.0,
    psi: Given[Any, " n"] | None = None,
    one_by_one: float = ONE_BY_ONE,
) -> MemberVariance:
    r"""How far would the mean over examples of a in_i + b out_i move with another training set, or other members?

    in_i and out_i are the means of the values over the members that saw example i and over the others, a and b
    their weights. t_j is the effect of member j: the mean over the examples it saw of its value less that of the other
    members that saw them, times a, plus the same over the examples it left out, times b. With T its variance between
    members, N the part of T that comes from finitely many examples, r_j = (n - d_j)/d_j for a member that
    leaves out d_j examples, and C the covariance over members of t_j with the mean of psi over what j saw:

        training_set = max(0, h mean_j max(r_j (T_j - N_j), 0.05 r_j T_j) + 2 mean_j r_j C_j)
        members      = (N + (1 - h) max(0, T - N)) / m
        uncertainty  = (2 (h mean_j r_j T_j)^2 + 4 (mean_j r_j T_j) (mean_j r_j) S) / (m - 1)

    with S the variance over members of the mean of psi over what they saw. Where both sides have a weight, h is
    multiplied by 1 + the correlation over members of the effects on the two sides.

    The rest of the interval is the variance over examples of the estimated values, from which N/m, the noise of
    finitely many members, is to be taken where it is split. Unit: that of the values, squared. Rote and Oracle: 0
    where every member gives the same.

    Args:
        values: (m, n) value of each member on each example: bits, 0/1, squared errors.
        mask: (m, n) True where the member saw the example.
        in_weight: a, the weight of the members that saw an example.
        out_weight: b, that of the others.
        psi: (n,) what each example itself adds to the quantity, mean 0; without it C is 0.
        one_by_one: h, the part of T - N due to examples acting one by one (see `ONE_BY_ONE`).

    Returns:
        `training_set` and `members`, two variances, and the `uncertainty` of the first.

    Raises:
        InputRefused: wrong shapes, NaN, fewer than 4 members, or no example with members on both sides.

    Cost: O(m n). Fails when: members are fewer than about 16.

    Reference: Shao and Wu 1989, eq. 2.2; h and the floor 0.05 T are ours, checked by simulation.

    >>> mask = np.arange(12).reshape(4, 3) % 4 > 0
    >>> training_set_variance(np.where(mask, 0.5, 1.5), mask)
    MemberVariance(training_set=0.0, members=0.0, uncertainty=0.0)
    """
    bank = Bank(array(values, "values", "mn").astype(np.float64), mask)
    if psi is not None:
        psi = array(psi, "psi", "n").astype(np.float64)
        same_shape(psi, "psi", bank.kept.shape)
        psi = psi[bank.kept]
    return bank.member_variance(in_weight, out_weight, psi, one_by_one)


class Bank:
    """Values (m, n) of a bank, for the examples with members on both sides, split into example and member."""

    def __init__(self, values: np.ndarray, mask: Any) -> None:
        mask = members_mask(mask, values.shape)
        self.kept = both_sides(mask)
        if len(values) < 4 or not self.kept.any():
            raise InputRefused(
                expected="mask of at least 4 members with seen and unseen examples",
                came=f"{len(values)} members, {int(self.kept.sum())} examples with both sides",
                do="Train more members, each on a random part of the examples.",
            )
        values, self.mask = values[:, self.kept], mask[:, self.kept]
        self.inside, self.outside = side_means(values, self.mask)
        # against the other members of the side: the plain mean holds the member and hides 1/t of its effect
        count = np.where(self.mask, self.mask.sum(0), len(self.mask) - self.mask.sum(0))
        others = np.where(count > 1, count / np.maximum(count - 1, 1), 0.0)
        self.residual = (values - np.where(self.mask, self.inside, self.outside)) * others

    def member_variance(
        self, in_weight: float, out_weight: float, psi: np.ndarray | None, one_by_one: float
    ) -> MemberVariance:
        """`training_set_variance` of what was given; `psi` for the examples kept."""
        m, n = self.mask.shape
        if n < 2:  # one example has no spread, and so no interval (`clusters.known`)
            return MemberVariance(0.0, 0.0, 0.0)
        means, noise = np.zeros((2, m)), np.zeros(m)
        for mean, side, weight in zip(means, sides(self.mask), (in_weight, out_weight)):
            chosen, count = np.where(side, self.residual, 0.0), np.maximum(side.sum(1), 1)
            mean[:] = chosen.sum(1) / count
            noise += weight**2 * ((chosen**2).sum(1) / count - mean**2) / count
        effects = np.array([in_weight, out_weight]) @ means
        spreads, scale = means.std(1), max(np.abs(self.inside).max(), np.abs(self.outside).max())
        # a side that says the same for all members (a pool without slope) differs by rounding, which correlates at will
        if in_weight and out_weight and (spreads > ROUNDING * scale).all():
            spread = spreads.prod()
            # a subset that is fitted closely is worse elsewhere: that is no effect of its examples one by one
            one_by_one *= 1 + float(((means[0] - means[0].mean()) * (means[1] - means[1].mean())).mean() / spread)
        left_out = np.clip(n - self.mask.sum(1), 1.0, n - 1.0)
        ratio = (n - left_out) / left_out
        away = effects - np.average(effects, weights=ratio)
        between, drawn = ratio @ away**2 / (m - 1), ratio @ noise / m
        training = one_by_one * max(between - drawn, KEPT * between)
        uncertainty = 2 * (one_by_one * between) ** 2 / (m - 1)
        if psi is not None:
            seen = np.where(self.mask, psi, 0.0).sum(1) / np.maximum(self.mask.sum(1), 1)
            uncertainty += 4 * between * float(ratio.mean() * seen.var()) / (m - 1)
            training += 2 * float((ratio * away) @ seen) / (m - 1)  # the weighted mean of away is 0
        apart = max(0.0, float(effects.var(ddof=1)) - float(noise.mean()))
        members = float(noise.mean() + (1 - one_by_one) * apart) / m
        return MemberVariance(max(0.0, float(training)), members, float(uncertainty))


def sum_of(examples: float, freedom: float, moved: MemberVariance) -> tuple[Sources, float]:
    """Which variances make up the whole, and on how many degrees of freedom does it rest?

    The sources of a variance over examples (`freedom` of its own) and of `moved`, and Satterthwaite's degrees.

    The values of the examples are means over finitely many members: what those add is taken from the first part. Of
    the training set's part, what few members cannot tell from their own noise counts as theirs, too.
    """
    members = min(moved.members, examples)
    square = moved.training_set**2
    told = moved.training_set * square / (square + moved.uncertainty) if square else 0.0
    sources = Sources(examples - members, told, members + moved.training_set - told)
    uncertainty = 2 * examples**2 / freedom + moved.uncertainty
    return sources, 2 * sum(sources) ** 2 / uncertainty if uncertainty else float("inf")
