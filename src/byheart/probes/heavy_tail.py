"""R2 and all that is made of it, withheld where few values carry the variance of the target."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from byheart.maths.codes.variance import FEWEST_DEVIATIONS, effective_number
from byheart.maths.statistics.effective_sample_size import worth
from byheart.probes.base import Bank, Probe
from byheart.records.figures import count, number
from byheart.records.finding import Finding, Withheld
from byheart.records.quantity import Quantity

TRANSFORMS = "--transform log or --transform rank; or give more examples"
LIGHT = 0.2  # squared deviations per draw, in effect, 1 / kurtosis: a third where normal, a ninth where exponential


def heavy_tail(bank: Bank) -> Quantity | None:
    """On how few squared deviations the variance of the targets rests; None where on enough."""
    effective = effective_number(bank.data.train.y, bank.groups)
    if effective >= FEWEST_DEVIATIONS:
        return None
    return Quantity(
        value=effective, unit="examples", interval=None, null=None, n=len(bank.groups), better="high",
        why_no_interval="description",
    )  # fmt: skip


def without_r2(
    probe: Probe, bank: Bank, question: str, few: Quantity, rest: Mapping[str, Quantity] | None = None
) -> Finding:
    """The withheld finding; `rest` holds what it says without a variance."""
    needed = number(FEWEST_DEVIATIONS)
    groups, which = len(np.unique(bank.groups)), f"the {count(few.n)} values"
    apart = groups < few.n
    if apart:
        which += f", in {count(groups)} groups of copies or of one name,"
    if few.value < LIGHT * worth(bank.groups):
        why, would_do = f"the largest of {which} carry the variance: they", f"audit a transformed target: {TRANSFORMS}"
    else:
        why, would_do = f"{which} are few: they", "give more examples" + (" of other groups" if apart else "")
    return probe.finding(
        {"effective_deviations": few, **(rest or {})},
        status="withheld",
        question=question,
        details={"deviations_needed": float(FEWEST_DEVIATIONS)},
        withheld=Withheld(
            reason=f"{why} count as {number(few.value, 1)} squared deviations, and R2 needs {needed}",
            would_do=would_do,
        ),
    )
