"""Ridge regression, linear and with a kernel: m members in closed form from one Gram matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from scipy import linalg
from scipy.spatial.distance import pdist

from byheart.errors import InputRefused
from byheart.learners.free_predictions import FreePredictions, Model
from byheart.learners.output_conversion import gathered
from byheart.learners.smoothing import Smoothing
from byheart.maths.descent.smoothers import decomposed
from byheart.seeds import stream
from byheart.tasks.data import Data
from byheart.training.members import Members
from byheart.training.preprocessing import prepare_rows, shared
from byheart.training.run import Run

MOST = 20_000  # training examples of a kernel matrix: about 16 n^2 bytes, 6.4 GB
CHUNK = 1024


class Ridge(Smoothing, FreePredictions):
    """What does the best linear map of the inputs say?

    Minimises sum_i |t_i - W x_i - b|^2 + strength |W|^2 over the subset; t is one-hot for classes
    (outputs are `scores`, which the bit budget rescales) and y for values. The intercept b is free.

    Where all members have the same inputs, the Gram matrix of the subset is that of all
    examples less that of the left-out ones; tables are scaled for every member by itself.

    Args:
        strength: of the penalty, in the unit of the squared inputs.

    Raises:
        InputRefused: views or masks that do not fit the data.

    Cost: O(n d^2 + d^3) a member. Where d is larger than n, the kernel form with a linear kernel is faster.

    Fails when: strength is 0 and columns depend on each other; the smallest-norm solution is then given.

    Reference: Hoerl and Kennard 1970, Ridge regression, equation 2.1.

    Example:
        >>> Ridge(strength=2).strength
        2.0
    """

    name: ClassVar[str] = "ridge"
    family: ClassVar[str] = "linear"
    keeps: ClassVar[tuple[str, ...]] = (*Smoothing.keeps, *FreePredictions.keeps)
    strength: Annotated[float, Field(ge=0)] = 1.0

    def solved(self, data: Data, members: Members, trail: bool) -> Run:
        """Solve every member's normal equations."""
        targets = data.output.one_hot(data.train.y)  # (n, k)
        m, k = len(members), targets.shape[1]
        logits = {view: np.empty((m, len(look), k), data.output.precision) for view, look in data.views.items()}
        common = prepare_rows(data, np.arange(len(data.train))) if shared(data) else None
        gram = None if common is None else _gram(common["train"])
        for j, mask in enumerate(members.seen):
            views = common or prepare_rows(data, np.flatnonzero(mask))
            weights, intercept = self._solve(views["train"], targets, mask, gram)
            for view, x in views.items():
                logits[view][j] = x @ weights + intercept  # (n_view, k)
        return gathered(data, members, trail, logits, _about(data, (views["train"].shape[1] + 1) * k))

    def models(self, data: Data, members: Members) -> Sequence[Model]:
        """Each member's linear map of a whole window."""
        x, targets = prepare_rows(data, np.arange(len(data.train)))["train"], data.output.one_hot(data.train.y)
        gram = _gram(x)
        return [_linear(*self._solve(x, targets, mask, gram)) for mask in members.seen]

    def weights(self, everything: np.ndarray, ids: np.ndarray, mask: np.ndarray, points: np.ndarray) -> np.ndarray:
        """(q, n) how each label is used (`Smoothing.weights`): 1/n each, and along the centred inputs."""
        train = everything[mask]
        centre = train.mean(0)
        return decomposed(train - centre, self.strength).weights(points - centre) + 1 / len(train)

    def _solve(
        self, x: np.ndarray, targets: np.ndarray, mask: np.ndarray, gram: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weights (d, k) and intercept (k,) on the examples of `mask`."""
        few = np.logical_not(mask) if gram is not None and 2 * mask.sum() > len(mask) else mask
        product = _gram(x[few])  # (d, d)
        if few is not mask:
            product = gram - product
        seen, t = x[mask], targets[mask]
        centre, mean = seen.mean(0), t.mean(0)
        product -= len(seen) * np.outer(centre, centre)
        product[np.diag_indices_from(product)] += self.strength
        right = seen.T @ (t - mean)  # the centre drops out: t - mean sums to 0
        try:
            weights = linalg.solve(product, right, assume_a="pos")
        except linalg.LinAlgError:
            weights = linalg.lstsq(product, right)[0]
        return weights, mean - centre @ weights


def _linear(weights: np.ndarray, intercept: np.ndarray) -> Model:
    return lambda window: window.reshape(len(window), -1) @ weights + intercept


class KernelRidge(Smoothing, FreePredictions):
    """What does the smoothest function through the examples say?

    f(x) = sum_i a_i K(x, x_i) + b over the subset, (K + strength I) a = t - b, sum_i a_i = 0;
    K(x, z) = exp(-|x - z|^2 / (2 w^2)) with w the median distance of two training examples (of 1,000 drawn
    by id), or x.z. Targets and outputs as for Ridge.

    One inverse A of (K + strength I) on all n examples serves all members: on a subset s with
    o left out, a = A_ss t - A_so A_oo^-1 A_os t. Tables are scaled on all training rows, so that one matrix
    serves (`about["inputs"]` says so).

    Args:
        strength: added to the diagonal; smaller remembers more.
        kernel: `rbf` or `linear`.

    Raises:
        InputRefused: more than 20,000 training examples (the matrix would not fit); the estimate is said.

    Cost: O(n^3) once, O(o^3 + n^2 k) a member, about 16 n^2 bytes; n = 5,000, 64 members: 20 CPU s.

    Fails when: strength is so small that K + strength I is singular in float64 (below 1e-10 or so);
    said by name.

    Reference: Saunders, Gammerman and Vovk 1998, Ridge regression learning algorithm in dual variables;
    the inverse on a subset is the Schur complement (Golub and Van Loan 2013, section 2.1.4).

    Example:
        >>> KernelRidge(kernel="linear").kernel
        'linear'
    """

    name: ClassVar[str] = "kernel-ridge"
    keeps: ClassVar[tuple[str, ...]] = (*Smoothing.keeps, *FreePredictions.keeps)
    strength: Annotated[float, Field(gt=0)] = 0.01
    kernel: Literal["rbf", "linear"] = "rbf"

    def solved(self, data: Data, members: Members, trail: bool) -> Run:
        """Solve every member's dual equations."""
        n = len(data.train)
        if n > MOST:
            raise InputRefused(
                expected=f"at most {MOST:,} training examples for a kernel matrix",
                came=f"{n:,}, which need {16 * n * n / 1e9:.0f} GB",
                do="Use ridge or neighbours, or fewer examples.",
            )
        views = prepare_rows(data, np.arange(n))
        width = median_distance(views["train"], data.train.ids) if self.kernel == "rbf" else None
        duals, intercepts = self._duals(views["train"], data.output.one_hot(data.train.y), members, width)
        logits = {
            view: _predicted(x, views["train"], width, duals, intercepts, data.output.precision)
            for view, x in views.items()
        }
        about = _about(data, (n + 1) * duals.shape[2])
        about["inputs"] = "as they are" if shared(data) else "scaled on all training rows"
        return gathered(data, members, trail, logits, about | {"width": width})

    def weights(self, everything: np.ndarray, ids: np.ndarray, mask: np.ndarray, points: np.ndarray) -> np.ndarray:
        """(q, n) how each label is used (`Smoothing.weights`), by an inverse of each member's own."""
        width, train = median_distance(everything, ids) if self.kernel == "rbf" else None, everything[mask]
        matrix = kernel_matrix(train, train, width)
        matrix[np.diag_indices_from(matrix)] += self.strength
        inverse = linalg.inv(matrix)
        intercept = inverse.sum(0) / inverse.sum()
        near = kernel_matrix(points, train, width) @ inverse
        return near + np.outer(1 - near.sum(1), intercept)

    def models(self, data: Data, members: Members) -> Sequence[Model]:
        """Each member's sum of kernels; the matrix is inverted once more."""
        x = prepare_rows(data, np.arange(len(data.train)))["train"]
        width = median_distance(x, data.train.ids) if self.kernel == "rbf" else None
        duals, intercepts = self._duals(x, data.output.one_hot(data.train.y), members, width)
        return [
            lambda window, a=a, b=b: kernel_matrix(window.reshape(len(window), -1), x, width) @ a + b
            for a, b in zip(duals, intercepts)
        ]

    def scaled_on(self, mask: np.ndarray) -> np.ndarray:
        """All rows: one matrix serves all members."""
        return np.ones_like(mask)

    def _duals(
        self, x: np.ndarray, targets: np.ndarray, members: Members, width: float | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """a (m, n, k), 0 for the left out, and b (m, k)."""
        matrix = kernel_matrix(x, x, width)
        matrix[np.diag_indices_from(matrix)] += self.strength
        inverse = _inverse(matrix, self.strength)
        right = np.concatenate([targets, np.ones((len(x), 1))], axis=1)  # (n, k + 1): the last for b
        duals = np.zeros((len(members), len(x), targets.shape[1]))
        intercepts = np.empty((len(members), targets.shape[1]))
        for j, mask in enumerate(members.seen):
            solved = _on_subset(inverse, right, mask)  # (n_seen, k + 1)
            a, ones = solved[:, :-1], solved[:, -1]
            intercepts[j] = a.sum(0) / ones.sum()
            duals[j, mask] = a - np.outer(ones, intercepts[j])
        return duals, intercepts


def median_distance(x: np.ndarray, ids: np.ndarray) -> float:
    """The median distance between two of at most 1,000 training examples, chosen by id; 1 if it is 0.

    Example:
        >>> median_distance(np.array([[0.0], [1.0], [3.0]]), np.arange(3))
        2.0
    """
    order = np.argsort(ids, kind="stable")  # the choice follows from the ids, not from the order
    some = stream(0, "width").permutation(len(x))[:1000]
    width = float(np.median(pdist(x[order[some]]))) if len(x) > 1 else 1.0
    return width or 1.0


def kernel_matrix(x: np.ndarray, z: np.ndarray, width: float | None) -> np.ndarray:
    """K (n, q) in float64: Gaussian of the given width, or x.z where it is None.

    Example:
        >>> kernel_matrix(np.zeros((1, 2)), np.array([[3.0, 4.0]]), 5.0).round(4).tolist()
        [[0.6065]]
    """
    x, z = np.asarray(x, np.float64), np.asarray(z, np.float64)
    matrix = x @ z.T
    if width is None:
        return matrix
    matrix *= -2.0
    matrix += np.einsum("nd,nd->n", x, x)[:, None]
    matrix += np.einsum("qd,qd->q", z, z)
    np.maximum(matrix, 0.0, out=matrix)
    matrix *= -0.5 / width**2
    return np.exp(matrix, out=matrix)


def _inverse(matrix: np.ndarray, strength: float) -> np.ndarray:
    """The inverse of a positive matrix (n, n), in its place."""
    factor, info = linalg.lapack.dpotrf(matrix.T, lower=1, overwrite_a=1, clean=0)
    if info == 0:
        inverse, info = linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    if info != 0:
        raise InputRefused(
            "a kernel matrix that can be inverted", f"a singular one with strength {strength}", "Raise the strength."
        )
    for start in range(0, len(inverse), CHUNK):  # the lower half onto the upper, without a copy of all
        stop = min(start + CHUNK, len(inverse))
        square = inverse[start:stop, start:stop]
        square[:] = np.tril(square) + np.tril(square, -1).T
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
    return inverse


def _on_subset(inverse: np.ndarray, right: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(M_ss)^-1 right_s from the inverse of M on all examples."""
    padded = np.where(mask[:, None], right, 0.0)
    whole = inverse @ padded  # A_ss t and A_os t at once
    out = np.flatnonzero(np.logical_not(mask))
    if not len(out):
        return whole
    among = linalg.solve(inverse[np.ix_(out, out)], whole[out], assume_a="pos")
    return whole[mask] - (inverse[:, out] @ among)[mask]


def _predicted(
    x: np.ndarray, train: np.ndarray, width: float | None, duals: np.ndarray, intercepts: np.ndarray, kind: type
) -> np.ndarray:
    """(m, n_view, k) of the type `kind` in blocks of 1,024 examples."""
    m, n, k = duals.shape
    flat = duals.transpose(1, 0, 2).reshape(n, m * k)
    out = np.empty((m, len(x), k), dtype=kind)
    for start in range(0, len(x), CHUNK):
        block = kernel_matrix(x[start : start + CHUNK], train, width) @ flat  # (1024, m k)
        out[:, start : start + CHUNK] = block.reshape(-1, m, k).transpose(1, 0, 2)
    out += intercepts[:, None, :]
    return out


def _gram(x: np.ndarray) -> np.ndarray:
    return x.T @ x


def _about(data: Data, parameters: int) -> dict[str, object]:
    return {"parameters": parameters, "outputs": data.output.returned if data.output.continuous else "scores"}
