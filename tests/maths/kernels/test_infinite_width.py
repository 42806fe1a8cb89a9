"""Kernels of infinite width: against Gaussian integrals done numerically, their limits, and wide networks drawn at random."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from byheart.errors import InputRefused
from byheart.maths.kernels import infinite_relu

SIGMAS = ((2**0.5, 0.0), (1.5, 0.3), (1.0, 1.0))


def inputs(seed=0, n=3, r=4, d=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 2 * rng.normal(size=(r, d))


@pytest.mark.parametrize("sigmas", SIGMAS)
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_recursion_is_the_gaussian_integral_of_each_layer(depth, sigmas, reference):
    slow_kernels = reference("kernels_slow").infinite_relu_slow
    x, x2 = inputs()
    for given, slow in zip(infinite_relu(x, x2, depth, *sigmas), slow_kernels(x, x2, depth, *sigmas), strict=True):
        assert_allclose(given, slow, rtol=1e-9, atol=1e-9)


def test_depth_0_is_a_linear_model():
    x, x2 = inputs()
    nngp, ntk = infinite_relu(x, x2, 0, 1.5, 0.3)
    assert_allclose(nngp, 2.25 * x @ x2.T / 3 + 0.09, rtol=1e-12)
    assert_allclose(ntk, nngp, rtol=1e-12)


@pytest.mark.parametrize("sigmas", SIGMAS)
@pytest.mark.parametrize("depth", [1, 3, 20])
def test_of_an_input_with_itself(depth, sigmas):
    """The angle is 0: S <- sigma_w^2 S / 2 + sigma_b^2 and T <- S + sigma_w^2 T / 2, exactly."""
    x, _ = inputs(n=50)
    s = t = sigmas[0] ** 2 * (x**2).sum(1) / 3 + sigmas[1] ** 2
    for _ in range(depth):
        s = sigmas[0] ** 2 * s / 2 + sigmas[1] ** 2
        t = s + sigmas[0] ** 2 * t / 2
    nngp, ntk = infinite_relu(x, x, depth, *sigmas)
    assert_allclose(np.diag(nngp), s, rtol=1e-13)
    assert_allclose(np.diag(ntk), t, rtol=1e-13)
    assert_allclose(ntk, ntk.T, rtol=1e-13)


def test_of_inputs_that_nearly_agree_no_digit_is_lost():
    """One layer, sigma_w^2 = 2, an angle t: ntk = [sin t + (pi - t) cos t] / pi + cos t (1 - t / pi) = 2 - t/pi - t^2."""
    for t in (1e-5, 1e-7, 1e-9, 1e-12):
        x, x2 = np.array([[1.0, 0.0]]), np.array([[np.cos(t), np.sin(t)]])
        _, ntk = infinite_relu(x, x2, 1, 2**0.5, 0.0)
        assert_allclose(2 - ntk[0, 0], t / np.pi + t**2, atol=2e-15)


def test_of_opposite_inputs():
    """Without biases no unit is on for both: nothing is left after one layer but what it gives the next."""
    x, _ = inputs()
    assert_allclose(infinite_relu(x, -x, 1, 1.3, 0.0).ntk.diagonal(), 0, atol=1e-15)
    assert_allclose(infinite_relu(x, -x, 1, 1.3, 0.0).nngp.diagonal(), 0, atol=1e-15)


def test_inputs_of_no_length_and_deviations_of_0():
    x, x2 = inputs()
    assert not np.any(infinite_relu(0 * x, x2, 3, 1.0, 0.0))
    assert_allclose(infinite_relu(x, x2, 2, 0.0, 0.5).ntk, 0.25)
    assert np.isfinite(infinite_relu(0 * x, x2, 3, 1.0, 0.5).ntk).all()


def test_kernels_are_positive_semidefinite():
    x, _ = inputs(n=30)
    for kernel in infinite_relu(x, x, 3, 1.2, 0.1):
        assert np.linalg.eigvalsh(kernel).min() > -1e-12


def test_outputs_of_networks_drawn_at_random_have_that_covariance():
    """One hidden layer of any width: the covariance over draws is exact, so the mean of many is within 4 standard errors."""
    rng, (x, x2) = np.random.default_rng(1), inputs()
    sigma_w, sigma_b, width, draws = 1.4, 0.5, 16, 20_000
    both = np.vstack([x, x2])
    first = rng.normal(size=(draws, 3, width)), rng.normal(size=(draws, 1, width))
    hidden = np.maximum(sigma_w * both @ first[0] / 3**0.5 + sigma_b * first[1], 0)
    second = rng.normal(size=(draws, width, 1)), rng.normal(size=(draws, 1, 1))
    out = (sigma_w * hidden @ second[0] / width**0.5 + sigma_b * second[1])[..., 0]
    products = out[:, :3, None] * out[:, None, 3:]
    assert_within_4_standard_errors(products, infinite_relu(x, x2, 1, sigma_w, sigma_b).nngp)


def assert_within_4_standard_errors(draws, expected):
    error = draws.std(0, ddof=1) / len(draws) ** 0.5
    assert (np.abs(draws.mean(0) - expected) < 4 * error).all(), ((draws.mean(0) - expected) / error).round(1)


def test_bad_input_is_refused_by_name():
    x, x2 = inputs()
    with pytest.raises(InputRefused, match="same width"):
        infinite_relu(x, x2[:, :2], 1, 1.0, 0.0)
    with pytest.raises(InputRefused, match="hidden layers"):
        infinite_relu(x, x2, -1, 1.0, 0.0)
    with pytest.raises(InputRefused, match="hidden layers"):
        infinite_relu(x, x2, 1.5, 1.0, 0.0)
    with pytest.raises(InputRefused, match="0 or more"):
        infinite_relu(x, x2, 1, -1.0, 0.0)
    with pytest.raises(InputRefused, match="x without NaN"):
        infinite_relu(np.full((1, 3), np.nan), x2, 1, 1.0, 0.0)
