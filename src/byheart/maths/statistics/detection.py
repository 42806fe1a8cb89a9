"""How often is a yes-or-no judgement right? Operating points of a score, with intervals for a bank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask, same_shape
from byheart.maths.shapes import Float, Given
from byheart.maths.statistics.binned_redraws import AT_ONCE, MANY, BinnedRedraws
from byheart.maths.statistics.resampling import Interval, around, resampling_weights

# fewer false alarms than that behind a level say nothing of it: their number alone has an error of a fifth
FALSE_ALARMS = 30


class Point(NamedTuple):
    """The share of true cases found at one level of false alarms; value and interval None where withheld."""

    level: float
    value: float | None
    interval: Interval | None
    false_alarms: int
    reason: str = ""


class Points(NamedTuple):
    """AUC with its interval, one `Point` a level, and how many judgements of each kind stand behind them."""

    auc: float
    auc_interval: Interval
    points: tuple[Point, ...]
    positives: int
    negatives: int


class _Sorted(NamedTuple):
    """Judgements from the highest score down: their example, member, kind, and where each new score begins."""

    example: np.ndarray
    member: np.ndarray
    positive: np.ndarray
    starts: np.ndarray


def _sorted(score: Any, mask: Any) -> _Sorted:
    score = array(score, "score", "mn", finite=False).astype(np.float64)
    mask = members_mask(mask, score.shape)
    there = np.flatnonzero(~np.isnan(score))
    values, positive = score.ravel()[there], mask.ravel()[there]
    if positive.all() or not positive.any():
        raise InputRefused(
            expected="judgements of both kinds, seen and not seen",
            came=f"{int(positive.sum())} of members and {int((~positive).sum())} of others",
            do="Train more members, each on a random part of the examples.",
        )
    order = np.argsort(-values, kind="stable")
    values, place = values[order], there[order]
    # equal but for rounding is equal: a constant score must not be ranked by its last digit
    near = 1e-12 * np.maximum(1.0, np.abs(values[:-1]))
    with np.errstate(invalid="ignore"):
        starts = np.flatnonzero(np.append(True, values[:-1] - values[1:] > near))
    n = score.shape[1]
    return _Sorted(place % n, place // n, positive[order], starts)


def _curve(kept: _Sorted, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the negatives and of the positives at or above each different score, from (0, 0) to (1, 1)."""
    if weights is None:
        weights = np.ones(len(kept.positive))
    true = np.where(kept.positive, weights, 0.0)
    shares = []
    for kind in (weights - true, true):
        total = np.cumsum(np.add.reduceat(kind, kept.starts))
        shares.append(np.append(0.0, total / total[-1]) if total[-1] else np.full(len(total) + 1, np.nan))
    return shares[0], shares[1]


def _area(false: np.ndarray, true: np.ndarray) -> float:
    return float(((true[1:] + true[:-1]) / 2 * np.diff(false)).sum())


def detection_curve(
    score: Given[Any, "m n"], mask: Given[Any, "m n"]
) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, " r"]]:
    r"""Which share of the true cases is found at each share of false alarms?

    The ROC of all judgements (m n, NaN left out) under one threshold: vertices at every different score, straight
    lines between them, so that ties are broken by a coin. Range [0, 1]. Oracle: the diagonal. Rote: the upper corner.

    Args:
        score: (m, n) higher means "was seen"; NaN is not judged.
        mask: (m, n) True where it was.

    Returns:
        false alarms (p,) and found (p,), shares, rising from (0, 0) to (1, 1).

    Raises:
        InputRefused: wrong shapes, or only one kind.

    Cost: a sort. Fails when: judgements of one member hang together and are read as independent.

    Reference: Fawcett 2006, "An introduction to ROC analysis", algorithm 2 (ties).

    >>> detection_curve([[2.0, 1.0], [1.0, 0.0]], [[True, True], [False, False]])
    (array([0. , 0. , 0.5, 1. ]), array([0. , 0.5, 1. , 1. ]))
    """
    return _curve(_sorted(score, mask))


