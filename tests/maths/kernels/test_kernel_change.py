"""How far a kernel moved: closed forms, invariances, resamples against copies of the inputs, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.kernels import (
    alignment,
    effective_rank,
    kernel_distance,
    kernel_velocity,
    linearised,
    relative_motion,
)
from byheart.maths.kernels.linearisation import _by_two_backward_passes
from byheart.maths.statistics.resampling import percentiles, resampling_weights


def kernels(seed=0, n=12):
    rng = np.random.default_rng(seed)
    one, two = rng.normal(size=(n, 5)), rng.normal(size=(n, 3))
    return one @ one.T, one @ one.T + 2 * two @ two.T


def test_the_distance_is_one_less_the_cosine():
    first, second = kernels()
    cosine = np.trace(first @ second) / np.sqrt(np.trace(first @ first) * np.trace(second @ second))
    assert_allclose(kernel_distance(first, second), 1 - cosine, rtol=1e-12)
    assert_allclose(kernel_velocity(first, second, 5), (1 - cosine) / 5, rtol=1e-12)


def test_a_factor_is_no_distance_and_order_no_matter():
    first, second = kernels()
    assert kernel_distance(first, 7 * first) == pytest.approx(0, abs=1e-15)
    assert_allclose(kernel_distance(first, second), kernel_distance(3 * second, 0.1 * first), rtol=1e-12)
    order = np.random.default_rng(1).permutation(12)
    turned = [kernel[np.ix_(order, order)] for kernel in (first, second)]
    assert_allclose(kernel_distance(*turned), kernel_distance(first, second), rtol=1e-12)


def test_alignment_is_the_cosine_of_centred_matrices():
    first, _ = kernels()
    y = np.random.default_rng(2).normal(size=(12, 2))
    h = np.eye(12) - 1 / 12
    a, b = h @ first @ h, h @ y @ y.T @ h
    assert_allclose(alignment(first, y), (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()), rtol=1e-12)
    assert_allclose(alignment(first + 11, y + 3), alignment(first, y), rtol=1e-9)


def test_alignment_of_classes_does_not_depend_on_their_order():
    first, _ = kernels()
    y = np.eye(3)[np.arange(12) % 3]
    assert_allclose(alignment(first, y[:, [2, 0, 1]]), alignment(first, y), rtol=1e-12)


def test_effective_rank_is_the_participation_ratio_of_eigenvalues():
    for kernel in kernels():
        values = np.linalg.eigvalsh(kernel)
        assert_allclose(effective_rank(kernel), values.sum() ** 2 / (values**2).sum(), rtol=1e-10)


def test_weights_of_one_are_no_resample():
    first, second = kernels()
    y, ones = np.arange(12.0)[:, None], np.ones((2, 12))
    assert_allclose(kernel_distance(first, second, ones), [kernel_distance(first, second)] * 2, rtol=1e-12)
    assert_allclose(alignment(first, y, ones), [alignment(first, y)] * 2, rtol=1e-12)


def test_an_input_of_weight_0_is_not_there():
    first, second = kernels()
    weights, y = np.ones((1, 12)), np.arange(12.0)[:, None]
    weights[0, 9:] = 0
    assert_allclose(
        kernel_distance(first, second, weights)[0], kernel_distance(first[:9, :9], second[:9, :9]), rtol=1e-12
    )
    assert_allclose(alignment(first, y, weights)[0], alignment(first[:9, :9], y[:9]), rtol=1e-10)


def test_a_resample_pairs_no_input_with_itself():
    """Of kernels that are the identity each resample has the inputs as often on its diagonal, never beside it."""
    weights = next(resampling_weights(12, np.random.default_rng(0), 5))
    mixed = np.eye(12) + np.diag(np.arange(12.0))
    expected = 1 - (weights @ np.diag(mixed)) / np.sqrt(weights.sum(1) * (weights @ np.diag(mixed) ** 2))
    assert_allclose(kernel_distance(np.eye(12), mixed, weights), expected, rtol=1e-12)


def test_intervals_hold_what_other_inputs_bring():
    """Kernels of features of fresh inputs: the bootstrap over 40 inputs holds the mean over many sets of 40 as often."""
    rng = np.random.default_rng(3)
    turn = np.diag([2.0, 1.0, 0.5, 0.0])

    def both(n=40):
        x = rng.normal(size=(n, 4))
        return x @ x.T, x @ turn @ x.T

    truth = np.mean([kernel_distance(*both()) for _ in range(2000)])
    held = []
    for _ in range(200):
        first, second = both()
        drawn = np.concatenate([kernel_distance(first, second, w) for w in resampling_weights(40, rng, 300)])
        low, high = percentiles(drawn)
        held.append(low <= truth <= high)
    assert np.mean(held) > 0.95 - 4 * np.sqrt(0.05 * 0.95 / 200) - 0.02  # percentiles of 40 fall a little short


def test_relative_motion_is_over_all_parameters():
    start = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    end = {"a": np.array([3.0, 1.0]), "b": np.array([[6.0]])}
    assert relative_motion(start, end) == pytest.approx(np.sqrt(5) / 5)
    assert np.isinf(relative_motion({"a": np.zeros(2)}, {"a": np.ones(2)}))


def test_what_is_not_a_kernel_is_refused():
    with pytest.raises(InputRefused, match="kernel of shape"):
        kernel_distance(np.eye(3), np.eye(2))
    with pytest.raises(InputRefused, match="without NaN"):
        kernel_distance(np.full((2, 2), np.nan), np.eye(2))
    with pytest.raises(InputRefused, match="epochs between"):
        kernel_velocity(np.eye(2), np.eye(2), 0)
    with pytest.raises(InputRefused, match="the same parameters"):
        relative_motion({"a": np.ones(1)}, {"b": np.ones(1)})
    with pytest.raises(InputRefused, match="names and shapes, got bias"):
        linearised(nn.Linear(2, 1), {"weight": torch.ones(1, 2)}, torch.ones(1, 2))


def network():
    torch.manual_seed(0)
    parts = nn.Linear(3, 6), nn.Tanh(), nn.BatchNorm1d(6), nn.Linear(6, 2)
    return nn.Sequential(*parts).double().eval()


def moved(model, by):
    """Weights and running statistics, `by` of the way to some others."""
    generator = torch.Generator().manual_seed(1)
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {
        name: value.detach() + by * torch.rand(value.shape, generator=generator, dtype=torch.float64)
        if value.is_floating_point() else value
        for name, value in state.items()
    }  # fmt: skip


def test_the_linearised_model_is_the_first_order_of_the_model():
    """The error falls with the square of the step: by four at half of it. Running statistics are those of the end."""
    model, x = network(), torch.randn(5, 3, generator=torch.Generator().manual_seed(2)).double()
    statistics = {name: value for name, value in moved(model, 1.0).items() if "running" in name}
    errors = []
    for by in (1e-2, 5e-3):
        end = moved(model, by) | statistics
        exact = torch.func.functional_call(model, end, (x,)).detach().numpy()
        errors.append(np.abs(linearised(model, end, x) - exact).max())
    assert 3.5 < errors[0] / errors[1] < 4.5
    assert errors[0] < 1e-2


def test_of_a_linear_model_nothing_is_lost():
    model, x = nn.Linear(3, 2).double(), torch.ones(4, 3).double()
    end = moved(model, 5.0)
    assert_allclose(linearised(model, end, x), torch.func.functional_call(model, end, (x,)).detach(), rtol=1e-12)


def test_two_backward_passes_are_one_forward():
    model, x = network(), torch.ones(4, 3).double()
    buffers = dict(model.named_buffers())
    start = {name: value.detach() for name, value in model.named_parameters()}
    end = {name: value for name, value in moved(model, 0.3).items() if name in start}
    change = {name: end[name] - value for name, value in start.items()}
    value, slope = _by_two_backward_passes(lambda w: torch.func.functional_call(model, w, (x,)), start, change)
    assert_allclose((value + slope).detach(), linearised(model, end | buffers, x), rtol=1e-12)
