"""Slow, obvious twins of the scores: one pair at a time."""

import numpy as np


def mean_and_variance(values, pooled):
    t = len(values)
    if t == 0:
        return np.nan, np.nan
    if pooled is None:
        p = (sum(values) + 1) / (t + 2)
        return np.mean(values), p * (1 - p) / t
    return np.mean(values), (sum((v - np.mean(values)) ** 2 for v in values) + 2 * pooled) / (t + 1) / t


def score(outcome, mask, i, q, pooled=(None, None)):
    inside = [outcome[j, q] for j in range(len(mask)) if mask[j, i]]
    outside = [outcome[j, q] for j in range(len(mask)) if not mask[j, i]]
    (a, va), (b, vb) = mean_and_variance(inside, pooled[0]), mean_and_variance(outside, pooled[1])
    return a - b, np.sqrt(va + vb)


def pooled_variance(outcome, mask, pairs):
    """Within-side variance over the (i, q) pairs, for the seen and the unseen side."""
    result = []
    for side in (mask, ~mask):
        squares, freedom = 0.0, 0
        for i, q in pairs:
            values = outcome[side[:, i], q]
            if len(values):
                squares += ((values - values.mean()) ** 2).sum()
                freedom += len(values) - 1
        result.append(squares / freedom)
    return tuple(result)
