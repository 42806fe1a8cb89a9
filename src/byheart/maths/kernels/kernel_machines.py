"""Kernel machines: ridge regression and support vectors on a kernel that is already computed."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Float, Given

MAX_ITER = 100_000  # of the solver of support vectors: at a cost of 10^4 it may not end by itself


class SupportVectors(NamedTuple):
    """predicted (q,) labels of new examples; support, how many training examples they rest on; converged."""

    predicted: np.ndarray
    support: int
    converged: bool


def normalised(kernel: Given[Any, "n r"], own: Given[Any, " n"], other: Given[Any, " r"]) -> Float[np.ndarray, "n r"]:
    """How alike are inputs by a kernel, whatever its scale?

        K(x, x') / sqrt(K(x, x) K(x', x'))

    Without it the cost of an error in `support_vectors` has no scale, nor has the ridge of `ridge_predictions`.

    Args:
        kernel: K(x, x') of n and r inputs.
        own: K(x, x), the diagonal of the first.
        other: K(x', x') of the second.

    Returns:
        (n, r) float64, between -1 and 1; 0 where an input has no length.

    Raises:
        InputRefused: other shapes, or a diagonal below 0.

    Cost: O(n r).

    Fails when: the length of inputs matters to what is predicted.

    Reference: Arora et al. 2020, Harnessing the power of infinitely wide deep nets on small-data tasks, section 4.

    Example:
        >>> normalised([[4.0, 2.0]], [4.0], [4.0, 1.0]).tolist()
        [[1.0, 1.0]]
    """
    kernel, own, other = (
        array(kernel, "kernel", "nr").astype(np.float64),
        array(own, "own", "n"),
        array(other, "other", "r"),
    )
    same_shape(kernel, "kernel", (len(own), len(other)))
    if min(own.min(initial=0), other.min(initial=0)) < 0:
        came = f"{min(own.min(), other.min()):.3g}"
        raise InputRefused("K(x, x) of 0 or more", came, "Give the diagonals of the kernel.")
    root = np.sqrt(np.outer(own, other))
    return np.divide(kernel, root, out=np.zeros_like(kernel), where=root > 0)


def ridge_predictions(
    kernel: Given[Any, "n n"], y: Given[Any, "n k"], new: Given[Any, "q n"], ridge: float = 1e-3
) -> Float[np.ndarray, "q k"]:
    """What does ridge regression on a kernel predict?

        f(x) = K(x, X) (K + ridge I)^-1 y

    What a network of that tangent kernel, fixed, tends to when it is trained to the end under weight decay (at a ridge
    of 0 without), started from outputs of 0.

    Args:
        kernel: K of n training examples.
        y: k values of each; of classes one column each.
        new: K of q new and the training examples.
        ridge: above 0, in units of the kernel.

    Returns:
        (q, k) float64.

    Raises:
        InputRefused: other shapes, or no ridge above 0.

    Cost: O(n^3 + q n k).

    Fails when: the kernel moves in training (`kernel_distance`).

    Reference: Jacot, Gabriel, Hongler 2018, Neural tangent kernel, section 5; Saunders, Gammerman, Vovk 1998, Ridge
    regression learning algorithm in dual variables, equation 14. Solved by scikit-learn's KernelRidge.

    Example:
        >>> ridge_predictions(np.eye(2), [[1.0], [2.0]], [[1.0, 0.0]], ridge=1.0).round(9).tolist()
        [[0.5]]
    """
    from sklearn.kernel_ridge import KernelRidge

    kernel, y, new = array(kernel, "kernel", "nn"), array(y, "y", "nk"), array(new, "new", "qn")
    same_shape(kernel, "kernel", (len(y), len(y)))
    same_shape(new, "new", (len(new), len(y)))
    if not 0 < ridge < np.inf:
        raise InputRefused("a ridge above 0", str(ridge), "Give e.g. 1e-6 of the mean of the diagonal for none.")
    fitted = KernelRidge(alpha=ridge, kernel="precomputed").fit(kernel.astype(np.float64), y.astype(np.float64))
    return np.asarray(fitted.predict(new.astype(np.float64)), dtype=np.float64).reshape(len(new), y.shape[1])


def support_vectors(
    kernel: Given[Any, "n n"], labels: Given[Any, " n"], new: Given[Any, "q n"], cost: float = 1.0
) -> SupportVectors:
    """Which classes does a support vector machine on a kernel predict?

    Args:
        kernel: K of n training examples, best `normalised`.
        labels: their classes.
        new: K of q new and the training examples, likewise.
        cost: of an error (C), in units of one over the kernel.

    Returns:
        predicted (q,), support, converged.

    Raises:
        InputRefused: other shapes, one class, or a cost that is not above 0.

    Cost: O(n^2) to O(n^3); at most MAX_ITER steps for each pair of classes, after which `converged` is False.

    Fails when: n is small and cost is chosen on the examples that are predicted.

    Reference: Cortes, Vapnik 1995, Support-vector networks; on this kernel: Arora et al. 2020, section 4. Solved by
    scikit-learn's SVC.

    Example:
        >>> x = np.array([[-1.0], [1.0]])
        >>> support_vectors(x @ x.T, [0, 1], [[-2.0, 2.0]])
        SupportVectors(predicted=array([1]), support=2, converged=True)
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import SVC

    kernel, labels, new = array(kernel, "kernel", "nn"), array(labels, "labels", "n"), array(new, "new", "qn")
    same_shape(kernel, "kernel", (len(labels), len(labels)))
    same_shape(new, "new", (len(new), len(labels)))
    if len(np.unique(labels)) < 2 or not 0 < cost < np.inf:
        came = f"{len(np.unique(labels))} classes, cost {cost}"
        raise InputRefused("two classes or more and a cost above 0", came, "Give labels of several classes.")
    with warnings.catch_warnings():  # said by `converged`
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = SVC(C=cost, kernel="precomputed", max_iter=MAX_ITER).fit(kernel.astype(np.float64), labels)
    converged = bool((np.asarray(fitted.n_iter_) < MAX_ITER).all())
    return SupportVectors(fitted.predict(new.astype(np.float64)), int(fitted.n_support_.sum()), converged)
