"""How many steps back a series needs: maps, flows and regressions whose window is known, and what only looks like memory."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.spatial.distance import pdist
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.lags import gain_curve, needed
from byheart.maths.lags.kernel_code import INVERSE_WIDTHS, LINEAR, MIXED_FROM, kernel_code
from byheart.maths.lags.needed_window import _error_of_saved, _lengths
from byheart.tasks.systems import Henon, Logistic, Lorenz63


def found(series, seed=0, **asked):
    return needed(series, np.random.default_rng(seed), **asked)


def random(seed=0):
    return np.random.default_rng(seed)


def autoregression(coefficients, n, shocks=None):
    shocks = random(3).normal(size=n + 100) if shocks is None else shocks
    return lfilter([1], np.r_[1, -np.array(coefficients)], shocks)[100:]


def angles(times, n):
    """cos of angles that are multiplied at each step and hardly disturbed: uncorrelated, and a polynomial of the last."""
    rng, angle, out = random(1), 0.3, []
    for _ in range(n):
        angle = (times * angle + 1e-3 * rng.normal()) % (2 * np.pi)
        out.append(np.cos(angle))
    return np.array(out)


@pytest.fixture(scope="module")
def lorenz():
    system = Lorenz63()
    return system.orbit(system.start, 2400, 0.01)[400::5]


def test_regressions_and_noise_need_what_they_are_made_of():
    assert found(random().normal(size=600))[:3] == (0, "nothing", "linear")
    assert found(autoregression([0.5, 0.3], 1000))[:3] == (2, "found", "linear")
    both = np.stack([autoregression([0.9], 600), random(5).normal(size=600)], 1)
    assert found(both)[:3] == (1, "found", "linear")


def test_what_is_saved_is_as_sure_as_other_series_of_the_kind_are_alike():
    saved, said = [], []
    for seed in range(60):
        x = autoregression([0.3], 400, random(seed).normal(size=500))[:, None]
        _, bits, _ = _lengths((x - x.mean()) / x.std(), "linear", 1)
        saved.append(bits[0].mean() - bits[1].mean())
        said.append(_error_of_saved(bits))
    assert np.mean(said) == pytest.approx(np.std(saved), rel=4 / np.sqrt(2 * 60))
    assert abs(np.mean(saved) + np.log2(1 - 0.09) / 2) < 0.005 + 4 * np.std(saved) / np.sqrt(
        60
    )  # learning costs a little
    alone = found(autoregression([0.3], 400), most=1)
    assert alone.saved_standard_error == pytest.approx(np.mean(said), rel=0.5)


def test_a_random_walk_needs_one_step_and_its_increments_none():
    walk = found(random().normal(size=500).cumsum())
    assert walk[:2] == (1, "found")
    assert walk.increments == 0
    assert walk.drift > 0.5
    assert found(autoregression([0.5, 0.3], 500)).increments > 0
    assert found(np.arange(300.0)).increments == 0  # which are constant


def test_maps_need_their_dimension_and_the_basis_says_which_prediction_sees_it():
    henon = found(Henon().orbit(Henon().start, 400)[101:, 0])
    assert henon[:2] == (2, "found")
    assert henon.basis in ("products", "kernel")  # the kernel learns a polynomial as well
    assert henon.curves["linear"].code.min() > 1.5
    assert found(Logistic().orbit(np.array([0.3]), 400)[101:])[:2] == (1, "found")
    third = found(angles(3, 400))  # uncorrelated with every product of the window
    assert third[:3] == (1, "found", "kernel")
    assert (third.curves["linear"].needed, third.curves["products"].needed) == (0, 0)


def test_a_flow_needs_one_step_where_its_state_is_seen_and_several_where_one_coordinate_is(lorenz):
    whole, one = found(lorenz), found(lorenz[:, 0])
    assert (whole.steps, whole.basis) == (1, "kernel")
    assert 3 <= one.steps <= 7
    assert one.curves["kernel"].bits[0] < whole.curves["kernel"].bits[0]
    noisy = found(lorenz + 0.05 * lorenz.std(0) * random().normal(size=lorenz.shape))
    assert noisy.steps >= 2  # older steps filter the noise


def test_a_season_is_found_where_it_pays():
    monthly = np.tile(random(2).normal(size=12), 40) + 0.5 * random(3).normal(size=480)
    seen = found(monthly)
    assert seen.reason == "found"
    assert 8 <= seen.steps <= 24  # the kernel knows the month by fewer values; the mean of two years is better
    assert seen.curves["linear"].needed in (12, 24)
    assert seen.curves["linear"].bits.argmax() == 11  # what the twelfth saves
    assert found(monthly[:240], most=12)[:2] == (12, "most")


def test_dependence_that_no_prediction_sees_is_not_called_nothing():
    rng, size, x = random(), 1.0, []
    for _ in range(1500):
        x.append(np.sqrt(size) * rng.normal())
        size = 0.1 + 0.8 * x[-1] ** 2  # the next one's size is foretold, its sign is not
    assert found(np.array(x))[:2] == (None, "unseen")


@pytest.mark.parametrize("seed", range(2))
def test_heavy_tails_rounding_and_few_steps_do_not_feign_memory(seed):
    rng = random(seed)
    assert found(random(0).standard_t(2, size=60))[:2] == (0, "nothing")  # saves as much when shuffled
    assert found(rng.standard_cauchy(size=300))[:2] == (0, "nothing")
    assert found(rng.poisson(0.3, 300).astype(float))[:2] == (0, "nothing")
    assert found(rng.normal(size=60))[:2] == (0, "nothing")
    assert found(rng.normal(size=60).cumsum())[:2] == (1, "found")
    assert found(np.round(2 * autoregression([0.9], 300, rng.normal(size=400)))).steps == 1


def test_a_trend_and_a_shift_are_drift_and_shuffled_steps_need_nothing():
    time = np.arange(800) / 800
    for x in (3 * time, 3.0 * (time > 0.5)):
        drifting = found(x + random().normal(size=800))
        assert drifting.drift > 0.3
        assert drifting.null == 0
    assert found(random().normal(size=800)).drift < 0.05


def test_of_a_long_series_the_last_steps_are_read_and_windows_are_limited(monkeypatch):
    monkeypatch.setattr("byheart.maths.lags.needed_window.MOST_STEPS", 400)
    monkeypatch.setattr("byheart.maths.lags.needed_window.MOST_COLUMNS", 6)
    long = np.append(random().normal(size=600).cumsum(), random(1).normal(size=400))
    seen = found(long, most=30)
    assert seen[:2] == (0, "nothing")
    assert seen.curves["linear"].windows[-1] == 6


def test_what_is_no_series_and_steps_that_are_not_whole_are_refused():
    x = random().normal(size=300)
    for bad, says in (
        (np.full(300, 0.1), "constant"),
        (np.stack([x, 2 * x + 1], 1), "again"),
        (np.where(x == x[7], np.nan, x), "NaN"),
        (x[:30], "steps"),
    ):
        with pytest.raises(InputRefused, match=says):
            found(bad)
    for most in (2.5, 2.0, 0, True, "3"):
        with pytest.raises(InputRefused, match="most that is a whole number"):
            found(x, most=most)
    with pytest.raises(InputRefused, match="lags that is a whole number"):
        gain_curve(x, 2.5)


def test_the_kernel_code_is_that_of_a_process_fitted_to_the_steps_before(monkeypatch):
    """A slow twin: one setting after the other, one inverse a step, the mixture by Bayes' rule in probabilities."""
    ridges = (1e-3, 1e-1)  # an inverse loses what a factor keeps
    monkeypatch.setattr("byheart.maths.lags.kernel_code.RIDGES", ridges)
    x = autoregression([0.7], 40)
    x = (x - x.mean()) / x.std()
    windows, y, learned = np.stack([x[1:-1], x[:-2]], 1), x[2:], 8
    apart = ((windows[:, None] - windows[None]) ** 2).sum(2)
    weights, bits = np.ones(len(INVERSE_WIDTHS) * len(ridges)), []
    for step in range(MIXED_FROM, len(y)):
        said = []
        for g in INVERSE_WIDTHS:
            for ridge in ridges:
                covariance = np.exp(-g * apart / np.median(pdist(windows, "sqeuclidean")))
                covariance = covariance + LINEAR * (1 + windows @ windows.T / 2) + ridge * np.eye(len(y))
                inverse = np.linalg.inv(covariance[:step, :step])
                mean = covariance[step, :step] @ inverse @ y[:step]
                variance = covariance[step, step] - covariance[step, :step] @ inverse @ covariance[:step, step]
                scale = y[:step] @ inverse @ y[:step] / step
                said.append(student.pdf(y[step], step, mean, np.sqrt(scale * variance)))
        weights = weights / weights.sum()
        bits.append(-np.log2(weights @ said))
        weights = weights * said
    with pytest.raises(InputRefused, match="learned=2"):
        kernel_code(windows, y[:, None], 2)
    found_bits = kernel_code(windows, y[:, None], learned)
    assert found_bits == pytest.approx(np.array(bits[learned - MIXED_FROM :]), abs=1e-6)
