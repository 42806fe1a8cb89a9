"""Which training example helps which new example? Influence pairs, or why they are withheld."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.memorisation.counterfactual import influence_counts, largest_influence_null, members_needed
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.records.chart import Axis, Chart, Line, Mark, Table
from byheart.records.figures import count, number
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits, Finding, NotApplicable, Withheld
from byheart.records.quantity import Quantity
from byheart.training.run import Run

# Feldman and Zhang 2020 call pairs with an influence of at least 0.15 high-influence.
THRESHOLD = 0.15
# The largest of millions of pairs varies much from shuffle to shuffle: the highest of 19 was too low a bar, and named a
# pair of trousers that helps an ankle boot.
SHUFFLES = 199
GRID = tuple(round(0.1 + 0.05 * g, 2) for g in range(18))
SHOWN = 6


class Pairs(Probe):
    r"""Which training example helps which new example?

    influence_iq = share of members right about new example q among those that saw training example i - the same
    among those that did not [-1 to 1]. A pair is shown only if it exceeds the largest of all n q pairs in every
    one of 199 shuffles of the masks (p <= 1/200); if none does, the card is withheld and says how many members would
    do. For values the outcome is minus the absolute error, in standard deviations of the target.

    Rote: no pair but exact copies. Oracle: none. Cost: no training of its own; 200 products of (n, m) by (m, q). Fails
    when: members are few, since the largest of millions of pairs is large by chance. Reference: Feldman and Zhang
    2020, What neural networks memorize and why, eq. 2; maximum statistic: Westfall and Young 1993, section 2.3.

    Example:
        >>> Pairs().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/pairs"
    version: ClassVar[int] = 3
    question: ClassVar[str] = "Which training example helps which new example?"
    reference: ClassVar[str] = (
        "Feldman and Zhang 2020, What neural networks memorize and why, eq. 2; Westfall and Young 1993, "
        "Resampling-Based Multiple Testing, section 2.3"
    )

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The bank; new examples are needed, and labels or values."""
        if "tokens" in subject.offers:
            reason = "Influence counts right answers; a passage is given with more or fewer bits."
            return self.not_applicable(reason)
        if "test" not in subject.offers:
            return self.not_applicable("There are no new examples.", "Give a test set.")
        return (subject.bank(),)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Pairs that stand clear of chance, or the withheld card with its evidence."""
        run = bank[bank.subject.bank()]
        if lacking := self.one_sided(bank, run.members.mask):
            return lacking, {}
        mask, right, values = run.members.mask, _outcome(bank, run), bank.data.output.kind == "values"
        n, q, m = mask.shape[1], right.shape[1], len(mask)
        null = largest_influence_null(right, mask, self.rng(bank, "null"), SHUFFLES)
        bar = float(null.max())
        # errors have no natural scale: the grid is laid around the largest by chance
        grid = tuple(round(bar * (0.2 + 0.1 * g), 4) for g in range(18)) if values and bar > 0 else GRID
        counts = influence_counts(right, mask, (THRESHOLD, *grid), self.rng(bank, "counts"), shuffles=1)
        clear = _above(right, mask, bar)
        largest = clear[0][2] if clear else _largest(right, mask)
        spread = float(np.median(right.var(0, ddof=1))) if values else 0.25
        needed = members_needed(n, q, THRESHOLD, bank.subject.share, variance=spread).members
        of_error = " of a standard deviation of the target" if values else ""
        measured, chance = int(counts.measured[0]), int(counts.shuffled[0, 0])
        quantities = {
            "largest_influence": Quantity(
                value=largest, unit="ratio", interval=None, null=float(np.median(null)), n=n * q, better=None,
                how=f"largest of {n * q:,} influences; no interval: a maximum is compared with its null, the largest "
                f"under {SHUFFLES} shuffles of the masks (median shown, highest {bar:.2f})",
            ),
            "pairs_at_threshold": Quantity(
                value=measured, unit="pairs", interval=None, null=chance, n=n * q, better=None,
                how=f"pairs with an influence of at least {THRESHOLD}{of_error}; no interval: compared with the count "
                "under shuffled masks, the null",
            ),
        }  # fmt: skip
        chart = self._chart(grid, counts, clear, n * q)
        finding = Finding(
            status="measured" if clear else "withheld",
            probe=self.name,
            question=f"Which training {bank.noun(1)} helps which new {bank.noun(1)}?",
            headline="largest_influence" if clear else "",
            says=f"largest influence of {count(n * q)} pairs; clear of chance: {count(len(clear))}" if clear else "",
            quantities=quantities,
            facts=(
                ("n", f"{count(n * q)} pairs"),
                ("null", f"{number(bar, 2)}: the largest of all pairs in {SHUFFLES} shuffles of the masks"),
                (
                    f"at {THRESHOLD}",
                    f"{count(measured)} pair{'' if measured == 1 else 's'} reach it, by chance {count(chance)}",
                ),
                ("would do", f"about {count(needed)} members for all pairs at {THRESHOLD}"),
            ),
            body=self._body(bank, clear, run, right, bar, m),
            charts=(chart,) if chart.lines else (),
            exhibits=_exhibits(bank, clear),
            how=(
                f"influence = {_measured(values)} about new {bank.noun(1)} j among those that saw training "
                f"{bank.noun(1)} i \u2212 the same among those that did not. A pair is shown only above the largest "
                f"of all {count(n * q)} pairs in each of {SHUFFLES} shuffles of the masks (p \u2264 "
                f"1/{SHUFFLES + 1}).",
                f"To name single pairs at {THRESHOLD} with one false alarm in twenty takes about {count(needed)} "
                "members. A withheld card keeps its evidence, and says what would lift it; it shows no scale.",
            ),
            reference=self.reference,
            withheld=None
            if clear
            else Withheld(
                reason=f"no pair stands clear of chance with {m} members",
                would_do=f"about {count(needed)} members would do: --members {needed}"
                if m < needed
                else f"nothing: {count(m)} members are enough to show a pair of {THRESHOLD}, and none shows",
            ),
        )
        return finding, {}

    def _body(self, bank: Bank, clear, run, right, bar: float, m: int) -> tuple[str, ...]:
        if not clear:
            return (f"The largest influence of all pairs is not larger than what chance gives with {m} members.",)
        i, j, value = clear[0]
        saw = run.members.mask[:, i]
        new, old = (int(ids[row]) for ids, row in ((bank.data.views["test"].ids, j), (bank.data.train.ids, i)))
        first = (
            f"members that saw training {bank.noun(1)} {old} miss new {bank.noun(1)} {new} by "
            f"{number(-float(right[saw, j].mean()), 2)} standard deviations of the target, the others by "
            f"{number(-float(right[~saw, j].mean()), 2)}."
            if bank.data.output.kind == "values"
            else f"{int(right[saw, j].sum())} of the {int(saw.sum())} members that saw training {bank.noun(1)} {old} "
            f"are right about new {bank.noun(1)} {new}, and {int(right[~saw, j].sum())} of the {int((~saw).sum())} "
            "others."
        )
        return (
            f"{len(clear)} pair{'s' if len(clear) > 1 else ''} stand{'' if len(clear) > 1 else 's'} clear of chance, "
            f"the first with {number(value, 2)}: {first}",
            "All other pairs are not named: as many reach their influence by chance.",
        )

    def _chart(self, steps: tuple[float, ...], counts, clear, pairs: int) -> Chart:
        grid, top = np.array(steps), max([steps[-1], *(value for *_, value in clear[:1])])
        measured, chance = counts.measured[1:], counts.shuffled[0, 1:]
        lines = []
        for label, role, values in (("measured", "left", measured), ("membership shuffled", "null", chance)):
            kept = values > 0
            if kept.any():
                lines.append(Line(label=label, role=role, x=tuple(grid[kept]), y=tuple(values[kept].astype(float))))
        marks = tuple(
            Mark(x=value, y=1.0, role="memorised", label="clear of chance" if place == 0 else "")
            for place, (_, _, value) in enumerate(clear[:SHOWN])
        )
        digits = 2 if steps is GRID else 3
        rows = tuple((number(g, digits), count(int(a)), count(int(b))) for g, a, b in zip(grid, measured, chance))
        return Chart(
            title="Number of pairs by influence",
            description=f"{count(int(measured[0]))} of {count(pairs)} pairs reach {steps[0]}, "
            f"{count(int(chance[0]))} by chance.",
            x=Axis(title="estimated influence at least", domain=(steps[0], 1.0 if steps is GRID else top)),
            y=Axis(title="number of pairs", log=True, format="count"),
            lines=tuple(lines),
            marks=marks,
            reading=(
                f"How many of the {count(pairs)} pairs reach an influence of x. Where the measured line lies on the "
                "dashed one, single pairs mean nothing."
            ),
            table=Table(columns=("influence at least", "measured", "shuffled once"), rows=rows),
        )


