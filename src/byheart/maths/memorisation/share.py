"""Which share of the training examples is memorised? Estimated without the noise that few members bring."""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, is_binary, members_mask, same_shape
from byheart.maths.shapes import Bool, Float, Given, Shaped
from byheart.maths.statistics.effective_sample_size import Sources
from byheart.maths.statistics.intervals import memorised_share_interval
from byheart.maths.statistics.seen_unseen import both_sides, sides

STEP, ROUNDS, TIE = 0.05, 300, 1e-9
STEPS = np.arange(21)
ACCURACIES = np.clip(STEPS * STEP, 0.002, 0.998)  # at 0 and 1 a single answer would rule a cell out for good
DIFFERENCES = (STEPS[:, None] - STEPS) * STEP  # p - q of each cell


class Share(NamedTuple):
    """A share with its 95 % interval (None where draws are too few), and two (n,) columns, one value per example.

    `sources`: the variance behind the interval, by where it comes from.
    """

    value: float
    interval: tuple[float, float] | None
    posterior_mean: np.ndarray
    posterior_probability: np.ndarray
    sources: Sources


def memorised_share(
    correct: Given[Any, "m n"],
    mask: Given[Any, "m n"],
    threshold: float = 0.25,
    groups: Given[Any, " n"] | None = None,
    counted: Given[Any, " n"] | None = None,
) -> Share:
    r"""Which share of the training examples is memorised, and how surely is this one?

    Counting scores of at least the threshold counts the noise of the scores too: a model whose answers are guesses
    has 19 % of them at 16 members. Here the k_in right answers of the n_in members that saw an example are
    Binomial(n_in, p), the k_out of the n_out others Binomial(n_out, q), and the distribution of (p, q) over examples
    is the nonparametric maximum likelihood on a grid: p and q each at 0.002, 0.05, ..., 0.95, 0.998. With L_ij the
    likelihood of example i in cell j, the weights w follow

        w_j <- w_j mean_i [L_ij / sum_l w_l L_il],    300 rounds from equal weights.

    share = sum of w_j with p_j - q_j >= threshold, differences in whole steps of 0.05, the threshold's own cell by
    half. posterior_mean_i = E[p - q | counts of i] and posterior_probability_i = P[p - q >= threshold | counts of i],
    both under w.

    The interval has the variance of the bootstrap over groups to first order (the infinitesimal jackknife): psi_i, the
    derivative of the share after all rounds to the weight of example i, takes the place of the bootstrap's draws, which
    would repeat the rounds. To it comes the term of the training set of `memorised_share_interval`; the part from
    examples is at least that of (x + 1)/(G + 2), x of G groups memorised; and the square of its bias, taken as the mean
    share of two halves of the members less the share (Quenouille), since few members resolve few values of p and q.

    Range [0, 1], the posterior mean [-1, 1], no unit. Rote gives 1 up to lucky guesses, Oracle and a constant 0.

    Args:
        correct: (m, n) True where the member is right about the training example.
        mask: (m, n) True where the member saw the example.
        threshold: smallest p - q that counts as memorised.
        groups: (n,) equal for examples that are drawn together (copies of one another).
        counted: (n,) True for the examples that w, the share and the interval speak of; all if absent. The others
            are given their posterior under w.

    Returns:
        `value`, `interval`, `posterior_mean` (n,), `posterior_probability` (n,), NaN where no member saw the example
        or all did.

    Raises:
        InputRefused: wrong shapes, outcomes that are not 0/1, fewer than 4 members, no example with both sides.

    Cost: 1,200 products of (d, 21) and (21, 21), d the number of distinct (k_in, n_in, k_out, n_out). Fails when:
    examples are a few hundred and members 16 or fewer (error of 0.04), or the answers of the members depend on one
    another given what they saw.

    Reference: Kiefer and Wolfowitz 1956, Annals of Mathematical Statistics 27 (nonparametric maximum likelihood);
    Laird 1978, Journal of the American Statistical Association 73, eq. 3.2 (the rounds); Efron 1982, "The jackknife,
    the bootstrap and other resampling plans", section 6.3 (infinitesimal jackknife); Quenouille 1956, Biometrika 43
    (bias); threshold: Feldman and Zhang 2020, "What neural networks memorize and why", section 3.2.

    >>> rng = np.random.default_rng(0)
    >>> mask = rng.permuted(np.tile(np.arange(16) < 11, (500, 1)), axis=1).T
    >>> guesses = rng.random((16, 500)) < 1 / 3
    >>> round(memorised_share(guesses, mask).value, 3), memorised_share(mask, mask).value > 0.999
    (0.0, True)
    """
    correct, mask = _checked(correct, mask)
    counted = np.ones(mask.shape[1], bool) if counted is None else np.asarray(counted, bool)
    same_shape(counted, "counted", mask.shape[1:])
    groups = np.arange(mask.shape[1]) if groups is None else np.asarray(groups)
    same_shape(groups, "groups", mask.shape[1:])
    fit = Fit(correct, mask, counted)
    among = [part[:, counted] for part in (correct, mask)]
    found = memorised_share_interval(*among, threshold, groups[counted], fit.share(threshold))
    return Share(fit.mass(threshold), found.interval, fit.gain(), fit.memorised(threshold), found.sources)


