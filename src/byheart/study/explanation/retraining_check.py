"""Does a list of training examples foretell what models trained without some of them say?

Of a training example, models that saw it differ from those that did not by what it does itself, which is much more than
what any other does. So the others are checked within each of the two groups, and its own part by their difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import ttest_ind

from byheart.fingerprint.description import material
from byheart.ledger.base import Ledger, Result
from byheart.maths.statistics.ranking import datamodel_score
from byheart.maths.statistics.ranks import one_query_interval
from byheart.maths.statistics.seen_unseen import sides
from byheart.records.explanation import Own
from byheart.records.quantity import Quantity, interval_by
from byheart.records.reason import Reason
from byheart.study.explanation.target import of_members
from byheart.study.serialization import recorded
from byheart.tasks.data import Data
from byheart.training.run import members_in

METHOD = "Fisher's z over members"
CHECK_VERSION = 2
WITHIN = f"{METHOD}, within those that saw the example and within those that did not"
FEWEST = 4  # members of which a rank correlation has an interval
GROUP = 5  # members of a group: four stand in the right order once in 24 times by chance, which is too often
OWN, GONE = Reason(code="yours"), Reason(code="gone")


def bank_keys(ledger: Ledger, steps: Sequence[str]) -> list[str]:
    """Keys of the training steps of a subject's members, by their descriptions in the ledger; [] if there are none.

    Found among what the measure steps `steps` of it read: the subject's own learner and levers, on its share.
    """
    found: list[str] = []
    for measured in steps:
        asked = ledger.about(measured) or {}
        subject = asked.get("subject", {})
        for keys in asked.get("runs", {}).values():
            about = ledger.about(keys[0]) if len(keys) > len(found) else None
            if not about or about.get("share") != subject["share"]:
                continue
            other = about.get("subsets", "by group") != "by group" or about.get("draw") != asked.get("draw")
            if other or about.get("reseeded") or recorded(about):  # trained or asked for something else
                continue
            if all(material(about[part]) == material(subject[part]) for part in ("learner", "levers")):
                found = list(keys)
    return found


@dataclass(frozen=True)
class Retrained:
    """What m models on other subsets say of one example: `masks` (m, n), `outputs` (m,); or `why` nothing is known.

    `own` is its row among the training examples, where it is one.
    """

    masks: np.ndarray | None = None
    outputs: np.ndarray | None = None
    why: Reason | None = None
    own: int | None = None

    def score(self, scores: np.ndarray, speaks_of: Literal["recipe", "run"]) -> Quantity | None:
        """How well do the scores (n,) of the other training examples foretell them? The datamodeling score.

        Spearman over the members of the summed scores of the examples that each saw with what it says. The ceiling that
        seeds leave is unknown, for each subset was trained with one seed.
        Of a training example it is taken within the members that saw it and within those that did not (`groups`), in
        which its own score is the same for all, and averaged by the members of each less 3.
        """
        if self.masks is None or self.outputs is None:
            return None
        groups = self.groups()
        each = [datamodel_score(scores[None], self.masks[rows], self.outputs[rows, None]).value for rows in groups]
        free = [len(rows) - 3 for rows in groups]
        value = float(np.average(each, weights=free))
        interval = one_query_interval(value, sum(free) + 3)
        return Quantity(
            value=value, unit="correlation", null=0.0, n=sum(map(len, groups)), better="high", speaks_of=speaks_of,
            **interval_by(METHOD if self.own is None else WITHIN, interval),
        )  # fmt: skip

    def groups(self) -> list[np.ndarray]:
        """Rows of members who differ by other examples alone, enough of them and not all saying the same."""
        if self.masks is None or self.outputs is None:
            return []
        saw = np.ones(len(self.masks), bool) if self.own is None else self.masks[:, self.own] > 0
        rows = [np.flatnonzero(group) for group in sides(saw)]
        return [one for one in rows if len(one) >= GROUP and np.ptp(self.outputs[one]) > 0]

    def own_part(self, credit: np.ndarray, effect: np.ndarray) -> Own | None:
        """What a training example does to its own prediction: by credit, by effect, and measured.

        Measured: mean of what members that saw it say, minus that of those that did not; interval by Welch's t.
        """
        if self.own is None:
            return None
        own = Own(credit=float(credit[self.own]), effect=float(effect[self.own]))
        if self.masks is None or self.outputs is None:
            return own
        saw = self.masks[:, self.own] > 0
        with_it, without = (self.outputs[side] for side in sides(saw))
        if min(len(with_it), len(without)) < 2 or not (np.ptp(with_it) or np.ptp(without)):
            return own
        ends = ttest_ind(with_it, without, equal_var=False).confidence_interval(0.95)
        measured, interval = float(with_it.mean() - without.mean()), (float(ends.low), float(ends.high))
        found = {"measured": measured, "interval": interval, "seen": len(with_it), "unseen": len(without)}
        return own.model_copy(update=found)


def retraining_check(
    data: Data, query: Mapping[str, Any], bank: Sequence[Result], explained: Sequence[Result]
) -> Result:
    """How well do credit and effect foretell the members of the bank, and what do these say of the example's own part?

    Args:
        data: of the audit.
        query: view and id of the example.
        bank: the members that were trained on subsets, in chunks.
        explained: what the recorded trainings left, the first with its credit; the effect is their mean.

    Cost: reads one column of each chunk of members.
    """
    found = retrained(data, query, [part.arrays for part in bank])
    credit = np.asarray(explained[0].arrays["credit"])
    effect = np.mean([part.arrays["effect"] for part in explained], 0)
    own = found.own_part(credit, effect)
    scores = {"credit_score": found.score(credit, "run"), "effect_score": found.score(effect, "recipe")}
    return Result(
        {
            **{name: None if score is None else score.model_dump(mode="json") for name, score in scores.items()},
            "own": None if own is None else own.model_dump(mode="json"),
            "unchecked": found.why and found.why.model_dump(mode="json"),
        }
    )


def retrained(data: Data, query: Mapping[str, Any], bank: Sequence[Mapping[str, np.ndarray]]) -> Retrained:
    """What the members of the bank, by the arrays of its chunks, say of an example."""
    view = query["view"]
    row = int(np.flatnonzero(data.views[view].ids == query["id"])[0])
    own = row if view == "train" else None
    whole = [arrays for arrays in bank if len(arrays["seeds"])]  # of a chunk that failed only its failures are kept
    if not whole:
        return Retrained(why=GONE, own=own)
    masks = np.concatenate([members_in(arrays).mask for arrays in whole])
    outputs = np.concatenate([of_members(data.output, view, row, arrays) for arrays in whole])
    why = _unusable(made := Retrained(masks, outputs, own=own), outputs)
    return Retrained(why=why, own=own) if why else made


def _unusable(made: Retrained, outputs: np.ndarray) -> Reason | None:
    """Why nothing can be said by these models, whose `outputs` are given; None where something can."""
    if len(outputs) < FEWEST:
        return Reason(code="few models", figures={"models": len(outputs)})
    if not np.isfinite(outputs).all() or np.ptp(outputs) == 0:
        return Reason(code="models agree")
    return None if made.groups() else Reason(code="few on each side")
