"""Totals of the bit budget as quantities, with their intervals."""

from __future__ import annotations

import numpy as np

from byheart.maths.statistics.effective_sample_size import quantile, worth
from byheart.maths.statistics.intervals import BudgetShares
from byheart.maths.statistics.resampling import bootstrap
from byheart.probes.intervals import BOOTSTRAP, FRESH_DRAWS
from byheart.records.quantity import Quantity, interval_by

BETTER = {"understood": "high", "memorised": "low", "left": None}


def budget_quantities(
    reference: np.ndarray, parts: BudgetShares, groups: np.ndarray, null: float, rng: np.random.Generator
) -> dict[str, Quantity]:
    """Totals and shares over fresh draws of the examples (copies together) and of the training set.

    Args:
        reference: (n,) bits of each label without a model.
        parts: the shares of their sum.
        groups: (n,) of copies.
        null: share memorised under shuffling.
        rng: for the draws of the reference.
    """
    n, whole = len(reference), float(reference.sum())
    resampled = bootstrap(reference, groups=groups, rng=rng)
    spread = float(resampled.sums[:, 0].std(ddof=1)) * resampled.stretch
    wide = quantile(worth(groups), n)
    found = {
        "reference_bits": Quantity(
            value=whole, unit="bits", null=whole, n=n,
            **interval_by(BOOTSTRAP, (whole - 1.96 * spread, whole + 1.96 * spread)),
        )
    }  # fmt: skip
    nulls = {"understood": 0.0, "memorised": null, "left": 1 - null}
    for name, part in parts._asdict().items():
        value, half = part.value * whole, max(part.high - part.value, part.value - part.low)
        # the total moves with its share and with the reference it is a share of
        half = float(np.hypot(half * whole, wide * part.value * spread))
        # what no draw can bring: bits where seen are never negative, so nobody saves more than the reference
        least, most = 0.0 if name == "left" else -np.inf, 1.0 if name == "understood" else np.inf
        total = (f"{name}_bits", "bits", whole, (value - half, value + half))
        share = (f"{name}_bits_share", "share", 1.0, (part.low, part.high))
        for key, unit, of, (low, high) in (total, share):
            found[key] = Quantity(
                value=part.value * of, unit=unit, null=nulls[name] * of, n=n, better=BETTER[name],
                **interval_by(FRESH_DRAWS, (max(low, least * of), min(high, most * of))),
            )  # fmt: skip
    return found