def shares_above(
    correct: Given[Any, "m n"], mask: Given[Any, "m n"], thresholds: Given[Any, " t"]
) -> Float[np.ndarray, " t"]:
    r"""Which share of the training examples gains at least so much from having been seen?

    The value of `memorised_share` at each of some thresholds, without its interval and posteriors. Range [0, 1].

    Args:
        correct: (m, n) True where the member is right about the training example.
        mask: (m, n) True where the member saw the example.
        thresholds: (t,) smallest p - q that count.

    Returns:
        (t,) shares; NaN if no example has members on both sides.

    Raises:
        InputRefused: wrong shapes, outcomes that are not 0/1.

    Cost: a third of `memorised_share`, at any number of thresholds. Fails when: as there.

    Reference: as `memorised_share`.

    >>> mask = np.arange(12).reshape(4, 3) % 4 > 0
    >>> shares_above(mask, mask, [0.25, 1.0]).round(2)
    array([1. , 0.5])
    """
    correct, mask = _checked(correct, mask)
    cells = _Cells(correct, mask, np.ones(mask.shape[1], bool))
    if not cells.both_sides.any():
        return np.full(len(thresholds), np.nan)
    weights = cells.rounds()[-1].after
    return np.array([_mass(weights, _above(t)) for t in thresholds])


def _checked(correct: Any, mask: Any) -> tuple[np.ndarray, np.ndarray]:
    correct = array(correct, "correct", "mn")
    if not is_binary(correct):
        raise InputRefused(expected="correct of 0 and 1", came="other values", do="Give right or wrong answers.")
    return correct.astype(bool), members_mask(mask, correct.shape)


def _above(threshold: float) -> np.ndarray:
    """(21, 21) which cells count: 1 above the threshold, 1/2 at it."""
    return (threshold + TIE < DIFFERENCES) + 0.5 * (np.abs(DIFFERENCES - threshold) <= TIE)


def _mass(weights: np.ndarray, of: np.ndarray) -> float:
    """The weight of some cells; the rounds bring it to 1e-100 but never to 0."""
    return round(float((weights * of).sum()), 12)


