"""Scaling law by truth: exact powers, noisy ones at the stated rate, forms that are none, units, order, a slow twin."""

import numpy as np
import pytest
from tests.references import scaling_law_slow

from byheart.errors import InputRefused
from byheart.maths.statistics.scaling_law import last_over_law, scaling_law

X = np.array([75.0, 150.0, 300.0, 600.0, 1200.0])
HALF = np.array([0.3, 0.2, 0.1, 0.15, 0.12])  # of each interval, on logarithms
DRAWS = 1000
FOUR = 4 * np.sqrt(0.05 * 0.95 * DRAWS)  # standard errors of how many of the draws miss


def boxed(y, half=HALF):
    return y, y * np.exp(-half), y * np.exp(half)


@pytest.mark.parametrize("a, b", [(3.0, 0.7), (2e-6, -1.3), (5.0, 0.0), (1e9, 2.5)])
@pytest.mark.parametrize("half", [HALF, 0 * HALF], ids=["intervals", "exact"])
def test_an_exact_power_is_recovered_to_rounding(a, b, half):
    law = scaling_law(X, *boxed(a * X**b, half))
    assert law.fits
    assert law.exponent.value == pytest.approx(b, abs=1e-12)
    assert law.center == pytest.approx(300)
    assert law.middle.value == pytest.approx(a * 300**b)
    assert law.at(2400).value == pytest.approx(a * 2400**b)
    assert law.bend.value == pytest.approx(0, abs=1e-12)
    assert law.departure.value == pytest.approx(1)
    assert last_over_law(X, *boxed(a * X**b, half)).value == pytest.approx(1)


def test_bend_is_the_change_of_the_exponent_when_the_size_doubles():
    """log2 y = u^2 in u = log2 x: from u to u + 1 the local exponent 2u grows by 2."""
    x = np.array([1.0, 2.0, 4.0, 8.0])
    assert scaling_law(x, *boxed(2 ** np.log2(x) ** 2, 0.01)).bend.value == pytest.approx(2)


@pytest.mark.parametrize(
    "y",
    [np.exp(-X / 300), 1 - np.exp(-X / 300), 4 - 3 * (X / 75) ** -0.5, np.log(X / 30), 1 / (1 + np.exp(3 - X / 200))],
    ids=["exponential", "saturating", "floor", "logarithm", "sigmoid"],
)
def test_what_is_no_power_is_called_none(y):
    law = scaling_law(X, *boxed(y, 0.03))
    assert not law.fits
    assert law.departure.low > 1 or law.bends


def test_one_point_off_is_found_where_it_lies():
    y = X**0.5 * np.array([1, 1, 1, 1, 2])
    law = scaling_law(X, *boxed(y, 0.05))
    assert not law.fits
    assert not scaling_law(X, *boxed(y, 0)).fits
    assert scaling_law(X, *boxed(y, 1.0)).fits  # wide intervals leave it open, and say so:
    assert scaling_law(X, *boxed(y, 1.0)).departure.high > 2
    assert last_over_law(X, *boxed(y, 0.05)).value == pytest.approx(2)
    assert last_over_law(X[:4], *boxed(y[:4], 0.05)) is None  # three others make no law
    assert last_over_law(X * [1, 1, 1, 1, 3], *boxed(y, 0.05)) is None  # more than twice the next


def ends(law):
    return np.array([law.exponent, law.middle, law.at(2400)])


def missed(draw):
    """Of so many draws of log y: how often each interval misses, and how often a power law is refused."""
    rng, log_y = np.random.default_rng(0), np.log(2.0) + 0.8 * np.log(X)
    truth, often, refused = np.array([0.8, 2 * 300**0.8, 2 * 2400**0.8]), np.zeros(3), 0
    for _ in range(DRAWS):
        y = draw(rng, log_y)
        law = scaling_law(X, *y)
        _, low, high = ends(law).T
        often += (truth < low) | (truth > high)
        refused += not law.fits
    return often, refused


def independent(rng, log_y):
    return boxed(np.exp(log_y + HALF / 1.959964 * rng.normal(size=5)))


def shared(rng, log_y):
    return boxed(np.exp(log_y + HALF / 1.959964 * rng.normal()))


def of_y_itself(rng, log_y):
    """Errors normal on y, not on its logarithm, the interval to both sides alike."""
    y, half = np.exp(log_y), HALF * np.exp(log_y)
    found = y + half / 1.959964 * rng.normal(size=5)
    return found, found - half, found + half


