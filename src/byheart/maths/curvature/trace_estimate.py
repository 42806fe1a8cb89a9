"""Trace estimate: the sum of the eigenvalues of a matrix that can only be multiplied with, and its standard error.

Reference: Hutchinson 1990, "A stochastic estimator of the trace of the influence matrix", Communications in Statistics
19; Meyer, Musco, Musco, Woodruff 2021, "Hutch++: optimal stochastic trace estimation", SOSA, algorithm 1; Epperly,
Tropp, Webber 2024, "XTrace: making the most of every sample in stochastic trace estimation", SIAM J. Matrix Anal. Appl.
45, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from byheart.errors import InputRefused, unknown_name
from byheart.maths.curvature.curvature_matrix import CurvatureMatrix, Product, curvature_matrix
from byheart.maths.shapes import Float
from byheart.seeds import stream

FLAT = 1e-10  # singular values of a sketch below this share of the largest are rounding


class Estimate(float):
    """A number with the uncertainty of how it was found.

    Attributes:
        standard_error: of the value, over the draws of the estimator; 0 where it is exact.
        products: how often the matrix was multiplied with a vector.
        method: `exact`, `hutchinson`, `hutch++` or `xtrace`.
    """

    standard_error: float
    products: int
    method: str

    def __new__(cls, value: float, standard_error: float = 0.0, products: int = 0, method: str = "exact") -> Estimate:
        """A float, which also keeps the rest."""
        made = super().__new__(cls, value)
        made.standard_error, made.products, made.method = standard_error, products, method
        return made

    def __getnewargs__(self) -> tuple[float, float, int, str]:
        return float(self), self.standard_error, self.products, self.method


def hutchinson(product: Product, draws: Float[Tensor, "p m"]) -> Estimate:
    """What is the trace, as the mean of w' A w over random signs w?

    Standard error: the spread of the m terms over sqrt(m).
    """
    terms = (draws * product(draws)).sum(0)
    return mean_of(terms, draws.shape[1], "hutchinson")


def hutch_plus_plus(product: Product, draws: Float[Tensor, "p m"]) -> Estimate:
    """What is the trace, exact where a third of the draws reaches and by Hutchinson on what is left?

    Q = orth(A S) for a third S of the draws; tr(Q'AQ) + mean of u'Au, u = (1 - QQ') g, over another third g. In the
    unit of A. The poles have no part in it.

    Args:
        product: columns (p, q) -> A times them, A symmetric.
        draws: (p, m) independent entries of mean 0 and variance 1, m at least 6.

    Returns:
        `Estimate`; its standard error is the spread of the terms over the square root of their number.

    Raises:
        nothing of its own.

    Cost: m products. Fails when: no few eigenvalues hold most of the trace: it is then Hutchinson with a third of m.
    Reference: Meyer, Musco, Musco, Woodruff 2021, algorithm 1 (title at the head of the file).

    >>> draws = torch.eye(6, dtype=torch.float64)
    >>> float(hutch_plus_plus(lambda v: torch.diag(torch.tensor([5.0, 1, 0, 0, 0, 0]).double()) @ v, draws))
    6.0
    """
    m = draws.shape[1]
    sketch, rest = draws[:, : m // 3], draws[:, m // 3 : 2 * (m // 3)]
    q = _range(product(sketch))
    exact = float((q * product(q)).sum())
    u = rest - q @ (q.T @ rest)
    terms = (u * product(u)).sum(0)
    return mean_of(exact + terms, 2 * len(terms) + q.shape[1], "hutch++")


def xtrace(product: Product, draws: Float[Tensor, "p m"]) -> Estimate:
    """What is the trace, with each draw in turn left out of the sketch and used on what is left?

    tr_i = tr(Q_i'AQ_i) + u_i'Au_i, Q_i = orth(A W without column i), u_i = (1 - Q_i Q_i') w_i scaled to the length that
    a random direction has there; Q_i Q_i' = Q (1 - s_i s_i') Q' with s_i the normed columns of (Q'AW)^-T. The mean over
    i. In the unit of A. The poles have no part in it.

    Args:
        product: columns (p, q) -> A times them, A symmetric.
        draws: W (p, m) standard normal, m at least 2.

    Returns:
        `Estimate`; its standard error is the spread of tr_i over sqrt(m), 0 where A W has fewer than m directions.

    Raises:
        nothing of its own.

    Cost: 2m products and p m^2 operations. Fails when: eigenvalues are all alike: it is then no better than Hutchinson.
    Reference: Epperly, Tropp, Webber 2024, section 2 (title at the head of the file).

    >>> draws = torch.eye(6, dtype=torch.float64)
    >>> float(xtrace(lambda v: torch.diag(torch.tensor([5.0, 1, 0, 0, 0, 0]).double()) @ v, draws))
    6.0
    """
    p, m = draws.shape
    y = product(draws)
    q = _range(y)
    z = product(q)
    inside = q.T @ z  # Q'AQ
    used = m + q.shape[1]
    if q.shape[1] < m:  # the matrix has no more directions than the sketch: nothing is left outside
        return Estimate(float(inside.trace()), 0.0, used, "xtrace")
    s = torch.linalg.inv(q.T @ y).T
    s = s / s.norm(dim=0)
    w = q.T @ draws
    along = (s * w).sum(0)  # s_i' w_i
    u = draws - q @ w + (q @ s) * along
    moved = y - z @ w + (z @ s) * along  # A u_i
    length = (p - m + 1) / u.square().sum(0)
    terms = inside.trace() - (s * (inside @ s)).sum(0) + length * (u * moved).sum(0)
    return mean_of(terms, used, "xtrace")


def _range(y: Tensor) -> Tensor:
    """An orthonormal basis of the columns of y, up to rounding."""
    left, size, _ = torch.linalg.svd(y, full_matrices=False)
    return left[:, size > FLAT * size[0]]


def mean_of(terms: Float[Tensor, " m"], products: int, method: str) -> Estimate:
    """What is the mean of independent terms, with its standard error?"""
    error = float(terms.std()) / math.sqrt(len(terms))
    return Estimate(float(terms.mean()), error, products, method)


METHODS: dict[str, tuple[Callable[[Product, Tensor], Estimate], int]] = {  # and the draws each cannot do without
    "hutchinson": (hutchinson, 2),
    "hutch++": (hutch_plus_plus, 6),
    "xtrace": (xtrace, 2),
}


def trace(
    model: nn.Module,
    examples: tuple[Any, Any],
    matrix: str = "hessian",
    seed: int = 0,
    *,
    method: str = "auto",
    draws: int = 48,
    loss: Any = None,
    way: str = "auto",
) -> Estimate:
    r"""How much does the mean loss bend in all directions together?

    tr M = sum_j lambda_j = sum_j M_jj, in nats per squared unit of weight. Where M is not formed it is estimated from
    products with random vectors: `hutchinson` w'Mw, `hutch++`, `xtrace`, whose formulas stand with their functions.
    The poles have no part in it.

    Args:
        model: the trained model; taken in evaluation mode.
        examples: (x (n, ...), y (n,)).
        matrix: `hessian`, `ggn`, `fisher` or `empirical-fisher`, as in `curvature_matrix`.
        seed: of the random vectors.
        method: `exact` (below 2,000 weights), `hutchinson`, `hutch++`, `xtrace`, or `auto`: exact where it can be, else
            xtrace.
        draws: random vectors: hutchinson and hutch++ take so many products, xtrace twice as many.
        loss: as in `curvature_matrix`.
        way: as in `curvature_matrix`.

    Returns:
        `Estimate`: a number with `standard_error` (0 where exact), `products` and `method`.

    Raises:
        InputRefused: too few draws or more than weights, `exact` for too many weights, what `curvature_matrix` refuses.
        UnknownName: another method.

    Cost: each product about four gradients of the whole data; exact, forming the matrix. Fails when: the standard error
    is from few draws of a heavy tail: it is then itself uncertain.
    Reference: Hutchinson 1990; Meyer et al. 2021, algorithm 1; Epperly, Tropp, Webber 2024, section 2 (titles at the
    head of the file).

    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.zeros(2, 1)
    >>> found = trace(torch.nn.Linear(2, 1, bias=False), (x, y))
    >>> float(found), found.standard_error, found.method
    (5.0, 0.0, 'exact')
    """
    return traced(curvature_matrix(model, examples, matrix, loss=loss, way=way), seed, method, draws)


def traced(matrix: CurvatureMatrix, seed: int = 0, method: str = "auto", draws: int = 48) -> Estimate:
    """What is the trace of a matrix?

    As `trace`, of a matrix that is made once and asked more than one thing.

    Args:
        matrix: as `curvature_matrix` makes it.
        seed: of the random vectors.
        method: as in `trace`.
        draws: as in `trace`.

    Returns:
        `Estimate`, in nats per squared unit of weight.

    Raises:
        InputRefused: too few draws, more than weights, `exact` where the matrix is not formed.
        UnknownName: another method.

    Cost: as `trace`. Fails when: as `trace`. Reference: as `trace`.

    >>> from byheart.maths.curvature.curvature_matrix import curvature_matrix
    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.zeros(2, 1)
    >>> made = curvature_matrix(torch.nn.Linear(2, 1, bias=False), (x, y))  # X'X / n
    >>> float(traced(made))
    5.0
    """
    if method not in ("auto", "exact", *METHODS):
        raise unknown_name("method", method, ("auto", "exact", *METHODS))
    if method == "auto":
        method = "exact" if matrix.way == "dense" else "xtrace"
    if method == "exact":
        if matrix.way != "dense":
            raise InputRefused("a matrix that is formed", f"{matrix.size} weights", 'Use method="xtrace".')
        return Estimate(float(matrix.whole.trace()))
    estimator, least = METHODS[method]
    if not least <= draws <= matrix.size:
        raise InputRefused(
            expected=f"draws from {least} to {matrix.size}, the number of weights", came=str(draws), do="Take 48."
        )
    random, shape = stream(seed, "curvature", "trace"), (matrix.size, draws)
    # signs have the least variance alone; XTrace scales what is left of a draw, which asks for one without a direction
    drawn = random.integers(0, 2, shape) * 2.0 - 1.0 if method == "hutchinson" else random.standard_normal(shape)
    return estimator(matrix.product, torch.from_numpy(drawn))
