"""Plan: needs of all probes -> a graph of keyed steps, minus what the ledger has. That subtraction IS resuming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from byheart.ledger.base import Ledger
from byheart.probes.base import Need, Probe, Subject
from byheart.records.finding import NotApplicable
from byheart.registry import find
from byheart.study.keeping import described
from byheart.study.steps import Step
from byheart.surveys.base import Survey


@dataclass(frozen=True)
class Settings:
    """What all steps share: where and with how many threads; both are part of the keys."""

    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True)
class Trial:
    """How fleets are trained here, found once by a short trial, kept, and part of the keys from then on."""

    way: str
    chunk: int
    cpu_seconds_a_member: float | None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Trial:
        """What the document of a trial step says."""
        return cls(document["way"], document["chunk"], document["cpu_seconds_a_member"])


@dataclass
class Plan:
    """The steps of a study in the order they can run, and the probes that do not apply."""

    subject: Subject
    draw: Step
    train: list[Step] = field(default_factory=list)
    measure: list[Step] = field(default_factory=list)
    not_applicable: list[NotApplicable] = field(default_factory=list)

    @property
    def steps(self) -> list[Step]:
        """All steps, inputs before those that read them."""
        return [self.draw, *self.train, *self.measure]

    def missing(self, ledger: Ledger, steps: Sequence[Step] | None = None) -> list[Step]:
        """The steps that the ledger has no result of; a kept failure is tried again."""
        return [step for step in (self.steps if steps is None else steps) if ledger.state(step.key) != "done"]


def draw_step(subject: Subject) -> Step:
    """The step that draws the subject's data."""
    about = {"kind": "draw", "task": described(subject.task), "seed": subject.seed}
    return Step(about, {"task": subject.task})


def trial_step(subject: Subject, draw: Step, settings: Settings) -> Step | None:
    """The step that finds how to train a fleet; None where there is nothing to choose."""
    if not subject.learner.fleet:
        return None
    about = {
        "kind": "trial",
        "draw": draw.key,
        "learner": described(subject.learner),
        "levers": [described(lever) for lever in subject.levers],
        "share": subject.share,
        "device": settings.device,
        "threads": settings.threads,
    }
    return Step(about, {"learner": subject.learner})


def plan(subject: Subject, probes: Sequence[Probe], settings: Settings, trial: Trial | None) -> Plan:
    """Every step that the answers of `probes` need; equal steps are one.

    `trial` is None for learners without fleets, or when the trial has not run yet: the training steps then
    stand for what would be done and cannot be executed.
    """
    draw = draw_step(subject)
    made = Plan(subject, draw)
    train: dict[str, Step] = {}
    for probe in probes:
        needs = probe.requires(subject)
        if isinstance(needs, NotApplicable):
            made.not_applicable.append(needs)
            continue
        runs: dict[str, list[str]] = {}
        for need in needs:
            steps = train_steps(subject, need, draw, settings, trial)
            train |= {step.key: step for step in steps}
            runs[need.key()] = [step.key for step in steps]
        made.measure.append(_measure_step(subject, probe, draw, runs, settings.threads))
    made.train = list(train.values())
    return made


def train_steps(subject: Subject, need: Need, draw: Step, settings: Settings, trial: Trial | None) -> list[Step]:
    """The chunks of members that give the runs of `need`."""
    learner = find("learner", need.learner)() if need.learner else subject.learner
    fleet = learner.fleet and trial is not None
    at_once = (trial.chunk if fleet and trial else learner.members_a_step) or need.members
    steps = []
    for start in range(0, need.members, at_once):
        about = {
            "kind": "train",
            "draw": draw.key,
            "learner": described(learner),
            "levers": [] if need.learner else [described(lever) for lever in subject.levers],
            "start": start,
            "stop": min(start + at_once, need.members),
            "share": need.share,
            "subsets": "by group",
            "seed": subject.seed,
            "checkpoints": list(need.checkpoints),
            "trail": start < need.trail,
            "way": trial.way if fleet and trial else "each",
            "device": settings.device if learner.fleet else "cpu",
            "threads": settings.threads,
            "torch": ".".join(metadata.version("torch").split(".")[:2]),
        }
        if need.questions is not None:
            about["questions"] = need.questions.describe()
        if need.reseeded:
            about["reseeded"] = True
        steps.append(Step(about, {"learner": learner}))
    return steps


def _measure_step(subject: Subject, probe: Probe, draw: Step, runs: Mapping[str, list[str]], threads: int) -> Step:
    about = {
        "kind": "measure",
        "probe": described(probe),
        "draw": draw.key,
        "runs": dict(runs),
        "threads": threads,
        "subject": {
            "task": described(subject.task),
            "learner": described(subject.learner),
            "levers": [described(lever) for lever in subject.levers],
            "seed": subject.seed,
            "members": subject.members,
            "share": subject.share,
            "offers": sorted(subject.offers),
            **({"phases": subject.phases} if subject.phases > 1 else {}),
        },
    }
    return Step(about, {"subject": subject})


def survey_step(
    survey: Survey, grid: Mapping[str, Mapping[str, Any]], measures: Mapping[str, Mapping[str, str]]
) -> Step:
    """The step that reads what was measured of many subjects: subject -> probe -> key of its measure step."""
    about = {"kind": "survey", "survey": described(survey), "grid": grid, "measures": measures}
    return Step(about, {"survey": survey})
