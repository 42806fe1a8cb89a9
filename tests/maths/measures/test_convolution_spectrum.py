"""The norm of a convolution by Fourier transforms is that of its dense matrix."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from byheart.maths.measures import compute
from byheart.maths.measures.convolution_spectrum import largest_singular_value


def dense(kernel, size, stride, dilation, groups):
    """The circular convolution of every unit input, column by column, by torch's own convolution of a padded input."""
    axes = kernel.dim() - 2
    convolve = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[axes]
    around = [(side - 1) * spread for side, spread in zip(kernel.shape[2:], dilation, strict=True)]
    columns = []
    for place in itertools.product(range(kernel.shape[1] * groups), *map(range, size)):
        x = torch.zeros(1, kernel.shape[1] * groups, *size, dtype=kernel.dtype)
        x[0][place] = 1
        for axis, (n, more) in enumerate(zip(size, around, strict=True), start=2):
            x = x.index_select(axis, torch.arange(n + more) % n)
        columns.append(convolve(x, kernel, stride=stride, dilation=dilation, groups=groups).flatten())
    return np.linalg.svd(torch.stack(columns, 1).numpy(), compute_uv=False)[0]


@pytest.mark.parametrize(
    "shape, size, stride, dilation, groups",
    [
        ((4, 3, 3, 3), (8, 8), (1, 1), (1, 1), 1),
        ((4, 3, 3, 3), (5, 7), (1, 1), (1, 1), 1),
        ((3, 2, 3, 3), (6, 6), (2, 2), (1, 1), 1),
        ((3, 2, 3, 2), (6, 4), (3, 1), (1, 2), 1),
        ((4, 2, 3, 3), (4, 4), (1, 1), (1, 1), 2),
        ((2, 2, 5, 5), (3, 4), (1, 1), (1, 1), 1),  # wider than what it reads: it wraps around
        ((5, 2, 3), (9,), (3,), (2,), 1),
        ((2, 2, 2, 2, 2), (3, 4, 2), (1, 2, 1), (1, 1, 1), 1),
        ((3, 2, 1, 1), (4, 4), (2, 2), (1, 1), 1),
    ],
)
def test_as_the_dense_operator(shape, size, stride, dilation, groups):
    kernel = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    wanted = dense(kernel, size, stride, dilation, groups)
    assert largest_singular_value(kernel, size, stride, dilation, groups) == pytest.approx(wanted, rel=1e-10)


def test_in_pieces_as_at_once(monkeypatch):
    kernel = torch.randn(4, 3, 3, 3, dtype=torch.float64)
    at_once = largest_singular_value(kernel, (8, 8), (1, 1), (1, 1))
    monkeypatch.setattr("byheart.maths.measures.convolution_spectrum.AT_ONCE", 1)
    assert largest_singular_value(kernel, (8, 8), (1, 1), (1, 1)) == at_once


def test_the_reshaped_norm_is_another_number_and_each_is_named():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.Flatten(), nn.Linear(4 * 36, 2)).double()
    given = {"examples": (torch.randn(4, 3, 8, 8), torch.zeros(4))}
    found = compute(model, **given, names=["prod-of-spec", "prod-of-spec-fft"])
    assert found["prod-of-spec-fft"].value > 1.2 * found["prod-of-spec"].value
    assert "takes an example" in compute(model, names=["prod-of-spec-fft"])["prod-of-spec-fft"].reason


def test_of_linear_layers_both_are_the_same():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    found = compute(model, names=["prod-of-spec", "prod-of-spec-fft"])
    assert found["prod-of-spec-fft"] == found["prod-of-spec"]
