"""Spectral density: how the eigenvalues of a curvature matrix are spread, by stochastic Lanczos quadrature.

Reference: Golub, Welsch 1969, "Calculation of Gauss quadrature rules", Mathematics of Computation 23; Lin, Saad, Yang
2016, "Approximating spectral densities of large matrices", SIAM Review 58, section 3.2.2; Ghorbani, Krishnan, Xiao
2019, "An investigation into neural net optimization via Hessian eigenvalue density", ICML, section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from byheart.errors import InputRefused
from byheart.maths.curvature.curvature_matrix import CurvatureMatrix, Product, curvature_matrix
from byheart.maths.shapes import Float
from byheart.seeds import stream

BREAKDOWN = 1e-10  # a Lanczos step shorter than this share of the largest ends the recursion: the space is exhausted
TINY = 1e-300
WIDTH = 0.01  # of the Gaussian around each node, as a share of the range of the nodes


@dataclass(frozen=True)
class Density:
    """The spread of the p eigenvalues of a matrix.

    Attributes:
        eigenvalue: (r,) the grid, ascending, in nats per squared unit of weight.
        density: (r,) share of the eigenvalues per unit of eigenvalue, each widened to a Gaussian of `width`.
        standard_error: (r,) of `density` over the random vectors; 0 where every eigenvalue is known.
        width: standard deviation of that Gaussian.
        nodes: (s, t) the eigenvalues, or for each of s random vectors the t nodes of its quadrature.
        weights: (s, t) their shares; each row sums to 1.
        negative: how much of the bending is downwards: sum of |lambda| below 0 over the sum of all |lambda|.
            Eigenvalues near 0, whose sign a quadrature cannot tell, count for nothing.
        negative_error: its standard error.
    """

    eigenvalue: Float[np.ndarray, " r"]
    density: Float[np.ndarray, " r"]
    standard_error: Float[np.ndarray, " r"]
    width: float
    nodes: Float[np.ndarray, "s t"]
    weights: Float[np.ndarray, "s t"]
    negative: float
    negative_error: float


def density(
    model: nn.Module,
    examples: tuple[Any, Any],
    matrix: str = "hessian",
    seed: int = 0,
    *,
    draws: int = 10,
    steps: int = 64,
    points: int = 512,
    width: float | None = None,
    loss: Any = None,
    way: str = "auto",
) -> Density:
    r"""How are the eigenvalues of the curvature spread: how many near zero, how many far out, how many negative?

    phi(t) = 1/p sum_j N(t; lambda_j, width^2). Where M is not formed, for each random unit vector v the Lanczos
    recursion of M from v gives a tridiagonal matrix T, whose eigenvalues and squared first components are the nodes and
    weights of a Gauss quadrature of v' phi(M) v; phi is the mean over v. The poles have no part in it.

    Args:
        model: the trained model; taken in evaluation mode.
        examples: (x (n, ...), y (n,)).
        matrix: `hessian`, `ggn`, `fisher` or `empirical-fisher`, as in `curvature_matrix`.
        seed: of the random vectors.
        draws: random vectors, at least 2.
        steps: of the Lanczos recursion from each, at least 2; polynomials up to degree 2 steps - 1 are exact.
        points: of the grid, at least 2.
        width: of the Gaussians; None is a hundredth of the range of the eigenvalues.
        loss: as in `curvature_matrix`.
        way: as in `curvature_matrix`.

    Returns:
        `Density`, with a standard error at every point.

    Raises:
        InputRefused: counts or widths out of range, what `curvature_matrix` refuses.

    Cost: draws x steps products, each about four gradients of the whole data, and p x steps numbers of memory. Fails
    when: p is so large that a few draws miss single eigenvalues: the ends are then those of `top_eigenvalues`.
    Reference: Lin, Saad, Yang 2016, section 3.2.2; Ghorbani, Krishnan, Xiao 2019, section 3 (titles at the head of the
    file).

    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.zeros(2, 1)
    >>> found = density(torch.nn.Linear(2, 1, bias=False), (x, y))
    >>> found.nodes.tolist(), found.weights.tolist(), found.negative  # X'X / n
    ([[0.5, 4.5]], [[0.5, 0.5]], 0.0)
    """
    made = curvature_matrix(model, examples, matrix, loss=loss, way=way)
    return spread(made, seed, draws=draws, steps=steps, points=points, width=width)


def spread(
    matrix: CurvatureMatrix,
    seed: int = 0,
    *,
    draws: int = 10,
    steps: int = 64,
    points: int = 512,
    width: float | None = None,
) -> Density:
    """How are the eigenvalues of a matrix spread?

    As `density`, of a matrix that is made once and asked more than one thing.

    Args:
        matrix: as `curvature_matrix` makes it.
        seed: of the random vectors.
        draws: as in `density`.
        steps: as in `density`.
        points: as in `density`.
        width: as in `density`.

    Returns:
        `Density`.

    Raises:
        InputRefused: fewer than two draws, steps or points; a width that is not positive.

    Cost: as `density`. Fails when: as `density`. Reference: as `density`.

    >>> from byheart.maths.curvature.curvature_matrix import curvature_matrix
    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.zeros(2, 1)
    >>> made = curvature_matrix(torch.nn.Linear(2, 1, bias=False), (x, y))  # X'X / n
    >>> spread(made).nodes.tolist()
    [[0.5, 4.5]]
    """
    for name, value in (("draws", draws), ("steps", steps), ("points", points)):
        if value < 2:
            raise InputRefused(f"{name} of at least 2", str(value), "Leave it at its default.")
    if width is not None and not 0 < width < math.inf:
        raise InputRefused("a width above 0", str(width), "Leave it out.")
    if matrix.way == "dense":
        nodes = np.linalg.eigvalsh(matrix.whole.numpy())[None]
        weights = np.full_like(nodes, 1 / matrix.size)
    else:
        nodes, weights = _quadratures(matrix, seed, draws, steps)
    low, high = float(nodes.min()), float(nodes.max())
    scale = max(abs(low), abs(high)) or 1.0
    width = max(WIDTH * (high - low), 1e-6 * scale) if width is None else width
    grid = np.linspace(low - 3 * width, high + 3 * width, points)
    each = np.stack([_widened(grid, n, w, width) for n, w in zip(nodes, weights, strict=True)])
    below = (weights * nodes.clip(max=0)).sum(1) / (weights * np.abs(nodes)).sum(1).clip(min=TINY) * -1.0
    return Density(
        grid,
        each.mean(0),
        _standard_error(each),
        width,
        nodes,
        weights,
        float(below.mean()),
        float(_standard_error(below)),
    )


def _standard_error(each: np.ndarray) -> np.ndarray:
    """Over the rows; 0 for a single one, which holds every eigenvalue."""
    return each.std(0, ddof=1) / math.sqrt(len(each)) if len(each) > 1 else np.zeros(each.shape[1:])


def _widened(grid: np.ndarray, nodes: np.ndarray, weights: np.ndarray, width: float) -> np.ndarray:
    """(r,) the sum of Gaussians around the nodes."""
    away = (grid[:, None] - nodes) / width
    return np.exp(-0.5 * away**2) @ weights / (width * math.sqrt(2 * math.pi))


def _quadratures(matrix: CurvatureMatrix, seed: int, draws: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights (s, t) from each random vector; a row that ends early is filled up with weight 0."""
    random = stream(seed, "curvature", "density")
    start = torch.from_numpy(random.standard_normal((matrix.size, draws)))
    nodes, weights = np.zeros((2, draws, min(steps, matrix.size)))
    for row, (diagonal, beside) in enumerate(lanczos(matrix.product, start, nodes.shape[1])):
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
        nodes[row] = values[-1]
        nodes[row, : len(values)], weights[row, : len(values)] = values, vectors[0] ** 2
    return nodes, weights


