"""Which ways to forget apply to a learner, what each costs and leaves; none of them trains from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from byheart.fingerprint.description import described
from byheart.ledger.base import Ledger
from byheart.probes.base import Subject
from byheart.records.reason import Reason
from byheart.records.unlearning import MethodName, NotTried
from byheart.study.steps import Step, load_run
from byheart.study.unlearning.steps import Trainings

if TYPE_CHECKING:
    from byheart.tasks.output import Output
    from byheart.training.run import Run

VERSION = 1
NAMES: tuple[MethodName, ...] = ("fine-tuning", "ascent", "pruning", "newton", "newton-cut")
BY_LOSS: tuple[MethodName, ...] = ("ascent", "newton-cut")  # that go on until a loss is reached
BY_CURVATURE: tuple[MethodName, ...] = ("newton", "newton-cut")


@dataclass(frozen=True)
class Target:
    """The mean loss of the forgotten that ascent climbs to, and whose it is: models that left them out, or new ones."""

    loss: float
    of: str


def target_of(bank: Run | None, untouched: Run, rows: np.ndarray) -> Target | None:
    """The loss of the forgotten by members of the audit that left them out; else that of new examples.

    In the unit of outcomes: nats, or squared units of the target. None where nobody says.
    """
    if bank is not None:
        loss, out = bank.views["train"].loss_nats[-1][:, rows], bank.members.unseen[:, rows]
        if out.any():
            return Target(float(loss[out].mean(dtype=np.float64)), "left out")
    if "test" in untouched.views:
        return Target(float(untouched.views["test"].loss_nats[-1].mean(dtype=np.float64)), "new")
    return None


def bank_of(ledger: Ledger, keys: Sequence[str]) -> Run | None:
    """The models of the audit that saw subsets; None where they are gone."""
    if not keys or any(ledger.state(key) != "done" for key in keys):
        return None
    return load_run(list(keys), ledger)


def settled(
    subject: Subject, output: Output, until: Target | None
) -> tuple[dict[MethodName, Any], tuple[NotTried, ...]]:
    """name -> what its steps say of a method that applies; and why the others do not."""
    learner = subject.learner
    if not learner.fleet:
        none = Reason(code="nothing kept", figures={"learner": learner.name, "keep": "weights"})
        return {}, tuple(NotTried(name=name, reason=none) for name in NAMES)
    from byheart.training.unlearning.methods import METHODS, document_of

    # ascent and curvature read one loss per example, and know it by its name
    plain = bool(output.recorded) and not output.passages and getattr(learner, "loss", None) is None
    other = Reason(code="another output", figures={"asked": "classes, values", "kind": output.kind})
    lacking: dict[MethodName, Reason] = {} if plain else dict.fromkeys(BY_LOSS + BY_CURVATURE, other)
    if until is None:
        lacking = dict.fromkeys(BY_LOSS, Reason(code="gone")) | lacking
    found: dict[MethodName, Any] = {}
    for name in NAMES:
        if name not in lacking:
            method = METHODS[name]()
            found[name] = document_of(replace(method, until=until.loss) if name in BY_LOSS and until else method)
    return found, tuple(NotTried(name=name, reason=lacking[name]) for name in NAMES if name in lacking)


def steps_of(trainings: Trainings, method: Mapping[str, Any]) -> list[Step]:
    """The steps that let the untouched models forget: one for each chunk of them."""
    subject = trainings.session.subject
    made = []
    for trained in trainings.untouched():
        about = {
            "kind": "unlearn",
            "version": VERSION,
            "draw": trainings.draw.key,
            "trained": trained.key,
            "learner": described(subject.learner),
            "levers": [described(lever) for lever in subject.levers],
            "gone": list(trainings.gone),
            "method": dict(method),
            **{name: trained.about[name] for name in ("way", "device", "threads", "torch")},
        }
        made.append(Step(about, {"learner": subject.learner, "levers": subject.levers}))
    return made


def settings_of(method: Mapping[str, Any], until: Target | None) -> dict[str, Any]:
    """What a reader is told of a method: its settings, and where ascent's loss comes from."""
    told = {name: value for name, value in method.items() if name not in ("name", "version")}
    return {**told, "of": until.of} if "until" in told and until else told
