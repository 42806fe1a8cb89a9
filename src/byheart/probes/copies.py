"""What can no longer be asked where copies, which count as one, leave few draws."""

from __future__ import annotations

import numpy as np

from byheart.maths.clusters import FEWEST, known, worth
from byheart.maths.pools import lacking
from byheart.probes.base import Bank, Probe
from byheart.records.finding import Finding, NotApplicable

OFFER = "Take out the copies (memory/duplicates lists them), or give more that differ."


def uncalibrated(probe: Probe, bank: Bank) -> Finding | None:
    """The answer where groups leave no two halves to calibrate the bits across; else None."""
    ids, groups = bank.data.train.ids, bank.groups
    if not (why := lacking(len(ids), bank.subject.seed, ids, groups)):
        return None
    reason = f"Copies and groups are seen or left out together: of {len(ids):,} {bank.noun()}, {why}."
    return probe.withheld(reason, OFFER)


def few(probe: Probe, bank: Bank, rows: np.ndarray | slice = slice(None)) -> NotApplicable | None:
    """The answer where copies leave fewer draws (of `rows`) than an interval needs; else None."""
    groups = bank.groups[rows]
    if known(draws := worth(groups), len(groups)):
        return None
    reason = f"Copies count as one: {len(groups):,} {bank.noun()} are worth {draws:.1f} draws, {FEWEST:.0f} are needed."
    return probe.not_applicable(reason, OFFER)
