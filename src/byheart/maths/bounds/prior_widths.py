"""Which width of a Gaussian prior, and what does the choice cost? A grid fixed before, paid by a union bound."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.bounds.pac_bayes import a_delta
from byheart.maths.inputs import array, same_shape
from byheart.maths.shapes import Given


def prior_widths(lowest: float = 0.0025, count: int = 8, factor: float = 2.0) -> tuple[float, ...]:
    r"""Which standard deviations may a prior have that is to be chosen by looking at the examples?

    lowest * factor^j, j = 0 .. count - 1: fixed before anything is seen.

    Args:
        lowest: the smallest.
        count: how many.
        factor: between neighbours, more than 1.

    Returns:
        The standard deviations, ascending.

    Raises:
        InputRefused: no width, or widths that do not grow.

    Cost: none. Fails when: never. Reference: Dziugaite and Roy 2017, Computing nonvacuous generalization bounds for
    deep (stochastic) neural networks, UAI, section 3.3 (an infinite grid there).

    >>> prior_widths(0.01, 3)
    (0.01, 0.02, 0.04)
    """
    if not lowest > 0 or count < 1 or not factor > 1:
        raise InputRefused(
            expected="a positive width, one or more of them, and a factor above 1",
            came=f"{lowest}, {count}, {factor}",
            do="Give a grid of standard deviations.",
        )
    return tuple(lowest * factor**j for j in range(count))


def united(delta: float, choices: int) -> float:
    r"""Which delta has each of so many priors, so that all of their bounds hold at once?

    delta / choices: the probability that one of them fails is at most the sum. So whichever is chosen afterwards holds.

    Args:
        delta: the probability with which any may fail.
        choices: how many there were to choose from, those not taken included.

    Returns:
        The delta of each.

    Raises:
        InputRefused: delta not between 0 and 1, or no choice.

    Cost: none. Fails when: choices were made that are not counted. Reference: Boole's inequality; Dziugaite and Roy
    2017, section 3.3.

    >>> united(0.04, 8)
    0.005
    """
    if choices < 1:
        raise InputRefused("at least one choice", str(choices), "Count every prior that could have been taken.")
    return a_delta(delta) / choices


def gaussian_kl(mean: Given[Any, " p"], deviation: Given[Any, " p"], centre: Given[Any, " p"], width: float) -> float:
    r"""How many nats is a posterior N(mean, deviation^2) from a prior N(centre, width^2), weight by weight?

    KL = sum_i [ ln(width/s_i) + (s_i^2 + (mean_i - centre_i)^2) / (2 width^2) - 1/2 ], in float64. Range 0 (the same
    Gaussian) to infinity, nats.

    Args:
        mean: (p,) means of the posterior.
        deviation: (p,) its standard deviations, positive.
        centre: (p,) means of the prior.
        width: its standard deviation, positive.

    Returns:
        Nats.

    Raises:
        InputRefused: other shapes, NaN, deviations or a width that are not positive.

    Cost: O(p). Fails when: never. Reference: Dziugaite and Roy 2017, equation 10.

    >>> gaussian_kl([1.0], [1.0], [0.0], 1.0), gaussian_kl([0.0, 3.0], [2.0, 2.0], [0.0, 3.0], 2.0)
    (0.5, 0.0)
    """
    mean, s = (array(one, name, "p").astype(np.float64) for one, name in ((mean, "mean"), (deviation, "deviation")))
    centre = array(centre, "centre", "p").astype(np.float64)
    same_shape(s, "deviation", mean.shape)
    same_shape(centre, "centre", mean.shape)
    if not width > 0 or not (s > 0).all():
        raise InputRefused("positive deviations", f"width {width}, smallest {s.min()}", "Give standard deviations.")
    with np.errstate(over="ignore"):  # refused below
        ratio = (s / width) ** 2
        spread = float((ratio - 1 - np.log(ratio)).sum()) / 2  # each term is 0 or more
        moved = float((((mean - centre) / width) ** 2).sum()) / 2
    if not math.isfinite(spread + moved):
        raise InputRefused("a finite divergence", f"{spread + moved}", "Give a wider prior, or a posterior near it.")
    return max(0.0, spread + moved)
