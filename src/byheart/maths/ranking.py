"""How well does a score tell two groups apart? The area under the curve, and its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.resampling import Interval, resampling_weights


def _groups(score: Any, positive: Any) -> tuple[np.ndarray, np.ndarray]:
    score, positive = array(score, "score", "n"), array(positive, "positive", "n")
    same_shape(positive, "positive", score.shape)
    positive = positive != 0
    if positive.all() or not positive.any():
        raise InputRefused(
            expected="both positive and negative examples",
            came=f"{int(positive.sum())} positive of {len(positive)}",
            do="AUC needs both; leave it out here.",
        )
    return score, positive


def auc(score: Any, positive: Any) -> float:
    r"""How often does a positive example score above a negative one?

    AUC = (R - P(P + 1)/2)/(P N), R the sum of the ranks of the P positive among all P + N examples, ties at
    their mean rank: a tied pair counts half. Range [0, 1], chance 0.5, no unit. Oracle for the planted truth
    gives 1, a constant 0.5.

    Args:
        score: (n,) higher means more likely positive.
        positive: (n,) bool.

    Returns:
        The area.

    Raises:
        InputRefused: NaN, other shapes, only one group.

    Cost: O(n log n). Fails when: positives are few: print `auc_interval` as well.

    Reference: Hanley and McNeil 1982, "The meaning and use of the area under a ROC curve", Radiology 143.

    >>> auc([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1])
    0.875
    """
    score, positive = _groups(score, positive)
    p = int(positive.sum())
    return float((rankdata(score)[positive].sum() - p * (p + 1) / 2) / (p * (len(score) - p)))


def auc_interval(score: Any, positive: Any, rng: np.random.Generator, draws: int = 1000) -> Interval:
    r"""How far would the AUC move with other examples of the same two kinds?

    Positives and negatives are resampled with replacement, each in their own number; the 95 % percentile
    interval of the AUC of the draws. Range [0, 1].

    Args:
        score: (n,) higher means more likely positive.
        positive: (n,) bool.
        rng: the source of the draws.
        draws: how many.

    Returns:
        `low`, `high`.

    Raises:
        InputRefused: as `auc`.

    Cost: one sort and O(draws n). Fails when: the groups are perfectly apart: every draw is then 1 and the
    interval collapses; say so and print the counts.

    Reference: Davison and Hinkley 1997, "Bootstrap methods and their application", section 3.2 (several
    samples).

    >>> low, high = auc_interval([0.1, 0.4, 0.5, 0.6, 0.9], [0, 0, 1, 0, 1], np.random.default_rng(0))
    >>> 0 <= low < 1 <= high
    True
    """
    score, positive = _groups(score, positive)
    _, level = np.unique(score, return_inverse=True)
    levels = int(level.max()) + 1
    p, q = int(positive.sum()), int((~positive).sum())
    # per level of the score: the share of negatives below, ties half, is what one positive there earns
    found = []
    high = resampling_weights(p, rng, draws)
    low = resampling_weights(q, rng, draws)
    up, down = np.concatenate(list(high)), np.concatenate(list(low))
    for start in range(0, draws, 64):
        below = np.zeros((len(down[start : start + 64]), levels))
        for row, weights in zip(below, down[start : start + 64], strict=True):
            row += np.bincount(level[~positive], weights, levels)
        earned = (np.cumsum(below, 1) - below / 2)[:, level[positive]]
        found.append((earned * up[start : start + 64]).sum(1) / (p * q))
    ends = np.quantile(np.concatenate(found), [0.025, 0.975])
    return Interval(float(ends[0]), float(ends[1]))
