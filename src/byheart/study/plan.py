"""Plan: needs of all probes -> a graph of keyed steps, minus what the ledger has. That subtraction IS resuming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from byheart.fingerprint.description import described
from byheart.ledger.base import Ledger
from byheart.probes.base import Need, Probe, Subject
from byheart.records.finding import NotApplicable
from byheart.records.provenance import installed
from byheart.registry import find
from byheart.study.settings import with_settings
from byheart.study.steps import Step
from byheart.surveys.base import Survey
from byheart.training.keep import Keep


@dataclass(frozen=True)
class Settings:
    """What all steps share: where and with how many threads; both are part of the keys."""

    device: str = "cpu"
    threads: int = 1


@dataclass(frozen=True)
class Trial:
    """How fleets are trained here, found once by a short trial, kept, and part of the keys from then on.

    Of members that are trained one after another it knows the seconds alone, and is part of no key.
    """

    way: str
    chunk: int
    cpu_seconds_a_member: float | None
    why_each: str = ""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Trial:
        """What the document of a trial step says."""
        seconds = document["cpu_seconds_a_member"]
        return cls(document["way"], document["chunk"], seconds, document.get("why_each", ""))

    @property
    def said(self) -> str:
        """The way, and why it is one after another where members cannot be batched."""
        return f"{self.way} ({self.why_each})" if self.why_each else self.way


@dataclass
class Plan:
    """The steps of a study in the order they can run, and the probes that do not apply."""

    subject: Subject
    draw: Step
    draws: list[Step] = field(default_factory=list)  # of needs that vary the task
    train: list[Step] = field(default_factory=list)
    measure: list[Step] = field(default_factory=list)
    not_applicable: list[NotApplicable] = field(default_factory=list)
    varied: dict[str, set[str]] = field(default_factory=dict)  # need that varies a setting -> its steps

    @property
    def steps(self) -> list[Step]:
        """All steps, inputs before those that read them."""
        return [self.draw, *self.draws, *self.train, *self.measure]

    def announced(self, todo: int) -> str:
        """One line: how many steps, how many are to do."""
        if not todo:
            return f"{len(self.steps)} steps, all in the ledger"
        return f"{len(self.steps)} steps, {len(self.steps) - todo} in the ledger, {todo} to do"

    def missing(self, ledger: Ledger, steps: Sequence[Step] | None = None) -> list[Step]:
        """The steps that the ledger has no result of; a kept failure is tried again."""
        return [step for step in (self.steps if steps is None else steps) if ledger.state(step.key) != "done"]


def draw_step(subject: Subject) -> Step:
    """The step that draws the subject's data."""
    about = {"kind": "draw", "task": described(subject.task), "seed": subject.seed}
    return Step(about, {"task": subject.task})


def trial_step(subject: Subject, draw: Step, settings: Settings) -> Step | None:
    """The step that finds how to train a fleet, or how long one member of another learner takes.

    None for learners that train all members at once.
    """
    if not (subject.learner.fleet or subject.learner.members_a_step):
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
    return Step(about, {"learner": subject.learner, "levers": subject.levers})


def plan(subject: Subject, probes: Sequence[Probe], settings: Settings, trial: Trial | None) -> Plan:
    """Every step that the answers of `probes` need; equal steps are one.

    `trial` is None for learners without fleets, or when the trial has not run yet: the training steps then
    stand for what would be done and cannot be executed.
    """
    draw = draw_step(subject)
    made = Plan(subject, draw)
    asked = {probe: probe.requires(subject) for probe in probes}
    needs = [need for found in asked.values() if not isinstance(found, NotApplicable) for need in found]
    draws: dict[str, Step] = {}
    train: dict[str, Step] = {}
    for probe, found in asked.items():
        if not isinstance(found, NotApplicable):
            found = _cannot_keep(probe, found, subject) or found
        if isinstance(found, NotApplicable):
            made.not_applicable.append(found)
            continue
        runs: dict[str, list[str]] = {}
        drawn: dict[str, str] = {}
        for need in found:
            key, own = need.key(), varied(subject, need)
            if own.task != subject.task:
                draws[key] = draw_step(own)
                drawn[key] = draws[key].key
            steps = train_steps(own, _with_all_kept(need, needs), draws.get(key, draw), settings, trial)
            train |= {step.key: step for step in steps}
            runs[key] = [step.key for step in steps]
            if need.vary:
                made.varied[key] = set(runs[key])
        made.measure.append(measure_step(subject, probe, draw, runs, drawn, settings.threads))
    made.draws, made.train = list({step.key: step for step in draws.values()}.values()), list(train.values())
    return made


