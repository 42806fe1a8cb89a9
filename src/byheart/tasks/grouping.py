"""Grouping: which examples are seen or left out together, and which a test is held out with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from byheart.errors import InputRefused

NO_EFFECT = "groups: each example has one of its own, so they keep nothing together and change nothing"
DESIGN = 0.1  # a table with fewer distinct inputs than this share of its rows is a design, whose rows fill its cells


@dataclass(frozen=True)
class Grouping:
    """Groups of n examples.

    Attributes:
        groups: (n,) equal for examples that are seen or left out together.
        copies: (n,) equal for copies of one another, exact or near; each its own in a design.
        cells: distinct inputs of a design, whose rows are drawn one by one; 0 where copies are copies.
        named: groups that are no copies: that the user named, or blocks; 0 without.
        blocks: of consecutive rows, where rows follow one another in time; 0 elsewhere.
        reach: rows between two blocks that are in neither, and between the last and the held-out ones.
        by: the column that gives the order; empty for rows as they stand.
    """

    groups: np.ndarray
    copies: np.ndarray
    cells: int = 0
    named: int = 0
    blocks: int = 0
    reach: int = 0
    by: str = ""

    def take(self, rows: np.ndarray) -> Self:
        """The groups of some of the examples."""
        named = self.named and len(np.unique(self.groups[rows]))
        return replace(self, groups=self.groups[rows], copies=self.copies[rows], named=named)

    def document(self) -> dict[str, Any]:
        """What a reader is told: rows that copy another, the others that they copy, cells, named groups, blocks."""
        sizes = np.unique(self.copies, return_counts=True)[1]
        largest = np.unique(self.groups, return_counts=True)[1]
        return {
            "copies": int(len(self.copies) - len(sizes)),
            "originals": int((sizes > 1).sum()),
            "cells": self.cells,
            "named": self.named,
            "groups": len(largest),
            "largest": int(largest.max()),
            **({"blocks": self.blocks, "reach": self.reach, "by": self.by} if self.blocks else {}),
        }


def grouping(copies: np.ndarray, exact: np.ndarray, y: np.ndarray, table: bool = False, named: Any = None) -> Grouping:
    """Which examples are seen or left out together? Connected components of copies and of the user's groups.

    Rows of a table whose distinct inputs are fewer than a tenth of the rows, and whose targets differ within most of
    them, are cells of a design: another row of the cell is another observation, not a copy.

    Args:
        copies: (n,) equal for copies, exact or near.
        exact: (n,) equal for exact copies.
        y: (n,) targets, before any were redrawn.
        table: whether the examples are rows of columns.
        named: (n,) groups that the user named, or None.

    Example:
        >>> found = grouping(np.array([0, 0, 1, 2]), np.array([0, 0, 1, 2]), np.arange(4), named=["a", "b", "b", "c"])
        >>> found.groups.tolist(), found.document()["copies"]
        ([0, 0, 0, 1], 1)
    """
    n, cells = len(copies), 0
    if table and 1 < (distinct := len(np.unique(exact))) < DESIGN * n and _differ(exact, y) > 0.5:
        copies, cells = np.arange(n), distinct
    if named is None:
        return Grouping(np.unique(copies, return_inverse=True)[1].ravel(), copies, cells)
    users = np.unique(np.asarray(named), return_inverse=True)[1].ravel()
    return Grouping(components(copies, users), copies, cells, int(users.max()) + 1)


def read_groups(named: Any, n: int, what: str = "groups") -> np.ndarray:
    """The groups that the user named, as text (n,).

    Raises:
        InputRefused: another length, or groups that are not named.
    """
    named = np.asarray(named)
    if named.shape != (n,):
        raise InputRefused(
            expected=f"one group per example in {what}, {n:,} of them", came=f"shape {named.shape}",
            do="Give the group's name or number for every training example.",
        )  # fmt: skip
    lacking = np.array([one is None or one != one or one == "" for one in named.tolist()])
    if lacking.any():
        raise InputRefused(
            expected=f"a group for every example in {what}",
            came=f"{int(lacking.sum()):,} without, the first at position {int(lacking.argmax())}",
            do="Name a group of its own for each example that belongs to none.",
        )
    return named.astype(str)


def keeps_together(named: np.ndarray | None) -> bool:
    """Whether groups hold some examples together: where each has one of its own, there are none."""
    return named is not None and len(np.unique(named)) < len(named)


def no_effect_of(named: np.ndarray | None) -> str:
    """What is said where every example is a group of its own; empty where groups keep some together.

    Example:
        >>> no_effect_of(np.array(["a", "b"]))
        'groups: each example has one of its own, so they keep nothing together and change nothing'
    """
    return "" if named is None or keeps_together(named) else NO_EFFECT


def components(*labels: np.ndarray) -> np.ndarray:
    """(n,) from 0: equal for examples that are linked by being equal in any of the labels (n,).

    Example:
        >>> components(np.array([0, 0, 1, 2]), np.array([5, 6, 6, 7])).tolist()
        [0, 0, 0, 1]
    """
    n, links, start = len(labels[0]), [], len(labels[0])
    for label in labels:
        place = np.unique(label, return_inverse=True)[1].ravel()
        links.append(place + start)
        start += int(place.max()) + 1
    rows, ends = np.tile(np.arange(n), len(labels)), np.concatenate(links)
    graph = coo_matrix((np.ones(len(rows)), (rows, ends)), shape=(start, start))
    found = connected_components(graph, directed=False)[1][:n]
    return np.unique(found, return_inverse=True)[1].ravel()


def _differ(exact: np.ndarray, y: np.ndarray) -> float:
    """Share of the inputs that come more than once whose targets differ."""
    place = np.unique(exact, return_inverse=True)[1].ravel()
    codes = np.unique(y, return_inverse=True)[1].ravel() if y.ndim == 1 else np.arange(len(y))
    low, high = np.full(place.max() + 1, codes.max()), np.zeros(place.max() + 1, dtype=codes.dtype)
    np.minimum.at(low, place, codes)
    np.maximum.at(high, place, codes)
    more = np.bincount(place) > 1
    return float((low < high)[more].mean()) if more.any() else 0.0
