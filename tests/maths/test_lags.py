"""How far back a series must be remembered: autoregressions in closed form, maps and flows of known dimension."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.lags import cao, delay, gain, gain_curve
from byheart.maths.lags.delayed_information import _forgotten, _rises, _stretches
from byheart.maths.lags.embedding import _nearest
from byheart.maths.lags.predictive_gain import _features, _stops


def autoregression(coefficients, n, seed):
    rng = np.random.default_rng(seed)
    return lfilter([1], np.r_[1, -np.array(coefficients)], rng.normal(size=n + 300))[300:]


def henon(n, noise, seed=0):
    shocks = noise * np.random.default_rng(seed).uniform(-1, 1, n + 100)
    x = np.zeros(n + 100)
    for t in range(2, n + 100):
        x[t] = 1 - 1.4 * x[t - 1] ** 2 + 0.3 * x[t - 2] + shocks[t]
    return x[100:]


@pytest.fixture(scope="module")
def lorenz():
    u, orbit = np.array([1.0, 2.0, 20.0]), []

    def flow(u):
        return np.array([10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]])

    for _ in range(7000):
        a = flow(u)
        b = flow(u + 0.005 * a)
        c = flow(u + 0.005 * b)
        u = u + 0.01 / 6 * (a + 2 * b + 2 * c + flow(u + 0.01 * c))
        orbit.append(u)
    return np.array(orbit)[1000:]


def closed_form(coefficients):
    """log2(v_(d-1) / v_d) / 2 = -log2(1 - r_d^2) / 2, r_d the partial autocorrelation, by the step-down recursion."""
    a, bits = np.array(coefficients, float), []
    while len(a):
        r = a[-1]
        bits.append(-np.log2(1 - r * r) / 2)
        a = (a[:-1] + r * a[:-1][::-1]) / (1 - r * r)
    return np.array(bits[::-1])


@pytest.mark.parametrize("coefficients", [[0.9], [0.5, 0.3], [0.0, 0.6], [0.4, -0.3, 0.5]])
def test_a_lag_of_an_autoregression_gains_the_bits_of_its_closed_form(coefficients):
    truth = np.zeros(5)
    truth[: len(coefficients)] = closed_form(coefficients)
    found = [gain_curve(autoregression(coefficients, 1500, seed), 5) for seed in range(12)]
    z = np.array([(one.bits + one.learning - truth) / one.standard_errors for one in found])
    assert (abs(z) < 2.1).mean() >= 0.88  # 95 % of 60; the batches are 20
    assert abs(np.mean([one.bits for one in found], 0) - truth).max() < 0.05  # window 0 learns a slow series' mean late
    assert [one.needed for one in found].count(len(coefficients)) >= 11


def test_white_noise_gains_nothing_within_its_interval_and_needs_no_window():
    found = [gain_curve(np.random.default_rng(seed).normal(size=600), 4) for seed in range(20)]
    z = np.array([(one.bits + one.learning) / one.standard_errors for one in found])
    assert (abs(z) < 2.1).mean() >= 0.88
    assert abs(z.mean(0)).max() < 0.6
    assert np.mean([one.needed == 0 for one in found]) >= 0.9


def test_learning_is_what_a_lag_that_says_nothing_costs():
    found = [gain_curve(np.random.default_rng(seed).normal(size=(400, 2)), 2) for seed in range(60)]
    cost, said = -np.array([one.bits for one in found]), found[0].learning
    assert abs(cost.mean(0) - said).max() < 3 * cost.std(0).max() / np.sqrt(60)
    assert said[0] > 2 * cost.std(0).max() / np.sqrt(60)  # so that 0 would be found out


def test_the_code_is_that_of_a_fit_to_the_steps_before():
    """A slow twin: at each step a flat-prior regression on what came before its fit, by scipy's Student."""
    x = autoregression([0.6, 0.2], 160, 3)
    x = (x - x.mean()) / x.std()
    lags, n, learned = 2, 158, 16
    stops, nats = _stops(n, learned), []
    for start, stop in itertools.pairwise(stops):
        past = np.stack([np.ones(n), x[1:-1], x[:-2]], 1)
        y = x[2:]
        w, left, *_ = np.linalg.lstsq(past[:start], y[:start], rcond=None)
        inverse = np.linalg.inv(past[:start].T @ past[:start])
        for row in range(start, stop):
            scale = np.sqrt(left[0] / (start - 3) * (1 + past[row] @ inverse @ past[row]))
            nats.append(-student.logpdf(y[row], start - 3, past[row] @ w, scale))
    assert gain_curve(x, lags).code[2] == pytest.approx(np.mean(nats) / np.log(2), abs=1e-6)


