"""Kernels: the path kernel itself, how far the network is a kernel machine with fixed coefficients, Domingos' limit.

`attribution/credit.py` gives what each example added; here is what it is a product of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from byheart.maths.attribution.gradient_products import Gradients
from byheart.maths.attribution.path_integral import Path
from byheart.maths.attribution.quadrature import points
from byheart.maths.attribution.reverse_sweep import metric
from byheart.maths.attribution.targets import Target, function, margin, query_tensors
from byheart.maths.inputs import array, same_shape
from byheart.maths.recording.trace import Step, Trace, count, take
from byheart.maths.shapes import Float, Given


def path_kernel(
    trace: Trace, query: tuple[Any, Any], other: tuple[Any, Any], target: Target = "margin", gauss: int = 2
) -> Float[np.ndarray, "q r"]:
    """How alike did the network see two inputs, over the whole of its training?

        K(x, x') = sum_t int_0^1 < M_t grad f(x; theta_t(u)), grad f(x'; theta_t(u)) > du

    with theta_t(u) on the straight line of step t, and M_t the optimiser's metric: the learning rates, under Adam over
    the root of the second moments. Symmetric in x and x', not negative on the diagonal; in units of target squared. A
    table (`Rote`) has a diagonal kernel; what does not learn (`Oracle`) has zero.

    Args:
        trace: a recorded training.
        query: (x, y) of q inputs.
        other: (x, y) of r inputs; for training examples pass (trace.x, trace.y), or some of their rows.
        target: as for `path_credit`.
        gauss: points a step.

    Returns:
        (q, r) float64.

    Raises:
        InputRefused: inputs of another shape, or a trace that does not match.

    Cost: `gauss` passes of q and of r inputs a step, and q r products of layers.

    Fails when: never as a definition; as an explanation, when coefficients vary over queries (`coefficient_spread`).

    Reference: Domingos 2020, Every model learned by gradient descent is approximately a kernel machine, equation 5
    (there for gradient flow, M = 1).

    Example:
        >>> from byheart.maths.attribution.credit import _example_trace
        >>> trace = _example_trace()
        >>> K = path_kernel(trace, (trace.x, trace.y), (trace.x, trace.y))
        >>> K.shape, bool(np.allclose(K, K.T))
        ((2, 2), True)
    """
    value = function(target)
    (x, y), (x2, y2) = query_tensors(trace, query), query_tensors(trace, other)
    trace.verify()
    path = Path(trace)
    path.at.check(trace.weights(0), x, lambda z: value(z, y))
    path.at.check(trace.weights(0), x2, lambda z: value(z, y2))
    total = torch.zeros(count(x), count(x2), dtype=torch.float64)
    for step in trace.backwards():
        for u, w in points(gauss):
            weights = torch.lerp(step.before, step.after, u)
            mine = path.at.at(weights, x, lambda z: value(z, y))
            theirs = path.at.at(weights, x2, lambda z: value(z, y2))
            total += w * _in_metric(path, step, mine, theirs).double()
    return total.numpy()


def _in_metric(path: Path, step: Step, mine: Gradients, theirs: Gradients) -> Tensor:
    if step.second is None:
        return mine.pair(theirs, path.by_name(step.rates))
    second, scaled = path.trace.named(step.second), {}
    for name, g in theirs.form().items():
        j = path.owner[name]
        group = path.trace.recipe.groups[j]
        scaled[name] = g * metric(path.trace, step, group, step.rates[j], second[name].reshape(-1))
    return mine.against(scaled, dict.fromkeys(scaled, 1.0))


@dataclass(frozen=True)
class Coefficients:
    """Of f(x) = f_0(x) + sum_i a_i(x) K_i(x): how little do the coefficients a_i depend on x?

    Attributes:
        mean: (n,) the best fixed coefficient of each example; NaN where it was in no batch.
        spread: (n,) root mean square departure of a_i(x) from it over queries, weighted by K_i(x)^2, relative to it.
        share: the part of sum A_i(x)^2 that fixed coefficients explain: 1 a kernel machine (lazy), low a network whose
            features moved with the queries (rich).
    """

    mean: np.ndarray
    spread: np.ndarray
    share: float


def coefficient_spread(trace: Trace, query: tuple[Any, Any], gauss: int = 2) -> Coefficients:
    """How much of a kernel machine is this network?

    The loss is a function of one number f an example: the margin m under cross entropy, l = log(1 + exp(-m)), or the
    value under squared error. With s_ti = -l'(f_i(theta_t)), a_t the adjoint and w_ti, k_t as in `path_credit`:

        K_i(x) = sum_t k_t w_ti <a_t, grad f_i>,   A_i(x) = sum_t s_ti k_t w_ti <a_t, grad f_i>,   a_i = A_i / K_i

    a_i(x) is Domingos' coefficient; a kernel machine's would not depend on x. `share` 1: lazy (a linear model, and very
    wide networks); lower: rich. It is the lazy or rich reading of this run, at these queries.

    Args:
        trace: a recorded training with the loss "cross-entropy", "squared-error" or "half-squared-error".
        query: (x (q, ...), y (q,)).
        gauss: points a step.

    Returns:
        Coefficients.

    Raises:
        InputRefused: another loss, or values with more than one output.

    Cost: that of `path_credit`.

    Fails when: queries are few or alike: coefficients then hardly vary whatever the network; give 50 or more.

    Reference: Domingos 2020, equation 8 (a_i averaged over the path, which he notes depends on x); Chizat et al. 2019,
    On lazy training in differentiable programming.

    Example:
        >>> from byheart.maths.attribution.credit import _example_trace
        >>> trace = _example_trace()
        >>> round(coefficient_spread(trace, (trace.x, trace.y)).share, 6)  # a linear model
        1.0
    """
    x, y = query_tensors(trace, query)
    trace.verify()
    path = Path(trace)
    of_query = lambda outputs: margin(outputs, y)  # noqa: E731
    first = trace.parts[0][0]
    if not callable(trace.loss):  # else refused by the first step, with the reason
        path.at.check(trace.weights(0), take(trace.x, first.ids), lambda z: margin(z, take(trace.y, first.ids)), first)
    path.at.check(trace.weights(0), x, of_query)
    kernel = torch.zeros(trace.n, count(x), dtype=torch.float64)
    credit, _ = path.once(x, of_query, gauss, {}, kernel)
    return fixed_coefficients(kernel.T.numpy(), credit.T.numpy())


def fixed_coefficients(kernel: Given[Any, "q n"], credit: Given[Any, "q n"]) -> Coefficients:
    """Which coefficients, the same for all queries, come nearest to credit = coefficient times kernel?

        a_i = sum_j A_ij K_ij / sum_j K_ij^2,   share = 1 - sum_ij (A_ij - a_i K_ij)^2 / sum_ij A_ij^2

    least squares over the queries j, each example by itself. `share` in [0, 1], no unit: 1 a kernel machine, 0 none.

    Args:
        kernel: (q, n) kernel sums of `path_credit(..., kernel=True)`.
        credit: (q, n) credits of the same pass.

    Returns:
        Coefficients.

    Raises:
        InputRefused: NaN, or shapes that differ.

    Cost: O(q n). Fails when: queries are few: one query has a coefficient of its own for everything.

    Reference: as `coefficient_spread`.

    Example:
        >>> fixed_coefficients([[1.0, 2.0], [3.0, 1.0]], [[0.5, 2.0], [1.5, 1.0]]).share
        1.0
    """
    kernel, credit = array(kernel, "kernel", "qn"), array(credit, "credit", "qn")
    same_shape(credit, "credit", kernel.shape)
    squares = (kernel**2).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (credit * kernel).sum(0) / squares
        left = ((credit - np.nan_to_num(mean) * kernel) ** 2).sum(0)
        spread = np.sqrt(left / squares) / np.abs(mean)
        share = float(1 - left.sum() / (credit**2).sum())
    return Coefficients(mean, spread, share)


def continuous_error(trace: Trace, query: tuple[Any, Any], target: Target = "margin") -> float:
    """How far off is the statement for endlessly small steps, taken at this run's steps?

    Domingos' theorem is for gradient flow: both gradients at the same weights. Taken at the start of each step (left
    end, no quadrature), what it says of f(x, theta_T) - f(x, theta_0) misses a remainder that falls in proportion to
    the learning rate at fixed learning rate times steps: half the step, half the error.

    Args:
        trace: a recorded training.
        query: (x (q, ...), y (q,)).
        target: as for `path_credit`.

    Returns:
        Root mean square of the remainder over that of the change: 0 exact; above 1 it explains nothing (1.8 was
        measured on digits at learning rate 0.2: memory.md 4.3).

    Raises:
        InputRefused: as `path_credit`.

    Cost: that of `path_credit` with one point.

    Fails when: the change is near 0 for all queries.

    Reference: Domingos 2020, theorem 1.

    Example:
        >>> from byheart.maths.attribution.credit import _example_trace
        >>> trace = _example_trace()
        >>> continuous_error(trace, (trace.x, trace.y)) < 0.5
        True
    """
    remainder, change = continuous_remainder(trace, query, target)
    return float(np.sqrt(np.mean(remainder**2) / np.mean(change**2)))


def continuous_remainder(
    trace: Trace, query: tuple[Any, Any], target: Target = "margin"
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"]]:
    """What does the statement for endlessly small steps miss of each prediction?

    remainder = f(x, theta_T) - f(x, theta_0) - sum_i A_i(x) - R(x), the credits A_i and that of weight decay R taken at
    the start of each step. In units of the target. An infinitely small step, and what does not learn (Oracle), give 0.

    Args:
        trace: a recorded training.
        query: (x (q, ...), y (q,)).
        target: as for `path_credit`.

    Returns:
        The remainder (q,), and the change f(x, theta_T) - f(x, theta_0) (q,).

    Raises:
        InputRefused: as `path_credit`.

    Cost: that of `path_credit` with one point. Fails when: as `continuous_error`, its root mean square.

    Reference: as `continuous_error`.

    Example:
        >>> from byheart.maths.attribution.credit import _example_trace
        >>> trace = _example_trace()
        >>> remainder, change = continuous_remainder(trace, (trace.x, trace.y))
        >>> bool((abs(remainder) < abs(change)).all())
        True
    """
    x, y = query_tensors(trace, query)
    trace.verify()
    examples, decay, initial, output, *_ = Path(trace).walk(x, y, function(target), 0, None)
    return output - initial - examples.sum(1) - decay, output - initial
