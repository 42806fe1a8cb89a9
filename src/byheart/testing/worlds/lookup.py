"""What a lookup of the nearest neighbour's label must score where labels depend on the cell alone."""

from __future__ import annotations

import numpy as np

from byheart.testing.worlds.base import Bounds, near

SIDE, CORNER = 1.0, 2.0  # cells are boxes of side 1 around the corners (-2 or 2)^d: neighbours share a cell


def cells(rng: np.random.Generator, n: int, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """n points in boxes far apart, and which of the 2^d boxes each is in: as nearly equally many as can be."""
    cell = rng.permutation(np.arange(n) % 2**d)
    corner = CORNER * (2 * ((cell[:, None] >> np.arange(d)) & 1) - 1)
    return corner + SIDE * (rng.random((n, d)) - 0.5), cell


def labels(rng: np.random.Generator, eta: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """A label of each point from the distribution eta (cells, k) of its cell."""
    return (rng.random(len(cell))[:, None] > np.cumsum(eta[cell], 1)[:, :-1]).sum(1)


def entropy(p: np.ndarray) -> float:
    """Bits of a distribution of any shape."""
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def nearest_label(eta: np.ndarray, n: int) -> dict[str, Bounds]:
    """What is true of a member that gives the label of the nearest example it saw?

    An example that it saw has itself for its nearest. Of any other the nearest is an independent draw from the same
    cell, with the distribution eta_c. So, with the mean over cells:

        right where left out = sum_y eta(y)^2
        code where left out  = H(y | y'), y and y' two independent draws of a cell
        code of the reference = H(y)

    An example's score is 1 - (share of left-out members right about it). Its nearest example is seen by a share of 0.7
    of the members: a score is at least 0.7 where that one's label differs, at most 0.09 where the two nearest agree
    with it, and about 0.25 otherwise; the last may count as memorised or not, which gives bounds:

        1 - sum_y eta(y)^2 <= memorised share <= 1 - sum_y eta(y)^3

    A calibration of two parameters fitted on half of n examples costs 2 / (2 n / 2) nats of each label (Akaike), and
    the code never goes below log2(1 + 1 / (n + 2)); bounds of the bits allow twice as much.

    Args:
        eta: (cells, k) distribution of the label in each cell; cells hold equally many examples.
        n: independent examples.
    """
    same, thrice = float((eta**2).sum(1).mean()), float((eta**3).sum(1).mean())
    blind = entropy(eta.mean(0))
    left_out = entropy(np.einsum("cy,cz->yz", eta, eta) / len(eta)) - blind
    understood, cost = 1 - left_out / blind, 2 * np.log2(np.e) / n / blind
    return {
        "train_accuracy": near(1.0), "held_out_accuracy": near(same), "test_accuracy": near(same),
        "gap": near(1 - same), "c_score": near(same), "memorised_share": Bounds(1 - same, 1 - thrice),
        "understood_bits_share": Bounds(understood - 2 * cost, understood + cost),
        "memorised_bits_share": Bounds(1 - understood - 3 * cost, 1 - understood + 2 * cost),
        "left_bits_share": Bounds(0.0, 2 * cost),
    }  # fmt: skip
