"""Which examples does a ranking show, and what do members that did not see them predict?"""

from __future__ import annotations

import numpy as np

from byheart.training.run import Run

REDRAWN, BESIDE, ALONE = 5, 7, 12
BLOCK = 2048  # rows whose votes are counted at once


def first_of(order: np.ndarray, redrawn: np.ndarray) -> np.ndarray:
    """The first few rows of a ranking, redrawn ones before the others; more of these where nothing was redrawn.

    Args:
        order: rows, first come first.
        redrawn: (n,) bool.

    Example:
        >>> first_of(np.arange(20)[::-1], np.arange(20) < 3)
        array([ 2,  1,  0, 19, 18, 17, 16, 15, 14, 13])
        >>> len(first_of(np.arange(20), np.zeros(20, bool)))
        12
    """
    others = BESIDE if redrawn.any() else ALONE
    return np.concatenate([order[redrawn[order]][:REDRAWN], order[~redrawn[order]][:others]])


def held_out_votes(run: Run, rows: np.ndarray, tied: int | None = None) -> dict[str, np.ndarray]:
    """(r,) each: what most members that did not see an example predict at the end of training, and how many of them.

    Where two classes have as many votes it is the first, or `tied` where that is given.
    """
    logits, unseen = run.views["train"].logits, run.members.unseen[:, rows]
    predicted, votes = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        members, place = np.nonzero(unseen[:, block])
        said = logits[members, rows[block][place]].argmax(1)
        each = np.zeros((len(rows[block]), logits.shape[2]), np.int64)
        np.add.at(each, (place, said), 1)
        predicted[block], votes[block] = each.argmax(1), each.max(1)
        if tied is not None:
            predicted[block][(each == each.max(1, keepdims=True)).sum(1) > 1] = tied
    return {"predicted": predicted, "votes": votes, "voters": unseen.sum(0)}
