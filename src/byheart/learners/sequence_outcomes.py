"""Spoken: outcomes of passages from tables of what may come next, for learners that need no training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from byheart.maths.codes.passages import GRID, token_frequencies
from byheart.tasks.data import Data
from byheart.training.members import Members
from byheart.training.run import Outcomes, Run


@dataclass(frozen=True)
class Tables:
    """What a model says on one view: at place (i, s) the row `states[i, s]` of `log_p`, log probabilities in nats.

    Attributes:
        states: (n, t) rows.
        log_p: (h, v) log probability of each token in each of h states.
    """

    states: np.ndarray
    log_p: np.ndarray


def spoken(
    data: Data, members: Members, trail: bool, says: Callable[[int, str], Tables], about: Mapping[str, Any]
) -> Run:
    """The run of m members at the one checkpoint 0; `says` gives the tables of member j on a view.

    Args:
        data: the views, of tokens.
        members: who saw what.
        trail: whether the training view's pools are kept.
        says: (j, view) -> the tables.
        about: what the page says of the training.
    """
    log_q = np.log(token_frequencies(data.train.y, data.output.k))
    views = {}
    for view, examples in data.views.items():
        parts = [_outcomes(says(j, view), examples.y, log_q, view == "train") for j in range(len(members))]
        losses, told, pools = ([part[i] for part in parts] for i in range(3))
        pool = np.stack(pools) if view == "train" else None
        kept = pool[None] if trail and pool is not None else None
        views[view] = Outcomes(np.stack(losses)[None], np.stack(told)[None], None, None, kept, pool)
    return Run(members, (0,), views, {"outputs": "tokens", **about})


def _outcomes(tables: Tables, y: np.ndarray, log_q: np.ndarray, pooled: bool) -> tuple[np.ndarray, ...]:
    """Losses (n,), whether greedy decoding says all (n,), and summed lengths on the grid of pools (n, g)."""
    counted, own, log_p = y >= 0, np.maximum(y, 0), tables.log_p
    said = log_p[tables.states, own]
    loss = -(said * counted).sum(1)
    rivals = (log_p >= log_p.max(1, keepdims=True)).sum(1)
    told = ((said >= log_p.max(1)[tables.states]) & (rivals[tables.states] == 1)) | ~counted
    pool = np.zeros((len(y), len(GRID) if pooled else 0))
    for g, b in enumerate(GRID if pooled else ()):
        # the normaliser is of the state, so it is summed over tokens once a state
        whole = logsumexp(b * log_p + (1 - b) * log_q, axis=1)
        length = whole[tables.states] - b * said - (1 - b) * log_q[own]
        pool[:, g] = (length * counted).sum(1)
    return loss.astype(np.float32), told.all(1), pool.astype(np.float32)
