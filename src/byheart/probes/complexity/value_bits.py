"""How many bits per value are held by heart? Differences of code lengths, which need no grid."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.maths.codes.value_bits import VarianceBits, variance_bits
from byheart.probes.base import Assumption, Bank, Probe, reason
from byheart.probes.heavy_tail import heavy_tail, without_r2
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by


class ValueBits(Probe):
    r"""How many bits per value are held by heart?

    memorised = 1/2 log2(V_out / V_in), understood = 1/2 log2(Var / V_out) [bits per value], V_out and V_in the squared
    errors of members that did not see an example and of those that did, each side calibrated by its own cross-fitted
    slope (`maths.codes.value_bits.variance_bits`), Var the squared distance from the members' training means. Both are
    differences of Gaussian code lengths, so no rounding of the target moves them; a value has no code length of its
    own, so there is no share of a whole. Totals are per value times n.

    Oracle: memorised 0. Rote: unbounded, and withheld, as for whoever passes through its points. Cost: no training of
    its own. Fails when: errors are far from Gaussian. Reference: Cover and Thomas 2006, Elements of Information Theory,
    eq. 8.48.

    Example:
        >>> ValueBits().chapter
        'complexity'
    """

    name: ClassVar[str] = "complexity/value-bits"
    version: ClassVar[int] = 5
    outputs: ClassVar[tuple[str, ...]] = ("values",)
    assumes: ClassVar[tuple[Assumption, ...]] = ("both sides", "halves")

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Bits per value and in total; memorised is withheld where it has no bound."""
        run = bank[bank.subject.bank()]
        if few := heavy_tail(bank):
            return without_r2(self, bank, self.question, few), {}
        train, predictions = bank.data.train, run.views["train"].logits[:, :, 0]
        found = variance_bits(
            train.y, predictions, run.members.mask, bank.subject.seed, ids=train.ids, groups=bank.groups
        )
        bounded = found.memorised is not None
        finding = self.finding(
            _quantities(found, len(train)),
            status="measured" if bounded else "withheld",
            headline="memorised_bits_per_value" if bounded else "",
            poles=(Pole(name="Oracle", value=0.0),) if bounded else (),
            details={"bounded": bounded},
            withheld=None if bounded else reason("unbounded bits"),
        )
        return finding, {}


def _quantities(found: VarianceBits, n: int) -> dict[str, Quantity]:
    quantities = {}
    for name, of in found._asdict().items():
        for key, unit, times in ((f"{name}_bits_per_value", "bits/value", 1), (f"{name}_bits_of_values", "bits", n)):
            if of is None:
                continue
            interval = (of.low * times, of.high * times) if of.interval else None
            quantities[key] = Quantity(
                value=of.value * times, unit=unit, null=0.0, n=n, better="high" if name == "understood" else "low",
                **interval_by("fresh draws of examples and training set", interval),
            )  # fmt: skip
    return quantities
