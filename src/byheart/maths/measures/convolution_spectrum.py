"""Spectrum of a convolution: the largest singular value of the operator itself, not of its reshaped kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

AT_ONCE = 2**22  # complex numbers in one batch of matrices: 64 MB


def largest_singular_value(
    kernel: Tensor, size: Sequence[int], stride: Sequence[int], dilation: Sequence[int], groups: int = 1
) -> float:
    r"""By how much can a circular convolution stretch its input?

    K(q) = sum_t K[:, :, t] exp(-2 pi i q.t / n), one c_out x c_in matrix a frequency; the operator is unitarily the
    blocks K(q), so its norm is max_q ||K(q)||_2 (Sedghi et al. 2018). A stride s keeps every s-th output: the
    frequencies that then fall together, q + r n/s, stand side by side in one block, divided by sqrt(s) an axis.

    Args:
        kernel: (c_out, c_in / groups, sides ...).
        size: sides of the input.
        stride: an axis each; where it does not divide the size, 1 is taken, which is an upper bound.
        dilation: an axis each.
        groups: of channels that do not see one another.

    Returns:
        The largest singular value.

    Raises:
        Nothing.

    Cost: singular values of c_out x c_in at n^2 / 2 frequencies. Fails when: the padding is of zeros: the two
    operators then differ at the borders.

    Reference: Sedghi et al. 2018, The singular values of convolutional layers.

    >>> round(largest_singular_value(torch.ones(1, 1, 3, 3), (8, 8), (1, 1), (1, 1)), 10)
    9.0
    """
    step = [s if n % s == 0 else 1 for s, n in zip(stride, size, strict=True)]
    at_frequencies = torch.fft.fftn(_on_circle(kernel, size, dilation), dim=tuple(range(2, kernel.dim())))
    blocks = _side_by_side(at_frequencies, size, step) / math.sqrt(math.prod(step))
    c_out = kernel.shape[0] // groups
    return max(_largest(blocks[:, group * c_out : (group + 1) * c_out]) for group in range(groups))


def _on_circle(kernel: Tensor, size: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """(c_out, c_in, *size): the kernel's places on the circle; what is wider than the circle wraps around it."""
    for axis, (n, spread) in enumerate(zip(size, dilation, strict=True), start=2):
        place = torch.arange(kernel.shape[axis], device=kernel.device) * spread % n
        shape = [*kernel.shape[:axis], n, *kernel.shape[axis + 1 :]]
        kernel = kernel.new_zeros(shape).index_add_(axis, place, kernel)
    return kernel


def _side_by_side(at_frequencies: Tensor, size: Sequence[int], step: Sequence[int]) -> Tensor:
    """(frequencies, c_out, c_in * step): frequencies that a stride maps to the same one in one matrix.

    K(-q) is the conjugate of K(q), so half of the last axis is enough.
    """
    c_out, c_in = at_frequencies.shape[:2]
    split = [part for n, s in zip(size, step, strict=True) for part in (s, n // s)]
    axes = range(2, 2 + len(split))
    return (
        at_frequencies.reshape(c_out, c_in, *split)
        .narrow(axes[-1], 0, split[-1] // 2 + 1)
        .permute(*axes[1::2], 0, 1, *axes[::2])
        .reshape(-1, c_out, c_in * math.prod(step))
    )


def _largest(matrices: Tensor) -> float:
    """Of a batch of complex matrices, the largest singular value: the root of an eigenvalue of M M* or M* M."""
    if matrices.shape[1] > matrices.shape[2]:
        matrices = matrices.mH
    most = max(1, AT_ONCE // (matrices.shape[1] * matrices.shape[2]))
    squares = [torch.linalg.eigvalsh(part @ part.mH)[:, -1].max() for part in matrices.split(most)]
    return math.sqrt(max(0.0, float(torch.stack(squares).max())))
