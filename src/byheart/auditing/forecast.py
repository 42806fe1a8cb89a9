"""Forecast: what an audit would do, without doing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from byheart.auditing.budget import MEASURE_PART, START_SECONDS
from byheart.auditing.front import default_learner, probes
from byheart.auditing.request import Request
from byheart.engines.inline import Inline
from byheart.errors import ByheartError
from byheart.ledger.base import Result
from byheart.study.keeping import data_from, data_result
from byheart.study.plan import Settings, Trial
from byheart.study.session import Drawn, Session
from byheart.study.soundness import sound

# Measured on one thread of the two-core build machine: products of small matrices in fleets.
FLOPS_A_SECOND = 4e10
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
    data, subject = data_from(drawn), session.subject
    learner = subject.learner or default_learner(len(data.train), subject.share, settings, data.output.kind)
    session.subject = subject = replace(subject, learner=learner, offers=Drawn.read(drawn.document).offers)
    known = session.known_trial()
    made = session.plan(known or Trial("stacked", 16, None))
    missing = made.missing(session.ledger)
    if known is None and learner.fleet:
        missing = made.steps
    n, m, k = len(data.train), subject.members, data.output.k
    train_members = sum(
        s.about["stop"] - s.about["start"]
        for s in missing
        if s.kind == "train" and s.about["learner"]["name"] == learner.name
    )
    each = known.cpu_seconds_a_member if known else None
    source = "measured by a trial here"
    if each is None and learner.fleet:
        each, source = (
            _estimated(learner, data, subject.share),
            "estimated from the number of operations, within a factor of 3",
        )
    seconds = None if each is None else START_SECONDS + train_members * each * MEASURE_PART / request.jobs
    if not missing:
        seconds = 2.0
    logits = m * (n + sum(len(v) for name, v in data.views.items() if name != "train")) * k * 4
    return {
        "steps": len(made.steps),
        "done": len(made.steps) - len(missing),
        "to_do": len(missing),
        "members_to_train": train_members,
        "seconds": seconds,
        "seconds_source": source if seconds is not None else "unknown: your own training is not timed before it runs",
        "memory_bytes": int(250e6 + 4 * logits + 3 * data.train.x.nbytes),
        "half_width_memorised_bits_share": planned_half_widths(n, m, subject.share),
        "largest_standard_error_of_a_score": float(
            0.5 * np.sqrt(1 / (subject.share * m) + 1 / ((1 - subject.share) * m))
        ),
        "n": n,
        "members": m,
        "subject": f"{data.about.get('title', subject.task.name)}, {learner.title(data)}",
        "inferred": list(data.about.get("inferred", ())),
        "not_applicable": {answer.probe: answer.reason for answer in made.not_applicable},
    }


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


def _estimated(learner: Any, data: Any, share: float) -> float:
    """CPU seconds a member from 6 operations a parameter and example seen."""
    import torch

    try:
        parameters = sum(p.numel() for p in learner.build(data, torch.Generator()).parameters())
    except ByheartError:
        raise
    places = data.train.x.shape[1] if data.output.kind == "tokens" else 1
    return 6 * parameters * places * share * len(data.train) * learner.steps() / FLOPS_A_SECOND


def lines(found: Mapping[str, Any]) -> list[str]:
    """The forecast in words."""
    from byheart.records.figures import count, number

    minutes = found["seconds"]
    narrow, broad = found["half_width_memorised_bits_share"]
    time = found["seconds_source"] if minutes is None else f"about {number(minutes, 0)} s ({found['seconds_source']})"
    said = [
        f"byheart plan · {found['subject']}",
        *[f"  {line}" for line in found["inferred"]],
        f"  steps         {found['steps']}, {found['done']} in the ledger, {found['to_do']} to do",
        f"  time          {time}",
        f"  memory        about {number(found['memory_bytes'] / 1e6, 0)} MB a worker",
        "  power         memorised share of the bits to about "
        f"\u00b1{number(100 * narrow, 1)} to \u00b1{number(100 * broad, 1)} points "
        f"from {count(found['n'])} examples, by how noisy the labels are and how much the training set matters (known "
        f"after a run); a single score to "
        f"\u00b1{number(1.96 * found['largest_standard_error_of_a_score'], 2)} at worst "
        f"from {found['members']} members",
    ]
    said += [f"  not asked     {probe}: {reason}" for probe, reason in found["not_applicable"].items()]
    return [*said, "Nothing was run."]
