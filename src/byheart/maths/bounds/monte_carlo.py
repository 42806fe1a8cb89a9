"""How large is the mean risk of networks drawn at random, when only some were drawn?"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from byheart.errors import InputRefused
from byheart.maths.bounds.binary_kl import kl_inverse, kl_inverse_below
from byheart.maths.bounds.pac_bayes import a_delta
from byheart.maths.inputs import array
from byheart.maths.shapes import Given

SIDES = 4  # two inequalities, two ends each


class Estimate(NamedTuple):
    """The mean of m draws and the ends between which the mean of all lies, with probability 1 - delta."""

    value: float
    low: float
    high: float
    m: int


def sampled_risk(risks: Given[Any, " m"], delta: float = 0.01) -> Estimate:
    r"""Between which ends does the mean risk lie over all networks that could have been drawn?

    Two inequalities for the mean r of m independent draws in [0, 1], each end at delta/4, and the tighter of the two:
    kl(r || R) <= ln(4/delta)/m (Langford and Caruana), and
    |R - r| <= sqrt(2 v ln(8/delta)/m) + 7 ln(8/delta)/(3 (m - 1)), v the sample variance (Maurer and Pontil), which
    wins where each draw is judged on many examples and so differs little from the next. Range 0 to 1, share.

    Args:
        risks: (m,) empirical risks of networks drawn independently, each on examples drawn independently or on all.
        delta: the ends may fail in this share of repetitions.

    Returns:
        An `Estimate`; with one draw or alike ones the first inequality alone tells.

    Raises:
        InputRefused: no draws, risks outside 0 to 1, delta not between 0 and 1.

    Cost: none. Fails when: draws are not independent; one set of draws chosen among several.

    Reference: Langford and Caruana 2001, (Not) bounding the true error, NIPS 14, section 3; Maurer and Pontil 2009,
    Empirical Bernstein bounds and sample-variance penalization, COLT, theorem 4.

    >>> found = sampled_risk([0.2, 0.3] * 500)
    >>> found.value, round(found.low, 3), round(found.high, 3), found.m
    (0.25, 0.229, 0.271, 1000)
    """
    own = array(risks, "risks", "m").astype(np.float64)
    if not len(own) or own.min() < 0 or own.max() > 1:
        raise InputRefused("risks from 0 to 1, at least one", f"{len(own)} draws", "Give a share of errors per draw.")
    m, mean = len(own), min(1.0, float(own.mean()))
    nats = math.log(SIDES / a_delta(delta)) / m
    low, high = kl_inverse_below(mean, nats), kl_inverse(mean, nats)
    if m > 1:
        log = math.log(2 * SIDES / delta)
        half = math.sqrt(2 * float(own.var(ddof=1)) * log / m) + 7 * log / (3 * (m - 1))
        low, high = max(low, mean - half), min(high, mean + half)
    return Estimate(mean, low, high, m)
