"""A first answer: the headline of an audit as soon as two of its members are trained."""

from __future__ import annotations

from dataclasses import replace

from byheart.ledger.base import Result
from byheart.records.finding import Answer, answer_from
from byheart.study.plan import Plan, Trial, measure_step
from byheart.study.session import Session
from byheart.study.steps import FIRST_MEMBERS, Step, opening

HEADLINE = "complexity/description-length"


def first_answer(session: Session, trial: Trial | None) -> tuple[Answer, int] | None:
    """What the first members of the bank say of the headline, and how many they are; None where nothing comes first.

    The audit goes on from them and trains nothing twice: they are the first two of their step (`steps.opening`), or,
    where a step trains many at once, all of it. Nothing comes first where one step trains all, or all are trained.
    """
    made = session.plan(trial)
    probe = next(probe for probe in session.probes if probe.name == HEADLINE)
    steps = first_steps(session, made)
    if not steps or session.execute(steps).failures:  # what failed is told by the audit itself
        return None
    members = steps[-1].about["stop"]
    subject = replace(session.subject, members=members)
    runs = {subject.bank().key(): [step.key for step in steps]}
    measured = measure_step(subject, probe, made.draw, runs, {}, session.settings.threads)
    session.execute([measured])
    found = session.ledger.get(measured.key)
    return (answer_from(found.document["finding"]), members) if isinstance(found, Result) else None


def first_steps(session: Session, made: Plan) -> list[Step]:
    """The steps that train the first members, two at least; none where they are all there are, or all are done."""
    bank = session.subject.bank().key()
    keys = next((step.about["runs"][bank] for step in made.measure if bank in step.about["runs"]), [])
    by_key = {step.key: step for step in made.train}
    own = [by_key[key] for key in keys]
    if not made.missing(session.ledger, own):
        return []
    if own and (begun := opening(own[0])) and made.missing(session.ledger, own[:1]):
        return [begun]
    first = [step for step in own if step.about["start"] < FIRST_MEMBERS]
    return first if len(first) < len(own) else []
