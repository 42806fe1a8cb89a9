"""The power law of a spectrum by its definition: a loop in a loop."""

import numpy as np


def power_law(values):
    """(alpha, xmin, distance, sigma, how many in the tail, how many)."""
    values = sorted(values)
    best = None
    for i, xmin in enumerate(values[:-1]):
        tail = values[i:]
        alpha = 1 + len(tail) / sum(np.log(x / xmin) for x in tail)
        far = max(abs(1 - (x / xmin) ** (1 - alpha) - j / len(tail)) for j, x in enumerate(tail))
        if best is None or far < best[2]:
            best = (alpha, xmin, far, (alpha - 1) / len(tail) ** 0.5, len(tail), len(values))
    return best
