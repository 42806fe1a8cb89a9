"""How many steps back a series needs: maps, flows and regressions whose window is known, and what only looks like memory."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.spatial.distance import pdist
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.lags import gain_curve, needed
from byheart.maths.lags.kernel_code import INVERSE_WIDTHS, LINEAR, MIXED_FROM, kernel_code
from byheart.maths.lags.needed_window import _error_of_saved, _lengths, _steps_before
from byheart.maths.lags.predictive_gain import _code_lengths
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


def pieces(lengths, process):
    """Stretches of their own, one after another, and where each begins."""
    return np.concatenate([process(n, i) for i, n in enumerate(lengths)]), np.cumsum([0, *lengths])[:-1]


def swing(n, i):
    """Two steps say what follows, exactly; each stretch begins anywhere."""
    return np.sin(0.7 * np.arange(n) + 2.1 * i)


def test_no_window_reaches_over_a_gap():
    series, begins = pieces([60] * 6, swing)
    whole, joined = found(series, begins=begins), found(series)
    assert whole[:2] == (2, "found")
    assert whole.saved > 9  # as far as a thousandth of a deviation is told: log2(1000)
    for kind in ("linear", "kernel"):
        assert whole.curves[kind].code.min() < joined.curves[kind].code.min() - 4
    assert whole.increments == 2


def test_a_series_of_one_stretch_is_as_it_was_and_many_are_worth_as_many_steps():
    one = autoregression([0.5, 0.3], 600)
    for plain, begun in zip(found(one), found(one, begins=[0]), strict=True):
        np.testing.assert_equal(begun, plain)
    series, begins = pieces([50] * 40, lambda n, i: autoregression([0.5, 0.3], n, random(i).normal(size=n + 100)))
    many = found(series, begins=begins)
    assert many[:3] == (2, "found", "linear")
    assert many.curves["linear"].windows[-1] == 25  # half of the steps lie further from the begin of their stretch
    long = found(autoregression([0.5, 0.3], 2000))
    assert many.saved == pytest.approx(long.saved, abs=3 * np.hypot(many.saved_standard_error, long.saved_standard_error))


def test_each_coded_step_of_stretches_costs_what_its_own_rows_cost():
    """The slow twin: the rows of all windows that lie in one stretch, put into one regression."""
    series, begins = pieces([70, 90, 140], lambda n, i: random(i).normal(size=n).cumsum())
    x, lags = ((series - series.mean()) / series.std())[:, None], 3
    ends = [*begins[1:], len(x)]
    rows = [at for a, b in zip(begins, ends) for at in range(a + lags, b)]
    features = np.stack([np.concatenate([[1.0], *(x[at - k] for k in range(1, lags + 1))]) for at in rows])
    learned = max(len(rows) // 10, 2 * features.shape[1] + 10)
    by_hand = _code_lengths(features, x[rows], np.arange(1, lags + 2), learned, 1e-6) / np.log(2)
    _, bits, at = _lengths(x, "linear", lags, _steps_before(len(x), begins))
    np.testing.assert_array_equal(at, rows[learned:])
    np.testing.assert_allclose(bits, by_hand, rtol=1e-12)


@pytest.mark.parametrize("begins", [[-1], [600], [3.5], [np.nan]])
def test_begins_that_are_no_steps_are_refused(begins):
    with pytest.raises(InputRefused, match="begins of stretches"):
        found(autoregression([0.5], 600), begins=begins)
