"""Steps of an audit and of an explanation. Each is known by the key of its description, and does one thing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from byheart.errors import ByheartError
from byheart.fingerprint.description import can_move, material, revive
from byheart.ledger.base import Failure, Ledger, Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.records.finding import answer_from
from byheart.records.spec import key_of
from byheart.study.process import fixed_threads, warnings_heard
from byheart.study.serialization import data_from, data_result
from byheart.study.timing import TRIAL_SECONDS, trial

FIRST_MEMBERS = 2  # of a first answer: of one the interval would be of that training alone


@dataclass(frozen=True)
class Step:
    """One keyed step: its description, and the live objects that it describes (driver only).

    Run in the driver it uses the objects as they were given; a worker, to which they are not sent, makes them from the
    description.
    """

    about: Mapping[str, Any]
    live: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> str:
        """SHA-256 of the description, less where the user's files lie."""
        return key_of(material(self.about))

    @property
    def kind(self) -> str:
        """`draw`, `trial`, `train`, `measure`, `survey`; `query`, `explain`, `check`, `unlearn`."""
        return self.about["kind"]

    @property
    def portable(self) -> bool:
        """Whether a worker can run it from the description alone; asking may cost a process."""
        alone = self.kind != "query"  # what the user gave is in no description
        return alone and all(can_move(spec) for held in self.live.values() for spec in _specs_of(held))


class Work:
    """The callable an engine is handed: key in, digest of the written entry out."""

    def __init__(self, folder: Path, steps: Mapping[str, Step]) -> None:
        self.folder, self.steps = folder, dict(steps)

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "steps": {key: Step(step.about) for key, step in self.steps.items()}}

    def __call__(self, key: str) -> str:
        """Run the step of `key`, write its outcome, and return the entry's digest.

        An error of the user's data or model is an outcome (a kept failure); others are the engine's to report.
        """
        ledger = SqliteLedger(self.folder)
        step = self.steps[key]
        try:
            outcome: Result | Failure = perform(step, ledger)
        except ByheartError as error:
            outcome = Failure(type(error).__name__, str(error))
        finally:
            ledger.close()
        return ledger.write(key, outcome, step.about)


def perform(step: Step, ledger: Ledger) -> Result:
    """Do one step, reading its inputs from the ledger."""
    does = {
        "draw": _draw, "trial": _trial, "train": _train, "measure": _measure,
        "survey": _survey, "query": _query, "explain": _explain, "check": _check, "unlearn": _unlearn,
    }  # fmt: skip
    return does[step.kind](step, ledger)


def load_data(key: str, ledger: Ledger) -> Any:
    """The data drawn under `key`."""
    return data_from(loaded(key, ledger))


def loaded(key: str, ledger: Ledger) -> Result:
    """The result under `key`.

    Raises:
        ByheartError: there is none.
    """
    found = ledger.get(key)
    if isinstance(found, Result):
        return found
    what = "nothing" if found is None else f"a failure: {found.message}"
    raise ByheartError(expected=f"a result under {key[:12]}", came=what, do="Run the audit again.")


def load_run(keys: list[str], ledger: Ledger) -> Any:
    """The run whose chunks stand under `keys`, its members in order."""
    from byheart.training.run import joined

    parts = [loaded(key, ledger) for key in keys]
    return joined([(part.document, part.arrays) for part in parts])


def _specs_of(held: Any) -> list[Any]:
    """The specs of a live object: itself, or those of a subject."""
    if isinstance(held, tuple):
        return list(held)
    return [held] if hasattr(held, "key_fields") else [held.task, held.learner, *held.levers]


def _spec(step: Step, name: str) -> Any:
    return step.live[name] if name in step.live else revive(step.about[name])


def _levers(step: Step) -> list[Any]:
    return list(step.live.get("levers") or [revive(lever, "lever") for lever in step.about["levers"]])


def _draw(step: Step, ledger: Ledger) -> Result:
    return data_result(_spec(step, "task").draw(step.about["seed"]))


def _trial(step: Step, ledger: Ledger) -> Result:
    with warnings_heard():  # they come again with every member
        return trial_of(step, loaded(step.about["draw"], ledger), ledger)


def trial_of(step: Step, drawn: Result, ledger: Ledger, seconds: float = TRIAL_SECONDS) -> Result:
    """What `study.timing.trial` finds of the learner and levers of a trial step."""
    return trial(_spec(step, "learner"), _levers(step), step.about, drawn, ledger, seconds)


