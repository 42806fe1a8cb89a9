"""How many bits per value do members save, and how many more where they saw it? Differences of Gaussian codes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.maths.codes.calibration import halves
from byheart.maths.codes.variance import deviations, mean_of_known, side_errors
from byheart.maths.inputs import array, members_mask, same_shape
from byheart.maths.shapes import Given
from byheart.maths.statistics.effective_sample_size import Estimate, Sources, estimate, worth
from byheart.maths.statistics.intervals import budget_share_intervals
from byheart.maths.statistics.seen_unseen import side_means, sides

# seen variance, as a part of the targets', below which a learner passes through its points
EXACT = 1e-6


class VarianceBits(NamedTuple):
    """Bits per example, with 95 % intervals; `memorised` is None where it is unbounded."""

    understood: Estimate
    memorised: Estimate | None


def variance_bits(
    y: Given[Any, " n"],
    predictions: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    seed: int = 0,
    *,
    ids: Given[Any, " n"] | None = None,
    groups: Given[Any, " n"] | None = None,
) -> VarianceBits:
    r"""How many bits per value do members save where they did not see it, and how many more where they did?

    Differences of Gaussian code lengths, which need no grid: understood = 1/2 log2(Var/V_out), memorised = 1/2
    log2(V_out/V_in). V is the mean squared distance of the target from mean_j + w (f_j - mean_j), the centre of the
    calibrated density, over the pairs of a side (per example over members, then over examples), in units of that of
    mean_j alone; w >= 0 is fitted by least squares for each side and half of the examples on the other half.

    Unit: bits per example. Rote: understood 0, memorised unbounded. Oracle: memorised 0. A constant: 0 and 0.
    Rescaling or rounding the target, or rescaling what all members predict around their means, moves neither (beyond
    what the rounding adds to the variance).

    Args:
        y: (n,) targets.
        predictions: (m, n) prediction of each member for each example, in the unit of y.
        mask: (m, n) True where the member saw the example.
        seed: of the hash that cuts the halves.
        ids: (n,) stable names of the examples; row numbers if absent.
        groups: (n,) names of groups that must fall in one half and are drawn together.

    Returns:
        `understood` and `memorised` with 95 % intervals; `memorised` is None where the seen variance is below 1e-6 of
        the targets': such a learner passes through its points, and the difference has no bound.

    Raises:
        InputRefused: wrong shapes, NaN or infinite values, targets that do not vary, fewer than 4 members.

    Cost: O(m n). Fails when: errors are far from Gaussian: the density is then not the one that codes them shortest.

    Reference: byheart, reference/complexity.md 3.8; differential entropy of a Gaussian: Cover and Thomas 2006,
    "Elements of information theory", eq. 8.48.

    >>> rng = np.random.default_rng(0)
    >>> mask, y = rng.random((8, 400)) < 0.7, rng.normal(size=400)
    >>> bits = variance_bits(y, np.where(mask, y, 0.0), mask)
    >>> round(bits.understood.value, 1), bits.memorised
    (0.0, None)
    """
    y = array(y, "y", "n").astype(np.float64)
    predictions = array(predictions, "predictions", "mn").astype(np.float64)
    same_shape(y, "y", predictions.shape[1:])
    mask = members_mask(mask, predictions.shape)
    spread = deviations(y, mask)
    target = y - ((mask @ y) / mask.sum(1))[:, None]
    signal = predictions - y + target
    first = halves(len(y), seed, ids, groups)
    errors = spread.copy()
    for side in sides(mask):
        weight = side / np.maximum(side.sum(0), 1)
        for here in (first, ~first):
            other = weight * ~here
            size = float((other * signal**2).sum())
            w = max(0.0, float((other * signal * target).sum()) / size) if size else 0.0
            own = side & here
            errors[own] = (target[own] - w * signal[own]) ** 2
    by_side = side_errors(errors, spread, mask)
    unseen, seen = mean_of_known(by_side.unseen), mean_of_known(by_side.seen)
    bounded = min(seen, mean_of_known(side_errors((predictions - y) ** 2, spread, mask).seen)) >= EXACT
    means = [mean_of_known(side) for side in side_means(spread, mask)]
    # the logarithm of each ratio, linearised pair by pair as in `variance_share_intervals`
    linear = np.ones(errors.shape)
    for side, ratio, whole in zip(sides(mask), (max(seen, EXACT), unseen), means):
        linear[side] += (errors[side] / ratio - spread[side]) / whole
    outer = budget_share_intervals(np.ones(len(y)), linear, mask, groups, bound=0.0).understood
    inner = budget_share_intervals(np.ones(len(y)), linear, mask, groups, bound=0.0).memorised
    draws = worth(np.arange(len(y)) if groups is None else groups)

    def halved(nats: float, of: Estimate) -> Estimate:
        bit = 2 * np.log(2)
        return estimate(nats / bit, Sources(*(part / bit**2 for part in of.sources)), draws=draws, n=len(y))

    memorised = halved(float(np.log(unseen / seen)), inner) if bounded else None
    return VarianceBits(halved(-float(np.log(unseen)), outer), memorised)
