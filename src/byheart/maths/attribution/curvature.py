"""Curvature: the inverse of the Hessian of the training loss, exact or in blocks a layer, and what it says of examples.

`byheart.maths.attribution.effect.curvature` is the front; here `fit` gives the fitted curvature, which also tells
its damping, which share of the weights it covers, and which layers it skipped. A model needs no trace for this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused, unknown_name
from byheart.maths.attribution.hessian_products import Anything, Stack
from byheart.maths.attribution.kronecker_fisher import HEURISTIC, Blocks, Solve, gradients_of, in_chunks, losses_at
from byheart.maths.attribution.per_example_gradients import Examplewise
from byheart.maths.attribution.targets import Target, function, query_tensors
from byheart.maths.attribution.unrolled import checked_labels
from byheart.maths.recording.flat_parameters import Layout
from byheart.maths.recording.losses import per_example, resolved
from byheart.maths.recording.module_copy import copied
from byheart.maths.recording.optimizer_spec import Recipe
from byheart.maths.recording.trace import Trace, count, take
from byheart.maths.shapes import Float

EXACT = 3_000  # weights up to which the whole Hessian is made: 72 MB in float64


def still(model: nn.Module, examples: tuple[Any, Any], loss: Any = None, double: bool = False) -> Trace:
    """What does a model that is not trained further look like to whatever reads a trace?

    Like a trace without steps: a copy of the model at its weights, the examples as tensors of its precision, the loss
    resolved. The poles have no part in it.

    Args:
        model: any module with weights to train.
        examples: (x (n, ...), y (n,)); x an array, a tensor or a mapping of them.
        loss: a name, a module or a function; None is cross-entropy for class numbers, half the squared error else.
        double: in float64.

    Returns:
        `Trace` of 0 steps, in evaluation mode wherever it is read.

    Raises:
        InputRefused: no pair, no weights, NaN or infinity, x and y of different length.

    Cost: a copy of model and examples. Fails when: the loss of an example depends on the others of its batch.
    Reference: none; a definition.

    >>> trace = still(torch.nn.Linear(2, 3), (torch.zeros(4, 2), torch.zeros(4, dtype=torch.long)))
    >>> len(trace), trace.n, trace.layout.size
    (0, 4, 9)
    """
    if not isinstance(examples, tuple | list) or len(examples) != 2:
        raise InputRefused(expected="examples as a pair (x, y)", came=type(examples).__name__, do="Give both.")
    module = copied(model)
    module = module.double() if double else module
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trained:
        raise InputRefused(expected="a model with weights to train", came="none", do="Set requires_grad.")
    dtype = next(iter(trained.values())).dtype
    x, y = (_floats(part, dtype) for part in examples)
    y = torch.as_tensor(y) if not isinstance(y, Mapping) else y
    if count(x) != count(y) or not count(x):
        raise InputRefused("x and y with one row an example", f"{count(x)} and {count(y)} rows", "Give one y an x.")
    if loss is None:
        loss = "half-squared-error" if isinstance(y, Tensor) and y.is_floating_point() else "cross-entropy"
    layout = Layout(tuple(trained), tuple(tuple(p.shape) for p in trained.values()))
    weights = layout.flat(trained)
    return Trace(module, x, y, resolved(loss), layout, Recipe("SGD", (), {}), kept={0: {"weights": weights}})


def _floats(values: Any, dtype: torch.dtype) -> Any:
    if isinstance(values, Mapping):
        return {name: _floats(v, dtype) for name, v in values.items()}
    tensor = values if isinstance(values, Tensor) else torch.from_numpy(np.ascontiguousarray(values))
    if tensor.is_floating_point() and not tensor.isfinite().all():
        bad = int((~tensor.reshape(len(tensor), -1).isfinite().all(1)).nonzero()[0])
        raise InputRefused("examples without NaN or infinity", f"some in example {bad}", "Leave it out or repair it.")
    return tensor.to(dtype) if tensor.is_floating_point() else tensor.long()


@dataclass
class Curvature:
    """A fitted curvature: `effect(query)` gives (q, n).

    Attributes:
        damping: lambda by block: a layer's name, or `all` for the exact Hessian.
        coverage: share of the trained weights whose effect is counted.
        skipped: names of the tensors that are not.
        solve: tensors (q, size) by name -> (H + lambda)^-1 times them.
    """

    trace: Trace
    solve: Solve
    damping: dict[str, float]
    coverage: float = 1.0
    skipped: tuple[str, ...] = ()
    method: str = "ekfac"
    examplewise: Examplewise = field(init=False)

    def __post_init__(self) -> None:
        self.examplewise = gradients_of(self.trace)

    def effect(self, query: tuple[Any, Any], target: Target = "margin") -> np.ndarray:
        """The effects (q, n), as `byheart.maths.attribution.effect.curvature`."""
        trace, weights, item = self.trace, self.trace.weights(0), self.trace.weights(0).element_size()
        x, y = query_tensors(trace, _as_arrays(query, trace))
        value, p = function(target), trace.layout.size
        solved = []
        for ids in in_chunks(count(x), p, item):
            label = y[ids]
            checked_labels(trace, weights, take(x, ids), label, target)
            found = self.examplewise.at(weights, take(x, ids), lambda out, label=label: value(out, label)).form()
            solved.append(self.solve({name: g.detach() for name, g in found.items()}))
        names = list(solved[0])
        away = torch.cat([torch.cat([part[name] for name in names], 1) for part in solved])  # (q, p covered)
        columns = []
        for ids in in_chunks(trace.n, p, item):
            found = losses_at(self.examplewise, trace, ids).form()
            columns.append(away @ torch.cat([found[name].detach() for name in names], 1).T)
        return -torch.cat(columns, 1).double().numpy() / trace.n


def _as_arrays(query: Any, trace: Trace) -> Any:
    """The query with x as an array, so that lists are understood too."""
    if not isinstance(query, tuple | list) or len(query) != 2 or isinstance(query[0], Tensor | Mapping):
        return query
    return np.asarray(query[0], None if isinstance(trace.x, dict) else np.float64), query[1]


def fit(
    model: nn.Module,
    examples: tuple[Any, Any],
    damping: float | str = "heuristic",
    *,
    loss: Any = None,
    decay: Any = 0.0,
    method: str = "auto",
    samples: int = 4,
    seed: int = 0,
) -> Curvature:
    r"""How does the training loss of a model bend around its weights, in a form that can be solved?

    G of L(theta) = 1/n sum_i l_i(theta) + 1/2 sum_j decay_j theta_j^2, and (G + damping I)^-1 of it: `exact` the
    Hessian, p <= 3,000; `ekfac` the Gauss-Newton matrix of each layer in the eigenbasis of its Kronecker factors, with
    the eigenvalues fitted again. Units: nats a squared unit of weight. The poles have no part in it: they have no
    weights.

    Args:
        model: the trained model.
        examples: (x (n, ...), y (n,)), the training examples.
        damping: 0 or more, added to G; `heuristic` is a tenth of the mean eigenvalue, layer by layer.
        loss: as in `still`.
        decay: L2 coefficient, one number or a dict by the name of the tensor (others 0).
        method: `exact`, `ekfac`, or `auto`: exact where a damping is given and p is small enough.
        samples: labels drawn from the model an example, for `ekfac`.
        seed: of these draws.

    Returns:
        `Curvature`, which solves for queries.

    Raises:
        InputRefused: a damping below 0, too many weights for `exact`, what `still` refuses.
        UnknownName: another method.

    Cost: `exact` p/64 double backward passes over the examples and a solution O(p^3); `ekfac` 1 + 2 samples passes
    and O(width^3) a layer. Fails when: the model is far from a minimum, so that G has negative eigenvalues (`exact`
    without damping), or layers are not those that `ekfac` knows: what came back says which were skipped.

    Reference: as `byheart.maths.attribution.effect.curvature`, which is this and one query.

    >>> x, y = torch.eye(2), torch.tensor([1.0, 2.0])
    >>> type(fit(torch.nn.Linear(2, 1, bias=False), (x, y[:, None]), 0.1)).__name__
    'Curvature'
    """
    if method not in ("auto", "exact", "ekfac"):
        raise unknown_name("method", method, ("auto", "exact", "ekfac"))
    if damping != "heuristic" and not (isinstance(damping, int | float) and 0 <= damping < float("inf")):
        raise InputRefused(expected='damping of 0 or more, or "heuristic"', came=repr(damping), do="Use the heuristic.")
    p = sum(w.numel() for w in model.parameters() if w.requires_grad)
    if method == "auto":
        method = "exact" if p <= EXACT and damping != "heuristic" else "ekfac"
    trace = still(model, examples, loss, double=method == "exact")
    decays = {name: float(decay.get(name, 0.0) if isinstance(decay, Mapping) else decay) for name in trace.layout.names}
    if method == "exact":
        if p > EXACT:
            raise InputRefused(
                expected=f"at most {EXACT} weights for the exact Hessian, which takes {8 * EXACT**2 / 1e6:.0f} MB",
                came=f"{p} weights, {8 * p**2 / 1e6:.0f} MB",
                do='Use method="ekfac".',
            )
        return _exact(trace, damping, decays)
    return Curvature(trace, *Blocks(trace, samples, seed).fitted(damping, decays))


def hessian(trace: Trace) -> Float[Tensor, "p p"]:
    r"""How does the mean training loss bend at the last weights, in every pair of directions?

    H = 1/n sum_i d^2 l_i / d theta^2 (p, p), in evaluation mode, without the penalty of weight decay; nats a squared
    unit of weight. The poles have no part in it.

    Args:
        trace: a recorded training, or a model as `still` gives it.

    Returns:
        (p, p) tensor of the precision of the trace.

    Raises:
        InputRefused: nothing of its own.

    Cost: p/64 double backward passes over the n examples; 8 p^2 bytes in float64. Fails when: p is beyond a few
    thousand. Reference: Pearlmutter 1994, "Fast exact multiplication by the Hessian" (one product a unit vector).

    >>> model = torch.nn.Linear(2, 1, bias=False)
    >>> hessian(still(model, (torch.tensor([[1.0, 2.0]]), torch.zeros(1, 1)))).tolist()
    [[1.0, 2.0], [2.0, 4.0]]
    """
    weights, p, n = trace.weights(len(trace)), trace.layout.size, trace.n
    tensors = [w.contiguous() for w in trace.named(weights).values()]
    stack = Stack.of(trace.module, trace.layout, trace.loss)
    ready = stack.before(trace.x) if stack and isinstance(trace.x, Tensor) else trace.x
    stack = stack if stack and stack.fits(ready, trace.y) else None
    total = weights.new_zeros(p, p)
    ones = [1.0] * len(tensors)
    for ids in torch.arange(n).split(256):
        c = torch.full((len(ids),), 1 / n, dtype=torch.float64)
        x, y = take(ready, ids), take(trace.y, ids)
        if stack is not None:
            point = stack.at(tensors, x, y, c)
        else:
            outputs = lambda named, x=x: trace.outputs(named, x)  # noqa: E731
            losses = lambda out, y=y: per_example(trace.loss, out, y)  # noqa: E731
            point = Anything(trace.layout.names, outputs, losses).at(tensors, c)
        for rows in torch.arange(p).split(64):
            unit = weights.new_zeros(len(rows), p)
            unit[torch.arange(len(rows)), rows] = 1.0
            v = [t.contiguous() for t in trace.named(unit).values()]
            into = [torch.zeros_like(t) for t in v]
            point.product(v, into, ones, ones)
            total[rows] += torch.cat([t.flatten(1) for t in into], 1)
    return total


def _exact(trace: Trace, damping: float | str, decays: dict[str, float]) -> Curvature:
    names, slices = trace.layout.names, trace.layout.slices
    full = hessian(trace)
    full = (full + full.T) / 2
    for name in names:
        full.diagonal()[slices[name]] += decays[name]
    chosen = HEURISTIC * float(full.diagonal().mean()) if damping == "heuristic" else float(damping)
    full.diagonal().add_(chosen)
    factor, failed = torch.linalg.cholesky_ex(full)
    weak = float(factor.diagonal().min() / factor.diagonal().max()) ** 2 if not failed else 0.0
    if failed or weak < 1e-14:
        low, high = (float(e) for e in torch.linalg.eigvalsh(full)[[0, -1]])
        raise InputRefused(
            expected="a curvature that is positive in every direction, so that it has an inverse",
            came=f"eigenvalues from {low:.2g} to {high:.2g} with damping {chosen:.2g}",
            do="Train to the minimum, give decay= as in training, or a damping above the lowest eigenvalue.",
        )

    def solve(found: dict[str, Tensor]) -> dict[str, Tensor]:
        solved = torch.cholesky_solve(torch.cat([found[name] for name in names], 1).T, factor).T
        return {name: solved[:, slices[name]] for name in names}

    return Curvature(trace, solve, {"all": chosen}, method="exact")
