"""Flows with chaos at their usual parameters: Lorenz 1963 and 1996, Roessler, Chua, Thomas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from byheart.errors import InputRefused
from byheart.tasks.systems.known import Known
from byheart.tasks.systems.measured import with_measured
from byheart.tasks.systems.moving import Flow

CONSTANT = "exact: the divergence of the flow is the same everywhere"
SPROTT = "Sprott 2003, Chaos and time-series analysis, appendix A"


@dataclass(frozen=True)
class Lorenz63(Flow):
    """Convection in a layer heated from below: x' = sigma (y - x), y' = x (rho - z) - y, z' = x y - beta z.

    Reference: Lorenz 1963, Deterministic nonperiodic flow, Journal of the Atmospheric Sciences 20, equations 25-27.

    Example:
        >>> Lorenz63().flow([1.0, 1.0, 1.0]).round(3).tolist(), round(Lorenz63().truth.total, 4)
        ([0.0, 26.0, -1.667], -13.6667)
    """

    sigma: float = 10.0
    rho: float = 28.0
    beta: float = 8 / 3
    usual_dt: ClassVar[float] = 0.01
    dimension: ClassVar[int] = 3
    usual_start: ClassVar[tuple[float, ...]] = (1.0, 1.0, 20.0)

    def _rates(self, x: Any, y: Any, z: Any) -> tuple:
        return self.sigma * (y - x), x * (self.rho - z) - y, x * y - self.beta * z

    def _slopes(self, x: Any, y: Any, z: Any) -> tuple:
        return (-self.sigma, self.sigma, 0.0), (self.rho - z, -1.0, -x), (y, x, -self.beta)

    @property
    def truth(self) -> Known:
        """What is known of it, each number with its source."""
        points = [(0.0, 0.0, 0.0)]
        if self.rho > 1:
            side = (self.beta * (self.rho - 1)) ** 0.5
            points += [(sign * side, sign * side, self.rho - 1) for sign in (1, -1)]
        usual = self == Lorenz63()
        return Known(
            total=-(self.sigma + 1 + self.beta),
            exponents=(0.906, 0.0, -14.572) if usual else None,
            dimension=2.062 if usual else None,
            fixed_points=tuple(points),
            sources={"total": CONSTANT, "fixed_points": "exact"}
            | ({"exponents": SPROTT, "dimension": SPROTT} if usual else {}),
        )


@dataclass(frozen=True)
class Lorenz96(Flow):
    """A ring of sites of an atmosphere: x_i' = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + forcing.

    Reference: Lorenz 1996, Predictability: a problem partly solved, ECMWF seminar, equation 1.
    """

    sites: int = 20
    forcing: float = 8.0
    usual_dt: ClassVar[float] = 0.01

    def __post_init__(self) -> None:
        if self.sites < 4:
            raise InputRefused("at least 4 sites", str(self.sites), "Fewer are each other's neighbours twice.")

    @property
    def dimension(self) -> int:
        """How many coordinates a state has."""
        return self.sites

    @property
    def start(self) -> np.ndarray:
        """A state from which the attractor is reached."""
        return self.forcing + 0.01 * (np.arange(self.sites) == 0)

    def _rates(self, *x: Any) -> tuple:
        return tuple(self.flow(np.stack(x, -1)))

    def _slopes(self, *x: Any) -> tuple:
        return tuple(self.jacobian(np.stack(x, -1)))

    def flow(self, state: Any) -> np.ndarray:
        """The rates of change of (..., d) states."""
        x = self._checked(state)
        return (np.roll(x, -1, -1) - np.roll(x, 2, -1)) * np.roll(x, 1, -1) - x + self.forcing

    def jacobian(self, state: Any) -> np.ndarray:
        """(..., d, d) derivatives of `flow`."""
        x, i = self._checked(state), np.arange(self.sites)
        before, after, two_before = (i - 1) % self.sites, (i + 1) % self.sites, (i - 2) % self.sites
        out = np.zeros((*x.shape, self.sites))
        out[..., i, i] = -1
        out[..., i, after] = x[..., before]
        out[..., i, two_before] = -x[..., before]
        out[..., i, before] = x[..., after] - x[..., two_before]
        return out

    @property
    def truth(self) -> Known:
        """What is known of it, each number with its source."""
        exact = Known(
            total=-float(self.sites),
            fixed_points=((self.forcing,) * self.sites,),
            sources={"total": CONSTANT, "fixed_points": "exact"},
        )
        return with_measured(self, exact)


@dataclass(frozen=True)
class Roessler(Flow):
    """A band that folds over itself once a turn: x' = -y - z, y' = x + a y, z' = b + z (x - c).

    Reference: Roessler 1976, An equation for continuous chaos, Physics Letters A 57, equation 2.
    """

    a: float = 0.2
    b: float = 0.2
    c: float = 5.7
    usual_dt: ClassVar[float] = 0.02
    dimension: ClassVar[int] = 3
    usual_start: ClassVar[tuple[float, ...]] = (1.0, 1.0, 0.0)

    def _rates(self, x: Any, y: Any, z: Any) -> tuple:
        return -y - z, x + self.a * y, self.b + z * (x - self.c)

    def _slopes(self, x: Any, y: Any, z: Any) -> tuple:
        return (0.0, -1.0, -1.0), (1.0, self.a, 0.0), (z, 0.0, x - self.c)

    @property
    def truth(self) -> Known:
        """Fixed points: z = -y, x = -a y, and a z^2 - c z + b = 0."""
        inside = self.c**2 - 4 * self.a * self.b
        roots = [(self.c + sign * inside**0.5) / (2 * self.a) for sign in (1, -1)] if inside >= 0 and self.a else []
        usual = self == Roessler()
        return Known(
            exponents=(0.0714, 0.0, -5.3943) if usual else None,
            dimension=2.0132 if usual else None,
            fixed_points=tuple((self.a * z, -z, z) for z in roots),
            sources={"fixed_points": "exact"} | ({"exponents": SPROTT, "dimension": SPROTT} if usual else {}),
        )


@dataclass(frozen=True)
class Chua(Flow):
    """A circuit whose resistor has three straight pieces: x' = alpha (y - x - h(x)), y' = x - y + z, z' = -beta y.

    h(x) = outer x + (inner - outer) (|x + 1| - |x - 1|) / 2. Where |x| = 1 the derivative is that of the inner piece.

    Reference: Chua, Komuro, Matsumoto 1986, The double scroll family, IEEE Transactions on Circuits and Systems 33.
    """

    alpha: float = 15.6
    beta: float = 28.0
    inner: float = -8 / 7
    outer: float = -5 / 7
    usual_dt: ClassVar[float] = 0.01
    dimension: ClassVar[int] = 3
    usual_start: ClassVar[tuple[float, ...]] = (0.7, 0.0, 0.0)

    def _rates(self, x: Any, y: Any, z: Any) -> tuple:
        h = self.outer * x + (self.inner - self.outer) / 2 * (abs(x + 1) - abs(x - 1))
        return self.alpha * (y - x - h), x - y + z, -self.beta * y

    def _slopes(self, x: Any, y: Any, z: Any) -> tuple:
        h = self.outer + (self.inner - self.outer) * (abs(x) <= 1)
        return (-self.alpha * (1 + h), self.alpha, 0.0), (1.0, -1.0, 1.0), (0.0, -self.beta, 0.0)

    @property
    def truth(self) -> Known:
        """Fixed points: y = 0, z = -x, x + h(x) = 0."""
        points = [(0.0, 0.0, 0.0)]
        if self.outer != -1 and (side := (self.outer - self.inner) / (1 + self.outer)) > 1:
            points += [(sign * side, 0.0, -sign * side) for sign in (1, -1)]
        return with_measured(self, Known(fixed_points=tuple(points), sources={"fixed_points": "exact"}))


@dataclass(frozen=True)
class Thomas(Flow):
    """A particle in a lattice of forces, the same in every coordinate: x' = sin y - b x, and so on in a circle.

    Reference: Thomas 1999, Deterministic chaos seen in terms of feedback circuits, Int. J. of Bifurcation and Chaos 9.
    """

    b: float = 0.208186
    usual_dt: ClassVar[float] = 0.05
    dimension: ClassVar[int] = 3
    usual_start: ClassVar[tuple[float, ...]] = (1.0, 0.0, 0.5)

    def _rates(self, x: Any, y: Any, z: Any) -> tuple:
        return np.sin(y) - self.b * x, np.sin(z) - self.b * y, np.sin(x) - self.b * z

    def _slopes(self, x: Any, y: Any, z: Any) -> tuple:
        return (-self.b, np.cos(y), 0.0), (0.0, -self.b, np.cos(z)), (np.cos(x), 0.0, -self.b)

    @property
    def truth(self) -> Known:
        """What is known of it, each number with its source."""
        sources = {"total": CONSTANT, "fixed_points": "exact (others may exist)"}
        return with_measured(self, Known(total=-3 * self.b, fixed_points=((0.0, 0.0, 0.0),), sources=sources))
