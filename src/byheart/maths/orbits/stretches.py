"""Stretches: which runs of steps have two series in common, or one with itself, and would they be so by nature?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from byheart.maths.orbits.repeats import Repeats
from byheart.maths.shapes import Bool, Float, Int

LABELS = 4  # steps of a run by labels, from which on its offset in time is looked at
DIAGONALS = 64  # offsets in time that are looked at from end to end
SAMPLED = 64  # steps of a stretch by which the places are counted where it stands
UNITS = 4  # of rounding: by more two series part at once where a copy ends, but neighbours do not
FROM, STEPS, MOVES, PARTNER = range(4)  # columns of stretches


@dataclass(frozen=True)
class Compared:
    """Two series end to end, each followed by a row of NaN.

    Attributes:
        line: (steps, d) both.
        within: (d,) how far two values may be apart that count as one.
        first: (steps,) True where the first series is.
        second: likewise.
        moves: (steps,) how often the series has moved up to there.
        labels: what they share by labels.
        unit: (d,) the smallest difference between values of one series.
    """

    line: Float[np.ndarray, "t d"]
    within: Float[np.ndarray, " d"]
    first: Bool[np.ndarray, " t"]
    second: Bool[np.ndarray, " t"]
    moves: Int[np.ndarray, " t"]
    labels: Repeats
    unit: Float[np.ndarray, " d"]

    def stretches(self, asked: Bool[np.ndarray, " t"], among: Bool[np.ndarray, " t"]) -> Int[np.ndarray, "n c"]:
        """(n, 4): start among the asked, steps, moves, start among the others; most moves first.

        Labels say at which offsets in time to look; along each of these all steps are then compared.
        """
        places, partner, length = self.labels.partners(asked, among)
        long = length >= LABELS
        offsets, which = np.unique((partner - places)[long], return_inverse=True)
        weight = np.bincount(which, weights=length[long].astype(float), minlength=len(offsets))
        found = [np.zeros((0, 4), np.int64)]
        for offset in offsets[np.argsort(-weight, kind="stable")[:DIAGONALS]]:
            here = np.flatnonzero(asked)
            here = here[(here + offset >= 0) & (here + offset < len(self.line))]
            here = here[among[here + offset]]
            same = np.concatenate([[False], self._equal(self.line[here], self.line[here + offset]), [False]])
            start, end = here[np.flatnonzero(~same[:-1] & same[1:])], here[np.flatnonzero(same[:-1] & ~same[1:]) - 1]
            found.append(np.stack([start, end - start + 1, self.moves[end] - self.moves[start], start + offset], 1))
        every = np.concatenate(found)
        return every[np.argsort(-every[:, MOVES], kind="stable")]

    def ends(self, stretch: Int[np.ndarray, " c"]) -> str:
        """How does it begin and end? "jump": on one side as a copy does; "open": both with a series; else "soft"."""
        at, steps, _, partner = (int(one) for one in stretch)
        jumps, over = [], []
        for i, j in ((at - 1, partner - 1), (at + steps, partner + steps)):  # row -1 is the last: NaN, as it should be
            apart = np.abs(self.line[i] - self.line[j]) > UNITS * (self.unit + self.within)
            outside = [np.isnan(self.line[one]).any() for one in (i, j)]
            jumps.append(apart.any() or all(outside))
            over.append(any(outside))
        return "jump" if any(jumps) else "open" if all(over) else "soft"

    def times(self, stretch: Int[np.ndarray, " c"], series: Bool[np.ndarray, " t"], nearly: bool = False) -> int:
        """How often does it stand in a series, its own place counted? By some of its steps.

        `nearly`: or what is within some units of it, over a quarter of the series at most.
        """
        at, steps, places = int(stretch[FROM]), int(stretch[STEPS]), np.flatnonzero(series)
        steps = min(steps, len(places) // 4) if nearly else steps
        places = places[places + steps <= places[-1] + 1]
        for step in np.unique(np.linspace(0, max(steps - 1, 0), SAMPLED).astype(int)):
            apart = np.abs(self.line[places + step] - self.line[at + step])
            places = places[(apart <= 2 * self.within + nearly * UNITS * self.unit).all(1)]
        return len(places)

    def cycles(self, alone: Int[np.ndarray, "n c"], series: Bool[np.ndarray, " t"], fewest: int) -> bool:
        """Is it a cycle from end to end, joined by a step like its others and not by the jump between two copies?"""
        x = self.line[series]
        size = np.abs(np.diff(x, axis=0))
        for period in np.unique(np.abs(alone[:, FROM] - alone[:, PARTNER])).tolist():
            joined = (size[period - 1] <= np.delete(size, period - 1, 0).max(0)).all()
            if joined and len(x) - period > fewest and self._equal(x[period:], x[:-period]).all():
                return True
        return False

    def _equal(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (np.abs(a - b) <= self.within).all(-1)


def compared(p: Float[np.ndarray, "t d"], q: Float[np.ndarray, "s d"], within: Float[np.ndarray, " d"]) -> Compared:
    """What have two series in common, values no further apart than `within` counted as one?"""
    cell = np.where(within > 0, 10 * within, 1.0)
    cells = [np.where(within > 0, np.floor(one / cell + 1 / 3), one) for one in (p, q)]  # 0 is on no edge
    labels = np.unique(np.concatenate(cells), axis=0, return_inverse=True)[1].ravel()
    mark = np.full((1, p.shape[1]), np.nan)
    line = np.concatenate([p, mark, q, mark])
    place = np.arange(len(line))
    moved = ~(np.abs(np.diff(line, axis=0)) <= within).all(1)
    return Compared(
        line=line,
        within=within,
        first=place < len(p),
        second=(place > len(p)) & (place < len(line) - 1),
        moves=np.concatenate([[0], np.cumsum(moved)]),
        labels=Repeats.of(labels[: len(p)], labels[len(p) :]),
        unit=np.maximum(_units(p), _units(q)),  # of each: between both there may be differences of nothing but rounding
    )


def _units(x: Float[np.ndarray, "t d"]) -> Float[np.ndarray, " d"]:
    """The smallest difference between values of each channel that are not the same; 0 where all are."""
    gaps = [np.diff(np.unique(one)) for one in x.T]
    return np.array([gap.min() if len(gap) else 0.0 for gap in gaps])
