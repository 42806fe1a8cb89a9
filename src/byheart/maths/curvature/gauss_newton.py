"""Gauss-Newton: the whole matrix from the Jacobian of each example, by `torch.func`.

G = 1/n sum_i J_i' S_i J_i, J_i = d z_i / d theta (k, p), S_i = d2 l_i / d z2 (k, k).

Reference: Schraudolph 2002, "Fast curvature matrix-vector products for second-order gradient descent", Neural
Computation 14, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from byheart.maths.attribution.second_derivatives import Twice
from byheart.maths.recording.losses import per_example
from byheart.maths.recording.trace import Trace, take
from byheart.maths.shapes import Float

JACOBIAN_BYTES = 64_000_000  # of Jacobians held at once


def jacobian(trace: Trace, x: Tensor) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b k p"]]:
    """How does each output of each example x (b, ...) move with each weight?

    Outputs (b, k), all axes of an example's outputs in one, and their derivatives (b, k, p).
    """

    def outputs(weights: Tensor, one: Tensor) -> tuple[Tensor, Tensor]:
        z = trace.outputs(weights, one[None])[0].flatten()
        return z, z

    with sdpa_kernel(SDPBackend.MATH), Twice():
        slopes, z = torch.func.vmap(torch.func.jacrev(outputs, has_aux=True), in_dims=(None, 0))(trace.weights(0), x)
    return z.detach(), slopes.detach()


def gauss_newton(trace: Trace) -> Float[Tensor, "p p"]:
    """What is the generalised Gauss-Newton matrix of the mean loss, whole?"""
    weights, p = trace.weights(0), trace.layout.size
    shape = trace.outputs(weights, take(trace.x, torch.arange(1))).shape[1:]
    total = weights.new_zeros(p, p)
    block = max(1, JACOBIAN_BYTES // (8 * p * shape.numel()))
    for ids in torch.arange(trace.n).split(block):
        z, slopes = jacobian(trace, take(trace.x, ids))
        curved = torch.func.vmap(torch.func.hessian(lambda z, y: _one(trace, z.view(shape), y)))
        s = curved(z, take(trace.y, ids))  # (b, k, k)
        total += (slopes.flatten(0, 1).T @ (s @ slopes).flatten(0, 1)).detach() / trace.n
    return total


def _one(trace: Trace, z: Tensor, y: Tensor) -> Tensor:
    """The loss of one example."""
    return per_example(trace.loss, z[None], y[None])[0]
