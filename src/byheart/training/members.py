"""Members: which examples each model of a bank sees, and the seed it starts from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from byheart.errors import InputRefused, UsageError, unknown_name
from byheart.records.axes import along, array, declared, held
from byheart.seeds import derive, stream


@dataclass(frozen=True)
class Members:
    """m members: their seeds, and which of n examples each has seen, has not seen, or neither.

    Attributes:
        seeds: (m,) int64.
        seen: (m, n) bool, True where the member is trained on the example.
        gap: (m, n) bool, True where the example counts for neither side: it lies next to what is left out, so that it
            would give the answer away. None where there is none.
    """

    seeds: np.ndarray = array("members", optional=False)
    seen: np.ndarray = array("members", "examples", optional=False)
    gap: np.ndarray | None = array("members", "examples")

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def unseen(self) -> np.ndarray:
        """(m, n) bool, True where the member can be asked as about a new example."""
        return np.logical_not(self.seen if self.gap is None else self.seen | self.gap)

    @property
    def sides(self) -> np.ndarray:
        """(m, n) int8: 1 seen, 0 unseen, -1 neither, as `maths.statistics.seen_unseen.sides` reads it."""
        return self.seen.astype(np.int8) if self.gap is None else np.where(self.gap, -1, self.seen).astype(np.int8)

    @property
    def mask(self) -> np.ndarray:
        """(m, n) `seen`, for readers to whom all else is unseen.

        Raises:
            InputRefused: some examples are neither.
        """
        if self.gap is not None and self.gap.any():
            raise InputRefused(
                expected="examples that each member has either seen or not seen",
                came=f"{int(self.gap.any(0).sum())} examples in gaps, which are neither",
                do="Read `seen` and `unseen`, or ask for subsets without a gap.",
            )
        return self.seen

    def at(self, places: np.ndarray) -> Self:
        """The members at these places."""
        return type(self)(**along("members", places, held(self), declared(Members)))

    def take(self, start: int, stop: int) -> Self:
        """Members start..stop."""
        return self.at(np.arange(len(self))[start:stop])

    def of_rows(self, rows: np.ndarray) -> Self:
        """The same members, and the examples in `rows` (positions or a mask) alone."""
        return type(self)(**along("examples", rows, held(self), declared(Members)))

    def without(self, rows: np.ndarray) -> Self:
        """The same members, trained without the examples in `rows` (n,) bool."""
        return replace(self, seen=self.seen & ~rows)

    def reseeded(self) -> Self:
        """The same subsets from other seeds: what differs between the two is noise of training alone."""
        seeds = np.array([derive(int(seed), "again") for seed in self.seeds], dtype=np.int64)
        return replace(self, seeds=seeds)


SUBSETS = ("balanced", "blocks", "prefixes", "all")


def subsets(
    how: str, n: int, m: int, share: float, seed: int, groups: Any = None, gap: int = 0, order: Any = None
) -> Members:
    """Which examples does each of m members see, drawn in one of four ways?

    `balanced` leaves out random groups (`balanced`). `blocks` leaves out n - round(share n) examples that follow one
    another, from places spread over the whole in as many laps as m takes, each lap from a random start; those within
    `gap` places of the block are neither seen nor unseen. `prefixes`: member j of m sees the first
    round((j + 1) / m share n), and the next `gap` are neither. `all` leaves nothing out. Copies and groups of what is
    left out by `blocks` and `prefixes` are neither as well: seen they would give the answer away.

    Args:
        how: one of the four.
        n: examples.
        m: members.
        share: part of the examples that a member sees at most, 0 < share <= 1.
        seed: root seed.
        groups: (n,) equal for examples that stay together.
        gap: places on either side of what is left out.
        order: (n,) time or another number by which examples follow one another; as they stand if absent.

    Raises:
        UsageError: another way, a share outside (0, 1], or nothing left to see.

    Example:
        >>> one = subsets("blocks", 10, 5, 0.8, seed=0, gap=1)
        >>> set(one.unseen.sum(1)), set(one.seen.sum(1)) <= {6, 7}, one.unseen.sum(0).min()
        ({np.int64(2)}, True, np.int64(1))
    """
    if how not in SUBSETS:
        raise unknown_name("way to draw subsets", how, SUBSETS)
    if how == "balanced":
        return balanced(n, m, share, seed, groups)
    seeds = np.array([derive(seed, "member", j) for j in range(m)], dtype=np.int64)
    if how == "all":
        return Members(seeds, np.ones((m, n), dtype=bool))
    kept = round(share * n)
    if not 0 < share <= 1 or kept < 1 or (how == "prefixes" and kept < m):
        raise UsageError(
            expected="a share of the examples above 0 and at most 1, at least one example a member",
            came=f"{share} of {n} examples, {m} members", do="Try --share 0.7.",
        )  # fmt: skip
    out = np.zeros((m, n), dtype=bool)
    for j in range(m):
        out[j, _block(j, n, n - kept, seed) if how == "blocks" else slice(round((j + 1) / m * kept) + gap, n)] = True
    unseen, near = np.zeros_like(out), np.zeros_like(out)
    place = np.argsort(np.arange(n) if order is None else np.asarray(order), kind="stable")
    unseen[:, place], near[:, place] = out, _within(out, gap)
    known = np.arange(n) if groups is None else _by_appearance(np.asarray(groups))
    together = np.stack([np.isin(known, known[row]) for row in unseen])
    seen = np.logical_not(together | near)
    neither = np.logical_not(seen | unseen)
    if not seen.any(1).all():
        came = f"a gap of {gap} around what {m} members leave out of {n} examples, copies included"
        raise UsageError(expected="members that see something", came=came, do="Lower the gap.")
    return Members(seeds, seen, neither if neither.any() else None)


def _block(j: int, n: int, size: int, seed: int) -> np.ndarray:
    """Places that member j leaves out: in laps of n / size blocks, each from a random start; at the end it goes on
    at the beginning.
    """
    a_lap = max(1, n // size) if size else 1
    lap, at = divmod(j, a_lap)
    first = int(stream(seed, "blocks", lap, n, size).integers(n)) if lap else 0
    return (first + round(at * n / a_lap) + np.arange(size)) % n


def _within(out: np.ndarray, gap: int) -> np.ndarray:
    """(m, n) True at most `gap` places before or after what each row leaves out."""
    near = out.copy()
    for by in range(1, min(gap, out.shape[1] - 1) + 1):
        near[:, by:] |= out[:, :-by]
        near[:, :-by] |= out[:, by:]
    return near


def balanced(n: int, m: int, share: float, seed: int, groups: Any = None) -> Members:
    """Which examples does each of m members see, when none is favoured and copies stay together?

    A member sees or leaves out all of a group. It leaves out groups until as near to n - round(share n) examples as
    whole groups allow (single examples: exactly), and at every m each group is left out by the same number of members,
    give or take one: shuffled decks of the groups are laid end to end, and each member leaves out the next ones. Where
    a member runs over the end of a deck, the next deck is ordered so that no group comes twice. So the first members
    stay the same when more are added. Share 1 leaves nothing out.

    Args:
        n: examples.
        m: members.
        share: part of the examples that a member sees, 0 < share <= 1.
        seed: root seed; seeds of members and decks derive from it.
        groups: (n,) equal for examples that stay together; each its own if absent.

    Raises:
        UsageError: share outside (0, 1], or a member would see nothing.
        InputRefused: all examples are one group.

    Example:
        >>> one = balanced(10, 20, 0.7, seed=0)
        >>> set(one.seen.sum(1)), set(one.unseen.sum(0))
        ({np.int64(7)}, {np.int64(6)})
        >>> pairs = balanced(10, 20, 0.7, seed=0, groups=np.arange(10) // 2)
        >>> bool((pairs.seen[:, ::2] == pairs.seen[:, 1::2]).all()), set(pairs.unseen.sum(0))
        (True, {np.int64(6)})
    """
    kept = round(share * n)
    if not 0 < share <= 1 or kept < 1:
        raise UsageError(
            "a share of the examples above 0 and at most 1", f"{share} of {n} examples", "Try --share 0.7."
        )
    out = n - kept
    place = _by_appearance(np.arange(n) if groups is None else np.asarray(groups))
    sizes = np.bincount(place)
    if out and len(sizes) < 2:
        raise InputRefused(
            expected="examples of which some can be left out",
            came=f"{n:,} examples that are all copies of one another, or of one group",
            do="Give examples that differ (memory/duplicates says which are copies).",
        )
    rng = stream(seed, "subsets", n, out)
    seeds = np.array([derive(seed, "member", j) for j in range(m)], dtype=np.int64)
    left_out = np.zeros((m, len(sizes)), dtype=bool)
    deck, owed = np.empty(0, dtype=np.int64), 0  # owed: how many examples fewer were left out so far than asked for
    for j in range(m if out else 0):
        took = _next(deck, sizes, out, owed)
        deck, mine = deck[took:], deck[:took]
        if not len(deck) and _wants(sizes[mine].sum(), sizes, out, owed):
            cards = rng.permutation(len(sizes))
            fresh = cards[~np.isin(cards, mine)]
            head = fresh[: _next(fresh, sizes, out, owed, int(sizes[mine].sum()), len(mine))]
            deck = cards[~np.isin(cards, head)]
            mine = np.concatenate([mine, head])
        left_out[j, mine] = True
        owed += out - int(sizes[mine].sum())
    return Members(seeds, np.logical_not(left_out[:, place]))


def _by_appearance(groups: np.ndarray) -> np.ndarray:
    """(n,) groups numbered from 0 as they first appear."""
    _, first, place = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place.ravel()]


def _wants(held: int, sizes: np.ndarray, out: int, owed: int) -> bool:
    """Whether the smallest group more could bring a member that leaves out `held` nearer to `out`."""
    return _nearer(int(held), int(sizes.min()), out, owed)


def _nearer(held: int, size: int, out: int, owed: int) -> bool:
    """Whether `size` more leave out nearer to `out`; a tie goes to what earlier members owe."""
    more, now = abs(held + size - out), abs(held - out)
    return more < now or (more == now and owed > 0)


def _next(deck: np.ndarray, sizes: np.ndarray, out: int, owed: int, held: int = 0, before: int = 0) -> int:
    """How many groups from the front of the deck a member leaves out that leaves out `held` examples already."""
    took = 0
    for card in deck:
        last = before + took == len(sizes) - 1  # a member sees at least one group
        if last or not (held == 0 or _nearer(held, int(sizes[card]), out, owed)):
            break
        held += int(sizes[card])
        took += 1
    return took
