"""Which training example helps which new example? Influence pairs, or why they are withheld."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from byheart.maths.memorisation.influence import Counts, influence_counts, largest_influence_null, members_needed
from byheart.maths.memorisation.influence_by_chance import largest_by_chance
from byheart.probes.base import Assumption, Bank, Probe, reason
from byheart.records.facts import Axis, Curve, Ranked, Scalar
from byheart.records.finding import Finding, NotApplicable
from byheart.records.quantity import Quantity
from byheart.training.run import Run

# Feldman and Zhang 2020 call pairs with an influence of at least 0.15 high-influence.
THRESHOLD = 0.15
# The largest of millions of pairs varies much from shuffle to shuffle: the highest of 19 was too low a bar, and named a
# pair of trousers that helps an ankle boot.
SHUFFLES = 199
# from so many pairs of right and wrong on, the bar is a closed form: shuffles would take minutes
MANY_PAIRS = 50_000_000
ROWS = 256  # training examples at once
NEARLY = 1e-3  # further than that rounding moves no influence
GRID = tuple(round(0.1 + 0.05 * g, 2) for g in range(18))
SHOWN = 6


class Pairs(Probe):
    r"""Which training example helps which new example?

    influence_iq = share of members right about new example q among those that saw training example i - the same
    among those that did not [-1 to 1]. A pair is shown only if it exceeds the largest of all n q pairs in every
    one of 199 shuffles of the masks (p <= 1/200); if none does, the card is withheld and says how many members would
    do. From 50 million pairs on, of outcomes that are right or wrong, the bar is what the largest exceeds at most once
    in 200 shuffles, in closed form. For values the outcome is minus the absolute error, in standard deviations of the
    target.

    Rote: no pair but exact copies. Oracle: none. Cost: no training of its own; two products of (n, m) by (m, q), and
    up to 199 more where the bar is no closed form. Fails when: members are few, since the largest of millions of pairs
    is large by chance. Reference: Feldman and Zhang 2020, What neural networks memorize and why, eq. 2; Westfall and
    Young 1993, Resampling-Based Multiple Testing, section 2.3.

    Example:
        >>> Pairs().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/influence"
    version: ClassVar[int] = 7
    drawn_as: ClassVar[str] = "memory/pairs"
    assumes: ClassVar[tuple[Assumption, ...]] = ("both sides", "varying values")
    outputs: ClassVar[tuple[str, ...]] = ("classes", "values")
    needs: ClassVar[tuple[str, ...]] = ("test",)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Pairs that stand clear of chance, or the withheld card with its evidence."""
        run = bank[bank.subject.bank()]
        mask, right, values = run.members.mask, _outcome(bank, run), bank.data.output.continuous
        n, q, m = mask.shape[1], right.shape[1], len(mask)
        closed = n * q >= MANY_PAIRS and not values
        bar, typical = _by_chance(right, mask, None if closed else self.rng(bank, "null"))
        # errors have no natural scale: the grid is laid around the largest by chance
        grid = tuple(round(bar * (0.2 + 0.1 * g), 4) for g in range(18)) if values and bar > 0 else GRID
        counts = influence_counts(right, mask, (THRESHOLD, *grid), self.rng(bank, "counts"), shuffles=1)
        clear = _above(right, mask, bar, counts.largest)
        largest = clear[0][2] if clear else _largest(right, mask, counts.largest)
        spread = float(np.median(right.var(0, ddof=1))) if values else 0.25
        needed = int(members_needed(n, q, THRESHOLD, bank.subject.seen_share, variance=spread).members)
        facts = {"interval": None, "why_no_interval": "beside its null", "n": n * q}
        quantities = {
            "largest_influence": Quantity(value=largest, unit="ratio", null=typical, **facts),
            "pairs_at_threshold": Quantity(
                value=int(counts.measured[0]), unit="pairs", null=int(counts.shuffled[0, 0]), **facts
            ),
        }
        finding = self.finding(
            quantities,
            status="measured" if clear else "withheld",
            question=f"Which training {bank.noun(1)} helps which new {bank.noun(1)}?",
            headline="largest_influence" if clear else "",
            curves={"pairs_by_influence": _curve(grid, counts)},
            ranked=_ranked(bank, clear[:SHOWN]) if clear else {},
            details={
                "threshold": THRESHOLD, "shuffles": SHUFFLES, "largest_by_chance": bar, "members": m,
                "members_needed": needed, "clear": len(clear), **({"closed_form": True} if closed else {}),
                **(_first(run, right, *clear[0][:2]) if clear else {}),
            },
            withheld=None if clear else reason("no clear pair", members=m, needed=needed, threshold=THRESHOLD),
        )  # fmt: skip
        return finding, {}


def _outcome(bank: Bank, run: Run) -> np.ndarray:
    """(m, q): right or wrong about each new example; for values minus the absolute error over the target's spread."""
    test = run.views["test"]
    if test.correct is not None:
        return test.correct[-1]
    return -np.sqrt(test.loss_nats[-1].astype(np.float64)) / float(bank.data.train.y.std())


