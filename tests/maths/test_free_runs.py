"""n-step errors and valid times against closed forms; models of one state, of many, of windows, in torch."""

import numpy as np
import pytest
import torch
from scipy.stats import binom

from byheart.errors import InputRefused
from byheart.maths.orbits import free_runs, lyapunov_spectrum, prediction_error, valid_prediction_time
from byheart.seeds import stream
from byheart.tasks.systems import Logistic, Lorenz63

TURN = 0.9 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])


def many(x):
    return x @ TURN.T


def one(x):
    """Of one state alone: an array of several is turned wrongly or refused."""
    return TURN @ x if np.ndim(x) == 1 else np.full(x.shape, 9.0)


@pytest.fixture(scope="module")
def series():
    return stream(0, "series").normal(size=(200, 2))


# --- the n-step error


def test_the_error_of_a_linear_model_is_that_of_its_powers(series):
    """Slow twin: every start alone, matrix powers."""
    found = prediction_error(many, series, 5)
    powers = [np.linalg.matrix_power(TURN, k) for k in range(1, 6)]
    slow = [np.mean([(p @ series[t] - series[t + k]) ** 2 for t in range(195)]) for k, p in enumerate(powers, 1)]
    assert np.allclose(found.curve, slow, rtol=1e-12)
    assert found.value == found.curve[-1]
    assert (found.starts, found.diverged) == (195, 0)
    still = [((series[:195] - series[k : 195 + k]) ** 2).mean() for k in range(1, 6)]
    assert np.allclose(found.persistence, still, rtol=1e-12)
    assert np.allclose(prediction_error(one, series, 5).curve, slow, rtol=1e-12)


def test_the_true_step_has_no_error_and_one_a_little_wrong_grows_as_the_exponent():
    system = Lorenz63()
    orbit = system.orbit(system.start, 3000)[1000:]
    exact = prediction_error(lambda x: system.step(x, 0.01), orbit, 20)
    assert exact.value < 1e-20
    steps = prediction_error(lambda x: Logistic().step(x), Logistic().orbit(0.3 * np.ones(1), 1000) + 1e-9, 11).curve
    rate = np.diff(np.log(steps)).mean() / 2  # of an error from the start: mean squares grow faster than ln 2 a step
    assert np.log(2) < rate < np.log(4)


def test_a_window_is_handed_oldest_first_and_moves_on(series):
    """The step before last, as a model of windows of 3."""
    called = []

    def before(windows):
        called.append(windows.shape)
        return windows[..., -2, :]

    runs = free_runs(before, series, 4, window=3)
    at = np.arange(2, 196)
    assert np.array_equal(runs[:, 0], series[at - 1])
    assert np.array_equal(runs[:, 1], series[at])
    assert np.array_equal(runs[:, 2], series[at - 1])
    assert called[-1] == (194, 3, 2)
    alone = free_runs(lambda w: w[-2] if w.ndim == 2 else 1 / 0, series, 4, window=3)
    assert np.array_equal(runs, alone)
    found = prediction_error(before, series, 2, window=3)
    assert found.curve[0] == pytest.approx(((series[1:197] - series[3:199]) ** 2).mean())


def test_chosen_starts_reach_beyond_the_series(series):
    runs = free_runs(many, series, 7, starts=[0, 199])
    assert runs.shape == (2, 7, 2)
    assert np.allclose(runs[1, 6], np.linalg.matrix_power(TURN, 7) @ series[199])


def test_a_model_in_torch_is_handed_tensors_of_the_kind_of_the_series(series):
    kinds = []

    def model(x):
        kinds.append(x.dtype)
        return x @ torch.as_tensor(TURN.T, dtype=x.dtype)

    found = prediction_error(model, torch.as_tensor(series, dtype=torch.float32), 5)
    assert set(kinds) == {torch.float32}
    assert np.allclose(found.curve, prediction_error(many, series, 5).curve, rtol=1e-5)


def test_a_run_that_leaves_is_no_part_of_a_mean(series):
    """Of 195 starts those above 2.5 in the first channel are squared away."""
    found = prediction_error(lambda x: np.where(x[..., :1] > 2.3, x * 1e9, 0.5 * x), series, 5)
    assert found.diverged == int((series[:195, 0] > 2.3).sum()) > 0
    assert np.isinf(found.curve).all()
    overflows = prediction_error(lambda x: x.astype(np.float32) * np.float32(1e20), series, 3)
    assert (overflows.value, overflows.diverged) == (np.inf, 197)
    late = prediction_error(lambda x: 30 * x, series, 3)
    assert np.isfinite(late.curve[0])
    assert np.isinf(late.curve[2])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: prediction_error(many, x, 0), "horizon and window of at least 1"),
        (lambda x: prediction_error(many, x[:5], 5), "5 steps"),
        (lambda x: prediction_error(many, x, 5, window=196), "window 196"),
        (lambda x: prediction_error(lambda z: z[..., :1], x, 5), r"next state of shape \(2,\)"),
        (lambda x: prediction_error(lambda z: z.sum(), x, 5), r"next state of shape \(2,\)"),
        (lambda x: free_runs(many, x, 5, starts=[200]), "starts from 0 to 199"),
        (lambda x: free_runs(many, x, 5, window=3, starts=[1]), "starts from 2"),
        (lambda x: prediction_error(many, np.where(x > 2, np.nan, x), 5), "without NaN"),
    ],
)
def test_what_cannot_be_predicted_is_refused(series, call, message):
    with pytest.raises(InputRefused, match=message):
        call(series)


