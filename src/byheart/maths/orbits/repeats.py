r"""Repeats: which stretches of one sequence of labels stand in another too, wherever?

The labels of both are laid end to end. The rank of the stretch of 2^k labels from a place on follows from those of its
two halves (prefix doubling); in the order of all stretches the one that shares most with a place stands beside it, and
how many labels two places share is read off the ranks from the longest level down. A periodic sequence, where
everything matches everything, costs no more than another.

Reference: Manber, Myers 1993, "Suffix arrays: a new method for on-line string searches", SIAM Journal on Computing 22.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from byheart.maths.shapes import Int


@dataclass(frozen=True)
class Repeats:
    """Two sequences of labels, ready to be asked what they share.

    Attributes:
        first: length of the first; places of the second begin at `first + 1`, after a mark.
        levels: (places,) rank of the stretch of 2^k labels from each place on, for k = 0, 1, ...
        order: (places,) all places, by what follows them.
    """

    first: int
    levels: list[Int[np.ndarray, " t"]]
    order: Int[np.ndarray, " t"]

    @classmethod
    def of(cls, first: Int[np.ndarray, " t"], second: Int[np.ndarray, " s"]) -> Repeats:
        """Of two sequences of labels, 0 or more."""
        end = max(int(first.max(initial=0)), int(second.max(initial=0))) + 1
        labels = np.concatenate([first, [end], second, [end + 1]])
        rank = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        levels, width = [rank], 1
        while rank.max() + 1 < len(rank):
            behind = np.concatenate([rank[width:] + 1, np.zeros(min(width, len(rank)), np.int64)])
            rank = np.unique(rank * (len(rank) + 1) + behind, return_inverse=True)[1].astype(np.int64)
            levels.append(rank)
            width *= 2
        return cls(len(first), levels, np.argsort(rank))

    def shared(self, i: Int[np.ndarray, " n"], j: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """How many labels from place i on are those from place j on?"""
        i, j, total = i.copy(), j.copy(), np.zeros(len(i), np.int64)
        last = len(self.order) - 1  # a mark: equal to nothing else
        for k in reversed(range(len(self.levels))):
            same = (self.levels[k][i] == self.levels[k][j]) & (i != j)
            total[same] += 2**k
            i, j = np.minimum(i + same * 2**k, last), np.minimum(j + same * 2**k, last)
        return total

    def partners(self, asked: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each place that is asked the place, another among those given, that shares most with it, and how much.

        `asked` and `among` are True at their places. Where there is no other place nothing is shared with place 0.
        """
        standing = np.arange(len(self.order))
        here = among[self.order]
        before = np.concatenate([[-1], np.maximum.accumulate(np.where(here, standing, -1))[:-1]])
        after = np.minimum.accumulate(np.where(here, standing, len(here))[::-1])[::-1]
        after = np.concatenate([after[1:], [len(here)]])
        at = np.flatnonzero(asked[self.order])
        places, best, most = self.order[at], np.zeros(len(at), np.int64), np.zeros(len(at), np.int64)
        for side in (before[at], after[at]):
            there = (side >= 0) & (side < len(here))
            partner = self.order[np.clip(side, 0, len(here) - 1)]
            length = np.where(there, self.shared(places, partner), 0)
            best, most = np.where(length > most, partner, best), np.maximum(length, most)
        return places, best, most
