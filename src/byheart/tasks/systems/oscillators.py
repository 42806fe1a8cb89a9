"""Flows that settle, beat or burst: van der Pol, Duffing with two wells, a neuron that fires in bursts."""

from __future__ import annotations

import cmath
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from byheart.tasks.systems.known import Known
from byheart.tasks.systems.measured import with_measured
from byheart.tasks.systems.moving import Flow


@dataclass(frozen=True)
class VanDerPol(Flow):
    """An oscillator that feeds small swings and damps large ones: its attractor is a cycle.

    x' = y, y' = mu (1 - x^2) y - x.

    Reference: van der Pol 1926, On relaxation-oscillations, Philosophical Magazine 2.
    """

    mu: float = 1.0
    usual_dt: ClassVar[float] = 0.02
    dimension: ClassVar[int] = 2
    usual_start: ClassVar[tuple[float, ...]] = (2.0, 0.0)

    def _rates(self, x: Any, y: Any) -> tuple:
        return y, self.mu * (1 - x * x) * y - x

    def _slopes(self, x: Any, y: Any) -> tuple:
        return (0.0, 1.0), (-2 * self.mu * x * y - 1, self.mu * (1 - x * x))

    @property
    def truth(self) -> Known:
        """At mu = 0 energy is kept: both exponents are 0. Above, the dimension of the cycle is 1."""
        about = {"fixed_points": "exact"}
        if self.mu == 0:
            return Known(
                0.0, (0.0, 0.0), None, ((0.0, 0.0),), about | {"total": "exact", "exponents": "exact: periodic"}
            )
        if self.mu > 0:
            cycle = Known(dimension=1.0, fixed_points=((0.0, 0.0),), sources=about | {"dimension": "exact: a cycle"})
            return with_measured(self, cycle)
        return Known(fixed_points=((0.0, 0.0),), sources=about)


@dataclass(frozen=True)
class Duffing(Flow):
    """A ball in a landscape of two wells, with friction: x' = y, y' = x - x^3 - damping y. It rests in one of them.

    Which one depends on the start: what is learned in one well says nothing of the other.

    Reference: Duffing 1918, Erzwungene Schwingungen bei veraenderlicher Eigenfrequenz; here without drive.
    """

    damping: float = 0.3
    usual_dt: ClassVar[float] = 0.05
    dimension: ClassVar[int] = 2
    usual_start: ClassVar[tuple[float, ...]] = (1.5, 0.0)

    def _rates(self, x: Any, y: Any) -> tuple:
        return y, x - x * x * x - self.damping * y

    def _slopes(self, x: Any, y: Any) -> tuple:
        return (0.0, 1.0), (1 - 3 * x * x, -self.damping)

    @property
    def truth(self) -> Known:
        """At the bottom of a well the linear part is y' = -2 x - damping y: its roots are the exponents."""
        sources = {"total": "exact: the divergence of the flow is the same everywhere", "fixed_points": "exact"}
        exponents = None
        if self.damping > 0:
            root = cmath.sqrt(self.damping**2 - 8)
            exponents = tuple((-self.damping + sign * root.real) / 2 for sign in (1, -1))
            sources |= {"exponents": "exact: real parts of the roots at the bottom of a well", "dimension": "exact"}
        return Known(
            total=-self.damping,
            exponents=exponents,
            dimension=0.0 if exponents else None,
            fixed_points=((0.0, 0.0), (1.0, 0.0), (-1.0, 0.0)),
            sources=sources,
        )


@dataclass(frozen=True)
class HindmarshRose(Flow):
    """A neuron that fires in bursts: x the voltage, y fast currents, z the slow one that ends a burst.

    x' = y - x^3 + 3 x^2 - z + current, y' = 1 - 5 x^2 - y, z' = slow (4 (x + 1.6) - z).

    Reference: Hindmarsh, Rose 1984, A model of neuronal bursting using three coupled first order differential
    equations, Proceedings of the Royal Society B 221.
    """

    current: float = 2.0
    slow: float = 0.006
    usual_dt: ClassVar[float] = 0.05
    dimension: ClassVar[int] = 3
    usual_start: ClassVar[tuple[float, ...]] = (-1.0, -4.0, 2.0)

    def _rates(self, x: Any, y: Any, z: Any) -> tuple:
        return y + x * x * (3 - x) - z + self.current, 1 - 5 * x * x - y, self.slow * (4 * (x + 1.6) - z)

    def _slopes(self, x: Any, y: Any, z: Any) -> tuple:
        return (6 * x - 3 * x * x, 1.0, -1.0), (-10 * x, -1.0, 0.0), (4 * self.slow, 0.0, -self.slow)

    @property
    def truth(self) -> Known:
        """Fixed points: y = 1 - 5 x^2, z = 4 (x + 1.6), and x^3 + 2 x^2 + 4 x + 5.4 - current = 0."""
        roots = np.roots([1.0, 2.0, 4.0, 5.4 - self.current])
        real = [float(root.real) for root in roots if abs(root.imag) < 1e-9]
        points = tuple((x, 1 - 5 * x * x, 4 * (x + 1.6)) for x in real)
        return with_measured(self, Known(fixed_points=points, sources={"fixed_points": "exact: roots of a cubic"}))
