"""The budget of the variance: exact, blind to units and rounding, its poles at the ends, its intervals cover."""

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.codes.value_bits import variance_bits
from byheart.maths.codes.variance import (
    deviations,
    effective_number,
    side_errors,
    variance_budget,
    variance_share_intervals,
)
from byheart.training.members import balanced


def slow(y, predictions, mask):
    """The same by loops, from the definition."""
    ratios = []
    for seen in (True, False):
        errors, spreads = [], []
        for i in range(len(y)):
            own = [j for j in range(len(mask)) if mask[j, i] == seen]
            if own:
                errors.append(np.mean([(predictions[j, i] - y[i]) ** 2 for j in own]))
                spreads.append(np.mean([(y[mask[j]].mean() - y[i]) ** 2 for j in own]))
        ratios.append(np.mean(errors) / np.mean(spreads))
    return 1 - ratios[1], ratios[1] - ratios[0], ratios[0]


def bank(rng, n=80, m=12, kappa=0.6, tau=0.3):
    """A signal, noise of which members keep a part where they saw it, and noise of their own."""
    signal, noise = rng.normal(size=n), rng.normal(size=n)
    mask = rng.random((m, n)) < 0.7
    return signal + noise, signal + kappa * noise * mask + tau * rng.normal(size=(m, n)), mask


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_its_definition_says_and_adds_up_exactly(seed):
    rng = np.random.default_rng(seed)
    y, predictions, mask = bank(rng, 25, 8)
    mask[:, 0], mask[:, 1] = True, False
    found = variance_budget(y, predictions, mask)
    np.testing.assert_allclose(found, slow(y, predictions, mask), atol=1e-11)
    assert found.understood + found.memorised + found.left == 1.0 == sum(reversed(found))


@pytest.mark.parametrize("m", range(1, 8))
def test_of_few_members_every_pair_of_member_and_example_counts_once(m):
    rng = np.random.default_rng(m)
    y, predictions, mask = bank(rng, 25, m)
    ratios = []
    for seen in (True, False):
        pairs = [(j, i) for j in range(m) for i in range(25) if mask[j, i] == seen]
        errors = sum((predictions[j, i] - y[i]) ** 2 for j, i in pairs)
        ratios.append(errors / sum((y[mask[j]].mean() - y[i]) ** 2 for j, i in pairs))
    found = variance_budget(y, predictions, mask)
    np.testing.assert_allclose(found, (1 - ratios[1], ratios[1] - ratios[0], ratios[0]), atol=1e-11)


def test_predictions_are_judged_singly_and_not_averaged():
    rng = np.random.default_rng(1)
    y, predictions, mask = bank(rng, 200, 20, kappa=0, tau=2.0)
    averaged = np.broadcast_to(predictions.mean(0), predictions.shape)
    assert variance_budget(y, predictions, mask).understood < 0 < variance_budget(y, averaged, mask).understood


def test_a_constant_has_nothing_and_the_poles_stand_at_the_ends():
    rng = np.random.default_rng(2)
    y = rng.normal(size=60) * 7 + 100
    mask = rng.random((9, 60)) < 0.7
    means = np.broadcast_to(((mask @ y) / mask.sum(1))[:, None], mask.shape)
    assert tuple(variance_budget(y, means, mask)) == (0.0, 0.0, 1.0)
    assert tuple(variance_budget(y, np.where(mask, y, means), mask)) == (0.0, 1.0, 0.0)
    assert tuple(variance_budget(y, np.broadcast_to(y, mask.shape), mask)) == (1.0, 0.0, 0.0)


def test_one_side_alone_leaves_the_other_unknown():
    found = variance_budget([1.0, 2.0, 4.0], [[1.0, 2.0, 4.0]], np.ones((1, 3), bool))
    assert np.isnan(found.understood)
    assert found.left == 0


