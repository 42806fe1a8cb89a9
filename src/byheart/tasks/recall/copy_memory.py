"""Copy memory: ten symbols, a long wait, and the same ten symbols again."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from byheart.seeds import derive, stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data, Examples, Truth
from byheart.tasks.grouping import Grouping
from byheart.tasks.output import Tokens

ROOM = 2**20  # ids of one draw
MOST = 2**26  # tokens of all sequences: half a gigabyte of targets
SYMBOLS = "abcdefgh"
BLANK, CUE = len(SYMBOLS), len(SYMBOLS) + 1
COPIED = 10  # symbols of a sequence
SOLVED = 0.01  # nats a symbol below which the task is solved: right in 99 % of symbols


class CopyMemory(Task):
    r"""Which ten symbols stood at the beginning?

        a b g .. c   . . . . .   >   a b g .. c
        10 symbols   T - 1 blanks  cue  the same 10

    Args:
        n: training sequences.
        n_test: new sequences.
        length: T, steps from the last symbol to its copy's first.

    Tokens 0..7 are the symbols, 8 is the blank and 9 the cue; each is to be given from those before it, and the first
    ten, which nothing foretells, are not counted. Who remembers nothing gives blanks and then each symbol one eighth:
    10 ln 8 nats a sequence, 10 ln 8 / (T + 20) a step. Solved: below .01 nats a copied symbol.

    Raises:
        UsageError: more than 2^26 tokens in all.

    Example:
        >>> data = CopyMemory(n=20, n_test=10, length=5).draw(0)
        >>> data.train.x.shape, data.train.meta["shown"][0][10:16], round(data.truth.chance_loss_nats, 3)
        ((20, 25), '....>c', 20.794)

    Reference: Arjovsky, Shah, Bengio 2016, Unitary evolution recurrent neural networks, section 5.1; after Hochreiter,
    Schmidhuber 1997, Long short-term memory.
    """

    name = "copy"
    n: int = Field(default=1000, ge=20, le=ROOM // 2)
    n_test: int = Field(default=1000, ge=2, le=ROOM // 2)
    length: int = Field(default=30, ge=2, le=20_000)

    @model_validator(mode="after")
    def _fits_in_memory(self) -> Self:
        tokens = (self.n + self.n_test) * (self.length + 2 * COPIED)
        if tokens > MOST:
            raise ValueError(
                f"(n + n_test) (length + 20) must be at most {MOST:,} tokens, to fit in memory, got {tokens:,}"
            )
        return self

    def draw(self, seed: int) -> Data:
        """Symbols uniform among eight, from a stream of each view; more sequences begin with the fewer."""
        start = (derive(seed, "copy", self.length) >> 24) * ROOM
        chance = COPIED * math.log(len(SYMBOLS))
        steps = self.length + 2 * COPIED
        told = f"10 ln 8 = {chance:.2f} nats a sequence, {chance / steps:.4f} a step; 1 symbol in 8"
        solved = f"below {SOLVED:g} nats a copied symbol, {COPIED * SOLVED:g} a sequence, on new sequences"
        return Data(
            views={
                "train": self._sequences(seed, "train", self.n, start),
                "test": self._sequences(seed, "test", self.n_test, start + ROOM // 2),
            },
            output=Tokens(k=CUE + 1, classes=(*SYMBOLS, ".", ">"), noun=("sequence", "sequences"), target="copy"),
            truth=Truth(
                best_loss_nats=0.0,
                chance_loss_nats=chance,
                chance_accuracy=1 / len(SYMBOLS),
                sources={
                    "best_loss_nats": "exact: every counted token follows from those before it",
                    "chance_loss_nats": "exact: 10 ln 8, ten symbols uniform among eight",
                    "chance_accuracy": "exact: a symbol uniform among eight",
                },
            ),
            about={
                "title": f"copy of ten symbols over {self.length} steps",
                "source": "computed, as Arjovsky, Shah, Bengio 2016, section 5.1",
                "licence": "none needed",
                "n": self.n,
                "n_test": self.n_test,
                "holdout": f"{self.n_test} sequences of their own",
                "right": "a copied symbol that is the one at the beginning",
                "chance": told,
                "solved": solved,
                "inferred": [f"chance: {told}", f"solved: {solved}"],
            },
            grouped=Grouping(np.arange(self.n), np.arange(self.n)),  # a thousand million possible ones: none is near
        )

    def _sequences(self, seed: int, view: str, n: int, start: int) -> Examples:
        symbols = stream(seed, "copy", self.length, view).integers(0, len(SYMBOLS), (n, COPIED))
        x = np.full((n, self.length + 2 * COPIED), BLANK, np.uint8)
        x[:, :COPIED] = x[:, -COPIED:] = symbols
        x[:, -COPIED - 1] = CUE
        y = x.astype(np.int64)
        y[:, :COPIED] = -1
        shown = np.array(["".join((SYMBOLS + ".>")[one] for one in row) for row in x])
        return Examples(np.arange(start, start + n, dtype=np.int64), x, y, {"shown": shown})
