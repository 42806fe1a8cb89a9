"""Effect by retraining: members that saw an example minus members that did not, judged on the other half of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from byheart.maths.memorisation.counterfactual import influence
from byheart.maths.statistics.ranking import DatamodelScore
from byheart.maths.statistics.resampling import Interval
from byheart.probes.attribution import FEWEST_MEMBERS, Asked, checked, retrained
from byheart.probes.base import Bank
from byheart.training.members import Members
from byheart.training.run import Run


def by_halves(bank: Bank, rows: np.ndarray) -> tuple[Asked, DatamodelScore | None]:
    """Differences over all members, and how well those of one half foretell the members of the other, both ways.

    Judged by the members that made them, differences would foretell noise perfectly. None for the score where a half
    has fewer than 16 members, or leaves an example without one of its sides. Value and ends are means over both ways.
    """
    run = bank[bank.subject.bank()]
    outputs, mask = retrained(bank, rows), run.members.mask
    asked = Asked(replace(run, attribution={"effect": influence(outputs, mask)[0].T}), rows, np.zeros(0, int))
    first = np.arange(len(mask)) < len(mask) // 2
    found = []
    for fitted in (first, ~first):
        one_sided = (mask[fitted].all(0) | ~mask[fitted].any(0)).any()
        if min(fitted.sum(), (~fitted).sum()) < FEWEST_MEMBERS or one_sided:
            return asked, None
        scores = influence(outputs[fitted], mask[fitted])[0].T
        found.append(checked(_of_members(bank, run, ~fitted), scores, rows))
    kept = [score for score in found if score is not None]
    if len(kept) < len(found):
        return asked, None
    low, high = np.mean([score.interval for score in kept], 0)
    value = float(np.mean([score.value for score in kept]))
    return asked, DatamodelScore(value, Interval(float(low), float(high)), float("nan"))


def _of_members(bank: Bank, run: Run, kept: np.ndarray) -> Bank:
    """The bank with some of its members alone, for what they say of new examples."""
    test = run.views["test"]
    part = replace(
        test,
        loss_nats=test.loss_nats[:, kept],
        margin=None if test.margin is None else test.margin[:, kept],
        logits=None if test.logits is None else test.logits[kept],
    )
    members = Members(run.members.seeds[kept], run.members.mask[kept])
    made = replace(run, members=members, views={**run.views, "test": part})
    return replace(bank, runs={**bank.runs, bank.subject.bank().key(): made})
