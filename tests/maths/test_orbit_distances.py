"""Distances of orbits without boxes against closed forms and slow twins; what each is fooled by; what is refused."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import gamma, logsumexp
from scipy.stats import wasserstein_distance

from byheart.errors import InputRefused
from byheart.maths.orbits import mixture_divergence, sliced_wasserstein
from byheart.maths.orbits.mixture import _log_density, _spacing
from byheart.seeds import stream


@pytest.fixture(scope="module")
def clouds():
    """Two draws of 3000 standard normal states in three channels."""
    rng = stream(0, "clouds")
    return rng.normal(size=(3000, 3)), rng.normal(size=(3000, 3))


# --- sliced Wasserstein


@pytest.mark.parametrize("d", [1, 2, 3, 7])
def test_a_shift_is_as_far_as_it_is_long_along_a_direction(d):
    rng = stream(0, "shift", d)
    a, v = rng.normal(size=(500, d)), rng.normal(size=d)
    along = gamma(d / 2) / np.sqrt(np.pi) / gamma((d + 1) / 2)  # E|u_1| of a direction u
    found = sliced_wasserstein(a, a + v, directions=4000)
    assert found == pytest.approx(np.linalg.norm(v) * along, rel=1e-9 if d == 1 else 0.03)


def test_gaussians_of_two_scales(clouds):
    a, b = clouds
    both = sliced_wasserstein(a, 3 * a), sliced_wasserstein(a, 3 * b)
    assert both == pytest.approx((2 * np.sqrt(2 / np.pi),) * 2, rel=0.03)
    assert sliced_wasserstein(a, b) < 0.05


def test_the_distance_is_the_same_both_ways_and_that_of_scipy_along_an_axis(clouds):
    a, b = clouds[0][:300], 2 * clouds[1][:170] + 1
    assert sliced_wasserstein(a, b) == pytest.approx(sliced_wasserstein(b, a), rel=1e-12)
    for other in (b, b[:100], np.repeat(b, 3, 0)):
        one = sliced_wasserstein(a[:, 0], other[:, 0])
        assert one == pytest.approx(wasserstein_distance(a[:, 0], other[:, 0]), rel=1e-12)
    assert sliced_wasserstein(a, np.repeat(a, 3, 0)) == pytest.approx(0, abs=1e-12)
    few = sliced_wasserstein(a, b, directions=1)  # three at right angles, always
    assert few == pytest.approx(sliced_wasserstein(a, b), rel=0.25)


def test_pieces_of_directions_are_put_together(clouds, monkeypatch):
    from byheart.maths.orbits import wasserstein

    a, b = clouds[0][:50], clouds[1][:40]
    whole = sliced_wasserstein(a, b)
    monkeypatch.setattr(wasserstein, "HELD", 700)
    assert sliced_wasserstein(a, b) == pytest.approx(whole, rel=1e-12)


# --- mixtures


def test_the_logarithm_of_a_mixture_is_that_of_all_terms(clouds, monkeypatch):
    """Slow twin, near and where every term is 0 in double precision."""
    from byheart.maths.orbits import mixture

    of = clouds[0][:300]
    x = np.concatenate([clouds[1][:200], clouds[1][:50] + 40])
    slow = logsumexp(-cdist(x, of, "sqeuclidean") / (2 * 0.3**2), axis=1) - np.log(300)
    assert (np.exp(slow[200:]) == 0).all()
    for held in (4_000_000, 1000):
        monkeypatch.setattr(mixture, "HELD", held)
        assert np.allclose(_log_density(x, of, 0.3), slow, rtol=1e-9)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_mixtures_of_shifted_gaussian_clouds(shift):
    """KL of N(0, 1 + s^2) and N(m, 1 + s^2): m^2 / (2 (1 + s^2)); noise of 5,000 states beside that of the draws."""
    rng = stream(0, "mixture", shift)
    a, b = rng.normal(size=(2, 5000, 1))
    found = mixture_divergence(a, b + shift, width=0.5, draws=2000)
    assert found.width == 0.5
    assert found.draws == 2000
    assert abs(found.value - shift**2 / 2.5) < 4 * found.standard_error + 0.05
    assert found.dropped == 0


def test_two_far_states_one_of_which_is_moved_and_units_do_not_matter():
    """Half of the draws sit at the moved state: D = 1/2 delta^2 / (2 s^2), s and delta in deviations."""
    reference = np.tile([-1.0, 1.0], 200)
    moved = np.tile([-1.0, 1.03], 200)
    for scale in (1e-6, 1e5):
        found = mixture_divergence(scale * reference + 7 * scale, scale * moved + 7 * scale, width=0.01, draws=8000)
        assert abs(found.value - 0.5 * 9 / 2) < 4 * found.standard_error < 0.3


def test_the_width_is_the_distance_of_the_halves_and_not_of_the_next_step():
    line = np.arange(1000)[:, None] / 100
    assert _spacing(np.concatenate([line, line + 0.25 / 100])) == pytest.approx(0.0025)
    assert _spacing(np.concatenate([line, line + 50])) == pytest.approx(40.005 + 5, rel=0.01)


def test_what_is_far_away_is_paid_for_where_the_published_code_leaves_it_out(clouds):
    a, b = clouds
    half_away = np.where(np.arange(3000)[:, None] < 1500, b, b + 60)
    ours, theirs = mixture_divergence(half_away, a, width=0.3), mixture_divergence(half_away, a, compat="gtf")
    assert theirs.width == 1
    assert theirs.dropped == pytest.approx(0.5, abs=0.05)
    assert theirs.value < 0.2  # it says: no difference
    # as of two states, one left out: half of the draws are at squared distance 3 * 2^2
    assert (ours.value, ours.dropped) == (pytest.approx(12 / 2 / 0.3**2 / 2 - np.log(2), rel=0.05), 0)


def test_published_variants_of_the_mixture(clouds):
    a, b = clouds[0], clouds[1] * 1.5
    one, other = mixture_divergence(a, b, compat="gtf"), mixture_divergence(b, a, compat="gtf")
    both = mixture_divergence(a, b, compat="dendplrnn")
    assert both.value == pytest.approx((one.value + other.value) / 2)
    assert both.draws == 2000
    assert mixture_divergence(a, b, compat="alrnn").width == pytest.approx(0.3**0.5)
    expected = 3 * (np.log(3.25 / 2) + 2 / 3.25 - 1) / 2  # KL of N(0, 1 + 1) and N(0, 1.5^2 + 1) in three channels
    assert abs(one.value - expected) < 4 * one.standard_error + 0.01
    long = np.concatenate([np.tile(a, (3, 1))[:10_000], a[:500] + 50])
    whole, first = (mixture_divergence(one, b, draws=50, compat="gtf").value for one in (long, long[:10_000]))
    assert whole == first


def test_a_replay_and_a_shuffle_have_no_distance(clouds):
    a = clouds[0]
    for same in (a, stream(0, "shuffle").permutation(a)):
        assert mixture_divergence(a, same).value == pytest.approx(0, abs=1e-9)
        assert sliced_wasserstein(a, same) == pytest.approx(0, abs=1e-12)


# --- what is refused


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda a: mixture_divergence(a, a, compat="julia"), "compat one of gtf, alrnn, dendplrnn"),
        (lambda a: mixture_divergence(a, a, compat="gtf", width=1.0), "without width"),
        (lambda a: mixture_divergence(a, a, width=0.0), "width above 0"),
        (lambda a: mixture_divergence(a, a, draws=1), "at least 2 draws"),
        (lambda a: mixture_divergence(np.tile([0.0, 1.0], 50), a[:, 0]), "does not repeat itself"),
        (lambda a: mixture_divergence(a, a + 100, compat="gtf"), "every density is 0"),
        (lambda a: sliced_wasserstein(a, a[:1]), "at least 2 steps"),
        (lambda a: sliced_wasserstein(a, a * 1e4), "it diverges"),
        (
            lambda a: sliced_wasserstein(a, np.array([[1.0] * 3, [2.0, np.inf, 0.0]], np.float32)),
            "step 1, where single",
        ),
        (lambda a: sliced_wasserstein(a + 1, (a - a.mean(0)) / a.std(0)), "standardised by itself"),
        (lambda a: sliced_wasserstein(a + 1, (a - a.mean(0)) / a.std(0, ddof=1)), "standardised by itself"),
        (
            lambda a: sliced_wasserstein(a + 1, ((a - a.mean(0)) / a.std(0)).astype(np.float32) + np.float32(1e-7)),
            "standardised by itself",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(clouds, call, message):
    with pytest.raises(InputRefused, match=message):
        call(clouds[0])
