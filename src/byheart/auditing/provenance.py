"""Provenance: how an audit was made, and what a reader must know of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from byheart.auditing.request import Request
from byheart.records.provenance import Provenance, versions
from byheart.study.plan import Trial
from byheart.study.session import Answers, Drawn, Session

LEVEL = "bitwise: same machine, versions, threads, device and way of training give the same numbers"
# settings that say where a file lies or what its digest is: nothing to a reader, and a path is somebody's own
LOCAL = {"path", "qualname", "code", "releases", "files"}

WARNINGS_SHOWN = 3


def provenance(
    request: Request,
    session: Session,
    drawn: Drawn,
    answers: Answers,
    trial: Trial | None,
    data: Any,
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """What made the numbers: command, data, learner, members, machine, and what to know of it."""
    subject = session.subject
    notes = list(request.notes)
    if answers.failed_members:
        first = answers.failed_members[0]
        notes.append(
            f"{len(answers.failed_members)} of {subject.members} members could not be trained and are left out; "
            f"member {first[0]}: {first[1]}"
        )
    notes += warnings_told(answers)
    notes += [told for lever in subject.levers if not lever.idle and (told := lever.caution(subject.epochs()))]
    if "inputs" in run:
        notes.append(f"What the model received: x {run['inputs']}.")
    if "order" in data.about:
        notes.append(str(data.about["order"]))
    about = {k: value for k, value in data.about.items() if isinstance(value, str | int | float) and k != "order"}
    settings = {name: plain(value) for name, value in shown_settings(subject.learner).items()}
    levers = {f"lever {lever.name}": str(lever.told) for lever in subject.levers}
    return Provenance(
        command=request.command,
        seed=subject.seed,
        versions=versions(),
        device=request.device,
        threads=request.threads,
        jobs=request.jobs,
        data={**about, "n": drawn.n, "n_test": drawn.n_test},
        learner={"title": subject.learner.title(data), **settings, **levers},
        members={
            "members": subject.members,
            "share": subject.share,
            "seen": round(subject.seen_share * drawn.n),
            "checkpoints": [float(c) for c in subject.checkpoints()],
        },
        way=trial.said if trial else "each",
        cpu_seconds={name: round(value, 1) for name, value in answers.cpu_seconds.items()},
        level=LEVEL,
        steps={step.about["probe"]["name"]: step.key for step in answers.plan.measure},
        notes=tuple(notes),
    ).model_dump(mode="json")


def shown_settings(learner: Any) -> dict[str, Any]:
    """Settings of a learner for a reader: without where its files lie."""
    return {name: value for name, value in learner.settings().items() if name not in LOCAL}


def plain(value: Any) -> str | int | float:
    """A setting as JSON holds it in a table of words and figures."""
    return value if isinstance(value, str | int | float) else str(value)


def warnings_told(answers: Answers) -> list[str]:
    """What the training warned of, each once with its count; the most frequent ones."""
    shown = list(answers.warned.items())[:WARNINGS_SHOWN]
    more = len(answers.warned) - len(shown)
    told = [f"The training warned {count} time{'s' if count > 1 else ''}: {text}" for text, count in shown]
    return [*told, *([f"The training warned of {more} things more."] if more else [])]


def cpu_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
