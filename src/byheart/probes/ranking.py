"""Which examples does a ranking show, and what do members that did not see them predict?"""

from __future__ import annotations

import numpy as np

from byheart.training.run import Run

REDRAWN, BESIDE, ALONE = 5, 7, 12


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


def held_out_votes(run: Run, rows: np.ndarray) -> dict[str, np.ndarray]:
    """(r,) each: what most members that did not see an example predict at the end of training, and how many of them."""
    logits, unseen = run.views["train"].logits, run.members.unseen
    votes = [np.bincount(logits[unseen[:, i], i].argmax(1), minlength=logits.shape[2]) for i in rows]
    each = np.array(votes, int).reshape(-1, logits.shape[2])
    return {"predicted": each.argmax(1), "votes": each.max(1), "voters": each.sum(1)}