def lanczos(
    product: Product, start: Float[Tensor, "p s"], steps: int
) -> list[tuple[Float[np.ndarray, " t"], Float[np.ndarray, " u"]]]:
    """What are the tridiagonal matrices of the Lanczos recursions from these vectors, a vector a column?

    A q_j = b_{j-1} q_{j-1} + a_j q_j + b_j q_{j+1}, each q made orthogonal to all before it, twice. A recursion ends
    where its next vector vanishes. In the unit of A. The poles have no part in it.

    Args:
        product: columns (p, q) -> A times them, A symmetric.
        start: (p, s) a vector a column.
        steps: of the recursion, at most p.

    Returns:
        (a (t,), b (t - 1,)) for each column: diagonal and what stands beside it.

    Raises:
        nothing of its own.

    Cost: steps products of s columns; p s steps numbers of memory, p s steps^2 operations. Fails when: one is zero.
    Reference: Golub, Welsch 1969 (title at the head of the file).

    >>> (a, b), = lanczos(lambda v: 3 * v, torch.ones(4, 1, dtype=torch.float64), 4)
    >>> a.tolist(), b.tolist()
    ([3.0], [])
    """
    p, s = start.shape
    basis = start.new_zeros(s, steps, p)
    q = (start / start.norm(dim=0)).T  # (s, p)
    a, b = np.zeros((s, steps)), np.zeros((s, steps))
    length = np.full(s, steps)
    for j in range(steps):
        basis[:, j] = q
        moved = product(q.T.contiguous()).T
        a[:, j] = (q * moved).sum(1).numpy()
        for _ in range(2):
            along = torch.einsum("sjp,sp->sj", basis[:, : j + 1], moved)
            moved = moved - torch.einsum("sj,sjp->sp", along, basis[:, : j + 1])
        size = moved.norm(dim=1)
        b[:, j] = size.numpy()
        ended = b[:, j] <= BREAKDOWN * np.maximum(np.abs(a[:, : j + 1]).max(1), b[:, : j + 1].max(1))
        length = np.minimum(length, np.where(ended, j + 1, steps))
        q = moved / size.clamp_min(torch.finfo(size.dtype).tiny)[:, None]
        if (length <= j + 1).all():
            break
    return [(a[i, :t], b[i, : t - 1]) for i, t in enumerate(length)]
