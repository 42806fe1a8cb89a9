"""Gradients by lag of products whose exponent is known, and time constants of steps whose eigenvalues are."""

import numpy as np
import pytest
from scipy.signal import lfilter

from byheart.errors import InputRefused
from byheart.maths.lags import gradient_by_lag, time_constants
from byheart.maths.orbits import lyapunov_spectrum
from byheart.tasks.systems import Henon


def products(drift, memory, rows, lags, seed):
    """exp of sums of Gaussian steps of this mean, whose neighbours are alike."""
    steps = lfilter([1], [1, -memory], np.random.default_rng(seed).normal(size=(rows, lags + 50)), axis=1)[:, 50:]
    return np.exp(np.cumsum(drift + 0.3 * steps, 1))


@pytest.mark.parametrize(("rows", "memory", "lags"), [(12, 0.9, 60), (1, 0.0, 200), (1, 0.6, 400)])
def test_the_slope_lies_in_its_interval_whether_rows_or_stretches_of_lags_say_how_wide(rows, memory, lags):
    found = [gradient_by_lag(products(-0.1, memory, rows, lags, seed)) for seed in range(60)]
    z = np.array([(one.slope + 0.1) / one.standard_error for one in found])
    assert (abs(z) < 2.2).mean() > 0.86  # Student, 9 or 11 degrees of freedom
    assert abs(z.mean()) < 4 * z.std() / np.sqrt(60)


def test_powers_vanish_explode_or_stay_and_the_units_of_the_gradient_do_not_matter():
    lags = np.arange(30.0)
    assert gradient_by_lag(0.5**lags)[:2] == ("vanishing", pytest.approx(-np.log(2)))
    assert gradient_by_lag(7e5 * 1.5**lags)[:2] == ("exploding", pytest.approx(np.log(1.5)))
    assert gradient_by_lag(np.full((9, 30), 3.0))[:2] == ("level", 0.0)
    assert gradient_by_lag(products(0.0, 0.5, 20, 100, 0)).direction == "level"


def test_the_logarithm_is_averaged_so_that_one_burst_does_not_decide():
    norms = np.tile(0.8 ** np.arange(20.0), (50, 1))
    norms[0] = 5.0 ** np.arange(20.0)  # the mean of the norms explodes
    assert gradient_by_lag(norms).direction == "vanishing"


def test_on_a_chaotic_orbit_the_gradient_explodes_at_its_exponent():
    system = Henon()
    spectrum = lyapunov_spectrum(
        lambda x: system.step(x), system.start, 4000, jacobian=lambda x: system.step_jacobian(x)
    )
    orbit = system.orbit(system.start, 700)[100:]
    rows = []
    for begin in range(0, 600, 50):
        gradient, norms = np.array([1.0, 0.3]), []
        for state in orbit[begin : begin + 50][::-1]:
            norms.append(np.linalg.norm(gradient))
            gradient = system.step_jacobian(state).T @ gradient
        rows.append(norms)
    found = gradient_by_lag(rows, float(spectrum.values[0]), float(spectrum.standard_errors[0]))
    assert abs(found.slope - 0.4192) < 4 * found.standard_error  # Henon's exponent
    assert (found.direction, found.agrees) == ("exploding", True)
    assert gradient_by_lag(rows, -0.4, 0.01).agrees is False
    assert gradient_by_lag(rows, 0.01, 0.02).agrees is None
    assert gradient_by_lag(rows).agrees is None


def test_a_gradient_that_stops_or_overflows_is_read_up_to_there():
    powers = 0.5 ** np.arange(40.0)
    stopped = gradient_by_lag(np.where(np.arange(40) < 25, powers, 0))
    assert (stopped.lags, stopped.slope) == (25, pytest.approx(-np.log(2)))
    assert gradient_by_lag(np.where(np.arange(40) < 3, powers, 0))[:4] == ("cut", None, None, 3)
    overflown = gradient_by_lag(np.where(np.arange(40) < 20, 1 / powers, np.inf))
    assert (overflown.lags, overflown.direction) == (20, "exploding")
    assert gradient_by_lag(np.where(np.arange(40) < 4, 1 / powers, np.inf))[:4] == ("exploding", None, None, 4)


def test_norms_that_are_none_are_refused():
    for norms, says in ((np.ones(8), "11 lags"), (-np.ones(20), "20 below 0"), (np.full(20, np.nan), "20 NaN")):
        with pytest.raises(InputRefused, match=says):
            gradient_by_lag(norms)


def test_time_constants_are_those_of_the_eigenvalues_of_turns_shears_and_diagonals():
    turn = 0.9 * np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    assert time_constants(turn, 0.1, 1.0).values == pytest.approx(-0.1 / np.log(0.9))
    shear = np.array([[0.5, 7.0], [0.0, -0.25]])
    assert time_constants(shear, 1.0, 1.0).values[0] == pytest.approx([1 / np.log(2), 1 / np.log(4)])
    diagonal = [np.exp(-1 / 30), 0.0, -1.0, 1.2]
    found = time_constants(diagonal, 2.0, 50.0)
    assert found.values[0] == pytest.approx([np.inf, np.inf, 60.0, 0.0])
    assert (found.slow_share, found.growing) == (0.75, 0.25)
    both = time_constants(np.stack([turn, np.eye(2)]), 0.1, 5.0)
    assert both.slow.tolist() == [0.0, 1.0]
    assert (both.slow_share, both.growing) == (0.5, 0.0)


def test_a_time_constant_is_the_time_in_which_a_state_falls_to_one_over_e():
    a = 0.98
    steps = int((np.cumprod(np.full(200, a)) < 1 / np.e).argmax()) + 1
    assert time_constants([a], 0.01, 1.0).values[0, 0] == pytest.approx(0.01 * steps, rel=0.02)


def test_steps_that_are_no_jacobians_are_refused():
    for steps, dt in ((np.ones((2, 3)), 1.0), ([0.5], 0.0), ([0.5], np.nan)):
        with pytest.raises(InputRefused, match="square Jacobians"):
            time_constants(steps, dt, 1.0)
    with pytest.raises(InputRefused, match="NaN"):
        time_constants([np.nan], 1.0, 1.0)
