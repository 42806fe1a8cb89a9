"""How many parameters does a linear smoother use on new examples?"""

from __future__ import annotations

from typing import Any, NamedTuple

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


class Decomposed(NamedTuple):
    """Training rows X (n, p), the orthonormal `vectors` of the smaller of X'X and XX', and what each is divided by.

    `values` (r,) are the eigenvalues that count, `shrunk` (r,) the same with the strength of the penalty added.
    """

    x: np.ndarray
    vectors: np.ndarray
    values: np.ndarray
    shrunk: np.ndarray

    @property
    def wide(self) -> bool:
        """Whether there are more features than examples, so that the vectors are those of XX'."""
        return self.x.shape[1] > self.x.shape[0]

    @property
    def left(self) -> np.ndarray:
        """(n, r) the directions of the training labels that are fitted, of length 1."""
        return self.vectors if self.wide else self.x @ self.vectors / np.sqrt(self.values)

    def with_strength(self, strength: float) -> Decomposed:
        """The same rows under another penalty."""
        return self._replace(shrunk=self.values + strength)

    def coefficients(self, targets: np.ndarray) -> np.ndarray:
        """(p, k) of targets (n, k)."""
        if self.wide:
            return self.x.T @ (self.vectors @ (self.vectors.T @ targets / self.shrunk[:, None]))
        return self.vectors @ (self.vectors.T @ (self.x.T @ targets) / self.shrunk[:, None])

    def weights(self, points: np.ndarray) -> np.ndarray:
        """(q, n) the weights of the training labels at points (q, p)."""
        return self._along(points) @ self.left.T

    def squared(self, points: np.ndarray) -> np.ndarray:
        """(q,) the squared lengths of the weights at points (q, p)."""
        return (self._along(points) ** 2).sum(1)

    def _along(self, points: np.ndarray) -> np.ndarray:
        """(q, r) the weights in the directions of `left`."""
        if self.wide:
            return points @ self.x.T @ self.vectors / self.shrunk
        return points @ self.vectors * (np.sqrt(self.values) / self.shrunk)

    def left_out_error(self, targets: np.ndarray) -> float:
        """The mean squared error on each example of a fit to all others, from one decomposition (Allen 1974)."""
        share, left = self.values / self.shrunk, self.left
        residual = targets - left @ (share[:, None] * (left.T @ targets))
        return float(((residual / np.maximum(1 - (left**2) @ share, RCOND)[:, None]) ** 2).mean())


def decomposed(train: Float[np.ndarray, "n p"], strength: float = 0.0, rcond: float = RCOND) -> Decomposed:
    """Which directions of these training rows does least squares use, and how far is each shrunk?

    Eigenvalues below `rcond` times the largest count as 0: at p near n the smallest are rounding, and their inverse
    would be all of the answer.
    """
    smaller = train @ train.T if train.shape[1] > train.shape[0] else train.T @ train
    values, vectors = linalg.eigh(smaller, driver="evd")
    kept = values > rcond * max(values[-1], 0.0)
    return Decomposed(train, vectors[:, kept], values[kept], values[kept] + strength)


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
    return decomposed(x, strength, rcond).weights(new)
