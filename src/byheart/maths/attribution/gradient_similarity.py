"""Two baselines of effect: gradients projected at random (TRAK), and gradients at checkpoints (TracInCP).

Their scores rank training examples; their units mean nothing. What they are worth on given data is told by
`byheart.maths.statistics.ranking.datamodel_score`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.attribution.curvature import still
from byheart.maths.attribution.kronecker_fisher import gradients_of, in_chunks, losses_at
from byheart.maths.attribution.per_example_gradients import Examplewise
from byheart.maths.attribution.targets import Target, function, margin, query_tensors
from byheart.maths.attribution.unrolled import checked_labels
from byheart.maths.recording.trace import Trace, count, take
from byheart.maths.shapes import Float


def projected(
    models: nn.Module | Sequence[nn.Module],
    examples: tuple[Any, Any],
    query: tuple[Any, Any],
    *,
    dimension: int = 512,
    seed: int = 0,
) -> Float[np.ndarray, "q n"]:
    r"""Which examples would a linearised model lean on, seen through random projections of its gradients?

    phi(x) = P' grad_theta m(x; theta), P (p, dimension) standard normal, m the margin of the label; Phi (n, dimension)
    of the training examples; tau_ji = mean_c [phi_c(x_j)' (Phi_c' Phi_c)^-1 Phi_c']_i mean_c (1 - p_ci), c over models
    trained from other seeds, p_ci the probability of the label of example i. No soft thresholding.

    Sign: positive = having the example in raises the margin. Unit arbitrary, range (-inf, inf). Rote: to itself
    alone; Oracle 0.

    Args:
        models: one trained classifier, or several.
        examples: (x (n, ...), y (n,)) they were trained on, labels whole numbers.
        query: (x (q, ...), y (q,)).
        dimension: of the projection; below n.
        seed: of the projection; the global random state is not touched.

    Returns:
        tau (q, n), float64.

    Raises:
        InputRefused: shapes, losses not finite, dimension of n or more, or above the rank of the gradients.

    Cost: (n + q) p dimension operations a model. Fails when: there is one model: the projection and the run are then
    half of the score (LDS on digits 0.23 with one model, 0.34 with ten).

    Reference: Park et al. 2023, "TRAK: attributing model behavior at scale", ICML, equation 14 (its step 5, soft
    thresholding, left out).

    >>> import torch
    >>> x, y = torch.eye(4), torch.tensor([0, 1, 0, 1])
    >>> model = torch.nn.Linear(4, 2, bias=False)
    >>> scores = projected(model, (x, y), (x[:1], y[:1]), dimension=3)
    >>> scores.shape
    (1, 4)
    """
    each = [models] if hasattr(models, "parameters") else list(models)
    scores: Any = 0.0
    doubt: Any = 0.0
    for position, model in enumerate(each):
        trace = still(model, examples)
        if not 1 <= dimension < trace.n:
            raise InputRefused(
                expected=f"a dimension from 1 to {trace.n - 1}, below the number of examples",
                came=str(dimension),
                do="Try a third of the examples.",
            )
        x, y = query_tensors(trace, query)
        checked_labels(trace, trace.weights(0), x, y, "margin")
        examplewise = gradients_of(trace)
        directions = _directions(trace, dimension, seed + 1_000_003 * position)
        phi = _features(examplewise, trace.x, trace.y, directions)
        wanted = _features(examplewise, x, y, directions)
        values, base = torch.linalg.eigh(phi.T @ phi)
        if not values.isfinite().all() or values[0] <= 1e-12 * values[-1]:
            raise InputRefused(
                expected=f"gradients that span {dimension} directions",
                came=f"eigenvalues from {float(values[0]):.1e} to {float(values[-1]):.1e}",
                do="Take a lower dimension, or look for losses that are not finite.",
            )
        scores = scores + ((wanted @ base / values) @ (phi @ base).T).numpy()
        margins = examplewise.values(trace.weights(0), trace.x, lambda out, y=trace.y: margin(out, y))
        doubt = doubt + torch.sigmoid(-margins).double().numpy()
    return (scores / len(each)) * (doubt / len(each))


def _directions(trace: Trace, dimension: int, seed: int) -> dict[str, torch.Tensor]:
    """The projection, (size, dimension) a tensor."""
    generator, dtype = torch.Generator().manual_seed(seed), trace.weights(0).dtype
    sizes = {name: where.stop - where.start for name, where in trace.layout.slices.items()}
    draw = lambda size: torch.randn(size, dimension, generator=generator, dtype=dtype)  # noqa: E731
    return {name: draw(size) / dimension**0.5 for name, size in sizes.items()}


def _features(examplewise: Examplewise, x: Any, y: torch.Tensor, directions: dict[str, torch.Tensor]) -> torch.Tensor:
    """Projected gradients of the margins (b, dimension), in float64."""
    weights = examplewise.trace.weights(0)
    rows = []
    for ids in in_chunks(count(x), len(weights), weights.element_size()):
        found = examplewise.at(weights, take(x, ids), lambda out, label=y[ids]: margin(out, label)).form()
        rows.append(sum(found[name].detach() @ matrix for name, matrix in directions.items()))
    return torch.cat(rows).double()


def checkpoints(
    trace: Trace, query: tuple[Any, Any], target: Target = "margin", steps: int | Sequence[int] = 10
) -> Float[np.ndarray, "q n"]:
    r"""Which examples' gradients point where the query wants to go, at some moments of training?

    tau_ji = - sum_c eta_c <grad l_i(theta_c), grad f_j(theta_c)>, c over checkpoints, eta_c the learning rate there;
    summed by layer products, gradients are not formed. Momenta, Adam's metric and clipping are not looked at.

    Sign: positive = having the example in raises the target. Unit arbitrary, range (-inf, inf). Rote: to itself
    alone; Oracle 0.

    Args:
        trace: a recorded training.
        query: (x (q, ...), y (q,)).
        target: as in `effect.unrolled`.
        steps: how many checkpoints, evenly spaced, the end among them; or their steps.

    Returns:
        tau (q, n), float64.

    Raises:
        InputRefused: examples, model or loss are not those recorded; shapes; steps outside the trace.

    Cost: n q (inputs + outputs of each layer) operations a checkpoint. Fails when: examples of one class share a
    gradient: it then finds the class, not the example (LDS on digits 0.33).

    Reference: Pruthi et al. 2020, "Estimating training data influence by tracing gradient descent", NeurIPS,
    section 3.2 (TracInCP).

    >>> import torch
    >>> from byheart.training.recording import record
    >>> x, y, model = torch.eye(3), torch.tensor([0, 1, 1]), torch.nn.Linear(3, 2)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    >>> with record(model, optimizer, "cross-entropy", (x, y)) as trace:
    ...     torch.nn.functional.cross_entropy(model(x), y).backward()
    ...     trace.batch([0, 1, 2])
    ...     optimizer.step()
    >>> [bool(score > 0) for score in checkpoints(trace, (x[:1], y[:1]), steps=[0])[0]]
    [True, False, False]
    """
    trace.verify()
    x, y = query_tensors(trace, query)
    last = len(trace)
    marks = [round(last * (c + 1) / steps) for c in range(steps)] if isinstance(steps, int) else list(steps)
    if not marks or min(marks) < 0 or max(marks) > last:
        raise InputRefused(f"checkpoints between 0 and {last}, the steps of the trace", str(marks), "Choose others.")
    checked_labels(trace, trace.weights(last), x, y, target)
    value, examplewise, total = function(target), gradients_of(trace), np.zeros((len(y), trace.n))
    # products of layers hold no gradients: rows as many as the products (q, rows) allow
    chunks = list(in_chunks(trace.n, max(len(y), max(trace.layout.shapes, key=len)[0]), 8))
    for mark in marks:
        weights = trace.weights(mark)
        rates = trace.rates[min(mark, last - 1)]
        scales = {name: rate for group, rate in zip(trace.recipe.groups, rates, strict=True) for name in group.names}
        wanted = examplewise.at(weights, x, lambda out: value(out, y))
        for ids in chunks:
            found = losses_at(examplewise, trace, ids, weights)
            total[:, ids.numpy()] -= found.pair(wanted, scales).detach().double().numpy().T
    return total
