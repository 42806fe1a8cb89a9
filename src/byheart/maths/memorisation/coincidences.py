"""How many rows of a table are equal without being copies, because its columns are coarse?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import poisson

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Given


class Coincidences(NamedTuple):
    """Pairs of equal rows that chance makes on average: among the rows, of those with different labels, with others."""

    pairs: float
    contradicting: float
    other: float


def coincidences(
    x: Given[Any, "n d"], labels: Given[Any, " n"], other: Given[Any, "q d"] | None = None
) -> Coincidences:
    r"""How many pairs of rows are equal by chance, when the columns of rows of one label are independent?

        E = sum over pairs of labels a <= b of N_ab prod_j C_j(a, b),

    with N_ab pairs of rows, and C_j(a, b) the share of them that agree in column j, without bias: sum over values v of
    c_ja(v) c_jb(v) / (n_a n_b) for two labels, of c_ja(v) (c_ja(v) - 1) / (n_a (n_a - 1)) within one; c_ja(v) rows of
    label a have v there, n_a in all. `contradicting` sums over a < b alone, `other` pairs each row with each of
    `other`, labels left aside. From 0 (a column that never repeats) to all pairs. NaN equals NaN.

    Args:
        x: rows of a table.
        labels: of each row; all equal where there are none.
        other: rows of another set, such as a test.

    Returns:
        `Coincidences`, in pairs; `other` is 0 without other rows.

    Raises:
        InputRefused: x is no table, or labels or other rows do not fit it.

    Cost: O(d (n log n + k^2 v)), k labels and v values that repeat. Fails when: columns depend on one another within a
    label (a town and its postcode): more rows agree by chance then.

    Reference: Simpson 1949, Measurement of diversity, Nature 163, 688: sum n (n - 1) / (N (N - 1)) of one column.

    Example:
        >>> coincidences([[0.0, 1.0], [0.0, 2.0], [1.0, 1.0], [1.0, 2.0]], [0, 0, 0, 0]).pairs
        0.6666666666666666
    """
    table, names = np.asarray(array(x, "x", "nd", finite=False), np.float64), np.asarray(labels)
    new = None if other is None else np.asarray(array(other, "other", "qd", finite=False), np.float64)
    if table.ndim != 2 or names.shape != (len(table),) or (new is not None and new.shape[1:] != table.shape[1:]):
        came = f"x {table.shape}, labels {names.shape}" + ("" if new is None else f", other {new.shape}")
        raise InputRefused("rows (n, d), a label each, and other rows of the same columns", came, "Give all of them.")
    label = np.unique(names, return_inverse=True)[1].ravel()
    sizes = np.bincount(label).astype(np.float64)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)  # ordered
    agree, met = np.ones_like(pairs), 1.0
    for column in range(table.shape[1]):
        both = table[:, column] if new is None else np.concatenate([table[:, column], new[:, column]])
        value = np.unique(both, return_inverse=True)[1].ravel()
        counts = _counts(label, value[: len(table)], len(sizes))
        together = counts @ counts.T - np.diag(counts.sum(1))
        agree *= np.divide(together, pairs, out=np.zeros_like(pairs), where=pairs > 0)
        if new is not None:
            of_new = np.bincount(value[len(table) :], minlength=value.max() + 1)
            of_old = np.bincount(value[: len(table)], minlength=value.max() + 1)
            met *= float(of_old @ of_new) / max(1, len(table) * len(new))
    expected = pairs * agree
    within, all_pairs = float(np.trace(expected)) / 2, float(expected.sum()) / 2
    return Coincidences(all_pairs, all_pairs - within, 0.0 if new is None else met * len(table) * len(new))


def _counts(label: np.ndarray, value: np.ndarray, k: int) -> np.ndarray:
    """(k, v) how often each label has each value that comes more than once."""
    often = np.bincount(value)
    place = np.cumsum(often > 1) - 1
    repeated = often[value] > 1
    counts = np.zeros((k, int((often > 1).sum())))
    np.add.at(counts, (label[repeated], place[value[repeated]]), 1)
    return counts


def beyond_chance(seen: int, expected: float) -> float:
    """How probable are so many coincidences or more?

    P(X >= seen), X Poisson of mean `expected`: 1 where nothing was seen, 0 where what was seen cannot be by chance.

    Args:
        seen: pairs that were found.
        expected: pairs by chance, as `coincidences` gives them.

    Returns:
        A probability.

    Raises:
        InputRefused: fewer than none.

    Cost: none. Fails when: pairs hang together (three equal rows are three pairs): so many are less rare then.

    Reference: Arratia, Goldstein, Gordon 1989, Two moments suffice for Poisson approximations, theorem 1.

    Example:
        >>> round(beyond_chance(1, 0.39), 2), beyond_chance(0, 0.0), beyond_chance(1, 0.0)
        (0.32, 1.0, 0.0)
    """
    if seen < 0 or expected < 0:
        raise InputRefused("pairs seen and expected, 0 or more", f"{seen} and {expected}", "Count them.")
    return float(poisson.sf(seen - 1, expected)) if expected > 0 else float(seen == 0)
