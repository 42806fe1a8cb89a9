"""How well does a score rank? Two groups: the area under the curve. Retrained models: the datamodeling score."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask, same_shape
from byheart.maths.resampling import Interval, percentiles, resampling_weights


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


class DatamodelScore(NamedTuple):
    """`value`, its 95 % `interval`, and the `ceiling` that the seeds leave to any method (NaN without seeds)."""

    value: float
    interval: Interval
    ceiling: float


def datamodel_score(
    scores: Any, masks: Any, outputs: Any, rng: np.random.Generator | None = None, draws: int = 1000
) -> DatamodelScore:
    r"""How well do scores of training examples foretell what models retrained on subsets say?

    The linear datamodeling score: LDS = mean over queries j of Spearman over members k of (p_kj, F_kj), with
    p_kj = sum_{i in S_k} tau_ji the score of the examples that member k saw, and F_kj its output on query j, the
    mean over its r seeds. Range [-1, 1], no unit, 0 by chance; retraining itself, with as many seeds, reaches about
    the ceiling. A query whose p is the same for all members counts 0; one whose F is, is left out.

    Interval: members and queries are resampled with replacement together, 95 % percentiles. Ceiling:
    sqrt(r rho / (1 + (r - 1) rho)), the correlation of a mean over r seeds with the mean over all seeds
    (Spearman-Brown), rho the mean Spearman between two single seeds.

    Args:
        scores: (q, n) tau; higher means that having the example in raises the output.
        masks: (m, n) True where the member saw the example.
        outputs: (m, q), or (m, r, q) with r seeds.
        rng: the source of the draws; None is a stream of its own, always the same.
        draws: how many.

    Returns:
        `value`, `interval`, `ceiling`.

    Raises:
        InputRefused: shapes that do not fit each other, NaN, fewer than 3 members, no query whose outputs differ.

    Cost: q m^2 (draws + r) operations. Fails when: members are few (under about 30): the interval is then wide and
    leans towards 0; outputs are 0 or 1 on an easy task, with most members alike: use the margin.

    Reference: Park et al. 2023, "TRAK: attributing model behavior at scale", ICML, definition 2.3; Brown 1910 and
    Spearman 1910, British Journal of Psychology 3, for the ceiling.

    >>> masks = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    >>> effects = np.array([[3.0, 2.0, -1.0]])
    >>> score = datamodel_score(effects, masks, masks @ effects.T)
    >>> score.value, score.ceiling
    (1.0, nan)
    """
    scores = array(scores, "scores", "qn")
    masks = array(masks, "masks", "mn")
    masks = members_mask(masks, (len(masks), scores.shape[1]))
    outputs = array(outputs, "outputs", "mrq" if np.ndim(outputs) == 3 else "mq")
    each = outputs[:, None] if outputs.ndim == 2 else outputs
    same_shape(outputs, "outputs", (len(masks), *outputs.shape[1:-1], len(scores)))
    if len(masks) < 3 or each.shape[1] < 1:
        raise InputRefused(
            expected="at least 3 members, with a seed each", came=str(each.shape[:2]), do="Train more subsets."
        )
    predicted = scores.astype(np.float64) @ masks.T.astype(np.float64)  # (q, m)
    # sums in another order differ in their last digits: members with the same examples must tie
    grain = np.abs(scores).sum(1, keepdims=True) * 1e-12
    predicted = np.where(grain > 0, np.round(predicted / np.where(grain > 0, grain, 1)) * grain, predicted)
    measured = each.astype(np.float64).mean(1).T
    varied = np.ptp(measured, axis=1) > 0
    if not varied.any():
        raise InputRefused(
            expected="outputs that differ between members", came="constant ones", do="Use the margin as the output."
        )
    predicted, measured = predicted[varied], measured[varied]
    rng = np.random.default_rng(0) if rng is None else rng
    m, q = len(masks), int(varied.sum())
    ones = np.ones((m, 1))
    value = float(_rank_correlations(predicted, measured, ones).mean())
    weights = rng.multinomial(m, np.full(m, 1 / m), draws).T.astype(np.float64)  # (m, draws)
    drawn = rng.multinomial(q, np.full(q, 1 / q), draws).T  # (q, draws)
    total = np.zeros(draws)
    step = max(1, 4_000_000 // (m * max(draws, m)))
    for start in range(0, q, step):
        rows = slice(start, start + step)
        total += (_rank_correlations(predicted[rows], measured[rows], weights) * drawn[rows]).sum(0)
    return DatamodelScore(value, percentiles(total / q, 0.95), _ceiling(each[:, :, varied]))


def _rank_correlations(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spearman (q, draws) of the rows of a and b (q, m), each member taken `weights` (m, draws) times; 0 if tied.

    The mid-rank of a member among the drawn ones is the weight below it plus half the weight that ties with it.
    """
    total = weights.sum(0)
    ranks = []
    for x in (a, b):
        below = (x[:, None, :] < x[:, :, None]) + 0.5 * (x[:, None, :] == x[:, :, None])  # (q, m, m)
        rank = below.astype(np.float32) @ weights.astype(np.float32)  # exact: halves below 2^24
        ranks.append(rank - (total / 2).astype(np.float32))  # the weighted mean of mid-ranks
    ra, rb = ranks
    weights = weights.astype(np.float32)
    both, aa, bb = ((x * y * weights).sum(1, dtype=np.float64) for x, y in ((ra, rb), (ra, ra), (rb, rb)))
    norm = np.sqrt(aa * bb)
    return np.divide(both, norm, out=np.zeros_like(both), where=norm > 0)


