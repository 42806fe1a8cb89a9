"""By how few frequencies does an embedding of residues turn? Fourier power of its rows, and how uneven it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import gammaln

from byheart.errors import InputRefused
from byheart.maths.inputs import array
from byheart.maths.shapes import Float, Given


def frequency_power(rows: Given[Any, "p d"]) -> Float[np.ndarray, " k"]:
    r"""How much of an embedding of the residues 0..p - 1 turns at each frequency?

    P_k = sum_d |sum_a E_(a d) exp(-2 pi i k a / p)|^2 for k = 1..p // 2; the mean of the rows (k = 0) plays no part.
    Range from 0. Adding a number to all residues changes nothing, multiplying them by one that p does not divide puts
    the frequencies in another order.

    Args:
        rows: (p, d) a row of weights a residue.

    Returns:
        (p // 2,) powers, of frequency 1 first.

    Raises:
        InputRefused: fewer than 4 residues, or NaN.

    Cost: p d ln p. Fails when: residues are in another order than 0..p - 1.

    Reference: Nanda et al. 2023, Progress measures for grokking via mechanistic interpretability, section 4.1.

    >>> turn = np.exp(2j * np.pi * 2 * np.arange(7) / 7)
    >>> frequency_power(np.stack([turn.real, turn.imag], 1)).round(9) + 0.0
    array([ 0. , 24.5,  0. ])
    """
    e = array(rows, "rows", "pd").astype(np.float64)
    if len(e) < 4:
        raise InputRefused("rows of at least 4 residues", f"{len(e)}", "Fewer have one frequency.")
    return np.square(np.abs(np.fft.rfft(e, axis=0))).sum(1)[1:]


def gini(values: Given[Any, " k"]) -> float:
    r"""How unevenly is an amount spread over k places?

    G = sum_ij |v_i - v_j| / (2 k sum_i v_i). 0 where all are alike, 1 - 1/k where one place has it all.

    Args:
        values: (k,) from 0, not all 0.

    Returns:
        The coefficient.

    Raises:
        InputRefused: a negative value, or nothing to spread.

    Cost: k ln k. Fails when: k is small: the largest value is 1 - 1/k.

    Reference: Gini 1912, Variabilita e mutabilita; sparsity by it: Hurley and Rickard 2009, Comparing measures of
    sparsity.

    >>> gini([1.0, 1.0, 1.0, 1.0]), gini([0.0, 0.0, 4.0, 0.0])
    (0.0, 0.75)
    """
    v = np.sort(array(values, "values", "k").astype(np.float64))
    if not len(v) or v[0] < 0 or v.sum() <= 0:
        raise InputRefused("values from 0 that are not all 0", f"{v}", "Leave it out: nothing is spread.")
    k = len(v)
    return max(0.0, float((2 * np.arange(1, k + 1) - k - 1) @ v / (k * v.sum())))


def gini_of_noise(k: int, d: int) -> float:
    r"""What is the Gini coefficient of the power at k frequencies of rows of d independent normal numbers?

    The power at a frequency is then a sum of d exponential variables, a Gamma(d) variable, of which
    G = Gamma(d + 1/2) / (sqrt(pi) Gamma(d + 1)), times (k - 1)/k for the pairs of k values (a ratio of means: the
    coefficient of few frequencies differs from it by about 1/(2 d k)). From near 0 (many columns) to 1/2 (one).

    Args:
        k: frequencies, p // 2 of an odd number p of residues.
        d: columns.

    Returns:
        The expected coefficient.

    Raises:
        InputRefused: no frequency or no column.

    Cost: none. Fails when: p is even: its frequency p/2 has half as many numbers.

    Reference: McDonald 1984, Some generalized functions for the size distribution of income (the Gini of a gamma
    variable).

    >>> round(gini_of_noise(26, 1), 3), round(gini_of_noise(26, 256), 4)
    (0.481, 0.0339)
    """
    if k < 1 or d < 1:
        raise InputRefused("at least one frequency and one column", f"{k} and {d}", "Give the size of the embedding.")
    return float(np.exp(gammaln(d + 0.5) - gammaln(d + 1)) / np.sqrt(np.pi)) * (k - 1) / k
