"""Was this example in this model's training set? Likelihood ratios from a bank: each member judged by the others.

How often such a judgement is right, and within which limits, is in `detection`.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from scipy.special import digamma, gammaln, log_ndtr, polygamma, stdtr

from byheart.errors import InputRefused
from byheart.maths.inputs import array, members_mask
from byheart.maths.shapes import Float, Given, Shaped

Variance = Literal["bayes", "fixed", "each", "authors"]

# a side whose members all agree is not infinitely sure: its variance is at least this part of the whole variance
FLOOR = 1e-6
MOST_FREEDOM = 1e6  # Student's t with so many degrees of freedom is the normal distribution
BLOCK = 4096


class Prior(NamedTuple):
    """What all examples together say of the variance of one side: `freedom` imagined values of `variance`."""

    freedom: float
    variance: float


def likelihood_ratio(
    score: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    online: bool = True,
    variance: Variance = "bayes",
    matched: bool = True,
) -> Float[np.ndarray, "m n"]:
    r"""How much likelier is this member's score if it saw the example than if it did not?

    For target j and example i the other members are the shadow models; a and b of them saw i and did not. With
    predictive densities p_in, p_out fitted to their scores,

        online   log p_in(s_ji) - log p_out(s_ji)            offline   -log P_out(S >= s_ji)

    Both are in nats and higher for members. The densities, by `variance`, c others with mean x and squared deviations
    S: `each` normal(x, S/(c - 1)); `fixed` normal(x, v), v the variance pooled over all examples of the side; `bayes`
    the predictive density under a flat prior for the mean and an inverse-gamma prior worth d0 values of variance s0^2
    for the variance: Student's t with d0 + c - 1 degrees of freedom, place x and squared scale (d0 s0^2 + S)/(d0 + c -
    1) (1 + 1/c). d0 and s0^2 are read off the variances of all examples by Smyth's moments, so there is nothing to
    tune: few shadow models lean on all examples, many on their own.

    With `matched` one member of the other side (the next in order) is set aside too, so that every target, seen or
    not, is judged by equally many others on each side. Where each example is seen by a fixed number of members, the
    numbers of the others would otherwise betray the answer: measured under no effect, AUC 0.438 at 8 members, 0.480 at
    16, 0.498 at 64, where `matched` gives 0.515, 0.504, 0.498.

    `authors` is the fixed-variance attack as the authors published it: normal(median, v), on as many others of each
    side as every example has, the first in order. v is the mean squared deviation of all these scores of all examples
    from their one grand mean (divisor: their number), so the spread between examples is in it. Online, v of both
    sides is that of the seen; then the ratio is ((s - median_out)^2 - (s - median_in)^2) / 2v. Offline it is
    -log p_out(s_ji), with v of the unseen. That density has two sides: a score far below the unseen median counts
    as a sign of membership too. `matched` has no effect, as equal numbers are taken anyway.

    Range (-inf, inf). Oracle: 0 everywhere online (the others say the same). Rote: large and positive where seen, else
    large and negative.

    Args:
        score: (m, n) of each member on each example, higher when it knows the label: the margin of the label; for
            values minus the absolute error.
        mask: (m, n) True where the member saw the example.
        online: use both sides; False uses only the members that did not see the example, as an attacker would who
            cannot train on it.
        variance: how the variance of a side is found, see above.
        matched: set one member of the other side aside; without effect on `authors`.

    Returns:
        (m, n) float64; NaN where a side has too few others: fewer than 1, with `each` fewer than 2;
        everywhere where no example has two members on a side, for then nothing tells the variance. With `authors` NaN
        for a whole member where some example has no others on a side.

    Raises:
        InputRefused: wrong shapes, NaN scores, another word for `variance`.

    Cost: O(m^2 n) comparisons of bits and O(m n) of everything else; `authors` O(m^2 n log m). Fails when: scores of
    one side are far from normal (many ties, or two humps), or members differ more by skill than by what they saw.

    Reference: Carlini et al. 2022, "Membership inference attacks from first principles", algorithm 1 and section V
    (online, offline, fixed variance); Brannvall 2026, "Exponential-family membership inference", arXiv 2603.11799
    (normal-inverse-gamma variance); the prior's moments: Smyth 2004, "Linear models and empirical Bayes methods",
    section 6.2. The authors' code: tensorflow/privacy, research/mi_lira_2021/plot.py, `generate_ours` and
    `generate_ours_offline` with fix_variance=True, one target at a time. Departures of `bayes`, `fixed` and `each`
    from it: means in the place of medians; variances about the centre of each example in the place of the grand mean;
    divisor c - 1 in the place of c; the variance of the unseen side from that side; the offline tail P(S >= s), as in
    the paper's equation 4, in the place of the density; `matched`. Of `bayes` also: a prior fitted by moments and flat
    in the mean.

    >>> rng = np.random.default_rng(0)
    >>> mask = rng.random((20, 50)) < 0.5
    >>> ratio = likelihood_ratio(rng.normal(size=(20, 50)) + 3 * mask, mask)
    >>> bool(ratio[mask].mean() > 2 and ratio[mask == 0].mean() < -2)
    True
    """
    raw = array(score, "score", "mn").astype(np.float64)
    mask = members_mask(mask, raw.shape)
    if variance not in get_args(Variance):
        raise InputRefused("variance " + ", ".join(get_args(Variance)), repr(variance), "Leave it out for 'bayes'.")
    # less the first member: scores that are equal in all members then differ by exactly 0 from their mean
    values = raw - raw[:1] if len(raw) else raw
    floor = FLOOR * float(values.var()) if values.size else 0.0
    result = np.zeros(values.shape)
    if floor == 0.0:  # nobody says anything that others do not: no ratio is above another
        return result
    if variance == "authors":
        return np.stack([_authors(raw, mask, j, online, floor) for j in range(len(raw))])
    sides = (True, False) if online else (False,)
    known = {side: _known(values, mask == side, variance, floor) for side in sides}
    for start in range(0, values.shape[1], BLOCK):
        part = slice(start, start + BLOCK)
        x, seen = values[:, part], mask[:, part]
        partner = _next_of_other_side(seen) if matched else None
        for side in sides:
            others = _others(x, seen == side, partner)
            fitted = _fitted(*others, known[side], variance, floor)
            if online:
                result[:, part] += (1 if side else -1) * _log_density(x, *fitted)
            else:
                result[:, part] = -_log_above(x, *fitted)
    return result


def _authors(values: np.ndarray, mask: np.ndarray, j: int, online: bool, floor: float) -> np.ndarray:
    """(n,) the published attack with fixed variance on member j."""
    others, seen, x = np.delete(values, j, 0), np.delete(mask, j, 0), values[j]
    centre, variance = {}, {}
    for side in (True, False) if online else (False,):
        count = int((seen == side).sum(0).min())
        if not count:
            return np.full(len(x), np.nan)
        first = np.argsort(seen != side, axis=0, kind="stable")[:count]
        kept = np.take_along_axis(others, first, 0)
        centre[side], variance[side] = np.median(kept, 0), max(float(kept.var()), floor)
    if online:
        return ((x - centre[False]) ** 2 - (x - centre[True]) ** 2) / (2 * variance[True])
    return ((x - centre[False]) ** 2 / variance[False] + np.log(2 * np.pi * variance[False])) / 2


def _known(values: np.ndarray, side: np.ndarray, variance: Variance, floor: float) -> Any:
    """What the whole bank says of the variance of a side: a prior, or (m,) the pooled variance without each member."""
    if variance == "each":
        return None
    count = side.sum(0).astype(np.float64)
    total = np.where(side, values, 0.0).sum(0)
    mean = total / np.maximum(count, 1)
    squares = np.where(side, (values - mean) ** 2, 0.0)
    if variance == "bayes":
        enough = count >= 2
        freedom = count[enough] - 1
        return prior_of_variances(np.maximum(squares.sum(0)[enough] / freedom, floor), freedom)
    # leaving a member out takes c/(c - 1) of its squared deviation away
    own = np.where(side, squares * count / np.maximum(count - 1, 1), 0.0)
    freedom = np.maximum(count - 1, 0).sum() - (side & (count > 1)).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = np.where(freedom > 0, np.maximum(squares.sum() - own.sum(1), 0.0) / freedom, np.nan)
    return np.maximum(pooled, floor)


def prior_of_variances(variances: Shaped[np.ndarray, " n"], freedom: Shaped[np.ndarray, " n"]) -> Prior:
    """Which scaled inverse-gamma distribution do many small-sample variances (n,) come from?

    With e = log v - psi(d/2) + log(d/2), d their degrees of freedom: trigamma(d0/2) is the variance of e less the
    mean of trigamma(d/2), and log s0^2 the mean of e plus psi(d0/2) - log(d0/2).

    Args:
        variances: (n,) positive, in squared units of the score.
        freedom: (n,) degrees of freedom d of each.

    Returns:
        `Prior` of d0 in (0, 10^6], where all come from one variance the largest, and s0^2; NaN where n is 0. The poles
        have no part in it.

    Raises:
        Nothing: what comes is made by callers.

    Cost: O(n). Fails when: some variances are 0 (give them a floor), or fewer than about 10 are there.

    Reference: Smyth 2004, "Linear models and empirical Bayes methods", section 6.2.

    >>> rng = np.random.default_rng(0)
    >>> found = prior_of_variances(3.0 * rng.chisquare(5, 2000) / 5, np.full(2000, 5.0))
    >>> round(found.variance, 1), found.freedom > 50
    (3.0, True)
    """
    if not len(variances):
        return Prior(float("nan"), float("nan"))
    half = freedom / 2
    e = np.log(variances) - digamma(half) + np.log(half)
    excess = float(e.var(ddof=1) if len(e) > 1 else 0.0) - float(polygamma(1, half).mean())
    d0 = min(2 * _inverse_trigamma(excess), MOST_FREEDOM) if excess > 0 else MOST_FREEDOM
    return Prior(d0, float(np.exp(e.mean() + digamma(d0 / 2) - np.log(d0 / 2))))


def _inverse_trigamma(value: float) -> float:
    """y with trigamma(y) = value, by Newton's steps on 1/trigamma, which is nearly linear."""
    y = 0.5 + 1 / value
    for _ in range(50):
        third = float(polygamma(1, y))
        step = third * (1 - third / value) / float(polygamma(2, y))
        y += step
        if abs(step) < 1e-10 * y:
            break
    return y