def _outcome(bank: Bank, run: Run) -> np.ndarray:
    """(m, q): right or wrong about each new example; for values minus the absolute error over the target's spread."""
    test = run.views["test"]
    if test.correct is not None:
        return test.correct[-1]
    return -np.sqrt(test.loss_nats[-1].astype(np.float64)) / float(bank.data.train.y.std())


def _measured(values: bool) -> str:
    return "minus the mean absolute error, in deviations of the target," if values else "share of members right"


def _influence_rows(right: np.ndarray, mask: np.ndarray, rows: slice) -> np.ndarray:
    seen = mask[:, rows].T.astype(np.float32)  # (rows, m)
    inside = seen @ right.astype(np.float32) / seen.sum(1, keepdims=True)
    outside = (1 - seen) @ right.astype(np.float32) / (1 - seen).sum(1, keepdims=True)
    return inside - outside


def _above(right: np.ndarray, mask: np.ndarray, bar: float) -> list[tuple[int, int, float]]:
    """(training row, new row, influence) of every pair above `bar`, largest first."""
    found = []
    for start in range(0, mask.shape[1], 256):
        block = _influence_rows(right, mask, slice(start, start + 256))
        for a, b in zip(*np.nonzero(block > bar + 1e-6)):
            found.append((start + int(a), int(b), float(block[a, b])))
    return sorted(found, key=lambda pair: -pair[2])


def _largest(right: np.ndarray, mask: np.ndarray) -> float:
    return max(float(_influence_rows(right, mask, slice(s, s + 256)).max()) for s in range(0, mask.shape[1], 256))


def _exhibits(bank: Bank, clear) -> tuple[Exhibits, ...]:
    train, test, classes = bank.data.train, bank.data.views["test"], bank.data.output.classes
    groups = []
    for i, j, value in clear[:SHOWN]:
        shown = tuple(
            Exhibit(
                id=int(view.ids[row]),
                view=name,
                lines=(
                    f"{'training' if name == 'train' else 'new'} {int(view.ids[row])}",
                    str(classes[int(view.y[row])]) if classes else f"{view.y[row]:.4g}",
                ),
                sentence=f"{'training' if name == 'train' else 'new'} {bank.noun(1)} {int(view.ids[row])}, influence "
                f"{number(value, 2)}",
            )
            for name, view, row in (("train", train, i), ("test", test, j))
        )
        groups.append(ExhibitGroup(label=f"influence {number(value, 2)}", shown=shown))
    return (Exhibits(title="Pairs clear of chance", groups=tuple(groups)),) if groups else ()
