"""Forecast: what an audit would do, without doing it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from byheart.ledger.base import Result
from byheart.progress import duration
from byheart.study.costs import Counts, cpu_seconds, memory_bytes, wall_seconds
from byheart.study.lever_baseline import without_levers
from byheart.study.plan import Plan, Trial, draw_step, plan, trial_step
from byheart.study.serialization import data_from, data_result
from byheart.study.session import Drawn, Session
from byheart.study.soundness import sound
from byheart.study.steps import load_data, loaded, trial_of
from byheart.study.timing import TRIAL_SECONDS

WITHIN = 1.5  # how far off a forecast may be (`benchmarks/forecasts.py`)
MOST = 512  # members that are listed one by one; a multiple of all chunks
# Standard deviation of an example's memorised bits over the reference bits per example: from noiseless to noisy labels.
SPREADS = (0.2, 0.6)
# what the training set adds to the variance from examples: from nothing (a constant, a linear model) to trees
TRAINING_SET = (0.0, 2.0)


def forecast(session: Session, settings: Mapping[str, Any], jobs: int, baseline: bool = False) -> dict[str, Any]:
    """Steps, done, time, memory and power of the audit of a session's subject, a default learner with `settings`.

    The data are read, nothing is written. With a `baseline` the same recipe without its levers is trained beside it.

    Raises:
        InputRefused: the data cannot be measured truly.
    """
    drawn = _drawn(session, settings)
    data = data_from(drawn)
    subject, learner = session.subject, session.subject.learner
    kept = session.known_trial()
    known = kept or tried(session, drawn)
    counts = _counted(session, known, learner.fleet and kept is None, without_levers(session) if baseline else None)
    spent = cpu_seconds(data, subject, known, counts, jobs)
    return {
        "steps": counts.steps,
        "done": counts.steps - counts.missing,
        "to_do": counts.missing,
        "members_to_train": counts.own,
        "cpu_seconds": spent,
        "seconds": None if spent is None else wall_seconds(spent, jobs),
        "seconds_source": _source(spent, kept, learner),
        "memory_bytes": memory_bytes(data, subject, known, jobs),
        "half_width_memorised_bits_share": None
        if data.output.continuous
        else planned_half_widths(len(data.train), subject.members, subject.share),
        "largest_standard_error_of_a_score": float(np.sqrt(_between_members(subject.members, subject.share))),
        "n": len(data.train),
        "nouns": data.output.noun[1],
        "blocks": data.grouped.blocks if data.grouped else 0,
        "members": subject.members,
        "subject": f"{data.about.get('title', subject.task.name)}, {learner.title(data)}",
        "inferred": list(data.about.get("inferred", ())),
        "not_applicable": {answer.probe: answer.reason.model_dump() for answer in counts.not_applicable},
    }


def announced(session: Session, made: Plan, todo: int, jobs: int, baseline: bool = False) -> list[str]:
    """What is told before anything long: the steps, and where models are to be trained the time and the memory.

    The time is followed by its range: a factor of `WITHIN` either way, measuring included.
    """
    lines = [made.announced(todo)]
    known = session.known_trial()
    counts = _counts(session, [made, *([without_levers(session).plan(known)] if baseline else [])], unkept=False)
    if not todo or not (counts.own or counts.baselines):
        return lines
    data, subject = load_data(made.draw.key, session.ledger), session.subject
    models = counts.own + sum(counts.baselines.values())
    rest = f"about {memory_bytes(data, subject, known, jobs) / 1e9:.1f} GB; {models:,} models"
    spent = cpu_seconds(data, subject, known, counts, jobs)
    if spent is None:
        return [*lines, f"time {_source(None, known, subject.learner)}; {rest}"]
    wall = wall_seconds(spent, jobs)
    where = f"{jobs} cores" if jobs > 1 else "one core"
    between = f"{duration(wall / WITHIN)} to {duration(wall * WITHIN)}"
    return [*lines, f"about {duration(wall)} on {where} ({between}), {rest}"]


def _drawn(session: Session, settings: Mapping[str, Any]) -> Result:
    """The data that the ledger has, else drawn and not kept; the session's subject is complete by them."""
    step = draw_step(session.subject)
    if sound(step, session.ledger, forget=False):
        found = loaded(step.key, session.ledger)
    else:
        found = data_result(session.subject.task.draw(session.subject.seed))
    session.complete(Drawn.read(found.document), settings)
    return found


def _counted(session: Session, known: Trial | None, unkept: bool, beside: Session | None = None) -> Counts:
    """The steps of the plan; of more members than `MOST` by their growth, which is linear, as nobody lists them all."""
    subject = session.subject
    both = [one for one in (session, beside) if one is not None]

    def counts(members: int) -> Counts:
        of = (plan(replace(one.subject, members=members), one.probes, one.settings, known) for one in both)
        return _counts(session, list(of), unkept)

    if subject.members <= MOST:
        return counts(subject.members)
    half, whole = counts(MOST // 2), counts(MOST)
    times = (subject.members - MOST) / (MOST // 2)
    grown = ((name, getattr(whole, name), getattr(half, name)) for name in ("steps", "missing", "own"))
    return whole._replace(**{name: most + math.ceil(times * (most - less)) for name, most, less in grown})


def _counts(session: Session, plans: Sequence[Plan], unkept: bool) -> Counts:
    """The steps of a plan and of what is trained beside it; equal ones count once."""
    made, steps = plans[0], list({step.key: step for one in plans for step in one.steps}.values())
    missing = steps if unkept else made.missing(session.ledger, steps)
    of: Counter[str] = Counter()
    for step in missing:
        if step.kind == "train":
            of[step.about["learner"]["name"]] += step.about["stop"] - step.about["start"]
    own = of.pop(session.subject.learner.name, 0)
    measured = sum(step.kind == "measure" for step in missing)
    return Counts(len(steps), len(missing), own, dict(of), measured, tuple(made.not_applicable))


def tried(session: Session, drawn: Result) -> Trial | None:
    """The audit's own trial, shorter and unwritten: a plan keeps nothing. None where there is nothing to try."""
    step = trial_step(session.subject, draw_step(session.subject), session.settings)
    return Trial.read(trial_of(step, drawn, session.ledger, TRIAL_SECONDS / 3).document) if step else None


def _source(seconds: float | None, kept: Trial | None, learner: Any) -> str:
    if seconds is not None:
        return "from this audit's own trial" if kept else "from a short trial here and the size of the data"
    what = "an accelerator" if learner.fleet else "your own training"
    return f"unknown: {what} is not timed before it runs"


def planned_half_widths(n: int, m: int, share: float) -> tuple[float, float]:
    """Between which half widths will the interval of the memorised share lie? The three sources before any run.

    Examples, training set, members: 1.96 sqrt((s^2 + t s^2 + e) / n), s the spread of the bits of an example, t what
    the training set adds, e = (1/(share m) + 1/((1 - share) m)) / 4 the largest variance between members on one
    example, 1/4 being that of a label's reference.

    Example:
        >>> [round(half, 3) for half in planned_half_widths(1000, 64, 0.7)]
        [0.012, 0.065]
    """
    noises = (0.0, _between_members(m, share))
    low, high = (
        1.96 * float(np.sqrt((spread**2 * (1 + training) + noise) / n))
        for spread, training, noise in zip(SPREADS, TRAINING_SET, noises, strict=True)
    )
    return low, high


def _between_members(m: int, share: float) -> float:
    """The largest variance of a score, from the members that saw the example and those that did not."""
    return (1 / (share * m) + 1 / ((1 - share) * m)) / 4
