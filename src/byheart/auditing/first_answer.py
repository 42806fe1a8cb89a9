"""The line of a first answer: three shares with their intervals, from the members that are trained so far."""

from __future__ import annotations

from byheart.ledger.base import Say
from byheart.records.finding import Finding
from byheart.records.formatting import interval_text, value_text
from byheart.report.cards import About
from byheart.report.cards.reasons import why
from byheart.report.headline import shares_of
from byheart.study.first_answer import first_answer
from byheart.study.plan import Trial
from byheart.study.session import Session
from byheart.tasks.output import Output


def tell_first_answer(session: Session, trial: Trial | None, output: Output, tell: Say) -> None:
    """Train the first members and say what they say; the audit goes on to all of them.

    Args:
        session: of the audit.
        trial: how its fleets are trained.
        output: what is predicted.
        tell: takes the line.
    """
    if (found := first_answer(session, trial)) is None:
        return
    answer, members = found
    begins, more = f"First answer, from {members} members:", f"; the audit goes on to {session.subject.members}."
    if shares := shares_of({answer.probe: answer}):
        words = ("understood", "by heart", "not learned")
        parts = [f"{word} {value_text(one)} {interval_text(one)}" for word, one in zip(words, shares)]
        tell(f"{begins} {', '.join(parts)}{more}")
        return
    reason = answer.withheld if isinstance(answer, Finding) else getattr(answer, "reason", None)
    about = About(noun=output.noun[0], nouns=output.noun[1], kind=output.kind, members=members)
    said = why(reason, about).rstrip(".") if reason is not None else "it could not be measured"
    tell(f"{begins} withheld. {said}{more}")
