"""Does a measure order runs as their gap does? Kendall's tau-a, overall and along one setting at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from byheart.maths.ranking.configurations import averaged, checked, groups, order_of, setting_codes, without
from byheart.maths.ranking.units import over_units
from byheart.maths.shapes import Float, Given, Int
from byheart.maths.statistics.resampling import Interval

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
    return float(agreements(measure, gap).sum() / (len(measure) * (len(measure) - 1)))


def agreements(measure: Float[np.ndarray, " r"], gap: Float[np.ndarray, " r"]) -> Int[np.ndarray, " r"]:
    """With how many more runs does each agree in the order of measure and gap than disagree?"""
    ranks, found = (order_of(measure, "measure"), order_of(gap, "gap")), np.empty(len(measure), np.int64)
    for start in range(0, len(found), BLOCK):
        rows = slice(start, start + BLOCK)
        signs = [np.sign(one[rows, None] - one).astype(np.int8) for one in ranks]
        found[rows] = (signs[0] * signs[1]).sum(1, dtype=np.int64)
    return found


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
    return _granulated(_cells(measure, gap, codes))


def _granulated(cells: list[list[tuple[np.ndarray, np.ndarray]]]) -> Granulated:
    psi = [[agreed.sum() / (len(runs) * (len(runs) - 1)) for runs, agreed in along] for along in cells]
    per_setting = np.array([float(np.mean(taus)) if taus else float("nan") for taus in psi])
    moved = per_setting[~np.isnan(per_setting)]
    return Granulated(per_setting, float(moved.mean()) if len(moved) else float("nan"))


def _cells(
    measure: Float[np.ndarray, " c"], gap: Float[np.ndarray, " c"], codes: Int[np.ndarray, "c h"]
) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """For each setting the cells in which it alone moves: the configurations of each, and how each agrees there."""
    found = []
    for place in range(codes.shape[1]):
        cell = groups(without(codes, place))
        order = np.argsort(cell, kind="stable")
        runs = np.split(order, np.flatnonzero(np.diff(cell[order])) + 1)
        found.append([(these, agreements(measure[these], gap[these])) for these in runs if len(these) > 1])
    return found


def ranking_intervals(
    measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"]
) -> tuple[Interval, Interval]:
    r"""How far would tau-a and Psi move with other configurations?

    Both are weighted means over pairs; their standard error is that of the mean over configurations of what each adds
    (see `over_units`). Range [-1, 1].

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap.
        settings: (r, h) its hyper-parameters.

    Returns:
        95 % intervals of `tau_a` and of `granulated(...).overall`; NaN where there is none.

    Raises:
        InputRefused: as `granulated`.

    Cost: as both. Fails when: there are few configurations (below about ten).

    Reference: Hoeffding 1948, "A class of statistics with asymptotically normal distribution", theorem 7.1.

    >>> tau, psi = ranking_intervals([1, 2, 3, 4], [1, 2, 3, 4], [[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> round(tau.low, 2), psi.high
    (-0.68, 1.0)
    """
    measure, gap = checked(measure, gap)
    found = ranked(measure, gap, setting_codes(settings, len(measure)))
    return found.tau_interval, found.psi_interval


class Ranked(NamedTuple):
    """tau-a and the granulated psi with their intervals."""

    tau: float
    tau_interval: Interval
    psi: Granulated
    psi_interval: Interval


def ranked(measure: Float[np.ndarray, " r"], gap: Float[np.ndarray, " r"], codes: Int[np.ndarray, "r h"]) -> Ranked:
    """What are `tau_a`, `granulated` and `ranking_intervals` of the same runs, each pair looked at once?"""
    agreed, runs = agreements(measure, gap), len(measure)
    share = 2 / (runs * (runs - 1))
    tau = over_units(agreed * share, np.full(runs, share * (runs - 1)), groups(codes), (-1, 1))
    codes, (measure, gap) = averaged(codes, measure, gap)
    cells = _cells(measure, gap, codes)
    moved = [one for one in cells if one]
    ends, weight = np.zeros(len(codes)), np.zeros(len(codes))
    for along in moved:
        for these, more in along:
            share = 2 / (len(moved) * len(along) * len(these) * (len(these) - 1))
            ends[these] += share * more
            weight[these] += share * (len(these) - 1)
    psi = over_units(ends, weight, np.arange(len(codes)), (-1, 1))
    return Ranked(float(agreed.sum() / (runs * (runs - 1))), tau, _granulated(cells), psi)
