"""Cheap proxies of memorisation, each judged by scores of members that it has not used."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from byheart.maths.memorisation.counterfactual import memorisation
from byheart.maths.memorisation.learning_order import Course, StandIn, course, stand_in
from byheart.maths.statistics.ranking import auc
from byheart.maths.statistics.seen_unseen import side_means
from byheart.probes.base import Bank
from byheart.training.run import Run

TOP = 0.05  # share of the examples that counts as the most memorised
Rng = Callable[..., np.random.Generator]

# fields of the course, +1 if higher means more memorised
SIGNS = {"confidence": -1, "variability": 1, "first_learned": 1, "forgetting_events": 1, "final_loss": 1}


class Half(NamedTuple):
    """What half of the members say: scores, and the proxies they give; `kept` has members on both sides."""

    score: np.ndarray
    held_out_loss: np.ndarray
    c_score: np.ndarray
    course: Course


class Row(NamedTuple):
    """A proxy, how well it predicts the score from one run and from many, and its AUC for redrawn labels."""

    name: str
    one: StandIn | None
    many: StandIn | None
    flips: float | None


def half_of(run: Run, part: slice) -> Half:
    """Scores and proxies of the members in `part` alone."""
    mask, view = run.members.mask[part], run.views["train"]
    loss = view.loss_nats[:, part]
    correct = view.correct[:, part]
    score = memorisation(np.exp(-loss[-1].astype(np.float64)), mask).score
    held_out = side_means(loss[-1].astype(np.float64), mask)[1]
    right = side_means(correct[-1].astype(np.float64), mask)[1]
    return Half(score, held_out, right, course(correct, loss, mask, run.checkpoints))


def rows_of(bank: Bank, halves: list[Half], there: np.ndarray, rng: Rng) -> list[Row]:
    """Every proxy, judged by the memorisation scores of members that it has not used."""
    by_id = np.argsort(bank.data.train.ids, kind="stable")
    kept = by_id[there[by_id]]  # by id, so that the draws do not depend on the order of the examples
    scores = [np.round(half.score[kept], 12) for half in halves]
    groups = bank.groups[kept]
    k = max(1, round(TOP * len(kept)))
    planted = bank.changed[kept]
    whole = bank.subject.whole()
    alone = None
    if whole in bank:
        run = bank[whole]
        view = run.views["train"]
        alone = course(view.correct, view.loss_nats, run.members.mask, run.checkpoints)

    def judged(name: str, signs: list[np.ndarray]) -> StandIn | None:
        found = stand_in([np.round(sign[kept], 12) for sign in signs], scores, k, rng(bank, name), groups)
        return found if np.isfinite(found.spearman) else None

    def flips(sign: np.ndarray) -> float | None:
        return auc(np.round(sign[kept], 12), planted) if 0 < planted.sum() < len(planted) else None

    rows = []
    for name, way in SIGNS.items():
        one = None if alone is None else way * getattr(alone, name)
        # each half is judged by the other
        many = [way * getattr(half.course, name) for half in halves[::-1]]
        single = None if one is None else judged(f"{name} one", [one, one])
        rows.append(Row(name, single, judged(name, many), flips(many[0] if one is None else one)))
    of_many = {
        "held_out_loss": [half.held_out_loss for half in halves[::-1]],
        "c_score": [1 - half.c_score for half in halves[::-1]],
        "memorisation": [half.score for half in halves[::-1]],
    }
    for name, signs in of_many.items():
        rows.append(Row(name, None, judged(name, signs), flips((signs[0] + signs[1]) / 2)))
    return rows
