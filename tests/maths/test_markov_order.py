"""On how many steps back a series depends, in its mean or not: chains of known order, and a slow twin of the estimate."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.special import digamma

from byheart.errors import InputRefused
from byheart.maths.lags import markov_order, needed
from byheart.maths.lags.markov_order import DRAWS, EXCHANGED, _conditional, _exchanged
from byheart.tasks.systems import Henon, Logistic


def order(series, most=3):
    return markov_order(series, np.random.default_rng(0), most)


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(size=n)


def sizes(n):
    """Whose next size depends on the last value, and whose sign on nothing."""
    x, shocks = [0.0], noise(n, 1)
    for shock in shocks[1:]:
        x.append(np.sqrt(0.1 + 0.9 * x[-1] ** 2) * shock)
    return np.array(x)


def test_chains_have_their_order_also_where_no_prediction_sees_it():
    assert order(noise(250)).order == 0
    assert order(np.random.default_rng(1).poisson(0.5, 300).astype(float)).order == 0
    assert order(noise(250).cumsum()).order == 1
    logistic = Logistic().orbit(np.array([0.3]), 400)[101:, 0]
    assert (
        order(logistic, most=2).order == 1
    )  # the estimate at lag 2 is above 0, as is that of exchanges among like pasts
    henon = order(Henon().orbit(Henon().start, 350)[101:, 0], most=2)
    assert (henon.order, henon.more) == (2, True)
    assert order(sizes(600), most=1).order == 1
    assert needed(sizes(600), np.random.default_rng(0)).steps in (0, None)


def test_a_lag_says_the_bits_of_its_partial_autocorrelation():
    x = lfilter([1], [1, -0.2, -0.6], noise(600, 2))[100:]
    seen = order(x)
    truth = -np.log2(1 - np.array([0.5, 0.6]) ** 2) / 2  # 0.2 / (1 - 0.6) at lag 1
    spread = (seen.chance[:2]).max() / 4
    assert (abs(seen.bits[:2] - truth) < 0.03 + 4 * spread).all()
    assert (seen.order, seen.more) == (2, False)


def test_the_estimate_is_that_of_counting_neighbours_one_by_one():
    rng = np.random.default_rng(0)
    a, b, given = rng.normal(size=(80, 1)), rng.normal(size=(80, 2)), rng.normal(size=(80, 1))
    a = a + b[:, :1]

    def apart(*parts):
        return abs(np.hstack(parts)[:, None] - np.hstack(parts)[None]).max(2)

    radius = np.sort(apart(a, b, given), axis=1)[:, 4]  # of the fourth, itself left out
    inside = [digamma((one < radius[:, None]).sum(1)) for one in (apart(given), apart(a, given), apart(b, given))]
    truth = digamma(4) + np.mean(inside[0] - inside[1] - inside[2])
    assert _conditional(a, b, given) == pytest.approx(truth / np.log(2))


def test_values_are_exchanged_among_the_steps_most_alike_and_each_nearly_once():
    given = noise(500)[:, None]
    chosen = _exchanged(given, np.random.default_rng(0))
    ranks = np.argsort(np.argsort(given[:, 0]))
    assert abs(ranks - ranks[chosen]).max() <= 2 * EXCHANGED
    assert len(np.unique(chosen)) > 450
    assert np.mean(chosen == np.arange(500)) < 0.2
    assert DRAWS >= 20


def test_what_is_too_short_or_not_whole_is_refused():
    with pytest.raises(InputRefused, match="200 steps"):
        order(noise(150))
    with pytest.raises(InputRefused, match=r"most=2\.5"):
        order(noise(300), most=2.5)
