"""Kinds: orbits of known kinds are told apart, and where the evidence is noise or short nothing is claimed."""

import numpy as np
import pytest
from scipy.signal import lfilter

from byheart.errors import InputRefused
from byheart.maths.orbits import classify
from byheart.maths.orbits.fitted_step import fitted_rate
from byheart.maths.orbits.parting import parting_of
from byheart.seeds import stream
from byheart.tasks.systems import Henon, Logistic, Lorenz63, Lorenz96, VanDerPol

T = np.arange(3000)
PERIOD = 6.663287  # of van der Pol at mu = 1: integrated by Dormand and Prince's method of order 8 to 1e-12


def scaled(orbit):
    return (orbit - orbit.mean(0)) / orbit.std(0)


def of(system, steps, dt=None, skip=300):
    return scaled(system.orbit(system.start, steps + skip, dt)[skip:])


@pytest.fixture(scope="module")
def lorenz():
    """(5000, 3), dt 0.04."""
    return of(Lorenz63(), 10_000, 0.02)[::2]


@pytest.fixture(scope="module")
def circling():
    """Van der Pol at mu = 1, (2000, 2), dt 0.1."""
    return of(VanDerPol(), 10_000, 0.02, 3000)[::5]


def torus(a=0.1, b=0.1 * 2**0.5):
    return np.stack([(2 + np.cos(b * T)) * np.cos(a * T), (2 + np.cos(b * T)) * np.sin(a * T), np.sin(b * T)], 1)


def noise(*shape):
    return stream(0, "white").normal(size=shape)


def autoregressive(*weights):
    x = noise(3000)
    for t in range(len(weights), len(x)):
        x[t] += sum(w * x[t - 1 - k] for k, w in enumerate(weights))
    return x / x.std()


def smooth(channels):
    kernel = np.exp(-0.5 * (np.arange(-25, 26) / 5) ** 2)
    return scaled(np.stack([np.convolve(one, kernel, "valid") for one in noise(3050, channels).T], 1))


KNOWN = {
    "at rest": ("fixed point", lambda: np.full((100, 2), 3.0)),
    "at rest in single precision": ("fixed point", lambda: 1 + 1e-7 * noise(200, 2)),
    "swinging to rest": ("fixed point", lambda: np.exp(-0.002 * T) * np.sin(0.2 * T)),
    "relaxing to rest": ("fixed point", lambda: 1 + np.exp(-0.003 * T)),
    "convection at rest": ("fixed point", lambda: Lorenz63(rho=10.0).orbit([1.0, 1.0, 20.0], 1500) / 8),
    "map to its point": ("fixed point", lambda: Logistic(2.8).orbit([0.3], 300)),
    "a stiff cycle": ("cycle", lambda: of(VanDerPol(5.0), 6000, 0.05)[::4]),
    "a stiff cycle, one channel": ("cycle", lambda: of(VanDerPol(5.0), 6000, 0.05)[::4, 0]),
    "a cycle from its start": ("cycle", lambda: VanDerPol().orbit([0.1, 0.0], 2000, 0.1)),
    "a sine of 11 steps": ("cycle", lambda: np.sin(0.57 * T)),
    "a cycle of two": ("cycle", lambda: of(Logistic(3.2), 400)),
    "a cycle of eight": ("cycle", lambda: of(Logistic(3.55), 400)),
    "a cycle of three": ("cycle", lambda: of(Logistic(3.83), 400)),
    "two sines": ("quasiperiodic", lambda: np.sin(0.1 * T) + np.sin(0.1 * 2**0.5 * T)),
    "two sines multiplied": ("quasiperiodic", lambda: np.sin(0.1 * T) * np.sin(0.1 * 3**0.5 * T)),
    "a torus": ("quasiperiodic", torus),
    "two angles of a map": ("quasiperiodic", lambda: np.cos(np.outer(T, [2.4, 2**0.5]))),
    "Henon": ("chaos", lambda: of(Henon(), 2000)),
    "Henon, one channel": ("chaos", lambda: of(Henon(), 2000)[:, 0]),
    "logistic": ("chaos", lambda: of(Logistic(), 2000)),
    "growing": ("divergence", lambda: np.exp(0.01 * T)),
    "infinite at last": ("divergence", lambda: np.append(noise(100), np.inf)),
    "white noise": ("unclear", lambda: noise(3000)),
    "white noise, 20 channels": ("unclear", lambda: noise(3000, 20)),
    "noise that swings": ("unclear", lambda: autoregressive(1.97, -0.99)),
    "slow noise": ("unclear", lambda: autoregressive(0.99)),
    "noise as smooth as a flow": ("unclear", lambda: smooth(1)),
    "noise as smooth as a flow, 3 channels": ("unclear", lambda: smooth(3)),
    "kicks that fade": ("unclear", lambda: lfilter([1], [1, -0.9], stream(0, "kicks").uniform(size=3000) < 0.02)),
    "a noisy switch": ("unclear", lambda: np.sign(autoregressive(0.98)) + 0.1 * stream(1, "white").normal(size=3000)),
    "a swing that grows": ("unclear", lambda: np.exp(0.003 * T) * np.sin(0.2 * T) / 1e4),
    "a random walk": ("unclear", lambda: noise(3000).cumsum() / 30),
    "a sine on a line": ("unclear", lambda: np.sin(0.1 * T) + T / 1500),
    "a sine and a little of another": ("quasiperiodic", lambda: np.sin(0.52 * T) + 0.05 * np.sin(0.37 * T)),
    "a curve seen too coarsely": ("unclear", lambda: np.cos(2.4 * T)),
    "too few turns": ("unclear", lambda: torus()[:500]),
}


