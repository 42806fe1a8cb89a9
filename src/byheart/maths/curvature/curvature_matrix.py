"""Curvature matrix: Hessian, Gauss-Newton or Fisher matrix of a model at its weights, whole or as products.

With l_i the loss of example i, z_i its outputs, J_i = d z_i / d theta (k, p), all in float64 and evaluation mode:

* `hessian`: 1/n sum_i d2 l_i / d theta2;
* `ggn`: 1/n sum_i J_i' (d2 l_i / d z2) J_i, the generalised Gauss-Newton matrix, never negative in any direction;
* `fisher`: 1/n sum_i E_{y ~ model} [g g'], g the gradient of the loss for a label drawn from the model. For losses that
  are a negative log likelihood in the natural parameters (cross-entropy, squared errors) it equals the `ggn`;
* `empirical-fisher`: 1/n sum_i g_i g_i' with the labels of the data: another matrix, with another name.

Reference: Martens 2020, "New insights and perspectives on the natural gradient method", JMLR 21, sections 8 and 9;
Kunstner, Balles, Hennig 2019, "Limitations of the empirical Fisher approximation", NeurIPS, section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused, unknown_name
from byheart.maths.attribution.curvature import hessian, still
from byheart.maths.attribution.hessian_products import Anything, Stack
from byheart.maths.attribution.kronecker_fisher import gradients_of, in_chunks, losses_at
from byheart.maths.curvature.gauss_newton import gauss_newton
from byheart.maths.recording.losses import per_example
from byheart.maths.recording.trace import Trace, take
from byheart.maths.shapes import Float
from byheart.seeds import stream

MATRICES = ("hessian", "ggn", "fisher", "empirical-fisher")
WAYS = ("auto", "dense", "curvlinops", "products")
DENSE = 2_000  # weights below which the matrix is formed: 32 MB, and every answer exact
BATCH = 256  # examples whose products are taken at once
AGREES = 1e-6  # of its length, from one way's product to the other's: rounding is 1e-15, a wrong derivative 0.1

Product = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class CurvatureMatrix:
    """A symmetric matrix (p, p): `product` with columns (p, q), and `whole` where it was formed.

    Attributes:
        trace: the model at its weights, its examples, its loss.
        matrix: its name.
        way: how its products are made: `dense`, `curvlinops` or `products`.
    """

    trace: Trace
    matrix: str
    way: str

    @property
    def size(self) -> int:
        """p, the number of trained weights."""
        return self.trace.layout.size

    @cached_property
    def whole(self) -> Tensor:
        """(p, p) in float64, symmetric."""
        match self.matrix:
            case "hessian":
                full = hessian(self.trace)
            case "empirical-fisher":
                full = sum(g.T @ g for g in loss_gradients(self.trace)) / self.trace.n
            case _:
                full = self._gauss_newton()
        return (full + full.T) / 2

    def _gauss_newton(self) -> Tensor:
        if isinstance(self.trace.x, Tensor):
            try:
                return self.scale * gauss_newton(self.trace)
            except RuntimeError:  # an operation that torch.func cannot map over examples: a column at a time
                pass
        return self.by_hand(torch.eye(self.size, dtype=torch.float64))

    @cached_property
    def product(self) -> Product:
        """Columns (p, q) -> the matrix times them."""
        if self.way == "dense":
            return lambda v: self.whole @ v
        return self.by_curvlinops if self.way == "curvlinops" else self.by_hand

    @cached_property
    def by_curvlinops(self) -> Product:
        """The same by curvlinops."""
        from byheart.maths.curvature.curvlinops_adapter import products  # its import takes a second

        made = products(self.trace, "ggn" if self.matrix == "fisher" else self.matrix, BATCH)
        return lambda v: self.scale * made(v)

    def disagreement(self) -> str:
        """Why the products of curvlinops are not to be used for this model; empty where they are ours.

        torch derives some operations wrongly (LayerNorm with weights) or not at all (GroupNorm) forward over reverse,
        which is how curvlinops multiplies with a Hessian; ours go reverse over reverse.
        """
        start = stream(0, "curvature", "ways").standard_normal((self.size, 1))
        try:
            theirs, ours = (way(torch.from_numpy(start)) for way in (self.by_curvlinops, self.by_hand))
        except RuntimeError as error:
            return str(error).splitlines()[0][:200]
        far = float((theirs - ours).norm() / ours.norm().clamp_min(torch.finfo(torch.float64).tiny))
        return "" if far < AGREES else f"a product that is {far:.1g} of its length from ours"

    @property
    def scale(self) -> float:
        """What the Gauss-Newton matrix is multiplied by.

        The loss of a sequence is the mean over its t tokens, a log likelihood divided by t, whose expected squared
        gradient is the Gauss-Newton matrix divided by t.
        """
        y = self.trace.y
        sequences = self.matrix == "fisher" and isinstance(y, Tensor) and not y.is_floating_point()
        return 1 / y[0].numel() if sequences else 1.0

    def by_hand(self, v: Tensor) -> Tensor:
        """The same by `attribution/hessian_products.py`, in blocks of 64 columns."""
        if self.matrix == "empirical-fisher":
            return sum(g.T @ (g @ v) for g in loss_gradients(self.trace)) / self.trace.n
        return torch.cat([self._block(rows).T for rows in v.T.split(64)], 1)

    def _block(self, rows: Tensor) -> Tensor:
        trace, exact = self.trace, self.matrix == "hessian"
        tensors = [w.contiguous() for w in trace.named(trace.weights(0)).values()]
        into = [torch.zeros_like(t) for t in trace.named(rows.contiguous()).values()]
        ones, scales = [1.0] * len(tensors), [1.0 if exact else self.scale] * len(tensors)
        stack = Stack.of(trace.module, trace.layout, trace.loss, exact)
        ready = stack.before(trace.x) if stack and isinstance(trace.x, Tensor) else trace.x
        for ids in torch.arange(trace.n).split(BATCH):
            x, y = take(ready, ids), take(trace.y, ids)
            c = torch.full((len(ids),), 1 / trace.n, dtype=torch.float64)
            if stack is not None and stack.fits(ready, trace.y):
                point = stack.at(tensors, x, y, c)
            else:
                outputs = lambda named, x=x: trace.outputs(named, x)  # noqa: E731
                losses = lambda out, y=y: per_example(trace.loss, out, y)  # noqa: E731
                point = Anything(trace.layout.names, outputs, losses, exact).at(tensors, c)
            v = [t.contiguous() for t in trace.named(rows).values()]
            point.product(v, into, scales, ones)
        return torch.cat([t.flatten(1) for t in into], 1)


def loss_gradients(trace: Trace) -> Any:
    """What are the gradients of the losses of single examples, block after block?

    An iterator over (b, p) in the order of the layout.
    """
    examplewise = gradients_of(trace)
    for ids in in_chunks(trace.n, trace.layout.size, 8):
        formed = losses_at(examplewise, trace, ids).form()
        yield torch.cat([formed[name].detach() for name in trace.layout.names], 1)


def mean_gradient(trace: Trace) -> Float[Tensor, " p"]:
    """What is the gradient of the mean loss at the weights?"""
    return sum(g.sum(0) for g in loss_gradients(trace)) / trace.n


def curvature_matrix(
    model: nn.Module, examples: tuple[Any, Any], matrix: str = "hessian", *, loss: Any = None, way: str = "auto"
) -> CurvatureMatrix:
    """What is the curvature of this model's mean loss, as a matrix that can be multiplied with?

    The formulas stand at the head of the file. Units: nats per squared unit of weight. The poles have no part in it:
    they have no weights.

    Args:
        model: the trained model; taken in evaluation mode, whatever mode it is in, and left as it is.
        examples: (x (n, ...), y (n,)).
        matrix: `hessian`, `ggn`, `fisher` or `empirical-fisher`.
        loss: a name, a module or a function; None is cross-entropy for class numbers, half the squared error else.
        way: `dense` (below 2,000 weights), `curvlinops`, `products` (ours), or `auto`: dense where p is small enough,
            else curvlinops where its product with one random vector is ours, else ours.

    Returns:
        `CurvatureMatrix`.

    Raises:
        InputRefused: weights or examples with NaN or infinity (the tensor named), BatchNorm without running statistics,
            outputs that differ from pass to pass, labels out of range, `dense` for too many weights, `curvlinops` for a
            model that it derives wrongly, a loss whose distribution is not known (`fisher`).
        UnknownName: another matrix or way.

    Cost: two forward passes; forming it, p/64 double backward passes (`hessian`) or one Jacobian (`ggn`, `fisher`).
    Fails when: the loss of an example depends on the others of its batch in a way that cannot be seen.
    Reference: see the head of the file.

    >>> x, y = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.zeros(2, 1)
    >>> curvature_matrix(torch.nn.Linear(2, 1, bias=False), (x, y)).whole.tolist()  # X'X / n
    [[5.0, 7.0], [7.0, 10.0]]
    """
    if matrix not in MATRICES:
        raise unknown_name("matrix", matrix, MATRICES)
    if way not in WAYS:
        raise unknown_name("way", way, WAYS)
    _sound(model)
    trace = still(model, examples, loss, double=True)
    if matrix == "fisher" and callable(trace.loss):
        raise InputRefused(
            expected="a loss with a name, so that the distribution of labels that the model states is known",
            came="a function",
            do='Use matrix="ggn", or loss="cross-entropy", "squared-error" or "half-squared-error".',
        )
    _repeatable(trace)
    p = trace.layout.size
    if way == "dense" and p >= DENSE:
        raise InputRefused(
            expected=f"fewer than {DENSE} weights for the whole matrix", came=str(p), do='Leave out way="dense".'
        )
    if way in ("dense", "products") or (way == "auto" and p < DENSE):
        return CurvatureMatrix(trace, matrix, "dense" if way == "auto" else way)
    made = CurvatureMatrix(trace, matrix, "curvlinops")
    named = matrix == "empirical-fisher"  # of losses that curvlinops knows by name alone
    if not (why := "the empirical Fisher matrix" if named else made.disagreement()):
        return made
    if way == "auto":
        return CurvatureMatrix(trace, matrix, "products")
    raise InputRefused("what curvlinops derives rightly", why, 'Use way="products".')


def _sound(model: nn.Module) -> None:
    """Refuses weights and buffers that are not finite, and layers that mix the examples of a batch."""
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        if value.is_floating_point() and not value.isfinite().all():
            raise InputRefused(
                expected="weights without NaN or infinity",
                came=f"{int((~value.isfinite()).sum())} such values in {name}",
                do="Train again with a smaller learning rate, or take an earlier checkpoint.",
            )
    for name, part in model.named_modules():
        if isinstance(part, nn.modules.batchnorm._NormBase) and part.running_mean is None:
            if isinstance(part, nn.modules.instancenorm._InstanceNorm):
                continue  # its statistics are of one example
            raise InputRefused(
                expected="BatchNorm with running statistics, so that an example's loss is its own",
                came=f"none in {name or 'the model'}",
                do="Make it with track_running_stats=True.",
            )


def _repeatable(trace: Trace) -> None:
    """Refuses outputs and losses that are not finite, labels that are no classes, and noise in evaluation mode."""
    ids = torch.arange(min(trace.n, BATCH))
    weights, x, y = trace.weights(0), take(trace.x, ids), take(trace.y, ids)
    with torch.no_grad():
        first, second = trace.outputs(weights, x), trace.outputs(weights, x)
    if not isinstance(first, Tensor):
        raise InputRefused(
            "a model that gives one tensor", type(first).__name__, "Wrap it so that it gives the logits."
        )
    if not torch.equal(first, second):
        raise InputRefused(
            expected="the same outputs for the same examples, in evaluation mode",
            came="others at the second pass",
            do="Turn off what is drawn at random, such as dropout called with training=True.",
        )
    if trace.loss == "cross-entropy":
        k, low, high = first.shape[1], int(trace.y.min()), int(trace.y.max())
        if trace.y.is_floating_point() or high >= k or (low < 0 and low != -100):
            raise InputRefused(
                expected=f"labels from 0 to {k - 1}",
                came=f"values from {low} to {high}",
                do="Number the classes from 0.",
            )
    losses = per_example(trace.loss, first, y)
    if not losses.isfinite().all():
        bad = int((~losses.isfinite()).nonzero()[0, 0])
        raise InputRefused("finite losses of all examples", f"one that is not, of example {bad}", "Leave it out.")
