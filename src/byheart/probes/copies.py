"""What can no longer be asked where copies, which count as one, or rare classes leave few draws."""

from __future__ import annotations

import numpy as np

from byheart.maths.codes.calibration import GROUPS, lacking
from byheart.maths.statistics.effective_sample_size import FEWEST, effective_size, known, worth
from byheart.probes.base import Bank, Probe
from byheart.records.finding import Finding, NotApplicable


def uncalibrated(probe: Probe, bank: Bank) -> Finding | None:
    """The answer where groups leave no two halves to calibrate the bits across; else None."""
    ids, groups = bank.data.train.ids, bank.groups
    if not (why := lacking(len(ids), bank.subject.seed, ids, groups)):
        return None
    return probe.withheld(why.code, examples=len(ids), named=_named(bank), **why.figures)


def rare_labels(probe: Probe, bank: Bank) -> Finding | None:
    """The answer where the labels of rare classes carry the bits, and are too few to know them by; else None."""
    if bank.data.output.kind != "classes":
        return None
    y, n = bank.data.train.y, len(bank.groups)
    frequencies = np.bincount(y, minlength=bank.data.output.k)
    bits = -np.log2(frequencies[y] / n)
    if not bits.any() or (effective := effective_size(bits, bank.groups)) >= GROUPS:
        return None
    rarest = int(frequencies[frequencies > 0].min())
    return probe.withheld("rare labels", labels=n, effective=float(effective), needed=GROUPS, rarest=rarest)


def few(probe: Probe, bank: Bank, rows: np.ndarray | slice = slice(None)) -> NotApplicable | None:
    """The answer where copies leave fewer draws (of `rows`) than an interval needs; else None."""
    groups = bank.groups[rows]
    if known(draws := worth(groups), len(groups)):
        return None
    return probe.not_applicable(
        "few draws", examples=len(groups), draws=float(draws), needed=FEWEST, named=_named(bank)
    )


def _named(bank: Bank) -> bool:
    """Whether the user named groups, so that fewer copies alone would not help."""
    return bool(bank.data.grouping.named)
