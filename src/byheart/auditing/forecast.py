"""Forecast: what an audit would do, without doing it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from byheart.auditing import costs
from byheart.auditing.audit import probes
from byheart.auditing.request import Request
from byheart.engines.inline import Inline
from byheart.ledger.base import Result
from byheart.probes.base import Subject
from byheart.study.plan import Plan, Settings, Trial, plan
from byheart.study.serialization import data_from, data_result
from byheart.study.session import Drawn, Session
from byheart.study.soundness import sound
from byheart.study.steps import TRIAL_SECONDS, trial_of

MOST = 512  # members that are listed one by one; a multiple of all chunks
# Standard deviation of an example's memorised bits over the reference bits per example: from noiseless to noisy labels.
SPREADS = (0.2, 0.6)
# what the training set adds to the variance from examples: from nothing (a constant, a linear model) to trees
TRAINING_SET = (0.0, 2.0)


def forecast(request: Request, out: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Steps, done, time, memory and power of the audit that `request` asks for; the data are read, nothing is written.

    Raises:
        InputRefused: the data cannot be measured truly.
    """
    settled = Settings(request.device, request.threads)
    session = Session(request.subject, probes(request.also), out / "ledger", Inline(), settled)
    drawn = _drawn(session)
    data = data_from(drawn)
    session.complete(Drawn.read(drawn.document), settings)
    subject, learner = session.subject, session.subject.learner
    kept = session.known_trial() if learner.fleet else None
    known = kept or (tried(learner, data, subject, settled) if learner.fleet else None)
    counts = _counted(session, known, unkept=learner.fleet and kept is None)
    n, m = len(data.train), subject.members
    spent = costs.cpu_seconds(data, subject, known, counts, request.jobs)
    return {
        "steps": counts.steps,
        "done": counts.steps - counts.missing,
        "to_do": counts.missing,
        "members_to_train": counts.own,
        "cpu_seconds": spent,
        "seconds": None if spent is None else costs.wall_seconds(spent, request.jobs),
        "seconds_source": _source(spent, kept, learner),
        "memory_bytes": costs.memory_bytes(data, subject, known, request.jobs),
        "half_width_memorised_bits_share": planned_half_widths(n, m, subject.share),
        "largest_standard_error_of_a_score": float(
            0.5 * np.sqrt(1 / (subject.share * m) + 1 / ((1 - subject.share) * m))
        ),
        "n": n,
        "members": m,
        "subject": f"{data.about.get('title', subject.task.name)}, {learner.title(data)}",
        "inferred": list(data.about.get("inferred", ())),
        "not_applicable": {answer.probe: answer.reason.model_dump() for answer in counts.not_applicable},
    }


def _counted(session: Session, known: Trial | None, unkept: bool) -> costs.Counts:
    """The steps of the plan; of more members than `MOST` by their growth, which is linear, as nobody lists them all."""
    subject = session.subject
    if subject.members <= MOST:
        return _counts(session, session.plan(known), unkept)
    half, whole = (
        _counts(session, plan(replace(subject, members=m), session.probes, session.settings, known), unkept)
        for m in (MOST // 2, MOST)
    )
    times = (subject.members - MOST) / (MOST // 2)
    return whole._replace(
        steps=whole.steps + math.ceil(times * (whole.steps - half.steps)),
        missing=whole.missing + math.ceil(times * (whole.missing - half.missing)),
        own=whole.own + round(times * (whole.own - half.own)),
    )


def _counts(session: Session, made: Plan, unkept: bool) -> costs.Counts:
    missing = made.steps if unkept else made.missing(session.ledger)
    of: Counter[str] = Counter()
    for step in missing:
        if step.kind == "train":
            of[step.about["learner"]["name"]] += step.about["stop"] - step.about["start"]
    own = of.pop(session.subject.learner.name, 0)
    measured = sum(step.kind == "measure" for step in missing)
    return costs.Counts(len(made.steps), len(missing), own, dict(of), measured, tuple(made.not_applicable))


def tried(learner: Any, data: Any, subject: Subject, settings: Settings) -> Trial:
    """The audit's own trial, shorter and unwritten: a plan keeps nothing."""
    asked = (data, learner, subject.levers, subject.share, settings.device, settings.threads)
    return Trial.read(trial_of(*asked, TRIAL_SECONDS / 3).document)


def _source(seconds: float | None, kept: Trial | None, learner: Any) -> str:
    if seconds is not None:
        return "from this audit's own trial" if kept else "from a short trial here and the size of the data"
    what = "an accelerator" if learner.fleet else "your own training"
    return f"unknown: {what} is not timed before it runs"


def planned_half_widths(n: int, m: int, share: float) -> tuple[float, float]:
    """Between which half widths will the interval of the memorised share lie? The three sources before any run.

    Examples, training set, members: 1.96 sqrt((s^2 + t s^2 + e (1/(share m) + 1/((1 - share) m))) / n), s the spread of
    the bits of an example, t what the training set adds, e the variance between members on one example, at most 1/4 of
    a label's reference.

    Example:
        >>> [round(half, 3) for half in planned_half_widths(1000, 64, 0.7)]
        [0.012, 0.065]
    """
    members = (1 / (share * m) + 1 / ((1 - share) * m)) / 4 if 0 < share < 1 else 0.0
    low, high = (
        1.96 * float(np.sqrt((spread**2 * (1 + training) + noise) / n))
        for spread, training, noise in zip(SPREADS, TRAINING_SET, (0.0, members), strict=True)
    )
    return low, high


def _drawn(session: Session) -> Result:
    from byheart.study.plan import draw_step

    step = draw_step(session.subject)
    found = session.ledger.get(step.key) if sound(step, session.ledger, forget=False) else None
    if isinstance(found, Result):
        return found
    return data_result(session.subject.task.draw(session.subject.seed))


def lines(found: Mapping[str, Any]) -> list[str]:
    """The forecast in words."""
    from byheart.records.formatting import count, number

    minutes = found["seconds"]
    narrow, broad = found["half_width_memorised_bits_share"]
    time = found["seconds_source"] if minutes is None else f"about {number(minutes, 0)} s ({found['seconds_source']})"
    said = [
        f"byheart plan · {found['subject']}",
        *[f"  {line}" for line in found["inferred"]],
        f"  steps         {found['steps']}, {found['done']} in the ledger, {found['to_do']} to do",
        f"  time          {time}",
        f"  memory        about {number(found['memory_bytes'] / 1e6, 0)} MB in all",
        "  power         memorised share of the bits to about "
        f"\u00b1{number(100 * narrow, 1)} to \u00b1{number(100 * broad, 1)} points "
        f"from {count(found['n'])} examples, by how noisy the labels are and how much the training set matters (known "
        f"after a run); a single score to "
        f"\u00b1{number(1.96 * found['largest_standard_error_of_a_score'], 2)} at worst "
        f"from {found['members']} members",
    ]
    if left_out := found["not_applicable"]:
        said.append(f"  not asked     {', '.join(left_out)} (why: --json)")
    return [*said, "Nothing was trained or written."]
