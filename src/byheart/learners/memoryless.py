"""Memoryless: what the last step of a sequence says, and nothing before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from pydantic import Field
from scipy import linalg

from byheart.errors import InputRefused
from byheart.learners.free_predictions import FreePredictions, Model
from byheart.learners.output_conversion import gathered
from byheart.learners.ridge import kernel_matrix, median_distance
from byheart.seeds import stream
from byheart.tasks.data import Data, Examples
from byheart.training.members import Members
from byheart.training.run import Run

WIDTHS = (0.5, 1.0, 2.0, 4.0)  # of the kernel, in median distances
STRENGTHS = np.geomspace(1e-24, 1.0, 25)  # penalties, in units of the largest squared singular value
SMALLEST = 1e-13  # of the largest singular value: what is smaller is rounding


class Memoryless(FreePredictions):
    r"""What does the last step of a sequence say, without all that was before?

        z = b + W x_t + sum_c a_c exp(-|x_t - x_c|^2 / (2 w^2)),   t the last step

    by ridge regression over the subset; steps are standardised on it, the `centres` x_c are last steps out of it, and
    w and the penalty are those with the least error on each example of a fit to the others. Of a series, whose every
    step asks for the next, t is each step. Targets as for `ridge`: one-hot for classes.

    The pole of a task in which memory is a virtue: there it is at chance. Where the state is seen whole and without
    noise, it has all there is to know.

    Args:
        centres: how many; 0 is the best linear map.

    Raises:
        InputRefused: examples that are no sequences (t, d), views or masks that do not fit.

    Cost: O(n c^2) a member; 2,000 sequences, 200 centres, 8 members 0.7 CPU s. Fails when: the map bends more within
    the distance of two centres than a Gaussian can; raise `centres`.

    Reference: Broomhead, Lowe 1988, Multivariable functional interpolation and adaptive networks (centres);
    leave-one-out: Allen 1974, The relationship between variable selection and prediction.

    Example:
        >>> Memoryless(centres=0).centres
        0
    """

    name: ClassVar[str] = "memoryless"
    reads: ClassVar[tuple[str, ...]] = ("classes", "values", "series")
    any_length: ClassVar[bool] = True
    centres: Annotated[int, Field(ge=0, le=2000)] = 200

    def solved(self, data: Data, members: Members, trail: bool) -> Run:
        """Fit every member to the last steps of its subset."""
        if data.train.x.ndim != 3:
            raise InputRefused(
                expected="sequences (t, d) for memoryless: steps, and numbers a step",
                came=f"examples of shape {data.train.x.shape[1:]}",
                do="Give x as (n, t, d); without an order of steps there is no last one.",
            )
        m, k = len(members), data.output.k
        steps = {view: _steps(data, look) for view, look in data.views.items()}
        said = {view: np.empty((m, len(look), *look.y.shape[1:-1], k)) for view, look in data.views.items()}
        fits = self._fits(data, members)
        for j, fit in enumerate(fits):
            for view, x in steps.items():
                said[view][j] = fit.of(x.reshape(-1, x.shape[-1])).reshape(said[view][j].shape)
        about = {
            "parameters": int(fits[0].weights.size + k),
            "outputs": data.output.returned if data.output.continuous else "scores",
            "inputs": "the last step, standardised on each member's own examples",
        }
        return gathered(data, members, trail, said, about)

    def models(self, data: Data, members: Members) -> Sequence[Model]:
        """The map of the last step of each member."""
        return [lambda window, fit=fit: fit.of(window[:, -1]) for fit in self._fits(data, members)]

    def _fits(self, data: Data, members: Members) -> list[_Fit]:
        """Each member's fit to the steps of its subset, in the order of their ids."""
        y = data.train.y
        targets = data.output.one_hot(y) if y.ndim < 3 else y.astype(np.float64)
        steps, fits = _steps(data, data.train), []
        for mask in members.seen:
            order = np.flatnonzero(mask)[np.argsort(data.train.ids[mask], kind="stable")]
            fits.append(
                self._fitted(steps[order].reshape(-1, steps.shape[-1]), targets[order].reshape(-1, data.output.k))
            )
        return fits

    def _fitted(self, x: np.ndarray, y: np.ndarray) -> _Fit:
        """The fit to steps (n, d) and targets (n, k) with the least error on each that is left out."""
        counted = np.isfinite(y).all(1)
        x, y = x[counted], y[counted]
        scale = x.std(0)
        start = _Fit(x.mean(0), np.where(scale > 0, scale, 1.0), np.empty((0, x.shape[1])), 1.0)
        if self.centres:
            z = (x - start.mean) / start.scale
            chosen = z[stream(0, "centres").permutation(len(z))[: self.centres]]
            width = median_distance(chosen, np.arange(len(chosen)))
            tried = [start._replace(centres=chosen, width=one * width) for one in WIDTHS]
        else:
            tried = [start]
        return min((one.fitted(x, y) for one in tried), key=lambda one: one.error)


