"""Execute: graph x engine x ledger. Workers write, this process records; whatever is recorded is never run twice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from byheart.engines.base import Done, Engine
from byheart.engines.inline import Inline
from byheart.ledger.base import Failure, Ledger, Say
from byheart.study.soundness import sound
from byheart.study.steps import Step, Work
from byheart.terminal import put

Told = Callable[[Step, str], None]
PATIENCE_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Executed:
    """What a wave left: steps done now, steps that were there, and the failures by key."""

    ran: int
    kept: int
    failures: dict[str, Failure]


def execute(
    steps: Sequence[Step],
    ledger: Ledger,
    folder: Path,
    engine: Engine,
    progress: Told | None = None,
    say: Say | None = None,
    prints: Prints | None = None,
) -> Executed:
    """Run the steps that the ledger has no result of, in any order; every end is recorded as it comes.

    A step that another process holds is waited for, and `say` is told for whom. Steps that a worker cannot make from
    their description run in this process, after the others; all do where the engine is this process. A kept failure is
    tried again. `prints` goes on from an earlier wave.
    """
    told = progress or (lambda step, state: None)
    todo = [step for step in steps if not sound(step, ledger, say)]
    for step in steps:
        if step not in todo:
            told(step, "kept")
    for step in todo:
        if ledger.state(step.key) == "failed":
            ledger.forget(step.key)  # before the claim, which takes any outcome for an end
    for step in todo:
        told(step, "to do")
    failures: dict[str, Failure] = {}
    ran, prints = 0, prints or Prints()
    with ExitStack() as claims:
        mine = [
            step
            for step in sorted(todo, key=lambda step: step.key)
            if claims.enter_context(ledger.claim(step.key, PATIENCE_SECONDS, say))
        ]
        order = {step.key: place for place, step in enumerate(todo)}
        mine.sort(key=lambda step: order[step.key])
        away = [] if isinstance(engine, Inline) else [step for step in mine if step.portable]
        gone = {step.key for step in away}
        here = [step for step in mine if step.key not in gone]
        for batch, runner in ((away, engine), (here, Inline())):
            by_key = {step.key: step for step in batch}
            for done in runner.run(Work(folder, by_key), list(by_key)) if batch else ():
                _record(done, by_key[done.key], ledger)
                prints.heard(done)
                ran += 1
                told(by_key[done.key], ledger.state(done.key))
    prints.end()
    for step in steps:
        outcome = ledger.get(step.key) if ledger.state(step.key) == "failed" else None
        if isinstance(outcome, Failure):
            failures[step.key] = outcome
    return Executed(ran, len(steps) - len(todo), failures)


class Prints:
    """What users' code printed: the first member's is shown on standard error, the others' are counted by the wave."""

    def __init__(self) -> None:
        self.others = 0
        self.shown = False

    def heard(self, done: Done) -> None:
        """Show what a step printed, or count it."""
        self.others += done.printing
        if done.printing and not self.shown:
            self.shown = True
            self.others -= 1
            put(f"your code printed:\n{done.printed.rstrip()}", sys.stderr)

    def end(self) -> None:
        """Say how many others printed."""
        if self.others:
            put(f"your code printed {self.others} times more, not shown", sys.stderr)
        self.others = 0


def _record(done: Done, step: Step, ledger: Ledger) -> None:
    if done.value is not None:
        ledger.record(done.key, done.value)
    elif done.error is not None:
        failure = Failure(done.error.kind, done.error.message, done.error.traceback)
        ledger.put(done.key, failure, step.about)
