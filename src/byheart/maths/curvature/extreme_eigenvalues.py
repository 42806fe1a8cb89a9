"""Extreme eigenvalues: how sharply the loss bends in its steepest directions, exact or by Lanczos.

Reference: Lehoucq, Sorensen, Yang 1998, "ARPACK users' guide" (the implicitly restarted Lanczos method).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn

from byheart.errors import InputRefused
from byheart.maths.curvature.curvature_matrix import CurvatureMatrix, curvature_matrix
from byheart.maths.shapes import Float
from byheart.seeds import stream


def top_eigenvalues(
    model: nn.Module,
    examples: tuple[Any, Any],
    matrix: str = "hessian",
    seed: int = 0,
    *,
    k: int = 1,
    loss: Any = None,
    way: str = "auto",
) -> Float[np.ndarray, " k"]:
    r"""How sharply does the mean loss bend in its steepest directions?

    lambda_1 >= ... >= lambda_k, the largest eigenvalues of the matrix, sign and all: v' M v / v'v at its largest. In
    nats per squared unit of weight. Gradient descent with learning rate eta is stable where lambda_1 < 2 / eta. The
    poles have no part in it.

    Args:
        model: the trained model; taken in evaluation mode.
        examples: (x (n, ...), y (n,)).
        matrix: `hessian`, `ggn`, `fisher` or `empirical-fisher`, as in `curvature_matrix`.
        seed: of the first Lanczos vector.
        k: how many, below the number of weights.
        loss: as in `curvature_matrix`.
        way: as in `curvature_matrix`.

    Returns:
        (k,) float64, the largest first; to about ten digits, so that no standard error belongs to them.

    Raises:
        InputRefused: k out of range, what `curvature_matrix` refuses.

    Cost: below 2,000 weights O(p^3); else some 20 k products, each about four gradients of the whole data. Fails when:
    the largest eigenvalues lie close together: Lanczos then takes many more products.
    Reference: Lehoucq, Sorensen, Yang 1998, "ARPACK users' guide"; on 2 / eta: Cohen et al. 2021, "Gradient descent on
    neural networks typically occurs at the edge of stability", ICLR.

    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.zeros(2, 1)
    >>> top_eigenvalues(torch.nn.Linear(2, 1, bias=False), (x, y), k=2).tolist()  # X'X / n
    [4.5, 0.5]
    """
    return largest(curvature_matrix(model, examples, matrix, loss=loss, way=way), k, seed)


def largest(matrix: CurvatureMatrix, k: int, seed: int) -> Float[np.ndarray, " k"]:
    """What are the k largest eigenvalues of a matrix, the largest first?

    As `top_eigenvalues`, of a matrix that is made once and asked more than one thing.

    Args:
        matrix: as `curvature_matrix` makes it.
        k: how many.
        seed: of the first Lanczos vector.

    Returns:
        (k,) float64, in nats per squared unit of weight.

    Raises:
        InputRefused: k is no number of eigenvalues that the matrix has.

    Cost: as `top_eigenvalues`. Fails when: as `top_eigenvalues`. Reference: as `top_eigenvalues`.

    >>> from byheart.maths.curvature.curvature_matrix import curvature_matrix
    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.zeros(2, 1)
    >>> made = curvature_matrix(torch.nn.Linear(2, 1, bias=False), (x, y))  # X'X / n
    >>> largest(made, 1, 0).tolist()
    [4.5]
    """
    p = matrix.size
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= p:
        raise InputRefused(f"k from 1 to {p}, the number of weights", repr(k), "Ask for fewer eigenvalues.")
    if matrix.way == "dense" or k == p:
        return np.linalg.eigvalsh(matrix.whole.numpy())[::-1][:k].copy()
    operator = LinearOperator(
        (p, p), dtype=np.float64, matvec=lambda v: _times(matrix, v), matmat=lambda v: _times(matrix, v)
    )
    start = stream(seed, "curvature", "lanczos").standard_normal(p)
    found = eigsh(operator, k, which="LA", v0=start, tol=1e-10, return_eigenvectors=False)
    return np.sort(found)[::-1].copy()


def _times(matrix: CurvatureMatrix, v: np.ndarray) -> np.ndarray:
    columns = torch.from_numpy(np.ascontiguousarray(v.reshape(matrix.size, -1)))
    return matrix.product(columns).numpy().reshape(v.shape)
