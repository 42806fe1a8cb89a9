r"""Parting: how fast do the neighbours in one recorded series part, and how long is its dominant period?

For each of some states x_i the nearest state of another turn, x_j, and x_l, the nearest of the eighth turn that comes
as near. Of the curve

    near(k) = median_i ln |x_{i+k} - x_{j+k}|

the slope is the largest Lyapunov exponent a step, where there is one. It is read between a fifth and a half of the way
to the size of the whole: before, differences turn into the direction that grows; after, they come to an end.

Noise parts states, too. But what was nearer by the system stays nearer while both grow by one factor, and what was
nearer by luck does not. So, of the i whose neighbour is e times as far as it was when half of them are, it is counted
in which share x_l is still farther than x_j (`stayed`); and the mean of ln |x_{i+k} - x_{l+k}| / |x_{i+k} - x_{j+k}|
then is compared to what it was at first (`kept`).

A series of few channels is laid out in windows of about one turn. They must span it: of the windows of half a turn that
were used here before, slow movements could not be read, neighbours were none, and one channel of Lorenz 1963 parted 2.8
times too fast. Medians say what most states do: by means, a few kicks were a rate.

Reference: Rosenstein, Collins, De Luca 1993, "A practical method for calculating largest Lyapunov exponents from small
data sets", Physica D 65, equations 9 to 13; what stays nearer: byheart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import t as student

from byheart.maths.shapes import Float, Int

ASKED = 800  # states whose neighbours are looked for
OTHERS = 8  # turns: so much farther in rank is the second neighbour
LOOKED = 400  # nearest states looked at, to find them
FEWEST = 40  # states with neighbours
TURNS = 20  # that neighbours are followed, at most
A_TURN = 12  # values of the curves
FROM, TO = 0.2, 0.5  # of the way to the size of the whole
GROWN = 1.0  # in ln: what parts by less than e parts not
READ = 3  # steps of the curve without which no slope is read
BLOCKS = 10  # of the series, whose slopes give the interval
ROUNDS = 4  # times that a series has to come round for a period to be seen
WINDOWS = {1: 9, 2: 4, 3: 2}  # by channels: values of a window


@dataclass(frozen=True)
class Parting:
    """How the neighbours in a series part.

    Attributes:
        rate: ln a step, the slope of `near`; 0 where it does not rise by 1.
        low, high: its interval of 95 %, of ten stretches of the series.
        grown: by how much `near` rises at most.
        stayed: of the neighbours that parted by a factor e when `near` has risen by 1 (of all at its top, where it
            does not), the share whose farther one is still the farther: 1 of a deterministic system, 1/2 and less of
            noise.
        kept: the mean ln of farther over nearer then, as a share of what it was at first: 1, and 0 of noise.
        way: by how much it would rise if neighbours became states at random.
        pairs: how many states had neighbours; 0: nothing could be read.
        steps: k of the curve.
        near: the curve, in ln.
    """

    rate: float
    low: float
    high: float
    grown: float
    stayed: float
    kept: float
    way: float
    pairs: int
    steps: Int[np.ndarray, " k"]
    near: Float[np.ndarray, " k"]


NOTHING = Parting(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, np.zeros(0, int), np.zeros(0))


def dominant_period(series: Float[np.ndarray, "t d"]) -> int:
    """After how many steps does the series come round?

    The largest peak of its spectrum, channels in equal shares, of frequencies that it goes through `ROUNDS` times at
    least: below is drift.
    """
    centred = series - series.mean(0)
    power = np.abs(np.fft.rfft(centred, axis=0)) ** 2
    first = min(ROUNDS, len(power) - 1)
    shares = (power / np.maximum(power.sum(0), 1e-300)).mean(1)[first:]
    return max(round(len(series) / (first + int(shares.argmax()))), 1)


def turn(series: Float[np.ndarray, "t d"]) -> float:
    """How many steps does a turn take?

    2 pi times the deviation of the series over that of its steps: the mean square frequency. White noise has 4.4.
    """
    steps = np.diff(series, axis=0)
    return float(2 * np.pi * (series.var(0).sum() / max((steps**2).mean(0).sum(), 1e-300)) ** 0.5)


def unfolded(series: Float[np.ndarray, "t d"]) -> Float[np.ndarray, "s r"]:
    """What are the states of a series?

    Windows of a turn where it has one or two channels, of a quarter where it has three; more channels are a state.
    """
    channels, a_turn = series.shape[1], turn(series)
    values = min(WINDOWS.get(channels, 1), max(round(a_turn / channels), 1) + 1)
    lag = max(round(a_turn / (values - 1 if channels < 3 else 4)), 1) if values > 1 else 0
    length = len(series) - (values - 1) * lag
    if length < len(series) / 2:
        return series
    return np.concatenate([series[k * lag : k * lag + length] for k in range(values)], 1)


def parting_rate(series: Float[np.ndarray, "t d"]) -> float:
    """How fast do neighbours in a series part, in ln a step?

    The rate of `parting_of`; 0 where they do not by a factor e, too few steps tell, or its interval holds 0.
    """
    found = parting_of(series)
    return found.rate if found.low > 0 else 0.0


def parting_of(series: Float[np.ndarray, "t d"]) -> Parting:
    r"""How do the neighbours in a series part?

    The curve near(k) of the head of the file, and what is read from it. Of the poles only the record is
    asked: what a replay of it would give.

    Args:
        series: (t, d), its channels in units that may be compared.

    Returns:
        `Parting`; its `rate` is ln a step.

    Raises:
        Nothing: where too few states have neighbours on eight other turns, `pairs` is 0.

    Cost: a tree of t states, 800 neighbours followed over 20 turns: 5,000 steps in 3 dimensions 0.1 CPU s. Fails when:
    noise parts the states (`stayed` says so, the rate is then of the noise); in many dimensions, where nobody has a
    near neighbour (`way` is below 1). The rate says the scale of time: of five starts each it was on average 0.94 to
    1.12 of the truth on Lorenz 1963, whole and by channels (1.3 of 44 turns), 0.99 to 1.03 on Henon, Ikeda and the
    logistic map, 0.79 to 0.89 on Roessler and Mackey-Glass, single ones 0.54 to 1.8; its interval held it in three of
    four. Of it the sign is used.
    Reference: Rosenstein, Collins, De Luca 1993, equations 9 to 13 (title at the head of the file).

    >>> turns, x = np.linspace(0, 60, 1200), [0.3]
    >>> for _ in range(1200):
    ...     x.append(4 * x[-1] * (1 - x[-1]))
    >>> circle, logistic = parting_of(np.stack([np.cos(turns), np.sin(turns)], 1)), parting_of(np.array(x)[:, None])
    >>> circle.grown < 0.1, 0.6 < logistic.rate < 0.75, logistic.stayed > 0.9  # its exponent is ln 2
    (True, True, True)
    """
    states, a_turn = unfolded(series), turn(series)
    horizon = int(min(TURNS * a_turn + 10, len(states) // 3))
    if horizon < max(READ, 2 * a_turn):
        return NOTHING
    here, near, far = _neighbours(states, len(states) - horizon, int(np.ceil(a_turn)))
    if len(here) < FEWEST:
        return NOTHING
    steps = np.unique(np.round(np.arange(0, horizon, max(a_turn / A_TURN, 1.0))).astype(int))
    nearer, farther = (np.stack([_logs(states[here + k] - states[one + k]) for k in steps]) for one in (near, far))
    whole = float(np.median(_logs(states[here] - states[np.roll(here, len(here) // 3)])))
    return _read(steps, nearer, farther, whole)


def _read(
    steps: Int[np.ndarray, " k"], nearer: Float[np.ndarray, "k q"], farther: Float[np.ndarray, "k q"], whole: float
) -> Parting:
    """What the distances (in ln) say, those of a step in the order of time."""
    near = np.median(nearer, 1)
    rise, way = near - near[0], whole - near[0]
    at = int((rise >= GROWN).argmax()) or int(rise.argmax())
    end = int((rise >= TO * way).argmax()) or int(rise.argmax())
    start = int(np.flatnonzero(rise[: end + 1] <= FROM * way)[-1]) if way > 0 else end
    rate = half = 0.0
    if rise[at] >= GROWN and end - start >= READ - 1:
        read = slice(start, end + 1)
        rate = _slope(steps[read], near[read])
        slopes = [_slope(steps[read], np.median(one, 1)) for one in np.array_split(nearer[read], BLOCKS, 1)]
        half = float(student.ppf(0.975, BLOCKS - 1) * np.std(slopes, ddof=1) / BLOCKS**0.5)
    parted = nearer[at] - nearer[0] >= GROWN
    asked = parted if rise[at] >= GROWN else np.ones(len(parted), bool)
    apart = farther - nearer
    return Parting(
        rate=rate, low=rate - half, high=rate + half, grown=float(rise.max()),
        stayed=float((apart[at] > 0)[asked].mean()), kept=float(apart[at].mean() / max(apart[0].mean(), 1e-9)),
        way=way, pairs=nearer.shape[1], steps=steps, near=near,
    )  # fmt: skip


def _neighbours(states: np.ndarray, last: int, apart: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of states before `last`: those asked that have neighbours on `OTHERS` other turns, the nearest, and the farthest.

    States on one turn are within half of `apart` of each other in time; the same again (distance 0) is no neighbour.
    """
    asked = np.unique(np.linspace(0, last - 1, ASKED).astype(int))
    most = min(4 * apart + 2 + 40, last, LOOKED)
    distance, index = cKDTree(states[:last]).query(states[asked], k=most)
    left = (np.abs(index - asked[:, None]) > apart) & np.isfinite(distance)
    rows, chosen = np.arange(len(asked)), []
    has = np.ones(len(asked), bool)
    for _ in range(OTHERS):
        has &= left.any(1)
        one = index[rows, left.argmax(1)]
        chosen.append(one)
        left &= np.abs(index - one[:, None]) > apart // 2
    return asked[has], chosen[0][has], chosen[-1][has]


def _logs(apart: np.ndarray) -> np.ndarray:
    """ln of the distances; what is the same again counts as the smallest number that a difference can round to."""
    return np.log(np.maximum(np.linalg.norm(apart, axis=1), 1e-15))


def _slope(steps: np.ndarray, curve: np.ndarray) -> float:
    return float(np.polyfit(steps, curve, 1)[0])
