"""Bits and exposures of planted secrets under the models of a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import t as student

from byheart.learners.run import Run
from byheart.maths.exposure import Extrapolated, exposure, extrapolated, null_deviation, null_mean
from byheart.probes.base import Bank
from byheart.records.figures import number

# standard errors by which held-out secrets may miss the null before nothing is believed
BELIEVED = 4.0


@dataclass(frozen=True)
class Measured:
    """Bits and exposures of the secrets of the view `canaries` under the models of a run."""

    bank: Bank
    run: Run

    @cached_property
    def repeats(self) -> np.ndarray:
        """(c,) copies planted."""
        return self.bank.data.truth.repeats

    @cached_property
    def doses(self) -> tuple[int, ...]:
        """Numbers of copies above 0, ascending."""
        return tuple(int(dose) for dose in np.unique(self.repeats) if dose)

    @property
    def models(self) -> int:
        """How many models."""
        return len(self.run.members)

    @cached_property
    def nats(self) -> np.ndarray:
        """(m, c) -log probability of each secret after its context."""
        return self.run.views["canaries"].loss_nats[-1].astype(np.float64)

    @cached_property
    def bits(self) -> np.ndarray:
        """(m, c) the same in bits."""
        return self.nats / np.log(2)

    @cached_property
    def references(self) -> np.ndarray:
        """(m, r) bits of the references."""
        return self.run.views["references"].loss_nats[-1].astype(np.float64) / np.log(2)

    @property
    def r(self) -> int:
        """How many references."""
        return self.references.shape[1]

    @cached_property
    def ranked(self) -> np.ndarray:
        """(c,) exposure in the rank form, mean over models."""
        return np.mean([exposure(own, others) for own, others in zip(self.bits, self.references)], 0)

    @cached_property
    def _tails(self) -> list[Extrapolated | None]:
        # references that are all alike have no tail to extrapolate
        return [
            extrapolated(own, others) if np.ptp(others) > 0 else None for own, others in zip(self.bits, self.references)
        ]

    @cached_property
    def beyond_rank(self) -> np.ndarray:
        """(c,) exposure in the extrapolated form, mean over models; the rank form where there is no tail."""
        parts = [tail.bits if tail else exposure(own, others)
                 for tail, own, others in zip(self._tails, self.bits, self.references)]  # fmt: skip
        return np.mean(parts, 0)

    @cached_property
    def beyond(self) -> np.ndarray:
        """(c,) share of models under which the secret is likelier than all references."""
        return (self.bits < self.references.min(1)[:, None]).mean(0)

    @property
    def fit(self) -> tuple[float, ...]:
        """Shape, location and scale of the first model's tail."""
        tail = self._tails[0]
        return (tail.shape, tail.location, tail.scale) if tail else ()

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
        return float(self.bits[:, self.repeats == 0].mean()) if told is None else float(told)

    def of_group(self, values: np.ndarray, dose: int) -> tuple[float, tuple[float, float]]:
        """Mean of the secrets planted `dose` times, with Student's interval."""
        own = values[self.repeats == dose]
        half = _student(len(own)) * own.std(ddof=1) / np.sqrt(len(own)) if len(own) > 1 else 0.0
        return float(own.mean()), (float(own.mean() - half), float(own.mean() + half))

    def over_groups(self, values: np.ndarray) -> tuple[float, tuple[float, float]]:
        """Mean of all planted secrets; the groups are by design, so only what varies within them counts."""
        groups = [values[self.repeats == dose] for dose in self.doses]
        n = sum(map(len, groups))
        variance = sum(len(own) * own.var(ddof=1) for own in groups if len(own) > 1) / n**2
        mean = float(np.concatenate(groups).mean())
        half = _student(max(2, n - len(groups) + 1)) * float(np.sqrt(variance))
        return mean, (mean - half, mean + half)

    def off_null(self) -> str:
        """Why nothing is to be believed: held-out secrets off the null; empty where they stand at it."""
        out = self.ranked[self.repeats == 0]
        gap = abs(float(out.mean()) - null_mean(self.r))
        # models share their secrets' difficulty, so they are not counted as draws of their own
        if gap <= BELIEVED * null_deviation(self.r) / np.sqrt(len(out)):
            return ""
        return (
            f"secrets never planted stand at {number(out.mean(), 2)} bits where chance gives "
            f"{number(null_mean(self.r), 2)}: the references are not like them"
        )


def _student(n: int) -> float:
    return float(student.ppf(0.975, n - 1))
