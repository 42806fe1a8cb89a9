"""Are the probabilities too sharp, and what would one temperature save?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from byheart.maths.codes.calibration import halves
from byheart.maths.inputs import array, class_labels, members_mask
from byheart.maths.shapes import Given
from byheart.maths.statistics.seen_unseen import side_columns, sides

# beyond a factor of 100 either way a temperature says that the scores are no probabilities at all
WIDEST = float(np.log(100.0))


class Tempered(NamedTuple):
    """The temperature, and (n,) bits of each left-out label as the models say it and with the temperature."""

    temperature: float
    raw_bits: np.ndarray
    tempered_bits: np.ndarray


def temperature(
    logits: Given[Any, "m n k"],
    labels: Given[Any, " n"],
    mask: Given[Any, "m n"],
    seed: int = 0,
    *,
    ids: Given[Any, " n"] | None = None,
    groups: Given[Any, " n"] | None = None,
) -> Tempered:
    r"""How much too sharp are the probabilities on examples that a model has not seen?

    T minimises the sum over members j and examples i that j did not see of -log softmax(z_ij / T)[y_i]. The bits
    with a temperature are cross-fitted: T of each half of the examples comes from the other half (`pools.halves`).
    T > 1: too sharp; T < 1: too flat; the order of classes, and so every decision, stays. T without unit, 0.01 to 100;
    bits per label. Oracle: T = 1 and no gain. Rote, which is sure of what it saw alone, gives frequencies elsewhere:
    T near 1.

    Args:
        logits: (m, n, k) logits, or logarithms of probabilities.
        labels: (n,) classes 0..k-1.
        mask: (m, n) True where the member saw the example.
        seed: of the hash that cuts the halves.
        ids: (n,) stable names of the examples; row numbers if absent.
        groups: (n,) names of groups that stay in one half.

    Returns:
        `temperature`, `raw_bits`, `tempered_bits`; NaN for examples that every member saw (fewer than eight members:
        columns whose means are those of the pairs, `seen_unseen.side_columns`).

    Raises:
        InputRefused: wrong shapes, NaN, labels out of range.

    Cost: about 30 passes over the left-out logits. Fails when: the scores are no logarithms of probabilities.

    Reference: Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural networks", section 4.2, with
    left-out members in the place of a validation set.

    >>> sure = 8 * np.eye(2)[[0, 0, 0, 1] * 10][None]
    >>> found = temperature(sure, [0, 0, 0, 0] * 10, np.zeros((1, 40), bool))
    >>> bool(found.temperature > 5), bool(found.tempered_bits.mean() < found.raw_bits.mean())
    (True, True)
    """
    logits = array(logits, "logits", "mnk")
    m, n, k = logits.shape
    labels, mask = class_labels(labels, n, k), members_mask(mask, (m, n))
    first, unseen = halves(n, seed, ids, groups), sides(mask)[1]
    raw, tempered = np.zeros((m, n)), np.zeros((m, n))
    for here in (first, ~first):
        place, other = np.nonzero(unseen & here), np.nonzero(unseen & ~here)
        if len(place[0]):
            z, y = _rows(logits, place), labels[place[1]]
            raw[place] = _nats(z, y, 1.0)
            tempered[place] = _nats(z, y, _fitted(_rows(logits, other), labels[other[1]]))
    everywhere = np.nonzero(unseen)
    best = _fitted(_rows(logits, everywhere), labels[everywhere[1]])
    return Tempered(best, *(side_columns(nats / np.log(2), mask)[1] for nats in (raw, tempered)))


def _rows(logits: np.ndarray, place: tuple[np.ndarray, ...]) -> np.ndarray:
    z = logits[place].astype(np.float64)
    return z - z.max(1, keepdims=True)


def _nats(z: np.ndarray, y: np.ndarray, t: float) -> np.ndarray:
    u = z / t
    return np.log(np.exp(u).sum(1)) - np.take_along_axis(u, y[:, None], 1)[:, 0]


def _fitted(z: np.ndarray, y: np.ndarray) -> float:
    """The temperature of the shortest code; 1 without rows. Convex in 1/T, so unimodal in log T."""
    if not len(z):
        return 1.0
    found = minimize_scalar(
        lambda log_t: _nats(z, y, np.exp(log_t)).mean(), bounds=(-WIDEST, WIDEST), method="bounded",
        options={"xatol": 1e-4},
    )  # fmt: skip
    return float(np.exp(found.x))
