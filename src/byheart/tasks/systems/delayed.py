"""Mackey-Glass: a rate that depends on the state some time ago, as a flow of finitely many coordinates.

The state of a delay equation is its whole past of one delay. It is held at N + 1 points of Chebyshev,

    t_j = -(delay / 2) (1 - cos(pi j / N)),  x_j = x(t + t_j),  j = 0 (now) .. N (one delay ago),

and transported along the polynomial through them: x_0' = f(x_0, x_N), x_j' = sum_k D_jk x_k for j > 0, D the derivative
of that polynomial. What it converges to, faster than any power of N, is the delay equation.

Reference: Mackey, Glass 1977, Oscillation and chaos in physiological control systems, Science 197; Breda, Diekmann,
Gyllenberg, Scarabel, Vermiglio 2016, Pseudospectral discretization of nonlinear delay equations, SIAM Journal on
Applied Dynamical Systems 15; Trefethen 2000, Spectral methods in MATLAB, chapter 6 (the matrix D).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.systems.known import Known
from byheart.tasks.systems.measured import with_measured
from byheart.tasks.systems.moving import Flow


@dataclass(frozen=True)
class MackeyGlass(Flow):
    """The number of blood cells, made after a delay: x' = growth x_d / (1 + x_d^power) - decay x, x_d one delay ago.

    `points` is N of the head of the file; the first coordinate is x now, the last x one delay ago.
    """

    delay: float = 17.0
    growth: float = 0.2
    decay: float = 0.1
    power: float = 10.0
    points: int = 24
    usual_dt: ClassVar[float] = 0.25

    def __post_init__(self) -> None:
        if self.points < 4 or self.delay <= 0:
            raise InputRefused(
                "points >= 4 and delay > 0", f"{self.points}, {self.delay:g}", "24 points resolve delay 17."
            )

    @property
    def dimension(self) -> int:
        """How many coordinates a state has."""
        return self.points + 1

    @property
    def start(self) -> np.ndarray:
        """A state from which the attractor is reached."""
        return np.full(self.dimension, 1.2)

    def _rates(self, *x: Any) -> tuple:
        return tuple(self.flow(np.stack(x, -1)))

    def _slopes(self, *x: Any) -> tuple:
        return tuple(self.jacobian(np.stack(x, -1)))

    def flow(self, state: Any) -> np.ndarray:
        """The rates of change of (..., d) states."""
        x = self._checked(state)
        out = x @ transport(self.points, self.delay).T
        late = x[..., -1]
        out[..., 0] = self.growth * late / (1 + np.abs(late) ** self.power) - self.decay * x[..., 0]
        return out

    def jacobian(self, state: Any) -> np.ndarray:
        """(..., d, d) derivatives of `flow`."""
        x = self._checked(state)
        out = np.broadcast_to(transport(self.points, self.delay), (*x.shape, self.dimension)).copy()
        raised = np.abs(x[..., -1]) ** self.power
        out[..., 0, :] = 0
        out[..., 0, -1] = self.growth * (1 + (1 - self.power) * raised) / (1 + raised) ** 2
        out[..., 0, 0] = -self.decay
        return out

    @property
    def truth(self) -> Known:
        """Fixed points: x = 0 and growth = decay (1 + x^power). The sum of the exponents is minus infinity."""
        level = max(self.growth / self.decay - 1, 0) ** (1 / self.power)
        points = dict.fromkeys([(0.0,) * self.dimension, (level,) * self.dimension])
        return with_measured(self, Known(fixed_points=tuple(points), sources={"fixed_points": "exact"}))


@cache
def transport(points: int, delay: float) -> np.ndarray:
    """D: from values at the points of Chebyshev on [-delay, 0], now first, to derivatives there."""
    j = np.arange(points + 1)
    x = np.cos(np.pi * j / points)
    weight = np.where((j == 0) | (j == points), 2.0, 1.0) * (-1.0) ** j
    apart = x[:, None] - x[None] + np.eye(points + 1)
    matrix = np.outer(weight, 1 / weight) / apart
    matrix -= np.diag(matrix.sum(1))
    matrix *= 2 / delay
    matrix.setflags(write=False)
    return matrix
