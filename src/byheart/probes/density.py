"""Where do the points of a map lie? Counts over the cells of a grid."""

from __future__ import annotations

import numpy as np

from byheart.records.facts import FactTable


def density(**axes: tuple[np.ndarray, np.ndarray]) -> FactTable:
    """The cells of a grid that hold points: the ends of each along both axes, and how many examples it holds.

    Args:
        axes: two names, each with the positions (n,) of the points and the edges of the grid.

    Example:
        >>> density(bits=(np.array([0.5, 0.6]), np.arange(3.0)), score=(np.ones(2), np.arange(3.0))).rows()
        [{'examples': 2, 'bits_from': 0.0, 'bits_to': 1.0, 'score_from': 1.0, 'score_to': 2.0}]
    """
    (x, _), (y, _) = axes.values()
    counts, *edges = np.histogram2d(x, y, bins=tuple(edges for _, edges in axes.values()))
    occupied = np.nonzero(counts)
    columns = {"examples": counts[occupied].astype(int)}
    for name, ends, place in zip(axes, edges, occupied):
        columns |= {f"{name}_from": ends[place], f"{name}_to": ends[place + 1]}
    return FactTable(values=columns)
