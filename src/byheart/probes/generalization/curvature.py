"""How sharply does the training loss bend around the trained weights, and in how many directions?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject
from byheart.records.facts import Axis, Curve, FactTable
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, Unit, interval_by
from byheart.training.keep import Weights

if TYPE_CHECKING:
    from torch import Tensor, nn

    from byheart.maths.curvature.curvature_matrix import CurvatureMatrix
    from byheart.maths.curvature.spectral_density import Density
    from byheart.maths.curvature.trace_estimate import Estimate

START, END = Weights(when="start"), Weights()
VISIBLE = 0.01  # of one eigenvalue: where the widened spectrum holds less, there is none


class Curvature(Probe):
    r"""How sharply does the training loss bend around the trained weights, and in how many directions?

    outlier_share = sum of the k largest eigenvalues / sum of all, of the Gauss-Newton matrix of the mean cross-entropy
    on the training set at the weights of the model trained on everything, k the number of classes: how much of the
    curvature lies in as few directions as there are classes. Beside it the trace of that matrix and of the Hessian,
    the Hessian's largest eigenvalue [nats per squared unit of weight], how much of its bending is downwards (sum of
    |eigenvalues| below 0 over all of them), and how its eigenvalues are spread. Null: the same at the random start. Of
    at most `examples` training examples, without weight decay and what other levers add to the loss. Exact below 2,000
    weights; else Lanczos, XTrace and stochastic Lanczos quadrature.

    A matrix with all eigenvalues alike: k/p of p weights; one with k directions alone: 1. Rote and Oracle have no
    weights: not applicable. Cost: no model more; some 500 products with the matrix, each four gradients of the
    training set: a second to minutes. Fails when: eigenvalues are compared across architectures: weights can be
    rescaled so that the function stays and the curvature does not. Reference: Papyan 2020, Traces of class/cross-class
    structure pervade deep learning spectra, JMLR 21; Sagun, Evci, Guney, Dauphin and Bottou 2018, Empirical analysis of
    the Hessian of over-parametrized neural networks, ICLR workshop.

    Attributes:
        examples: training examples at most.
        draws: random vectors for a trace and a spectrum that are estimated.

    Example:
        >>> Curvature().chapter, Curvature().cost
        ('generalization', 'on request')
    """

    name: ClassVar[str] = "generalization/curvature"
    poles: ClassVar[tuple[str, str]] = ("all alike", "few directions")
    cost: ClassVar[Cost] = "on request"
    outputs: ClassVar[tuple[str, ...]] = ("classes",)
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    fewest_members: ClassVar[int] = 1
    examples: Annotated[int, Field(ge=1)] = 1_000
    draws: Annotated[int, Field(ge=2)] = 24

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The model trained on everything, with its weights before and after."""
        if not subject.learner.fleet:
            return self.not_applicable("nothing kept", learner=subject.learner.name, keep="weights")
        return (self.model(subject),)

    def model(self, subject: Subject) -> Need:
        """The model trained on everything, its weights kept at the start and at the end."""
        return subject.whole().model_copy(update={"keep": (START, END)})

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Traces, largest eigenvalues and the spectrum, at the end and at the start."""
        from byheart.maths.curvature.spectral_density import spread

        try:
            end, start = self.at(bank, END), self.at(bank, START)
        except InputRefused as refused:  # layers without a curvature of their own, noise in evaluation mode
            return self.not_applicable("other", why=f"It takes {refused.expected}; got {refused.came}."), {}
        if not end.gauss_newton.trace > 0:
            return self.withheld("undefined"), {}
        p, seed = end.hessian.matrix.size, bank.subject.seed
        spectrum = spread(end.hessian.matrix, seed, draws=max(2, self.draws // 4), steps=40, points=160)
        finding = self.finding(
            _quantities(end, start, spectrum),
            headline="outlier_share",
            poles=(
                Pole(name="All alike", value=min(1.0, end.k / p), note="every direction bends the loss as much"),
                Pole(name="Few directions", value=1.0, note="one for each class at most"),
            ),
            curves={"spectrum": _curve(spectrum, p)},
            tables={"largest": _largest(end, start)},
            details={
                "parameters": p, "classes": end.k, "examples": end.n, "of": len(bank.data.train),
                "way": end.hessian.matrix.way, "width": spectrum.width, "draws": self.draws,
                **{name: value for name in ("lr", "optimizer") if (value := getattr(bank.subject.learner, name, None))},
            },
        )  # fmt: skip
        return finding, {}

    def at(self, bank: Bank, moment: Weights) -> Point:
        """Both matrices at the weights of a moment."""
        import torch

        from byheart.maths.measures.example_order import example_order
        from byheart.training.kept_module import module_at

        subject, data, run = bank.subject, bank.data, bank[self.model(bank.subject)]
        kept = module_at(subject.learner, data, run, moment.label, levers=subject.levers)
        ids = example_order(kept.trained_on)[: self.examples]
        labels = torch.as_tensor(data.train.y)[ids].long()
        module, given = kept.module.requires_grad_(True), (kept.trained_on[ids], labels)
        k = data.output.k
        sides = (self.side(module, given, matrix, k, subject.seed) for matrix in ("hessian", "ggn"))
        return Point(*sides, k, len(ids))

    def side(self, module: nn.Module, given: tuple[Tensor, Tensor], matrix: str, k: int, seed: int) -> Side:
        """Trace and largest eigenvalues of one matrix."""
        from byheart.maths.curvature.curvature_matrix import curvature_matrix
        from byheart.maths.curvature.extreme_eigenvalues import largest
        from byheart.maths.curvature.trace_estimate import traced

        made = curvature_matrix(module, given, matrix, loss="cross-entropy")
        trace = traced(made, seed, draws=min(self.draws, made.size))
        return Side(made, trace, largest(made, min(k, made.size), seed))


class Side(NamedTuple):
    """One matrix: its trace and its k largest eigenvalues, the largest first."""

    matrix: CurvatureMatrix
    trace: Estimate
    top: np.ndarray


class Point(NamedTuple):
    """Hessian and Gauss-Newton matrix at some weights, of n examples of k classes."""

    hessian: Side
    gauss_newton: Side
    k: int
    n: int

    @property
    def outlier_share(self) -> float | None:
        """Share of the trace of the Gauss-Newton matrix in its k largest eigenvalues; None where there is none."""
        trace = float(self.gauss_newton.trace)
        return min(1.0, float(self.gauss_newton.top.sum()) / trace) if trace > 0 else None


def _quantities(end: Point, start: Point, spectrum: Density) -> dict[str, Quantity]:
    top, trace = float(end.gauss_newton.top.sum()), end.gauss_newton.trace
    half = 1.96 * trace.standard_error
    share = (min(1.0, top / (trace + half)), min(1.0, top / max(trace - half, top)))
    low, high = (spectrum.negative + sign * 1.96 * spectrum.negative_error for sign in (-1, 1))

    def one(value: float, unit: Unit, null: float | None, error: float, ends: tuple[float, float]) -> Quantity:
        how: Mapping[str, Any] = (
            interval_by("normal, over random vectors", ends) if error else interval_by("", None, "one model")
        )
        return Quantity(value=value, unit=unit, null=null, n=end.n, speaks_of="run", **how)

    made = {
        "outlier_share": one(end.outlier_share or 0.0, "share", start.outlier_share, half, share),
        "downward_share": one(spectrum.negative, "share", 0.0, spectrum.negative_error, (max(0.0, low), high)),
        "sharpness": one(float(end.hessian.top[0]), "nats", float(start.hessian.top[0]), 0.0, (0.0, 0.0)),
    }
    for name, side, before in (
        ("trace_of_ggn", end.gauss_newton, start.gauss_newton),
        ("trace_of_hessian", end.hessian, start.hessian),
    ):
        value, spare = float(side.trace), 1.96 * side.trace.standard_error
        made[name] = one(value, "nats", float(before.trace), spare, (value - spare, value + spare))
    return made


def _curve(spectrum: Density, p: int) -> Curve:
    """How many eigenvalues lie near each value: within one width of the Gaussians that widen them."""
    near = spectrum.density * p * spectrum.width * math.sqrt(2 * math.pi)
    count = [float(value) if value >= VISIBLE else None for value in near]
    axes = {"x_axis": Axis(name="eigenvalue", unit="nats"), "y_axis": Axis(name="eigenvalues near")}
    return Curve(**axes, x=spectrum.eigenvalue, y=count)


def _largest(end: Point, start: Point) -> FactTable:
    """The k largest eigenvalues of each matrix, and of the Gauss-Newton matrix at the start."""
    columns = {
        "rank": tuple(range(1, len(end.hessian.top) + 1)),
        "hessian": end.hessian.top,
        "ggn": end.gauss_newton.top,
        "ggn_start": start.gauss_newton.top,
    }
    return FactTable(values=columns, units=dict.fromkeys(("hessian", "ggn", "ggn_start"), "nats"))
