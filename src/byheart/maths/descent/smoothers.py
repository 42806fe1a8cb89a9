"""How many parameters does a linear smoother use on new examples?"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float, Given

RCOND = 1e-10  # of the largest eigenvalue: what is smaller counts as 0


def effective_parameters(weights: Given[Any, "q n"]) -> float:
    r"""How many parameters does a linear smoother use on these points?

    A smoother says f(x) = sum_i s_i(x) y_i of its n training labels y; p = n mean over x of |s(x)|^2. A mean of
    all n labels: 1. The k nearest of them: n / k. The label of the nearest alone: n. Least squares with p columns,
    asked about its own training points: p. On new points it may be larger, most where a model has just enough
    parameters to fit all its labels, and it falls again beyond.

    Range 0 to infinity. Rote, one label each: n.

    Args:
        weights: (q, n) the weights s of the n training labels in what is said of q points.

    Returns:
        The number, of these points.

    Raises:
        InputRefused: not two axes, NaN, or no points.

    Cost: q n. Fails when: the weights depend on the labels (networks that learn features, trees): it is then not
    defined.

    Reference: Curth, Jeffares, van der Schaar 2023, A U-turn on double descent: rethinking parameter counting in
    statistical learning, NeurIPS, definition 1 (generalised effective number of parameters).

    >>> effective_parameters(np.full((3, 8), 1 / 8)), effective_parameters(np.eye(4))
    (1.0, 4.0)
    """
    weights = array(weights, "weights", "qn").astype(np.float64)
    if not weights.size:
        raise InputRefused("weights of some points and labels", f"shape {weights.shape}", "Give at least one of each.")
    return float(weights.shape[1] * (weights**2).sum(1).mean())


def ridge_smoother(
    train: Given[Any, "n p"], points: Given[Any, "q p"], strength: float = 0.0, rcond: float = RCOND
) -> Float[np.ndarray, "q n"]:
    r"""With which weights of the training labels does ridge regression answer these points?

    points (X'X + strength I)^+ X', X the training rows, the pseudo-inverse from the eigenvalues of the smaller of X'X
    and XX', those below `rcond` times the largest counted as 0. With strength 0 the solution of smallest norm.

    Args:
        train: (n, p) features of the training examples.
        points: (q, p) features of the points.
        strength: of the penalty on the squared norm, beside the sum of squared errors.
        rcond: which eigenvalues count as 0, relative to the largest.

    Returns:
        (q, n) weights: the prediction is their product with the labels.

    Raises:
        InputRefused: other shapes, NaN, or a negative strength.

    Cost: n p min(n, p) + q n p. Fails when: eigenvalues that matter are below `rcond` times the largest.

    Reference: Hastie, Tibshirani, Friedman 2009, The elements of statistical learning, section 3.4; Golub and Van Loan
    2013, Matrix computations, section 5.5.

    >>> ridge_smoother([[1.0], [1.0]], [[3.0]]).tolist()
    [[1.5, 1.5]]
    """
    x, new = array(train, "train", "np").astype(np.float64), array(points, "points", "qp").astype(np.float64)
    if x.shape[1] != new.shape[1] or not x.size:
        raise InputRefused("training rows and points of as many features", f"{x.shape} and {new.shape}", "Check both.")
    if strength < 0:
        raise InputRefused("a strength of at least 0", f"{strength}", "Give 0 for least squares.")
    wide = x.shape[1] > x.shape[0]
    values, vectors = linalg.eigh(x @ x.T if wide else x.T @ x, driver="evd")
    kept = values > rcond * max(values[-1], 0.0)
    inverse = np.where(kept, 1 / np.where(kept, values + strength, 1.0), 0.0)
    if wide:
        return new @ (x.T @ ((vectors * inverse) @ vectors.T))
    return (new @ vectors * inverse) @ (x @ vectors).T
