"""Lyapunov spectra against identities, distances of orbits against closed forms, their floors and what fools each."""

import numpy as np
import pytest
import torch

from byheart.errors import InputRefused
from byheart.maths.orbits import kaplan_yorke, lyapunov_spectrum, spectrum_distance, state_divergence
from byheart.seeds import stream
from byheart.tasks.systems import Duffing, Henon, Ikeda, Logistic, Lorenz63, VanDerPol


def exponents(system, steps, dt=None, **more):
    dt = dt or system.usual_dt
    more.setdefault("jacobian", lambda x: system.step_jacobian(x, dt))
    return lyapunov_spectrum(lambda x: system.step(x, dt), system.start, steps, dt, **more)


@pytest.fixture(scope="module")
def lorenz():
    """Two true orbits from independent starts, standardised by the first: (10,000, 3) each, dt 0.01."""
    system = Lorenz63()
    starts = system.start + stream(0, "orbits").normal(size=(2, 3))
    both = system.orbit(starts, 12_000)[2001:]
    mean, sd = both[:, 0].mean(0), both[:, 0].std(0)
    return [(both[:, i] - mean) / sd for i in (0, 1)]


# --- the spectrum


def test_lorenz_sums_to_its_trace_and_has_the_known_exponents():
    system = Lorenz63()
    found = exponents(system, 30_000)
    assert found.time == pytest.approx(300)
    assert found.values.sum() == pytest.approx(system.truth.total, abs=1e-3)
    assert found.values[0] == pytest.approx(0.906, abs=0.05)
    assert abs(found.values[1]) < 0.02
    assert abs(found.values[0] - 0.906) < 5 * found.standard_errors[0] < 0.1
    assert kaplan_yorke(found.values) == pytest.approx(system.truth.dimension, abs=0.01)


def test_maps_keep_their_identities():
    for system in (Henon(), Ikeda()):
        assert exponents(system, 3000).values.sum() == pytest.approx(system.truth.total, abs=1e-9)
    henon = exponents(Henon(), 3000)
    assert abs(henon.values[0] - Henon().truth.exponents[0]) < 4 * henon.standard_errors[0] < 0.06
    assert exponents(Logistic(), 5000).values[0] == pytest.approx(np.log(2), abs=0.01)
    assert exponents(Logistic(3.2), 100).values[0] == pytest.approx(Logistic(3.2).truth.exponents[0], abs=1e-9)
    tent = lyapunov_spectrum(lambda x: 1.99 * np.minimum(x, 1 - x), [0.3], 100)
    assert tent.values[0] == pytest.approx(np.log(1.99), abs=1e-6)


def test_linear_maps_exactly_and_a_direction_that_collapses():
    turn = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [5.0, 1.0, 0.25]]) * 0.9
    found = lyapunov_spectrum(lambda x: turn @ x, np.ones(3), 200)
    assert np.allclose(found.values, np.log([0.9, 0.9, 0.225]), atol=2e-3)  # an ellipse: 1 / T
    assert found.values.sum() == pytest.approx(np.log(0.9**2 * 0.225), abs=1e-9)
    mixed = np.array([[0.5, 2.0, 0.1], [0.3, -1.0, 0.0], [0.0, 0.4, 0.2]])
    found = lyapunov_spectrum(lambda x: mixed @ x % 3, np.ones(3), 50, jacobian=lambda x: mixed)
    assert np.allclose(found.values, np.sort(np.log(np.abs(np.linalg.eigvals(mixed))))[::-1], atol=1e-9)
    assert np.allclose(found.standard_errors, 0, atol=1e-9)
    flat = np.array([[2.0, 0.0], [0.0, 0.0]])
    gone = lyapunov_spectrum(lambda x: flat @ x / 2, np.ones(2), 50, jacobian=lambda x: flat / 2)
    assert gone.values.tolist() == [0.0, -np.inf]
    assert np.isnan(gone.standard_errors[1])
    assert kaplan_yorke(gone.values) == 1


