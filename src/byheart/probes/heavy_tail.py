"""R2 and all that is made of it, withheld where few values carry the variance of the target."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from byheart.maths.codes.variance import FEWEST_DEVIATIONS, effective_number
from byheart.maths.statistics.effective_sample_size import worth
from byheart.probes.applicability import constant
from byheart.probes.base import Bank, Probe, reason
from byheart.records.finding import Finding
from byheart.records.quantity import Quantity
from byheart.records.reason import ReasonCode

LIGHT = 0.2  # squared deviations per draw, in effect, 1 / kurtosis: a third where normal, a ninth where exponential


def heavy_tail(bank: Bank) -> Quantity | None:
    """On how few squared deviations the variance of the targets rests; None where on enough."""
    effective = 0.0 if constant(bank) else effective_number(targets_in_units(bank), bank.groups)
    if effective >= FEWEST_DEVIATIONS:
        return None
    return Quantity(
        value=effective, unit="examples", interval=None, null=None, n=len(bank.groups), better="high",
        why_no_interval="description",
    )  # fmt: skip


def targets_in_units(bank: Bank, view: str = "train") -> np.ndarray:
    """The targets of a view in the units in which errors are taken: (n,), or (n, c) of which errors are means."""
    return bank.data.output.in_units(bank.data.views[view].y)


def without_r2(
    probe: Probe, bank: Bank, question: str, few: Quantity, rest: Mapping[str, Quantity] | None = None
) -> Finding:
    """The withheld finding; `rest` holds what it says without a variance."""
    code: ReasonCode = "heavy tail" if few.value < LIGHT * worth(bank.groups) else "few deviations"
    groups = len(np.unique(bank.groups))
    return probe.finding(
        {f"{probe.quantity}_effective_deviations": few, **(rest or {})},
        status="withheld",
        question=question,
        details={"deviations_needed": float(FEWEST_DEVIATIONS)},
        withheld=reason(code, values=few.n, groups=groups, effective=few.value, needed=float(FEWEST_DEVIATIONS)),
    )
