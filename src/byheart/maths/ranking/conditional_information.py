"""How much does the order of a measure tell of the order of the gap beyond the hyper-parameters?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np

from byheart.errors import InputRefused, unknown_name
from byheart.maths.ranking.configurations import checked, groups, order_of, setting_codes
from byheart.maths.shapes import Float, Given, Int

Convention = Literal["paper", "pgdl"]
CONVENTIONS = ("paper", "pgdl")
MOST = 2  # hyper-parameters that are held fixed at once
BLOCK = 512
CELLS = 5_000_000  # counts held at once
TINY = 1e-12  # added under the logarithm of an entropy by the competition's scorer
DUST = 1e-9  # bits: an entropy below is none, but for rounding


def conditional_information(
    measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"], convention: Convention = "paper"
) -> float:
    r"""How much does the order of a measure tell of the order of the gap, whatever hyper-parameters are known?

    K = min over sets S of hyper-parameters of I(V_mu, V_g | U_S) / H(V_g | U_S): V_mu and V_g are the signs of the
    differences of measure and gap between two runs, U_S the values of the hyper-parameters in S of both runs. Range
    [0, 1], no unit: 0 nothing (a constant measure), 1 all (an oracle). It is blind to direction: a measure that orders
    all runs the wrong way round has 1 too. Where few pairs share a cell it is positive by chance: compare it with that
    of a random order.

    `paper`: ordered pairs of different runs, signs -1, 0, 1; cells weighted by their share of pairs; |S| <= 2.
    `pgdl`, the competition's scorer: |S| = 2 alone; a run is also paired with itself; strictly greater or not (so it is
    not wholly blind to direction); the sum over cells of I divided by the sum over cells of H, unweighted, with 1e-12
    under the logarithm of H. Times 100 it is the competition's score of one task. A cell without runs is left out
    (their scorer has no number there).

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap.
        settings: (r, h) its hyper-parameters, numbers or words.
        convention: `paper` or `pgdl`.

    Returns:
        K; NaN where the gap has no order to be told (constant, or fixed by each S).

    Raises:
        InputRefused: NaN, infinity, other lengths, fewer than two runs, no or missing hyper-parameters, values of
            hyper-parameters too many to hold; `pgdl` with fewer than two.
        UnknownName: another convention.

    Cost: r^2 h^2 / 4. Fails when: cells hold few pairs (estimated information is too large), or a set S fixes both
    runs.

    Reference: Jiang et al. 2020, "Fantastic generalization measures", section 3; Jiang et al. 2020, "NeurIPS
    2020 competition: predicting generalization in deep learning".

    >>> settings = [[a, b] for a in (0, 1) for b in (0, 1) for seed in (0, 1)]
    >>> conditional_information([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8], settings)
    1.0
    >>> conditional_information([1] * 8, [1, 2, 3, 4, 5, 6, 7, 8], settings, convention="pgdl")
    0.0
    """
    if convention not in CONVENTIONS:
        raise unknown_name("convention", str(convention), CONVENTIONS)
    sizes = range(MOST + 1) if convention == "paper" else (MOST,)
    known = [one for _, one in _ratios(measure, gap, settings, sizes, convention) if one == one]
    return min(known, default=float("nan"))


class BySize(NamedTuple):
    """The least information with no, one and two hyper-parameters known; NaN where none can be had."""

    none: float
    one: float
    two: float


def information_by_size(measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"]) -> BySize:
    r"""How does what a measure tells of the gap shrink as more hyper-parameters are known?

    min over |S| = s of I(V_mu, V_g | U_S) / H(V_g | U_S) for s = 0, 1, 2, in the paper's convention (see
    `conditional_information`); its K is the least of the three. Range [0, 1], 1 for an oracle, 0 for a constant
    measure.

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap.
        settings: (r, h) its hyper-parameters.

    Returns:
        `none`, `one`, `two`.

    Raises:
        InputRefused: as `conditional_information`.

    Cost: r^2 h^2 / 4. Fails when: cells hold few pairs.

    Reference: Jiang et al. 2020, "Fantastic generalization measures", section 3.

    >>> settings = [[a, b] for a in (0, 1) for b in (0, 1) for seed in (0, 1)]
    >>> information_by_size([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8], settings).two
    0.0
    """
    found = list(_ratios(measure, gap, settings, range(MOST + 1), "paper"))
    least = [
        min((one for s, one in found if s == size and one == one), default=float("nan")) for size in range(MOST + 1)
    ]
    return BySize(*least)


def _ratios(measure: Any, gap: Any, settings: Any, sizes: Any, convention: Convention) -> Iterator[tuple[int, float]]:
    """(|S|, information as a share of the entropy) of each set S of hyper-parameters."""
    measure, gap = checked(measure, gap)
    codes = setting_codes(settings, len(measure))
    if codes.shape[1] < min(sizes):
        raise InputRefused(
            expected=f"at least {min(sizes)} hyper-parameters, which this convention holds fixed together",
            came=f"{codes.shape[1]}",
            do='Use convention="paper".',
        )
    ranks = order_of(measure, "measure"), order_of(gap, "gap")
    for size in sizes:
        for places in combinations(range(codes.shape[1]), size):
            counts = _pair_counts(*ranks, groups(codes[:, list(places)]))
            yield size, (_paper if convention == "paper" else _pgdl)(counts, groups(codes[:, list(places)]))


def _pair_counts(
    measure: Int[np.ndarray, " r"], gap: Int[np.ndarray, " r"], group: Int[np.ndarray, " r"]
) -> Float[np.ndarray, "c c 3 3"]:
    """How many ordered pairs of runs lie in each cell (group of one, of the other), by their two signs."""
    k = int(group.max()) + 1
    if k * k * 9 > CELLS:
        raise InputRefused(
            expected=f"two hyper-parameters with at most {int((CELLS / 9) ** 0.5)} combinations of values",
            came=f"{k}",
            do="Round or bin hyper-parameters that were drawn from a continuous range.",
        )
    counts = np.zeros(k * k * 9, np.int64)
    for start in range(0, len(group), BLOCK):
        rows = slice(start, start + BLOCK)
        code = group[rows, None] * k + group
        for values in (measure, gap):
            code = code * 3 + np.sign(values[rows, None] - values) + 1
        counts += np.bincount(code.ravel(), minlength=len(counts))
    counts = counts.reshape(k, k, 3, 3)
    counts[np.arange(k), np.arange(k), 1, 1] -= np.bincount(group)  # a run is no pair with itself
    return counts.astype(float)


def _paper(counts: Float[np.ndarray, "c c 3 3"], group: Int[np.ndarray, " r"]) -> float:
    """Cells weighted by how many pairs they hold, which cancels but for each cell's own total."""
    cells = counts.reshape(-1, 3, 3)
    total = cells.sum((1, 2))
    information, entropy = _information(cells), _entropy(cells.sum(1))
    return _share(float(total @ information), float(total @ entropy), float(total.sum()))