def test_standard_errors_are_of_ten_blocks():
    """A direction that grows by exp(j / 10) in every step of block j, beside a counter that moves on by one."""
    found = lyapunov_spectrum(
        lambda x: np.array([x[0] + 1, np.exp((x[0] // 10) / 10) * x[1]]), [0.5, 0.0], 100, transient=0
    )
    assert np.allclose(found.values, [0.45, 0.0])
    assert np.allclose(found.standard_errors, [np.std(np.arange(10) / 10, ddof=1) / 10**0.5, 0])


def test_exponents_are_per_unit_of_time():
    half = exponents(Duffing(), 2000, 0.1), exponents(Duffing(), 4000, 0.05)
    for found in half:
        assert np.allclose(found.values, Duffing().truth.exponents, atol=1e-3)


def test_exponents_of_what_keeps_energy_come_in_pairs():
    """Two coupled saddles by steps that keep areas (leapfrog): lambda_i = -lambda_{d+1-i}, rates those of the step."""
    steep, dt = np.array([[1.0, 0.2], [0.2, 0.5]]), 0.1
    push, drift = np.eye(4), np.eye(4)
    push[2:, :2], drift[:2, 2:] = dt / 2 * steep, dt * np.eye(2)
    whole = push @ drift @ push
    found = lyapunov_spectrum(lambda z: np.tanh(whole @ z), np.zeros(4), 200, dt, transient=2000).values
    assert np.allclose(found, -found[::-1], atol=1e-8)
    rates = np.arccosh(1 + dt**2 * np.linalg.eigvalsh(steep)[::-1] / 2) / dt  # of the leapfrog, exactly
    assert np.allclose(found[:2], rates, atol=1e-8)


def test_a_cycle_has_one_exponent_zero():
    found = exponents(VanDerPol(), 6000)
    assert abs(found.values[0]) < 0.01
    assert found.values[1] < -0.9
    assert kaplan_yorke(found.values, zero=0.01) == 1.0


def test_differences_torch_and_the_exact_jacobian_agree():
    system = Henon()

    def step(x):
        return torch.stack([1 - 1.4 * x[0] ** 2 + x[1], 0.3 * x[0]])

    exact = exponents(system, 30, transient=0).values  # before rounding parts the orbits
    in_torch = lyapunov_spectrum(step, torch.tensor(system.start), 30, transient=0).values
    by_differences = exponents(system, 30, jacobian=None, transient=0).values
    gives_numpy = lyapunov_spectrum(lambda x: step(x).numpy(), torch.tensor(system.start), 30, transient=0).values
    for other in (in_torch, by_differences, gives_numpy):
        assert np.allclose(other, exact, atol=1e-5)
    single = lyapunov_spectrum(step, torch.tensor(system.start, dtype=torch.float32), 300, transient=0)
    assert single.values.sum() == pytest.approx(np.log(0.3), abs=1e-4)


def test_a_jacobian_of_one_state_is_called_for_each():
    """Beside one that takes many at once; a third refuses many by an error of its own."""
    system, calls = Henon(), []

    def alone(x):
        calls.append(x.shape)
        return [[-2.8 * float(x[0]), 1.0], [0.3, 0.0]]

    assert np.array_equal(exponents(system, 50, jacobian=alone).values, exponents(system, 50).values)
    assert calls.count((2,)) > 1000
    shapes = []
    exponents(system, 50, jacobian=lambda x: shapes.append(np.shape(x)) or system.jacobian(x))
    assert len(shapes) < 20
    assert (1000, 2) in shapes


@pytest.mark.parametrize(
    "values, dimension",
    [
        ([0.5, 0.1], 2.0),
        ([-0.1, -1.0], 0.0),
        ([0.5, 0.0, -1.0], 2.5),
        ([-1.0, 0.5, 0.0], 2.5),
        ([0.0, 0.0, -1e-300], 2.0),
    ],
)
def test_the_dimension_of_kaplan_and_yorke(values, dimension):
    assert kaplan_yorke(values) == dimension
    assert kaplan_yorke([-1e-4, -1.0]) == 0
    assert kaplan_yorke([-1e-4, -1.0], zero=1e-3) == 1


# --- a generated orbit beside the true one


def test_divergence_in_state_space_is_the_sum_over_all_boxes():
    """Slow twin: every box of a full histogram, one more for what is outside."""
    rng = stream(0, "boxes")
    a, b = rng.normal(size=(300, 2)), rng.normal(0.3, 1.5, size=(200, 2))
    low, high = a.min(0) - 0.1 * a.std(0), a.max(0) + 0.1 * a.std(0)
    edges = [np.linspace(low[i], high[i], 13) for i in (0, 1)]
    counts = [np.append(np.histogramdd(one, edges)[0].ravel(), 0) for one in (a, b)]
    for count, one in zip(counts, (a, b), strict=True):
        count[-1] = len(one) - count.sum()
    p, q = ((count + 1e-5) / (count.sum() + 145e-5) for count in counts)
    assert counts[1][-1] > 5
    assert state_divergence(a, b, bins=12) == pytest.approx((p * np.log(p / q)).sum(), rel=1e-12)
    p, q = ((count[:-1] + 1e-5) / (count[:-1].sum() + 144e-5) for count in counts)
    assert state_divergence(a, b, bins=12, compat="gtf") == pytest.approx((p * np.log(p / q)).sum(), rel=1e-12)


def test_true_orbits_are_at_the_floor_and_collapse_and_escape_are_far(lorenz):
    true, other = lorenz
    floor = state_divergence(true, other)
    assert 0.2 < floor < 3
    assert state_divergence(true, true) == 0  # a replay: this measure cannot see it
    assert state_divergence(true, np.zeros_like(true) + true[5]) > 3 * floor
    escaped = np.where(np.arange(len(true))[:, None] < 5000, true, 500.0)
    assert state_divergence(true, escaped) > state_divergence(true, escaped, compat="gtf") + 0.5
    shuffled = stream(0, "shuffle").permutation(true)
    assert state_divergence(true, shuffled) == 0
    assert spectrum_distance(true, shuffled) > 0.5


def test_published_variants_differ_as_they_say(lorenz):
    true, other = lorenz
    assert {name: state_divergence(true, other, compat=name) > 0 for name in ("gtf", "legacy", "alrnn")}
    lowest = np.array([0.0, 0.0, 1.0, 2.0, 3.0])
    assert state_divergence(lowest, np.array([2.0, 1.0, 3.0]), bins=3, compat="alrnn") == 0  # 0 is in no box
    two = np.repeat([-1.0, 1.0], 70_000)
    wrapped = np.log(34_464 / 2 / 30_000) / 2 + np.log(34_464 / 2 / 4_464) / 2  # 70,000 is counted as 4,464
    assert state_divergence(two, two[40_000:], bins=2, compat="gtf") == pytest.approx(wrapped, rel=1e-6)
    far = np.array([0.0, 0.1, -0.1, 9.0] * 5)
    assert state_divergence(far, np.array([0.0, 0.1, -0.1]), bins=3, compat="legacy") < 1e-3
    assert state_divergence(far, np.array([0.0, 0.1, -0.1]), bins=3) > 1


def test_the_distance_of_spectra_sees_frequency_and_no_amplitude(lorenz):
    true, other = lorenz
    floor = spectrum_distance(true, other, dt=0.01)
    assert 0.01 < floor < 0.2
    assert spectrum_distance(true, true) == 0
    assert spectrum_distance(true, 2 * other + 1, dt=0.01) == pytest.approx(floor, rel=1e-9)
    assert spectrum_distance(true, other[::2], dt=0.01) > 2 * floor  # twice as fast
    assert spectrum_distance(true, np.ones_like(true)) == 1


def test_smoothing_is_a_frequency(lorenz):
    true, other = lorenz
    assert spectrum_distance(true, other, dt=0.01) == spectrum_distance(true, other, dt=0.01, smoothing=0.2)
    assert spectrum_distance(true, other, dt=0.01) == pytest.approx(spectrum_distance(true, other, compat="gtf"))
    short = true[:2000], other[:2000]
    assert spectrum_distance(*short) != spectrum_distance(*short, compat="gtf")
    assert spectrum_distance(true, other, smoothing=1e-6) > 0.4


def test_a_shuffle_of_phases_is_seen_in_state_space_alone(lorenz):
    true, other = lorenz
    turned = np.fft.rfft(true, axis=0) * np.exp(1j * stream(0, "phases").uniform(0, 2 * np.pi, (5000 + 1, 1)))
    turned[[0, -1]] = np.fft.rfft(true, axis=0)[[0, -1]]
    surrogate = np.fft.irfft(turned, axis=0)
    assert spectrum_distance(true, surrogate) < 1e-6
    assert state_divergence(true, surrogate) > 1.5 * state_divergence(true, other)


# --- what is refused


def _blows_up(x):
    return x * x


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: lyapunov_spectrum(_blows_up, [2.0], 100), "diverges"),
        (lambda: lyapunov_spectrum(_blows_up, [0.5], 5), "at least 10 steps"),
        (lambda: lyapunov_spectrum(lambda x: x[:1], [0.5, 1.0], 50), "shape"),
        (lambda: exponents(Henon(), 50, jacobian=lambda x: np.ones(2)), r"Jacobian of shape \(2, 2\)"),
        (lambda: exponents(Henon(), 50, jacobian=lambda x: Henon().jacobian(x).T), "next 1.*state 0.*= 0.3, got 1"),
        (lambda: exponents(Lorenz63(), 50, jacobian=Lorenz63().jacobian), "not of its flow"),
        (lambda: kaplan_yorke([0.1, np.nan]), "Lyapunov exponents"),
        (lambda: state_divergence(np.ones((20, 2)), np.ones((20, 2))), "channel 0 is constant"),
        (lambda: state_divergence(np.arange(20.0), np.array([1.0, np.nan])), "first at step 1"),
        (lambda: state_divergence(np.arange(20.0), np.ones((20, 2))), "1 channels"),
        (lambda: state_divergence(np.arange(20.0), np.arange(9.0), bins=1), "at least 2 boxes"),
        (lambda: state_divergence(np.arange(20.0), np.arange(9.0), compat="julia"), "compat one of"),
        (lambda: state_divergence(np.arange(-9.0, 9.0), np.full(20, 50.0), compat="legacy"), "inside the boxes"),
        (lambda: spectrum_distance(np.arange(20.0), np.arange(9.0)), "16 steps"),
        (lambda: spectrum_distance(np.arange(20.0), np.arange(20.0), smoothing=0), "smoothing above 0"),
        (lambda: spectrum_distance(np.arange(20.0), np.arange(20.0), smoothing=1, compat="gtf"), "without smoothing"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, message):
    with np.errstate(over="ignore"), pytest.raises(InputRefused, match=message):
        call()


def test_an_orbit_standardised_by_itself_is_refused(lorenz):
    true, other = lorenz
    own = (other - other.mean(0)) / other.std(0)
    with pytest.raises(InputRefused, match="standardised by itself"):
        state_divergence(true * 2 + 1, own)
    assert state_divergence(true * 2 + 1, other * 2 + 1) > 0