@pytest.mark.parametrize("name", KNOWN)
def test_orbits_of_known_kinds(name):
    kind, orbit = KNOWN[name]
    found = classify(orbit())
    assert found.kind == kind, found
    assert bool(found.reason) is (kind == "unclear")


def test_chaos_is_seen_whole_by_channel_in_other_units_and_at_other_steps(lorenz):
    mix = np.linalg.qr(noise(3, 3))[0] * [0.2, 1.0, 5.0]
    for seen in (
        lorenz,
        lorenz[:, :1],
        lorenz[:, 1:],
        lorenz @ mix + 3,
        lorenz[::2],
        lorenz + 0.01 * noise(*lorenz.shape),
    ):
        found = classify(seen)
        assert found.kind == "chaos", found
        assert 0 < found.low < found.rate < found.high


def test_chaos_in_twenty_dimensions_is_seen_by_a_fitted_law():
    """Nobody has a near neighbour there. The exponent is 1.54 +- 0.02: eight pairs of orbits 1e-8 apart, 390 units."""
    found = classify(of(Lorenz96(), 3000, 0.05))
    assert found.kind == "chaos"
    assert found.rate / 0.05 == pytest.approx(1.54, rel=0.25)
    assert 0 < found.low < found.rate < found.high


def test_a_fitted_law_has_the_exponent_of_its_map_and_noise_and_sines_are_no_law():
    henon = fitted_rate(of(Henon(), 2000), 4.0)
    assert henon.rate == pytest.approx(0.419, rel=0.1)
    assert henon.missed < 1e-4 < 0.1 < henon.missed_straight
    lorenz = fitted_rate(of(Lorenz63(), 6000, 0.02), 40.0)
    assert lorenz.low < 0.906 * 0.02 < lorenz.high
    assert fitted_rate(smooth(6), 40.0).missed > 0.5
    assert fitted_rate(np.sin(np.outer(T, [0.1, 0.15]) + np.array([[0, 1]])), 40.0).missed_straight > 0.9
    turning = np.concatenate([np.cos(np.outer(T, [0.1, 0.15])), np.sin(np.outer(T, [0.1, 0.15]))], 1)
    assert fitted_rate(turning, 40.0).missed_straight < 1e-4  # needs no more than a straight law


