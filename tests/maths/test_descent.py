"""Closed forms of double descent against simulation, limits and one another."""

import math

import numpy as np
import pytest

from byheart.errors import InputRefused
from byheart.maths.descent import (
    effective_parameters,
    optimal_random_features_ridge,
    optimal_ridge,
    peak,
    random_features_risk,
    ridge_risk,
    ridge_smoother,
    ridgeless_risk,
    two_scale_risk,
)
from byheart.maths.descent.random_features import STAR, ZETA
from byheart.maths.descent.smoothers import decomposed


def within(values, expected, part=0.0):
    """Whether a mean lies within four standard errors of what is expected, and so much of it more."""
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    return abs(np.mean(values) - expected) <= 4 * error + part * expected


def regressed(rng, n, p, signal, noise, strength=0.0):
    """|bhat - b|^2 of one draw."""
    x, b = rng.normal(size=(n, p)), np.full(p, math.sqrt(signal / p))
    y = x @ b + rng.normal(0, math.sqrt(noise), n)
    return float(((ridge_smoother(x, np.eye(p), strength) @ y - b) ** 2).sum())


@pytest.mark.parametrize("gamma", [0.25, 0.5, 0.8, 1.25, 2, 4, 10])
def test_isotropic_ridgeless_regression_is_its_closed_form_at_finite_size(gamma):
    rng, n = np.random.default_rng(0), 60
    found = [regressed(rng, n, round(gamma * n), 5.0, 1.0) for _ in range(40)]
    expected = ridgeless_risk(n, round(gamma * n), 5.0, 1.0)
    assert within(found, expected)
    assert not within(found, 2 * expected)  # it can fail


