"""The examples that members give away most, and how often each is found."""

from __future__ import annotations

import numpy as np

from byheart.maths.detection import Point
from byheart.probes.base import Bank
from byheart.records.figures import number
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits


def caught_share(ratio: np.ndarray, mask: np.ndarray, point: Point) -> np.ndarray | None:
    """(n,) of the members that saw each example, the share found at the first level; None where it is withheld."""
    if point.value is None:
        return None
    bar = np.sort(ratio[~mask & ~np.isnan(ratio)])[::-1][point.false_alarms]
    judged = mask & ~np.isnan(ratio)
    with np.errstate(invalid="ignore"):  # nobody judged: NaN
        return np.where(judged, ratio > bar, False).sum(0) / judged.sum(0)


def exposed(bank: Bank, risk: np.ndarray, caught: np.ndarray | None, mask: np.ndarray) -> tuple[Exhibits, ...]:
    """The most exposed examples, labels we redrew apart."""
    first = risk if caught is None else caught
    order = np.lexsort((bank.data.train.ids, -np.round(risk, 9), -np.round(first, 9)))
    changed = bank.data.truth.changed
    planted = changed if changed is not None else np.zeros(len(risk), bool)
    groups = []
    for label, ring, chosen, room in (
        ("labels we redrew", True, planted, 5),
        ("labels as they came", False, ~planted, 7 if planted.any() else 12),
    ):
        rows = [int(i) for i in order if chosen[i] and risk[i] > 0.5 + 1e-9 and np.isfinite(first[i])][:room]
        if rows:
            shown = tuple(_exhibit(bank, i, risk, caught, mask) for i in rows)
            groups.append(ExhibitGroup(label=label, ring=ring, shown=shown))
    target = bank.data.output.target
    keys = (target, "risk" if caught is None else "found in")[bank.data.output.kind == "tokens" :]
    return (Exhibits(title="Most exposed", keys=keys, groups=tuple(groups)),) if groups else ()


def _exhibit(bank: Bank, i: int, risk: np.ndarray, caught: np.ndarray | None, mask: np.ndarray) -> Exhibit:
    train, output = bank.data.train, bank.data.output
    if output.kind == "tokens":
        label = ""
    else:
        label = output.classes[int(train.y[i])] if output.classes else f"{float(train.y[i]):.4g}"
    saw, ident, risky = int(mask[:, i].sum()), int(train.ids[i]), number(float(risk[i]), 2)
    if caught is None:
        lines, found = (label, risky)[not label :], ""
    else:
        times = round(float(caught[i]) * saw)
        lines = (label, f"{times} of {saw}")[not label :]
        found = f"found in {times} of the {saw} members that saw it at 1\u202f% false alarms; "
    said = f"{output.target} {label}; " if label else ""
    sentence = f"{bank.noun(1)} {ident}: {said}{found}risk {risky}"
    return Exhibit(id=ident, lines=lines, sentence=sentence)
