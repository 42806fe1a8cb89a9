"""The one place that knows curvlinops (version 3): products with Hessian and Gauss-Newton matrix of large models.

Its version 3 wants the weights as a list and any loss with a `reduction`; version 4 will want a dict and rename much.
Its check that passes repeat is left out, for `curvature_matrix` has made it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from byheart.maths.attribution.second_derivatives import Twice
from byheart.maths.recording.losses import Loss, per_example
from byheart.maths.recording.module_copy import called
from byheart.maths.recording.trace import Trace, take


class _Summed(nn.Module):
    """The sum of the losses of a batch."""

    reduction = "sum"

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.of = loss

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return per_example(self.of, z, y).sum()


class _Outputs(nn.Module):
    """A model whose outputs are one tensor, from operations that have second derivatives."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Any) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH), Twice():
            return called(self.module, x)


def operator(trace: Trace, matrix: str, batch: int) -> Any:
    """Which operator of curvlinops is this matrix of the sum of the losses, n times that of their mean?

    Nats per squared unit of weight. The poles have no part in it.

    Args:
        trace: a model as `byheart.maths.attribution.curvature.still` gives it.
        matrix: `hessian` or `ggn`.
        batch: examples that go through the model at once.

    Returns:
        A linear operator (p, p) of curvlinops.

    Raises:
        nothing of its own.

    Cost: an import of a second; each product is a forward and two backward passes. Fails when: an operation has no
    derivative, or a wrong one, forward over reverse: `CurvatureMatrix.disagreement`.
    Reference: Dangel et al. 2025, "Position: curvature matrices should be democratized via linear operators", arXiv
    2501.19183 (curvlinops).

    >>> from byheart.maths.attribution.curvature import still
    >>> made = still(nn.Linear(2, 1, bias=False), (torch.eye(2), torch.zeros(2, 1)), double=True)
    >>> (operator(made, "hessian", 8) @ torch.eye(2, dtype=torch.float64)).tolist()  # X'X
    [[1.0, 0.0], [0.0, 1.0]]
    """
    from curvlinops import GGNLinearOperator, HessianLinearOperator

    kinds = {"hessian": HessianLinearOperator, "ggn": GGNLinearOperator}
    module = _Outputs(trace.module.eval())
    named = dict(trace.module.named_parameters())
    weights = [named[name] for name in trace.layout.names]
    data = [(take(trace.x, ids), take(trace.y, ids)) for ids in torch.arange(trace.n).split(batch)]
    return kinds[matrix](module, _Summed(trace.loss), weights, data, check_deterministic=False, num_data=trace.n)


def products(trace: Trace, matrix: str, batch: int) -> Callable[[Tensor], Tensor]:
    """What multiplies columns (p, q) with this matrix of the mean loss?"""
    found = operator(trace, matrix, batch)
    return lambda v: (found @ v).detach() / trace.n