def operating_points(
    score: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    rng: np.random.Generator,
    levels: Sequence[float] = (0.01, 0.001),
    groups: Given[Any, " n"] | None = None,
    draws: int = 400,
) -> Points:
    r"""How many members are found at few false alarms, and how far would that move with other examples and models?

    One threshold for all judgements. AUC, and for each level f the share of members found at a share f of false
    alarms (straight lines between the vertices of the curve). A level with fewer than 30 false alarms behind it (f
    times the number of non-members judged) is withheld. Intervals: two-way bootstrap: examples (groups together) and
    models are each drawn with replacement, a judgement weighs the product of the two draws; 95 % percentiles. Drawing
    judgements as if independent gives intervals several times too narrow, for those of one model, and those on one
    example, hang together (measured on digits: standard error 0.0007 in the place of 0.0040).

    Range [0, 1]. Oracle: AUC 0.5, found = f. Rote: 1 and 1.

    Args:
        score: (m, n) higher means "was seen"; NaN is not judged.
        mask: (m, n) True where it was.
        rng: the source of the draws.
        levels: shares of false alarms.
        groups: (n,) names; examples of one group (copies of one another) are drawn together.
        draws: how many.

    Returns:
        `Points`.

    Raises:
        InputRefused: wrong shapes, or only one kind of judgement.

    Cost: a sort and O(draws m n); from 1.5 million judgements on draws count them in bins (`BinnedRedraws`), which
    moves the ends of an interval by less than a twentieth of its width. Fails when: models are fewer than about 8, so
    that drawing among them knows little of others; where the two kinds are perfectly apart the interval of AUC
    collapses to 1.

    Reference: Carlini et al. 2022, "Membership inference attacks from first principles", section IV; two-way
    bootstrap: Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1.

    >>> mask = np.arange(4000).reshape(40, 100) % 2 == 0
    >>> points = operating_points(mask * 1.0, mask, np.random.default_rng(0), levels=(0.1, 0.001))
    >>> points.auc, points.points[0].value, points.points[1].reason
    (1.0, 1.0, '2 false alarms in the place of 30')
    """
    kept = _sorted(score, mask)
    m, n = np.shape(score)
    places = np.arange(n)
    if groups is not None:
        groups = np.asarray(groups)
        same_shape(groups, "groups", (n,))
        places = np.unique(groups, return_inverse=True)[1].ravel()
    false, true = _curve(kept)
    models, examples = (resampling_weights(size, rng, draws) for size in (m, int(places.max()) + 1))
    drawn = _drawn(kept, places, levels, zip(_rows(models), _rows(examples)))
    negatives = int((~kept.positive).sum())
    points = []
    for at, level in enumerate(levels):
        alarms = int(level * negatives + 1e-9)
        if alarms < FALSE_ALARMS:
            reason = f"{alarms} false alarm{'' if alarms == 1 else 's'} in the place of {FALSE_ALARMS}"
            points.append(Point(level, None, None, alarms, reason))
        else:
            value = float(np.interp(level, false, true))
            points.append(Point(level, value, around(value, drawn[:, at + 1]), alarms))
    area = _area(false, true)
    return Points(area, around(area, drawn[:, 0]), tuple(points), int(kept.positive.sum()), negatives)


def _drawn(kept: _Sorted, places: np.ndarray, levels: Sequence[float], weights: Iterator[Any]) -> np.ndarray:
    """(draws, 1 + levels) AUC and shares found in each draw; of millions of judgements counted in bins."""
    if len(kept.positive) < MANY:
        redrawn = _Redrawn(kept, places, levels)
        return np.array([redrawn(*drawn) for drawn in weights])
    binned = BinnedRedraws(kept.positive, kept.member, places[kept.example], kept.starts, levels)
    blocks = []
    while some := list(islice(weights, AT_ONCE)):
        blocks.append(binned(*map(np.array, zip(*some))))
    false, true = _curve(kept)
    exact = np.append(_area(false, true), np.interp(levels, false, true))
    return np.clip(np.concatenate(blocks) + (exact - binned.undrawn()), 0.0, 1.0)