def _pgdl(counts: Float[np.ndarray, "c c 3 3"], group: Int[np.ndarray, " r"]) -> float:
    """Greater or not, a run beside itself too, every cell alike."""
    counts = counts.copy()
    counts[np.arange(len(counts)), np.arange(len(counts)), 1, 1] += np.bincount(group)
    merged = np.stack([counts[..., :2, :].sum(-2), counts[..., 2, :]], -2)
    merged = np.stack([merged[..., :2].sum(-1), merged[..., 2]], -1)
    cells = merged.reshape(-1, 2, 2)
    cells = cells[cells.sum((1, 2)) > 0]
    return _share(float(_information(cells).sum()), float(_entropy(cells.sum(1), TINY).sum()), float(len(cells)))


def _information(cells: Float[np.ndarray, "c s s"]) -> Float[np.ndarray, " c"]:
    """Mutual information of the two signs in each cell, in bits."""
    p = cells / np.maximum(cells.sum((1, 2), keepdims=True), 1)
    apart = p.sum(2, keepdims=True) * p.sum(1, keepdims=True)
    return (p * np.log2(np.divide(p, apart, out=np.ones_like(p), where=p > 0))).sum((1, 2))


def _entropy(counts: Float[np.ndarray, "c s"], under: float = 0.0) -> Float[np.ndarray, " c"]:
    """Entropy of each row of counts, in bits; `under` is added below the logarithm."""
    p = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return -(p * np.log2(np.where(p > 0, p + under, 1.0))).sum(1)


def _share(information: float, entropy: float, cells: float) -> float:
    if entropy <= DUST * cells:
        return float("nan")
    return max(0.0, information / entropy)