def test_an_error_of_the_model_is_shown(series):
    with pytest.raises(ZeroDivisionError):
        prediction_error(lambda x: 1 / 0, series, 5)


# --- the valid time


@pytest.fixture(scope="module")
def drifting():
    """41 starts; the j-th prediction is as far from the truth as 0.1 (j + 1) k deviations after k steps."""
    truth = stream(0, "truth").normal(size=(41, 50, 3))
    scale = np.sqrt(((truth - truth.mean((0, 1))) ** 2).sum(2).mean())
    apart = 0.01 * scale * (np.arange(41)[:, None] + 1) * np.arange(1, 51)
    return truth, truth + apart[..., None] * np.array([0.6, 0.0, 0.8])


def test_valid_times_are_the_first_step_beyond_eps(drifting):
    truth, predicted = drifting
    found = valid_prediction_time(truth, predicted, dt=0.02, exponent=0.9, eps=0.401, source="theory")
    steps = np.floor(40.1 / (np.arange(41) + 1)) + 1
    assert np.allclose(found.times, 0.02 * 0.9 * steps)
    assert found.value == pytest.approx(0.018 * steps[20])
    assert found.longest == pytest.approx(50 * 0.018)
    assert (found.eps, found.exponent, found.source) == (0.401, 0.9, "theory")
    wider = valid_prediction_time(truth, predicted, 0.02, 0.9, eps=0.501)
    assert wider.value > found.value
    assert "not named" in wider.source


def test_the_interval_holds_the_median_with_95_percent(drifting):
    truth, predicted = drifting
    found = valid_prediction_time(truth, predicted, 0.02, 0.9)
    ranks = [int(np.searchsorted(np.sort(found.times), one)) for one in (found.low, found.high)]
    assert np.sort(found.times)[13] == found.low  # 41 starts: the 14th and the 28th
    assert np.sort(found.times)[27] == found.high
    assert ranks[0] < 20 < ranks[1] + 1
    assert 2 * binom.cdf(13, 41, 0.5) < 0.05 < 2 * binom.cdf(14, 41, 0.5)
    few = valid_prediction_time(truth[:5], predicted[:5], 0.02, 0.9)
    assert (few.low, few.high) == (0, np.inf)
    six = valid_prediction_time(truth[:6], predicted[:6], 0.02, 0.9)
    assert (six.low, six.high) == (six.times.min(), six.times.max())


def test_what_stays_valid_is_open_and_what_is_not_finite_is_not_valid(drifting):
    truth, _ = drifting
    assert valid_prediction_time(truth, truth, 0.02, 0.9).value == np.inf
    lost = np.where(np.arange(50)[:, None] > 9, np.nan, truth)
    assert valid_prediction_time(truth, lost, 0.02, 0.9).value == pytest.approx(11 * 0.018)
    lost = np.where(np.arange(50)[:, None] > 9, 1e300, truth)
    assert valid_prediction_time(truth, lost, 0.02, 0.9).value == pytest.approx(11 * 0.018)


def test_an_error_that_grows_by_the_exponent_is_valid_for_its_logarithm():
    """Maps whose differences grow by e^0.5 a step from 1e-6: V = ln(0.4 sd / 1e-6), to a step."""
    truth = stream(0, "growth").normal(size=(60, 60, 1))
    predicted = truth + 1e-6 * np.exp(0.5 * np.arange(1, 61))[:, None]
    found = valid_prediction_time(truth, predicted, 1.0, 0.5)
    assert found.value == pytest.approx(np.log(0.4 * truth.std() / 1e-6), abs=0.5)
    assert found.low == found.value == found.high


def test_the_exponent_of_a_spectrum_says_so(drifting):
    system = Logistic()
    spectrum = lyapunov_spectrum(lambda x: system.step(x), system.start, 1000, jacobian=system.jacobian)
    found = valid_prediction_time(*drifting, 1.0, spectrum)
    assert found.exponent == spectrum.values[0]
    assert found.source == "lyapunov_spectrum over time 1000"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, y: valid_prediction_time(x, y[:, :9], 0.1, 1.0), "shape"),
        (lambda x, y: valid_prediction_time(x, y, 0.1, 0.0), "no Lyapunov time"),
        (lambda x, y: valid_prediction_time(x, y, 0.1, np.inf), "no Lyapunov time"),
        (lambda x, y: valid_prediction_time(x, y, 0.0, 1.0), "dt=0"),
        (lambda x, y: valid_prediction_time(x, y, 0.1, 1.0, eps=-1), "eps=-1"),
        (lambda x, y: valid_prediction_time(0 * x + 3, y, 0.1, 1.0), "constant"),
        (lambda x, y: valid_prediction_time(x * np.nan, y, 0.1, 1.0), "without NaN"),
    ],
)
def test_valid_times_that_mean_nothing_are_refused(drifting, call, message):
    with pytest.raises(InputRefused, match=message):
        call(*drifting)
