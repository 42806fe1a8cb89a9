"""What the curvature of the training loss says: traces and largest eigenvalues, the noise of the gradient against them.

Curvature is of the mean cross-entropy on the training set by all trained weights, biases too, BatchNorm folded in; of
at most a thousand examples, which do not depend on their order. For cross-entropy the Fisher matrix equals the
Gauss-Newton matrix.
"""

from __future__ import annotations

import math

import torch

from byheart.errors import InputRefused
from byheart.maths.curvature.curvature_matrix import CurvatureMatrix, curvature_matrix, loss_gradients, mean_gradient
from byheart.maths.curvature.extreme_eigenvalues import largest
from byheart.maths.curvature.takeuchi import takeuchi
from byheart.maths.curvature.trace_estimate import Estimate, traced
from byheart.maths.measures.evidence import Evidence, Inapplicable, Noted
from byheart.maths.measures.example_order import example_order
from byheart.maths.recording.module_copy import copied

EXAMPLES = 1_000  # training examples whose curvature is taken
DRAWS = 24  # random vectors for a trace that is estimated


def hessian_trace(evidence: Evidence) -> Noted:
    """How much does the loss bend in all directions together: the trace of the Hessian [nats]?"""
    return _trace(evidence, "hessian")


def hessian_top(evidence: Evidence) -> Noted:
    """How much does the loss bend in its steepest direction: the largest eigenvalue of the Hessian [nats]?"""
    return _top(evidence, "hessian")


def gauss_newton_trace(evidence: Evidence) -> Noted:
    """What is the trace of the Gauss-Newton matrix, as a logarithm?"""
    return _logarithm(_trace(evidence, "ggn"))


def gauss_newton_top(evidence: Evidence) -> Noted:
    """What is the largest eigenvalue of the Gauss-Newton matrix, as a logarithm?"""
    return _logarithm(_top(evidence, "ggn"))


def fisher_trace(evidence: Evidence) -> Noted:
    """What is the trace of the Fisher matrix, as a logarithm?"""
    return _logarithm(_trace(evidence, "fisher"))


def fisher_top(evidence: Evidence) -> Noted:
    """What is the largest eigenvalue of the Fisher matrix, as a logarithm?"""
    return _logarithm(_top(evidence, "fisher"))


def takeuchi_trace(evidence: Evidence) -> Noted:
    """How many weights does the model act as if it had: log tr(M^+ C), M the Gauss-Newton matrix?

    Raises:
        Inapplicable: one example, or a model without a curvature.
    """
    model, examples, note = _subject(evidence)
    try:
        found = takeuchi(model, examples)
    except InputRefused as refused:
        raise Inapplicable(str(refused)) from refused
    how = "" if found.method == "exact" else "M a layer at a time, with a tenth of its mean eigenvalue added; "
    return _logarithm(Noted(found, f"{how}standard error {found.standard_error:.2g} over examples{note}"))


def gradient_covariance_trace(evidence: Evidence) -> Noted:
    """How noisy is the gradient: log of the trace of the covariance of the examples' gradients by all weights?"""
    found, note = _matrix(evidence, "ggn")
    mean = mean_gradient(found.trace)
    squares = torch.cat([(g - mean).square().sum(1) for g in loss_gradients(found.trace)])
    return _logarithm(Noted(float(squares.mean()), note.lstrip("; ")))


def _logarithm(found: Noted) -> Noted:
    return found._replace(value=math.log(found.value) if found.value > 0 else -math.inf)


def _subject(evidence: Evidence) -> tuple[torch.nn.Module, tuple[torch.Tensor, torch.Tensor], str]:
    """The model with all weights to train, its examples, and what is said of which they are."""
    m, _ = evidence.logits.shape  # says by name what is no classifier
    x, y = evidence.data
    ids = torch.arange(m) if m <= EXAMPLES else example_order(x)[:EXAMPLES]
    note = f"; of {EXAMPLES} of {m} examples" if m > EXAMPLES else ""
    return copied(evidence.model).requires_grad_(True), (x[ids], y[ids]), note


def _matrix(evidence: Evidence, matrix: str) -> tuple[CurvatureMatrix, str]:
    key = f"curvature {matrix}"
    if key not in evidence.shared:
        model, examples, note = _subject(evidence)
        try:
            evidence.shared[key] = curvature_matrix(model, examples, matrix, loss="cross-entropy"), note
        except InputRefused as refused:
            raise Inapplicable(str(refused)) from refused
    return evidence.shared[key]


def _trace(evidence: Evidence, matrix: str) -> Noted:
    matrix = "ggn" if matrix == "fisher" else matrix  # equal for cross-entropy, and computed once
    found, note = _matrix(evidence, matrix)
    key = f"trace {matrix}"
    if key not in evidence.shared:
        evidence.shared[key] = traced(found, draws=DRAWS)
    made: Estimate = evidence.shared[key]
    spread = f"standard error {made.standard_error:.2g} over {made.products} products" if made.standard_error else ""
    return Noted(float(made), f"{spread}{note}".lstrip("; "))


def _top(evidence: Evidence, matrix: str) -> Noted:
    matrix = "ggn" if matrix == "fisher" else matrix
    found, note = _matrix(evidence, matrix)
    key = f"top {matrix}"
    if key not in evidence.shared:
        evidence.shared[key] = float(largest(found, 1, 0)[0])
    return Noted(evidence.shared[key], note.lstrip("; "))
