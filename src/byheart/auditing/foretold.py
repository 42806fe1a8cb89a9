"""Foretold: does a list of training examples foretell what models trained without some of them say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from byheart.auditing.aim import of_members
from byheart.errors import ByheartError
from byheart.ledger.base import Ledger, Result
from byheart.maths.ranking import datamodel_score
from byheart.maths.statistics import one_query_interval
from byheart.probes.base import Subject
from byheart.records.quantity import Quantity
from byheart.study.keeping import described, material
from byheart.tasks.data import Data

HOW = (
    "Spearman over the members of the summed scores of the examples that each saw with what it says; interval by "
    "Fisher's z of one query, members as the draws (Bonett and Wright 2000); 0 where the scores foretell nothing; the "
    "ceiling that seeds leave is unknown, for each subset was trained with one seed"
)
OWN = "the models on other subsets were not asked about what you gave"
GONE = "the models trained on other subsets are not in the ledger; run the audit again"


def bank_keys(ledger: Ledger, subject: Subject, steps: Sequence[str]) -> list[str]:
    """Keys of the training steps of the subject's members, by their descriptions in the ledger; [] if there are none.

    Found among what the measure steps `steps` read: the subject's own learner and levers, on its share.
    """
    wanted = material(described(subject.learner)), [material(described(lever)) for lever in subject.levers]
    found: list[str] = []
    for measured in steps:
        for keys in (ledger.about(measured) or {}).get("runs", {}).values():
            about = ledger.about(keys[0]) if len(keys) > len(found) else None
            if not about or about.get("share") != subject.share:
                continue
            if (material(about["learner"]), [material(lever) for lever in about["levers"]]) == wanted:
                found = list(keys)
    return found


@dataclass(frozen=True)
class Retrained:
    """What m models on other subsets say of one example: `masks` (m, n), `outputs` (m,); or `why` nothing is known."""

    masks: np.ndarray | None = None
    outputs: np.ndarray | None = None
    why: str = ""

    def score(self, scores: np.ndarray, speaks_of: Literal["recipe", "run"]) -> Quantity | None:
        """How well do the scores (n,) of the training examples foretell them? The datamodeling score of one query."""
        if self.masks is None or self.outputs is None:
            return None
        m = len(self.masks)
        value = datamodel_score(scores[None], self.masks, self.outputs[:, None], draws=1).value
        interval = one_query_interval(value, m)
        return Quantity(
            value=value, unit="correlation", interval=(interval.low, interval.high), null=0.0, n=m, better="high",
            how=HOW, speaks_of=speaks_of,
        )  # fmt: skip


def retrained(ledger: Ledger, keys: Sequence[str], data: Data, view: str, ident: int) -> Retrained:
    """What the members of the bank say of the example `ident` of a view.

    Cost: reads one column of each chunk of members.
    """
    row = int(np.flatnonzero(data.views[view].ids == ident)[0])
    masks, outputs = [], []
    try:
        for key in keys:
            found = ledger.get(key)
            if not isinstance(found, Result):
                return Retrained(why=GONE)
            if len(found.arrays["seeds"]):  # of a chunk that failed nothing but its failures is kept
                masks.append(np.asarray(found.arrays["mask"]))
                outputs.append(of_members(data.output.kind, view, row, found.arrays))
    except (ByheartError, KeyError):
        return Retrained(why=GONE)
    if not masks:
        return Retrained(why=GONE)
    made = Retrained(np.concatenate(masks), np.concatenate(outputs))
    return _usable(made)


def _usable(made: Retrained) -> Retrained:
    """As it is, or why nothing can be said by it."""
    masks, outputs = made.masks, made.outputs
    if masks is None or outputs is None or len(outputs) < 4:
        return Retrained(why=f"only {0 if outputs is None else len(outputs)} models were trained on other subsets")
    if not np.isfinite(outputs).all() or np.ptp(outputs) == 0:
        return Retrained(why="all models trained on other subsets say the same of it")
    return made


