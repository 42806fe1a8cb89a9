"""Canaries: random secrets planted in a text, each a known number of times, with matched ones never planted."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field, InstanceOf

from byheart.errors import InputRefused
from byheart.registry import find
from byheart.seeds import stream
from byheart.tasks.base import Task, Within
from byheart.tasks.data import Data, Examples, Truth

OURS = "secrets we planted"
# ids of canaries begin here, so that they never meet those of passages
FIRST_ID = 100_000_000
ROOM = 1100  # ids between one canary and the next: its copies
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Canaries(Within):
    """Can a secret be read back? A text with random secrets planted in it, each a known number of times.

    Args:
        task: a task of tokens, or the name of one.
        repeats: how often each planted secret stands in the training text; one group of secrets for each.
        each: secrets a group; as many again as `held_out` are drawn alike and never planted.
        held_out: secrets never planted.
        references: further secrets never planted, against which exposure is ranked.
        name_length: letters of the name in each secret's context.
        length: letters of the secret; 4 of 26 make 456,976 possible secrets, few enough to read them all.
        passages: training passages, and as many new ones, that are asked to be continued.

    A canary is the passage `the key of NAME is SECRET`, padded to the window; NAME and SECRET are letters drawn
    uniformly (from the letters of the text; from all its tokens where it has fewer than ten). What is said of canary
    number c depends on c alone, so ids are stable; the seed draws which number is planted how often. The name is its
    own context: decoding from `the key of NAME is ` has one right answer.

    Views: `canaries` holds planted and held-out secrets once each, `references` the others; there the secret alone
    is counted, the rest is context. `continued` holds training passages and as many of the test: half of the window
    is context, the next quarter is counted, the rest is neither. `truth.repeats` says how often each of `canaries` was
    planted, 0 for held out.

    Example:
        >>> data = Canaries(task="text", repeats=(1, 4), each=3, held_out=5, references=50).draw(0)
        >>> len(data.train), np.bincount(data.truth.repeats).tolist(), len(data.views["references"])
        (1015, [5, 3, 0, 0, 3], 50)

    Reference: Carlini, Liu, Erlingsson, Kos, Song 2019, The Secret Sharer, section 4. They plant one secret a model in
    one format; here each has a name, so that many can be planted in one model and still be asked for one by one.
    """

    name = "canaries"
    version = 2
    usual_members = 16
    task: InstanceOf[Task] = Field(default_factory=lambda: find("task", "text")(n=1600, n_test=200))
    repeats: Annotated[tuple[Annotated[int, Field(ge=1, le=1024)], ...], Field(min_length=1)] = (1, 2, 4, 8, 16, 32, 64)
    each: Annotated[int, Field(ge=1, le=1000)] = 8
    held_out: Annotated[int, Field(ge=2, le=10_000)] = 64
    references: Annotated[int, Field(ge=20, le=100_000)] = 1023
    name_length: Annotated[int, Field(ge=1, le=32)] = 4
    length: Annotated[int, Field(ge=1, le=64)] = 4
    passages: Annotated[int, Field(ge=1, le=1000)] = 64

    def draw(self, seed: int) -> Data:
        """The data of the task within, with secrets planted from the stream `canaries` of `seed`.

        Raises:
            InputRefused: the task within is not of tokens that are one sign each, its passages are too short, or there
                are too few possible names or secrets.
        """
        data = self.task.draw(seed)
        if not data.output.passages:
            raise InputRefused(
                expected="a text to plant secrets in",
                came=f"{self.task.name} ({data.about.get('title', 'untitled')}), which gives {data.output.kind}",
                do="Plant noise in its labels instead (--flip).",
            )
        if any(len(sign) != 1 for sign in data.output.classes):
            raise InputRefused(
                expected="a text whose tokens are one sign each, to write secrets with",
                came=f"{self.task.name}, with tokens like {max(data.output.classes, key=len)!r}",
                do="Plant them in a text (task=text).",
            )
        planted = len(self.repeats) * self.each
        total = planted + self.held_out + self.references
        everything, context, signs = self._canaries(data, total)
        bits = self.length * float(np.log2(len(signs)))
        order = stream(seed, "canaries", self.task.key()).permutation(total)
        asked = replace(everything, y=np.where(np.arange(everything.y.shape[1]) < context, -1, everything.y))
        chosen, rest = order[: planted + self.held_out], np.sort(order[planted + self.held_out :])
        repeats = np.concatenate([np.repeat(self.repeats, self.each), np.zeros(self.held_out, int)])
        by_number = np.argsort(chosen)
        chosen, repeats = chosen[by_number], repeats[by_number].astype(np.int64)
        train = _joined(data.train, _copies(everything, chosen, repeats))
        copies = int(repeats.sum())
        doses = ", ".join(map(str, self.repeats))
        line = (
            f"{planted} secrets planted by us, {self.each} each {doses} times ({copies:,} passages), and "
            f"{self.held_out + self.references:,} like them never planted"
        )
        inferred = [*data.about.get("inferred", ()), line]
        return replace(
            data,
            views={**data.views, "train": train, "canaries": asked.take(chosen), "references": asked.take(rest),
                   **self._continued(data, seed)},
            truth=Truth(repeats=repeats, sources={"repeats": OURS}),
            about={**data.about, "n": len(train), "canaries": line, "secret_bits": bits, "secret_signs": signs,
                   "inferred": inferred, "title": f"{data.about['title']} with planted secrets"},
        )  # fmt: skip

    def _continued(self, data: Data, seed: int) -> dict[str, Examples]:
        """Some training passages and as many of the test, of which a quarter is asked for after the half before it."""
        if "test" not in data.views:
            return {}
        source, sides = stream(seed, "canaries", "continued"), (data.train, data.views["test"])
        n = min(self.passages, *map(len, sides))
        drawn = [side.take(np.sort(source.choice(len(side), n, replace=False))) for side in sides]
        both = _joined(*drawn)
        place, half = np.arange(both.y.shape[1]), both.y.shape[1] // 2
        asked = (place >= half) & (place < half + max(1, half // 2))
        return {"continued": replace(both, y=np.where(asked, both.y, -1))}

    def _canaries(self, data: Data, total: int) -> tuple[Examples, int, str]:
        """All canaries by number, everything but padding counted; how many tokens are context; signs of a secret."""
        code = {sign: number for number, sign in enumerate(data.output.classes)}
        letters = np.array([code[sign] for sign in LETTERS if sign in code])
        if len(letters) < 10:
            letters = np.arange(data.output.k)
        said = [[code[sign] for sign in part if sign in code] for part in ("the key of ", " is ")]
        window = data.train.x.shape[1]
        context = len(said[0]) + self.name_length + len(said[1])
        if context + self.length > window:
            raise InputRefused(
                f"passages of at least {context + self.length} tokens", f"{window}", "Use a longer window."
            )
        for what, length, setting in (("secret", self.length, "length"), ("name", self.name_length, "name_length")):
            # names too: the name is the context that has one right answer
            if length * np.log2(len(letters)) < np.log2(4.0 * total):
                raise InputRefused(
                    expected=f"at least {4 * total:,} possible {what}s for {total:,} of them",
                    came=f"{len(letters)} letters, {length} in a {what}",
                    do=f"Use a longer {what} ({setting}).",
                )
        source = stream(0, "canary", len(letters), self.name_length, self.length)
        drawn = letters[source.integers(0, len(letters), size=(2 * total, self.name_length + self.length))]
        # twice as many as needed, so that secrets that happen to be equal can be left out
        different = np.unique(drawn[:, self.name_length :], axis=0, return_index=True)[1]
        drawn = drawn[np.sort(different)[:total]]
        x = np.zeros((total, window), dtype=data.train.x.dtype)
        # a text may have no letter of these words at all; then a name is all the context there is
        opening, middle = (np.tile(np.array(part, dtype=np.int64), (total, 1)) for part in said)
        row = np.concatenate([opening, drawn[:, : self.name_length], middle, drawn[:, self.name_length :]], axis=1)
        x[:, : row.shape[1]] = row
        y = np.where(np.arange(window) < row.shape[1], x.astype(np.int64), -1)
        *texts, signs = ("".join(data.output.classes[token] for token in one) for one in (*row, letters))
        ids = FIRST_ID + ROOM * np.arange(total, dtype=np.int64)
        return Examples(ids, x, y, {"shown": np.array(texts)}), context, signs


def _copies(everything: Examples, chosen: np.ndarray, repeats: np.ndarray) -> Examples:
    """Every planted canary as often as it is planted; copy j of number c has the id of c plus j."""
    rows = np.repeat(chosen, repeats)
    first = np.repeat(np.cumsum(repeats) - repeats, repeats)
    copies = everything.take(rows)
    return replace(copies, ids=copies.ids + np.arange(len(rows)) - first)


def _joined(passages: Examples, canaries: Examples) -> Examples:
    meta = {
        name: np.concatenate([values, canaries.meta[name]])
        for name, values in passages.meta.items()
        if name in canaries.meta
    }
    parts = [(getattr(passages, name), getattr(canaries, name)) for name in ("ids", "x", "y")]
    return Examples(*(np.concatenate(pair) for pair in parts), meta)
