"""Ngram: what follows the last few tokens, counted; the simplest baseline of a model of text."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from byheart.learners.closed_form import ClosedForm
from byheart.learners.sequence_outcomes import Tables, spoken
from byheart.tasks.data import Data
from byheart.training.members import Members
from byheart.training.run import Run


class Ngram(ClosedForm):
    """What do counts of the last few tokens say comes next?

    p(s | h) = (c(h, s) + T(h) p(s | h')) / (c(h) + T(h)), c counts in the member's subset, T(h) how many different
    tokens have followed h, h' the context h without its oldest token; at the end p(s) = (c(s) + 1/2) / (N + v/2). A
    context that was never seen backs off to h'. Before a passage stands a token of its own.

    Args:
        order: tokens of an n-gram; order - 1 are context.

    Raises:
        InputRefused: data that are not tokens; views or masks that do not fit them.

    Cost: a sort of all contexts a view, and O(h v) a member, h different contexts; 16 members on 1,000 passages of 64
    bytes 1 CPU s (order 3), 3 (order 4). Nothing is trained.

    Fails when: the order is high for little text: most contexts are then seen once.

    Reference: Witten and Bell 1991, The zero-frequency problem, method C; in the interpolated form of Chen and Goodman
    1999, An empirical study of smoothing techniques for language modeling, section 2.5.

    Example:
        >>> Ngram(order=4).title(None)
        '4-gram'
    """

    name: ClassVar[str] = "ngram"
    reads: ClassVar[tuple[str, ...]] = ("tokens",)
    order: Annotated[int, Field(ge=1, le=6)] = 3

    def solved(self, data: Data, members: Members, trail: bool) -> Run:
        """Count every member's subset."""
        v = data.output.k
        contexts = {view: _contexts(examples.x, v, self.order - 1) for view, examples in data.views.items()}
        distinct = {view: np.unique(codes, return_inverse=True) for view, codes in contexts.items()}
        own, y = contexts["train"], data.train.y

        def says(j: int, view: str) -> Tables:
            codes, states = distinct[view]
            counted = (y >= 0) & members.seen[j][:, None]
            log_p = np.log(_followed(codes, own[counted], y[counted], v, self.order))
            return Tables(states.reshape(contexts[view].shape), log_p)

        return spoken(data, members, trail, says, {"way": "counts"})

    def title(self, data: Data) -> str:
        """E.g. `3-gram`."""
        return f"{self.order}-gram"


def _contexts(x: np.ndarray, v: int, length: int) -> np.ndarray:
    """(n, t) one number for the `length` tokens before each place, the latest in the lowest digit to base v + 1."""
    codes = np.zeros(x.shape, dtype=np.int64)
    for back in range(1, length + 1):
        before = np.full(x.shape, v, dtype=np.int64)  # v: nothing stands there
        before[:, back:] = x[:, : x.shape[1] - back]
        codes += before * (v + 1) ** (back - 1)
    return codes


def _followed(codes: np.ndarray, seen: np.ndarray, tokens: np.ndarray, v: int, order: int) -> np.ndarray:
    """(h, v) probabilities of what follows each of the contexts `codes`, from the pairs `seen`, `tokens` counted."""
    frequencies = np.bincount(tokens, minlength=v) + 0.5
    p = np.tile(frequencies / frequencies.sum(), (len(codes), 1))
    for length in range(1, order):
        base = (v + 1) ** length  # the latest `length` tokens alone
        known, rows = np.unique(seen % base, return_inverse=True)
        counts = np.bincount(rows * v + tokens, minlength=len(known) * v).reshape(len(known), v)
        kinds, total = (counts > 0).sum(1, keepdims=True), counts.sum(1, keepdims=True)
        place = np.searchsorted(known, codes % base).clip(max=max(len(known) - 1, 0))
        found = known[place] == codes % base
        at = place[found]
        p[found] = (counts[at] + kinds[at] * p[found]) / (total[at] + kinds[at])
    return p
