"""Bits and exposures of planted secrets under the models of a run, in each form that can be had."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from byheart.maths.exposure import (
    NULL_BITS,
    Extrapolated,
    exposure,
    extrapolated,
    from_ranks,
    null_deviation,
    null_mean,
)
from byheart.probes.base import Bank
from byheart.probes.memory.exposure.means import Mean, at_ceiling, mean_of, over_groups
from byheart.records.figures import count, number
from byheart.training.run import Run

Form = Literal["enumerated", "sampled", "extrapolated"]
# standard errors by which held-out secrets may miss the null before nothing is believed
BELIEVED = 4.0


@dataclass(frozen=True)
class Measured:
    """Bits and exposures of the secrets of the view `canaries` under the models of a run; `form` is headlined."""

    bank: Bank
    run: Run
    method: Literal["auto"] | Form = "auto"

    @property
    def form(self) -> Form:
        """The form asked for; exact where all possible secrets were read, else against the sampled references."""
        if self.method != "auto":
            return self.method
        return "sampled" if self.enumerated is None else "enumerated"

    @cached_property
    def repeats(self) -> np.ndarray:
        """(c,) copies planted."""
        return self.bank.data.truth.repeats

    @property
    def planted(self) -> np.ndarray:
        """(c,) planted at all?"""
        return self.repeats > 0

    @cached_property
    def doses(self) -> tuple[int, ...]:
        """Numbers of copies above 0, ascending."""
        return tuple(int(dose) for dose in np.unique(self.repeats) if dose)

    @property
    def models(self) -> int:
        """How many models."""
        return len(self.run.members)

    @cached_property
    def bits(self) -> np.ndarray:
        """(m, c) -log2 probability of each secret after its context."""
        return self.run.views["canaries"].loss_nats[-1].astype(np.float64) / np.log(2)

    @cached_property
    def references(self) -> np.ndarray:
        """(m, r) bits of the references."""
        return self.run.views["references"].loss_nats[-1].astype(np.float64) / np.log(2)

    @property
    def r(self) -> int:
        """How many references."""
        return self.references.shape[1]

    @property
    def space(self) -> int:
        """How many secrets there could be."""
        return round(2**self.reference)

    @cached_property
    def enumerated(self) -> np.ndarray | None:
        """(c,) exposure among all secrets that there could be, mean over models; None where they were not read."""
        ranks = self.run.views["canaries"].ranks
        return None if ranks is None else from_ranks(ranks, self.space).mean(0)

    @cached_property
    def sampled(self) -> np.ndarray:
        """(c,) exposure by the rank among the references, mean over models."""
        return np.mean([exposure(own, others) for own, others in zip(self.bits, self.references)], 0)

    @cached_property
    def tails(self) -> list[Extrapolated | None]:
        """The tail of each model's references; None where they are all alike and have none."""
        return [
            extrapolated(own, others) if np.ptp(others) > 0 else None for own, others in zip(self.bits, self.references)
        ]

    @cached_property
    def extrapolated(self) -> np.ndarray:
        """(c,) exposure in the extrapolated form, mean over models; the rank form where there is no tail."""
        parts = [tail.bits if tail else exposure(own, others)
                 for tail, own, others in zip(self.tails, self.bits, self.references)]  # fmt: skip
        return np.mean(parts, 0)

    @cached_property
    def values(self) -> np.ndarray:
        """(c,) exposure in the headlined form."""
        return self.of_form(self.form)

    def of_form(self, form: Form) -> np.ndarray:
        """(c,) exposure in that form."""
        found = getattr(self, form)
        return self.sampled if found is None else found

    @cached_property
    def beyond(self) -> np.ndarray:
        """(c,) share of models under which the secret is likelier than all references."""
        return (self.bits < self.references.min(1)[:, None]).mean(0)

    @property
    def ceiling(self) -> float:
        """The exposure of a secret that costs nothing, in the headlined form."""
        return self.ceiling_of(self.form)

    def ceiling_of(self, form: Form) -> float:
        """The same in that form."""
        if form == "enumerated":
            return float(np.log2(self.space))
        if form == "extrapolated" and all(self.tails):
            return float(np.mean([extrapolated([0.0], others).bits[0] for others in self.references]))
        return float(np.log2(self.r + 1))

    @property
    def null(self) -> float:
        """The exposure of a secret that was never trained on, on average, in the headlined form."""
        if self.form == "extrapolated":
            return NULL_BITS
        return null_mean(self.ranked_among - 1 if self.form == "enumerated" else self.r)

    @property
    def ranked_among(self) -> int:
        """How many a secret is ranked among in the headlined form; the sample where it is extrapolated from it."""
        return self.space if self.form == "enumerated" else self.r

    @property
    def among(self) -> str:
        """The same in words."""
        if self.form == "enumerated":
            return f"all {count(self.space)} secrets there could be"
        more = ", extrapolated from them" if self.form == "extrapolated" else ""
        return f"{count(self.r)} sampled references{more}"

    @cached_property
    def told(self) -> np.ndarray:
        """(c,) share of models whose greedy decoding says the secret."""
        return self.run.views["canaries"].correct[-1].mean(0)

    @cached_property
    def held(self) -> np.ndarray:
        """(c,) bits memorised: what a secret costs who knows how it is drawn, less its bits, at least 0."""
        return np.maximum(0.0, self.reference - self.bits).mean(0)

    @cached_property
    def reference(self) -> float:
        """Bits of a secret to who knows how it was drawn; where the task does not say, those of the held-out ones."""
        told = self.bank.data.about.get("secret_bits")
        return float(self.bits[:, ~self.planted].mean()) if told is None else float(told)

    def of_group(self, dose: int, form: Form | None = None) -> Mean:
        """Exposure of the secrets planted `dose` times: their mean, in the headlined form unless another is named."""
        form = form or self.form
        return mean_of(self.of_form(form)[self.repeats == dose], self.ceiling_of(form))

    def over_groups(self, values: np.ndarray, ceiling: float) -> Mean:
        """Mean of all planted secrets, of values that go from 0 to the ceiling."""
        return over_groups([values[self.repeats == dose] for dose in self.doses], ceiling)

    @property
    def full(self) -> int:
        """How many planted secrets sit at the ceiling of the headlined form."""
        return int(at_ceiling(self.values[self.planted], self.ceiling).sum())

    def off_null(self) -> str:
        """Why nothing is to be believed: held-out secrets off the null; empty where they stand at it."""
        out = self.values[~self.planted]
        gap = abs(float(out.mean()) - self.null)
        # models share their secrets' difficulty, so they are not counted as draws of their own
        if gap <= BELIEVED * null_deviation(self.ranked_among) / np.sqrt(len(out)):
            return ""
        return (
            f"secrets never planted stand at {number(out.mean(), 2)} bits where chance gives "
            f"{number(self.null, 2)}: what they are ranked among is not like them"
        )
