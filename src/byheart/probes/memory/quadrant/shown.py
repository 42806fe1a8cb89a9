"""What the card of labels worth checking shows: the map of all labels, and the list."""

from __future__ import annotations

import numpy as np

from byheart.probes.base import Bank
from byheart.records.chart import Axis, Cell, Chart, Mark, Rule, Table
from byheart.records.figures import count, number
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits

THRESHOLD = 0.25  # memorisation score from which a label counts as memorised
RINGS = 1000  # above this many marks they are binned


def chart(bank: Bank, held_out, score, listed, planted, blind: float) -> Chart:
    """Every label by its held-out code length and its memorisation score."""
    x = np.maximum(held_out, 0.003)
    top = float(max(x.max(), 2 * blind)) * 1.1
    rest = ~planted if planted is not None else np.ones(len(x), bool)
    cells, marks = (), ()
    if rest.sum() > RINGS:
        cells = _cells(x[rest], score[rest], top)
    else:
        marks = tuple(Mark(x=float(a), y=float(b), role="muted") for a, b in zip(x[rest], score[rest]))
    if planted is not None:
        marks += tuple(
            Mark(x=float(a), y=float(b), shape="ring") for a, b in zip(x[planted][:RINGS], score[planted][:RINGS])
        )
    high = score >= THRESHOLD - 1e-9
    rows = []
    for label, chosen in (
        ("worth checking, memorised", listed & high),
        ("worth checking, not memorised", listed & ~high),
        ("the others, memorised", ~listed & high),
        ("the others, not memorised", ~listed & ~high),
    ):
        redrawn = count(int((chosen & planted).sum())) if planted is not None else "\u2013"
        rows.append((label, count(int(chosen.sum())), redrawn))
    return Chart(
        title="Memorisation score against held-out code length",
        description=f"Worth checking and memorised: {rows[0][1]}; worth checking and not memorised: {rows[1][1]}.",
        x=Axis(
            title=f"bits that models without the {bank.noun(1)} need for its label", log=True, domain=(0.003, top)
        ),
        y=Axis(
            title="memorisation score", domain=(min(-0.2, float(score.min())), 1.0), ticks=(0, 0.25, 0.5, 0.75, 1)
        ),
        cells=cells,
        marks=marks,
        rules=(
            Rule(axis="x", at=blind, label="half a bit over a blind guess"),
            Rule(axis="y", at=THRESHOLD),
        ),
        reading=(
            f"Right of the dashed line, models trained without the {bank.noun(1)} bet against its label; "
            "above the other, seeing it made the difference. A baseline has to agree before a label is worth checking."
            + (" Rings are the labels we redrew." if planted is not None else "")
            + (" Squares count the others (stronger is more, on a log scale)." if cells else "")
        ),
        table=Table(columns=("", bank.noun(), "of them redrawn"), rows=tuple(rows)),
    )


def exhibits(bank: Bank, order, listed, score, held_out, logits, mask, planted) -> tuple[Exhibits, ...]:
    """The labels worth checking, redrawn ones apart, and those of them that are not memorised."""
    made = []
    high = score >= THRESHOLD - 1e-9
    for title, chosen in (
        ("Labels worth checking", listed),
        ("Worth checking, not memorised", listed & ~high),
    ):
        groups = []
        for label, ring, side in (
            ("labels we redrew", True, planted if planted is not None else np.zeros(len(score), bool)),
            ("labels as they came", False, ~planted if planted is not None else np.ones(len(score), bool)),
        ):
            rows = [int(i) for i in order if chosen[i] and side[i]]
            room = 5 if ring else 7 if planted is not None else 12
            if rows:
                more = f", {min(room, len(rows))} of {count(len(rows))}"
                shown = tuple(_exhibit(bank, i, score, held_out, logits, mask) for i in rows[:room])
                groups.append(ExhibitGroup(label=label + more, ring=ring, shown=shown))
        if groups:
            made.append(Exhibits(title=title, keys=("label", "the others say", "how many"), groups=tuple(groups)))
    return tuple(made)


def _cells(x: np.ndarray, y: np.ndarray, top: float) -> tuple[Cell, ...]:
    across = np.geomspace(0.003, top, 41)
    up = np.linspace(min(-0.2, float(y.min())), 1.0001, 25)
    counts, _, _ = np.histogram2d(x, y, bins=(across, up))
    return tuple(
        Cell(x=(float(across[a]), float(across[a + 1])), y=(float(up[b]), float(up[b + 1])), count=int(counts[a, b]))
        for a, b in zip(*np.nonzero(counts))
    )


def _exhibit(bank: Bank, i: int, score, held_out, logits, mask) -> Exhibit:
    out = ~mask[:, i]
    votes = np.bincount(logits[out, i].argmax(1), minlength=bank.data.output.k)
    classes = bank.data.output.classes
    label, said = classes[int(bank.data.train.y[i])], classes[int(votes.argmax())]
    ident = int(bank.data.train.ids[i])
    sentence = (
        f"{bank.noun(1)} {ident}: labelled {label}; {int(votes.max())} of {int(out.sum())} members without it say "
        f"{said}; held-out {number(float(held_out[i]), 1)} bits; score {number(float(score[i]), 2)}"
    )
    return Exhibit(id=ident, lines=(label, said, f"{int(votes.max())} of {int(out.sum())}"), sentence=sentence)
