"""Maps: logistic, Henon, Ikeda. `flow` is the map itself, and a step is one iteration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from byheart.tasks.systems.known import Known
from byheart.tasks.systems.measured import with_measured
from byheart.tasks.systems.moving import Map

AREA = "exact: the map shrinks every area by the same factor"


@dataclass(frozen=True)
class Logistic(Map):
    """Growth that its own crowding limits: x' = r x (1 - x).

    Reference: May 1976, Simple mathematical models with very complicated dynamics, Nature 261.

    Example:
        >>> Logistic().truth.exponents == (np.log(2),), Logistic(3.2).step([0.5]).tolist()
        (True, [0.8])
    """

    r: float = 4.0
    dimension: ClassVar[int] = 1
    usual_start: ClassVar[tuple[float, ...]] = (0.3,)

    def _rates(self, x: Any) -> tuple:
        return (self.r * x * (1 - x),)

    def _slopes(self, x: Any) -> tuple:
        return ((self.r * (1 - 2 * x),),)

    @property
    def truth(self) -> Known:
        """At 4 conjugate to the tent map; to 3 a fixed point of slope 2 - r; to 1 + sqrt 6 a cycle of two."""
        value, source, dimension = None, "", None
        if self.r == 4:
            value, source, dimension = np.log(2.0), "exact: conjugate to the tent map of slope 2", 1.0
        elif 1 < self.r < 3 and self.r != 2:
            value, source, dimension = np.log(abs(2 - self.r)), "exact: the slope at the fixed point", 0.0
        elif 3 < self.r < 1 + 6**0.5 and self.r != 1 + 5**0.5:
            slope = 4 + 2 * self.r - self.r**2
            value, source, dimension = np.log(abs(slope)) / 2, "exact: the slope along the cycle of two", 0.0
        sources = {"fixed_points": "exact"}
        if value is not None:
            sources |= dict.fromkeys(("total", "exponents", "dimension"), source)
        points = ((0.0,), (1 - 1 / self.r,)) if self.r else ((0.0,),)
        exponents = None if value is None else (float(value),)
        return Known(exponents and exponents[0], exponents, dimension, points, sources)


@dataclass(frozen=True)
class Henon(Map):
    """A plane stretched and folded: x' = 1 - a x^2 + y, y' = b x.

    Reference: Henon 1976, A two-dimensional mapping with a strange attractor, Comm. in Mathematical Physics 50.
    """

    a: float = 1.4
    b: float = 0.3
    dimension: ClassVar[int] = 2
    usual_start: ClassVar[tuple[float, ...]] = (0.1, 0.1)

    def _rates(self, x: Any, y: Any) -> tuple:
        return 1 - self.a * x * x + y, self.b * x

    def _slopes(self, x: Any, y: Any) -> tuple:
        return (-2 * self.a * x, 1.0), (self.b, 0.0)

    @property
    def truth(self) -> Known:
        """Fixed points: y = b x, a x^2 + (1 - b) x - 1 = 0."""
        inside = (1 - self.b) ** 2 + 4 * self.a
        roots = [(self.b - 1 + sign * inside**0.5) / (2 * self.a) for sign in (1, -1)] if inside >= 0 and self.a else []
        usual = self == Henon()
        source = "Sprott 2003, Chaos and time-series analysis, appendix A"
        return Known(
            total=float(np.log(abs(self.b))) if self.b else None,
            exponents=(0.4192, -1.6232) if usual else None,
            dimension=1.2583 if usual else None,
            fixed_points=tuple((x, self.b * x) for x in roots),
            sources=({"total": AREA} if self.b else {})
            | {"fixed_points": "exact"}
            | ({"exponents": source, "dimension": source} if usual else {}),
        )


@dataclass(frozen=True)
class Ikeda(Map):
    """Light that goes round in a ring: z' = 1 + u z exp(i t), t = 0.4 - 6 / (1 + |z|^2), z = x + i y.

    Reference: Ikeda 1979, Multiple-valued stationary state and its instability of the transmitted light by a ring
    cavity system, Optics Communications 30; in the form of Hammel, Jones, Moloney 1985.
    """

    u: float = 0.9
    dimension: ClassVar[int] = 2
    usual_start: ClassVar[tuple[float, ...]] = (0.1, 0.1)

    def _rates(self, x: Any, y: Any) -> tuple:
        t = 0.4 - 6 / (1 + x * x + y * y)
        cos, sin = np.cos(t), np.sin(t)
        return 1 + self.u * (x * cos - y * sin), self.u * (x * sin + y * cos)

    def _slopes(self, x: Any, y: Any) -> tuple:
        size = 1 + x * x + y * y
        t = 0.4 - 6 / size
        cos, sin = np.cos(t), np.sin(t)
        turn_x, turn_y = 12 * x / size**2, 12 * y / size**2  # dt/dx, dt/dy
        across, along = -(x * sin + y * cos), x * cos - y * sin  # d/dt of the turned point
        return (
            (self.u * (cos + across * turn_x), self.u * (-sin + across * turn_y)),
            (self.u * (sin + along * turn_x), self.u * (cos + along * turn_y)),
        )

    @property
    def truth(self) -> Known:
        """What is known of it, each number with its source."""
        exact = Known(total=2 * float(np.log(abs(self.u))), sources={"total": AREA}) if self.u else Known()
        return with_measured(self, exact)