class Fit:
    """The distribution of (p, q) over examples, as `memorised_share` fits it, and what it says of each example."""

    def __init__(
        self,
        correct: Shaped[np.ndarray, "m n"],
        mask: Shaped[np.ndarray, "m n"],
        counted: Bool[np.ndarray, " n"] | None = None,
    ) -> None:
        self.correct, self.mask = correct, mask
        self.counted = np.ones(mask.shape[1], bool) if counted is None else counted
        self.cells = _Cells(correct, mask, self.counted)
        self.rounds = self.cells.rounds()
        self.weights = self.rounds[-1].after

    def under(self, correct: Shaped[np.ndarray, "m r"], mask: Shaped[np.ndarray, "m r"]) -> Fit:
        """The distribution asked about other examples; a mask of -1 where a member counts for neither side.

        Half of the weight is spread evenly: what it was not fitted to must not fall to the nearest of few values.
        """
        other = copy(self)
        other.weights = (self.weights + 1 / self.weights.size) / 2
        other.cells = _Cells(correct, mask, np.ones(mask.shape[1], bool))
        return other

    def mass(self, threshold: float) -> float:
        """The share of the examples that gain at least so much."""
        return _mass(self.weights, _above(threshold))

    def share(self, threshold: float) -> tuple[float, Float[np.ndarray, " r"], float]:
        """The share, its derivative to the weight of each counted example with both sides, and its bias."""
        value, kept = self.mass(threshold), self.cells.both_sides & self.counted
        every = self.cells.influence(self.rounds, _above(threshold)) if kept.any() else np.zeros(len(self.cells.weight))
        influence = every[self.cells.cell[kept]]
        # a bias that falls with members shows as the difference from half as many
        among = [part[:, self.counted] for part in (self.correct, self.mask)]
        halves = [float(shares_above(*(part[start::2] for part in among), [threshold])[0]) for start in (0, 1)]
        return value, influence, float(np.mean(halves)) - value if np.isfinite(halves).all() else 0.0

    def gain(self) -> Float[np.ndarray, " n"]:
        """Posterior mean of p - q."""
        return self.cells.posterior(self.weights, DIFFERENCES)

    def memorised(self, threshold: float) -> Float[np.ndarray, " n"]:
        """Probability that p - q is at least the threshold."""
        return self.cells.posterior(self.weights, _above(threshold))

    def right_unseen(self) -> Float[np.ndarray, " n"]:
        """Probability that members which did not see the example are right more often than not: q above 1/2."""
        more = (ACCURACIES > 0.5 + TIE) + 0.5 * (np.abs(ACCURACIES - 0.5) <= TIE)
        return self.cells.posterior(self.weights, np.broadcast_to(more, DIFFERENCES.shape))


class _Round(NamedTuple):
    before: np.ndarray
    likelihood: np.ndarray
    factor: np.ndarray
    after: np.ndarray


class _Cells:
    """The distinct counts, their likelihoods (d, 21) at each p and q, and which of them each example has."""

    def __init__(self, correct: np.ndarray, mask: np.ndarray, counted: np.ndarray) -> None:
        counts = [part.sum(0) for side in sides(mask) for part in (correct & side, side)]
        self.both_sides = both_sides(mask)
        distinct, self.cell = np.unique(np.stack(counts, 1), axis=0, return_inverse=True)
        self.cell = self.cell.ravel()
        self.seen, self.left_out = _likelihood(*distinct.T[:2]), _likelihood(*distinct.T[2:])
        weight = np.bincount(self.cell[self.both_sides & counted], minlength=len(distinct))
        self.weight = weight / max(weight.sum(), 1)

    def under(self, weights: np.ndarray) -> np.ndarray:
        """(d,) sum over the grid of weights times likelihood."""
        return ((self.seen @ weights) * self.left_out).sum(1)

    def onto(self, values: np.ndarray) -> np.ndarray:
        """(21, 21) sum over the distinct counts of values times likelihood."""
        return self.seen.T @ (values[:, None] * self.left_out)

    def rounds(self) -> list[_Round]:
        weights, rounds = np.full((len(STEPS),) * 2, len(STEPS) ** -2.0), []
        for _ in range(ROUNDS):
            likelihood = self.under(weights)
            factor = self.onto(self.weight / likelihood)
            rounds.append(_Round(weights, likelihood, factor, weights * factor))
            weights = rounds[-1].after
        return rounds

    def influence(self, rounds: list[_Round], of: np.ndarray) -> np.ndarray:
        """(d,) derivative of sum(weights * of) after all rounds to the weight of each distinct count, its mean 0."""
        slope, total = of.astype(np.float64), np.zeros(len(self.weight))
        for one in reversed(rounds):
            part = self.under(slope * one.before) / one.likelihood
            total += part
            slope = slope * one.factor - self.onto(part * self.weight / one.likelihood)
        return total - self.weight @ total

    def posterior(self, weights: np.ndarray, of: np.ndarray) -> np.ndarray:
        """(n,) mean of `of` over the grid given the counts of each example."""
        return np.where(self.both_sides, (self.under(weights * of) / self.under(weights))[self.cell], np.nan)


def _likelihood(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """(d, 21) likelihood of k of n at each accuracy, the largest of each row 1."""
    log = k[:, None] * np.log(ACCURACIES) + (n - k)[:, None] * np.log1p(-ACCURACIES)
    return np.exp(log - log.max(1, keepdims=True))
