"""Does a measure order runs as their gap does? Kendall's tau-a, overall and along one setting at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.maths.ranking.configurations import averaged, checked, groups, order_of, setting_codes, without
from byheart.maths.shapes import Given, Int

BLOCK = 1024  # runs compared with all others at once


def tau_a(measure: Given[Any, " r"], gap: Given[Any, " r"]) -> float:
    r"""Does a measure order runs as their gap does?

    tau = 1/(r(r - 1)) sum over ordered pairs of sign(mu_i - mu_j) sign(g_i - g_j). Range [-1, 1], no unit: 1 the same
    order, -1 the reverse, 0 by chance. A tie counts 0 and stays in the denominator, so a constant measure has 0.0
    (tau-b, which scipy computes, has none). The poles: an oracle (the gap itself) has 1 where no gaps are tied.

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap.

    Returns:
        tau-a.

    Raises:
        InputRefused: NaN, infinity, other lengths, fewer than two runs.

    Cost: r^2 comparisons. Fails when: runs differ in one setting alone, which then orders whatever follows it.

    Reference: Kendall 1938, "A new measure of rank correlation"; Jiang et al. 2020, "Fantastic generalization measures
    and where to find them", section 3.

    >>> tau_a([1, 2, 3], [10, 30, 20]), tau_a([5, 5, 5], [1, 2, 3])
    (0.3333333333333333, 0.0)
    """
    measure, gap = checked(measure, gap)
    return _tau(order_of(measure, "measure"), order_of(gap, "gap"))


def _tau(measure: Int[np.ndarray, " r"], gap: Int[np.ndarray, " r"]) -> float:
    agreeing, runs = 0, len(measure)
    for start in range(0, runs, BLOCK):
        rows = slice(start, start + BLOCK)
        signs = [np.sign(one[rows, None] - one).astype(np.int8) for one in (measure, gap)]
        agreeing += int((signs[0] * signs[1]).sum(dtype=np.int64))
    return agreeing / (runs * (runs - 1))


class Granulated(NamedTuple):
    """psi_i of each setting (h,), NaN where no two configurations differ in it alone; their mean Psi."""

    per_setting: np.ndarray
    overall: float


def granulated(measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"]) -> Granulated:
    r"""Does a measure order runs by their gap when one hyper-parameter moves and the others stand still?

    psi_i = mean over the settings of all other hyper-parameters of tau-a over the configurations that differ in
    hyper-parameter i alone; Psi = mean of psi_i. Range [-1, 1], no unit, 0 by chance and for a constant measure.
    Repeats of a configuration are averaged first, measure and gap; a cell of fewer than 2 configurations is skipped. An
    oracle has 1 where no gaps are tied.

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap.
        settings: (r, h) its hyper-parameters, numbers or words.

    Returns:
        `per_setting` (h,), NaN for a hyper-parameter that never moves alone, and `overall`, the mean of the others; NaN
        where there is none.

    Raises:
        InputRefused: NaN, infinity, other lengths, fewer than two runs, no or missing hyper-parameters.

    Cost: h r log r and the squares of the cells. Fails when: hyper-parameters were drawn at random, so that hardly two
    runs differ in one alone: look at how many cells there are.

    Reference: Jiang et al. 2020, "Fantastic generalization measures and where to find them", section 3 ("granulated").

    >>> granulated([1, 2, 3, 4], [1, 2, 4, 3], [[0, 0], [0, 1], [1, 0], [1, 1]])
    Granulated(per_setting=array([1., 0.]), overall=0.5)
    """
    measure, gap = checked(measure, gap)
    codes, (measure, gap) = averaged(setting_codes(settings, len(measure)), measure, gap)
    per_setting = np.array([_along(measure, gap, groups(without(codes, place))) for place in range(codes.shape[1])])
    moved = per_setting[~np.isnan(per_setting)]
    return Granulated(per_setting, float(moved.mean()) if len(moved) else float("nan"))


def _along(measure: np.ndarray, gap: np.ndarray, cell: np.ndarray) -> float:
    """psi of one setting: the mean tau-a of the cells in which it alone moves."""
    order = np.argsort(cell, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(cell[order])) + 1)
    found = [tau_a(measure[these], gap[these]) for these in runs if len(these) > 1]
    return float(np.mean(found)) if found else float("nan")
