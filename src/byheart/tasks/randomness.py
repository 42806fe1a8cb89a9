"""Randomness: uniform random sequences. Nothing can be understood, so every bit a model saves is memory."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from byheart.seeds import derive, stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.output import Tokens

ROOM = 1 << 20  # ids of one seed: training sequences in the lower half, test sequences in the upper
OURS = "drawn uniformly by us"
MOST = 1 << 26  # tokens of all sequences: half a gigabyte of targets
SHOWN = 64  # tokens of a sequence that a reader is shown


class Randomness(Task):
    """How much can a model hold by heart? Sequences in which each token is uniform and independent of all others.

    Args:
        n: training sequences.
        n_test: sequences drawn alike and never trained on.
        v: tokens there are.
        length: tokens a sequence.

    The best possible code of a sequence is length * log2(v) bits, for everybody who has not seen it. Sequences are
    named by seed and place, so data of different n share their first ones.

    Example:
        >>> data = Randomness(n=50, n_test=10, v=32, length=16).draw(0)
        >>> len(data.train), round(data.truth.best_loss_nats / np.log(2))
        (50, 80)

    Raises:
        UsageError: so few possible sequences that two could be equal by chance, or more than 2^26 tokens in all.

    Reference: Morris et al. 2025, How much do language models memorize?, section 3.
    """

    name = "randomness"
    usual_members = 16
    n: int = Field(default=400, ge=20, le=ROOM // 2)
    n_test: int = Field(default=64, ge=1, le=ROOM // 2)
    v: int = Field(default=32, ge=2, le=256)
    length: int = Field(default=16, ge=2, le=1024)

    @model_validator(mode="after")
    def _all_different(self) -> Self:
        needed = 2 * np.log2(self.n + self.n_test) + 20  # two equal ones in less than one of a million draws
        if self.length * np.log2(self.v) < needed:
            raise ValueError(f"length * log2(v) must be at least {needed:.0f} bits for so many different sequences")
        return self

    @model_validator(mode="after")
    def _fits_in_memory(self) -> Self:
        tokens = (self.n + self.n_test) * self.length
        if tokens > MOST:
            raise ValueError(f"(n + n_test) * length must be at most {MOST:,} tokens, to fit in memory, got {tokens:,}")
        return self

    def draw(self, seed: int) -> Data:
        """The sequences of the streams `train` and `test` of `seed`."""
        first = (derive(seed, "randomness", self.v, self.length) >> 24) * ROOM
        train = self._sequences(seed, "train", self.n, first)
        test = self._sequences(seed, "test", self.n_test, first + ROOM // 2)
        bits = self.length * float(np.log2(self.v))
        line = f"{self.length} tokens uniform among {self.v}, {bits:.0f} bits a sequence"
        return Data(
            views={"train": train, "test": test},
            output=Tokens(k=self.v, classes=tuple(map(str, range(self.v))), noun=("sequence", "sequences")),
            truth=Truth(best_loss_nats=self.length * float(np.log(self.v)), sources={"best_loss_nats": OURS}),
            about={
                "title": "Uniform random sequences",
                "source": "computed",
                "licence": "none needed",
                "n": self.n,
                "n_test": self.n_test,
                "holdout": f"{self.n_test} sequences drawn alike",
                "inferred": [line],
            },
        )

    def _sequences(self, seed: int, name: str, n: int, first: int) -> Examples:
        x = stream(seed, "randomness", name, self.v, self.length).integers(0, self.v, size=(n, self.length))
        cut = " \u2026" if self.length > SHOWN else ""
        shown = np.array([" ".join(map(str, row)) + cut for row in x[:, :SHOWN]])
        ids = np.arange(first, first + n, dtype=np.int64)
        return Examples(ids, x.astype(np.uint8), x.astype(np.int64), {"shown": shown})
