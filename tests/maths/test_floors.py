"""Floors, replay nulls and scores; surrogates, and which measure sees each."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.orbits import (
    Floor,
    denoised,
    floor_band,
    mixture_divergence,
    novelty,
    phase_surrogate,
    replay,
    replay_null,
    score,
    sliced_wasserstein,
    spectrum_distance,
    state_divergence,
    time_shuffle,
)
from byheart.maths.orbits.pairs import units_known
from byheart.seeds import stream
from byheart.tasks.systems import Lorenz63

STEPS = 4000
NOISE = 0.05


@pytest.fixture(scope="module")
def lorenz():
    """Train, reference and five more orbits from independent starts, (4000, 3) each, dt 0.02, in training deviations."""
    system = Lorenz63()
    starts = system.start + stream(0, "floors").normal(size=(7, 3))
    orbits = np.moveaxis(system.orbit(starts, STEPS + 500, 0.02)[501:], 1, 0)
    return (orbits - orbits[0].mean(0)) / orbits[0].std(0)


def boxes(a, b):
    return state_divergence(a, b, bins=10)


MEASURES = {
    "boxes": boxes,
    "mixture": lambda a, b: mixture_divergence(a, b, draws=100),
    "sliced": lambda a, b: sliced_wasserstein(a, b, directions=20),
    "spectrum": spectrum_distance,
}


# --- floors and scores


def test_a_floor_is_the_quantiles_of_all_ordered_pairs(lorenz):
    found = floor_band(lorenz[2:5], boxes, quantiles=(0.0, 1.0))
    slow = [boxes(lorenz[i], lorenz[j]) for i in (2, 3, 4) for j in (2, 3, 4) if i != j]
    assert (found.low, found.middle, found.high) == (min(slow), np.median(slow), max(slow))
    assert (found.pairs, found.orbits, found.steps) == (6, 3, STEPS)
    usual = floor_band(list(lorenz[2:5]), boxes)
    assert (usual.low, usual.high) == tuple(np.quantile(slow, (0.05, 0.95)))


def test_a_floor_falls_with_the_length(lorenz):
    assert floor_band(lorenz[2:, :1000], boxes).middle > floor_band(lorenz[2:], boxes).high


@pytest.mark.parametrize("name", MEASURES)
def test_a_true_orbit_is_at_the_floor_and_so_is_a_replay(lorenz, name):
    """Which is why no measure of these says whether a model has learned by heart."""
    measure, (train, reference, new) = MEASURES[name], lorenz[:3]
    found = score(measure, reference, new, train, lorenz[3:])
    assert found.value < 1.25 * found.floor.high
    assert found.replay < 1.25 * found.floor.high
    assert (found.steps, found.kind, found.floor.pairs) == (STEPS, "", 12)
    assert found.replay == replay_null(train, reference, measure)
    wrong = score(measure, reference, new[::2] * [1.0, 0.2, 1.0], train, lorenz[3:])
    assert wrong.above_floor
    assert wrong.steps == wrong.floor.steps == STEPS // 2


def test_all_of_a_score_is_of_the_same_number_of_steps(lorenz):
    lengths = []

    def measure(a, b):
        lengths.append((len(a), len(b)))
        return 1.0

    score(measure, lorenz[1], lorenz[2][:900], lorenz[0][:100], lorenz[3:])
    assert set(lengths) == {(900, 900)}
    assert np.array_equal(replay(lorenz[0][:100], 250, start=90)[:20], lorenz[0][np.r_[90:100, 0:10]])


def test_what_diverges_has_a_kind_and_no_value_and_what_stands_still_both(lorenz):
    train, reference, new = lorenz[:3]
    floor = floor_band(lorenz[3:], boxes)
    for late in (np.inf, np.nan, 2000.0):
        gone = np.where(np.arange(STEPS)[:, None] > 3990, late, new)
        found = score(boxes, reference, gone, train, floor)
        assert (np.isnan(found.value), found.kind, found.above_floor) == (True, "divergence", True)
        single = score(boxes, reference, gone.astype(np.float32), train, floor)
        assert single.kind == "divergence"
    rests = np.where(np.arange(STEPS)[:, None] < 100, new, new[100])
    found = score(spectrum_distance, reference, rests, train, lorenz[3:])
    assert (found.kind, found.above_floor) == ("fixed point", True)
    still = score(spectrum_distance, reference, np.repeat(new[:1], STEPS, 0), train, lorenz[3:])
    assert still.value == 1


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: floor_band(x[:1], boxes), "at least 2 true orbits"),
        (lambda x: floor_band([x[0], x[1][:50]], boxes), "one length"),
        (lambda x: floor_band(x[[0, 1, 0]], boxes), "orbits 0 and 2 are the same"),
        (lambda x: floor_band(x[:2], boxes, quantiles=(0.9, 0.1)), "in order"),
        (lambda x: floor_band(x[:2], lambda a, b: np.nan), "NaN"),
        (lambda x: score(boxes, x[1], x[2][:99], x[0], Floor(1, 2, 3, 6, 3, STEPS)), "a floor of 99 steps"),
        (lambda x: score(boxes, 2 * x[1], (x[2] - x[2].mean(0)) / x[2].std(0), x[0], x[3:]), "standardised by itself"),
        (
            lambda x: score(boxes, 2 * x[1][:99], (x[2] - x[2].mean(0)) / x[2].std(0), x[0], x[3:]),
            "standardised by itself",
        ),
        (lambda x: score(boxes, x[1], x[2][:49], x[0], x[3:]), "at least 50 steps, got 49 in common"),
        (lambda x: denoised(x[0], 10), "odd span"),
        (lambda x: denoised(x[0][:7], 9), "9 of 7"),
        (lambda x: phase_surrogate(x[0][:3]), "at least 4 steps"),
    ],
)
def test_floors_that_mean_nothing_are_refused(lorenz, call, message):
    with pytest.raises(InputRefused, match=message):
        call(lorenz)


# --- surrogates: what each keeps


@pytest.mark.parametrize("steps", [1000, 1001])
def test_a_phase_surrogate_keeps_spectra_and_correlations_at_all_lags(lorenz, steps):
    x = lorenz[0][:steps]
    made = phase_surrogate(x, seed=3)
    spectra = [np.fft.rfft(one, axis=0) for one in (x, made)]
    assert np.allclose(np.abs(spectra[0]), np.abs(spectra[1]), atol=1e-8)
    cross = [one[:, :, None] * one[:, None].conj() for one in spectra]
    assert np.allclose(*cross, atol=1e-6)
    assert np.allclose(made.mean(0), x.mean(0))
    assert np.abs(made - x).max() > 1
    assert np.abs(made - phase_surrogate(x, seed=4)).max() > 1
    assert spectrum_distance(x, made) < 1e-6


def test_a_shuffle_keeps_states_and_smoothing_a_parabola(lorenz):
    x = lorenz[0][:500]
    made = time_shuffle(x, seed=1)
    assert np.array_equal(np.sort(x, 0), np.sort(made, 0))
    assert {tuple(one) for one in made} == {tuple(one) for one in x}
    assert not np.array_equal(made, x)
    cubic = np.arange(60.0) ** 3
    assert np.allclose(denoised(cubic)[:, 0], cubic)


# --- surrogates: which measure sees each


@pytest.fixture(scope="module")
def recorded(lorenz):
    """Training, held-out and reference series with 5 % noise, and true orbits with it."""
    noise = stream(0, "recorded").normal(size=lorenz.shape)
    return lorenz + NOISE * noise


@pytest.fixture(scope="module")
def floors(recorded):
    return {name: floor_band(recorded[1:], measure, quantiles=(0.0, 1.0)) for name, measure in MEASURES.items()}


def seen_by(made, recorded, floors):
    """The measures by which it is further from the reference than true orbits are, or too near to the training series."""
    train, reference = recorded[:2]
    with units_known():  # surrogates of the training series have its mean and deviation
        seen = {name for name, measure in MEASURES.items() if reading(measure, reference, made) > floors[name].high}
        new = novelty(train, recorded[2], made, window=165).value
    return seen | ({"novelty"} if new < 0.7 else set())


def reading(measure, reference, made):
    found = measure(reference, made)
    return getattr(found, "value", found)


def test_each_surrogate_is_seen_by_the_measure_that_can(lorenz, recorded, floors):
    train = recorded[0]
    shuffled = seen_by(time_shuffle(train), recorded, floors)
    assert "spectrum" in shuffled
    assert not shuffled & {"boxes", "mixture", "sliced"}
    phases = seen_by(phase_surrogate(train), recorded, floors)
    assert {"boxes", "mixture"} <= phases
    assert not phases & {"spectrum", "novelty"}
    for copy in (train, replay(train, start=1234), denoised(train, 21), lorenz[0]):  # the last without any noise
        assert "novelty" in seen_by(copy, recorded, floors)
    for copy in (train, replay(train, start=1234)):
        assert seen_by(copy, recorded, floors) == {"novelty"}
    assert not seen_by(recorded[3], recorded, floors)