def test_products_find_the_two_lags_of_henons_map_and_the_bits_of_its_noise():
    x = henon(1500, 0.01)
    found = gain_curve(x, 4, degree=2)
    assert found.needed == 2
    assert found.bits[1] > 4
    # uniform shocks coded by a Gaussian of their variance 0.01^2 / 3, in units of the series
    truth = np.log2(2 * np.pi * np.e * 0.01**2 / 3 / x.var()) / 2
    assert found.code[2] == pytest.approx(truth, abs=0.05)
    assert gain(x, 4).sum() < 1  # linearly, next to nothing: a lower bound


def test_a_random_walk_needs_one_step():
    found = gain_curve(np.random.default_rng(0).normal(size=1500).cumsum(), 5)
    assert found.needed == 1
    assert found.bits[0] > 3
    assert abs(found.bits[1:]).max() < 0.01


def test_gains_do_not_depend_on_units_and_count_every_channel():
    x, y = autoregression([0.9], 800, 0), autoregression([0.0, 0.6], 800, 1)
    assert gain(1e6 * x + 3, 3) == pytest.approx(gain(x, 3), abs=1e-6)
    both = gain_curve(np.stack([x, y], 1), 3)
    assert both.bits == pytest.approx(gain(x, 3) + gain(y, 3), abs=0.03)
    assert both.needed == 2


def test_henon_fits_in_two_dimensions_and_lorenz_in_three(lorenz):
    assert cao(henon(1500, 0)).dimension == 2
    found = cao(lorenz[:, 0], delay=17, most=5)
    assert (found.dimension, found.low, found.high) == (3, 3, 3)
    assert found.e1 == pytest.approx([0, 0.26, 0.92, 0.92, 0.96], abs=0.04)
    assert found.e2[:2] == pytest.approx([0.07, 0.71], abs=0.05)
    assert (found.e1_standard_errors < 0.05).all()


def test_standard_errors_of_e1_are_the_spread_over_other_orbits():
    found = [cao(henon(800, 1e-9, seed), most=3) for seed in range(12)]
    said, spread = np.mean([one.e1_standard_errors for one in found], 0), np.std([one.e1 for one in found], 0)
    assert (said[1:] < 2 * spread[1:]).all()
    assert (said[1:] > 0.5 * spread[1:]).all()


def test_a_cycle_fits_in_two_dimensions_also_where_its_rounds_repeat():
    for period in (2 * np.pi / 0.15, 40.3):  # the second comes back to its start, up to rounding, after 403 steps
        assert cao(np.sin(2 * np.pi * np.arange(2000) / period), delay=10, most=4).dimension == 2


def test_neighbours_of_equal_value_are_passed_over():
    assert cao(np.round(henon(1500, 0), 2), most=4).dimension == 2


def test_products_of_a_window_are_each_there_once():
    features, ends = _features(np.random.default_rng(0).normal(size=(50, 2)), 2, 2)
    assert ends.tolist() == [1, 6, 15]  # 1; 2 values, 3 products; 4 values, 10 products
    assert np.linalg.matrix_rank(features) == 15


@pytest.mark.parametrize("coefficients", [[], [0.9]])
def test_a_random_series_has_no_dimension(coefficients):
    found = cao(autoregression(coefficients, 3000, 0), most=6)
    assert found.random
    assert found.dimension is None
    assert abs(found.e2 - 1).max() < 0.06


def test_neighbours_are_those_of_a_slow_twin():
    x = henon(260, 0)
    found = cao(x, delay=2, most=3)
    points, x = 260 - 8, (x - x.mean()) / x.std()
    means = []
    for d in range(1, 5):
        y = np.stack([x[2 * k : 2 * k + points] for k in range(d + 1)], 1)
        apart = abs(y[:, None, :d] - y[None, :, :d]).max(2) + np.diag(np.full(points, np.inf))
        n = apart.argmin(1)
        means.append(np.mean(abs(y - y[n]).max(1) / apart.min(1)))
    assert found.e1 == pytest.approx(np.array(means[1:]) / means[:-1])


def test_the_delay_of_lorenz_is_that_of_fraser_and_swinney(lorenz):
    rng = np.random.default_rng(0)
    found = delay(lorenz[:, 0], rng)
    assert found.reason == "minimum"
    assert 14 <= found.steps <= 18
    assert delay(rng.normal(size=1000), rng)[:2] == (1, "nothing left")
    assert delay(np.linspace(0, 1, 1000), rng, most=20)[:2] == (None, "slow")
    assert delay(autoregression([0.98], 6000, 0), rng, most=10)[:2] == (None, "none")