def test_units_and_rounding_move_nothing():
    rng = np.random.default_rng(3)
    y, predictions, mask = bank(rng)
    plain = variance_budget(y, predictions, mask)
    np.testing.assert_allclose(variance_budget(1e4 * y - 5e4, 1e4 * predictions - 5e4, mask), plain, atol=1e-9)
    for step in (1e-3, 1e-2, 0.1):
        rounded = variance_budget(np.round(y / step) * step, predictions, mask)
        np.testing.assert_allclose(rounded, plain, atol=step)
    bits = [variance_bits(np.round(y, d), predictions, mask) for d in (1, 6)]
    for name in ("understood", "memorised"):
        assert getattr(bits[0], name).value == pytest.approx(getattr(bits[1], name).value, abs=0.05)


def test_what_cannot_have_a_variance_is_refused():
    with pytest.raises(InputRefused, match="targets that differ"):
        variance_budget([2.0, 2.0], [[1.0, 2.0]], [[True, False]])
    with pytest.raises(InputRefused, match="predictions"):
        variance_budget([1.0, 2.0], [[1.0, np.nan]], [[True, False]])


def test_effective_number_of_known_distributions():
    rng = np.random.default_rng(4)
    n = 20000
    # n over the kurtosis: 3 for a normal, 9/5 for a uniform distribution
    assert effective_number(rng.normal(size=n)) == pytest.approx(n / 3, rel=0.05)
    assert effective_number(rng.random(n)) == pytest.approx(n / 1.8, rel=0.05)
    assert effective_number(np.exp(2 * rng.normal(size=400))) < 30
    y = rng.normal(size=300)
    assert effective_number(np.repeat(y, 3), np.repeat(np.arange(300), 3)) == pytest.approx(effective_number(y))


@pytest.mark.parametrize("noise, kappa, tau", [("normal", 0.6, 0.3), ("t5", 1.0, 0.01), ("exponential", 0.6, 0.3)])
def test_intervals_cover_the_truth_of_simulated_banks(noise, kappa, tau):
    """200 banks whose three shares are known."""
    rng = np.random.default_rng(5)
    draw = {
        "normal": (1.0, lambda n: rng.normal(size=n)),
        "t5": (5 / 3, lambda n: rng.standard_t(5, size=n)),
        "exponential": (1.0, lambda n: rng.exponential(size=n) - 1),
    }
    variance, drawn = draw[noise]
    whole = 1 + variance
    seen, unseen = ((1 - kappa) ** 2 * variance + tau**2) / whole, (variance + tau**2) / whole
    inside, banks = np.zeros(3), 0
    for _ in range(200):
        n, m = 300, 16
        eps, signal = drawn(n), rng.normal(size=n)
        y, mask = signal + eps, balanced(n, m, 0.7, seed=int(rng.integers(1000))).mask
        if effective_number(y) < 30:
            continue
        f = signal + kappa * eps * mask + tau * rng.normal(size=(m, n))
        parts = variance_share_intervals((f - y) ** 2, deviations(y, mask), mask)
        inside += [one.low <= truth <= one.high for one, truth in zip(parts, (1 - unseen, unseen - seen, seen))]
        banks += 1
    allowed = 4 * np.sqrt(0.95 * 0.05 / banks)
    assert banks > 100
    assert (inside / banks > 0.95 - allowed).all(), inside / banks


def test_intervals_stay_in_their_range_and_copies_count_once():
    rng = np.random.default_rng(6)
    y, predictions, mask = bank(rng, 90, 16, kappa=0.95, tau=0.01)
    errors, spread = (predictions - y) ** 2, deviations(y, mask)
    once = variance_share_intervals(errors, spread, mask)
    assert once.left.low >= 0
    assert once.understood.high <= 1
    np.testing.assert_allclose(
        [part.value for part in once], side_budget(errors, spread, mask), atol=1e-11
    )
    twice = np.repeat(np.arange(90), 2)
    pair = (errors[:, twice], spread[:, twice], mask[:, twice])
    together, apart = variance_share_intervals(*pair, twice), variance_share_intervals(*pair)
    assert together.understood.standard_error >= 0.99 * once.understood.standard_error
    assert apart.understood.standard_error < 0.85 * together.understood.standard_error


