r"""Kinds: does an orbit rest, come round, wander on a torus, part from its neighbours, or leave every bound?

Asked in this order; of what is left nothing is claimed:

    divergence      NaN, infinity, or a value beyond 1000 training deviations,
    fixed point     the last tenth moves by less than 1e-6, or over the second half its steps become smaller by one
                    factor a step, at least e^2 in all,
    cycle           after one time it is always where it was (`returning`),
    chaos           neighbours part by a factor e and more, those who were nearer stay nearer by the same factor while
                    they do (`parting`: noise cannot do that), and the spectrum is no few lines,
    quasiperiodic   they stay together, the spectrum is a dozen lines and 1/1000 beside them, the orbit is steady, and
                    it fills more than a curve,
    unclear         the rest, with a reason: few turns, noise, drift, no near neighbours.

A wrong kind costs more than none: each bound lies between what was measured of orbits of known kinds, noise among
them (benchmarks/orbit_kinds.py).

Reference: Kantz, Schreiber 2004, Nonlinear time series analysis, chapters 3 to 5 (the kinds); Rosenstein, Collins, De
Luca 1993, "A practical method for calculating largest Lyapunov exponents from small data sets", Physica D 65.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.orbits.fitted_step import FittedRate, fitted_rate
from byheart.maths.orbits.pairs import AWAY
from byheart.maths.orbits.parting import GROWN, Parting, parting_of, turn, unfolded
from byheart.maths.orbits.returning import period_of
from byheart.maths.shapes import Float, Given
from byheart.seeds import stream

STILL = 1e-6  # training deviations
SHORTEST = 40  # steps
SETTLED, PIECES = 2.0, 8  # in ln: so much smaller have steps become, in so many pieces of the second half
RESTING = 1e-3  # of the largest deviation: a channel that moves less is left out
TURNS = 15  # fewer say nothing of neighbours
LINES, BINS = 12, 3  # of the spectrum, each this many bins to both sides
BROAD, SHARP = 5e-3, 1e-3  # of the power is beside them: measured of chaos 1e-2 and more, of a torus 1e-4 and less
STAYED, KEPT, BOTH = 0.6, 0.6, 1.6  # of `parting`: chaos has 0.8 and 1, white noise 0.4 and 0, smooth noise 0.7 and 0.7
TOGETHER = 0.85  # `stayed` of a torus
BELOW = 0.5  # in ln: so much nearer than states at random are neighbours who stay together
DRIFT = 0.2  # in ln: neighbours who part by more over the last two thirds of the curve do not stay together
STEADY = 0.15  # deviations, and ln of a deviation, by which halves of a torus may differ
LEVEL, SPREAD = 1.0, 0.5  # the same of chaos
SLOWEST, FASTEST = 0.03, 3.5  # in ln a turn: measured of chaos 0.06 to 3.05, the latter of the logistic map
HALFWAY, REACHED = 0.55, 0.8  # of the way to states at random
FAR, MANY = 2.0, 4  # in ln, and channels: neighbours who are no nearer are not asked, but a fitted law
MISSED, CURVED = 0.01, 4.0  # of the rates; times less than a straight law misses
CURVE = 1.4  # dimensions: a closed curve has 1, a torus 2
PAIRS = 20_000  # of states, for the dimension


@dataclass(frozen=True)
class Orbit:
    """What an orbit does.

    Attributes:
        kind: `fixed point`, `cycle`, `quasiperiodic`, `chaos`, `divergence` or `unclear`.
        reason: why it is unclear; empty otherwise.
        period: steps after which a cycle comes round, not whole; 0 of the others.
        turns: how many were looked at: periods of a cycle; of the others by the mean square frequency. 0 where none.
        rate: how fast neighbours part, in ln a step, where it was read (`parting`); an estimate: its sign is used.
        low, high: its interval of 95 %.
        stayed: in which share of the neighbours that parted by a factor e the farther is still the farther; 1 of a
            deterministic system, below 1/2 of noise. 0 where it was not asked, or the rate is that of a fitted law.
        ends: step at which a divergence left the bounds; 0 of the others.
    """

    kind: str
    reason: str = ""
    period: float = 0.0
    turns: float = 0.0
    rate: float = 0.0
    low: float = 0.0
    high: float = 0.0
    stayed: float = 0.0
    ends: int = 0


def classify(orbit: Given[Any, "*r"]) -> Orbit:
    r"""Does an orbit rest, come round, wander on a torus, part from its neighbours, or leave every bound?

    The order and the bounds stand at the head of the file. A distance of an orbit that diverges or rests says nothing:
    ask this first. A replay of the training series is of the kind that the series is.

    Args:
        orbit: (t, d) the orbit, or (t,), in deviations of the training series; NaN and infinity are allowed. The first
            quarter is left out, as a transient.

    Returns:
        `Orbit`.

    Raises:
        InputRefused: no array of numbers; fewer than 40 steps.

    Cost: 5,000 steps in 3 dimensions 0.05 CPU s for a cycle, 0.2 for the others. Fails when: there is noise (a noisy
    cycle is unclear); chaos in many dimensions, where nobody has a near neighbour, is unclear; so is a closed curve
    seen fewer than ten times a turn, which may be a cycle or a rotation; a slow approach to a cycle is not over.
    Reference: Kantz, Schreiber 2004; Rosenstein, Collins, De Luca 1993 (titles at the head of the file).

    >>> t = np.arange(2000)
    >>> classify(np.sin(0.1 * t)).kind, classify(0.99**t).kind, classify(1.1**t).ends
    ('cycle', 'fixed point', 73)
    >>> classify(np.random.default_rng(0).normal(size=2000))  # doctest: +ELLIPSIS
    Orbit(kind='unclear', reason='noise: ...
    """
    orbit = orbit[:, None] if getattr(orbit, "ndim", 2) == 1 else orbit
    x = array(orbit, "the orbit", "td", finite=False).astype(np.float64)
    if len(x) < SHORTEST:
        raise InputRefused(f"an orbit of at least {SHORTEST} steps", str(len(x)), "Let it run longer.")
    gone = ~(np.abs(x) <= AWAY).all(1)  # NaN is gone too
    if gone.any():
        return Orbit("divergence", ends=int(gone.argmax()))
    if np.ptp(x[-(len(x) // 10) :], axis=0).max() < STILL or _settles(x):
        return Orbit("fixed point")
    for begin in (len(x) // 4, len(x) // 2):
        tail = _scaled(x[begin:])
        if period := period_of(tail):
            return Orbit("cycle", period=period, turns=len(tail) / period)
    return _wandering(_scaled(x[len(x) // 4 :]))


def _scaled(x: Float[np.ndarray, "t d"]) -> Float[np.ndarray, "t d"]:
    """Each channel that moves in its own deviations."""
    deviation = x.std(0)
    moves = deviation > RESTING * deviation.max()
    return (x[:, moves] - x[:, moves].mean(0)) / deviation[moves]


def _settles(x: Float[np.ndarray, "t d"]) -> bool:
    """Do its steps become smaller by one factor a step, over the second half?"""
    steps = np.array_split(np.diff(x[len(x) // 2 :], axis=0), PIECES)
    logs = np.log(np.maximum([np.sqrt((one**2).mean()) for one in steps], 1e-300))
    falls = -np.diff(logs)
    return bool(falls.sum() > SETTLED and falls.min() > falls.max() / 2)


def _wandering(x: Float[np.ndarray, "t d"]) -> Orbit:
    """Chaos, quasiperiodic, or unclear and why."""
    a_turn = turn(x)
    turns = len(x) / a_turn
    if turns < TURNS:
        return Orbit("unclear", f"only {turns:.0f} turns: {TURNS} tell whether neighbours part", turns=turns)
    found, beside = parting_of(x), _beside_lines(x)
    known = Orbit("unclear", "", turns=turns, rate=found.rate, low=found.low, high=found.high, stayed=found.stayed)
    wide = beside > BROAD and _steady(x, LEVEL, SPREAD)
    if wide and found.pairs and found.way < FAR and x.shape[1] >= MANY and found.grown > REACHED * found.way:
        law = fitted_rate(x, a_turn)
        if _says(law) and _parts(law, a_turn):
            return replace(known, kind="chaos", rate=law.rate, low=law.low, high=law.high, stayed=0.0)
    if wide and found.grown > max(GROWN, HALFWAY * found.way) and _is_no_noise(found) and _parts(found, a_turn):
        return replace(known, kind="chaos")
    if _stays_together(found) and beside < SHARP and _steady(x, STEADY, STEADY) and _dimension(x) > CURVE:
        return replace(known, kind="quasiperiodic")
    return replace(known, reason=_reason(x, found, beside))


def _parts(found: Parting | FittedRate, a_turn: float) -> bool:
    """For certain, and neither so slowly that it may be an error of the estimate nor faster than a flow can."""
    return found.low > 0 and SLOWEST < found.rate * a_turn < FASTEST


def _is_no_noise(found: Parting) -> bool:
    """What was nearer stays nearer, by both measures and by their sum: slow noise on a swing is near to either."""
    return found.stayed >= STAYED and found.kept >= KEPT and found.stayed + min(found.kept, 1.0) >= BOTH


def _says(law: FittedRate) -> bool:
    """Does the law say how the orbit moves, and does it take more than a straight one?"""
    return law.missed < min(MISSED, law.missed_straight / CURVED)


def _stays_together(found: Parting) -> bool:
    """After the first third, in which windows of one channel may part a little, neighbours part no more."""
    if found.stayed < TOGETHER or found.kept < KEPT or found.grown > found.way - BELOW:
        return False
    late = found.near[len(found.near) // 3 :]
    return abs(float(np.polyfit(np.linspace(0, 1, len(late)), late, 1)[0])) < DRIFT


def _reason(x: Float[np.ndarray, "t d"], found: Parting, beside: float) -> str:
    """Why nothing is claimed."""
    if not found.pairs or found.way < GROWN:
        return "no near neighbours: too few states for so many dimensions"
    if not _is_no_noise(found):
        return "noise: neighbours who were nearer do not stay nearer"
    if not _steady(x, LEVEL, SPREAD):
        return "not steady: its halves differ"
    if found.grown >= GROWN or found.grown > found.way - BELOW:
        return "neighbours part, but not for certain by one factor a step"
    if beside >= SHARP:
        return "neighbours stay together, but its spectrum is no few lines"
    return "a closed curve seen too coarsely, or with noise: a cycle or a rotation"


def _beside_lines(x: Float[np.ndarray, "t d"]) -> float:
    """Share of the power beside the strongest lines of the spectrum, channels in equal shares, by Hann's window."""
    power = np.abs(np.fft.rfft(x * np.hanning(len(x) + 2)[1:-1, None], axis=0)) ** 2
    shares = (power / power.sum(0)).mean(1)
    for _ in range(LINES):
        top = int(shares.argmax())
        shares[max(top - BINS, 0) : top + BINS + 1] = 0
    return float(shares.sum())


def _steady(x: Float[np.ndarray, "t d"], level: float, spread: float) -> bool:
    """Are its halves alike, in mean (deviations) and deviation (ln)?"""
    first, second = np.array_split(x, 2)
    spreads = np.log(np.maximum(first.std(0), STILL) / np.maximum(second.std(0), STILL))
    return bool(np.abs(first.mean(0) - second.mean(0)).max() < level and np.abs(spreads).max() < spread)


def _dimension(x: Float[np.ndarray, "t d"]) -> float:
    """The correlation dimension: how the share of pairs within r grows with r, from 1 to 10 per cent of them."""
    states = unfolded(x)
    i, j = stream(0, "pairs of an orbit").integers(len(states), size=(2, PAIRS))
    apart = np.linalg.norm(states[i] - states[j], axis=1)[np.abs(i - j) > turn(x)]
    near, far = np.quantile(apart, (0.01, 0.1))
    return float(np.log(10) / np.log(far / near))
