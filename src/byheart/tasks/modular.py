"""Modular addition: a table that can be learnt by heart, or understood from a part of it."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field, model_validator

from byheart.seeds import stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.labels import MINIMUM
from byheart.tasks.output import Classes


class Modular(Task):
    """What is a + b mod p? A random part of the p x p table is for training, the rest is the test.

    Args:
        p: modulus, and number of classes.
        share: part of the p * p sums that is for training, in (0, 1).

    `x` (n, 2p) is a and b as two one-hot vectors side by side; the id of a sum is a * p + b. The label
    follows from the example, so the best possible loss is 0.

    Example:
        >>> data = Modular(p=7, share=0.6).draw(0)
        >>> len(data.train), len(data.views["test"]), data.train.x.shape[1]
        (29, 20, 14)
        >>> str(data.train.meta["shown"][0])
        '0 + 0 (mod 7)'

    Reference: Power, Burda, Edwards, Babuschkin, Misra (2022), Grokking: generalization beyond overfitting
    on small algorithmic datasets.
    """

    name = "modular"
    p: int = Field(default=53, ge=7, le=211)
    share: float = Field(default=0.5, gt=0, le=0.99)

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if round(self.share * self.p**2) < MINIMUM:
            raise ValueError(f"share * p * p must give at least {MINIMUM} training sums")
        return self

    def draw(self, seed: int) -> Data:
        """The table, cut at random by `seed`."""
        total = self.p * self.p
        n = round(self.share * total)
        order = stream(seed, "modular", "split").permutation(total)
        train, test = self._sums(np.sort(order[:n])), self._sums(np.sort(order[n:]))
        proof = "the sum follows from the two numbers"
        return Data(
            views={"train": train, "test": test},
            output=Classes(k=self.p, classes=tuple(map(str, range(self.p))), noun=("sum", "sums"), target="sum"),
            truth=Truth(
                clean=train.y.copy(),
                posterior=np.eye(self.p),
                best_loss_nats=0.0,
                sources={"clean": proof, "posterior": proof, "best_loss_nats": proof},
            ),
            about={
                "title": f"a + b mod {self.p}",
                "source": "computed",
                "licence": "none needed",
                "n": n,
                "n_test": total - n,
                "holdout": f"{total - n} of the {total} sums, at random from the seed",
            },
        )

    def _sums(self, ids: np.ndarray) -> Examples:
        a, b = np.divmod(ids.astype(np.int64), self.p)
        y = (a + b) % self.p
        hot = np.eye(self.p, dtype=np.float32)
        # without the sum: the label is shown beside it, and may be one that was redrawn
        shown = np.array([f"{i} + {j} (mod {self.p})" for i, j in zip(a, b)], dtype=str)
        return Examples(
            ids=ids.astype(np.int64),
            x=np.concatenate([hot[a], hot[b]], axis=1),
            y=y,
            meta={"a": a, "b": b, "shown": shown},
        )
