"""Infinite width: the kernels of a ReLU network whose hidden layers are infinitely wide."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Given

CLOSE = 1e-3  # 1 - |cosine| below which a pair's angle is taken from differences: arccos would lose half of the digits
BLOCK = 1 << 20  # numbers held at once for such pairs


class WidthLimit(NamedTuple):
    """nngp (n, n2): covariance of the outputs at initialisation; ntk (n, n2): the tangent kernel. Float64."""

    nngp: np.ndarray
    ntk: np.ndarray


def infinite_relu(
    x: Given[Any, "n d"], x2: Given[Any, "r d"], depth: int, sigma_w: float, sigma_b: float
) -> WidthLimit:
    r"""Which kernels has a fully connected ReLU network of infinite width?

        S = sigma_w^2 x.x'/d + sigma_b^2,  T = S;  for each hidden layer, with cos t = S(x,x') / sqrt(S(x,x) S(x',x')):
        S <- sigma_w^2 sqrt(S(x,x) S(x',x')) [sin t + (pi - t) cos t] / (2 pi) + sigma_b^2
        T <- S + sigma_w^2 T (pi - t) / (2 pi)

    of a network z = sigma_w W a / sqrt(fan in) + sigma_b b with all parameters N(0, 1) (tangent parametrisation) and
    one output: S is the covariance of that output over draws of the parameters, T the product of its gradients.

    sigma_w^2 = 2 keeps S(x, x) the same in all layers. What is carried from layer to layer is the gap
    sqrt(S(x,x) S(x',x')) - S(x,x') beside S(x,x): of inputs that nearly agree the cosine has lost the angle.

    Args:
        x: n inputs of d numbers.
        x2: r inputs, likewise.
        depth: hidden layers, 0 for a linear model.
        sigma_w: standard deviation of the weights, 0 or more.
        sigma_b: standard deviation of the biases, 0 or more.

    Returns:
        (nngp, ntk), each (n, r) float64.

    Raises:
        InputRefused: inputs of different width, a depth that is not a whole number, or a negative deviation.

    Cost: O(n r (d + depth)).

    Fails when: a network of finite width is meant: it differs by about width^-1/2, and its kernel moves.

    Reference: Jacot, Gabriel, Hongler 2018, Neural tangent kernel, theorem 1; Cho, Saul 2009, Kernel methods for deep
    learning, equations 3 and 6 (arc-cosine kernels of degree 1 and 0); Lee et al. 2018, Deep neural networks as
    Gaussian processes.

    Example:
        >>> nngp, ntk = infinite_relu([[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], depth=1, sigma_w=2**0.5, sigma_b=0.0)
        >>> nngp.round(4).tolist(), ntk.round(4).tolist()
        ([[1.0, 0.3183]], [[2.0, 0.3183]])
    """
    a, b = _checked(x, x2, depth, sigma_w, sigma_b)
    a, b = (np.hstack([sigma_w * z / np.sqrt(z.shape[1]), np.full((len(z), 1), float(sigma_b))]) for z in (a, b))
    own, other = (a**2).sum(1)[:, None], (b**2).sum(1)[None]  # S(x,x) (n, 1) and S(x',x') (1, r)
    angle = _angles(a, b)
    gap = 2 * np.sqrt(own * other) * np.sin(angle / 2) ** 2
    nngp = np.sqrt(own * other) - gap
    ntk = nngp
    for _ in range(depth):
        root = np.sqrt(own * other)
        falls = 1 - np.cos(angle) - (np.sin(angle) - angle * np.cos(angle)) / np.pi  # 1 - [sin t + (pi-t) cos t] / pi
        gap = sigma_w**2 / 2 * root * falls + _between_diagonals(own, other, sigma_w, sigma_b)
        own, other = (sigma_w**2 / 2 * diagonal + sigma_b**2 for diagonal in (own, other))
        nngp = np.sqrt(own * other) - gap
        ntk = nngp + sigma_w**2 / 2 * ntk * (1 - angle / np.pi)
        angle = _angle_of(gap, np.sqrt(own * other))
    return WidthLimit(nngp, ntk)


def _between_diagonals(own: np.ndarray, other: np.ndarray, sigma_w: float, sigma_b: float) -> np.ndarray:
    """sqrt((p + s)(q + s)) - sqrt(p q) - s, for p, q = sigma_w^2 S / 2 and s = sigma_b^2, without cancellation."""
    p, q, s = sigma_w**2 / 2 * own, sigma_w**2 / 2 * other, sigma_b**2
    roots = np.sqrt(p) + np.sqrt(q)
    apart = np.divide(p - q, roots, out=np.zeros(np.broadcast_shapes(p.shape, q.shape)), where=roots > 0)
    total = np.sqrt((p + s) * (q + s)) + np.sqrt(p * q) + s
    return np.divide(s * apart**2, total, out=np.zeros_like(apart), where=total > 0)


def _angle_of(gap: np.ndarray, root: np.ndarray) -> np.ndarray:
    """t with cos t = 1 - gap / root; pi / 2 where an input has no length, whose kernel is 0 whatever the angle."""
    sine = np.divide(gap, 2 * root, out=np.full_like(gap, 0.5), where=root > 0).clip(0, 1)  # sin^2 (t / 2)
    return 2 * np.arctan2(np.sqrt(sine), np.sqrt(1 - sine))


def _angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, r) angles between rows; 2 atan2(|u - v|, |u + v|) of unit vectors where they nearly agree or oppose."""
    a, b = (np.divide(z, norm, out=np.zeros_like(z), where=norm > 0)
            for z, norm in ((z, np.linalg.norm(z, axis=1, keepdims=True)) for z in (a, b)))  # fmt: skip
    cosine = a @ b.T
    angles = np.arccos(cosine.clip(-1, 1))
    rows, columns = np.nonzero(np.abs(cosine) > 1 - CLOSE)
    for start in range(0, len(rows), size := max(1, BLOCK // a.shape[1])):
        i, j = rows[start : start + size], columns[start : start + size]
        apart, along = np.linalg.norm(a[i] - b[j], axis=1), np.linalg.norm(a[i] + b[j], axis=1)
        angles[i, j] = 2 * np.arctan2(apart, along)
    return angles


def _checked(x: Any, x2: Any, depth: int, sigma_w: float, sigma_b: float) -> tuple[np.ndarray, np.ndarray]:
    x, x2 = array(x, "x", "nd").astype(np.float64), array(x2, "x2", "nd").astype(np.float64)
    if x.shape[1] != x2.shape[1] or not x.shape[1]:
        raise InputRefused("x and x2 of the same width", f"{x.shape[1]} and {x2.shape[1]}", "Give inputs of one kind.")
    if isinstance(depth, bool) or int(depth) != depth or depth < 0:
        raise InputRefused("a depth of 0, 1, 2, ... hidden layers", str(depth), "Count the hidden layers.")
    if not (0 <= sigma_w < np.inf and 0 <= sigma_b < np.inf):
        came = f"sigma_w {sigma_w}, sigma_b {sigma_b}"
        raise InputRefused("deviations of 0 or more", came, "Give standard deviations, e.g. 2**0.5 and 0.")
    return x, x2