def _influence_rows(right: np.ndarray, mask: np.ndarray, rows: slice) -> np.ndarray:
    seen = mask[:, rows].T.astype(np.float32)  # (rows, m)
    inside = seen @ right.astype(np.float32) / seen.sum(1, keepdims=True)
    outside = (1 - seen) @ right.astype(np.float32) / (1 - seen).sum(1, keepdims=True)
    return inside - outside


def _by_chance(right: np.ndarray, mask: np.ndarray, rng: np.random.Generator | None) -> tuple[float, float]:
    """What the largest of all pairs exceeds once in 200 by chance, and half of the time; in closed form without rng."""
    if rng is None:
        bar, typical = largest_by_chance(right, mask, (1 / (SHUFFLES + 1), math.log(2)))
        return float(bar), float(typical)
    null = largest_influence_null(right, mask, rng, SHUFFLES)
    return float(null.max()), float(np.median(null))


def _blocks(largest: np.ndarray, least: float) -> Iterator[slice]:
    """Blocks of training rows of which one may have an influence of at least so much, `largest` being rounded."""
    for start in range(0, len(largest), ROWS):
        if largest[start : start + ROWS].max() >= least - NEARLY:
            yield slice(start, start + ROWS)


def _above(right: np.ndarray, mask: np.ndarray, bar: float, largest: np.ndarray) -> list[tuple[int, int, float]]:
    """(training row, new row, influence) of every pair above `bar`, largest first."""
    found = []
    for rows in _blocks(largest, bar):
        block = _influence_rows(right, mask, rows)
        for a, b in zip(*np.nonzero(block > bar + 1e-6)):
            found.append((rows.start + int(a), int(b), float(block[a, b])))
    return sorted(found, key=lambda pair: -pair[2])


def _largest(right: np.ndarray, mask: np.ndarray, largest: np.ndarray) -> float:
    return max(float(_influence_rows(right, mask, rows).max()) for rows in _blocks(largest, float(largest.max())))


def _curve(grid: tuple[float, ...], counts: Counts) -> Curve:
    """Number of pairs by influence, and the same of masks shuffled once."""
    return Curve(
        x_axis=Axis(name="estimated influence at least"), y_axis=Axis(name="number of pairs", unit="pairs"),
        x=grid, y=counts.measured[1:], null=counts.shuffled[0, 1:],
    )  # fmt: skip


def _first(run: Run, right: np.ndarray, i: int, j: int) -> dict[str, Scalar]:
    """Outcomes of the new example of the first pair among the members that saw its training example, and others."""
    saw, others = run.members.seen[:, i], run.members.unseen[:, i]
    return {
        "first_saw": int(saw.sum()), "first_outcome_saw": float(right[saw, j].mean()),
        "first_others": int(others.sum()), "first_outcome_others": float(right[others, j].mean()),
    }  # fmt: skip


def _ranked(bank: Bank, clear: list[tuple[int, int, float]]) -> dict[str, Ranked]:
    """The training example and the new example of each pair."""
    influence, made = [pair[2] for pair in clear], {}
    for name, view, side in (("clear_training", "train", 0), ("clear_new", "test", 1)):
        known, rows = bank.data.views[view], [pair[side] for pair in clear]
        made[name] = Ranked(view=view, ids=known.ids[rows], figures={"label": known.y[rows], "influence": influence})
    return made