def _next_of_other_side(seen: np.ndarray) -> np.ndarray:
    """(m, n) the next member, round in order, that stands on the other side of each example; the member if none."""
    m = len(seen)
    partner = np.broadcast_to(np.arange(m)[:, None], seen.shape).copy()
    open_ = np.ones(seen.shape, bool)
    for step in range(1, m):
        other = (np.arange(m) + step) % m
        found = open_ & (seen[other] != seen)
        partner = np.where(found, other[:, None], partner)
        open_ &= ~found
        if not open_.any():
            break
    return partner


def _others(x: np.ndarray, side: np.ndarray, partner: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Count, mean and squared deviations of the others on a side, for each member and example."""
    count = side.sum(0).astype(np.float64)
    chosen = np.where(side, x, 0.0)
    middle = chosen.sum(0) / np.maximum(count, 1)
    chosen = np.where(side, x - middle, 0.0)  # about their mean: no digits are lost when one is taken out
    aside = side if partner is None else np.ones_like(side)
    out = chosen if partner is None else np.where(side, chosen, np.take_along_axis(chosen, partner, 0))
    left = count - aside
    total, squares = chosen.sum(0) - out, (chosen**2).sum(0) - out**2
    mean = total / np.maximum(left, 1)
    deviations = np.maximum(squares - total * mean, 0.0)
    return left, middle + mean, deviations


def _fitted(count, mean, deviations, known, variance: Variance, floor: float) -> tuple[np.ndarray, ...]:
    """Place, scale and degrees of freedom of the predictive density; NaN where the others are too few."""
    if variance == "bayes":
        freedom = known.freedom + count - 1
        squared = np.maximum((known.freedom * known.variance + deviations) / freedom, floor)
        squared *= 1 + 1 / np.maximum(count, 1)
        enough = count >= 1
    elif variance == "fixed":
        squared, freedom = np.broadcast_to(known[:, None], count.shape), np.full(count.shape, np.inf)
        enough = count >= 1
    else:
        squared = np.maximum(deviations / np.maximum(count - 1, 1), floor)
        freedom, enough = np.full(count.shape, np.inf), count >= 2
    return np.where(enough, mean, np.nan), np.sqrt(squared), freedom


def _log_density(x, place, scale, freedom) -> np.ndarray:
    z2 = ((x - place) / scale) ** 2
    normal = -0.5 * z2 - 0.5 * np.log(2 * np.pi) - np.log(scale)
    d = np.clip(freedom, 1e-3, MOST_FREEDOM)  # without others there is no place either, and the answer is NaN
    student = gammaln((d + 1) / 2) - gammaln(d / 2) - 0.5 * np.log(d * np.pi) - np.log(scale)
    student -= (d + 1) / 2 * np.log1p(z2 / d)
    return np.where(freedom < MOST_FREEDOM, student, normal)


def _log_above(x, place, scale, freedom) -> np.ndarray:
    """log P(S >= x); far out, where the probability underflows, by the density times the width of the tail."""
    z = (x - place) / scale
    d = np.clip(freedom, 1e-3, MOST_FREEDOM)  # without others there is no place either, and the answer is NaN
    with np.errstate(divide="ignore"):
        student = np.log(stdtr(d, -z))
    far = _log_density(x, place, scale, freedom) + np.log(scale) - np.log(np.maximum(z, 1.0))
    return np.where(freedom < MOST_FREEDOM, np.where(np.isneginf(student), far, student), log_ndtr(-z))
