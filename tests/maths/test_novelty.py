"""Novelty: replays are told from new orbits, and the window is as long as neighbours stay together."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.orbits import novelty, replayed, state_divergence
from byheart.maths.orbits.parting import dominant_period, parting_rate
from byheart.seeds import stream
from byheart.tasks.systems import Henon, Logistic, Lorenz63, VanDerPol

NOISE = 0.05


@pytest.fixture(scope="module")
def lorenz():
    """Training, held-out and new orbit from independent starts, (8000, 3) each, dt 0.02."""
    system = Lorenz63()
    starts = system.start + stream(0, "novelty").normal(size=(3, 3))
    return list(np.moveaxis(system.orbit(starts, 8500, 0.02)[501:], 1, 0))


def noisy(orbit, name):
    return orbit + NOISE * orbit.std(0) * stream(0, "noise", name).normal(size=orbit.shape)


def test_a_new_orbit_is_new_and_a_replay_is_not(lorenz):
    train, held_out, new = lorenz
    true = novelty(train, held_out, new)
    assert 0.8 < true.value < 1.25
    assert (true.windows, true.steps) == (200, 8000)
    replay = novelty(train, held_out, train[123:3456])
    assert replay.value == replay.to_train == 0
    assert novelty(held_out, train, train[123:3456]).value == np.inf
    assert state_divergence(train, train[:7000]) < state_divergence(train, new)  # which cannot see it


def test_a_replay_is_found_wherever_it_is_from(lorenz):
    """Also where the training series is longer than the held-out one, and the orbit than both."""
    train, held_out, new = lorenz
    for start in (0, 1500, 3800, 6000):
        assert novelty(train, held_out[:2500], train[start : start + 2000], window=80).value == 0
        assert novelty(held_out[:2500], train, train[start : start + 2000], window=80).value == np.inf
    assert novelty(train, held_out[:2500], train, window=80).value == 0
    disturbed = noisy(train[5500:7500], "model")
    assert novelty(train, held_out[:2500], disturbed, window=165).value < 0.6
    assert novelty(train, held_out[:2500], new[:2000], window=165).value > 0.65


def test_a_disturbed_replay_and_a_denoised_one_lie_between(lorenz):
    train, held_out, new = lorenz
    assert novelty(train, held_out, noisy(train, "model")).value < 0.6
    recorded, other = noisy(train, "train"), noisy(held_out, "held-out")
    denoised = novelty(recorded, other, train, window=165).value
    true = novelty(recorded, other, new, window=165).value
    assert denoised < 0.6 < 0.85 < true < 1.2
    pointwise = [novelty(recorded, other, one, window=1).value for one in (train, new)]
    assert min(pointwise) > 0.75  # single states cannot tell
    assert novelty(recorded, other, train, window=165).to_train == pytest.approx(NOISE, rel=0.05)  # rms of the noise


def test_the_nearest_window_is_that_of_all_compared_one_by_one(monkeypatch):
    """Slow twin, at two sizes of what is held at a time; of the longer series the piece that is nearest."""
    rng = stream(0, "twin")
    train, held_out, made = (rng.normal(size=(n, 2)) * [1, 50] for n in (80, 70, 60))
    sd = train.std(0)

    def nearest(u, series, begins):
        return min(np.sqrt((((u - series[i : i + 7]) / sd) ** 2).mean()) for i in begins)

    def median(series, begins):
        return np.median([nearest(made[i : i + 7], series, begins) for i in range(54)])

    eighths = np.linspace(0, 74, 11).round().astype(int)  # of the 64 windows of 70 steps, in the 74 of 80
    pieces = [range(eighths[k], eighths[k + 8]) for k in range(3)]
    slow = [min(median(train, piece) for piece in pieces), median(held_out, range(64))]
    for held in (4_000_000, 100):
        monkeypatch.setattr(replayed, "HELD", held)
        found = novelty(train, held_out, made, window=7)
        assert (found.windows, found.steps) == (54, 70)
        assert (found.to_train, found.to_held_out) == pytest.approx(slow, rel=1e-9)
        assert found.value == pytest.approx(slow[0] / slow[1])


def test_a_window_is_three_lyapunov_times_or_a_period(lorenz):
    train, held_out, new = lorenz
    lyapunov_time = 1 / 0.906 / 0.02
    assert 2 < novelty(train, held_out, new).window_steps / lyapunov_time < 4.5
    assert 2 < novelty(noisy(train, 0), held_out, new).window_steps / lyapunov_time < 4.5
    for system, rate in ((Henon(), 0.419), (Logistic(), np.log(2))):
        assert parting_rate(system.orbit(system.start, 3000)[100:]) == pytest.approx(rate, rel=0.3)
    cycle = VanDerPol().orbit([2.0, 0.0], 4000)[500:]
    assert parting_rate(cycle) == 0
    assert dominant_period(cycle) == pytest.approx(6.663 / VanDerPol.usual_dt, rel=0.1)  # of a Fourier bin
    assert novelty(cycle, cycle[:3000] * 1.01, cycle * 0.99).window_steps == dominant_period(cycle)
    assert parting_rate(stream(0, "white").normal(size=(2000, 3))) == 0


def test_drift_is_no_period_and_the_state_just_before_no_neighbour():
    t = np.arange(1000.0)[:, None]
    assert dominant_period(np.sin(2 * np.pi * t / 50) + t / 200) == 50
    dense = Lorenz63().orbit([1.0, 1.0, 20.0], 7000, 0.005)[1000:]
    assert 0.5 < parting_rate(dense / dense.std(0)) / 0.005 / 0.906 < 2  # of 40 turns


def test_units_do_not_matter(lorenz):
    train, held_out, new = (one[:2000] for one in lorenz)
    scale = np.array([1e-3, 1.0, 1e4])
    moved = [one * scale + 7 for one in (train, held_out, new)]
    assert novelty(*moved).value == pytest.approx(novelty(train, held_out, new).value, rel=1e-6)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: novelty(x, x, x), "repeat each other"),
        (lambda x: novelty(x, x[:50], x, window=30), "two windows of 30 steps"),
        (lambda x: novelty(x, x, x[:50], window=30), "two windows"),
        (lambda x: novelty(x, x, x, window=0), "two windows of 0"),
        (lambda x: novelty(x, x, np.full((99, 3), np.nan)), "diverges"),
        (lambda x: novelty(x, x, x[:, :2]), "3 channels"),
        (lambda x: novelty(x, x, (x - x.mean(0)) / x.std(0)), "standardised by itself"),
    ],
)
def test_what_cannot_be_told_is_refused(lorenz, call, message):
    with pytest.raises(InputRefused, match=message):
        call(lorenz[0][:2000])