def _train(step: Step, ledger: Ledger) -> Result:
    from byheart.learners.attribution_run import Questions, attributed
    from byheart.training.run import joined
    from byheart.training.training import Training

    about = step.about
    data = load_data(about["draw"], ledger)
    members = members_of(about, data)
    begun = opening(step)
    first = ledger.get(begun.key) if begun else None
    start = begun.about["stop"] if begun and isinstance(first, Result) else about["start"]
    levers = _levers(step)
    keep = [revive(one, "keep") for one in about.get("keep", ())]
    questions = next((one for one in keep if isinstance(one, Questions)), None)
    started = time.process_time()
    with fixed_threads(about["threads"]), warnings_heard() as warned:
        if questions is not None:
            run = attributed(_spec(step, "learner"), data, members, questions, levers)
        else:
            checkpoints, way, device = tuple(about["checkpoints"]), about["way"], about["device"]
            training = Training(checkpoints, about["trail"], keep, levers=levers, way=way, device=device)
            run = _spec(step, "learner").fit(data, members.take(start, about["stop"]), training)
    document = run.document()
    document["failed"] = [[start + member, why] for member, why in document["failed"]]
    document["about"]["cpu_seconds"] = time.process_time() - started
    arrays = run.arrays()
    if isinstance(first, Result):
        warned.update(first.document["about"].get("warned", {}))
        whole = joined([(first.document, first.arrays), (document, arrays)])
        document, arrays = whole.document(), whole.arrays()
    if warned:
        document["about"]["warned"] = dict(warned)
    return Result(document, arrays)


def opening(step: Step) -> Step | None:
    """The step of the first members of a training step that trains more, one after another; None of any other.

    They are trained apart for a first answer, and what is left of the step then trains the others: each member has a
    subset and a seed of its own, so it is the same either way.
    """
    about = step.about
    if about["start"] or about["stop"] <= FIRST_MEMBERS or about["way"] != "each":
        return None
    return Step({**about, "stop": FIRST_MEMBERS}, step.live)


def members_of(about: Mapping[str, Any], data: Any) -> Any:
    """The members that a training step speaks of, those before its first included."""
    import numpy as np

    from byheart.training.members import subsets

    how = "balanced" if about["subsets"] == "by group" else about["subsets"]
    n, order = len(data.train), data.train.meta.get("time")
    gap = about.get("gap", 0)
    members = subsets(how, n, about["stop"], about["share"], about["seed"], data.groups, gap, order)
    members = members.reseeded() if about.get("reseeded") else members
    gone = about.get("without", ())
    return members.without(np.isin(data.train.ids, gone)) if gone else members


def _measure(step: Step, ledger: Ledger) -> Result:
    from byheart.probes.base import Bank

    about = step.about
    subject = step.live.get("subject") or revive_subject(about["subject"])
    runs = {need: load_run(list(keys), ledger) for need, keys in about["runs"].items()}
    started = time.process_time()
    with fixed_threads(about["threads"]):
        drawn = {need: load_data(key, ledger) for need, key in about.get("draws", {}).items()}
        bank = Bank(subject, load_data(about["draw"], ledger), runs, drawn)
        finding, columns = revive(about["probe"]).measure(bank)
    document = {"finding": finding.model_dump(mode="json"), "cpu_seconds": time.process_time() - started}
    return Result(document, columns)


def _survey(step: Step, ledger: Ledger) -> Result:
    about = step.about
    findings = {
        subject: {probe: answer_from(loaded(key, ledger).document["finding"]) for probe, key in keys.items()}
        for subject, keys in about["measures"].items()
    }
    return Result({"finding": _spec(step, "survey").read(findings, about["grid"]).model_dump(mode="json")})


def _query(step: Step, ledger: Ledger) -> Result:
    """What the user gave to be explained."""
    given = step.live["query"]
    return Result({"tokens": int((given.y >= 0).sum())}, {"x": given.x, "y": given.y})


def _explain(step: Step, ledger: Ledger) -> Result:
    from byheart.study.explanation.credit_effect import credit_and_effect, queried

    about, query = step.about, step.about["query"]
    own = loaded(query["key"], ledger) if "key" in query else None
    data = queried(load_data(about["draw"], ledger), query, own)
    with fixed_threads(about["threads"]):
        started = time.process_time()
        levers = _levers(step)
        made = credit_and_effect(_spec(step, "learner"), data, levers, about)
    return Result({**made.document, "cpu_seconds": time.process_time() - started}, made.arrays)


def _check(step: Step, ledger: Ledger) -> Result:
    from byheart.study.explanation.retraining_check import retraining_check

    about = step.about
    bank, explained = ([loaded(key, ledger) for key in about[name]] for name in ("bank", "explained"))
    return retraining_check(load_data(about["draw"], ledger), about["query"], bank, explained)


def _unlearn(step: Step, ledger: Ledger) -> Result:
    from byheart.study.unlearning.forgetting import forget

    about = step.about
    data, run = load_data(about["draw"], ledger), load_run([about["trained"]], ledger)
    return forget(about, data, run, _spec(step, "learner"), _levers(step))


def revive_subject(document: Mapping[str, Any]) -> Any:
    """The subject that a measure step's description holds."""
    from byheart.probes.base import Subject

    return Subject(
        task=revive(document["task"], "task"),
        learner=revive(document["learner"], "learner"),
        levers=tuple(revive(lever, "lever") for lever in document["levers"]),
        seed=document["seed"],
        members=document["members"],
        share=document["share"],
        offers=frozenset(document["offers"]),
        phases=document.get("phases", 1),
    )
