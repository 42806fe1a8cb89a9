"""The training steps behind unlearning: models of everything, and models that never saw what is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from byheart.errors import StepFailed
from byheart.ledger.base import Result
from byheart.probes.base import Need
from byheart.study.plan import Trial, train_steps, trial_step
from byheart.study.session import Session, error_of
from byheart.study.steps import Step, load_run
from byheart.training.keep import Weights
from byheart.training.run import Run


@dataclass(frozen=True)
class Trainings:
    """Steps that train so many `models` each: of everything, and without the ids `gone`.

    Attributes:
        session: of the subject.
        draw: the step of its data, as the audit left it.
        trial: how fleets are trained here; None for learners that are no fleets.
    """

    session: Session
    draw: Step
    trial: Trial | None
    models: int
    gone: tuple[int, ...]

    @classmethod
    def of(cls, session: Session, draw_key: str, models: int, gone: Sequence[int]) -> Trainings:
        """The trainings of a finished audit's subject.

        Raises:
            StepFailed: its data are no longer in the ledger.
        """
        about = session.ledger.about(draw_key)
        if about is None:
            raise StepFailed(expected="the data of that audit in the ledger", came="none", do="Run the audit again.")
        draw = Step(about)
        step = trial_step(session.subject, draw, session.settings) if session.subject.learner.fleet else None
        trial = None if step is None else _trial(session, step)
        return cls(session, draw, trial, models, tuple(sorted(gone)))

    @property
    def cost(self) -> str:
        """What the trainings will cost, as far as a trial timed them: `, about 12 CPU s`; else nothing."""
        each = self.trial.cpu_seconds_a_member if self.trial else None
        return "" if each is None else f", about {max(1, round(3 * self.models * each))} CPU s where none is kept"

    def untouched(self) -> list[Step]:
        """Trained on everything; their weights are kept where our loop trains them."""
        keep = (Weights(),) if self.session.subject.learner.fleet else ()
        return self._steps(self._need().model_copy(update={"keep": keep}))

    def exact(self) -> list[Step]:
        """The same seeds, without what goes."""
        return self._without(self._need())

    def again(self) -> list[Step]:
        """Other seeds, without what goes."""
        return self._without(self._need().model_copy(update={"reseeded": True}))

    def _need(self) -> Need:
        return Need(members=self.models, share=1.0, subsets="all", checkpoints=self.session.subject.ends()[-1:])

    def _without(self, need: Need) -> list[Step]:
        return [replace(step, about={**step.about, "without": list(self.gone)}) for step in self._steps(need)]

    def _steps(self, need: Need) -> list[Step]:
        return train_steps(self.session.subject, need, self.draw, self.session.settings, self.trial)


def _trial(session: Session, step: Step) -> Trial:
    """How fleets are trained on these data: as the audit found, else found now."""
    executed = session.execute([step])
    if failure := executed.failures.get(step.key):
        raise error_of(failure, "a first model could not be trained")
    found = session.ledger.get(step.key)
    if not isinstance(found, Result):
        raise StepFailed(expected="a trial of the training", came="nothing", do="Run the same command again.")
    return Trial.read(found.document)


def done(session: Session, steps: Sequence[Step], what: str) -> Run:
    """The run of training steps, from the ledger or trained now.

    Raises:
        ByheartError: a step failed, or no model could be trained.
    """
    executed = session.execute(steps)
    for step in steps:
        if failure := executed.failures.get(step.key):
            raise error_of(failure, f"{what} could not be trained")
    run = load_run([step.key for step in steps], session.ledger)
    if not len(run.members):
        raise StepFailed(f"models {what} that can be trained", run.failed[0][1], "Audit again: the training broke.")
    return run