def _rows(blocks: Any) -> Any:
    for block in blocks:
        yield from block


class _Redrawn:
    """AUC and points of the curve when each judgement weighs the product of its model's and its group's draw.

    Draws are counts: whole numbers are added up exactly, and small ones are many in the processor's cache.
    """

    def __init__(self, kept: _Sorted, places: np.ndarray, levels: Sequence[float]) -> None:
        self.levels = np.asarray(levels, dtype=np.float64)
        level = np.repeat(np.arange(len(kept.starts)), np.diff(np.append(kept.starts, len(kept.positive))))
        up, down = kept.positive, ~kept.positive
        cell = kept.member * (int(places.max()) + 1) + places[kept.example]
        self.found, self.alarms = cell[up], cell[down]
        # a judgement at a level: how many of the found stand above it, and how many at it or above
        edges = np.searchsorted(level[up], np.arange(len(kept.starts) + 1))
        self.above, self.with_it = edges[level[down]], edges[level[down] + 1]
        self.last = np.flatnonzero(np.append(np.diff(level[down]) != 0, True))  # last alarm of each level

    def __call__(self, models: np.ndarray, groups: np.ndarray) -> tuple[float, ...]:
        drawn = np.multiply.outer(models.astype(np.int32), groups.astype(np.int32)).ravel()
        found = np.append(0, np.cumsum(drawn[self.found], dtype=np.int64))
        alarms = drawn[self.alarms]
        total = np.cumsum(alarms, dtype=np.int64)
        if not found[-1] or not total[-1]:
            return (float("nan"),) * (len(self.levels) + 1)
        below = (found[self.above] + found[self.with_it]).astype(np.float64)
        area = alarms.astype(np.float64) @ below / (2.0 * total[-1] * found[-1])
        # between two levels with alarms the curve rises straight up: from `above` of the later one
        allowed, ends = self.levels * total[-1], total[self.last]
        at = np.searchsorted(ends, np.floor(allowed).astype(np.int64), side="right")
        inner = np.minimum(at, len(ends) - 1)
        last, before = self.last[inner], np.append(0, ends)[inner]
        low, high = found[self.above[last]], found[self.with_it[last]]
        with np.errstate(divide="ignore", invalid="ignore"):  # beyond the last alarm, where all are found
            share = (low + (high - low) * ((allowed - before) / (ends[inner] - before))) / found[-1]
        return (float(area), *np.where(at < len(ends), share, 1.0).tolist())


def example_risk(score: Given[Any, "m n"], mask: Given[Any, "m n"]) -> Float[np.ndarray, " n"]:
    r"""How surely does a model betray that it saw this example?

    risk_i = mean over the models that saw i of the share of all judgements of non-members that score below, ties
    half. Their mean, weighted by how many models saw each example, is the AUC. Range [0, 1], 0.5 without risk. Oracle
    0.5, Rote 1.

    Args:
        score: (m, n) higher means "was seen"; NaN is not judged.
        mask: (m, n) True where it was.

    Returns:
        (n,) risk; NaN where no model that saw the example is judged.

    Raises:
        InputRefused: wrong shapes, or only one kind.

    Cost: a sort. Fails when: few models saw the example.

    Reference: Hanley and McNeil 1982, "The meaning and use of the area under a ROC curve" (AUC as a mean of ranks).

    >>> example_risk([[3.0, 1.0], [0.0, 1.0]], [[True, True], [False, False]])
    array([1.  , 0.75])
    """
    kept = _sorted(score, mask)
    n = np.shape(score)[1]
    level = np.cumsum(np.isin(np.arange(len(kept.positive)), kept.starts))  # equal scores share one
    up = -level[kept.positive]
    down = -level[~kept.positive]
    ranks = rankdata(np.concatenate([up, down]))[: len(up)] - rankdata(up)  # non-members below, ties half
    total = np.bincount(kept.example[kept.positive], ranks / len(down), n)
    times = np.bincount(kept.example[kept.positive], minlength=n)
    with np.errstate(invalid="ignore"):
        return np.where(times > 0, total / np.maximum(times, 1), np.nan)
