"""Slow twin of maths/measures: rows 1 to 23 of the table and the exact convolutions, in numpy, by loops over everything.

It reads a network as a list of `Step`s and shares no line with what it checks: operators are dense matrices.
"""

import math
from typing import NamedTuple

import numpy as np


class Step(NamedTuple):
    """A layer: weights, initial weights, biases (BatchNorm written into all of them), and of a convolution its input and stride."""

    weight: np.ndarray
    initial: np.ndarray
    bias: np.ndarray
    size: tuple = ()
    stride: int = 1
    padding: int = 0


def with_norm(weight, bias, gain, shift, mean, variance, eps):
    """W and b of a layer followed by BatchNorm, an output channel at a time."""
    weight, bias = weight.copy(), bias.copy()
    for channel in range(len(weight)):
        factor = gain[channel] / math.sqrt(variance[channel] + eps)
        weight[channel] *= factor
        bias[channel] = (bias[channel] - mean[channel]) * factor + shift[channel]
    return weight, bias


def dense(kernel, size, stride=1, padding=None):
    """The matrix of a convolution on inputs (c_in, *size); circular where `padding` is None, else of zeros."""
    c_out, c_in, k, _ = kernel.shape
    high, wide = size
    if padding is None:
        tall, broad = high // stride, wide // stride
    else:
        tall, broad = ((side + 2 * padding - k) // stride + 1 for side in size)
    matrix = np.zeros((c_out, tall, broad, c_in, high, wide))
    for i in range(tall):
        for j in range(broad):
            for a in range(k):
                for b in range(k):
                    row, column = i * stride + a, j * stride + b
                    if padding is None:
                        matrix[:, i, j, :, row % high, column % wide] += kernel[:, :, a, b]
                    elif 0 <= row - padding < high and 0 <= column - padding < wide:
                        matrix[:, i, j, :, row - padding, column - padding] += kernel[:, :, a, b]
    return matrix.reshape(c_out * tall * broad, c_in * high * wide)


def spectral(weight, step, operator):
    if operator and weight.ndim == 4:
        return np.linalg.svd(dense(weight, step.size, step.stride), compute_uv=False)[0]
    return np.linalg.svd(weight.reshape(len(weight), -1), compute_uv=False)[0]


def path_norm(steps):
    """The sum over paths: products of matrices of squares, a bias a path that begins at its layer."""
    carried = None
    for step in steps:
        places = 1
        squares = step.weight**2
        if squares.ndim == 4:
            squares = dense(squares, step.size, step.stride, step.padding)
            places = len(squares) // len(step.weight)
        carried = np.ones(squares.shape[1]) if carried is None else carried
        carried = squares @ carried + np.repeat(step.bias**2, places)
    return carried.sum()


def measures(steps, x, y, logits, delta):
    """Each measure by its name, as a plain number."""
    d, m = len(steps), len(y)
    margins, losses, entropies = [], [], []
    for label, z in zip(y, logits, strict=True):
        others = [z[k] for k in range(len(z)) if k != label]
        margins.append(z[label] - max(others))
        p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
        losses.append(-math.log(p[label]))
        entropies.append(sum(one * math.log(one) for one in p))
    gamma = np.percentile(margins, 10)
    fro = [(step.weight**2).sum() for step in steps]
    fro_moved = [((step.weight - step.initial) ** 2).sum() for step in steps]
    n = max(steps[0].size) if steps[0].size else steps[0].weight.shape[1]
    b = max(math.sqrt((one**2).sum()) for one in x)
    width = sum(math.sqrt(len(s.weight) * (s.weight.shape[2] * s.weight.shape[3] if s.weight.ndim == 4 else 1)) for s in steps)
    found = {
        "vc-dim": math.sqrt(d * math.log2(6 * d * n) ** 3 * sum(s.weight.size for s in steps)),
        "params": sum(s.weight.size + s.weight.size // len(s.weight) for s in steps),
        "cross-entropy": sum(losses) / m,
        "inverse-margin": 1 / gamma**2,
        "neg-entropy": sum(entropies) / m,
        "prod-of-fro-over-margin": np.prod(fro) / gamma**2,
        "prod-of-fro": np.prod(fro),
        "sum-of-fro-over-margin": d * (np.prod(fro) / gamma**2) ** (1 / d),
        "sum-of-fro": d * np.prod(fro) ** (1 / d),
        "fro-distance": sum(fro_moved),
        "param-norm": sum(fro),
        "path-norm-over-margin": path_norm(steps) / gamma**2,
        "path-norm": path_norm(steps),
        "l2": math.sqrt(sum(fro)),
        "l2-distance": math.sqrt(sum(fro_moved)),
    }
    for ending, operator in (("", False), ("-fft", True)):
        spec = [spectral(s.weight, s, operator) ** 2 for s in steps]
        main = np.prod(spec) * sum(np.divide(fro, spec)) / gamma**2
        main_moved = np.prod(spec) * sum(np.divide(fro_moved, spec)) / gamma**2
        front = (84 * b * width + math.sqrt(math.log(4 * n**2 * d))) ** 2
        rows = {
            "spec-init": front * main_moved + math.log(m / delta),
            "spec-orig": front * main + math.log(m / delta),
            "spec-init-main": main_moved,
            "spec-orig-main": main,
            "prod-of-spec-over-margin": np.prod(spec) / gamma**2,
            "prod-of-spec": np.prod(spec),
            "fro-over-spec": sum(np.divide(fro, spec)),
            "sum-of-spec-over-margin": d * (np.prod(spec) / gamma**2) ** (1 / d),
            "sum-of-spec": d * np.prod(spec) ** (1 / d),
            "dist-spec-init": sum(spectral(s.weight - s.initial, s, operator) ** 2 for s in steps),
        }
        found |= {name + ending: value for name, value in rows.items()}
    return found
