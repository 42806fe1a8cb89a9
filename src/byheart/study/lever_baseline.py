"""The same recipe without its levers: what an audit trains beside it to say what they move."""

from __future__ import annotations

from dataclasses import replace

from byheart.probes.base import Subject
from byheart.registry import find
from byheart.study.session import Session

# what is compared; the rest of an audit is not measured again
PROBES = ("complexity/description-length", "generalization/gap", "memory/counterfactual", "memory/forgetting")


def without_levers(session: Session) -> Session:
    """A session of the same subject without levers, over the same ledger: the same subsets, seeds and baselines.

    Levers of the data, augmentation, stay. The subject must know its data (`Session.drawn`). Whoever opens it closes
    its ledger.
    """
    given = session.subject
    levers = tuple(one for one in given.levers if one.of_the_data)
    subject = replace(given, learner=given.plain or given.learner, levers=levers, plain=None, turned=())
    probes = [find("probe", name).by_default() for name in PROBES]
    return Session(subject, probes, session.folder, session.engine, session.settings, session.progress, session.say)


def moved_by(subject: Subject) -> dict[str, str]:
    """The levers that are compared with none, settings of the learner among them, each with its value.

    Example:
        >>> from byheart.levers.penalties import Dropout
        >>> moved_by(Subject(find("task", "digits")(), find("learner", "mlp")(), levers=(Dropout(share=0.5),)))
        {'dropout': '0.5'}
    """
    return {lever.name: str(lever.told) for lever in subject.levers if not lever.of_the_data} | dict(subject.turned)
