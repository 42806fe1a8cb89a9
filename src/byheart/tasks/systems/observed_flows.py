"""Flows as tasks: Lorenz 1963 and 1996, Roessler, Chua, Thomas, van der Pol, Duffing, Hindmarsh-Rose, Mackey-Glass."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from byheart.tasks.systems.chaotic_flows import Chua, Lorenz63, Lorenz96, Roessler, Thomas
from byheart.tasks.systems.delayed import MackeyGlass
from byheart.tasks.systems.observed import SHAKEN, Observed
from byheart.tasks.systems.oscillators import Duffing, HindmarshRose, VanDerPol

Dt = Annotated[float, Field(gt=0, le=1000)]


class ObservedLorenz63(Observed):
    """What does the convection do next? Lorenz 1963, seen every 0.05 of its time; arguments as for `Observed`.

    Reference: Lorenz 1963, Deterministic nonperiodic flow, Journal of the Atmospheric Sciences 20.

    Example:
        >>> data = ObservedLorenz63(n=400, observed="x", noise=0.05).draw(0)
        >>> data.train.x.shape[1:], data.about["title"], data.truth.exponents.tolist()
        ((4, 1), 'Lorenz 1963, x of 3 coordinates seen, 5% noise', [0.906, 0.0, -14.572])
    """

    name = "lorenz63"
    of = Lorenz63
    called = "Lorenz 1963"
    settles = 20
    dt: Dt = 0.05
    sigma: float = 10.0
    rho: float = 28.0
    beta: float = 8 / 3


class ObservedLorenz96(Observed):
    """What will the weather be at each site of the ring? Lorenz 1996, seen every 0.05; arguments as for `Observed`.

    Reference: Lorenz 1996, Predictability: a problem partly solved, ECMWF seminar.
    """

    name = "lorenz96"
    of = Lorenz96
    called = "Lorenz 1996"
    settles = 10
    dt: Dt = 0.05
    sites: Annotated[int, Field(ge=4, le=1000)] = 20
    forcing: float = 8.0


class ObservedRoessler(Observed):
    """Where on the folded band is it next? Roessler 1976, seen every 0.2; arguments as for `Observed`.

    Reference: Roessler 1976, An equation for continuous chaos, Physics Letters A 57.
    """

    name = "roessler"
    of = Roessler
    called = "Roessler 1976"
    settles = 100
    dt: Dt = 0.2
    a: float = 0.2
    b: float = 0.2
    c: float = 5.7


class ObservedChua(Observed):
    """What is the state of the circuit next? Chua's double scroll, seen every 0.05; arguments as for `Observed`.

    Reference: Chua, Komuro, Matsumoto 1986, The double scroll family, IEEE Transactions on Circuits and Systems 33.
    """

    name = "chua"
    of = Chua
    called = "Chua's circuit"
    settles = 30
    dt: Dt = 0.05
    alpha: float = 15.6
    beta: float = 28.0
    inner: float = -8 / 7
    outer: float = -5 / 7


class ObservedThomas(Observed):
    """Where does the lattice of forces push it next? Thomas 1999, seen every 0.5; arguments as for `Observed`.

    Reference: Thomas 1999, Deterministic chaos seen in terms of feedback circuits, Int. J. of Bifurcation and Chaos 9.
    """

    name = "thomas"
    of = Thomas
    called = "Thomas 1999"
    settles = 200
    dt: Dt = 0.5
    b: float = 0.208186


class ObservedVanDerPol(Observed):
    """Where on its cycle is the oscillator next? Van der Pol 1926, seen every 0.2; arguments as for `Observed`.

    Reference: van der Pol 1926, On relaxation-oscillations, Philosophical Magazine 2.
    """

    name = "van-der-pol"
    of = VanDerPol
    called = "Van der Pol 1926"
    settles = 30
    dt: Dt = 0.2
    mu: float = 1.0


class ObservedDuffing(Observed):
    """Into which well does the ball roll? Duffing without drive, seen every 0.2; arguments as for `Observed`.

    It comes to rest, so nothing is waited for: each of the `starts` is a point of the square -2..2 of place and speed,
    and the stretches are the ways down from there.

    Reference: Duffing 1918, Erzwungene Schwingungen bei veraenderlicher Eigenfrequenz.
    """

    name = "duffing"
    of = Duffing
    called = "Duffing, two wells"
    settles = 0
    n: Annotated[int, Field(ge=100, le=500_000)] = 4000
    starts: Annotated[int, Field(ge=1, le=10_000)] = 80
    dt: Dt = 0.2
    damping: float = 0.3

    def begin(self, rng: np.random.Generator) -> np.ndarray:
        """(2,) uniform in the square from which both wells are reached."""
        return rng.uniform(-2, 2, 2)


class ObservedHindmarshRose(Observed):
    """When does the neuron fire next? Hindmarsh and Rose 1984, seen every 0.5; arguments as for `Observed`.

    Reference: Hindmarsh, Rose 1984, A model of neuronal bursting using three coupled first order differential
    equations, Proceedings of the Royal Society B 221.
    """

    name = "hindmarsh-rose"
    of = HindmarshRose
    called = "Hindmarsh and Rose 1984"
    settles = 300
    dt: Dt = 0.5
    current: float = 2.0
    slow: float = 0.006


class ObservedMackeyGlass(Observed):
    """How many blood cells will there be? Mackey and Glass 1977, x seen every 2 units; arguments as for `Observed`.

    The state is a whole past (25 coordinates, x0 now and x24 one delay ago); what is seen is x0, unless `observed`
    names others.

    Reference: Mackey, Glass 1977, Oscillation and chaos in physiological control systems, Science 197.
    """

    name = "mackey-glass"
    of = MackeyGlass
    called = "Mackey and Glass 1977"
    settles = 300
    dt: Dt = 2.0
    observed: tuple[str, ...] = ("x0",)
    delay: float = 17.0
    growth: float = 0.2
    decay: float = 0.1
    power: float = 10.0
    points: Annotated[int, Field(ge=4, le=200)] = 24

    def begin(self, rng: np.random.Generator) -> np.ndarray:
        """(d,) a past that was always the same."""
        return self.system.start * (1 + SHAKEN * rng.normal())
