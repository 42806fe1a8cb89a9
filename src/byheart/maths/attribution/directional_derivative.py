"""Directional: how fast does each example's loss change along a direction of the weights? No gradient is formed."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from byheart.maths.recording.trace import Part, Trace
from byheart.maths.shapes import Float

FEW = 4


def few(q: int, part: Part) -> bool:
    """Are q directions so few against the examples of a pass that forward derivatives cost less than gradients?"""
    return FEW * q <= len(part.ids)


def slopes(
    trace: Trace, weights: Float[Tensor, " p"], part: Part, directions: Mapping[str, Float[Tensor, "q _"]]
) -> Float[Tensor, "b q"] | None:
    """How fast does the loss of each example of a training pass change along some directions of the weights?

    D_ij = d/dh l_i(theta + h v_j) at h = 0 = <grad l_i(theta), v_j>, by forward-mode derivatives: all b examples of a
    direction at once, in the modes and with the noise of the pass. Unit: nats (of the loss) a unit of the direction.

    Args:
        trace: a recorded training.
        weights: theta (p,).
        part: the pass; b examples.
        directions: v by name of the tensor, (q, size) each; tensors not named stay.

    Returns:
        (b, q); None where an operation of the model has no forward derivative.

    Raises:
        nothing of its own.

    Cost: about three forward passes a direction, against b backward passes for gradients an example: for a
    transformer, batch 32, one direction, a seventh of the time, and the memory of one pass.

    Fails when: the model holds an operation without a forward derivative: gradients an example are then the way.

    Reference: Griewank and Walther 2008, Evaluating Derivatives, chapter 3 (the forward mode).

    Example:
        >>> from byheart.maths.attribution.credit import _example_trace
        >>> trace = _example_trace()
        >>> up = {"weight": torch.zeros(1, 4), "bias": torch.tensor([[1.0, -1.0]])}
        >>> slopes(trace, trace.weights(0), trace.parts[0][0], up).tolist()  # towards class 0: good for example 0
        [[-1.0], [1.0]]
    """
    point = trace.named(weights.detach())
    at = {name: point[name] for name in directions}

    def losses(some: dict[str, Tensor]) -> Tensor:
        return trace.losses({**point, **some}, part)

    found = []
    try:
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels of attention have no forward derivative
            for row in zip(*directions.values(), strict=True):
                way = {name: v.view_as(at[name]) for name, v in zip(directions, row, strict=True)}
                found.append(torch.func.jvp(losses, (at,), (way,))[1].detach())
    except (NotImplementedError, RuntimeError):
        # torch names a missing forward derivative by either; the caller then takes gradients, exact as well, and any
        # other fault of the model is raised there
        return None
    return torch.stack(found, 1)
