"""What a dynamical system is: a flow dx/dt = f(x) or a map x' = f(x), with the derivatives of f.

States are arrays (..., d): one state, or any number of them along axes before the last. All is computed in float64,
whatever comes in: a run in float32 ends on an orbit of its own after a few Lyapunov times.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.integrate import solve_ivp

from byheart.errors import InputRefused
from byheart.tasks.systems.known import Known

EXACT = 1e-10  # relative and absolute error of a step of the adaptive integration


@dataclass(frozen=True)
class Moving(ABC):
    """A system with `dimension` coordinates. A subclass gives `_rates` and `_slopes` of the coordinates, and `truth`.

    `usual_dt` is a step that resolves its motion, `start` a state in the basin of its attractor (not yet on it).
    """

    dimension: ClassVar[int]
    usual_start: ClassVar[tuple[float, ...]]
    usual_dt: ClassVar[float]

    @property
    def start(self) -> np.ndarray:
        """A state from which the attractor is reached."""
        return np.array(self.usual_start)

    @property
    @abstractmethod
    def truth(self) -> Known:
        """What is known of it, each number with its source."""

    @abstractmethod
    def _rates(self, *x: Any) -> Sequence[Any]:
        """f, a number (or an array) per coordinate."""

    @abstractmethod
    def _slopes(self, *x: Any) -> Sequence[Sequence[Any]]:
        """df_i / dx_j, row by row."""

    def flow(self, state: Any) -> np.ndarray:
        """f of (..., d) states: the rate of change of a flow, the next state of a map."""
        x = self._checked(state)
        if x.ndim == 1:
            return np.array(self._rates(*x.tolist()))
        return np.stack(np.broadcast_arrays(*self._rates(*np.moveaxis(x, -1, 0))), -1)

    def jacobian(self, state: Any) -> np.ndarray:
        """(..., d, d) derivatives of `flow` at the states: [..., i, j] is df_i / dx_j."""
        x = self._checked(state)
        if x.ndim == 1:
            return np.array(self._slopes(*x.tolist()), dtype=np.float64)
        slopes = self._slopes(*np.moveaxis(x, -1, 0))
        out = np.empty((*x.shape, self.dimension))
        for i, row in enumerate(slopes):
            for j, one in enumerate(row):
                out[..., i, j] = one
        return out

    @abstractmethod
    def step(self, state: Any, dt: float) -> np.ndarray:
        """The states one step of `dt` later."""

    @abstractmethod
    def step_jacobian(self, state: Any, dt: float) -> np.ndarray:
        """(..., d, d) derivatives of `step`, exact: of the step that is made, not of the true flow."""

    def orbit(self, state: Any, steps: int, dt: float | None = None) -> np.ndarray:
        """(steps + 1, ..., d): the state and the `steps` states after it, in fixed steps of `dt` (`usual_dt`).

        Raises:
            InputRefused: it leaves every bound: from there it is no orbit of the system.
        """
        states = [self._checked(state)]
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                states.append(self.step(states[-1], self.usual_dt if dt is None else dt))
                if not np.isfinite(states[-1]).all():
                    raise InputRefused(
                        expected="an orbit that stays finite", came=f"NaN or infinity after {len(states) - 1} steps",
                        do="Take a smaller dt, or begin nearer to the attractor.",
                    )  # fmt: skip
        return np.array(states)

    def _checked(self, state: Any) -> np.ndarray:
        x = np.asarray(state, dtype=np.float64)
        if x.ndim == 0 or x.shape[-1] != self.dimension:
            raise InputRefused(
                expected=f"states of {type(self).__name__} with {self.dimension} coordinates along the last axis",
                came=f"an array of shape {x.shape}", do="One state is an array of that length.",
            )  # fmt: skip
        return x


class Flow(Moving):
    """dx/dt = f(x), in steps of the classical Runge-Kutta method of order 4; `adaptive_orbit` steps as it must."""

    def step(self, state: Any, dt: float) -> np.ndarray:
        """The states `dt` later by one step of Runge-Kutta of order 4 (error of a step dt^5)."""
        x = self._checked(state)
        a = self.flow(x)
        b = self.flow(x + dt / 2 * a)
        c = self.flow(x + dt / 2 * b)
        return x + dt / 6 * (a + 2 * (b + c) + self.flow(x + dt * c))

    def step_jacobian(self, state: Any, dt: float) -> np.ndarray:
        """Its derivatives by the chain rule through the four stages."""
        x, one = self._checked(state), np.eye(self.dimension)
        a = self.flow(x)
        b = self.flow(x + dt / 2 * a)
        c = self.flow(x + dt / 2 * b)
        da = self.jacobian(x)
        db = self.jacobian(x + dt / 2 * a) @ (one + dt / 2 * da)
        dc = self.jacobian(x + dt / 2 * b) @ (one + dt / 2 * db)
        dd = self.jacobian(x + dt * c) @ (one + dt * dc)
        return one + dt / 6 * (da + 2 * (db + dc) + dd)

    def adaptive_orbit(self, state: Any, steps: int, dt: float | None = None, tolerance: float = EXACT) -> np.ndarray:
        """(steps + 1, d) of one state, read every `dt`, integrated by Dormand and Prince's method of order 8.

        Raises:
            InputRefused: the integration failed (the orbit leaves every bound).
        """
        dt = self.usual_dt if dt is None else dt
        x = self._checked(state)
        times = np.arange(steps + 1) * dt
        done = solve_ivp(
            lambda _, y: self.flow(y), (0, times[-1]), x, "DOP853", t_eval=times, rtol=tolerance, atol=tolerance
        )
        if not done.success:
            raise InputRefused("an orbit that stays finite", done.message, "Begin nearer to the attractor.")
        return done.y.T


class Map(Moving):
    """x' = f(x): a step is one iteration, and `dt` is 1."""

    usual_dt: ClassVar[float] = 1.0

    def step(self, state: Any, dt: float = 1.0) -> np.ndarray:
        """The states one iteration later."""
        _one_iteration(dt)
        return self.flow(state)

    def step_jacobian(self, state: Any, dt: float = 1.0) -> np.ndarray:
        """Its derivatives, those of the map."""
        _one_iteration(dt)
        return self.jacobian(state)


def _one_iteration(dt: float) -> None:
    if dt != 1:
        raise InputRefused("dt=1 for a map", f"dt={dt:g}", "A map has no time between its iterations.")
