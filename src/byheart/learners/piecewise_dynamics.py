"""Piecewise dynamics: a trained piecewise-linear network as the map that it is, in float64, with its Jacobian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from byheart.errors import UsageError
from byheart.learners.piecewise_linear import PiecewiseLinear
from byheart.training.run import Run


@dataclass(frozen=True)
class PiecewiseDynamics:
    """z' = A z + V c(z) + h of one member. States are (M,), or many along axes before the last; x is (..., d).

    Attributes:
        weights: by their names in the network, float64.
        channels: d, the first units of a state, which are what is observed.
        rectified: of c = z with the last so many units rectified; not asked where the network is shallow.
    """

    weights: Mapping[str, np.ndarray]
    channels: int
    rectified: int = 0

    def step(self, state: np.ndarray) -> np.ndarray:
        """(..., M) the states a step later."""
        w = self.weights
        if "W2" in w:
            a = state @ w["W2"].T
            mixed = (np.maximum(a + w["h2"], 0) - np.maximum(a, 0)) @ w["W1"].T
            return w["A"] * state + mixed + w["h1"]
        c = np.where(self._kinked, np.maximum(state, 0), state)
        return w["A"] * state + c @ w["W"].T + w["h"]

    def jacobian(self, state: np.ndarray) -> np.ndarray:
        """(..., M, M) derivatives of `step`, rows the next state; at a kink those of the side below it."""
        w = self.weights
        if "W2" in w:
            a = state @ w["W2"].T
            slopes = (a + w["h2"] > 0).astype(float) - (a > 0)
            return np.diag(w["A"]) + (w["W1"] * slopes[..., None, :]) @ w["W2"]
        slopes = np.where(self._kinked, state > 0, 1.0)
        return np.diag(w["A"]) + w["W"] * slopes[..., None, :]

    def observe(self, state: np.ndarray) -> np.ndarray:
        """(..., d) what is seen of the states."""
        return state[..., : self.channels]

    def read(self, window: np.ndarray) -> np.ndarray:
        """(..., M) the state after windows (..., w, d), each step of which sets the units that are observed."""
        state = self._started(window[..., 0, :])
        for seen in np.moveaxis(window[..., 1:, :], -2, 0):
            state = np.concatenate([seen, self.step(state)[..., self.channels :]], -1)
        return state

    def orbit(self, state: np.ndarray, steps: int) -> np.ndarray:
        """(steps, ..., M) the states after each of so many free steps; not finite from where they leave every bound."""
        states = []
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                state = self.step(state)
                states.append(state)
        return np.array(states)

    @property
    def _kinked(self) -> np.ndarray:
        units = len(self.weights["A"])
        return np.arange(units) >= units - self.rectified

    def _started(self, seen: np.ndarray) -> np.ndarray:
        return np.concatenate([seen, seen @ self.weights["L"].T], -1) if "L" in self.weights else seen


def dynamics_of(learner: PiecewiseLinear, run: Run, member: int = 0, label: str = "weights") -> PiecewiseDynamics:
    """Which map did a member become?

    Args:
        learner: what was trained.
        run: what it left, with weights kept at the end (`training.keep.Weights`).
        member: the place among `run.members`.
        label: `Weights(...).label`.

    Raises:
        UsageError: no weights under the label.
    """
    if label not in run.kept:
        came = f"a run that kept {', '.join(run.kept) or 'nothing'}"
        raise UsageError(f"a run that kept {label}", came, "Ask for it in the need: keep=(Weights(),).")
    kept = run.kept[label]
    weights = {name: np.asarray(kept[name][member], dtype=np.float64) for name in kept}
    return PiecewiseDynamics(weights, len(weights["carried"]), learner.kinks(len(weights["A"])))
