"""Proxies of memorisation alone, where members are too few to judge them by scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from byheart.maths.memorisation.learning_order import Course, course
from byheart.maths.statistics.effective_sample_size import worth
from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS
from byheart.probes.applicability import few, reason
from byheart.probes.base import Bank
from byheart.probes.intervals import share
from byheart.probes.ranking import first_of
from byheart.records.facts import Ranked
from byheart.records.finding import Finding

if TYPE_CHECKING:
    from byheart.probes.base import Probe


def of_one_training(probe: Probe, bank: Bank) -> tuple[Finding, dict[str, np.ndarray]]:
    """The course of every example in the one model trained on everything, ranked by its mean confidence.

    No number says here how well a proxy ranks: the withheld finding keeps the ranking, named as one by a proxy.
    """
    members, run = len(bank[bank.subject.bank()].members), bank[bank.subject.whole()]
    if why := few(bank):
        return probe.finding({}, status="withheld", withheld=why), {}
    view = run.views["train"]
    path = course(view.correct, view.loss_nats, run.members.mask, run.checkpoints)
    groups, facts = bank.groups, {"null": None, "draws": worth(bank.groups), "speaks_of": "run"}
    train, planted = bank.data.train, bank.changed
    order = np.lexsort((train.ids, np.round(path.confidence, 12)))
    rows = first_of(order, planted)
    figures = {"label": train.y, "redrawn": planted, "confidence": path.confidence, "final_loss": path.final_loss}
    finding = probe.finding(
        {
            "never_learned": share(path.never_learned > 0, groups, **facts),
            "ever_forgotten": share(path.forgetting_events > 0, groups, **facts),
        },
        status="withheld",
        withheld=reason("proxies alone", members=members, needed=FEWEST_MEMBERS),
        ranked={
            "by_proxy": Ranked(ids=train.ids[rows], figures={name: column[rows] for name, column in figures.items()})
        },
        details={"by_proxy": "confidence", "epochs": tuple(c for c in run.checkpoints if c > 0)},
    )
    return finding, {name: getattr(path, name) for name in Course._fields}
