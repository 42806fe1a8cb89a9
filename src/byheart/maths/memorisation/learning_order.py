"""In what order are examples learned, and how well does a cheap proxy predict an expensive score?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask, same_shape
from byheart.maths.shapes import Float, Given, Shaped
from byheart.maths.statistics.resampling import Interval, around, bootstrap


class Course(NamedTuple):
    """How the learning of each example went; (n,) each, means over the members that saw it, NaN where none did.

    Attributes:
        first_learned: epoch of the first checkpoint from which it is right to the end; never counts twice the last.
        never_learned: share of members that are wrong about it at the end.
        forgetting_events: times it goes from right to wrong between checkpoints; never right counts all checkpoints.
        confidence: mean over checkpoints of the probability of its label.
        variability: standard deviation of that over checkpoints.
        final_loss: -log p(label) at the end, in nats.
    """

    first_learned: np.ndarray
    never_learned: np.ndarray
    forgetting_events: np.ndarray
    confidence: np.ndarray
    variability: np.ndarray
    final_loss: np.ndarray


class StandIn(NamedTuple):
    """Rank correlation of a proxy with a score, its 95 % interval, and the share of the top that it finds."""

    spearman: float
    interval: Interval
    recall: float


def course(
    correct: Given[Any, "c m n"], loss_nats: Given[Any, "c m n"], mask: Given[Any, "m n"], checkpoints: Sequence[int]
) -> Course:
    r"""When was each example learned, did it stay so, and how sure was the model on the way?

    Over the checkpoints after epoch 0 (an untrained model is right by luck), for members that saw the example. With
    R_t right or wrong at checkpoint t: first learned is the epoch of the first t with R_t = ... = R_end = right;
    forgetting events are the t with R_t right and R_{t+1} wrong. p_t = exp(-loss_t): confidence is their mean,
    variability their standard deviation (over t, as published, not over runs).

    Checkpoints are fewer than presentations: an example may be lost and found again between two of them, so events
    are a lower bound and epochs are those of the grid.

    Oracle: all is learned at the first checkpoint. Rote: likewise, for it has no order.

    Args:
        correct: (c, m, n) right or wrong at each checkpoint.
        loss_nats: (c, m, n) -log p(label).
        mask: (m, n) True where the member saw the example.
        checkpoints: (c,) epochs, ascending; epoch 0 is left out.

    Returns:
        `Course`.

    Raises:
        InputRefused: wrong shapes, NaN, fewer than 2 checkpoints after epoch 0.

    Cost: O(c m n). Fails when: checkpoints are too coarse for the speed of learning: all is learned by the first.

    Reference: Toneva et al. 2019, "An empirical study of example forgetting", definitions of section 2 (between
    presentations; here between checkpoints); Swayamdipta et al. 2020, "Dataset cartography", eqs. 1 and 2.

    >>> right = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool)[:, None]
    >>> found = course(right, np.where(right, 0.0, 50.0), np.ones((1, 2), bool), (0, 1, 2, 4))
    >>> found.first_learned.tolist(), found.forgetting_events.tolist(), found.confidence.round(2).tolist()
    ([4.0, 2.0], [1.0, 0.0], [0.67, 0.67])
    """
    correct, loss = np.asarray(correct), np.asarray(loss_nats)
    same_shape(loss, "loss_nats", correct.shape)
    if correct.ndim != 3 or len(correct) != len(checkpoints):
        wanted = f"correct (c, m, n), c = {len(checkpoints)}"
        raise InputRefused(wanted, f"shape {correct.shape}", "Give every checkpoint.")
    mask = members_mask(mask, correct.shape[1:])
    epochs = np.asarray(checkpoints)
    late = np.flatnonzero(epochs > 0)
    if len(late) < 2:
        raise InputRefused("at least 2 checkpoints after epoch 0", f"{len(late)}", "Record more checkpoints.")
    first = np.full(mask.shape, 2.0 * epochs[-1])
    stays, ever = np.ones(mask.shape, bool), np.zeros(mask.shape, bool)
    events, total, squares = np.zeros(mask.shape), np.zeros(mask.shape), np.zeros(mask.shape)
    after = None
    for t in late[::-1]:
        right = correct[t].astype(bool)
        stays &= right
        first[stays] = epochs[t]
        ever |= right
        if after is not None:
            events += right & ~after
        after = right
        p = np.exp(-array(loss[t], "loss_nats", "mn").astype(np.float64))
        total += p
        squares += p * p
    events[~ever] = len(late)
    mean = total / len(late)
    spread = np.sqrt(np.maximum(squares / len(late) - mean**2, 0.0))
    wrong = ~correct[late[-1]].astype(bool)
    columns = (first, wrong, events, mean, spread, loss[late[-1]].astype(np.float64))
    return Course(*(_of_those_that_saw(column, mask) for column in columns))


def _of_those_that_saw(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.where(mask, values, 0.0).sum(0) / mask.sum(0)


def learned_by(
    correct: Given[Any, "c m n"], mask: Given[Any, "m n"], checkpoints: Sequence[int]
) -> Float[np.ndarray, "c n"]:
    """What share of the members that saw an example is right about it from each checkpoint to the end?

    Args:
        correct: (c, m, n) right or wrong.
        mask: (m, n) True where the member saw the example.
        checkpoints: (c,) epochs, ascending.

    Returns:
        (c, n) in [0, 1], rising with c; NaN where no member saw it. Oracle and Rote: 1 from the first checkpoint on.

    Raises:
        InputRefused: a mask of another shape.

    Cost: O(c m n). Fails when: checkpoints are coarse. Reference: Toneva et al. 2019, "An empirical study of example
    forgetting", section 2 (the first learning event that is not followed by a forgetting one).

    >>> learned_by(np.array([[[0]], [[1]], [[1]]], bool), [[True]], (0, 1, 2)).ravel().tolist()
    [0.0, 1.0, 1.0]
    """
    correct = np.asarray(correct).astype(bool)
    mask = members_mask(mask, correct.shape[1:])
    stays = np.logical_and.accumulate(correct[::-1])[::-1]
    return np.stack([_of_those_that_saw(kept, mask) for kept in stays])


def top_weights(score: Shaped[np.ndarray, " n"], k: int) -> Float[np.ndarray, " n"]:
    """By how much does each example belong to the k largest?

    1 above the cut, an equal part where it ties there.
    """
    cut = np.sort(score)[::-1][k - 1]
    above, at = score > cut, score == cut
    return above + at * (k - above.sum()) / at.sum()


def stand_in(
    signs: Sequence[Given[Any, " n"]],
    scores: Sequence[Given[Any, " n"]],
    k: int,
    rng: np.random.Generator,
    groups: Given[Any, " n"] | None = None,
    draws: int = 1000,
) -> StandIn:
    r"""How well does a cheap proxy predict a score?

    Spearman's rho between proxy and score, ties at their mean rank, and the share of the k largest scores that stand
    among the k largest signs; a tie at the cut counts in part. Where several scores are given (one of each half of a
    bank, each with the sign that owes nothing to that half), both figures are means over them. Interval: bootstrap
    over examples, the ranks kept as they are; 95 % percentiles.

    rho in [-1, 1], 0 by chance; recall in [0, 1], k/n by chance. Poles have no part in it: where all scores tie (Rote
    without luck, Oracle) rho is NaN.

    Args:
        signs: sequence of (n,) numbers, higher where memorisation is expected.
        scores: as many (n,) scores.
        k: size of the top.
        rng: the source of the draws.
        groups: (n,) names of groups (copies of one another) that are drawn together.
        draws: how many.

    Returns:
        `StandIn`.

    Raises:
        InputRefused: NaN, other shapes, k outside [1, n].

    Cost: O(n log n + draws n). Fails when: most scores tie: read the recall as well.

    Reference: Spearman 1904; bootstrap of rank correlation: Davison and Hinkley 1997, section 3.4; for the comparison
    of proxies with scores: Jiang et al. 2021, "Characterizing structural regularities", section 5.

    >>> stand_in([[1.0, 2.0, 3.0]], [[1.0, 2.0, 9.0]], 1, np.random.default_rng(0)).spearman
    1.0
    """
    pairs = [(array(sign, "sign", "n"), array(score, "score", "n")) for sign, score in zip(signs, scores, strict=True)]
    n = len(pairs[0][0])
    if not 1 <= k <= n:
        raise InputRefused(f"k from 1 to {n}", str(k), "Take a top that is part of the examples.")
    columns, recalls = [], []
    for sign, score in pairs:
        same_shape(score, "score", sign.shape)
        a, b = (rankdata(x) - (n + 1) / 2 for x in (sign, score))
        columns += [a, b, a * a, b * b, a * b]
        recalls.append(float(top_weights(sign, k) @ top_weights(score, k)) / k)
    drawn = bootstrap(np.stack(columns, 1), groups=groups, rng=rng, draws=draws)
    value = float(np.mean([_correlation(drawn.total[None, 5 * i :], np.array([n]))[0] for i in range(len(pairs))]))
    of_draws = np.mean([_correlation(drawn.sums[:, 5 * i :], drawn.counts) for i in range(len(pairs))], 0)
    # the few groups of copies spread farther than their resamples do
    of_draws = value + drawn.stretch * (of_draws - value)
    return StandIn(value, around(value, of_draws), float(np.mean(recalls)))


def _correlation(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Pearson's correlation from sums (draws, 5) of a, b, a^2, b^2, ab."""
    a, b, aa, bb, ab = (sums[:, column] / counts for column in range(5))
    spread = np.sqrt(np.maximum(aa - a * a, 0.0) * np.maximum(bb - b * b, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 1e-9, (ab - a * b) / spread, np.nan)
