"""What a sampler would say of secrets and passages, read from probabilities; nothing is generated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import log_softmax

from byheart.maths.extraction import continuation_nats, discoverable
from byheart.probes.base import Bank
from byheart.training.preprocessing import known
from byheart.training.run import Run

EVEN = 0.5  # the chance that it has come: even odds


@dataclass(frozen=True)
class Sampler:
    """Temperature, and how many of the likeliest tokens it chooses from; None: all."""

    temperature: float = 1.0
    top_k: int | None = None

    @property
    def plain(self) -> bool:
        """Does it draw from the model's own probabilities?"""
        return self.temperature == 1.0 and self.top_k is None

    @property
    def words(self) -> str:
        """E.g. `temperature 0.7, the 40 likeliest tokens`."""
        which = "all tokens" if self.top_k is None else f"the {self.top_k} likeliest tokens"
        return f"temperature {self.temperature:g}, {which}"


@dataclass(frozen=True)
class Said:
    """One view of continuations under a sampler: each of n is asked for after its own context."""

    bank: Bank
    run: Run
    view: str
    sampler: Sampler

    @property
    def known(self) -> bool:
        """Can the probability be had? Another sampler than the plain one needs the logits."""
        kept = self.run.views.get(self.view)
        return kept is not None and (self.sampler.plain or kept.logits is not None)

    @cached_property
    def nats(self) -> np.ndarray:
        """(m, n) -log of the probability that one sample says all of it."""
        kept = self.run.views[self.view]
        if self.sampler.plain:
            return np.maximum(kept.loss_nats[-1].astype(np.float64), 0.0)
        y = self.bank.data.views[self.view].y
        tokens = y[:, (y >= 0).any(0)]
        return np.stack([
            continuation_nats(z, tokens, self.sampler.temperature, self.sampler.top_k) for z in kept.logits
        ])  # fmt: skip

    @cached_property
    def by_place(self) -> np.ndarray | None:
        """(n, s) bits of each token in its place as the model says it, mean over models; None without logits."""
        kept = self.run.views[self.view]
        if kept.logits is None:
            return None
        y = self.bank.data.views[self.view].y
        own = y[:, (y >= 0).any(0)][None, ..., None]
        said = np.take_along_axis(log_softmax(kept.logits.astype(np.float64), -1), own, -1)[..., 0]
        return -said.mean(0) / np.log(2)

    @cached_property
    def chance(self) -> np.ndarray:
        """(n,) probability that one sample of one model says it, mean over models."""
        return np.exp(-self.nats).mean(0)

    @cached_property
    def samples(self) -> np.ndarray:
        """(m, n) samples until it has come at even odds; infinite where it never comes."""
        return np.stack([discoverable(own, EVEN) for own in self.nats])

    def within(self, samples: int) -> np.ndarray:
        """(n,) share of models under which it comes at even odds within so many samples."""
        return (self.samples <= samples).mean(0)

    @cached_property
    def greedy(self) -> np.ndarray:
        """(n,) share of models whose greedy decoding says all of it."""
        return self.run.views[self.view].correct[-1].mean(0)

    @cached_property
    def seen(self) -> np.ndarray:
        """(n,) is it a training passage?"""
        return known(self.bank.data, self.view) >= 0

    @cached_property
    def asked(self) -> tuple[int, int]:
        """Tokens of context, and tokens to be said."""
        counted = (self.bank.data.views[self.view].y >= 0).any(0)
        return int(counted.argmax()), int(counted.sum())
