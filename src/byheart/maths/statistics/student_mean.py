"""How far would the mean of a few values move with other draws of them?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Given


class StudentMean(NamedTuple):
    """A mean and its 95 % interval; None where the values are one, or all the same."""

    value: float
    interval: tuple[float, float] | None


def student_mean(values: Given[Any, " m"], low: float = -np.inf, high: float = np.inf) -> StudentMean:
    r"""How far would the mean of a few values move with other draws of them?

    mean -+ t_{0.975, m - 1} s / sqrt(m), s the standard deviation of the m values about their mean.

    Args:
        values: (m,) one number per draw, in any unit: a model, a member, a passage.
        low: the least that there can be; the interval is cut there.
        high: the most.

    Returns:
        A `StudentMean`, in the unit of the values.

    Raises:
        InputRefused: no value, or NaN among them.

    Cost: none. Fails when: a few values decide, as of heavy tails; many sit at a bound (`bounded_mean`); draws are
    alike, as members that share their examples are: it then says how far members move, not other data.

    Reference: Student 1908, The probable error of a mean, Biometrika 6.

    >>> found = student_mean([1.0, 2.0, 3.0])
    >>> found.value, [round(end, 2) for end in found.interval]
    (2.0, [-0.48, 4.48])
    """
    of = array(values, "values", "m").astype(np.float64)
    if not len(of):
        raise InputRefused("one value or more", "none", "Give the value of each draw.")
    mean, m = float(of.mean()), len(of)
    if m < 2 or np.ptp(of) == 0:
        return StudentMean(mean, None)
    half = float(student.ppf(0.975, m - 1) * of.std(ddof=1) / np.sqrt(m))
    return StudentMean(mean, (max(low, mean - half), min(high, mean + half)))
