"""Versions: how the published tasks of marked numbers draw their sequences, and what a constant scores on each."""

from __future__ import annotations

import math
from dataclasses import dataclass

WITHIN = 0.04  # a sequence is right where the error is below; Hochreiter, Schmidhuber 1997, section 5.4


@dataclass(frozen=True)
class Version:
    """How sequences are drawn.

    Attributes:
        name: who published it, and when.
        source: the same in full.
        values: between which the numbers are uniform.
        ends: whether the first and the last step bear the mark -1, and lengths are uniform in T..1.1 T.
        said: the rules in words.
    """

    name: str
    source: str
    values: tuple[float, float]
    ends: bool
    said: str

    def ranges(self, length: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Steps among which the first and the second mark are drawn, the end of each left out."""
        if self.name == "le2015":
            return (0, length // 2), (length // 2, length)
        if self.name == "schmidt2021":
            return (0, 10), (0, length // 2)
        return (1, 10), (1, length // 2 - 1)


@dataclass(frozen=True)
class Chance:
    """What the best prediction that looks at no input scores.

    Attributes:
        constant: the prediction.
        error: its expected squared error.
        accuracy: how often it is right to within 0.04.
        derived: how `error` follows.
    """

    constant: float
    error: float
    accuracy: float
    derived: str


HOCHREITER = Version(
    "hochreiter1997",
    "Hochreiter, Schmidhuber 1997, Long short-term memory, Neural Computation 9, section 5.4",
    (-1.0, 1.0),
    True,
    "T to 1.1 T numbers uniform in -1..1, one marked among the first 10 and one among the first T/2 - 1; the first and "
    "the last bear the mark -1. Here the first is never one of the two: the paper, which lets it be and then counts it "
    "as 0, has a slightly lower chance line.",
)
LE = Version(
    "le2015",
    "Le, Jaitly, Hinton 2015, A simple way to initialize recurrent networks of rectified linear units, section 4.1",
    (0.0, 1.0),
    False,
    "T numbers uniform in 0..1, one marked in each half.",
)
SCHMIDT = Version(
    "schmidt2021",
    "Schmidt, Koppe, Monfared, Beutelspacher, Durstewitz 2021, Identifying nonlinear dynamical systems with multiple "
    "time scales and long-range dependencies, section 4.1",
    (0.0, 1.0),
    False,
    "T numbers uniform in 0..1, one marked among the first 10 and another among the first T/2.",
)
VERSIONS = {one.name: one for one in (HOCHREITER, LE, SCHMIDT)}


def of_sum(version: Version) -> Chance:
    """The chance line of addition.

    A sum of two uniform numbers of range r has variance r^2 / 6, and lies within e of its mean with probability
    2 e / r - (e / r)^2. Where the target is .5 + (X1 + X2) / 4 both shrink with it.

    Example:
        >>> [round(of_sum(one).error, 4) for one in VERSIONS.values()], round(of_sum(LE).accuracy, 4)
        ([0.0417, 0.1667, 0.1667], 0.0784)
    """
    scale = 0.25 if version.ends else 1.0
    lowest, highest = version.values
    span = scale * (highest - lowest)
    near = WITHIN / span
    constant = 0.5 if version.ends else lowest + highest
    derived = (
        "exact: the variance of .5 + (X1 + X2) / 4, 1/24" if version.ends else "exact: the variance of X1 + X2, 1/6"
    )
    return Chance(constant, span**2 / 6, 2 * near - near**2, derived)


def of_product() -> Chance:
    """The chance line of multiplication: X1 X2 of uniform numbers in 0..1, mean 1/4, P(X1 X2 < z) = z - z ln z.

    The constant .04 is right more often (28 %), and its squared error is twice as large: accuracy alone says little.

    Example:
        >>> round(of_product().error, 4), round(of_product().accuracy, 3)
        (0.0486, 0.111)
    """
    below = [z - z * math.log(z) for z in (0.25 - WITHIN, 0.25 + WITHIN)]
    return Chance(0.25, 7 / 144, below[1] - below[0], "exact: the variance of X1 X2, 1/9 - 1/16 = 7/144")