class _Fit(NamedTuple):
    """A map of steps: how they are scaled, the centres, the weights of both, and its error on what was left out."""

    mean: np.ndarray
    scale: np.ndarray
    centres: np.ndarray
    width: float
    middle: np.ndarray = np.zeros(0)
    weights: np.ndarray = np.zeros((0, 0))
    level: np.ndarray = np.zeros(0)
    error: float = np.inf

    def features(self, x: np.ndarray) -> np.ndarray:
        """(n, d + c) the steps standardised, and their nearness to each centre."""
        z = (x - self.mean) / self.scale
        return np.concatenate([z, kernel_matrix(z, self.centres, self.width)], 1) if len(self.centres) else z

    def fitted(self, x: np.ndarray, y: np.ndarray) -> _Fit:
        """With the weights of the penalty that leaves the least error."""
        phi, level, unit = self.features(x), y.mean(0), np.where(np.ptp(y, 0) > 0, y.std(0), 1.0)
        middle = phi.mean(0)
        left, values, right = linalg.svd(phi - middle, full_matrices=False)  # of the products, half the digits are lost
        kept = values > SMALLEST * values[0]
        left, values, right = left[:, kept], values[kept], right[kept]
        asked = (y - level) / unit  # so that every target counts alike in the choice
        along = left.T @ asked  # (r, k)
        strengths = STRENGTHS if len(self.centres) else np.zeros(1)  # the linear map is that of least squares
        shrunk = [values**2 / (values**2 + one * values[:1] ** 2) for one in strengths]
        errors = [left_out_error(left, one, asked) for one in shrunk]
        best = int(np.argmin(errors))
        weights = right.T @ ((shrunk[best] / values)[:, None] * along) * unit
        return self._replace(middle=middle, weights=weights, level=level, error=errors[best])

    def of(self, x: np.ndarray) -> np.ndarray:
        """(n, k) what it says of steps (n, d)."""
        return (self.features(x) - self.middle) @ self.weights + self.level


def left_out_error(left: np.ndarray, shrunk: np.ndarray, y: np.ndarray) -> float:
    """The mean squared error on each example of a fit to all others (Allen 1974).

    Args:
        left: (n, r) the directions of the examples that are fitted, of length 1.
        shrunk: (r,) what is left of the targets in each.
        y: (n, k) the targets, less their mean.
    """
    residual = y - left @ (shrunk[:, None] * (left.T @ y))
    used = (left**2) @ shrunk + 1 / len(y)  # the mean is fitted, too
    return float(((residual / np.maximum(1 - used, SMALLEST)[:, None]) ** 2).mean())


def _steps(data: Data, view: Examples) -> np.ndarray:
    """(n, d) the last steps of a view, or (n, t, d) all of them where each is asked about."""
    x = np.asarray(data.output.numbers(view.x), np.float64)
    return x if view.y.ndim > 2 else x[:, -1]
