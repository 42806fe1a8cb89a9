"""Linearisation: what a model would say had only its first derivative at the start been used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.recording.module_copy import at_weights, copied
from byheart.maths.shapes import Float


def linearised(model: nn.Module, end: Mapping[str, Any], x: Any) -> Float[np.ndarray, "n k"]:
    """What would a model say at its end, were it linear in its parameters?

        f_lin(x) = f(x; w_0) + grad_w f(x; w_0) . (w - w_0)

    in evaluation mode, with the buffers (running statistics) of the end. Where training was lazy this is what the
    trained model says.

    Args:
        model: the module with the weights w_0 that it started from.
        end: parameters and buffers by name, as they were at the end.
        x: n inputs.

    Returns:
        (n, k) float64.

    Raises:
        InputRefused: other names or shapes than the module's.

    Cost: two passes forwards (one derivative forwards; through two backwards where torch knows none).

    Fails when: a tie is broken: at a kink of ReLU the derivative is that of torch.

    Reference: Lee et al. 2019, Wide neural networks of any depth evolve as linear models under gradient descent,
    equation 5; Fort et al. 2020, Deep learning versus kernel learning, section 5.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = model.weight.data.fill_(2.0)
        >>> linearised(model, {"weight": torch.tensor([[5.0]])}, torch.tensor([[1.0], [2.0]])).tolist()
        [[5.0], [10.0]]
    """
    module = copied(model).eval()
    start = {name: value.detach() for name, value in (*module.named_parameters(), *module.named_buffers())}
    lacking = sorted(start.keys() ^ end.keys())
    if lacking or (lacking := [name for name in start if start[name].shape != np.shape(end[name])]):
        raise InputRefused("end weights of the module's names and shapes", ", ".join(lacking), "Give one model's.")
    moves = {name: start[name] for name, _ in module.named_parameters()}
    change = {name: torch.as_tensor(end[name]).to(value) - value for name, value in moves.items()}
    fixed = {name: torch.as_tensor(end[name]).to(start[name]) for name, _ in module.named_buffers()}
    like = next(iter(moves.values()))
    x = torch.as_tensor(x).to(like.device)
    x = x.to(like.dtype) if x.is_floating_point() else x

    def outputs(weights: dict[str, Tensor]) -> Tensor:
        return at_weights(module, fixed | weights, (x.clone(),)).reshape(len(x), -1)

    try:
        value, slope = torch.func.jvp(outputs, (moves,), (change,))
    except (RuntimeError, NotImplementedError):  # an operation of which torch has no derivative forwards
        value, slope = _by_two_backward_passes(outputs, moves, change)
    return (value + slope).detach().cpu().numpy().astype(np.float64)


def _by_two_backward_passes(outputs: Any, moves: dict[str, Tensor], change: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """grad_u of <J^T u, change>, which is linear in u, is J change."""
    leaves = {name: value.detach().requires_grad_() for name, value in moves.items()}
    with torch.enable_grad():
        value = outputs(leaves)
        u = torch.zeros_like(value, requires_grad=True)
        back = torch.autograd.grad(value, list(leaves.values()), u, create_graph=True, allow_unused=True)
        along = sum((g * change[name]).sum() for name, g in zip(leaves, back, strict=True) if g is not None)
        return value, torch.autograd.grad(along, u)[0]
