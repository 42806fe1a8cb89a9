"""How well does a score rank? Two groups: the area under the curve. Retrained models: the datamodeling score."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit
from scipy.stats import rankdata

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask, same_shape
from byheart.maths.shapes import Given
from byheart.maths.statistics.resampling import Interval, resampling_weights


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


def auc(score: Given[Any, " n"], positive: Given[Any, " n"]) -> float:
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


def auc_interval(
    score: Given[Any, " n"], positive: Given[Any, " n"], rng: np.random.Generator, draws: int = 1000
) -> Interval:
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
    scores: Given[Any, "q n"], masks: Given[Any, "m n"], outputs: Given[Any, "m ... q"]
) -> DatamodelScore:
    r"""How well do scores of training examples predict what models retrained on subsets say?

    The linear datamodeling score: LDS = mean over queries j of Spearman over members k of (p_kj, F_kj), with
    p_kj = sum_{i in S_k} tau_ji the score of the examples that member k saw, and F_kj its output on query j, the
    mean over its r seeds. Range [-1, 1], no unit, 0 by chance; retraining itself, with as many seeds, reaches about
    the ceiling. A query whose p is the same for all members counts 0; one whose F is, is left out.

    Interval (95 %): of the score that infinitely many members of such subsets and seeds, and all queries of the kind,
    would give. On finitely many members Spearman is biased towards 0, so each query's correlation is first taken
    without bias, U_j = 3 T_ab / sqrt(3 T_aa 3 T_bb), T_ab the mean of sign(a_k - a_l) sign(b_k - b_h) over distinct
    members k, l, h. With psi_kj = (m - 1)(mean_k U_j(-k) - U_j(-k)), U_j(-k) without member k, the variance of their
    mean U is that of two crossed samples, V = V_members + V_queries - V_both:
    sum_k (mean_j psi_kj)^2/(m(m - 1)), sum_j (U_j - U)^2/(q(q - 1)),
    sum_kj (psi_kj - mean_j psi_kj)^2/(m(m - 1)q(q - 1)); at least each of the first two. Ends: tanh(artanh U -+
    t sqrt(V)/(1 - U^2)), t Student's at Satterthwaite's degrees of freedom, stretched to hold the value. Simulated
    coverage 92 to 99 % at 16 to 100 members and 24 new queries (true scores 0 to 0.97; retrained ridge models too), to
    100 % where the queries stay the same. A bootstrap of members, whose repeated members tie, covers 0 to 53 % at 64
    members where the score is above 0.9.

    Ceiling: sqrt(r rho / (1 + (r - 1) rho)), the correlation of a mean over r seeds with the mean over all seeds
    (Spearman-Brown), rho the mean Spearman between two single seeds.

    Args:
        scores: (q, n) tau; higher means that having the example in raises the output.
        masks: (m, n) True where the member saw the example.
        outputs: (m, q), or (m, r, q) with r seeds.

    Returns:
        `value`, `interval` ([-1, 1] at 3 members), `ceiling`.

    Raises:
        InputRefused: shapes that do not fit each other, NaN, fewer than 3 members, no query whose outputs differ.

    Cost: q m^2 operations. Fails when: scores were estimated from these very outputs (then no interval knows how much
    of the score is overfitting); outputs are 0 or 1 on an easy task, with most members alike: use the margin.

    Reference: Park et al. 2023, "TRAK: attributing model behavior at scale", ICML, definition 2.3; unbiased Spearman:
    Hoeffding 1948, Annals of Mathematical Statistics 19, section 9; crossed samples: Cameron, Gelbach and Miller 2011,
    "Robust inference with multiway clustering", equation 2.3; Brown 1910 and Spearman 1910, British Journal of
    Psychology 3, for the ceiling.

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
        raise InputRefused("at least 3 members, with a seed each", str(each.shape[:2]), "Train more subsets.")
    predicted = scores.astype(np.float64) @ masks.T.astype(np.float64)  # (q, m)
    # sums in another order differ in their last digits: members with the same examples must tie
    grain = np.abs(scores).sum(1, keepdims=True) * 1e-12
    predicted = np.where(grain > 0, np.round(predicted / np.where(grain > 0, grain, 1)) * grain, predicted)
    measured = each.astype(np.float64).mean(1).T
    varied = np.ptp(measured, axis=1) > 0
    if not varied.any():
        raise InputRefused("outputs that differ between members", "constant ones", "Use the margin as the output.")
    predicted, measured = predicted[varied], measured[varied]
    value = float(_spearman(predicted, measured).mean())
    low, high = _mean_interval(*_left_out(predicted, measured))
    return DatamodelScore(value, Interval(min(low, value), max(high, value)), _ceiling(each[:, :, varied]))


