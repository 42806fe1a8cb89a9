r"""Lyapunov: how fast do neighbouring states of an orbit part, in each direction, and how many directions does it fill?

Along an orbit z_t, with the Jacobian J of the step, Q_0 the identity,

    J(z_t) Q_t = Q_{t+1} R_{t+1} (QR),   lambda_i = 1 / (T dt) sum_t ln |R_ii,t|.

Their sum is the mean of ln |det J| exactly, whatever the orbit. In float64, also for models in float32.

Reference: Benettin, Galgani, Giorgilli, Strelcyn 1980, "Lyapunov characteristic exponents for smooth dynamical systems
and for Hamiltonian systems", Meccanica 15; Kaplan, Yorke 1979, "Chaotic behavior of multidimensional difference
equations", Lecture Notes in Mathematics 730.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.orbits.tangent import CHECKED, Stepped, stepped
from byheart.maths.shapes import Float, Given

BLOCKS = 10  # pieces of the orbit from whose means the standard errors are
AT_ONCE = 1000  # states whose Jacobians are held


@dataclass(frozen=True)
class Spectrum:
    """The Lyapunov exponents of an orbit.

    Attributes:
        values: (d,) per unit of time (of `dt`), the largest first; -inf where a direction collapses in one step.
        standard_errors: (d,) of each, from the means of ten blocks of the orbit; NaN where a value is infinite.
        time: T dt, the length of orbit they are means over.
    """

    values: Float[np.ndarray, " d"]
    standard_errors: Float[np.ndarray, " d"]
    time: float


def lyapunov_spectrum(
    step: Callable[[Any], Any],
    state: Any,
    steps: int,
    dt: float = 1.0,
    jacobian: Callable[[Any], Any] | None = None,
    transient: int = 1000,
) -> Spectrum:
    r"""How fast do neighbouring states part, in each direction?

    lambda_i = 1 / (T dt) sum ln |R_ii| of the QR steps at the head of the file. The directions turn into place during
    the transient. A replay has no step and so no exponents: they are of a model, never of its record.

    Args:
        step: the map from one state (d,) to the next; of a flow, its integration over `dt`.
        state: (d,) where to begin: numpy, or a tensor where the step is in torch.
        steps: T, steps after the transient.
        dt: time of a step, in the unit that the exponents are per.
        jacobian: state -> (d, d) derivatives of the step, rows the next state; where it also takes many states (t, d)
            at once it is called so. None: by `torch.func` where the step is in torch, else by differences.
        transient: steps that are taken first and left out.

    Returns:
        `Spectrum`.

    Raises:
        InputRefused: fewer than 10 steps; shapes that do not fit; an orbit that leaves every bound; a Jacobian that is
        not that of the step, the element named.

    Cost: T steps, Jacobians and QR of a (d, d) matrix; Lorenz 1963 over 100,000 steps about 3 CPU s. Fails when: the
    orbit is short (look at the standard errors, which leave out blocks that hang together); by differences, where the
    step has kinks; in several basins, as it is of one orbit.
    Reference: Benettin, Galgani, Giorgilli, Strelcyn 1980 (title at the head of the file).

    >>> stretch = np.array([[2.0, 1.0], [1.0, 1.0]])
    >>> found = lyapunov_spectrum(lambda x: stretch @ x % 1, np.array([0.1, 0.2]), 100, jacobian=lambda x: stretch)
    >>> found.values.round(6).tolist(), round(kaplan_yorke(found.values), 6)
    ([0.962424, -0.962424], 2.0)
    """
    if steps < BLOCKS or transient < 0 or not dt > 0:
        raise InputRefused(
            expected=f"at least {BLOCKS} steps, a transient from 0 on, dt above 0",
            came=f"steps={steps}, transient={transient}, dt={dt:g}", do="An exponent is a mean along an orbit.",
        )  # fmt: skip
    both = stepped(step, jacobian, state)
    x = array(state, "the state", "d").astype(np.float64)
    q, counted = np.eye(len(x)), []
    for slopes in _along(both, x, transient + steps):
        for slope in slopes:
            q, r = np.linalg.qr(slope @ q)
            counted.append(np.abs(np.diag(r)))
    with np.errstate(divide="ignore"):  # ln 0 = -inf: the direction is gone
        logs = np.log(np.array(counted[transient:])) / dt
    return _summed(logs, steps * dt)


def _along(both: Stepped, x: np.ndarray, steps: int) -> Iterator[np.ndarray]:
    """The Jacobians of the step along the orbit, at most `AT_ONCE` at a time."""
    together = both.takes_many(x)
    for start in range(0, steps, AT_ONCE):
        states = []
        for t in range(start, min(start + AT_ONCE, steps)):
            states.append(x)
            x = both.after(x)
            if not np.isfinite(x).all():
                raise InputRefused(
                    "an orbit that stays finite", f"NaN or infinity after {t + 1} steps", "It diverges: see classify."
                )
        if not start:
            both.must_agree(np.array(states[-CHECKED:]))
        yield both.slopes(np.array(states), together)


def _summed(logs: Float[np.ndarray, "t d"], time: float) -> Spectrum:
    """Means along the orbit and their errors, the largest first."""
    values = logs.mean(0)
    order = np.argsort(-values, kind="stable")
    means = np.array([block.mean(0) for block in np.array_split(logs, BLOCKS)])
    with np.errstate(invalid="ignore"):  # inf - inf: no error can be said
        errors = means.std(0, ddof=1) / BLOCKS**0.5
    return Spectrum(values[order], errors[order], time)


def kaplan_yorke(values: Given[Any, " d"], zero: float = 0.0) -> float:
    r"""How many dimensions does an orbit with these Lyapunov exponents fill?

    D = j + (lambda_1 + .. + lambda_j) / |lambda_{j+1}|, j the largest number of exponents whose sum is not negative; d
    where no sum is negative, 0 where the first is. A replay of a record has no exponents of its own.

    Args:
        values: (d,) exponents, in any order and unit.
        zero: exponents no larger than this in size are taken as 0, so that a cycle whose exponent was measured as
            -0.0001 has dimension 1 and not 0.

    Returns:
        D, between 0 and d.

    Raises:
        InputRefused: NaN, plus infinity, or none.

    Cost: a sort. Fails when: an exponent that is 0 in truth was measured a little below it: say `zero`.
    Reference: Kaplan, Yorke 1979 (title at the head of the file).

    >>> round(kaplan_yorke([0.906, 0.0, -14.572]), 3), kaplan_yorke([-0.1, -2.0]), kaplan_yorke([0.0, -1.0])
    (2.062, 0.0, 1.0)
    """
    given = array(values, "the exponents", "d", finite=False).astype(np.float64)
    if not len(given) or np.isnan(given).any() or (given == np.inf).any():
        raise InputRefused("Lyapunov exponents", f"{given.tolist()[:5]}", "Leave out what could not be measured.")
    exponents = np.sort(np.where(np.abs(given) <= zero, 0.0, given))[::-1]
    sums = np.cumsum(exponents)
    j = int((sums >= 0).sum())
    if j in (0, len(exponents)):
        return float(j)
    return j + float(sums[j - 1] / abs(exponents[j]))
