"""At which step does a curve reach a level and stay there, and how far apart are two such steps?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float, Given

HELD = 3  # evaluations in a row
GROWTH = 1.25  # of the step from one evaluation to the next


class Reached(NamedTuple):
    """The step (m,) of each curve from which its level is held, NaN where never; and the evaluation (m,) before it."""

    step: np.ndarray
    before: np.ndarray


class TypicalStep(NamedTuple):
    """A geometric mean over members with its 95 % interval; None of one member."""

    value: float
    interval: tuple[float, float] | None


def log_steps(last: int) -> tuple[int, ...]:
    r"""At which steps of training should one look, when what happens may take 10 steps or 10,000?

    0, 1, and from each step s the next max(s + 1, round(1.25 s)), up to `last`, which is always there: an even grid
    over log s. On a linear grid the first steps, in which a table is memorised, fall between two looks.

    >>> log_steps(12)
    (0, 1, 2, 3, 4, 5, 6, 8, 10, 12)
    """
    steps = [0]
    while (step := max(steps[-1] + 1, round(GROWTH * steps[-1]))) < last:
        steps.append(step)
    return (*steps, last) if last else (0,)


def first_held(values: Given[Any, "m t"], steps: Given[Any, " t"], level: float, held: int = HELD) -> Reached:
    r"""From which step on does each curve stand at a level, and not for a moment alone?

    step = the first s_i with v_i, ..., v_(i + held - 1) all at least `level`; NaN where there is none, so that a level
    reached at the last evaluations alone is not held. The crossing itself lies between the evaluation before and s_i.

    Args:
        values: (m, t) of m members at t evaluations.
        steps: (t,) ascending.
        level: what is to be reached.
        held: evaluations in a row.

    Returns:
        `step` and `before`, (m,) each; `before` is the step itself at the first evaluation, and NaN where never.

    Raises:
        InputRefused: shapes that do not fit, or steps that do not ascend.

    Cost: t m held. Fails when: the grid is so coarse that what is held between two evaluations is not seen.

    Reference: Power et al. 2022, Grokking, figure 1 (steps until accuracy); held for three evaluations: byheart.

    >>> first_held([[0.2, 0.99, 0.4, 0.99, 1.0, 1.0]], [1, 2, 3, 5, 8, 12], 0.95)
    Reached(step=array([5.]), before=array([3.]))
    """
    y, x = _curves(values, steps)
    there = _least_of(y, held) >= level
    reached = there.any(1)
    place = there.argmax(1)
    step = np.where(reached, x[place], np.nan)
    return Reached(step, np.where(reached, x[np.maximum(place - 1, 0)], np.nan))


def highest_held(values: Given[Any, "m t"], held: int = HELD) -> Float[np.ndarray, " m"]:
    r"""What is the highest level that each curve holds?

    max over i of min(v_i, ..., v_(i + held - 1)): `first_held` is a number at this level and at none above it. Unit of
    the values.

    Args:
        values: (m, t) of m members at t evaluations.
        held: evaluations in a row.

    Returns:
        (m,) levels.

    Raises:
        InputRefused: not (m, t).

    Cost: t m held. Fails when: there are fewer evaluations than `held`: then all of them count.

    Reference: byheart; after Power et al. 2022, Grokking.

    >>> highest_held([[0.2, 0.9, 0.4, 0.5, 0.6]])
    array([0.4])
    """
    y = array(values, "values", "mt").astype(np.float64)
    return _least_of(y, min(held, y.shape[1])).max(1)


def _least_of(y: Float[np.ndarray, "m t"], held: int) -> Float[np.ndarray, "m t"]:
    """The least of each value and the `held` - 1 after it; -inf where there are not so many."""
    padded = np.concatenate([y, np.full((len(y), held - 1), -np.inf)], axis=1)
    return np.min([padded[:, i : i + y.shape[1]] for i in range(held)], axis=0)


def typical_step(
    values: Given[Any, " m"], low: Given[Any, " m"] | None = None, high: Given[Any, " m"] | None = None
) -> TypicalStep:
    r"""At which step do members typically get there, when each is known between two evaluations?

    value = exp(mean_j ln v_j), the geometric mean, for steps differ by factors. Interval: exp(mean_j ln low_j - h) to
    exp(mean_j ln high_j + h), h = t s/sqrt(m) Student's half width of ln v: what members differ by, and what the grid
    leaves open. Ratios of steps likewise. Unit of the values; null of a ratio 1.

    Args:
        values: (m,) above 0.
        low: (m,) what each is at least; the values where absent. Values of 0 count as 1/2.
        high: (m,) what each is at most.

    Returns:
        A `TypicalStep`.

    Raises:
        InputRefused: nothing, or values that are not above 0.

    Cost: none. Fails when: few members of which one is far from the others; it is as wide as it should be on log-normal
    steps.

    Reference: Student 1908, The probable error of a mean.

    >>> found = typical_step([100.0, 100.0], low=[80.0, 80.0])
    >>> round(found.value), [round(end) for end in found.interval]
    (100, [80, 100])
    """
    v = array(values, "values", "m").astype(np.float64)
    if not len(v) or (v <= 0).any():
        raise InputRefused("steps above 0 of at least one member", f"{v}", "Leave out members that never get there.")
    ends = [np.log(np.maximum(v if one is None else array(one, "ends", "m"), 0.5)) for one in (low, high)]
    value, m = float(np.exp(np.log(v).mean())), len(v)
    if m < 2:
        return TypicalStep(value, None)
    half = float(student.ppf(0.975, m - 1) * np.log(v).std(ddof=1) / np.sqrt(m))
    below, above = (float(np.exp(end.mean() + sign * half)) for end, sign in zip(ends, (-1, 1), strict=True))
    return TypicalStep(value, (min(below, value), max(above, value)))


def gap_over_log_steps(
    upper: Given[Any, "m t"], lower: Given[Any, "m t"], steps: Given[Any, " t"]
) -> Float[np.ndarray, " m"]:
    r"""How large is the area between two curves over the logarithm of the step, as a mean gap?

    integral of (u - l) d ln s / ln(s_last / s_first) by trapezes, over the steps above 0. Unit of the curves: 1 where
    one is at 1 and the other at 0 throughout, 0 where they are alike.

    Args:
        upper: (m, t) of m members at t evaluations, say accuracy where trained.
        lower: (m, t), say accuracy where held out.
        steps: (t,) ascending.

    Returns:
        (m,) mean gaps.

    Raises:
        InputRefused: shapes that do not fit, steps that do not ascend, or fewer than two above 0.

    Cost: m t. Fails when: training is stopped before the lower curve rises: the area then grows with its length.

    Reference: byheart; after Power et al. 2022, Grokking, figure 1.

    >>> gap_over_log_steps([[1.0, 1.0, 1.0]], [[0.0, 0.0, 1.0]], [1, 10, 100])
    array([0.75])
    """
    y, x = _curves(upper, steps)
    gap = y - _curves(lower, steps)[0]
    there = x > 0
    if there.sum() < 2:
        raise InputRefused("two steps above 0", f"{x}", "Look more often.")
    at = np.log(x[there])
    return np.trapezoid(gap[:, there], at, axis=1) / (at[-1] - at[0])


def _curves(values: Any, steps: Any) -> tuple[np.ndarray, np.ndarray]:
    y, x = array(values, "values", "mt").astype(np.float64), array(steps, "steps", "t").astype(np.float64)
    if y.shape[1] != len(x) or (np.diff(x) <= 0).any() or not len(x):
        raise InputRefused("values (m, t) at t ascending steps", f"{y.shape} at {x}", "Give a value for each step.")
    return y, x