def test_ridgeless_risk_is_infinite_at_the_peak_alone_and_without_noise_nowhere():
    assert [math.isinf(ridgeless_risk(50, p, 1.0, 0.1)) for p in (48, 49, 50, 51, 52)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert [ridgeless_risk(50, p, 1.0, 0.0) for p in (10, 49, 50, 100)] == [0.0, 0.0, 0.0, 0.5]


def test_ridgeless_risk_has_its_limits():
    assert ridgeless_risk(50, 10**9, 3.0, 1.0) == pytest.approx(3.0, rel=1e-6)
    for gamma in (0.3, 0.9, 1.2, 5.0):
        n = 10**7
        noise = gamma / (1 - gamma) if gamma < 1 else 1 / (gamma - 1)
        assert ridgeless_risk(n, round(gamma * n), 3.0, 2.0) == pytest.approx(
            3 * max(0, 1 - 1 / gamma) + 2 * noise, rel=1e-5
        )


def test_above_a_signal_to_noise_ratio_of_one_a_second_minimum_stands_where_theory_has_it():
    n, signal = 10_000, 5.0
    risks = {p: ridgeless_risk(n, p, signal, 1.0) for p in range(n + 100, 6 * n, 10)}
    best = min(risks, key=risks.get)
    assert best / n == pytest.approx(math.sqrt(signal) / (math.sqrt(signal) - 1), rel=0.01)


@pytest.mark.parametrize("gamma", [0.3, 0.9, 1.0, 1.5, 8.0])
@pytest.mark.parametrize("ridge", [0.01, 0.2, 3.0])
def test_the_risk_of_ridge_is_the_integral_over_eigenvalues(gamma, ridge):
    """The eigenvalues of one large Gram matrix, without Stieltjes."""
    rng, p = np.random.default_rng(1), 900
    n = round(p / gamma)
    x = rng.normal(size=(n, p))
    values = np.linalg.eigvalsh(x @ x.T / n if n < p else x.T @ x / n)
    values = np.concatenate([values, np.zeros(p - len(values))])
    bias, variance = np.mean((ridge / (values + ridge)) ** 2), p / n * np.mean(values / (values + ridge) ** 2)
    assert ridge_risk(p / n, 5.0, 0.0, ridge) == pytest.approx(5 * bias, rel=0.02)
    assert ridge_risk(p / n, 0.0, 2.0, ridge) == pytest.approx(2 * variance, rel=0.03)


def test_ridge_goes_to_ridgeless_and_to_what_says_nothing():
    for gamma in (0.3, 0.8, 1.3, 4.0):
        limit = ridgeless_risk(10**8, round(gamma * 10**8), 5.0, 2.0)
        assert ridge_risk(gamma, 5.0, 2.0, 1e-10) == pytest.approx(limit, rel=1e-5)
        assert ridge_risk(gamma, 5.0, 2.0, 1e9) == pytest.approx(5.0, rel=1e-6)
    assert ridge_risk(1e7, 5.0, 2.0, 1.0) == pytest.approx(5.0, rel=1e-5)


def test_the_best_ridge_is_best_and_has_no_peak():
    risks = []
    for gamma in np.geomspace(0.1, 10, 41):
        best = optimal_ridge(gamma, 5.0, 1.0)
        at = ridge_risk(gamma, 5.0, 1.0, best)
        assert at < min(ridge_risk(gamma, 5.0, 1.0, 0.7 * best), ridge_risk(gamma, 5.0, 1.0, 1.4 * best))
        risks.append(at)
    assert (np.diff(risks) > 0).all()


def on_sphere(rng, n, d):
    x = rng.normal(size=(n, d))
    return x * math.sqrt(d) / np.linalg.norm(x, axis=1, keepdims=True)


def featured(rng, d, n, width, noise, ridge=0.0):
    """The excess error of one draw of random features on 1,000 new points."""
    x, new, t, b = (
        on_sphere(rng, n, d),
        on_sphere(rng, 1000, d),
        on_sphere(rng, width, d),
        on_sphere(rng, 1, d)[0] / math.sqrt(d),
    )
    y = x @ b + rng.normal(0, math.sqrt(noise), n)
    features = [np.maximum(points @ t.T / math.sqrt(d), 0) for points in (x, new)]
    said = ridge_smoother(*features, strength=ridge * n * width / d) @ y
    return float(((said - new @ b) ** 2).mean())


@pytest.mark.parametrize(
    "psi1, ridge", [(0.6, 0), (1.5, 0), (2.3, 0), (3.8, 0), (6, 0), (15, 0), (3.0, 0.05), (9.0, 0.2)]
)
def test_random_features_come_out_as_in_theory(psi1, ridge):
    rng, d = np.random.default_rng(2), 100
    found = [featured(rng, d, 3 * d, round(psi1 * d), 0.2, ridge) for _ in range(8)]
    expected = random_features_risk(psi1, 3.0, 1.0, 0.2, ridge)
    assert within(found, expected, 0.05)
    assert not within(found, 2 * expected, 0.05)


def test_the_constants_of_relu_are_its_moments():
    g, weight = np.polynomial.hermite_e.hermegauss(200)
    weight = weight / weight.sum()
    relu = np.maximum(g, 0)
    mean, slope = weight @ relu, weight @ (g * relu)
    assert pytest.approx(weight @ relu**2 - mean**2 - slope**2, abs=1e-3) == STAR
    assert pytest.approx(1 / (1 - 2 / math.pi), rel=1e-12) == ZETA**2


def paired_equations(psi1, psi2, ridge):
    """-a1 a2 of the paper's two equations, by damped iteration from a large u."""
    a1 = a2 = 1.0
    target = math.sqrt(psi1 * psi2 * ridge / STAR)
    for u in np.geomspace(max(10.0, target), target, 30):
        for _ in range(400):
            common = ZETA**2 / (1 + ZETA**2 * a1 * a2)
            new = psi1 / (u + a2 + common * a2), psi2 / (u + a1 + common * a1)
            a1, a2 = (a1 + new[0]) / 2, (a2 + new[1]) / 2
    return -a1 * a2


@pytest.mark.parametrize("psi1, psi2, ridge", [(1.0, 3.0, 0.1), (3.0, 3.0, 0.02), (8.0, 2.0, 0.5)])
def test_one_equation_says_what_the_paper_s_two_do(psi1, psi2, ridge):
    from byheart.maths.descent.random_features import _product

    assert -_product(psi1, psi2, ridge) == pytest.approx(paired_equations(psi1, psi2, ridge), rel=1e-9)


def test_random_features_have_their_limits():
    for psi1 in (0.5, 2.0, 4.5, 20.0):
        ridgeless = random_features_risk(psi1, 3.0, 1.0, 0.2)
        assert random_features_risk(psi1, 3.0, 1.0, 0.2, 1e-12) == pytest.approx(ridgeless, rel=1e-4)
        assert random_features_risk(psi1, 3.0, 1.0, 0.2, 1e9) == pytest.approx(1.0, rel=1e-5)
    assert random_features_risk(1e-6, 3.0, 1.0, 0.2) == pytest.approx(1.0, rel=1e-4)  # so few features say nothing
    assert math.isinf(random_features_risk(3.0, 3.0, 1.0, 0.2))
    # few features beside examples see the noise as least squares does: psi1/psi2 of it
    low = random_features_risk(0.3, 300.0, 0.0, 1.0)
    assert low == pytest.approx(0.3 / 300, rel=0.01)


def test_the_best_penalty_of_random_features_removes_the_peak():
    psi = np.geomspace(0.3, 20, 25)
    best = [random_features_risk(one, 3.0, 1.0, 0.2, optimal_random_features_ridge(one, 3.0, 1.0, 0.2)) for one in psi]
    assert (np.diff(best) < 1e-9).all()
    without = [random_features_risk(one, 3.0, 1.0, 0.2) for one in psi]
    assert all(b <= w + 1e-9 for b, w in zip(best, without))
    assert not (np.diff(without) < 0).all()


SIGNAL, RATE = np.repeat([0.01, 0.2], [80, 5]), np.repeat([0.1, 1e-4], [80, 5])


@pytest.mark.parametrize("steps", [0, 7, 100, 10_000, 30_000])
def test_descent_at_two_speeds_is_what_200_draws_do(steps):
    rng = np.random.default_rng(steps)
    b = np.sqrt(SIGNAL) * rng.choice([-1, 1], (200, 85))
    target, w = b + rng.normal(0, 0.1, (200, 85)), np.zeros((200, 85))
    if steps <= 100:
        for _ in range(steps):
            w -= RATE * (w - target)
    else:
        w = target - (target - w) * np.exp(steps * np.log1p(-RATE))
    found, expected = ((w - b) ** 2).sum(1), two_scale_risk(steps, SIGNAL, RATE, 0.01)
    if steps == 0:
        assert expected == pytest.approx(1.8) == found.mean()
    else:
        assert within(found, expected)
        assert not within(found, two_scale_risk(steps, SIGNAL, RATE, 0.02))


def test_descent_at_two_speeds_falls_rises_and_falls():
    risk = two_scale_risk([0, 7, 100, 30_000], SIGNAL, RATE, 0.01)
    assert risk[0] > risk[1] < risk[2] > risk[3]
    assert two_scale_risk(10**7, SIGNAL, RATE, 0.01) == pytest.approx(85 * 0.01)
    equal = two_scale_risk(np.arange(200), SIGNAL, np.full(85, 0.1), 0.0)
    assert (np.diff(equal) < 0).all()  # without noise it falls alone


def test_effective_parameters_of_known_smoothers():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 7))
    assert effective_parameters(ridge_smoother(x, x)) == pytest.approx(7)  # of a projection: its rank
    wide = rng.normal(size=(30, 50))
    assert effective_parameters(ridge_smoother(wide, wide)) == pytest.approx(30)
    nearest = np.zeros((5, 30))
    nearest[:, :3] = 1 / 3
    assert effective_parameters(nearest) == pytest.approx(10)


