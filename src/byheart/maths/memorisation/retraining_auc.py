"""Can models that were to forget some examples be told from models that never saw them?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float, Given


class RetrainingAuc(NamedTuple):
    """The AUC over all rows, its 95 % interval over fresh models (None of one model), and (n,) the AUC of each row."""

    auc: float
    interval: tuple[float, float] | None
    by_example: Float[np.ndarray, " n"]


def retraining_auc(score: Given[Any, "m n"], retrained: Given[Any, "r n"]) -> RetrainingAuc:
    r"""How often is a model surer of a forgotten example than a model that was trained without it?

    auc = mean over i, j, k of [score_ji > retrained_ki], ties half: each example is its own scale, so an attacker who
    can retrain (the strongest there is) looks at one example of one model. Its rows are the ones that had to go, and no
    sample; what varies is the training. With a_j the mean over i and k, b_k that over i and j, m and r models,

        auc -+ t sqrt(var(a)/m + var(b)/r),   t Student's on min(m, r) - 1 degrees, cut at 0 and 1.

    Range [0, 1]. Oracle: 0.5, as models that never saw the rows. Rote: 1. Below 0.5 the rows are held to be less likely
    than models that never saw them hold them: too much was forgotten, which gives them away as well.

    Args:
        score: (m, n) of each model that was to forget, on each forgotten example: higher where it knows the label.
        retrained: (r, n) the same of models trained without them, from other seeds.

    Returns:
        `RetrainingAuc`.

    Raises:
        InputRefused: wrong shapes, NaN, or other examples in the two.

    Cost: O(m r n). Fails when: some rows are known too well and others too little, which cancel (`by_example` shows
    them); where all models of one kind are surer the interval has no width.

    Reference: placements: DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44, equation 5; retraining as the truth:
    Carlini et al. 2022, "Membership inference attacks from first principles", section V.

    >>> rng = np.random.default_rng(0)
    >>> never, kept = rng.normal(size=(2, 8, 40))
    >>> retraining_auc(kept + 3, never).auc > 0.9, 0.4 < retraining_auc(kept, never).auc < 0.6
    (True, True)
    """
    score, retrained = _same_rows(score, retrained)
    placed = np.stack([((one > retrained) + (one == retrained) / 2) for one in score])  # (m, r, n)
    value, m, r = float(placed.mean()), len(score), len(retrained)
    if min(m, r) < 2:
        return RetrainingAuc(value, None, placed.mean((0, 1)))
    variance = placed.mean((1, 2)).var(ddof=1) / m + placed.mean((0, 2)).var(ddof=1) / r
    half = float(student.ppf(0.975, min(m, r) - 1) * np.sqrt(variance))
    return RetrainingAuc(value, (max(0.0, value - half), min(1.0, value + half)), placed.mean((0, 1)))


class EitherWay(NamedTuple):
    """The AUC of an attacker who does not know which way the rows moved, and its p-value over permutations."""

    auc: float
    p: float


def either_way_auc(
    score: Given[Any, "m n"], retrained: Given[Any, "r n"], rng: np.random.Generator, permutations: int = 199
) -> EitherWay:
    r"""Can they be told apart by an attacker who learns from the other models which way each row moved?

    For a pair of models and an example the other models say which kind is surer of it:

        auc = mean over i, j, k of [d_ijk (score_ji - retrained_ki) > 0], ties half,
        d_ijk = mean_{l != j} score_li - mean_{l != k} retrained_li.

    Rows that are known too well and rows that are avoided do not cancel, as they do in `retraining_auc`. Its
    mean under no effect is 0.5, for a left-out pair is exchangeable; it has no simple interval, as all pairs share the
    others. So kinds are dealt anew among all models, at random: p = (1 + how many dealings have an auc as
    large)/(1 + permutations), exact under no effect, however a model's rows hang together.

    Range [0, 1]. Oracle: 0.5. Rote: 1.

    Args:
        score: (m, n) as in `retraining_auc`.
        retrained: (r, n) likewise.
        rng: deals the kinds.
        permutations: how often.

    Returns:
        `EitherWay`; an auc of 0.5 and p of 1 where a kind has fewer than two models.

    Raises:
        InputRefused: wrong shapes, NaN, or other examples in the two.

    Cost: O(permutations m r n). Fails when: models are few: of 3 and 3 no p is below 0.1.

    Reference: left-out pairs: Airola et al. 2011, Computational Statistics & Data Analysis 55; permutation: Good 2005,
    Permutation, parametric and bootstrap tests of hypotheses, section 3.2.

    >>> rng = np.random.default_rng(0)
    >>> moved = np.where(np.arange(40) % 2, 2.0, -2.0)
    >>> never, kept = rng.normal(size=(2, 8, 40))
    >>> found = either_way_auc(kept + moved, never, rng)
    >>> found.auc > 0.8, found.p, 0.4 < retraining_auc(kept + moved, never).auc < 0.6
    (True, 0.005, True)
    """
    score, retrained = _same_rows(score, retrained)
    m, r = len(score), len(retrained)
    if min(m, r) < 2:
        return EitherWay(0.5, 1.0)
    pooled, found = np.concatenate([score, retrained]), _left_out_pairs(score, retrained)
    as_large = 0
    for _ in range(permutations):
        dealt = pooled[rng.permutation(m + r)]
        as_large += _left_out_pairs(dealt[:m], dealt[m:]) >= found - 1e-12
    return EitherWay(found, (1 + as_large) / (1 + permutations))


def _left_out_pairs(score: np.ndarray, retrained: np.ndarray) -> float:
    others, known = ((one.sum(0) - one) / (len(one) - 1) for one in (score, retrained))
    agrees = (others[:, None] - known[None]) * (score[:, None] - retrained[None])
    return float(((agrees > 0) + (agrees == 0) / 2).mean())


def _same_rows(score: Any, retrained: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 (., n)."""
    score, retrained = (
        array(one, name, "mn").astype(np.float64) for one, name in ((score, "score"), (retrained, "retrained"))
    )
    if score.shape[1] != retrained.shape[1]:
        raise InputRefused(
            expected="scores of the same examples", came=f"{score.shape[1]} and {retrained.shape[1]} of them",
            do="Give one column per forgotten example in both.",
        )  # fmt: skip
    return score, retrained
