"""The steps of one explanation, run through a session: query, explain (from up to two seeds), check."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from byheart.errors import InputRefused, StepFailed
from byheart.fingerprint.description import described
from byheart.ledger.base import Result
from byheart.probes.base import Subject
from byheart.records.provenance import installed
from byheart.study.explanation.credit_effect import MOMENTS, VERSION
from byheart.study.explanation.retraining_check import CHECK_VERSION, GONE, OWN
from byheart.study.plan import Settings
from byheart.study.session import Session, error_of
from byheart.study.steps import Step
from byheart.tasks.data import Examples

CREDIT_COSTS = 10  # times the training, about: credit with its bisections, and effect


@dataclass(frozen=True)
class Explained:
    """What the steps of an explanation left: the first recorded training, all of them, and the check."""

    trainings: tuple[Result, ...]
    check: Mapping[str, Any]

    @property
    def first(self) -> Result:
        """The training that credit speaks of."""
        return self.trainings[0]


def query_step(draw_key: str, mark: str, given: Examples) -> Step:
    """The step that keeps what the user gave; `mark` is its digest."""
    return Step({"kind": "query", "draw": draw_key, "mark": mark}, {"query": given})


def explain_step(
    subject: Subject, draw_key: str, query: Mapping[str, Any], settings: Settings,
    again: bool = False, label: int | None = None,
) -> Step:  # fmt: skip
    """The step that records one training and takes one prediction apart; `again` from another seed, for its effect."""
    about = {
        "kind": "explain",
        "version": VERSION,
        "draw": draw_key,
        "learner": described(subject.learner),
        "levers": [described(lever) for lever in subject.levers],
        "seed": subject.seed,
        "query": dict(query),
        "method": {"credit": "path", "effect": "unrolled", "moments": MOMENTS},
        "again": again,
        "label": label,
        "threads": settings.threads,
        "torch": ".".join(installed("torch").split(".")[:2]),
    }
    return Step(about, {"learner": subject.learner, "levers": subject.levers})


def check_step(draw_key: str, query: Mapping[str, Any], bank: Sequence[str], explained: Sequence[str]) -> Step:
    """The step that compares the explanation with the members of the bank, whose training steps are `bank`."""
    about = {
        "kind": "check",
        "version": CHECK_VERSION,
        "draw": draw_key,
        "query": dict(query),
        "bank": list(bank),
        "explained": list(explained),
    }
    return Step(about)


def explained(
    session: Session, draw_key: str, query: Mapping[str, Any], bank: Sequence[str], given: tuple[str, Examples] | None
) -> Explained:
    """Run what the ledger does not have of the steps of one explanation.

    Args:
        session: of the subject.
        draw_key: of its data.
        query: `view` and `id`; ignored where something is `given`.
        bank: keys of the training steps of the members that check it.
        given: digest and example of what is the user's own.

    Raises:
        InputRefused: the training cannot be followed, or does not fit.
        StepFailed: a step broke.
    """
    if given is not None:
        kept = query_step(draw_key, *given)
        _done(session, kept)
        query = {"key": kept.key}
    first = explain_step(session.subject, draw_key, query, session.settings)
    known = session.ledger.state(first.key) == "done"
    tell = session.say if session.say and not known else lambda line: None
    tell(f"training again, every step recorded; credit and effect take up to about {CREDIT_COSTS} times as long")
    steps, trainings = [first], [_done(session, first)]
    if trainings[0].document["worth_another"]:  # half of one seed's largest effects are its own
        label = trainings[0].document["label"]
        asked = label if isinstance(label, int) else None  # values and passages are asked about as they are
        second = explain_step(session.subject, draw_key, query, session.settings, again=True, label=asked)
        with contextlib.suppress(InputRefused):  # a second training that cannot be followed is no reason to refuse
            trainings.append(_done(session, second))
            steps.append(second)
    tell(f"explained: {sum(made.document['cpu_seconds'] for made in trainings):.1f} CPU s in all")
    keys = [step.key for step in steps]
    check = _checked(session, draw_key, query, bank, keys) if given is None else {"unchecked": OWN}
    return Explained(tuple(trainings), check)


def _done(session: Session, step: Step) -> Result:
    """The result of a step, from the ledger or run now."""
    executed = session.execute([step])
    if failure := executed.failures.get(step.key):
        raise error_of(failure, "the prediction could not be explained")
    found = session.ledger.get(step.key)
    if not isinstance(found, Result):
        raise StepFailed(expected="an explanation", came="nothing", do="Run the same command again.")
    return found


def _checked(
    session: Session, draw_key: str, query: Mapping[str, Any], bank: Sequence[str], explained: Sequence[str]
) -> Mapping[str, Any]:
    """The document of the check; what it says where the bank is gone or cannot be read is tried again next time."""
    if bank:
        step = check_step(draw_key, query, bank, explained)
        session.execute([step])
        found = session.ledger.get(step.key)
        if isinstance(found, Result):
            return found.document
    return {"unchecked": GONE}