def _spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(q,) of the rows of a and b (q, m); 0 where one is constant."""
    ranks = [rankdata(x, axis=1) - (x.shape[1] + 1) / 2 for x in (a, b)]
    return _cosine(*((x * y).sum(1) for x, y in ((ranks[0], ranks[1]), (ranks[0], ranks[0]), (ranks[1], ranks[1]))))


def _cosine(both: np.ndarray, aa: np.ndarray, bb: np.ndarray) -> np.ndarray:
    norm = np.sqrt(np.maximum(aa, 0.0) * np.maximum(bb, 0.0))
    return np.clip(np.divide(both, norm, out=np.zeros_like(both), where=norm > 0), -1.0, 1.0)


def _left_out(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unbiased Spearman (q,) of the rows of a and b (q, m), and (q, m) without each member."""
    signs = [[np.sign(x[:, None] - x) for x in (one, other)] for one, other in zip(a, b)]
    whole, left = [], []
    for sa, sb in signs:
        sums, without = [], []
        for x, y in ((sa, sb), (sa, sa), (sb, sb)):
            across, down, same = x.sum(1), y.sum(1), (x * y).sum(1)
            own = across * down - same  # the triples whose first is this member
            sums.append(own.sum())
            without.append(own.sum() - own - (down @ x - same) - (across @ y - same))
        whole.append(_cosine(*np.array(sums)[:, None])[0])
        left.append(_cosine(*without))
    return np.array(whole), np.array(left)


def _mean_interval(whole: np.ndarray, left: np.ndarray) -> Interval:
    """95 % interval of the mean of q correlations over the same m members, from those without each member (q, m)."""
    q, m = left.shape
    mean = float(whole.mean())
    if m < 4:
        return Interval(-1.0, 1.0)
    psi = (m - 1) * (left.mean(1, keepdims=True) - left)
    common = psi.mean(0)
    members = float((common**2).sum() / (m * (m - 1)))
    pairs = max(q * (q - 1), 1)
    queries = float(((whole - mean) ** 2).sum() / pairs)
    both = float(((psi - common) ** 2).sum() / (m * (m - 1) * pairs))
    variance = max(members + queries - both, members, queries)
    if not variance or abs(mean) == 1:
        return Interval(mean, mean)
    rest = variance - members
    freedom = variance**2 / (members**2 / (m - 1) + rest**2 / max(q - 1, 1))
    reach = float(stdtrit(freedom, 0.975)) * np.sqrt(variance) / (1 - mean**2)
    return Interval(*(float(np.tanh(np.arctanh(mean) + side * reach)) for side in (-1, 1)))


def seed_ceiling(outputs: Given[Any, "m r q"], seeds: int = 1) -> tuple[float, Interval]:
    r"""What is the most that any method could reach, since models of one subset differ by their seed?

    ceiling = sqrt(s rho / (1 + (s - 1) rho)): the correlation of a mean over s seeds with the mean over all seeds
    (Spearman-Brown), rho the mean Spearman, over members and queries, between two single seeds. Range [0, 1], no unit.
    Oracle, which says the same under all seeds and subsets, has none (nothing differs: refused); Rote, without
    randomness, 1.

    Args:
        outputs: (m, r, q) of m subsets, each trained from r >= 2 seeds.
        seeds: s, over how many seeds the score's own outputs are means.

    Returns:
        The ceiling, and its 95 % interval: that of rho, as `datamodel_score` has it, taken through the formula.

    Raises:
        InputRefused: fewer than 3 members or 2 seeds, no query whose outputs differ, NaN.

    Cost: O(r^2 q m^2). Fails when: members are few: the interval is then wide.

    Reference: Brown 1910 and Spearman 1910, British Journal of Psychology 3.

    >>> alike = np.random.default_rng(0).normal(size=(20, 1, 3)).repeat(2, 1)
    >>> seed_ceiling(alike)[0]
    1.0
    """
    each = array(outputs, "outputs", "mrq").astype(np.float64)
    if len(each) < 3 or each.shape[1] < 2:
        raise InputRefused("at least 3 members from at least 2 seeds each", str(each.shape[:2]), "Train more.")
    each = each[:, :, (np.ptp(each, axis=0) > 0).all(0)]
    if not each.shape[2]:
        raise InputRefused("outputs that differ between members", "constant ones", "Use the margin as the output.")
    pairs = [_left_out(each[:, s].T, each[:, t].T) for s in range(each.shape[1]) for t in range(s)]
    ends = _mean_interval(*(np.mean(parts, axis=0) for parts in zip(*pairs)))
    value, (low, high) = _ceiling(each, seeds), (float(_spearman_brown(max(end, 0.0), seeds)) for end in ends)
    return value, Interval(min(low, value), max(high, value))


def _spearman_brown(rho: Any, seeds: int) -> Any:
    return np.sqrt(seeds * rho / (1 + (seeds - 1) * rho))


def _ceiling(each: np.ndarray, seeds: int = 0) -> float:
    """Spearman-Brown over the seeds of outputs (m, r, q); NaN for a single one."""
    r = each.shape[1]
    if r < 2:
        return float("nan")
    pairs = [_spearman(each[:, s].T, each[:, t].T).mean() for s in range(r) for t in range(s)]
    return float(_spearman_brown(max(float(np.mean(pairs)), 0.0), seeds or r))
