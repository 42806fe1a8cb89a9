"""Kernel change: how far a tangent kernel moved in training, and how well it fits what was learned.

Each function takes `weights` too, (draws, n): how often each input counts in each of some resamples (of the bootstrap).
An input that is drawn twice is then no pair with itself: products over pairs count w_i w_j where i and j differ, and
w_i on the diagonal, so that a resample has as much of the diagonal as the sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Float, Given

Weights = Given[Any, "r n"] | None


def kernel_distance(
    first: Given[Any, "n n"], second: Given[Any, "n n"], weights: Weights = None
) -> float | Float[np.ndarray, " r"]:
    r"""How far did a kernel turn?

        S = 1 - <K, K'>_F / (|K|_F |K'|_F)

    0 where the kernels agree but for a factor, as in lazy training and for every linear model; 1 where no pair of
    inputs is alike in both.

    Args:
        first: a kernel of n inputs.
        second: another of the same inputs.
        weights: how often each input counts, in each resample; None for once.

    Returns:
        A number, or one a resample.

    Raises:
        InputRefused: kernels of other shapes, or NaN among them.

    Cost: O(n^2) a resample.

    Fails when: a kernel is 0 everywhere (NaN): a network in which nothing moves the outputs.

    Reference: Fort, Dziugaite, Paul, Kharaghani, Roy, Ganguli 2020, Deep learning versus kernel learning, section 3.

    Example:
        >>> float(kernel_distance(np.eye(2), 5 * np.eye(2))), float(kernel_distance(np.diag([1, 0]), np.diag([0, 1])))
        (0.0, 1.0)
    """
    first, second = _two(first, second)
    return 1 - _cosine(first, second, _weights(weights, len(first)))


def kernel_velocity(
    first: Given[Any, "n n"], second: Given[Any, "n n"], epochs: float, weights: Weights = None
) -> float | Float[np.ndarray, " r"]:
    """How fast did a kernel turn between two moments?

        S(t, t + dt) / dt      [1 / epoch]

    Args:
        first: the kernel at the one moment.
        second: the kernel at the other.
        epochs: dt, the epochs between, above 0.
        weights: as for `kernel_distance`.

    Returns:
        A number, or one a resample.

    Raises:
        InputRefused: no time between, or what `kernel_distance` refuses.

    Cost: as `kernel_distance`.

    Fails when: moments lie far apart: the kernel may turn there and back.

    Reference: Fort et al. 2020, Deep learning versus kernel learning, section 3, the kernel velocity.

    Example:
        >>> float(kernel_velocity(np.diag([1, 0]), np.diag([0, 1]), epochs=4))
        0.25
    """
    if not 0 < epochs < np.inf:
        raise InputRefused("some epochs between two moments", str(epochs), "Give a later moment.")
    return kernel_distance(first, second, weights) / epochs


def alignment(
    kernel: Given[Any, "n n"], targets: Given[Any, "n k"], weights: Weights = None
) -> float | Float[np.ndarray, " r"]:
    r"""How well do the directions that a kernel sees agree with what is to be learned?

        <H K H, H Y Y^T H>_F / (|H K H|_F |H Y Y^T H|_F),  H = I - 1 1^T / n

    with Y the targets, of classes one column each. From 0 (nothing of them is in the kernel) to 1 (nothing else is).

    Args:
        kernel: of n inputs.
        targets: k numbers of each.
        weights: as for `kernel_distance`.

    Returns:
        A number, or one a resample.

    Raises:
        InputRefused: other shapes, or NaN.

    Cost: O(n^2) a resample.

    Fails when: all targets are the same (NaN).

    Reference: Cortes, Mohri, Rostamizadeh 2012, Algorithms for learning kernels based on centered alignment,
    definition 4; of tangent kernels Baratin et al. 2021, Implicit regularization via neural feature alignment.

    Example:
        >>> y = np.array([[1.0], [-1.0]])
        >>> float(alignment(y @ y.T + 7, y))
        1.0
    """
    kernel, targets = (
        array(kernel, "kernel", "nn").astype(np.float64),
        array(targets, "targets", "nk").astype(np.float64),
    )
    kernel, wanted = _two(kernel, targets @ targets.T)
    each = _weights(weights, len(kernel))
    if weights is None:
        return _cosine(_centred(kernel, each), _centred(wanted, each), each)
    return np.array([_cosine(_centred(kernel, one), _centred(wanted, one), one[None])[0] for one in each])


def effective_rank(kernel: Given[Any, "n n"]) -> float:
    """How many directions does a kernel see?

        (sum_i l_i)^2 / sum_i l_i^2      of its eigenvalues l

    From 1 (all inputs are alike) to n (none is like another).

    Args:
        kernel: of n inputs.

    Returns:
        A number.

    Raises:
        InputRefused: no square kernel, or NaN.

    Cost: O(n^2): neither trace nor norm needs the eigenvalues.

    Fails when: n is smaller than what there is to see: it is at most n.

    Reference: the participation ratio; Bell, Dean 1970, Atomic vibrations in vitreous silica, equation 10.

    Example:
        >>> effective_rank(np.eye(3)), effective_rank(np.ones((3, 3)))
        (3.0, 1.0)
    """
    kernel = array(kernel, "kernel", "nn").astype(np.float64)
    kernel, _ = _two(kernel, kernel)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.trace(kernel) ** 2 / (kernel**2).sum())


def relative_motion(start: Mapping[str, Any], end: Mapping[str, Any]) -> float:
    """How far did the parameters move, by their length at the start?

        |w - w_0| / |w_0|

    Args:
        start: arrays by name, before training.
        end: the same after it.

    Returns:
        A number of 0 or more; infinite where all were 0 at the start.

    Raises:
        InputRefused: other names or shapes.

    Cost: one pass over the parameters.

    Fails when: scales can be exchanged between layers, as ReLU allows: it then depends on the parametrisation.

    Reference: Chizat, Oyallon, Bach 2019, On lazy training in differentiable programming, section 1, the relative
    change of parameters against that of the function.

    Example:
        >>> relative_motion({"w": np.array([3.0, 4.0])}, {"w": np.array([3.0, 3.0])})
        0.2
    """
    if start.keys() != end.keys():
        raise InputRefused(
            "the same parameters", f"{sorted(start.keys() ^ end.keys())} in one alone", "Give one model."
        )
    moved = length = 0.0
    for name, value in start.items():
        before, after = (np.asarray(one, dtype=np.float64) for one in (value, end[name]))
        same_shape(after, name, before.shape)
        moved, length = moved + float(((after - before) ** 2).sum()), length + float((before**2).sum())
    return float(np.sqrt(moved / length)) if length else float("inf" if moved else "nan")


def _two(first: Any, second: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = (array(one, "kernel", "nn").astype(np.float64) for one in (first, second))
    same_shape(first, "kernel", (len(first), len(first)))
    same_shape(second, "kernel", first.shape)
    return first, second


def _weights(weights: Any, n: int) -> np.ndarray:
    """(draws, n) counts; (n,) of ones where there are none."""
    if weights is None:
        return np.ones(n)
    made = array(weights, "weights", "rn").astype(np.float64)
    same_shape(made, "weights", (len(made), n))
    return made


def _inner(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over pairs: w_i w_j a_ij b_ij where i and j differ, w_i a_ii b_ii on the diagonal."""
    products, own = a * b, np.diag(a) * np.diag(b)
    return ((weights @ products) * weights).sum(-1) + (weights - weights**2) @ own


def _cosine(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.sqrt(_inner(a, a, weights) * _inner(b, b, weights))
        return np.clip(_inner(a, b, weights) / lengths, -1, 1)


def _centred(kernel: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Less the means of rows and of columns by weight."""
    mean = kernel @ weights / weights.sum()
    return kernel - mean[:, None] - mean[None] + mean @ weights / weights.sum()