@pytest.mark.parametrize("p", [10, 40])
@pytest.mark.parametrize("strength", [0.0, 2.0])
def test_a_smoother_of_ridge_is_its_normal_equations(p, strength):
    rng = np.random.default_rng(4)
    x, new, y = rng.normal(size=(20, p)), rng.normal(size=(6, p)), rng.normal(size=20)
    slow = np.linalg.solve(x.T @ x + strength * np.eye(p), x.T @ y) if strength else np.linalg.lstsq(x, y)[0]
    np.testing.assert_allclose(ridge_smoother(x, new, strength) @ y, new @ slow, rtol=1e-9)


@pytest.mark.parametrize("p", [10, 40])
def test_leave_one_out_is_what_leaving_each_out_gives(p):
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(20, p)), rng.normal(size=(20, 2))
    slow = []
    for i in range(20):
        rest = np.arange(20) != i
        slow.append(((ridge_smoother(x[rest], x[i : i + 1], 0.7) @ y[rest] - y[i]) ** 2).mean())
    assert decomposed(x, 0.7).left_out_error(y) == pytest.approx(np.mean(slow), rel=1e-9)


@pytest.mark.parametrize("p", [10, 40])
def test_squared_lengths_and_coefficients_are_those_of_the_weights(p):
    rng = np.random.default_rng(8)
    x, new, y = rng.normal(size=(20, p)), rng.normal(size=(6, p)), rng.normal(size=(20, 3))
    fit = decomposed(x, 0.3)
    weights = ridge_smoother(x, new, 0.3)
    np.testing.assert_allclose(decomposed(x).with_strength(0.3).weights(new), weights, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(decomposed(x).weights(new), new @ np.linalg.pinv(x), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(fit.squared(new), (weights**2).sum(1), rtol=1e-10)
    np.testing.assert_allclose(new @ fit.coefficients(y), weights @ y, rtol=1e-9, atol=1e-12)


def test_past_the_peak_least_squares_uses_fewer_parameters_on_new_points_again():
    rng = np.random.default_rng(5)
    x, new = rng.normal(size=(60, 600)), rng.normal(size=(400, 600))
    used = {p: effective_parameters(ridge_smoother(x[:, :p], new[:, :p])) for p in (15, 30, 58, 62, 120, 600)}
    assert used[15] < used[30] < used[58]
    assert used[62] > used[120] > used[600]
    # isotropic: n E|s|^2 is n times the variance per noise
    assert used[30] == pytest.approx(60 * ridgeless_risk(60, 30, 0.0, 1.0), rel=0.25)


PEAKED = np.array([3.0, 1.0, 2.0, 6.0, 2.5, 1.5])


def seeds_of(curve, spread, m=12):
    return curve + np.random.default_rng(6).normal(0, spread, (m, len(curve)))


def test_a_peak_is_where_and_as_high_as_it_was_made():
    found = peak(np.arange(1, 7), seeds_of(PEAKED, 0.05), np.random.default_rng(0))
    assert (found.at.value, found.at.interval, found.at_end) == (4, (4, 4), False)
    assert found.height.interval.low < 6 < found.height.interval.high
    assert found.prominence.interval.low < 4.5 < found.prominence.interval.high  # 6 - max(1, 1.5)
    assert (found.low <= found.curve).all()
    assert (found.curve <= found.high).all()


@pytest.mark.parametrize("curve", [[5.0, 4, 3, 2, 1], [1.0, 2, 3, 4, 5], [9.0, 1, 2, 1, 0.5]])
def test_a_largest_value_at_an_end_may_lie_beyond_it(curve):
    found = peak(np.arange(5), seeds_of(np.array(curve), 0.01), np.random.default_rng(0))
    assert found.at_end
    assert found.prominence.value == pytest.approx(1.0 if curve[0] == 9 else -1.0, abs=0.05)


@pytest.mark.parametrize("place", [1, 4])
def test_a_place_beside_an_end_is_none(place):
    curve = np.zeros(6)
    curve[place] = 1.0
    assert not peak(np.arange(6), seeds_of(curve, 0.01), np.random.default_rng(0)).at_end


def test_a_place_that_may_be_an_end_is_one():
    """Two places as high as each other, one of them the last."""
    errors = seeds_of(np.array([0.0, 1, 2, 1, 2]), 0.3)
    assert peak(np.arange(5), errors, np.random.default_rng(0)).at_end
    errors[:, 4] -= 2
    assert not peak(np.arange(5), errors, np.random.default_rng(0)).at_end


def test_intervals_of_a_peak_hold_what_is_true_as_often_as_they_say():
    """The height where one place is clearly the largest, and the prominence: medians of normal errors."""
    held, band = [], []
    for draw in range(150):
        rng = np.random.default_rng(draw)
        found = peak(np.arange(6), PEAKED + rng.normal(0, 0.3, (20, 6)), rng)
        band.append((found.low <= PEAKED) & (found.high >= PEAKED))
        held.append(((found.height.interval[0] <= 6 <= found.height.interval[1]), found.at.interval == (3, 3)))
    covered, placed = np.mean(held, axis=0)
    assert covered > 0.95 - 4 * math.sqrt(0.95 * 0.05 / 150)
    assert placed == 1
    assert 0.9 < np.mean(band) < 0.99


def test_a_peak_is_at_the_end_where_the_interval_of_its_place_touches_one():
    found = [peak(np.arange(4), seeds_of(np.array([0.0, 1, 0.9, 0.85]), spread), np.random.default_rng(0))
             for spread in np.geomspace(0.02, 1, 40)]  # fmt: skip
    touching = [one.at.interval.low == 0 or one.at.interval.high == 3 for one in found]
    assert [one.at_end for one in found] == touching
    assert 0 < sum(touching) < 40


def test_over_positions_that_fold_a_peak_is_gone():
    """Errors that are one function of the position: the setting goes up it and down again."""
    folding = np.array([1.0, 2, 4, 9, 5, 3])
    errors = seeds_of(folding**2, 0.01)
    over_setting = peak(np.arange(6), errors, np.random.default_rng(0))
    over_folding = peak(np.tile(folding, (12, 1)), errors, np.random.default_rng(0))
    assert over_setting.prominence.value > 50
    assert over_folding.prominence.value < 0
    assert (np.diff(over_folding.positions) > 0).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: peak(np.arange(4), np.zeros((9, 4)), np.random.default_rng(0)),
        lambda: peak(np.arange(2), np.zeros((12, 2)), np.random.default_rng(0)),
        lambda: peak(np.arange(3), np.zeros((12, 4)), np.random.default_rng(0)),
        lambda: peak(np.zeros((11, 4)), np.zeros((12, 4)), np.random.default_rng(0)),
        lambda: ridgeless_risk(0, 3, 1.0, 1.0),
        lambda: ridgeless_risk(9, 3, -1.0, 1.0),
        lambda: ridge_risk(1.0, 1.0, 1.0, 0.0),
        lambda: optimal_ridge(1.0, 0.0, 1.0),
        lambda: random_features_risk(0.0, 1.0, 1.0, 1.0),
        lambda: random_features_risk(1.0, 1.0, 1.0, math.nan),
        lambda: two_scale_risk(1, [1.0], [2.0], 0.1),
        lambda: two_scale_risk(-1, [1.0], [0.1], 0.1),
        lambda: two_scale_risk(1, [1.0, 2.0], [0.1], 0.1),
        lambda: two_scale_risk(0.5, [1.0], [1.5], 0.1),
        lambda: effective_parameters(np.zeros((0, 4))),
        lambda: ridge_smoother(np.eye(3), np.eye(2)),
        lambda: ridge_smoother(np.eye(3), np.eye(3), -1.0),
    ],
)
def test_what_makes_no_sense_is_refused(call):
    with pytest.raises(InputRefused):
        call()
