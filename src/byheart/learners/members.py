"""Members: which examples each model of a bank sees, and the seed it starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from byheart.errors import UsageError
from byheart.seeds import derive, stream


@dataclass(frozen=True)
class Members:
    """m members: `seeds` (m,) int64 and `mask` (m, n) bool, True where the member sees the example."""

    seeds: np.ndarray
    mask: np.ndarray

    def __len__(self) -> int:
        return len(self.seeds)

    def take(self, start: int, stop: int) -> Self:
        """Members start..stop."""
        return type(self)(self.seeds[start:stop], self.mask[start:stop])

    def reseeded(self) -> Self:
        """The same subsets from other seeds: what differs between the two is noise of training alone."""
        seeds = np.array([derive(int(seed), "again") for seed in self.seeds], dtype=np.int64)
        return type(self)(seeds, self.mask)


def balanced(n: int, m: int, share: float, seed: int) -> Members:
    """Which examples does each of m members see, when none is favoured?

    Every member sees exactly round(share n) examples, and at every m each example is left out by the same
    number of members, give or take one: shuffled decks of the n examples are laid end to end and cut
    into pieces of n - round(share n); member j leaves out piece j. Where a piece runs over the end of a
    deck, the next deck is ordered so that no example falls in it twice. So the first members stay the
    same when more are added. Share 1 leaves nothing out.

    Args:
        n: examples.
        m: members.
        share: part of the examples that a member sees, 0 < share <= 1.
        seed: root seed; seeds of members and decks derive from it.

    Raises:
        UsageError: share outside (0, 1], or a member would see nothing.

    Example:
        >>> mask = balanced(10, 20, 0.7, seed=0).mask
        >>> set(mask.sum(1)), set((~mask).sum(0))
        ({np.int64(7)}, {np.int64(6)})
    """
    kept = round(share * n)
    if not 0 < share <= 1 or kept < 1:
        raise UsageError(
            expected="a share of the examples above 0 and at most 1",
            came=f"{share} of {n} examples",
            do="Try --share 0.7.",
        )
    out = n - kept
    rng = stream(seed, "subsets", n, out)
    seeds = np.array([derive(seed, "member", j) for j in range(m)], dtype=np.int64)
    mask = np.ones((m, n), dtype=bool)
    deck = np.empty(0, dtype=np.int64)
    for j in range(m if out else 0):
        if len(deck) < out:
            deck = np.concatenate([deck, _next_deck(deck, n, out, rng)])
        mask[j, deck[:out]] = False
        deck = deck[out:]
    return Members(seeds, mask)


def _next_deck(rest: np.ndarray, n: int, out: int, rng: np.random.Generator) -> np.ndarray:
    """A shuffled deck whose first out - len(rest) cards are not among `rest`."""
    cards = rng.permutation(n)
    fresh = cards[~np.isin(cards, rest)]
    head = fresh[: out - len(rest)]
    tail = cards[~np.isin(cards, head)]
    return np.concatenate([head, tail])