def test_a_slow_series_of_noise_has_no_minimum():
    """Its information falls all along; by shuffled steps every one of these has a minimum."""
    slow = [delay(autoregression([0.98], 1500, seed), np.random.default_rng(seed)) for seed in range(8)]
    assert {one.reason for one in slow} == {"nothing left"}
    assert delay(np.random.default_rng(0).normal(size=2000).cumsum(), np.random.default_rng(0)).reason != "minimum"
    fast, slower = delay(np.random.default_rng(0).normal(size=1500), np.random.default_rng(0)), slow[0]
    assert slower.chance > 2 * fast.chance


def test_stretches_are_as_long_as_they_are_asked_for():
    steps = _stretches(20_000, 25, np.random.default_rng(0))
    assert np.mean(np.diff(steps) % 20_000 != 1) == pytest.approx(1 / 25, rel=0.1)
    assert (steps >= 0).all()
    assert (steps < 20_000).all()
    assert _forgotten(autoregression([0.9], 20_000, 0) / np.sqrt(1 / 0.19)) in (9, 10, 11)  # 0.9^k = 1 / e at 9.5


def test_a_dip_that_rises_by_less_than_noise_is_no_minimum():
    assert not _rises(np.array([1.0, 1.01, 0.9, 2.0]), 0.05)
    assert _rises(np.array([1.0, 1.01, 1.2, 0.9]), 0.05)


def test_a_short_random_series_is_still_called_random():
    assert np.mean([cao(autoregression([0.5], 260, seed), most=5).random for seed in range(20)]) >= 0.9


def test_information_of_independent_values_is_zero_and_of_a_gaussian_pair_that_of_its_correlation():
    rng = np.random.default_rng(1)
    assert abs(delay(rng.normal(size=4000), rng).bits[1:]).max() < 0.07
    x = autoregression([0.9], 20_000, 0)
    assert delay(x, rng, most=3).bits[1] == pytest.approx(-np.log2(1 - 0.81) / 2, abs=0.05)


@pytest.mark.parametrize("measure", [lambda x: gain(x, 2), cao, lambda x: delay(x, np.random.default_rng(0))])
def test_what_is_no_series_is_refused(measure):
    x = np.random.default_rng(0).normal(size=500)
    for bad, says in (
        (np.where(np.arange(500) == 7, np.nan, x), "NaN"),
        (np.full(500, 0.1), "constant"),
        (x[:20], "steps"),
    ):
        with pytest.raises(InputRefused, match=says):
            measure(bad)
    with pytest.raises(InputRefused, match=r"again|one channel"):
        measure(np.stack([x, 2 * x + 1], 1))


def test_smooth_noise_has_a_dimension_only_while_neighbours_in_time_count():
    """Theiler 1986: of a fine orbit the nearest point is the next one, and what is random looks like a system."""
    for seed in range(2):
        smooth = gaussian_filter1d(np.random.default_rng(seed).normal(size=1500), 15)
        assert cao(smooth, delay=20, most=5).dimension in (4, 5)
        apart = cao(smooth, delay=20, most=5, theiler=60)
        assert (apart.dimension, apart.random) == (None, True)
    assert cao(henon(1500, 0), theiler=10).dimension == 2


@pytest.mark.parametrize("theiler", [0, 3, 40])
def test_neighbours_near_in_time_are_those_a_slow_twin_leaves_out(theiler):
    y = gaussian_filter1d(np.random.default_rng(0).normal(size=(300, 2)), 5, axis=0)
    near, other = _nearest(y, theiler)
    apart, time = abs(y[:, None] - y[None]).max(2), np.arange(300)
    apart[abs(time[:, None] - time) <= theiler] = np.inf
    assert other.tolist() == apart.argmin(1).tolist()
    assert near == pytest.approx(apart.min(1))


def test_delays_and_windows_that_are_not_whole_are_refused_by_name():
    x = henon(400, 0)
    for given, says in (({"delay": 1.5}, "delay=1.5"), ({"most": 3.0}, "most=3.0"), ({"theiler": -1}, "theiler=-1")):
        with pytest.raises(InputRefused, match=says):
            cao(x, **given)
    with pytest.raises(InputRefused, match="twice theiler"):
        cao(x, theiler=100)


def test_a_series_that_repeats_itself_exactly_is_refused():
    with pytest.raises(InputRefused, match="repeats itself"):
        cao(np.tile([0.0, 1.0, 3.0], 300))
