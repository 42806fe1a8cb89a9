"""`byheart.balance`: which setting of levers serves this model best, and what does each cost and buy?"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from byheart.auditing.kept_balance import keep_balance
from byheart.auditing.lever_file import data_key, learner_key
from byheart.auditing.provenance import shown_settings
from byheart.auditing.python_request import request_from_python
from byheart.auditing.request import Request
from byheart.auditing.workplace import not_kept, temporary_folder, unkeyed_reasons
from byheart.auditing.writing import must_be_writable
from byheart.auditing.written import Written
from byheart.balancing.choice import Chosen, choose
from byheart.balancing.grid import grid_of
from byheart.balancing.race import FRESH, RUNGS, Race, cost_in_members, kept
from byheart.balancing.tables import best_record, frontier
from byheart.balancing.toml import toml_of
from byheart.engines.choice import engine_for
from byheart.errors import StepFailed, UsageError
from byheart.ledger.base import Say
from byheart.progress import Progress
from byheart.records.balanced import BalancedRecord
from byheart.records.provenance import versions
from byheart.report.balanced import render_balanced
from byheart.report.balanced_text import lines
from byheart.study.budget import member_seconds
from byheart.study.costs import START
from byheart.study.execute import Told
from byheart.study.plan import Settings
from byheart.study.session import Session
from byheart.terminal import to_stderr

FEWEST = RUNGS[0]  # members of a rung: fewer leave examples without members on both sides


class Balanced(Written, BalancedRecord):
    """What `byheart.balance` found: `.frontier`, `.best`, `.probability_best`, `.save(path)`."""

    @property
    def probability_best(self) -> float | None:
        """That the best is the best of all tried."""
        return self.best.probability

    def _page(self) -> str:
        return render_balanced(self)

    def _lines(self) -> list[str]:
        return lines(self)

    def _file(self) -> str:
        return "balance.toml"

    def _writers(self) -> Mapping[str, Callable[[], str]]:
        return {**super()._writers(), ".toml": lambda: toml_of(self)}


def balance(
    data: Any,
    *,
    model: Any = None,
    fit: Callable[..., Any] | None = None,
    levers: Mapping[str, Any] | Sequence[str] = (),
    budget: str | None = None,
    fixed: Sequence[str] = (),
    test: Any = None,
    target: str | Sequence[str] | None = None,
    clean: Any = None,
    groups: Any = None,
    group: str | Sequence[str] = (),
    categorical: str | Sequence[str] = (),
    drop: str | Sequence[str] = (),
    id: Any = None,
    returns: str = "auto",
    members: int | None = None,
    share: float = 0.7,
    seed: int = 0,
    task: str | None = None,
    missing: str | None = None,
    split: str | float | None = None,
    transform: str | None = None,
    device: str = "auto",
    jobs: int = 1,
    out: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    say: Say | None = None,
    progress: Told | None = None,
) -> Balanced:
    """Which setting of levers serves this model best, and what does each cost and buy?

    All settings are trained on the same random subsets from the same seeds, first few members of all, then more of the
    best (successive halving over members, never over epochs). What decides is the held-out code: bits of a label in
    models that did not see it, calibrated; of values R2. The winner is chosen on one half of the examples (copies
    together) and read on the other, both ways, from fresh members that had no part in any choice.

    Args:
        data: as `byheart.audit` takes it.
        model: a function that returns a fresh torch module, or a scikit-learn estimator.
        fit: your own training, `fit(x, y, seed, **settings) -> model`; its keywords are settings to try.
        levers: what to try: `{"weight-decay": [0.01, 0.1], "max_depth": [2, 4, 8]}`, or words as
            `"weight-decay=0.001..0.1:5"`; every combination. Levers of training, parameters of an estimator, keywords
            of `fit`. Without any, a usual range of each that the learner is known to have, one at a time.
        budget: time to spend, such as `"5m"`; it cuts members, never epochs.
        fixed: levers that belong to the recipe: `"dropout=0.5"`.
        test: examples that choose nothing; they are kept out of training.
        target: the column of a frame to predict.
        clean: as in `byheart.audit`; so are the arguments from here to `drop`.
        groups: of examples that are seen or left out together.
        group: or the column that says so.
        categorical: columns to read as categories.
        drop: columns to leave out.
        id: names of the examples.
        returns: what your model returns.
        members: how many models the last rung has (64).
        share: part of the examples that each member sees.
        seed: the root seed.
        task: `classes` or `values`, where it should not be inferred.
        missing: `refuse` or `impute` missing cells.
        split: share held out where no test is given.
        transform: `log` or `rank`, of a target of values.
        device: `auto`, `cpu`, `cuda` or `mps`.
        jobs: worker processes; they change no number.
        out: folder of the ledger, for resuming; without it nothing is kept.
        settings: fields of our own learner where it trains.
        say: called with each line worth telling; without it they go to standard error.
        progress: called with (step, state) as steps end.

    Returns:
        The balance: `.frontier`, `.best`, `.probability_best`, `.save("balance.toml")`.

    Raises:
        UsageError: a grid of one, a wrong word, a budget too small for one rung.
        InputRefused: the data cannot be measured truly.

    Cost: with k settings about 9 k + 250 trainings on `share` of the data. Fails when: no setting of the grid
    is near the best one; or examples share a source that no group names.

    Reference: successive halving: Jamieson and Talwalkar 2016, Non-stochastic best arm identification and
    hyperparameter optimization, algorithm 1; the winner's curse: Zhong and Prentice 2008, Bias-reduced estimators and
    confidence intervals for odds ratios.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> found = balance(load_iris(return_X_y=True), model=DecisionTreeClassifier(),
        ...                 levers={"max_depth": [1, 2], "min_samples_leaf": [1, 5]}, members=8, say=lambda line: None)
        >>> len(found.frontier), "min_samples_leaf" in found.best.setting or not found.best.words
        (5, True)
    """
    given = {**locals(), "levers": fixed}
    request = request_from_python(given, "byheart.balance(...)", say)
    folder = Path(out) if out is not None else None
    if folder is not None:
        must_be_writable(folder)
    tries = (levers,) if isinstance(levers, str) else levers
    with Progress(quiet=say is not None or progress is not None) as shown:
        tell = say or (shown.say if progress is None else to_stderr)
        return run(request, tries, folder, settings=settings, say=tell, progress=progress or shown)


def run(
    request: Request, tries: Sequence[str] | Mapping[str, Iterable[Any]], folder: Path | None, *,
    settings: Mapping[str, Any] | None = None, say: Say | None = None, progress: Told | None = None,
) -> Balanced:  # fmt: skip
    """Carry out what `request` and `tries` ask for, over the ledger in `folder` (a temporary one without it)."""
    tell = say or to_stderr
    with ExitStack() as stack:
        temporary = None
        unkeyed = unkeyed_reasons(request.subject)
        if folder is None or unkeyed:
            temporary = temporary_folder()
            stack.callback(shutil.rmtree, temporary, ignore_errors=True)
        if unkeyed:
            reason = not_kept(unkeyed)
            tell(reason)
            request = replace(request, notes=(*request.notes, reason))
        ledger = temporary or Path(folder or ".") / "ledger"
        engine = stack.enter_context(closing(engine_for(request.jobs, request.threads)))
        session = Session(
            request.subject, (), ledger, engine, Settings(request.device, request.threads), progress, tell
        )
        stack.callback(session.ledger.close)
        return _raced(request, session, tries, settings or {}, tell)


def _raced(
    request: Request, session: Session, tries: Sequence[str] | Mapping[str, Iterable[Any]],
    settings: Mapping[str, Any], tell: Say,
) -> Balanced:  # fmt: skip
    if (members := session.subject.members) < FEWEST:
        raise UsageError(f"at least {FEWEST} members to balance on", f"{members}", "Leave --members out, or give 16.")
    drawn = session.drawn(settings)
    for line in drawn.document["about"].get("inferred", ()) if isinstance(drawn.document["about"], dict) else ():
        tell(str(line))
    grid = grid_of(tries, session.subject)
    trial = session.trial()
    rungs, fresh, notes = _affordable(request, session, trial, len(grid))
    for line in notes:
        tell(line)
    race = Race.of(session, trial, grid, tell)
    race.run(rungs, kept)
    if race.recipe.failure:
        raise StepFailed("the recipe itself to be trained", race.recipe.failure, "Try `byheart audit` of it first.")
    if sum(one.running for one in race.entrants) < 2:
        raise StepFailed("a setting beside the recipe to be trained", race.entrants[1].failure, "Try other values.")
    chosen = choose(race, fresh)
    found = _record(request, session, race, chosen, rungs, notes)
    keep_balance(session.ledger, session.subject, found)
    return found


def _affordable(
    request: Request, session: Session, trial: Any, settings: int
) -> tuple[tuple[int, ...], int, tuple[str, ...]]:
    """The rungs and the fresh members that the time pays for, said before anything is trained.

    Raises:
        UsageError: it does not pay for one rung and fresh members.
    """
    most = session.subject.members
    rungs = (*(rung for rung in RUNGS if rung < most), most)
    fresh = min(FRESH, most)
    if request.budget_seconds is None:
        return rungs, fresh, ()
    each = member_seconds(session, trial) / request.jobs
    options = [(rungs[:stop], min(fresh, rungs[stop - 1])) for stop in range(len(rungs), 0, -1)]
    for some, then in options:
        needed = START + each * cost_in_members(settings, some, then)
        if needed <= request.budget_seconds:
            cut = () if some == rungs else (
                f"Budget {request.budget_seconds:.0f} s: {settings} settings on up to {some[-1]} members "
                f"(of {rungs[-1]}; about {each:.2g} s a member); a best setting is less surely told from the next",
            )  # fmt: skip
            return some, then, cut
    raise UsageError(
        expected=f"a budget for {settings} settings on {options[-1][0][-1]} members each",
        came=f"{request.budget_seconds:.0f} s; starting takes about {START:.0f} s, a member {each:.2g} s",
        do=f"Try --budget {math.ceil(needed)}s, or fewer values to --try.",
    )


def _record(
    request: Request, session: Session, race: Race, chosen: Chosen, rungs: Sequence[int], notes: tuple[str, ...]
) -> Balanced:
    subject, judge = session.subject, race.judge
    output = judge.data.output
    spent = sum(one.cpu_seconds for one in race.entrants)
    tell_time = {"cpu_seconds": round(spent, 1), "trainings": _trainings(race, chosen)}
    return Balanced(
        frontier=frontier(race, chosen),
        best=best_record(race, chosen),
        subject={
            "title": str(judge.data.about.get("title", subject.task.name)),
            "learner": subject.learner.title(judge.data),
            "kind": output.kind, "noun": output.noun[0], "nouns": output.noun[1], "n": len(judge.data.train),
            "unit": judge.unit, "score": judge.score, "share": subject.share,
        },
        rungs=tuple(rungs),
        about={"data": data_key(subject), "recipe": learner_key(subject)},
        fixed=request.lever_words,
        notes=(*request.notes, *notes),
        provenance={
            "command": request.command, "seed": subject.seed, "versions": versions(), "jobs": request.jobs,
            "learner": {name: str(value) for name, value in shown_settings(subject.learner).items()}, **tell_time,
        },
    )  # fmt: skip


def _trainings(race: Race, chosen: Chosen) -> int:
    winners = len({id(one) for one in (*chosen.by_half, race.recipe)})
    return sum(one.members for one in race.entrants) + winners * len(chosen.held)


__all__ = ["Balanced", "balance", "run"]