def seed_ceiling(
    outputs: Any, seeds: int = 1, rng: np.random.Generator | None = None, draws: int = 1000
) -> tuple[float, Interval]:
    r"""What is the most that any method could reach, since models of one subset differ by their seed?

    ceiling = sqrt(s rho / (1 + (s - 1) rho)): the correlation of a mean over s seeds with the mean over all seeds
    (Spearman-Brown), rho the mean Spearman, over members and queries, between two single seeds. Range [0, 1], no unit.
    Oracle, which says the same under all seeds and subsets, has none (nothing differs: refused); Rote, without
    randomness, 1.

    Args:
        outputs: (m, r, q) of m subsets, each trained from r >= 2 seeds.
        seeds: s, over how many seeds the score's own outputs are means.
        rng: the source of the draws.
        draws: how many.

    Returns:
        The ceiling, and its 95 % interval: members and queries drawn with replacement together.

    Raises:
        InputRefused: fewer than 3 members or 2 seeds, no query whose outputs differ, NaN.

    Cost: O(r^2 q m^2 draws). Fails when: members are few: the interval is then wide.

    Reference: Brown 1910 and Spearman 1910, British Journal of Psychology 3.

    >>> alike = np.random.default_rng(0).normal(size=(20, 1, 3)).repeat(2, 1)
    >>> seed_ceiling(alike)[0]
    1.0
    """
    each = array(outputs, "outputs", "mrq").astype(np.float64)
    if len(each) < 3 or each.shape[1] < 2:
        raise InputRefused(
            expected="at least 3 members from at least 2 seeds each", came=str(each.shape[:2]), do="Train more."
        )
    each = each[:, :, (np.ptp(each, axis=0) > 0).all(0)]
    if not each.shape[2]:
        raise InputRefused(
            expected="outputs that differ between members", came="constant ones", do="Use the margin as the output."
        )
    rng = np.random.default_rng(0) if rng is None else rng
    m, q = len(each), each.shape[2]
    weights = np.concatenate([np.ones((m, 1)), rng.multinomial(m, np.full(m, 1 / m), draws).T], 1)
    drawn = np.concatenate([np.ones((q, 1)), rng.multinomial(q, np.full(q, 1 / q), draws).T], 1)
    pairs = [(s, t) for s in range(each.shape[1]) for t in range(s + 1, each.shape[1])]
    total = np.zeros(draws + 1)
    for s, t in pairs:
        for j in range(q):
            total += _rank_correlations(each[:, s, j][None], each[:, t, j][None], weights)[0] * drawn[j]
    found = _spearman_brown(np.maximum(total / (q * len(pairs)), 0.0), seeds)
    return float(found[0]), percentiles(found[1:], 0.95)


def _spearman_brown(rho: Any, seeds: int) -> Any:
    return np.sqrt(seeds * rho / (1 + (seeds - 1) * rho))


def _ceiling(each: np.ndarray) -> float:
    """Spearman-Brown over the seeds of outputs (m, r, q)."""
    r = each.shape[1]
    if r < 2:
        return float("nan")
    ones = np.ones((len(each), 1))
    pairs = [_rank_correlations(each[:, s].T, each[:, t].T, ones).mean() for s in range(r) for t in range(s + 1, r)]
    return float(_spearman_brown(max(float(np.mean(pairs)), 0.0), r))
