"""Who copies whom, by row: within training, against its own label, and from training into the new examples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from byheart.maths.memorisation.duplicates import Copies, Leaks, contradicting, leaks
from byheart.probes.base import Bank


class Found(NamedTuple):
    """Copies within training, and of new examples; pairs by row, each content by the row of its least id."""

    copies: Copies
    leaks: Leaks | None
    within: list[tuple[int, int]]
    against: list[tuple[int, int]]
    leaked: list[tuple[int, int]]  # new row, training row
    disagree: int  # of the leaked, those with another label than their copy


def search(bank: Bank) -> Found:
    """All pairs of copies, the nearest first, those of equal nearness by their ids."""
    data, kept = bank.data, bank.data.copies
    by_id = np.argsort(data.train.ids, kind="stable")
    stands = np.zeros(int(kept.exact.max()) + 1, int)
    stands[kept.exact[by_id[::-1]]] = by_id[::-1]  # the least id of each content
    ids = data.train.ids

    def by_ids(a: int, b: int) -> tuple[int, int]:
        return (int(a), int(b)) if ids[a] < ids[b] else (int(b), int(a))

    def close(pair: tuple[int, int]) -> tuple:
        same = kept.exact[pair[0]] == kept.exact[pair[1]]
        near = 0.0 if same else float(np.round(min(kept.ratio[pair[0]], kept.ratio[pair[1]]), 6))
        return near, int(ids[pair[0]]), int(ids[pair[1]])

    rest = by_id[stands[kept.exact[by_id]] != by_id]
    within = [by_ids(stands[kept.exact[row]], row) for row in rest]
    within += [by_ids(*stands[kept.exact[pair]]) for pair in kept.pairs]
    against = [by_ids(a, b) for a, b in contradicting(kept, data.train.y, by_id)] if labelled(bank) else []
    against = [pair for pair in against if _as_they_came(bank, pair)]
    known, leaked, disagree = None, [], 0
    if "test" in data.views:
        test = data.views["test"]
        numbers = data.train.x, test.x
        if data.output.kind != "tokens":  # the test may be kept in another type
            numbers = data.output.numbers(data.train.x), data.output.numbers(test.x)
        known = leaks(*numbers, *data.laid_out("test"), kept)
        rows = np.flatnonzero(known.source >= 0)
        rows = rows[np.lexsort((test.ids[rows], np.round(known.ratio[rows], 6)))]
        leaked = [(int(row), int(stands[kept.exact[known.source[row]]])) for row in rows]
        if labelled(bank):
            disagree = sum(int(test.y[new]) != int(data.train.y[old]) for new, old in leaked)
    return Found(kept, known, sorted(within, key=close), sorted(against, key=close), leaked, disagree)


def _as_they_came(bank: Bank, pair: tuple[int, int]) -> bool:
    """Whether both labels are the data's own, and the two are copies rather than cells of a design."""
    rows, changed = list(pair), bank.data.truth.changed
    planted = not bank.counted[rows].all() or (changed is not None and bool(changed[rows].any()))
    return not planted and len(set(bank.groups[rows].tolist())) == 1


def labelled(bank: Bank) -> bool:
    """Whether the examples have labels that can contradict one another."""
    return bank.data.output.kind == "classes"
