"""What can no longer be asked where copies, which count as one, or rare classes leave few draws."""

from __future__ import annotations

import numpy as np

from byheart.maths.codes.calibration import GROUPS, lacking
from byheart.maths.statistics.effective_sample_size import FEWEST, effective_size, known, worth
from byheart.probes.base import Bank, Probe
from byheart.records.finding import Finding, NotApplicable

OFFER = "Take out the copies (memory/duplicates lists them), or give more that differ."
MORE_GROUPS = "Give more groups, or finer ones; examples of one group count as one."


def uncalibrated(probe: Probe, bank: Bank) -> Finding | None:
    """The answer where groups leave no two halves to calibrate the bits across; else None."""
    ids, groups = bank.data.train.ids, bank.groups
    if not (why := lacking(len(ids), bank.subject.seed, ids, groups)):
        return None
    reason = f"Copies and groups are seen or left out together: of {len(ids):,} {bank.noun()}, {why}."
    return probe.withheld(reason, _offer(bank))


def rare_labels(probe: Probe, bank: Bank) -> Finding | None:
    """The answer where the labels of rare classes carry the bits, and are too few to know them by; else None."""
    if bank.data.output.kind != "classes":
        return None
    y, n = bank.data.train.y, len(bank.groups)
    frequencies = np.bincount(y, minlength=bank.data.output.k)
    bits = -np.log2(frequencies[y] / n)
    if not bits.any() or (effective := effective_size(bits, bank.groups)) >= GROUPS:
        return None
    reason = (
        f"Rare classes carry the label bits: the {n:,} labels count as {effective:.1f}, and {GROUPS} are needed to "
        f"know shares of their bits. Of the rarest class there are {frequencies[frequencies > 0].min():,}."
    )
    return probe.withheld(reason, "Give more examples of the rare classes.")


def few(probe: Probe, bank: Bank, rows: np.ndarray | slice = slice(None)) -> NotApplicable | None:
    """The answer where copies leave fewer draws (of `rows`) than an interval needs; else None."""
    groups = bank.groups[rows]
    if known(draws := worth(groups), len(groups)):
        return None
    reason = f"Copies count as one: {len(groups):,} {bank.noun()} are worth {draws:.1f} draws, {FEWEST:.0f} are needed."
    return probe.not_applicable(reason, _offer(bank))


def _offer(bank: Bank) -> str:
    """What would help: other groups where the user named some, fewer copies else."""
    return MORE_GROUPS if bank.data.grouping.named else OFFER