@pytest.mark.parametrize("draw", [independent, shared, of_y_itself])
def test_intervals_miss_in_at_most_5_per_cent_and_so_are_power_laws_refused(draw):
    often, refused = missed(draw)
    assert often.max() <= 0.05 * DRAWS + FOUR
    assert refused <= 0.05 * DRAWS + FOUR


def test_against_errors_that_all_push_one_way_the_rate_is_5_per_cent():
    """The worst dependence for the exponent: each point moves by its half width in the direction of its weight."""
    log_x = np.log(X) - np.average(np.log(X), weights=HALF**-2.0)

    def worst(rng, log_y):
        return boxed(np.exp(log_y + np.sign(log_x) * HALF / 1.959964 * rng.normal()))

    often, _ = missed(worst)
    assert abs(often[0] - 0.05 * DRAWS) <= FOUR


def test_the_slow_twin_agrees():
    y = 2 * X[:4] ** 0.8 * np.array([1.1, 0.95, 1.0, 1.02])
    box = y, y * np.exp(-2 * HALF[:4]), y * np.exp(HALF[:4])  # further below than above
    law = scaling_law(X[:4], *box)
    slow = scaling_law_slow.law(X[:4], *box, at=1000.0)
    assert np.array([law.exponent, law.middle, law.at(1000)]) == pytest.approx(slow, rel=1e-6)


def test_units_move_the_factor_and_not_the_exponent():
    y = 2 * X**0.8 * np.array([1.1, 0.95, 1.0, 1.02, 0.9])
    law, other = scaling_law(X, *boxed(y)), scaling_law(1000 * X, *boxed(y / 8))
    for name in ("exponent", "bend", "departure"):
        assert getattr(other, name) == pytest.approx(getattr(law, name))
    assert np.array(other.middle) * 8 == pytest.approx(law.middle)
    assert other.center == pytest.approx(1000 * law.center)
    assert np.array(other.at(2.4e6)) * 8 == pytest.approx(law.at(2400))


def test_order_changes_nothing():
    y = 2 * X**0.8 * np.array([1.1, 0.95, 1.0, 1.02, 0.9])
    order = np.array([3, 0, 4, 2, 1])
    law, other = scaling_law(X, *boxed(y)), scaling_law(X[order], *(one[order] for one in boxed(y)))
    assert ends(law) == pytest.approx(ends(other))
    assert other.departures == pytest.approx(law.departures[order])
    last = last_over_law(X, *boxed(y))
    assert last_over_law(X[order], *(one[order] for one in boxed(y))) == pytest.approx(last)


def test_narrow_points_weigh_more():
    """Four points on one law and a wide one off it: the nearer the exponent, the wider that one."""
    y = X**0.5 * np.array([1.3, 1, 1, 1, 1])
    off = [
        abs(scaling_law(X, *boxed(y, np.array([wide, 0.1, 0.1, 0.1, 0.1]))).exponent.value - 0.5)
        for wide in (0.1, 0.3, 1.0)
    ]
    assert off[0] > off[1] > off[2] > 0


@pytest.mark.parametrize("size", [37.0, 2410.0, 0.0])
def test_beyond_twice_the_range_it_says_nothing(size):
    law = scaling_law(X, *boxed(X**0.5))
    assert law.at(37.5).value == pytest.approx(37.5**0.5)
    assert law.at(2400).value == pytest.approx(2400**0.5)
    with pytest.raises(InputRefused, match=r"37\.5 to 2400"):
        law.at(size)


@pytest.mark.parametrize(
    "x, y, low, match",
    [
        (X[:3], X[:3], X[:3], "at least 4 different sizes"),
        ([1.0, 1.0, 2.0, 3.0], X[:4], X[:4], "at least 4 different sizes"),
        ([0.0, 1.0, 2.0, 3.0], X[:4], X[:4], "above 0"),
        (X[:4], [0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 3.0], "above 0"),
        (X[:4], [1.0, 1.0, 2.0, 3.0], [-0.1, 1.0, 2.0, 3.0], "above 0"),
        (X[:4], X, X, "as the sizes"),
        (X[:4], X[:4], X[:4] + 1, "within their intervals"),
    ],
)
def test_what_has_no_law_is_refused(x, y, low, match):
    with pytest.raises(InputRefused, match=match):
        scaling_law(x, y, low, y)
