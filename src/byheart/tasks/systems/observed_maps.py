"""Maps as tasks: logistic, Henon, Ikeda."""

from __future__ import annotations

from byheart.tasks.systems.maps import Henon, Ikeda, Logistic
from byheart.tasks.systems.observed import Observed


class ObservedLogistic(Observed):
    """How large is the next generation? x' = r x (1 - x); arguments as for `Observed`.

    Reference: May 1976, Simple mathematical models with very complicated dynamics, Nature 261.

    Example:
        >>> data = ObservedLogistic(n=300).draw(0)
        >>> data.train.x.shape[1:], data.truth.exponents.round(4).tolist(), data.truth.dimension
        ((4, 1), [0.6931], 1.0)
    """

    name = "logistic"
    of = Logistic
    called = "Logistic map"
    settles = 100
    r: float = 4.0


class ObservedHenon(Observed):
    """Where does the stretched and folded plane send this point? x' = 1 - a x^2 + y, y' = b x; as `Observed`.

    Reference: Henon 1976, A two-dimensional mapping with a strange attractor, Comm. in Mathematical Physics 50.
    """

    name = "henon"
    of = Henon
    called = "Henon map"
    settles = 100
    a: float = 1.4
    b: float = 0.3


class ObservedIkeda(Observed):
    """Where is the light after one more turn in the ring? Arguments as for `Observed`.

    Reference: Ikeda 1979, Multiple-valued stationary state and its instability of the transmitted light by a ring
    cavity system, Optics Communications 30.
    """

    name = "ikeda"
    of = Ikeda
    called = "Ikeda map"
    settles = 200
    u: float = 0.9
