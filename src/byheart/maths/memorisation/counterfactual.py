"""What does having seen an example change? Memorisation scores, influences, and how far chance alone goes.

Everything comes from one bank of m members, each trained on a random subset: `mask[j, i]` is True where
member j saw example i. Pairs of examples in the millions are in `pairs` (its names can be imported from here
as well).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, is_binary, members_mask
from byheart.maths.memorisation.mean_difference import Side, centred, contrast, spread
from byheart.maths.shapes import Bool, Given
from byheart.maths.statistics.ranks import spearman
from byheart.maths.statistics.seen_unseen import sides

# scores are ratios of small counts: a score that equals the threshold must not fall below it by rounding
TIE = 1e-9
# fewest scores apart from the most frequent one that make a ranking to repeat
UNTIED = 10
BLOCK = 256


class Scores(NamedTuple):
    """Scores and their standard errors, both float64 of the same shape; NaN where one side is empty."""

    score: np.ndarray
    standard_error: np.ndarray


class Reliability(NamedTuple):
    """Mean and standard deviation, over random splits, of the rank correlation of two halves of a bank."""

    mean: float
    sd: float
    splits: int


def memorisation(outcome: Given[Any, "m n"], mask: Given[Any, "m n"]) -> Scores:
    r"""How much better does the recipe do on an example when it has seen it?

    score_i = mean_{j: M_ji} O_ji - mean_{j: not M_ji} O_ji, with M the mask and O_ji the outcome of member j
    on training example i: 1 if right and 0 if wrong (the published score), or the probability or margin of
    its label.

    For 0/1 outcomes the squared error is the sum over the two sides of p(1 - p)/t, p = (x + 1)/(t + 2), x
    right ones of t members: two imagined members, one right and one wrong, so that ten right of ten never
    reads as certain. For real outcomes each side's variance is shrunk towards that of all examples by two
    imagined members, (S + 2 v)/(t + 1), S the sum of squared deviations, v the pooled variance of the side;
    divided by t. The same spirit: no example can claim to be exact because its few members agree. Should
    every side of every example agree, v is R^2/(N + 2), R the range of all outcomes (1 if there is none), N
    their number.

    Range [-1, 1] for 0/1 outcomes and probabilities. Rote gives 1 where its guess at an unseen example is
    wrong and 0 where it is lucky, Oracle gives 0.

    Args:
        outcome: (m, n) outcome of each member on each training example.
        mask: (m, n) True where the member saw the example, False where not; -1 where it counts for neither.

    Returns:
        `score` (n,) and `standard_error` (n,), in the unit of the outcome; NaN where no member saw the
        example or all did.

    Raises:
        InputRefused: wrong shapes, NaN outcomes, a mask that is not boolean.

    Cost: O(m n). Fails when: members are few (the score of one example moves by its standard error), or
    outcomes of one member are not independent of the draw of its subset.

    Reference: Feldman and Zhang 2020, "What neural networks memorize and why", eq. 1 and section 3 (subset
    form); the imagined members: Agresti and Caffo 2000, American Statistician 54 (who divide by t + 2, for a
    shrunken score).

    >>> seen = [[1, 1, 0], [1, 0, 1], [0, 1, 1], [0, 0, 0]]
    >>> memorisation(outcome=[[1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0]], mask=seen).score
    array([1., 0., 0.])
    """
    outcome = array(outcome, "outcome", "mn")
    mask = members_mask(mask, outcome.shape, gaps=True)
    values = centred(outcome)
    both = []
    for side in sides(mask):
        chosen = np.where(side, values, 0.0)
        both.append(Side(side.sum(0), chosen.sum(0), (chosen**2).sum(0)))
    pooled = None
    if not is_binary(outcome):
        pooled = tuple(spread(side.count, float(side.deviations().sum()), 1, outcome) for side in both)
    return Scores(*contrast(*both, pooled))


def influence(outcome: Given[Any, "m q"], mask: Given[Any, "m n"]) -> Scores:
    r"""How much better does the recipe do on a new example when it has seen a given training example?

    score_iq = mean_{j: M_ji} O_jq - mean_{j: not M_ji} O_jq, with M the mask and O_jq the outcome of member j
    on query q. By two matrix products, M^T O. Standard errors as in `memorisation` (the pooled variance is
    that of all pairs); with the training examples as queries the diagonal is the memorisation score. Range
    [-1, 1] for 0/1 outcomes and probabilities. Rote gives 0 except for exact copies of the query, Oracle 0.

    Args:
        outcome: (m, q) outcome of each member on each query.
        mask: (m, n) True where the member saw the training example.

    Returns:
        `score` (n, q) and `standard_error` (n, q); NaN where one side of the training example is empty.

    Raises:
        InputRefused: wrong shapes, NaN outcomes, a mask that is not boolean.

    Cost: O(m n q) operations and the two arrays of n q float64 that come back: for millions of pairs use
    `influence_counts`. Fails when: one searches n q pairs for the largest with few members: see
    `largest_influence_null`, `members_needed`.

    Reference: Feldman and Zhang 2020, "What neural networks memorize and why", eq. 2.

    >>> influence(outcome=[[1], [1], [0], [1]], mask=[[1, 1], [1, 0], [0, 1], [0, 0]]).score
    array([[ 0.5],
           [-0.5]])
    """
    outcome = array(outcome, "outcome", "mq")
    mask = members_mask(mask, (len(outcome), array(mask, "mask", "mn").shape[1]))
    values = centred(outcome)
    seen, squared = mask.T.astype(np.float64), None if is_binary(outcome) else values**2
    blocks = [slice(start, start + BLOCK) for start in range(0, len(seen), BLOCK)]
    pooled = None
    if squared is not None:
        deviations = np.zeros(2)
        for rows in blocks:
            deviations += [side.deviations().sum() for side in _two_sides(seen[rows], values, squared)]
        counts = (seen.sum(1), len(values) - seen.sum(1))
        pooled = tuple(spread(count, d, values.shape[1], outcome) for count, d in zip(counts, deviations))
    score, error = np.empty((2, len(seen), values.shape[1]))
    for rows in blocks:
        score[rows], error[rows] = contrast(*_two_sides(seen[rows], values, squared), pooled)
    return Scores(score, error)


def _two_sides(seen: np.ndarray, values: np.ndarray, squared: np.ndarray | None) -> tuple[Side, Side]:
    """Both sides of some training examples (r, m) for all queries (m, q); 0/1 are their own squares."""
    count, total = seen.sum(1)[:, None], seen @ values
    squares = total if squared is None else seen @ squared
    everything = values.sum(0), (values if squared is None else squared).sum(0)
    return Side(count, total, squares), Side(len(values) - count, everything[0] - total, everything[1] - squares)


def shuffled(mask: Given[Any, "m n"], rng: np.random.Generator) -> Bool[np.ndarray, "m n"]:
    """What would the mask be if it had nothing to do with the outcomes?

    The rows of the mask in random order: member j is given the subset of member s(j), s a random permutation.
    Each row keeps its number of examples and each column its number of members, so chance under the very same
    design is what remains. Not a quantity: both poles give the same mask.

    Args:
        mask: (m, n) True where the member saw the example.
        rng: the source of the permutation.

    Returns:
        (m, n) bool, the same rows in another order.

    Raises:
        InputRefused: a mask that is not a boolean matrix.

    Cost: a copy. Fails when: m is so small that few orders exist (m = 4 has 24).

    Reference: Fisher 1935, "The design of experiments", section 21 (permutation under the design).

    >>> shuffled([[True, False], [True, True]], np.random.default_rng(0)).sum(0)
    array([2, 1])
    """
    mask = array(mask, "mask", "mn")
    return members_mask(mask, mask.shape)[rng.permutation(len(mask))]


def raw_memorised_share(outcome: Given[Any, "m n"], mask: Given[Any, "m n"], threshold: float = 0.25) -> float:
    r"""Which share of the measured scores reaches the threshold, noise included?

    share = #{i: score_i >= threshold} / #{i: score_i exists}, score of `memorisation`; a tie with the
    threshold counts. Range [0, 1], no unit. Rote gives 1 up to lucky guesses, Oracle 0 and more where its answers
    vary. For the share of examples that are memorised see `memorisation.memorised_share`.

    Args:
        outcome: (m, n) outcome of each member on each training example.
        mask: (m, n) True where the member saw the example.
        threshold: smallest score that counts as memorised, in the unit of the outcome.

    Returns:
        The share; NaN if no example has members on both sides.

    Raises:
        InputRefused: as `memorisation`.

    Cost: O(m n). Fails when: members are few, so that chance alone passes the threshold: print beside
    it what `shuffled` masks give.

    Reference: Feldman and Zhang 2020, section 3.2 (threshold 0.25).

    >>> raw_memorised_share([[1, 1], [1, 1], [0, 1], [0, 1]], [[1, 1], [1, 0], [0, 1], [0, 0]])
    0.5
    """
    score = memorisation(outcome, mask).score
    score = score[~np.isnan(score)]
    return float((score >= threshold - TIE).mean()) if len(score) else float("nan")


def _untied(scores: np.ndarray) -> int:
    """How many scores differ from the most frequent one."""
    return len(scores) - int(np.unique(scores, return_counts=True)[1].max(initial=0))


def split_half_reliability(
    outcome: Given[Any, "m n"], mask: Given[Any, "m n"], rng: np.random.Generator, halves: int = 20
) -> Reliability:
    r"""Would another bank of half the size rank the examples alike?

    The members are cut into two random halves, `memorisation` is computed in each, and the two lists of
    scores are compared by Spearman's rho; examples without a score in either half are left out. Range [-1,
    1]; 0 is chance. Ties hold it down: Rote and Oracle (all scores tied) give NaN, for there is no ranking to
    repeat, as do scores of which fewer than ten differ from the most frequent one.

    Args:
        outcome: (m, n) outcome of each member on each training example.
        mask: (m, n) True where the member saw the example.
        rng: the source of the splits.
        halves: number of random splits.

    Returns:
        `mean` and `sd` of rho over the splits that have one, and their number `splits`.

    Raises:
        InputRefused: as `memorisation`, or fewer than 4 members.

    Cost: halves times O(m n + n log n). Fails when: read as the reliability of the whole bank, which is
    higher: by Spearman-Brown 2 rho/(1 + rho).

    Reference: Spearman 1910 and Brown 1910, British Journal of Psychology 3.

    >>> rng = np.random.default_rng(0)
    >>> mask = rng.random((40, 60)) < 0.7
    >>> round(split_half_reliability(mask * np.linspace(0, 1, 60), mask, rng).mean, 6)
    1.0
    """
    outcome = array(outcome, "outcome", "mn")
    mask = members_mask(mask, outcome.shape)
    m = len(outcome)
    if m < 4:
        raise InputRefused(expected="at least 4 members to cut in halves", came=f"{m}", do="Train more members.")
    found = []
    for _ in range(halves):
        order = rng.permutation(m)
        first, second = (memorisation(outcome[part], mask[part]).score for part in (order[: m // 2], order[m // 2 :]))
        both = ~(np.isnan(first) | np.isnan(second))
        # scores that are tied but for rounding must rank as tied
        scores = [np.round(x[both], 12) for x in (first, second)]
        found.append(spearman(*scores) if min(map(_untied, scores)) >= UNTIED else np.nan)
    rho = np.array(found)[~np.isnan(found)]
    if not len(rho):
        return Reliability(float("nan"), float("nan"), 0)
    return Reliability(float(rho.mean()), float(rho.std(ddof=1)) if len(rho) > 1 else float("nan"), len(rho))
