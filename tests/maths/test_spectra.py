"""Spectra of weights: Pareto samples of known exponent, WeightWatcher's own figures, Marchenko-Pastur, planted spikes."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from byheart.errors import InputRefused
from byheart.maths.spectra import layer_spectrum, model_spectrum, power_law


def pareto(alpha, n, seed):
    """n draws of density ~ x^-alpha from 1 on."""
    return (1 - np.random.default_rng(seed).random(n)) ** (-1 / (alpha - 1))


@pytest.mark.parametrize("alpha", [1.8, 3.0, 5.5])
def test_the_exponent_of_pareto_samples_is_found(alpha):
    found = [power_law(pareto(alpha, 300, seed)) for seed in range(16)]
    for one in found:
        assert abs(one.alpha - alpha) < 4 * one.sigma
        assert one.sigma == pytest.approx((one.alpha - 1) / one.tail**0.5)
    errors = np.array([(one.alpha - alpha) / one.sigma for one in found])
    assert abs(errors.mean()) < 4 / 16**0.5
    assert 0.4 < errors.std() < 2


def test_a_tail_behind_a_body_begins_where_the_body_ends():
    rng = np.random.default_rng(0)
    found = power_law(np.concatenate([rng.uniform(0.1, 1, 600), pareto(2.5, 600, 1)]))
    assert abs(found.alpha - 2.5) < 4 * found.sigma
    assert 0.8 < found.xmin < 1.3
    assert found.n == 1200


def test_the_fit_is_its_definition_and_knows_no_scale(reference):
    values = np.random.default_rng(2).gamma(2, size=60)
    found = power_law(values[::-1])
    truth = reference("spectrum_slow").power_law(values)
    assert (found.alpha, found.xmin, found.distance, found.sigma, found.tail, found.n) == pytest.approx(truth, rel=1e-12)
    scaled = power_law(100 * values)
    assert (scaled.alpha, scaled.xmin, scaled.tail) == pytest.approx((found.alpha, 100 * found.xmin, found.tail), rel=1e-12)


def student():
    return np.random.default_rng(7).standard_t(3, (300, 120)) / 20


def test_the_figures_are_those_of_weightwatcher():
    """WeightWatcher 0.7.7 (WWFit, matrix_entropy, stable_rank) on these numbers, run once; not installed here."""
    found = layer_spectrum(student())
    power = found.power
    assert (power.xmin, power.alpha, power.distance, power.sigma, power.tail) == pytest.approx(
        (4.4159904068276905, 7.262054955552754, 0.10700224907843674, 1.8076995571343064, 12), rel=1e-9
    )
    assert found.stable_rank == pytest.approx(33.779781250334146, rel=1e-9)
    assert found.entropy == pytest.approx(0.9510546232190583, abs=1e-6)  # it adds 1e-7 to each share
    rng = np.random.default_rng(7)
    rng.standard_t(3, (300, 120))
    power = power_law(rng.pareto(2.0, 500) + 1)
    assert (power.xmin, power.alpha, power.distance, power.sigma, power.tail) == pytest.approx(
        (1.0020352568798407, 2.996317920373995, 0.025946354270553917, 0.0892780514931453, 500), rel=1e-9
    )


def test_metrics_are_their_formulas():
    w = student()
    values = np.linalg.eigvalsh(w.T @ w)
    for given in (w, w.T):
        found = layer_spectrum(given)
        assert found.size == (300, 120)
        assert found.alpha_weighted == pytest.approx(found.alpha * np.log10(values.max()), rel=1e-9)
        assert found.log_alpha_norm == pytest.approx(np.log10((values**found.alpha).sum()), rel=1e-9)
        assert found.log_norm == pytest.approx(2 * np.log10(np.linalg.norm(w)), rel=1e-9)
        assert found.log_spectral_norm == pytest.approx(2 * np.log10(np.linalg.norm(w, 2)), rel=1e-9)
        p = values / values.sum()
        assert found.entropy == pytest.approx(-(p * np.log(p)).sum() / np.log(120), rel=1e-9)


def test_large_exponents_do_not_overflow():
    found = layer_spectrum(1e30 * np.random.default_rng(0).normal(size=(80, 60)))
    assert np.isfinite(found.log_alpha_norm)
    assert found.log_alpha_norm > found.alpha_weighted


def test_a_random_matrix_is_of_marchenko_and_pastur():
    """Its bulk ends where the law says, hardly any lie beyond, and shuffling changes nothing."""
    found = [layer_spectrum(0.3 * np.random.default_rng(seed).normal(size=(240, 120))) for seed in range(20)]
    edge = 0.09 * (240**0.5 + 120**0.5) ** 2
    for one in found:
        assert one.mp_softrank * 10**one.log_spectral_norm == pytest.approx(edge, rel=4 * (2 / 28_800) ** 0.5)
        assert 0.9 < one.mp_softrank < 1.15
        assert one.rand_distance < 0.02
        assert one.power.alpha > 2
    assert sum(one.num_spikes for one in found) <= 2  # 1 % of matrices have one by chance


def test_planted_directions_are_counted():
    """A direction stands out where its singular value is above s (N M)^(1/4) (Baik, Ben Arous, Peche 2005)."""
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(300, 150))
    left, right = np.linalg.qr(rng.normal(size=(300, 3)))[0], np.linalg.qr(rng.normal(size=(150, 3)))[0]
    barely = (300 * 150) ** 0.25
    strong = layer_spectrum(noise + left @ np.diag([9, 6, 4]) * barely @ right.T)
    weak = layer_spectrum(noise + left @ np.diag([0.5, 0.5, 0.5]) * barely @ right.T)
    assert (strong.num_spikes, weak.num_spikes) == (3, 0)
    assert strong.mp_softrank < 0.1 < weak.mp_softrank
    assert strong.rand_distance > 5 * weak.rand_distance


def test_the_distance_to_the_shuffled_is_jensen_shannon():
    from byheart.seeds import stream

    w = student() + np.outer(np.ones(300), np.ones(120))
    shuffled = stream(4, "spectra", "shuffle").permutation(np.sort(w, None)).reshape(w.shape)
    a, b = (np.sort(np.linalg.svd(one, compute_uv=False) ** 2) for one in (w, shuffled))
    found = layer_spectrum(w, seed=4).rand_distance
    assert found == pytest.approx(jensenshannon(a, b), rel=1e-9)
    assert layer_spectrum(w[::-1, ::-1], seed=4).rand_distance == pytest.approx(found, rel=1e-9)


def test_the_model_is_the_plain_mean_of_its_layers():
    rng = np.random.default_rng(0)
    weights = {"a": rng.normal(size=(30, 20)), "kernel": rng.normal(size=(16, 3, 3, 3)), "head": rng.normal(size=(3, 30))}
    found = model_spectrum(weights)
    assert set(found.layers) == {"a", "kernel"}
    assert found.layers["kernel"] == layer_spectrum(weights["kernel"].reshape(16, 27))
    assert found.layers["a"].power.few
    assert found.mean["alpha"] == pytest.approx((found.layers["a"].alpha + found.layers["kernel"].alpha) / 2)
    assert "got 3" in found.skipped["head"]
    with pytest.raises(InputRefused, match="a layer with at least 10 positive eigenvalues, got head"):
        model_spectrum({"head": weights["head"]})
    weights["a"][0, 0] = np.nan
    with pytest.raises(InputRefused, match="the weights a without NaN"):
        model_spectrum(weights)


@pytest.mark.parametrize(
    "values, message",
    [
        (np.ones(40), "40 equal ones"),
        (np.arange(9.0) + 1, "at least 10 positive eigenvalues, got 9"),
        ([1.0] * 9 + [0.0] * 50, "got 9"),
        ([], "got 0"),
        (np.arange(20.0) - 5, "none of them negative, got -5"),
        ([np.inf] * 20, "without NaN or infinity"),
    ],
)
def test_spectra_without_a_tail_are_refused(values, message):
    with pytest.raises(InputRefused, match=message):
        power_law(values)


def test_flags_are_those_of_martin_and_mahoney():
    assert [power_law(pareto(alpha, 600, 0)).flag for alpha in (1.5, 3.0, 9.0)] == ["over-trained", "", "under-trained"]
    few, many = power_law(pareto(3, 49, 0)), power_law(pareto(3, 50, 0))
    assert (few.few, many.few) == (True, False)
    assert power_law(pareto(3, 9, 0), least=5).n == 9
