"""How far back must one remember to foretell a series? Bits gained by each further lag, each step coded unseen."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from byheart.errors import InputRefused
from byheart.maths.lags.given_series import given_series
from byheart.maths.lags.student_code import BATCHES, SMALLEST_VARIANCE, batch_errors, smallest_window, student_nats
from byheart.maths.shapes import Float, Int

REFITS = 40
RIDGE = 1e-8  # of standardised channels: enough to solve where lags repeat one another
Degree = Literal[1, 2]


class GainCurve(NamedTuple):
    """Bits a step that each further lag saves, and the windows that follow from them.

    `bits`, `standard_errors`, `learning` (lags,): entry 0 is lag 1 against none; `learning` is what it costs to learn
    the weights of a lag, already taken off: the gain of an endless series is `bits + learning`. `code` (lags + 1,):
    bits a step with windows of 0, 1, ... steps, of channels in units of their standard deviation. `shortest`: the
    window of the shortest code. `needed`: the smallest window whose code is longer by at most 0.01 bits or two standard
    errors; where it is `lags` itself, more may be needed. `steps`: coded.
    """

    bits: np.ndarray
    standard_errors: np.ndarray
    learning: np.ndarray
    code: np.ndarray
    shortest: int
    needed: int
    steps: int


def gain(series: Any, lags: int, degree: Degree = 1) -> Float[np.ndarray, " lags"]:
    """How many bits a step does each further lag save when a series is foretold from its past?

    The `bits` of `gain_curve`, which also has their standard errors.

    Args:
        series: (t,) or (t, c), in time order.
        lags: the longest window, in steps.
        degree: 1 linear; 2 with all products of two values of the window.

    Returns:
        (lags,) bits a step, summed over channels; entry 0 is lag 1 against none.

    Raises:
        InputRefused: as `gain_curve`.

    Cost: as `gain_curve`. Fails when: as `gain_curve`.

    Reference: Dawid 1984, Statistical theory: the prequential approach, section 5.

    >>> rng = np.random.default_rng(0)
    >>> x = np.zeros(3000)
    >>> for t in range(1, 3000):
    ...     x[t] = 0.9 * x[t - 1] + rng.normal()
    >>> [round(float(one), 1) for one in gain(x, 3) + 0.0]  # closed form: -log2(1 - 0.9^2) / 2 = 1.198
    [1.2, -0.0, -0.0]
    """
    return gain_curve(series, lags, degree).bits


def gain_curve(series: Any, lags: int, degree: Degree = 1) -> GainCurve:
    r"""How many bits a step does each further lag save, how sure is that, and which window follows?

    Delta_d = mean_t [-log2 p_(d-1)(x_t) + log2 p_d(x_t)], where p_d is what Bayesian regression on the last d steps,
    fitted to the steps before t alone, says of x_t: a Student distribution (flat prior of the weights and of the
    logarithm of the variance), one a channel. Fits are renewed 40 times; the first tenth is learned and not coded. For
    a Gaussian process in the long run Delta_d = log2(v_(d-1) / v_d) / 2, v the variance of the error of the best linear
    prediction. A lag that says nothing costs `learning`, mean_t c p / (2 s_t ln 2) bits for its p columns in fits to
    s_t steps. Standard errors by means of 20 batches, and at least those of learning weights that are 0,
    sqrt(sum_t c p / s_t) / (t ln 2): the batches of so few, ever better learned weights vary less than series do.

    All windows come from one factor: with G = L L' of all features in the order of their lags, the prediction of
    window d is the sum of the first entries of (L^-1 x) (L^-1 b), and so are its leverage and its residual.

    Args:
        series: (t,) or (t, c), in time order.
        lags: the longest window, in steps.
        degree: 1 linear; 2 with all products of two values of the window.

    Returns:
        A `GainCurve`; bits are summed over channels, whose errors count as independent of each other.

    Raises:
        InputRefused: gaps, constant or repeated channels, lags below 1, a series too short for so many.

    Cost: O(40 p^3 + t p^2), p features. Fails when: what the past says is not of this degree (the bits are then a lower
    bound of the need); the series drifts (the bits of a random walk grow with its length); it is slow and short (window
    0 learns its mean from few independent stretches, and lag 1 gains by that: 0.02 bits at 1,500 steps and a
    correlation of 0.9); no noise (bits end at the
    smallest variance, 1e-10 of the channel's, and say how finely it was sampled).

    Reference: Dawid 1984, Statistical theory: the prequential approach, section 5; Rissanen 1986, A predictive
    least-squares principle, IMA Journal of Mathematical Control and Information 3.

    >>> gain_curve(np.random.default_rng(0).normal(size=500), 4).needed
    0
    """
    x = given_series(series)
    lengths, ends, learned = code_lengths(x, whole_lags(lags), degree)
    code = lengths.mean(1)
    shortest, needed = smallest_window(lengths)
    saved = lengths[:-1] - lengths[1:]
    n = len(x) - lags
    known = np.repeat(_stops(n, learned)[:-1], np.diff(_stops(n, learned)))  # steps behind the fit of each coded step
    weights = x.shape[1] * np.diff(ends)
    learning = weights * (1 / known).mean() / (2 * np.log(2))
    least = np.sqrt(weights * (1 / known).sum()) / (len(known) * np.log(2))
    errors = np.maximum(batch_errors(saved), least)
    return GainCurve(saved.mean(1), errors, learning, code, shortest, needed, n - learned)


def whole_lags(lags: Any, name: str = "lags", least: int = 1) -> int:
    """Is this a whole number of steps, at least `least`?

    Raises:
        InputRefused: a fraction, no number, or less.
    """
    whole = isinstance(lags, (int, np.integer)) and not isinstance(lags, bool)
    if not whole or lags < least:
        raise InputRefused(
            f"{name} that is a whole number of steps, at least {least}",
            f"{name}={lags!r}",
            "Count the steps, not the time.",
        )
    return int(lags)


def code_lengths(
    x: Float[np.ndarray, "t c"],
    lags: int,
    degree: Degree,
    smallest: float = SMALLEST_VARIANCE,
    age: Int[np.ndarray, " t"] | None = None,
) -> tuple[Float[np.ndarray, "windows n"], np.ndarray, int]:
    """How many bits does each step cost, by window (0 to `lags`)?

    Of the steps after the learned ones, to the end of the series; with the columns each window has, and how many steps
    were learned and not coded. `age` says how many steps lie before each without a gap: a window over a gap is none.

    Raises:
        InputRefused: a series too short for so many lags.
    """
    features, ends = _features(x, min(lags, len(x) - 1), degree)
    whole = slice(None) if age is None else age[lags:] >= lags
    features = features[whole]
    n, learned = len(features), max(len(features) // 10, 2 * features.shape[1] + 10)
    fewest = fewest_steps(lags, features.shape[1])
    if n - learned < max(2 * BATCHES, learned):
        raise InputRefused(
            expected=f"a series of at least {fewest} steps for {lags} lags",
            came=f"{n + lags} steps",
            do="Ask for fewer lags, or give a longer series.",
        )
    return _code_lengths(features, x[lags:][whole], ends, learned, smallest) / np.log(2), ends, learned


def fewest_steps(lags: int, columns: int) -> int:
    """How many steps must a series have to be coded with so many lags, and as many columns of a regression?"""
    least = 2 * columns + 10
    return lags + least + max(2 * BATCHES, least)


def _stops(n: int, learned: int) -> np.ndarray:
    """Where fits are renewed, from the learned steps to the end."""
    return np.unique(np.linspace(learned, n, REFITS + 1).astype(int))


def _features(x: np.ndarray, lags: int, degree: Degree) -> tuple[np.ndarray, np.ndarray]:
    """(n, p) of a constant and what lag 1 adds, lag 2, ...; and how many columns each window from 0 on has."""
    past = [x[lags - k : len(x) - k] for k in range(1, lags + 1)]
    groups = [np.ones((len(x) - lags, 1))]
    for k, values in enumerate(past):
        groups.append(values)
        if degree == 2:
            groups[-1] = np.hstack([values, *(_products(values, older, older is values) for older in past[: k + 1])])
    return np.hstack(groups), np.cumsum([group.shape[1] for group in groups])


def _products(a: np.ndarray, b: np.ndarray, same: bool) -> np.ndarray:
    """Every product of a channel of a and one of b, each once."""
    i, j = np.triu_indices(a.shape[1]) if same else np.indices((a.shape[1], b.shape[1])).reshape(2, -1)
    return a[:, i] * b[:, j]


def _code_lengths(
    features: np.ndarray, y: np.ndarray, ends: np.ndarray, learned: int, smallest: float
) -> Float[np.ndarray, "windows n"]:
    """Nats of each step after the learned ones, by window; a fit knows the steps before its own alone."""
    stops = _stops(len(y), learned)
    nats = np.zeros((len(ends), len(y)))
    gram, cross = RIDGE * np.eye(features.shape[1]), np.zeros((features.shape[1], y.shape[1]))
    for start, stop, next_stop in zip([0, *stops[:-2]], stops[:-1], stops[1:], strict=True):
        gram += features[start:stop].T @ features[start:stop]
        cross += features[start:stop].T @ y[start:stop]
        lower = np.linalg.cholesky(gram)
        z = solve_triangular(lower, cross, lower=True)
        v = solve_triangular(lower, features[stop:next_stop].T, lower=True)
        at = ends - 1
        leverage = (v**2).cumsum(0)[at]
        freedom = (stop - ends)[:, None, None].astype(np.float64)
        left = ((y[:stop] ** 2).sum(0) - (z**2).cumsum(0)[at])[:, None, :]
        scale = np.maximum(left, smallest * stop) / freedom * (1 + leverage[:, :, None])
        error = y[stop:next_stop] - (v[:, :, None] * z[:, None, :]).cumsum(0)[at]
        nats[:, stop:next_stop] = student_nats(error, scale, freedom).sum(2)
    return nats[:, learned:]
