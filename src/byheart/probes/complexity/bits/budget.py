"""Totals of the bit budget as quantities, with their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from byheart.maths.clusters import Sources, quantile, worth
from byheart.maths.codes import BankCode
from byheart.maths.intervals import budget_share_intervals
from byheart.maths.statistics import bootstrap
from byheart.probes.base import Bank
from byheart.records.balance import Share, Standing
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
INTERVAL = "interval: over fresh draws of examples and training set"
# what no draw can bring: bits where seen are never negative, so nobody saves more than the reference
BOUNDS = {
    "left": ", cut at 0: no code length is negative",
    "understood": ", cut at the reference: no code length is negative",
}


@dataclass(frozen=True)
class Part:
    """A total in bits and as a share of the reference, each with its 95 % interval."""

    value: float
    interval: tuple[float, float]
    share: float
    share_interval: tuple[float, float]
    sources: Sources | None = None


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

    @property
    def standing(self) -> Standing:
        """The three shares, as the balance holds them."""
        parts = {name: getattr(self, name) for name in PARTS}
        return Standing(**{name: Share(value=part.share, interval=part.share_interval) for name, part in parts.items()})

    def quantities(self, null: float) -> dict[str, Quantity]:
        """Every total and share by its name in the document; `null` is the memorised share under shuffling."""
        whole = self.reference.value
        nulls = {"reference": whole, "understood": 0.0, "memorised": null * whole, "left": (1 - null) * whole}
        reasons = {
            "reference": "null: itself",
            "understood": "null: 0, who knows nothing is coded like the reference",
            "memorised": "null: measured with the masks of the first 16 members shuffled",
            "left": "null: everything but what shuffling gives",
        }
        better = {"reference": None, "understood": "high", "memorised": "low", "left": None}
        found = {}
        for name in ("reference", *PARTS):
            part: Part = getattr(self, name)
            how = f"{HOW[name]}; {INTERVAL}{BOUNDS.get(name, '')}; {reasons[name]}"
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


def measured_budget(
    bank: Bank, code: BankCode, member_bits: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> Budgets:
    """Totals with intervals over fresh draws of the examples (copies together) and of the training set."""
    reference = code.reference_bits
    whole = float(reference.sum())
    resampled = bootstrap(reference, groups=bank.groups, rng=rng)
    spread = float(resampled.sums[:, 0].std(ddof=1)) * resampled.stretch
    wide = quantile(worth(bank.groups), len(reference))
    estimates = budget_share_intervals(reference, member_bits, mask, bank.groups)
    parts = []
    for name, estimate in zip(PARTS, estimates):
        # the total moves with its share and with the reference it is a share of
        half = max(estimate.high - estimate.value, estimate.value - estimate.low)
        half = float(np.hypot(half * whole, wide * estimate.value * spread))
        value = estimate.value * whole
        least, most = 0.0 if name == "left" else -np.inf, 1.0 if name == "understood" else np.inf
        total, share = (value - half, value + half), (estimate.low, estimate.high)
        total, share = (
            (max(low, least * unit), min(high, most * unit)) for (low, high), unit in ((total, whole), (share, 1.0))
        )
        parts.append(Part(value, total, estimate.value, share, estimate.sources))
    own = Part(whole, (whole - 1.96 * spread, whole + 1.96 * spread), 1.0, (1.0, 1.0))
    return Budgets(own, *parts, n=len(reference))
