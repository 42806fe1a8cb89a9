"""Budget: time cuts members, never epochs, and says what that does to the intervals."""

from __future__ import annotations

import math
from dataclasses import replace

from byheart.auditing.request import Request
from byheart.errors import UsageError
from byheart.ledger.base import Result
from byheart.probes.base import Subject
from byheart.study.plan import Trial, draw_step, train_steps
from byheart.study.session import FEWEST_MEMBERS, Session

# Measured on the default audit: starting workers, reading data, measuring and writing the page.
START_SECONDS = 8.0
MEASURE_PART = 1.25


def cut(session: Session, trial: Trial | None, request: Request) -> tuple[Subject, str]:
    """The subject with as many members as the budget pays for, and the line that says so.

    Raises:
        UsageError: the budget does not pay for the fewest members that can be measured.
    """
    subject, budget = session.subject, request.budget_seconds or 0.0
    each = trial.cpu_seconds_a_member if trial else None
    if each is None:
        each = _first_chunk_seconds(session, trial)
    paid = (budget - START_SECONDS) * request.jobs / (each * MEASURE_PART) if each > 0 else math.inf
    members = int(min(subject.members, paid))
    if trial and members < subject.members:
        members -= members % trial.chunk if members > trial.chunk else 0
    if members < FEWEST_MEMBERS:
        needed = START_SECONDS + FEWEST_MEMBERS * each * MEASURE_PART / request.jobs
        raise UsageError(
            expected=f"a budget for at least {FEWEST_MEMBERS} members",
            came=f"{budget:.0f} s, and a member takes about {each:.1f} s",
            do=f"Try --budget {math.ceil(needed)}s.",
        )
    widened = math.sqrt(subject.members / members)
    line = (
        f"Budget {budget:.0f} s: {members} of {subject.members} members (about {each:.2f} CPU seconds each); the "
        f"error of a single score grows {widened:.2f} times, the headline's interval by its part between members"
    )
    return replace(subject, members=members), line


def _first_chunk_seconds(session: Session, trial: Trial | None) -> float:
    """CPU seconds a member of the first chunk, which is trained (and kept) to find out.

    Learners that train all members in one step train the fewest here, or the budget would be spent to find out.
    """
    subject = session.subject
    if trial is None:
        subject = replace(subject, members=FEWEST_MEMBERS)
    draw = draw_step(subject)
    first = train_steps(subject, subject.bank(), draw, session.settings, trial)[0]
    session.execute([first])
    found = session.ledger.get(first.key)
    if not isinstance(found, Result):
        return 0.0
    return float(found.document["about"]["cpu_seconds"]) / max(1, first.about["stop"] - first.about["start"])
