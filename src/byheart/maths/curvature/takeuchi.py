"""Takeuchi: by how much does a fitted model do better on its training data than on new ones, from curvature and noise?

With M the curvature of the mean loss at a minimum and C the covariance of the examples' gradients g_i about their mean,
theta moves by M^-1 sqrt(C / n) from draw to draw of the data, and the gap in mean loss is tr(M^-1 C) / n. Where the
model's distribution is the true one M = C and the trace is p, the number of weights (Akaike). Directions in which M
is flat are left out (pseudo-inverse): the examples do not move the outputs there.

Reference: Takeuchi 1976, "Distribution of informational statistics and a criterion of model fitting", Suri-Kagaku 153;
Thomas et al. 2020, "On the interplay between noise and curvature and its effect on optimization and generalization",
AISTATS, section 4.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused, unknown_name
from byheart.maths.attribution.curvature import fit
from byheart.maths.curvature.curvature_matrix import (
    DENSE,
    CurvatureMatrix,
    curvature_matrix,
    loss_gradients,
    mean_gradient,
)
from byheart.maths.curvature.trace_estimate import Estimate, mean_of

FLAT = 1e-10  # of the largest eigenvalue: a direction in which the loss is flat up to rounding


def takeuchi(
    model: nn.Module,
    examples: tuple[Any, Any],
    matrix: str = "ggn",
    *,
    method: str = "auto",
    loss: Any = None,
    seed: int = 0,
) -> Estimate:
    r"""How many weights does this model act as if it had, by Takeuchi's criterion?

    tr(M^+ C), C = 1/n sum_i (g_i - g)(g_i - g)', M^+ the pseudo-inverse; no unit, or weights. Divided by n it is the
    expected gap of the mean loss [nats] between new and training examples. The poles have no part in it: they have no
    weights.

    Args:
        model: the trained model, at a minimum of its loss; taken in evaluation mode.
        examples: (x (n, ...), y (n,)), the training examples, at least 2.
        matrix: M: `ggn`, `fisher`, or `hessian`, which must have no negative direction.
        method: `exact` (below 2,000 weights); `ekfac`, M a layer at a time with a tenth of its mean eigenvalue added,
            which makes the trace smaller; or `auto`: exact where it can be.
        loss: as in `curvature_matrix`.
        seed: of the labels drawn for `ekfac`.

    Returns:
        `Estimate`; its standard error is over the examples, M taken as known.

    Raises:
        InputRefused: one example, a Hessian with a negative direction, `exact` for too many weights, what
            `curvature_matrix` refuses.
        UnknownName: another matrix or method.

    Cost: the gradients of all examples and O(p^3) (`exact`), or EK-FAC of the model. Fails when: the weights are no
    minimum (stopped early, weight decay): then g is not near 0; n is not large beside the trace.
    Reference: Takeuchi 1976; Thomas et al. 2020, section 4 (titles at the head of the file).

    >>> x, y = torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [-1.0]])
    >>> model = nn.Linear(1, 1, bias=False)
    >>> _ = model.weight.data.zero_()
    >>> float(takeuchi(model, (x, y)))  # residuals of variance 1, one weight
    1.0
    """
    if matrix not in ("ggn", "fisher", "hessian"):
        raise unknown_name("matrix", matrix, ("ggn", "fisher", "hessian"))
    if method not in ("auto", "exact", "ekfac"):
        raise unknown_name("method", method, ("auto", "exact", "ekfac"))
    made = curvature_matrix(model, examples, matrix, loss=loss, way="products")
    if made.trace.n < 2:
        raise InputRefused("at least 2 examples, whose gradients have a covariance", "1", "Give all training examples.")
    if method == "exact" and made.size >= DENSE:
        raise InputRefused(f'fewer than {DENSE} weights for method="exact"', str(made.size), 'Use method="ekfac".')
    if method == "ekfac" or made.size >= DENSE:
        fitted = fit(model, examples, loss=loss, method="ekfac", seed=seed)
        layout = fitted.trace.layout
        mean = mean_gradient(fitted.trace)
        terms = torch.cat([_by_blocks(fitted.solve, layout, g - mean) for g in loss_gradients(fitted.trace)])
        return mean_of(terms.double(), 0, "ekfac")
    return _exact(made)


def _exact(made: CurvatureMatrix) -> Estimate:
    values, vectors = torch.linalg.eigh(made.whole)
    if values[0] < -1e-8 * values[-1].abs():
        raise InputRefused(
            expected="a curvature that is negative in no direction, as at a minimum",
            came=f"a lowest eigenvalue of {float(values[0]):.2g} beside a largest of {float(values[-1]):.2g}",
            do='Train to the minimum, or use matrix="ggn".',
        )
    kept = values > FLAT * values[-1]
    root = vectors[:, kept] / values[kept].sqrt()  # M^+ = root root'
    along = torch.cat([g @ root for g in loss_gradients(made.trace)])
    return mean_of((along - along.mean(0)).square().sum(1), 0, "exact")


def _by_blocks(solve: Any, layout: Any, g: Tensor) -> Tensor:
    """(b,) g' M^-1 g, a layer at a time."""
    parts = {name: g[:, layout.slices[name]] for name in layout.names}
    solved = solve(dict(parts))
    return sum((parts[name] * found).sum(1) for name, found in solved.items())
