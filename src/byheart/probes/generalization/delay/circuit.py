"""What the weights and logits of a modular table say: embedding by frequency, restricted and excluded loss."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from byheart.maths.delay import (
    frequency_power,
    gini,
    gini_of_noise,
    key_frequencies,
    sum_means,
    with_frequencies,
    without_frequencies,
)
from byheart.probes.bank import Bank, Need
from byheart.probes.generalization.delay.course import LAYER
from byheart.tasks.data import Data

KEPT = 5  # frequencies


class Circuit(NamedTuple):
    """Of m members at c checkpoints, (m, c) each but for `frequencies`, five of each member at the last checkpoint.

    `gini` of the power of the embedding over frequencies, None where it was not kept, and what noise of its size has;
    `restricted` loss of the sums by the constant and five frequencies of a + b alone, `excluded` loss on the pairs
    seen without these, `in_five` share of what follows from a + b that they carry; nats. What follows from a + b is
    fitted on the pairs held out: the mean over all pairs of a sum would show labels that are known by heart.
    """

    gini: np.ndarray | None
    noise: float
    restricted: np.ndarray
    excluded: np.ndarray
    in_five: np.ndarray
    frequencies: tuple[tuple[int, ...], ...]


def sums_of(data: Data) -> np.ndarray | None:
    """(n,) a + b mod p of the training pairs; None where the examples are no pairs of residues, one-hot."""
    train, p = data.train, data.output.k
    if not {"a", "b"} <= set(train.meta) or train.x.shape[1:] != (2 * p,) or p < 4:
        return None
    a, b = (np.asarray(train.meta[name]) for name in "ab")
    rows, hot = np.arange(len(a)), np.concatenate([a[:, None], b[:, None] + p], 1)
    one_hot = bool((train.x[rows[:, None], hot] == 1).all()) and float(np.abs(train.x).sum()) == 2.0 * len(a)
    return (a + b) % p if one_hot else None


def circuit_of(bank: Bank, need: Need) -> Circuit | None:
    """The circuit of each member; None where the task is no table of residues, or no trail or no pair held out."""
    run, data = bank[need], bank.data_of(need)
    sums, trail = sums_of(data), run.views["train"].trail
    out = run.members.unseen & bank.counted
    if sums is None or trail is None or not out.any(1).all():
        return None
    y, p, m = data.train.y, data.output.k, trail.shape[1]
    tables = np.array([[sum_means(z[j][out[j]], sums[out[j]], p) for z in trail] for j in range(m)])
    label = _labels_of_sums(sums, y, p)
    found = {name: np.zeros(tables.shape[:2]) for name in ("restricted", "excluded", "in_five")}
    five = tuple(key_frequencies(tables[j, -1], KEPT) for j in range(m))
    for j, c in np.ndindex(*tables.shape[:2]):
        rows = run.members.seen[j] & bank.counted
        kept = with_frequencies(tables[j, c], five[j])
        found["restricted"][j, c] = _loss(kept[label >= 0], label[label >= 0])
        left = without_frequencies(trail[c, j][rows], sums[rows], tables[j, c], five[j])
        found["excluded"][j, c] = _loss(left, y[rows])
        whole = np.square(tables[j, c] - tables[j, c].mean(0)).sum()
        found["in_five"][j, c] = np.square(kept - tables[j, c].mean(0)).sum() / whole if whole > 0 else 0.0
    rows_kept = run.kept[LAYER.label].get("rows") if LAYER.label in run.kept else None
    uneven = None if rows_kept is None else np.swapaxes(_uneven(rows_kept, p), 0, 1)
    columns = 1 if rows_kept is None else 2 * rows_kept.shape[-1]
    return Circuit(uneven, gini_of_noise(p // 2, columns), frequencies=five, **found)


def _uneven(rows: np.ndarray, p: int) -> np.ndarray:
    """(c, m) Gini of the power of both embeddings, of a and of b, side by side: (c, m, 2 p, d)."""
    both = np.concatenate([rows[:, :, :p], rows[:, :, p:]], axis=-1)
    return np.array([[gini(frequency_power(one)) for one in at] for at in both])


def _labels_of_sums(sums: np.ndarray, y: np.ndarray, p: int) -> np.ndarray:
    """(p,) the commonest label of each sum, -1 of one that no pair has: classes may be numbered otherwise."""
    counts = np.zeros((p, p), dtype=np.int64)
    np.add.at(counts, (sums, y), 1)
    return np.where(counts.any(1), counts.argmax(1), -1)


def _loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean -log softmax(z)_y in nats."""
    top = logits.max(1, keepdims=True)
    whole = top[:, 0] + np.log(np.exp(logits - top).sum(1))
    return float((whole - logits[np.arange(len(labels)), labels]).mean())
