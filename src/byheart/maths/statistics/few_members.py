"""How far would an average move that rests on fewer than eight members? Sums over pairs of member and example."""

from __future__ import annotations

from typing import Any

import numpy as np

from byheart.maths.inputs import array, members_mask
from byheart.maths.shapes import Float, Given, Int, Shaped
from byheart.maths.statistics.effective_sample_size import (
    Estimate,
    Sources,
    estimate,
    freedom_of_variance,
    group_numbers,
    unlike,
    variance_of_mean,
    worth,
)
from byheart.maths.statistics.seen_unseen import sides
from byheart.maths.statistics.training_variance import ONE_BY_ONE

# of the variance between few members, so much is kept however much of it sampling explains: the part that sampling
# explains is itself known from few (with 0.05, as for many members, intervals covered 88 to 93 %; `benchmarks/few.py`)
KEPT_OF_FEW = 0.2


def pairs_estimate(
    value: float,
    z: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    weights: tuple[float, float],
    groups: Given[Any, " n"] | None = None,
    *,
    bound: float = 1.0,
    low: float = -np.inf,
    high: float = np.inf,
) -> Estimate:
    r"""Between which values would a mean over the pairs of fewer than eight members lie over fresh draws?

    value = a mean_seen + b mean_unseen, each the mean over all (member, example) pairs of that side, linearised: z_ji
    is what pair (j, i) adds to the mean of its side, less that mean. With psi_i = n (a sum_j z_ji/pairs_seen + b sum_j
    z_ji/pairs_unseen) the interval is value -+ sqrt((q e)^2 + (t s)^2):

        e^2 = max(G/(G - 1) sum_g (sum_{i in g} psi_i)^2, sum_i psi_i^2)/n^2           examples, groups together
        s^2 = (h r + (1 - h)/m) max(T - N, 0.2 T)                                      subsets and seeds

    q is 1.96 or Student's t (`effective_sample_size.estimate`), t Student's on m - 1 degrees. T is the variance between
    members of u_j = a mean of r_ji over what j saw + b the same over what it did not, N what of T finitely many
    examples bring; r_ji = z_ji - beta w_ji, w_ji the mean of the other members on the same example, beta >= 0 its
    slope on that side: what others find hard is hard, and no effect of the member. As w holds the other members'
    own effects, u is divided by 1 + beta/(m - 1). r = mean (n - d_j)/d_j, d_j what j leaves out, h = 1/2
    (`training_variance`). One member: s = 0, the interval is of this one training.

    Args:
        value: the estimate.
        z: (m, n) of each pair, mean 0 over the pairs of a side; what stands at gaps is not read.
        mask: (m, n) as `seen_unseen.sides` reads it.
        weights: a and b.
        groups: (n,) names of groups (copies of one another) that are drawn together.
        bound: how far one more example may be from all others, as in `intervals.budget_share_intervals`.
        low: where the interval ends at the latest.
        high: the same above.

    Returns:
        An `Estimate`; NaN ends where a side holds too few draws.

    Raises:
        InputRefused: wrong shapes, NaN.

    Cost: O(m n). Fails when: a side holds only tens of examples; with two members, Student's t on one degree asks for
    12.7 standard errors.

    Reference: two-way layout: Scheffe 1959, "The analysis of variance", section 4.3; deleted jackknife: Shao and Wu
    1989, eq. 2.2; the floor 0.2 T is ours, checked by `benchmarks/few.py`.

    >>> mask = np.array([[True, True, False, False], [False, True, True, False]])
    >>> alike = pairs_estimate(0.5, np.zeros((2, 4)), mask, (0.0, 1.0))
    >>> alike.value, bool(alike.low < 0.5 < alike.high)
    (0.5, True)
    """
    z = array(z, "z", "mn").astype(np.float64)
    mask = members_mask(mask, z.shape)
    n, both, places = z.shape[1], sides(mask), group_numbers(groups, z.shape[1])
    asked = [(side, weight) for side, weight in zip(both, weights) if weight]
    psi = n * sum(weight * np.where(side, z, 0.0).sum(0) / side.sum() for side, weight in asked)
    # a share of the examples is left out by few members: an interval rests on those
    resting = [places[side.any(0)] for side, _ in asked]
    draws, judged = min((worth(names), len(names)) for names in resting)
    examples = max(bound**2 * unlike(draws), variance_of_mean(psi, places, worth(places)))
    training_set, members = _of_members(z, both, weights, places)
    return estimate(
        value, Sources(examples, training_set, members), low, high, draws, judged, freedom_of_variance(psi, places),
        between=len(z) - 1,
    )  # fmt: skip


