"""Budget: time cuts members, never epochs, and says what that does to the intervals."""

from __future__ import annotations

import math
from dataclasses import replace

from byheart.errors import UsageError
from byheart.ledger.base import Result
from byheart.probes.base import Subject
from byheart.study.costs import START
from byheart.study.plan import Trial, draw_step, train_steps
from byheart.study.session import Session

# of one member the interval would be of that training alone, and no verdict could be given
FEWEST = 2
MEASURE_PART = 1.25  # of the training, all that comes after it included


def cut(
    session: Session, trial: Trial | None, seconds: float, jobs: int, baseline: bool = False
) -> tuple[Subject, str]:
    """The subject with as many members as the budget pays for, and the line that says so.

    With a `baseline` every member is trained twice: with the levers and without.

    Raises:
        UsageError: the budget does not pay for the fewest members that can be measured.
    """
    subject = session.subject
    each = member_seconds(session, trial)
    spent = each * MEASURE_PART / jobs * (2 if baseline else 1)
    members = int(min(subject.members, (seconds - START) / spent if spent else math.inf))
    if trial and trial.chunk < members < subject.members:
        members -= members % trial.chunk
    if members < FEWEST:
        raise UsageError(
            expected=f"a budget for at least {FEWEST} members",
            came=f"{seconds:.0f} s, and a member takes about {each:.1f} s",
            do=f"Try --budget {math.ceil(START + FEWEST * spent)}s.",
        )
    widened = math.sqrt(subject.members / members)
    line = (
        f"Budget {seconds:.0f} s: {members} of {subject.members} members (about {each:.2f} CPU seconds each"
        f"{', with the levers and without' if baseline else ''}); the "
        f"error of a single score grows {widened:.2f} times, the headline's interval by its part between members"
    )
    return replace(subject, members=members), line


def member_seconds(session: Session, trial: Trial | None) -> float:
    """CPU seconds a member, by the trial or else of the first chunk, a step of the audit that is run to find out.

    Learners that train all members in one step train the fewest here, or the budget would be spent to find out.
    """
    if trial and trial.cpu_seconds_a_member is not None:
        return trial.cpu_seconds_a_member
    subject = session.subject
    if trial is None:
        subject = replace(subject, members=FEWEST)
    first = train_steps(subject, subject.bank(), draw_step(subject), session.settings, trial)[0]
    session.execute([first])
    found = session.ledger.get(first.key)
    if not isinstance(found, Result):
        return 0.0
    return float(found.document["about"]["cpu_seconds"]) / max(1, first.about["stop"] - first.about["start"])