def side_budget(errors, spread, mask):
    sides = side_errors(errors, spread, mask)
    unseen, seen = np.nanmean(sides.unseen), np.nanmean(sides.seen)
    return 1 - unseen, unseen - seen, seen


def test_bits_of_a_gaussian_channel():
    """y = s + e seen through s: 1/2 log2(1 + 1/noise^2) bits where left out; what is kept of e is memorised."""
    rng = np.random.default_rng(7)
    n, noise, kept = 4000, 0.5, 0.5
    signal, eps = rng.normal(size=n), noise * rng.normal(size=n)
    mask = rng.random((8, n)) < 0.7
    bits = variance_bits(signal + eps, signal + kept * eps * mask, mask)
    # the best w leaves var y - cov(y, f)^2 / var f where seen
    seen = 1 + noise**2 - (1 + kept * noise**2) ** 2 / (1 + kept**2 * noise**2)
    expected = 0.5 * np.log2(1 + 1 / noise**2), 0.5 * np.log2(noise**2 / seen)
    for found, truth in zip(bits, expected):
        assert abs(found.value - truth) < 4 * found.standard_error
        assert found.standard_error < 0.03
    means = ((mask @ (signal + eps)) / mask.sum(1))[:, None]
    for factor in (0.2, 3.0):
        around = means + factor * (signal + kept * eps * mask - means)
        scaled = variance_bits(signal + eps, around, mask)
        assert scaled.understood.value == pytest.approx(bits.understood.value, abs=0.01)


def test_bits_are_withheld_where_a_learner_passes_through_its_points():
    rng = np.random.default_rng(8)
    y, _, mask = bank(rng)
    means = np.broadcast_to(((mask @ y) / mask.sum(1))[:, None], mask.shape)
    assert variance_bits(y, np.where(mask, y, means), mask).memorised is None
    constant = variance_bits(y, means, mask)
    assert (constant.understood.value, constant.memorised.value) == pytest.approx((0, 0), abs=1e-12)
    for size, bounded in ((1e-4, False), (1e-2, True)):
        nearly = np.where(mask, y + size * y.std() * rng.normal(size=mask.shape), means)
        assert (variance_bits(y, nearly, mask).memorised is not None) == bounded


def test_no_value_helps_to_choose_its_own_slope():
    """Predictions that have nothing to do with the values: a slope fitted on the same half would look like knowledge."""
    rng, found = np.random.default_rng(9), []
    for _ in range(40):
        mask = balanced(20, 8, 0.7, seed=int(rng.integers(1000))).mask
        noise = np.broadcast_to(rng.normal(size=20), mask.shape)
        found.append(variance_bits(rng.normal(size=20), noise, mask).understood.value)
    assert np.mean(found) < 0


def test_the_denominator_is_drawn_as_well_and_both_sides_move_together():
    """A constant is at 0 whatever is drawn; who errs alike on both sides has nothing memorised, known narrowly."""
    rng = np.random.default_rng(10)
    y, predictions, mask = bank(rng, 200, 16, kappa=0, tau=0.01)
    spread = deviations(y, mask)
    constant = variance_share_intervals(spread, spread, mask)
    assert constant.understood.standard_error < 2.1 / len(y)
    alike = variance_share_intervals((predictions - y) ** 2, spread, mask)
    width = {name: part.high - part.low for name, part in zip(alike._fields, alike)}
    assert width["memorised"] < 0.5 * width["understood"]


def test_predictions_that_are_noise_get_no_slope_however_large_they_are(rng):
    """Least squares gives noise a slope of about 0: nothing is understood, and nothing is lost."""
    mask, y = balanced(400, 8, 0.7, 0).mask, rng.normal(size=400)
    bits = variance_bits(y, 30 * rng.normal(size=mask.shape), mask)
    assert bits.understood.value == pytest.approx(0.0, abs=0.02)