def _of_members(
    z: Float[np.ndarray, "m n"],
    both: tuple[np.ndarray, np.ndarray],
    weights: tuple[float, float],
    places: Int[np.ndarray, " n"],
) -> tuple[float, float]:
    """The variances that the training set which members share brings, and their subsets and seeds; 0 of one member."""
    m, n = z.shape
    if m < 2:
        return 0.0, 0.0
    judged = both[0] | both[1]
    total, count = np.where(judged, z, 0.0).sum(0), judged.sum(0)
    others = (total - np.where(judged, z, 0.0)) / np.maximum(count - judged, 1)
    effects, noise = np.zeros(m), np.zeros(m)
    for side, weight in zip(both, weights):
        slope = _slope(others[side], z[side])
        residual, times = np.where(side, z - slope * others, 0.0), np.maximum(side.sum(1), 1)
        own, scale = residual.sum(1) / times, 1 + slope / (m - 1)
        away = np.where(side, residual - own[:, None], 0.0)
        of_groups = np.stack([np.bincount(places, row) for row in away])
        effects += weight * own / scale
        noise += (weight / scale) ** 2 * np.maximum((of_groups**2).sum(1), (away**2).sum(1)) / times**2
    between = float(effects.var(ddof=1))
    apart = max(between - float(noise.mean()), KEPT_OF_FEW * between)
    left_out = np.clip(both[1].sum(1), 1, n - 1)
    ratio = float(np.mean((n - left_out) / left_out))
    return ONE_BY_ONE * ratio * apart, (1 - ONE_BY_ONE) * apart / m


def _slope(x: Shaped[np.ndarray, " r"], y: Shaped[np.ndarray, " r"]) -> float:
    """The slope of y on x by least squares, at least 0."""
    if not len(x):
        return 0.0
    away = x - x.mean()
    spread = float(away @ away)
    return max(0.0, float(away @ (y - y.mean())) / spread) if spread > 1e-20 * len(x) else 0.0


def few_members_auc(
    score: Given[Any, "m n"], mask: Given[Any, "m n"], groups: Given[Any, " n"] | None = None
) -> Estimate:
    r"""How well does a score tell what fewer than eight members saw from what they did not?

    AUC = the mean over seen pairs of the share of unseen pairs that score below, ties half. What a pair adds is its
    share less the AUC, on either side (placement values), so that the interval is that of `pairs_estimate`. Range
    [0, 1]. Oracle: 0.5. Rote: 1.

    Args:
        score: (m, n) higher means "was seen"; NaN is not judged.
        mask: (m, n) True where it was.
        groups: (n,) names of groups (copies of one another) that are drawn together.

    Returns:
        An `Estimate`.

    Raises:
        InputRefused: wrong shapes.

    Cost: two sorts. Fails when: as `pairs_estimate`.

    Reference: DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver
    operating characteristic curves", Biometrics 44 (placement values).

    >>> few_members_auc([[2.0, 1.0, 1.0, 0.0]], [[True, False, True, False]]).value
    0.875
    """
    score = array(score, "score", "mn", finite=False).astype(np.float64)
    judged = np.where(np.isnan(score), -1, members_mask(mask, score.shape).astype(np.int8))
    seen, unseen = sides(judged)
    placed = np.zeros(score.shape)
    for side, other, sign in ((seen, unseen, 1.0), (unseen, seen, -1.0)):
        against = np.sort(sign * score[other])
        own = sign * score[side]
        below = np.searchsorted(against, own, "left") + np.searchsorted(against, own, "right")
        placed[side] = below / (2 * len(against))
    area = float(placed[seen].mean())
    # turned so that a high value is a high score on both sides, as what members share of an example is
    z = np.where(seen, placed - area, np.where(unseen, area - placed, 0.0))
    return pairs_estimate(area, z, judged, (1.0, -1.0), groups, low=0, high=1)