def test_a_cycle_says_its_period_between_steps(circling):
    found = classify(circling)
    assert found.kind == "cycle"
    assert found.period == pytest.approx(PERIOD / 0.1, abs=1e-4)
    assert found.turns == pytest.approx(0.75 * 2001 * 0.1 / PERIOD, rel=1e-3)
    assert classify(circling[::2]).period == pytest.approx(PERIOD / 0.2, abs=1e-3)
    assert classify(of(Logistic(3.55), 400)).period == 8


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_a_noisy_cycle_is_no_chaos(circling, share):
    for seen in (circling, circling[:, :1]):
        assert classify(seen + share * noise(*seen.shape)).kind == "unclear"


def test_chaos_with_its_phases_shuffled_is_noise(lorenz):
    bins = np.fft.rfft(lorenz, axis=0)
    turned = np.exp(2j * np.pi * stream(0, "phases").uniform(size=(len(bins), 1)))
    found = classify(np.fft.irfft(bins * turned, len(lorenz), axis=0))
    assert (found.kind, found.reason) == ("unclear", "noise: neighbours who were nearer do not stay nearer")


def test_a_divergence_says_when():
    assert classify(np.where(T < 70, 1.0, np.nan)).ends == 70
    assert classify(np.where(T == 5, -1001.0, 0)).ends == 5
    assert classify(np.where(T == 5, -999.0, 0)).kind == "fixed point"


@pytest.mark.parametrize("steps", [0.02, 0.04])
def test_neighbours_part_by_the_exponent_also_in_one_channel(steps):
    """0.906 a unit of time: Sprott 2003. Before, x alone gave 2.5."""
    orbit = of(Lorenz63(), 5000, steps)
    for seen in (orbit, orbit[:, :1], orbit[:, 1:2]):
        found = parting_of(seen)
        assert found.rate / steps == pytest.approx(0.9, rel=0.3)
        assert found.stayed > 0.7 < found.kept


@pytest.mark.parametrize("share, values", [(0.1, 4), (100.0, 3)])
def test_curves_are_those_of_all_pairs_compared_one_by_one(circling, share, values):
    """Slow twin, of neighbours that stay within a factor e and of some that do not."""
    x = scaled(circling[:400] + share * noise(400, 2))
    found = parting_of(x)
    speed = np.sqrt((np.diff(x, axis=0) ** 2).sum(1).mean())
    turn = 2 * np.pi * np.sqrt((x**2).sum(1).mean()) / speed
    lag, apart = round(turn / (values - 1)), int(np.ceil(turn))
    begins = range(len(x) - (values - 1) * lag)
    states = np.array([np.concatenate([x[i + k * lag] for k in range(values)]) for i in begins])
    horizon = int(min(20 * turn + 10, len(states) // 3))
    near, far = [], []
    for i in range(len(states) - horizon):
        order = np.argsort(np.linalg.norm(states[: len(states) - horizon] - states[i], axis=1), kind="stable")
        chosen = []
        for j in order:
            if abs(j - i) > apart and all(abs(j - one) > apart // 2 for one in chosen):
                chosen.append(j)
        if len(chosen) >= 8:
            near.append([np.linalg.norm(states[i + k] - states[chosen[0] + k]) for k in found.steps])
            far.append([np.linalg.norm(states[i + k] - states[chosen[7] + k]) for k in found.steps])
    assert found.pairs == len(near) > 40
    near, far = np.log(near), np.log(far)
    assert found.near == pytest.approx(np.median(near, 0))
    rise = np.median(near, 0) - np.median(near, 0)[0]
    at = next((k for k, one in enumerate(rise) if one >= 1), rise.argmax())
    parted = [i for i in range(len(near)) if near[i, at] - near[i, 0] >= 1 or rise.max() < 1]
    assert found.stayed == pytest.approx(np.mean([far[i, at] > near[i, at] for i in parted]))
    assert found.kept == pytest.approx((far - near)[:, at].mean() / (far - near)[:, 0].mean())


@pytest.mark.parametrize(
    "orbit, message",
    [
        (np.zeros(39), "at least 40 steps, got 39"),
        (np.zeros((50, 2, 2)), r"the orbit of shape \(t, d\)"),
        (np.array(["a"] * 50), "of numbers"),
    ],
)
def test_what_is_no_orbit_is_refused(orbit, message):
    with pytest.raises(InputRefused, match=message):
        classify(orbit)
