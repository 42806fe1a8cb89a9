"""Copies of a training series in a test series are found, at every precision; what returns by nature is not accused."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.orbits import Leak, leaked
from byheart.maths.orbits.repeats import Repeats
from byheart.seeds import stream
from byheart.tasks.systems import Logistic, Lorenz63, VanDerPol


@pytest.fixture(scope="module")
def lorenz():
    """Two orbits from independent starts, (10,000, 3), dt 0.01, in deviations of the first."""
    system = Lorenz63()
    starts = system.start + stream(0, "leak").normal(size=(2, 3))
    orbits = np.moveaxis(system.orbit(starts, 10_500)[501:], 1, 0)
    return (orbits - orbits[0].mean(0)) / orbits[0].std(0)


def spliced(test, copied, at=777):
    out = test.copy()
    out[at : at + len(copied)] = copied
    return out


# --- what is shared by labels


def test_what_two_places_share_and_where_most_is_shared_by_a_slow_twin():
    rng = stream(0, "repeats")
    for symbols in (1, 2, 4):
        first, second = rng.integers(0, symbols, 40), rng.integers(0, symbols, 25)
        both = Repeats.of(first, second)
        line = [*first, "mark", *second, "end"]

        def shared(i, j, line=line):
            return next((k for k in range(len(line)) if line[i + k] != line[j + k] or i == j), 0)

        i, j = (one.ravel() for one in np.meshgrid(np.arange(66), np.arange(66)))
        ends = (i >= 66) | (j >= 66) | np.isin(i, (40, 66)) | np.isin(j, (40, 66))
        found = both.shared(i[~ends], j[~ends])
        assert found.tolist() == [shared(x, y) for x, y in zip(i[~ends], j[~ends], strict=True)]
        place = np.arange(67)
        for asked, among in ((place > 40, place < 40), (place < 40, place < 40)):
            asked = asked & (place < 66)
            places, partner, most = both.partners(asked, among)
            assert sorted(places) == np.flatnonzero(asked).tolist()
            best = [max(shared(x, y) for y in np.flatnonzero(among) if y != x) for x in places]
            assert most.tolist() == best
            assert both.shared(places, partner).tolist() == best


# --- copies


def test_a_file_whose_test_is_its_training_series(lorenz):
    assert leaked(lorenz[0], lorenz[0]) == Leak("identical", 10_000, 10_000, 0, 0, "exact")
    train = lorenz[0][:3000]
    for how in (np.float32, np.float16):
        assert leaked(train, train.astype(how)) == Leak("identical", 3000, 3000, 0, 0, "rounded")
        assert leaked(train.astype(how), train).kind == "identical"
    assert leaked(train, np.round(train, 2)).kind == "identical"
    assert leaked(train, np.array([[float(f"{one:.3e}") for one in row] for row in train])).kind == "identical"
    changed = spliced(train, train[:1] + 1)
    assert (leaked(train, changed).kind, leaked(train, changed).steps) == ("identical", 2999)
    assert leaked(train[:, 0], train[:, 0]).copied


@pytest.mark.parametrize("channels", [slice(None), slice(0, 1)])
@pytest.mark.parametrize(
    "how, precision",
    [
        (lambda x: x, "exact"),
        (lambda x: x.astype(np.float32), "rounded"),
        (lambda x: np.round(x, 4), "rounded"),
        (lambda x: x.astype(np.float32) + np.float32(5) - np.float32(5), "single"),
        (lambda x: -3 * x + 2, "rescaled"),
    ],
)
def test_thirty_steps_in_ten_thousand(lorenz, channels, how, precision):
    train, test = (one[: 10_000 if precision == "exact" else 3000, channels] for one in lorenz)
    found = leaked(train, how(spliced(test, train[2500:2530])))
    assert found == Leak("overlapping", 30, 30, 2500, 777, precision)
    assert leaked(train, how(test)).kind == "none"
    other = leaked(how(spliced(test, train[2500:2530])), train)
    assert (other.train_at, other.test_at, other.longest) == (777, 2500, 30)


def test_overlaps_shifts_and_several_stretches(lorenz):
    whole, other = lorenz
    assert leaked(whole[:8000], whole[7970:]) == Leak("overlapping", 30, 30, 7970, 0)
    assert leaked(whole[:8000], whole[100:8100]) == Leak("shifted", 7900, 7900, 100, 0)
    assert leaked(whole[:8000], whole[2000:3000]).kind == "shifted"
    assert leaked(whole[:8000], whole[:1000]) == Leak("overlapping", 1000, 1000, 0, 0)
    assert leaked(whole[:8000], whole[8000:]) == Leak("none")
    twice = spliced(spliced(other, whole[50:90], 30), whole[4000:4100], 900)
    assert leaked(whole, twice) == Leak("overlapping", 140, 100, 4000, 900)
    standardised = [(one - one.mean(0)) / one.std(0) for one in (whole[:6000], whole[5000:9000])]
    assert leaked(*standardised) == Leak("overlapping", 1000, 1000, 5000, 0, "rescaled")
    assert leaked(np.tile(whole[:500], (2, 1)), whole[:500]).kind == "shifted"  # a training series with copies in it


# --- what returns by nature


@pytest.mark.parametrize(
    "series",
    [
        lambda: Logistic(3.2).orbit([0.3], 2000)[1000:],
        lambda: Logistic(3.5).orbit([0.3], 2000)[1000:],
        lambda: np.sin(2 * np.pi * np.arange(1000) / 50),
        lambda: np.round(np.sin(2 * np.pi * np.arange(1000) / 50), 3),
        lambda: np.tile(stream(0, "cycle").normal(size=(37, 2)), (20, 1)),
    ],
)
def test_a_periodic_orbit_returns_and_is_not_accused(series):
    x = series()
    assert leaked(x[: len(x) // 2], x[len(x) // 2 :]).kind == "returns"
    assert leaked(x[: len(x) - 60], x[-60:]).kind == "returns"
    assert leaked(x[-60:], x[: len(x) - 60]).kind == "returns"


def test_a_cycle_seen_one_and_a_half_times_returns_and_a_copy_of_a_copy_does_not(lorenz):
    x = np.sin(2 * np.pi * np.arange(150) / 50)
    assert leaked(x[:75], x[75:]).kind == "returns"
    part = lorenz[0][:400]
    assert leaked(np.concatenate([part, part]), lorenz[0][100:300]).kind == "shifted"


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: rng.normal(size=(800, 2)),
        lambda rng: rng.integers(0, 2, 800).astype(float),
        lambda rng: rng.integers(0, 6, 800).astype(float),
        lambda rng: rng.normal(size=800).cumsum().round(),
        lambda rng: np.convolve(rng.normal(size=800), np.exp(-np.arange(60) / 10), "valid").round(1),
        lambda rng: rng.standard_cauchy(800).round(1),
        lambda rng: np.where(rng.random(800) < 0.1, rng.integers(0, 9, 800), 0).astype(float),
        lambda rng: np.concatenate([rng.normal(size=200), np.zeros(400), rng.normal(size=100)]),
    ],
)
def test_independent_series_are_not_accused_however_coarse(make):
    rng = stream(0, "independent")
    assert not any(leaked(make(rng), make(rng)).copied for _ in range(5))


def test_words_in_any_order_are_shared_by_nature():
    """Two or three of 40 words stand in the same order here and there: so they do inside either series."""
    rng = stream(0, "words")
    words = rng.normal(size=(40, 10))
    for _ in range(5):
        first, second = (words[rng.integers(0, 40, 120)].ravel() for _ in range(2))
        found = leaked(first, second)
        assert (found.kind, found.longest >= 20) == ("returns", True)
        assert leaked(first, spliced(second, first[200:300], 500)).kind == "overlapping"


def test_near_returns_of_rounded_chaos_are_not_accused(lorenz):
    """At one decimal a smooth orbit is the same as another for a while, and no copy."""
    for decimals in (1, 2):
        for channels in (slice(None), slice(0, 1)):
            train, test = (np.round(one[:2000, channels], decimals) for one in lorenz)
            assert not leaked(train, test).copied
    train, test = (np.round(one[:4000, :1], 1) for one in lorenz)
    found = leaked(train, test)
    assert (found.kind, found.longest > 15) == ("returns", True)
    found = leaked(train, spliced(test, train[3000:3300]))
    assert (found.kind, found.train_at, found.test_at) == ("overlapping", 3000, 777)


def test_neighbours_that_are_the_same_for_a_while_part_slowly_whatever_the_scale():
    """23 steps to the digit, and one unit of rounding apart before and after: no copy, as it is or shifted."""
    rng = stream(0, "neighbours")
    first, second = (np.round(10 * rng.normal(size=1500), 2) for _ in range(2))
    part = first[300:340].copy()
    part[:8] += 0.01
    part[31:] -= 0.01
    near = np.round(spliced(second, part, 500), 2)
    assert leaked(first, near).kind == "returns"
    assert leaked(first, np.round(near + 3, 2)).kind != "overlapping"
    assert leaked(first, spliced(second, first[308:331], 508)).kind == "overlapping"


def test_cycles_of_a_flow_never_come_back_to_the_digit():
    cycle = VanDerPol().orbit([2.0, 0.0], 6000)[1000:]
    assert leaked(cycle[:3000], cycle[3000:]).kind == "none"
    rounded = leaked(np.round(cycle[:3000], 2), np.round(cycle[3000:], 2))
    assert rounded.kind == "returns"


def test_a_rounded_cycle_in_the_same_phase_by_luck_is_not_accused():
    """The test stretch comes near to a part of the training series."""
    system = VanDerPol()
    cycle = np.round(system.orbit([2.0, 0.0], 8000, 0.025)[500:, 0], 1)
    found = [leaked(cycle[:4000:2], cycle[4000 + k :: 2]) for k in range(0, 267, 33)]
    assert {one.kind for one in found} == {"returns"}
    assert max(one.longest for one in found) > 300


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: leaked(x, x[:, :2]), "3 channels"),
        (lambda x: leaked(x, x[:1]), "at least 2 steps"),
        (lambda x: leaked(np.where(x > 1, np.nan, x), x), "without NaN"),
    ],
)
def test_series_that_cannot_be_compared_are_refused(lorenz, call, message):
    with pytest.raises(InputRefused, match=message):
        call(lorenz[0])


def test_few_steps_have_nothing_to_say():
    assert leaked(np.arange(3.0), np.arange(3.0)).kind == "none"
    assert leaked(np.ones((50, 2)), np.ones((50, 2))).kind == "none"
