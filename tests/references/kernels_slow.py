"""Slow, obvious kernels: Gaussian integrals by quadrature, and gradients one output of one example at a time."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.integrate import quad
from scipy.special import ndtr


def gaussian_integrals(a: float, b: float, s: float) -> tuple[float, float]:
    """(E[relu(u) relu(v)], E[1(u > 0) 1(v > 0)]) of (u, v) ~ N(0, [[a, s], [s, b]]), |s| < sqrt(a b).

    Given u, v is N(s u / a, b - s^2 / a): the inner integral is known, the outer one is done by quadrature.
    """
    rest = math.sqrt(b - s * s / a)

    def density(u):
        return math.exp(-u * u / (2 * a)) / math.sqrt(2 * math.pi * a)

    def ramp(u):
        mean = s * u / a
        return mean * ndtr(mean / rest) + rest * math.exp(-((mean / rest) ** 2) / 2) / math.sqrt(2 * math.pi)

    def integral(of):
        far = 12 * math.sqrt(a)
        near = min(8 * rest * a / max(abs(s), 1e-300), far)
        parts = [
            quad(of, low, high, epsabs=1e-14, epsrel=1e-13, limit=500)[0] for low, high in ((0, near), (near, far))
        ]
        return sum(parts)

    return integral(lambda u: u * density(u) * ramp(u)), integral(lambda u: density(u) * ndtr(s * u / a / rest))


def infinite_relu_slow(x, x2, depth, sigma_w, sigma_b):
    """(nngp, ntk) pair by pair, layer by layer."""
    nngp, ntk = np.empty((len(x), len(x2))), np.empty((len(x), len(x2)))
    for i, one in enumerate(x):
        for j, other in enumerate(x2):
            a, b, s = (sigma_w**2 * p @ q / len(p) + sigma_b**2 for p, q in ((one, one), (other, other), (one, other)))
            t = s
            for _ in range(depth):
                both, on = gaussian_integrals(a, b, s)
                s = sigma_w**2 * both + sigma_b**2
                t = s + sigma_w**2 * t * on
                a, b = (sigma_w**2 * v / 2 + sigma_b**2 for v in (a, b))
            nngp[i, j], ntk[i, j] = s, t
    return nngp, ntk


def tangent_slow(model, x, x2):
    """(n, r, k, k) products of the gradients of all trained parameters."""
    parameters = [p for p in model.parameters() if p.requires_grad]

    def gradients(rows):
        found = []
        for i in range(len(rows)):
            y = model(rows[i : i + 1]).reshape(-1)
            each = [torch.autograd.grad(one, parameters, retain_graph=True, allow_unused=True) for one in y]
            found.append([torch.cat([(p if g is None else g).mul(0 if g is None else 1).flatten()
                                     for p, g in zip(parameters, gs, strict=True)]) for gs in each])  # fmt: skip
        return torch.stack([torch.stack(one) for one in found]).detach().double().numpy()

    return np.einsum("iop,jqp->ijoq", gradients(x), gradients(x2))
