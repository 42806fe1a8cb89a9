"""Session: one subject, from words to answers, over one ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from byheart.engines.base import Engine
from byheart.errors import ByheartError, InputRefused, LedgerDamaged, OutputRefused, StepFailed, UsageError
from byheart.ledger.base import Failure, Result, Say
from byheart.ledger.sqlite import SqliteLedger
from byheart.probes.base import Probe, Subject
from byheart.records.finding import Answer, Failed, answer_from
from byheart.study.default_learner import default_learner
from byheart.study.execute import Executed, Prints, Told, execute
from byheart.study.plan import Plan, Settings, Trial, draw_step, plan, trial_step, without
from byheart.study.serialization import output_from, recorded
from byheart.study.soundness import sound
from byheart.study.steps import Step
from byheart.tasks.output import Output

_KINDS = {
    UsageError: {"UsageError", "UnknownName"},
    InputRefused: {"InputRefused", "Diverged"},
    OutputRefused: {"OutputRefused"},
}


@dataclass(frozen=True)
class Drawn:
    """What is known of the data without reading its arrays."""

    output: Output
    n: int
    n_test: int
    document: Mapping[str, Any]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Drawn:
        """What the document of drawn data says."""
        views = document["views"]
        n_test = views["test"]["n"] if "test" in views else 0
        return cls(output_from(document["output"]), views["train"]["n"], n_test, document)

    @property
    def phases(self) -> int:
        """How many phases follow one another in training."""
        return int(self.document.get("phases", 1))  # type: ignore[call-overload]

    @property
    def offers(self) -> frozenset[str]:
        """What the data offer to probes."""
        views = self.document["views"]
        there = {
            self.output.offer: True,
            "test": self.n_test > 0,
            "table": self.output.is_table(views["train"].get("shape", ())),
            "canaries": "canaries" in views,
            "oracle": self.document["truth"].get("best_loss_nats") is not None,
            "phases": self.document.get("phases", 1) > 1,
        }
        return frozenset(offer for offer, is_there in there.items() if is_there)


@dataclass(frozen=True)
class Answers:
    """The answers of all probes, the plan behind them, and the failures by probe."""

    plan: Plan
    findings: dict[str, Answer]
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    failed_members: tuple[tuple[int, str], ...] = ()
    warned: Mapping[str, int] = field(default_factory=dict)  # what the training warned of, and how often


class Session:
    """Runs a subject's steps in waves: draw, trial, train, measure; everything through one ledger."""

    def __init__(
        self, subject: Subject, probes: Sequence[Probe], folder: Path, engine: Engine, settings: Settings,
        progress: Told | None = None, say: Say | None = None,
    ) -> None:  # fmt: skip
        self.subject, self.probes, self.folder = subject, tuple(probes), folder
        self.engine, self.settings, self.progress, self.say = engine, settings, progress, say
        self.ledger, self._prints = SqliteLedger(folder), Prints()

    def execute(self, steps: Sequence[Step], engine: Engine | None = None) -> Executed:
        """Run the steps that the ledger has no sound result of."""
        return execute(steps, self.ledger, self.folder, engine or self.engine, self.progress, self.say, self._prints)

    def drawn(self, settings: Mapping[str, Any] | None = None) -> Drawn:
        """Draw the data (or find them in the ledger), and complete the subject by them (`complete`).

        Raises:
            InputRefused: the data cannot be measured truly.
        """
        step = draw_step(self.subject)
        executed = self.execute([step], _here())
        if failure := executed.failures.get(step.key):
            raise error_of(failure, "the data could not be drawn")
        found = self.ledger.get(step.key)
        if not isinstance(found, Result):
            raise StepFailed(expected="the data", came="nothing", do="Run the audit again.")
        drawn = Drawn.read(found.document)
        self.complete(drawn, settings or {})
        return drawn

    def complete(self, drawn: Drawn, settings: Mapping[str, Any]) -> None:
        """Give the subject what its data offer, and where it has no learner the default one with these `settings`."""
        subject = self.subject
        learner = subject.learner or default_learner(drawn.n, subject.share, settings, drawn.output)
        self.subject = replace(subject, offers=drawn.offers, learner=learner, phases=drawn.phases)

    def trial(self) -> Trial | None:
        """The way fleets are trained here: from the ledger, or found now by a short trial."""
        step = trial_step(self.subject, draw_step(self.subject), self.settings)
        if step is None:
            return None
        executed = self.execute([step])
        if failure := executed.failures.get(step.key):
            raise error_of(failure, "a first member could not be trained")
        return self.known_trial()

    def known_trial(self) -> Trial | None:
        """The trial's result if the ledger has it."""
        step = trial_step(self.subject, draw_step(self.subject), self.settings)
        try:
            found = self.ledger.get(step.key) if step else None
        except LedgerDamaged:
            return None
        if not isinstance(found, Result):
            return None
        return Trial.read(found.document)

    def plan(self, trial: Trial | None) -> Plan:
        """The plan of the subject as it stands."""
        return plan(self.subject, self.probes, self.settings, trial)

    def answers(self, trial: Trial | None, announce: Callable[[Plan, int], None] | None = None) -> Answers:
        """Train what is missing, measure what is missing, and read all answers.

        Raises:
            StepFailed: the members themselves could not be trained.
        """
        made = self.plan(trial)
        needed = self._needed(made)
        if announce:
            announce(made, len(made.missing(self.ledger, [*needed, *made.measure])))
        undrawn = self.execute([step for step in made.draws if any(step.key == one.about["draw"] for one in needed)])
        trained = self.execute([step for step in needed if step.about["draw"] not in undrawn.failures])
        broken = {step.key for step in needed if step.key in trained.failures or step.about["draw"] in undrawn.failures}
        self._own_failures(made, trained.failures)
        lost = {need for need, keys in made.varied.items() if keys & broken}
        measure = [without(step, lost & set(step.about["runs"])) for step in made.measure]
        ready = [step for step in measure if not broken & _reads(step)]
        measured = self.execute(ready)
        findings: dict[str, Answer] = {answer.probe: answer for answer in made.not_applicable}
        for step in measure:
            name = step.about["probe"]["name"]
            failure = measured.failures.get(step.key)
            if step not in ready:
                first = next(iter(broken & _reads(step)))
                failure = trained.failures[first]
            findings[name] = self._answer(step.key, name, failure)
        order = [probe.name for probe in self.probes]
        found = {name: findings[name] for name in order}
        return Answers(made, found, self._seconds(made), self._failed_members(made), self._warned(made))

    def _needed(self, made: Plan) -> list[Step]:
        """The training that missing answers read, and what was kept of it and is damaged."""
        unmeasured = [step for step in made.measure if not sound(step, self.ledger, self.say)]
        wanted = set().union(*map(_reads, unmeasured))
        kept = {step.key for step in made.train if self.ledger.state(step.key) == "done"}
        whole = {s.key for s in made.train if sound(s, self.ledger, self.say, arrays=s.key in wanted)}
        return [step for step in made.train if step.key in wanted | (kept - whole)]

    def _own_failures(self, made: Plan, failures: Mapping[str, Failure]) -> None:
        """A failure of the subject's own members is the audit's failure; a rival's is a card's."""
        own = [step for step in made.train if self._own(made, step)]
        for step in own:
            if step.key in failures:
                which = f"{step.about['start']} to {step.about['stop']}"
                raise error_of(failures[step.key], f"members {which} could not be trained")
        bank = [step for step in own if step.about["share"] < 1]
        found = [outcome for step in bank if isinstance(outcome := self.ledger.get(step.key), Result)]
        lost = [str(why) for outcome in found for _, why in outcome.document["failed"]]
        if bank and len(lost) == sum(step.about["stop"] - step.about["start"] for step in bank):
            raise StepFailed(
                expected=f"at least one of {len(lost)} models to be trained",
                came=lost[0],
                do="Try the training alone on a part of the data.",
            )

    def _answer(self, key: str, name: str, failure: Failure | None) -> Answer:
        question = next(probe.question for probe in self.probes if probe.name == name)
        if failure is not None:
            return Failed(probe=name, question=question, error=f"{failure.kind}: {failure.message}")
        found = self.ledger.get(key)
        if not isinstance(found, Result):
            return Failed(probe=name, question=question, error="its result is missing from the ledger")
        return answer_from(found.document["finding"])

    def _own(self, made: Plan, step: Step) -> bool:
        """Whether a training is of the subject's members as such: no rival, and not for a probe on request alone."""
        mine = step.about["learner"]["name"] == self.subject.learner.name
        varied = any(step.key in of for of in made.varied.values())
        return mine and not (step.about.get("reseeded") or recorded(step.about) or varied)

    def _documents(self, steps: Sequence[Step]) -> list[dict]:
        found = (self.ledger.get(step.key) for step in steps)
        return [outcome.document for outcome in found if isinstance(outcome, Result)]

    def _seconds(self, made: Plan) -> dict[str, float]:
        """CPU seconds of training, of measuring, and apart of each answer that costs so much that it is asked for."""
        asked = {probe.name for probe in self.probes if probe.cost == "on request"}
        spent = {"train": sum(float(d["about"].get("cpu_seconds", 0.0)) for d in self._documents(made.train))}
        spent["measure"] = 0.0
        for step in made.measure:
            what = name if (name := step.about["probe"]["name"]) in asked else "measure"
            spent[what] = spent.get(what, 0.0) + sum(float(d["cpu_seconds"]) for d in self._documents([step]))
        return spent

    def _warned(self, made: Plan) -> dict[str, int]:
        heard: Counter[str] = Counter()
        for document in self._documents([step for step in made.train if self._own(made, step)]):
            heard.update(document["about"].get("warned", {}))
        return dict(heard.most_common())

    def _failed_members(self, made: Plan) -> tuple[tuple[int, str], ...]:
        bank = [step for step in made.train if self._own(made, step) and step.about["share"] < 1]
        return tuple((int(j), str(why)) for d in self._documents(bank) for j, why in d["failed"])


def error_of(failure: Failure, what: str) -> ByheartError:
    """The error to raise for a kept failure without which nothing can be said."""
    for kind, names in _KINDS.items():
        if failure.kind in names:
            return kind(came=failure.message)
    came = " ".join(f"{what}: {failure.kind}: {failure.message}".split())
    return StepFailed(came=came, do="Everything finished is kept; the same command tries it again.")


def _reads(step: Step) -> set[str]:
    return {key for keys in step.about["runs"].values() for key in keys}


def _here() -> Engine:
    from byheart.engines.inline import Inline

    return Inline()
