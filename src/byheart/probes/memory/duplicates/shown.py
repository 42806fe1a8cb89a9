"""What the card of the copies shows: distances to the nearest neighbour, and pairs side by side."""

from __future__ import annotations

import numpy as np

from byheart.maths.memorisation.nearest_neighbours import NEIGHBOURS
from byheart.probes.base import Bank
from byheart.probes.memory.duplicates.pairs import Found, labelled
from byheart.records.chart import Axis, Chart, Line, Rule, Table
from byheart.records.figures import count, number, percent, with_article
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits
from byheart.records.quantity import Quantity

SHOWN = 4  # pairs a row
LEAST = 0.01  # left end of the chart; exact copies stand there


def charts(bank: Bank, found: Found, share: Quantity) -> tuple[Chart, ...]:
    """Distances to the nearest neighbour, training and new, beside a cloud of the same dimension without copies."""
    kept = found.copies
    exact = np.bincount(kept.exact)[kept.exact] > 1
    curves = [(f"training {bank.noun()}", "ink", np.where(exact, 0.0, kept.ratio))]
    if found.leaks is not None:
        curves.append((f"new {bank.noun()} to training", "muted", found.leaks.ratio))
    grid = np.geomspace(LEAST, 1.0, 61)
    lines, shares = [], []
    for label, role, ratio in curves:
        ratio = ratio[~np.isnan(ratio)]
        if not len(ratio):
            continue
        y = np.array([(ratio <= x).mean() for x in grid])
        shares.append((label, y))
        there = y > 0
        lines.append(Line(label=label, role=role, x=tuple(grid[there]), y=tuple(map(float, y[there])), step=True))
    if not lines or kept.threshold == 0.0:
        return ()
    floor = 0.5 / len(bank.data.train)
    if np.isfinite(kept.dimension):
        smooth = 1 - (1 - grid**kept.dimension) ** (NEIGHBOURS - 1)
        there = smooth > floor
        lines.append(Line(label="no copies", role="null", x=tuple(grid[there]), y=tuple(map(float, smooth[there]))))
    at = [LEAST, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0]
    rows = tuple((number(x, 2), *(percent(float(np.interp(x, grid, y)), 2) for _, y in shares)) for x in at)
    return (
        Chart(
            title="Distance to the nearest neighbour",
            description=f"{percent(share.value)} of the training {bank.noun()} have a copy.",
            x=Axis(
                title="nearest neighbour, in distances to the tenth", log=True, domain=(LEAST, 1.0),
                ticks=(0.01, 0.03, 0.1, 0.3, 1.0),
            ),
            y=Axis(title=f"share of {bank.noun()} at most that far", log=True, domain=(floor, 1.0), format="percent"),
            lines=tuple(lines),
            rules=(Rule(axis="x", at=kept.threshold, label="near copy"),),
            reading=(
                f"Left of the dashed upright {with_article(bank.noun(1))} is so much nearer to its neighbour than to "
                "the next ones that chance would not bring it; exact copies stand at the left end. The dashed curve "
                "is a cloud of the same dimension without copies; both scales are logarithmic."
            ),
            table=Table(columns=("at most", *(label for label, _ in shares)), rows=rows),
        ),
    )  # fmt: skip


def exhibits(bank: Bank, found: Found) -> tuple[Exhibits, ...]:
    """Pairs side by side: contradicting ones, leaked ones, the others."""
    against = set(map(frozenset, found.against))
    within = [pair for pair in found.within if frozenset(pair) not in against]
    made = []
    for title, pairs, view in (
        ("Copies with different labels", found.against, "train"),
        (f"New {bank.noun()} that are in training", found.leaked, "test"),
        ("Copies within training", within, "train"),
    ):
        groups = tuple(_pair(bank, found, pair, view) for pair in pairs[:SHOWN])
        if groups:
            more = f", {len(groups)} of {count(len(pairs))}" if len(pairs) > len(groups) else ""
            keys = ("which", bank.data.output.target)[: 1 if bank.data.output.kind == "tokens" else 2]
            made.append(Exhibits(title=f"{title}{more}", keys=keys, groups=groups))
    return tuple(made)


def _pair(bank: Bank, found: Found, pair: tuple[int, int], view: str) -> ExhibitGroup:
    kept = found.copies
    if view == "test":
        exact = bool(found.leaks.exact[pair[0]])
    else:
        exact = bool(kept.exact[pair[0]] == kept.exact[pair[1]])
    kind = "exact copy" if exact else "near copy"
    shown = []
    for name, row in ((view, pair[0]), ("train", pair[1])):
        examples = bank.data.views[name] if name == "test" else bank.data.train
        ident = int(examples.ids[row])
        word = "new" if name == "test" else "training"
        label = _label(bank, examples.y[row])
        sentence = f"{word} {bank.noun(1)} {ident}{f': {label}' if label else ''}; {kind}"
        lines = (f"{word} {ident}", *((label,) if label else ()))
        shown.append(Exhibit(id=ident, view=name, lines=lines, sentence=sentence))
    return ExhibitGroup(label=kind, shown=tuple(shown))


def _label(bank: Bank, y) -> str:
    if bank.data.output.kind == "tokens":
        return ""
    return bank.data.output.classes[int(y)] if labelled(bank) else f"{float(y):.4g}"