def varied(subject: Subject, need: Need) -> Subject:
    """The subject with the settings that the need varies."""
    settled = with_settings(subject.task, subject.learner, subject.levers, need.vary)
    return replace(subject, task=settled.task, learner=settled.learner, levers=settled.levers)


def _with_all_kept(need: Need, needs: Sequence[Need]) -> Need:
    """The need with all that is to be kept of the same runs, so that they are trained once."""
    if need.questions is not None:
        return need  # a recorded training keeps nothing else
    alike = [one for one in needs if one.questions is None and one.model_copy(update={"keep": need.keep}) == need]
    kept: dict[str, Keep] = {keep.label: keep for one in alike for keep in one.keep}
    return need.model_copy(update={"keep": tuple(kept[label] for label in sorted(kept))})


def _cannot_keep(probe: Probe, needs: Sequence[Need], subject: Subject) -> NotApplicable | None:
    """Why these needs cannot be kept: what is seen of members on their way takes a training that our loop does."""
    asked = {keep.name for need in needs if not need.learner for keep in need.keep}
    kept = sorted(asked - set(subject.learner.keeps))
    if not kept or subject.learner.fleet:
        return None
    return probe.not_applicable("nothing kept", learner=subject.learner.name, keep=", ".join(kept))


def train_steps(subject: Subject, need: Need, draw: Step, settings: Settings, trial: Trial | None) -> list[Step]:
    """The chunks of members that give the runs of `need`."""
    learner = find("learner", need.learner)() if need.learner else subject.learner
    fleet = learner.fleet and trial is not None and not need.learner  # the trial was of the subject's own
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
            "subsets": "by group" if need.subsets == "balanced" else need.subsets,
            "seed": subject.seed,
            "checkpoints": list(need.checkpoints),
            "trail": start < need.trail,
            "way": trial.way if fleet and trial else "each",
            "device": settings.device if learner.fleet else "cpu",
            "threads": settings.threads,
            "torch": ".".join(installed("torch").split(".")[:2]),
        }
        if need.keep:
            about["keep"] = [described(keep) for keep in need.keep]
        if need.gap:
            about["gap"] = need.gap
        if need.reseeded:
            about["reseeded"] = True
        steps.append(Step(about, {"learner": learner, "levers": () if need.learner else subject.levers}))
    return steps


def without(step: Step, needs: Set[str]) -> Step:
    """The measurement without the runs of these needs, and without their data."""
    if not needs:
        return step
    of_needs = {name: step.about[name] for name in ("runs", "draws") if name in step.about}
    kept = {name: {key: value for key, value in of.items() if key not in needs} for name, of in of_needs.items()}
    return Step({**step.about, **kept}, step.live)


def measure_step(
    subject: Subject, probe: Probe, draw: Step, runs: Mapping[str, list[str]], drawn: Mapping[str, str], threads: int
) -> Step:
    """The step that measures an answer: `runs` is need -> keys of what trains it, `drawn` need -> key of its data."""
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
    if drawn:
        about["draws"] = dict(drawn)
    return Step(about, {"subject": subject})


def survey_step(
    survey: Survey, grid: Mapping[str, Mapping[str, Any]], measures: Mapping[str, Mapping[str, str]]
) -> Step:
    """The step that reads what was measured of many subjects: subject -> probe -> key of its measure step."""
    about = {"kind": "survey", "survey": described(survey), "grid": grid, "measures": measures}
    return Step(about, {"survey": survey})
