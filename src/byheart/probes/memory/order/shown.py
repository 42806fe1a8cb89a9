"""What the card of the order shows: who is learned when, the map of confidence, the signs, and who came last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from byheart.maths.memorisation.learning_order import Course, StandIn, learned_by
from byheart.probes.base import Bank
from byheart.probes.memory.order.signs import Row
from byheart.records.chart import Axis, Bar, Cell, Chart, Line, Mark, Rule, Segment, Table
from byheart.records.figures import count, number, percent
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits
from byheart.training.run import Run

HIGH = 0.25  # memorisation score from which an example counts as memorised, as in memory/counterfactual
RINGS = 300
NONE = "\u2013"


def charts(bank: Bank, run: Run, path: Course, rows: list[Row], score: np.ndarray) -> tuple[Chart, ...]:
    """Three pictures: the order, the signs, the map."""
    return (_learned(bank, run, score), _signs(rows), _map(bank, path))


def table(rows: list[Row]) -> Table:
    """Every sign with its rank correlations, what it finds of the top, and its AUC for redrawn labels."""
    planted = any(row.flips is not None for row in rows)
    made = []
    for row in rows:
        best = row.one or row.many
        flips = (NONE if row.flips is None else number(row.flips, 2),) if planted else ()
        found = NONE if best is None else number(best.recall, 2)
        many = NONE if row.many is None else number(row.many.spearman, 2)
        made.append((row.words, _said(row.one), many, found, *flips))
    last = ("AUC, flips",) if planted else ()
    columns = ("sign", "one run", "half the bank", "top found", *last)
    return Table(columns=columns, rows=tuple(made))


def ceiling_of(rows: list[Row]) -> float:
    """Root of the agreement of two halves: what a sign without noise would reach against one of them."""
    halves = next((row.many.spearman for row in rows if row.name == "memorisation" and row.many), 0.0)
    return float(np.sqrt(max(halves, 0.0)))


def _said(kept: StandIn | None) -> str:
    if kept is None:
        return NONE
    return f"{number(kept.spearman, 2)} [{number(kept.interval.low, 2)}, {number(kept.interval.high, 2)}]"


def _learned(bank: Bank, run: Run, score: np.ndarray) -> Chart:
    by = learned_by(run.views["train"].correct, run.members.mask, run.checkpoints)
    points = [c for c, epoch in enumerate(run.checkpoints) if epoch > 0]
    x = tuple(float(run.checkpoints[c]) for c in points)
    high, changed = score >= HIGH, bank.data.truth.changed
    curves = [("all", "ink", np.ones(len(score), bool))]
    if high.any() and not high.all():
        curves += [(f"score {HIGH} or more", "memorised", high), ("the others", "understood", ~high)]
    if changed is not None and changed.any():
        curves.append(("redrawn labels", "muted", changed))
    lines, rows = [], []
    for label, role, chosen in curves:
        y = by[points][:, chosen].mean(1)
        said = f"{label}, {count(int(chosen.sum()))}"
        lines.append(Line(label=said, role=role, x=x, y=tuple(map(float, y)), markers=True))
        rows.append(y)
    return Chart(
        title=f"Share of training {bank.noun()} learned for good, by epoch",
        description="; ".join(f"{line.label}: {percent(line.y[-1], 0)} at the end" for line in lines),
        x=Axis(title="epoch", log=True, ticks=x),
        y=Axis(title=f"share of {bank.noun()} right from here to the end", domain=(0, 1), format="percent"),
        lines=tuple(lines),
        reading="Where the orange line lies right of the blue one, what is known by heart is learned last. Members "
        f"that saw the {bank.noun(1)}; dots are the recorded checkpoints, the scale of epochs is logarithmic.",
        table=Table(
            columns=("epoch", *(label for label, *_ in curves)),
            rows=tuple((number(e, 0), *(percent(float(y[c]), 1) for y in rows)) for c, e in enumerate(x)),
        ),
    )


def _signs(rows: list[Row]) -> Chart:
    bars = []
    for row in sorted((row for row in rows if row.one or row.many), key=lambda row: -(row.one or row.many).spearman):
        best = row.one or row.many
        value, role = best.spearman, "ink" if row.one else "left"
        source = "one run" if row.one else "half the bank"
        bars.append(
            Bar(
                label=f"{row.words}, {source}: {_said(best)}",
                segments=(Segment(start=0.0, stop=value, role=role, label=number(value, 2)),),
            )
        )
    return Chart(
        title="How well each sign stands in for the memorisation score",
        description="; ".join(bar.label for bar in bars[:3]),
        x=Axis(title="rank correlation with the memorisation score"),
        bars=tuple(bars),
        rules=(Rule(axis="x", at=top, label="most that can be reached"),) if (top := ceiling_of(rows)) > 0 else (),
        reading="Dark bars need one run, grey ones the bank. The score itself is noisy, so that even a perfect "
        "sign would end at the dashed line: the root of the agreement of two halves of the members.",
    )


def _map(bank: Bank, path: Course) -> Chart:
    across, up = np.linspace(0, 0.5, 41), np.linspace(0, 1.0001, 31)
    changed = bank.data.truth.changed
    planted = changed if changed is not None else np.zeros(len(path.confidence), bool)
    counts, _, _ = np.histogram2d(path.variability[~planted], path.confidence[~planted], bins=(across, up))
    cells = tuple(
        Cell(x=(float(across[a]), float(across[a + 1])), y=(float(up[b]), float(up[b + 1])), count=int(counts[a, b]))
        for a, b in zip(*np.nonzero(counts))
    )
    by_id = np.argsort(bank.data.train.ids, kind="stable")
    marks = tuple(
        Mark(x=float(path.variability[i]), y=float(path.confidence[i]), shape="ring")
        for i in by_id[planted[by_id]][:RINGS]
    )
    easy, hard = path.confidence >= 0.75, path.confidence < 0.25
    rows = tuple(
        (label, count(int(chosen.sum())), *((count(int((chosen & planted).sum())),) if planted.any() else ()))
        for label, chosen in (
            ("confidence 0.75 or more", easy),
            ("between, variability below 0.25", ~easy & ~hard & (path.variability < 0.25)),
            ("between, variability 0.25 or more", ~easy & ~hard & (path.variability >= 0.25)),
            ("confidence below 0.25", hard),
        )
    )
    redrawn = ("of them redrawn",) if planted.any() else ()
    return Chart(
        title=f"Confidence and variability of the training {bank.noun()}",
        description="; ".join(f"{row[0]}: {row[1]}" for row in rows),
        x=Axis(title="variability of p(label) over checkpoints", domain=(0, 0.5), ticks=(0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        y=Axis(title="mean confidence in the label", domain=(0, 1), ticks=(0, 0.25, 0.5, 0.75, 1)),
        cells=cells,
        marks=marks,
        reading="Top left is easy, bottom hard to learn, right learned in the middle of training."
        + (" Rings are the labels we redrew; squares count the others." if planted.any() else ""),
        table=Table(columns=("", bank.noun(), *redrawn), rows=rows),
    )


def epoch_words(value: float, checkpoints: Sequence[int]) -> str:
    """An epoch in words; never learned is none."""
    return "never learned" if value > checkpoints[-1] else f"learned by epoch {number(value, 0)}"


def last(bank: Bank, path: Course, checkpoints: Sequence[int]) -> tuple[Exhibits, ...]:
    """The examples that were learned last, or never."""
    train, changed = bank.data.train, bank.data.truth.changed
    order = np.lexsort((train.ids, -np.round(path.final_loss, 6), -np.round(path.first_learned, 9)))
    planted = changed if changed is not None else np.zeros(len(train), bool)
    late = path.first_learned > min(point for point in checkpoints if point > 0)
    groups = []
    for label, ring, chosen, room in (
        ("labels we redrew", True, planted, 5),
        ("labels as they came", False, ~planted, 7 if planted.any() else 12),
    ):
        shown = []
        for i in [int(i) for i in order if chosen[i] and late[i]][:room]:
            ident, classes = int(train.ids[i]), bank.data.output.classes
            name = classes[int(train.y[i])] if classes else f"{train.y[i]:.4g}"
            labelled = f"labelled {name}" if classes else name
            when = epoch_words(float(path.first_learned[i]), checkpoints)
            lost = number(float(path.forgetting_events[i]), 1)
            missed = percent(float(path.never_learned[i]), 0)
            short = when.removeprefix("learned by ").replace("never learned", "never")
            sentence = (
                f"{bank.noun(1)} {ident}: {labelled}; on average {when}, {missed} of the members that saw it "
                f"are wrong at the end, forgotten {lost} times"
            )
            shown.append(Exhibit(id=ident, lines=(name, short), sentence=sentence))
        if shown:
            groups.append(ExhibitGroup(label=label, ring=ring, shown=tuple(shown)))
    keys = ("label" if bank.data.output.classes else "value", "learned by")
    return (Exhibits(title="Learned last", keys=keys, groups=tuple(groups)),) if groups else ()
