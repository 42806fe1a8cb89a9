"""Least squares of smallest norm: on the inputs themselves, or on random ReLU features of them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from byheart.learners.closed_form import ClosedForm
from byheart.learners.output_conversion import gathered
from byheart.maths.descent.smoothers import Decomposed, decomposed
from byheart.seeds import stream
from byheart.tasks.data import Data
from byheart.training.keep import Smoother
from byheart.training.members import Members
from byheart.training.preprocessing import prepare_rows, shared
from byheart.training.run import Run

# penalties that leave-one-out chooses among, in units of the mean squared length of a row of features
STRENGTHS = np.geomspace(1e-8, 1e2, 41)


class LeastSquares(ClosedForm):
    """What does the linear map of smallest norm say that fits the inputs best?

    Minimises sum_i |t_i - mean - W x_i|^2 + strength |W|^2 over the subset; with strength 0 the solution of smallest
    norm, which fits all labels where there are as many columns as examples. t is one-hot for classes and y for values,
    `mean` that of the subset (0 without `intercept`).

    Args:
        strength: of the penalty, in the unit of the squared inputs; `loo`: the one with the least error on each
            example of a fit to the others.
        intercept: whether the mean target of the subset is added; without it the closed forms of theory hold.

    Raises:
        InputRefused: views or masks that do not fit the data.

    Cost: O(n d min(n, d)) a member. Fails when: eigenvalues below 1e-10 of the largest matter: they count as 0.

    Reference: Hastie, Montanari, Rosset and Tibshirani 2022, Surprises in high-dimensional ridgeless least squares
    interpolation, equation 2; leave-one-out: Allen 1974, The relationship between variable selection and prediction.

    Example:
        >>> LeastSquares(strength="loo").strength
        'loo'
    """

    name: ClassVar[str] = "least-squares"
    family: ClassVar[str] = "linear"
    keeps: ClassVar[tuple[str, ...]] = (Smoother.name,)
    law: ClassVar[str] = "least squares"  # the closed form of its error on isotropic inputs
    strength: Annotated[float, Field(ge=0)] | Literal["loo"] = 0.0
    intercept: bool = True

    def features(self, views: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
        """(n_view, p) what the labels are regressed on: the inputs themselves."""
        return views

    @property
    def lawful(self) -> bool:
        """Whether the closed form is of these settings."""
        return not self.intercept

    def solved(self, data: Data, members: Members, trail: bool) -> Run:
        """Decompose every member's features once: predictions, and how the labels are used."""
        targets = data.output.one_hot(data.train.y)  # (n, k)
        logits = {
            view: np.empty((len(members), len(look), targets.shape[1]), data.output.precision)
            for view, look in data.views.items()
        }
        common = prepare_rows(data, np.arange(len(data.train))) if shared(data) else None
        used: list[dict[str, float]] = []
        p = 0
        for j, mask in enumerate(members.seen):
            views = common or prepare_rows(data, np.flatnonzero(mask))
            phi = self.features(views, int(members.seeds[j]))
            p = phi["train"].shape[1]
            mean = targets[mask].mean(0) if self.intercept else np.zeros(targets.shape[1])
            fit = self._fit(phi["train"][mask], targets[mask] - mean)
            weights = fit.coefficients(targets[mask] - mean)
            for view, x in phi.items():
                logits[view][j] = x @ weights + mean  # (n_view, k)
            used.append(self._used(fit, weights, phi, mask))
        about: dict[str, Any] = {"parameters": (p + self.intercept) * targets.shape[1], "features": p}
        about["outputs"] = data.output.returned if data.output.continuous else "scores"
        if self.lawful:
            about |= {"law": self.law, "strength": self.strength}
        run = gathered(data, members, trail, logits, about)
        kept = {name: np.array([one[name] for one in used]) for name in used[0]}
        return run.with_kept(Smoother().label, kept, dict.fromkeys(kept, ("members",)))

    def _fit(self, x: np.ndarray, targets: np.ndarray) -> Decomposed:
        fit = decomposed(x)
        if self.strength != "loo":
            return fit.with_strength(self.strength)
        unit = float((x**2).sum(1).mean()) or 1.0
        return min((fit.with_strength(one * unit) for one in STRENGTHS), key=lambda one: one.left_out_error(targets))

    def _used(
        self, fit: Decomposed, weights: np.ndarray, phi: dict[str, np.ndarray], mask: np.ndarray
    ) -> dict[str, float]:
        """n times the mean squared length of the weights of the labels, on new and on seen points; norms."""
        new = phi["test"] if "test" in phi else phi["train"][np.logical_not(mask)]
        return {
            "effective": self._effective(fit, new),
            "effective_seen": self._effective(fit, phi["train"][mask]),
            "norm": float(np.linalg.norm(weights)),
            "penalty": float(fit.shrunk[0] - fit.values[0]) if len(fit.values) else 0.0,
        }

    def _effective(self, fit: Decomposed, points: np.ndarray) -> float:
        if not len(points):
            return float("nan")
        n, squared = len(fit.x), fit.squared(points)
        if self.intercept:  # s = s0 - mean(s0) + 1/n
            squared = squared - (points @ fit.coefficients(np.ones((n, 1))))[:, 0] ** 2 / n + 1 / n
        return float(n * squared.mean())


class RandomFeatures(LeastSquares):
    r"""What does a network say of whose two layers the first is random and the second alone is fitted?

    Features relu(w_a . x + bias g_a) / sqrt(N) for a = 1..N, w_a uniform on the unit sphere and g_a normal, drawn by
    the seed of each member; then as `LeastSquares` on them.

    Args:
        width: N.
        bias: deviation of the biases; without them (and without an intercept) the closed form of theory holds.
        strength, intercept: as for least squares.

    Raises:
        InputRefused: views or masks that do not fit the data.

    Cost: O(n N min(n, N)) a member; N = 4,000 on 300 of 1,437 digits 0.2 CPU s.

    Fails when: inputs are not of a like scale: a bias that is large for some of them is small for others.

    Reference: Rahimi and Recht 2007, Random features for large-scale kernel machines; Mei and Montanari 2022, The
    generalization error of random features regression (ReLU).

    Example:
        >>> RandomFeatures(width=64).width
        64
    """

    name: ClassVar[str] = "random-features"
    family: ClassVar[str] = ""
    law: ClassVar[str] = "relu features"
    width: Annotated[int, Field(ge=1)] = 256
    bias: Annotated[float, Field(ge=0)] = 0.05

    @property
    def lawful(self) -> bool:
        """Without biases and without an intercept."""
        return not self.intercept and self.bias == 0

    def features(self, views: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
        """(n_view, N) the ReLU features of the member with this seed."""
        rng = stream(seed, "random features")
        d = views["train"].shape[1]
        # a row per feature, drawn one after another: a wider model has those of a narrower one and more
        drawn = rng.normal(size=(self.width, d + 1))
        directions = drawn[:, :d] / np.linalg.norm(drawn[:, :d], axis=1, keepdims=True)
        made = {}
        for view, x in views.items():
            phi = x @ directions.T + self.bias * drawn[:, d]
            made[view] = np.maximum(phi, 0.0, out=phi) / np.sqrt(self.width)
        return made
