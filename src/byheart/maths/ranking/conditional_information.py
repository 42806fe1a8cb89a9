"""How much does the order of a measure tell of the order of the gap beyond the hyper-parameters?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np

from byheart.errors import InputRefused, unknown_name
from byheart.maths.ranking.configurations import checked, order_of, setting_codes
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
    found = information(measure, gap, settings)
    if convention == "paper":
        return found.least
    if np.asarray(settings).shape[1] < MOST:
        raise InputRefused(
            expected=f"at least {MOST} hyper-parameters, which this convention holds fixed together",
            came=f"{np.asarray(settings).shape[1]}",
            do='Use convention="paper".',
        )
    return found.pgdl


class Information(NamedTuple):
    """The least share with no, one and two hyper-parameters known, and the competition's; NaN where there is none."""

    none: float
    one: float
    two: float
    pgdl: float

    @property
    def least(self) -> float:
        """K in the paper's convention."""
        return _least(self[:3])


def information(measure: Given[Any, " r"], gap: Given[Any, " r"], settings: Given[Any, "r h"]) -> Information:
    r"""How does what a measure tells of the gap shrink as more hyper-parameters are known?

    min over |S| = s of I(V_mu, V_g | U_S) / H(V_g | U_S) for s = 0, 1, 2, in the paper's convention, whose K is the
    least of the three, and K in the competition's (see `conditional_information`). Range [0, 1], 1 for an oracle, 0 for
    a constant measure.

    Args:
        measure: (r,) the measure of each run.
        gap: (r,) its generalisation gap.
        settings: (r, h) its hyper-parameters.

    Returns:
        `none`, `one`, `two`, `pgdl`, each NaN where there is no such set or no order to be told; `least`.

    Raises:
        InputRefused: as `conditional_information`.

    Cost: r^2 h^2 / 4. Fails when: cells hold few pairs.

    Reference: Jiang et al. 2020, "Fantastic generalization measures", section 3.

    >>> settings = [[a, b] for a in (0, 1) for b in (0, 1) for seed in (0, 1)]
    >>> information([0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8], settings).two
    0.0
    """
    measure, gap = checked(measure, gap)
    codes = setting_codes(settings, len(measure))
    tables = _pair_counts(order_of(measure, "measure"), order_of(gap, "gap"), codes)
    by_size = [
        _least([_paper(cells) for places, (cells, _) in tables.items() if len(places) == size])
        for size in range(MOST + 1)
    ]
    scorer = [_pgdl(cells, own) for places, (cells, own) in tables.items() if len(places) == MOST]
    return Information(*by_size, _least(scorer))


def _least(values: Sequence[float]) -> float:
    return min((one for one in values if one == one), default=float("nan"))


Places = tuple[int, ...]
Counts = tuple[np.ndarray, np.ndarray]  # ordered pairs (cells, 3, 3) of different runs; runs of themselves (cells,)


def _pair_counts(
    measure: Int[np.ndarray, " r"], gap: Int[np.ndarray, " r"], codes: Int[np.ndarray, "r h"]
) -> dict[Places, Counts]:
    """For each set S of at most two hyper-parameters, how many pairs lie in each cell with each two signs.

    Counted for the largest sets; those of smaller ones are their sums.
    """
    values = codes.max(0) + 1
    sets = list(combinations(range(codes.shape[1]), min(MOST, codes.shape[1])))
    group = {
        places: np.ravel_multi_index(tuple(codes[:, list(places)].T), tuple(values[list(places)])) for places in sets
    }
    size = {places: int(values[list(places)].prod()) for places in sets}
    if (most := max(size.values())) ** 2 * 9 > CELLS:
        raise InputRefused(
            expected=f"two hyper-parameters with at most {int((CELLS / 9) ** 0.5)} combinations of values",
            came=f"{most}",
            do="Round or bin hyper-parameters that were drawn from a continuous range.",
        )
    found: dict[Places, Counts] = {}
    for places, counts in _counted(measure, gap, group, size).items():
        axes = tuple(values[list(places)])
        runs = np.bincount(group[places], minlength=size[places])
        for kept in _subsets(places):
            if kept not in found:
                gone = tuple(i for i, place in enumerate(places) if place not in kept)
                cells = counts.reshape(*axes, *axes, 3, 3).sum((*gone, *(i + len(axes) for i in gone)))
                of = runs.reshape(axes).sum(gone).reshape(-1)
                cells = cells.reshape(len(of), len(of), 3, 3).astype(float)
                cells[np.arange(len(of)), np.arange(len(of)), 1, 1] -= of  # a run is no pair with itself
                found[kept] = cells.reshape(-1, 3, 3), np.diag(of).reshape(-1)
    return found


def _subsets(places: Places) -> list[Places]:
    return [kept for size in range(len(places) + 1) for kept in combinations(places, size)]


def _counted(
    measure: np.ndarray, gap: np.ndarray, group: dict[Places, np.ndarray], size: dict[Places, int]
) -> dict[Places, np.ndarray]:
    """Ordered pairs, a run beside itself too, by the groups of both and two signs.

    A block of runs is compared with those from it on: a pair met from its other end has groups and signs exchanged, so
    each pair of two blocks is looked at once.
    """
    inside = {places: np.zeros(size[places] ** 2 * 9, np.int64) for places in group}
    across = {places: np.zeros(size[places] ** 2 * 9, np.int64) for places in group}
    for start in range(0, len(measure), BLOCK):
        rows = slice(start, start + BLOCK)
        for into, columns in ((inside, rows), (across, slice(start + BLOCK, None))):
            signs = 3 * np.sign(measure[rows, None] - measure[columns]) + np.sign(gap[rows, None] - gap[columns]) + 4
            for places, of in group.items():
                code = (of[rows, None] * size[places] + of[columns]) * 9 + signs
                into[places] += np.bincount(code.ravel(), minlength=len(into[places]))
    whole = {}
    for places, k in size.items():
        once = across[places].reshape(k, k, 3, 3)
        whole[places] = inside[places].reshape(k, k, 3, 3) + once + once.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]
    return whole


def _paper(cells: Float[np.ndarray, "c 3 3"]) -> float:
    """Cells weighted by how many pairs they hold."""
    total = cells.sum((1, 2))
    information, entropy = _information(cells), _entropy(cells.sum(1))
    return _share(float(total @ information), float(total @ entropy), float(total.sum()))


def _pgdl(cells: Float[np.ndarray, "c 3 3"], own: Int[np.ndarray, " c"]) -> float:
    """Greater or not, a run beside itself too, every cell alike."""
    cells = cells.copy()
    cells[:, 1, 1] += own
    cells = np.stack([cells[:, :2].sum(1), cells[:, 2]], 1)
    cells = np.stack([cells[..., :2].sum(2), cells[..., 2]], 2)
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
