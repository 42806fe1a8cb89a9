"""`byheart.audit`: measure what a model trained this way has memorised and what it has understood."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byheart.auditing.compare import lever_effect
from byheart.auditing.document import document, document_key, is_document, run_id
from byheart.auditing.first_answer import tell_first_answer
from byheart.auditing.kept_balance import balance_of
from byheart.auditing.kept_names import keep_names
from byheart.auditing.lever_file import must_be_of
from byheart.auditing.provenance import shown_settings
from byheart.auditing.python_request import request_from_python
from byheart.auditing.request import Request, make_request
from byheart.auditing.result import Audit
from byheart.auditing.workplace import not_kept, temporary_folder, unkeyed_reasons
from byheart.auditing.writing import must_be_writable
from byheart.engines.base import Engine
from byheart.engines.choice import engine_for
from byheart.engines.inline import Inline
from byheart.errors import LedgerDamaged
from byheart.fingerprint.description import can_move
from byheart.ledger.base import Result, Say
from byheart.progress import Progress
from byheart.study import parse
from byheart.study.budget import cut
from byheart.study.execute import Told
from byheart.study.forecast import announced, forecast
from byheart.study.plan import Plan, Settings
from byheart.study.session import Answers, Session
from byheart.study.soundness import mend
from byheart.terminal import to_stderr

if TYPE_CHECKING:
    pass


def audit(
    data: Any,
    *,
    test: Any = None,
    target: str | Sequence[str] | None = None,
    clean: Any = None,
    groups: Any = None,
    group: str | Sequence[str] = (),
    categorical: str | Sequence[str] = (),
    drop: str | Sequence[str] = (),
    id: Any = None,
    model: Any = None,
    fit: Callable[..., Any] | None = None,
    returns: str = "auto",
    levers: Sequence[str] = (),
    baseline: bool = True,
    members: int | None = None,
    first: bool = False,
    share: float = 0.7,
    flip: float | None = None,
    phases: int | None = None,
    seed: int = 0,
    task: str | None = None,
    missing: str | None = None,
    split: str | float | None = None,
    transform: str | None = None,
    device: str = "auto",
    jobs: int = 1,
    budget: str | None = None,
    out: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    also: Sequence[str] = (),
    say: Say | None = None,
    progress: Told | None = None,
) -> Audit:
    r"""How much of this model is memory, how much is understanding, and which examples are which?

    `members` models are trained on random balanced subsets, each on `share` of the examples, and one model on
    everything; every answer is read from that bank. reference bits = understood + memorised + left, exactly.

    Args:
        data: a pair (x, y) of arrays, tensors, lists or frames (pandas, polars, pyarrow; also (frame, "column"), or a
            frame with `target`); a map-style dataset or a DataLoader over one (of torch or of Hugging Face `datasets`),
            read once; the path of a folder of pictures with one folder per class; or a task (`byheart.tasks`). Your
            model or training gets x as you give it; only byheart's own learners prepare it. Your module is trained with
            the loader's batch size.
        test: a pair (x_test, y_test), a frame, a dataset or a loader; without it 20 % is held out by hash of the row.
        target: the column of a frame to predict, or several of numbers.
        clean: the same dataset as `data`, which augments at random, without augmentation: each member of your module is
            trained on draws of its own of `data`, and all are scored on `clean`.
        groups: (n,) the patient, user or scene of each training example; one group is seen or left out as a whole, as
            copies are.
        group: or the column of a frame that says so; no feature.
        categorical: columns of a frame to read as categories.
        drop: columns of a frame to leave out.
        id: (n,) different names of the examples, or a column of a frame; they enter no number. Without it positions.
        model: a function that returns a fresh torch module (our loop trains it), or a scikit-learn estimator.
        fit: your own training, `fit(x, y, seed) -> model or estimator`; the model is called on x.
        returns: what your model returns: `auto`, `logits`, `probabilities`, `labels` or `values`.
        levers: such as `"weight-decay=0.001"`.
        baseline: with levers, train the same recipe without them on the same subsets and seeds, and say what they move
            (`Audit.lever_effect`).
        members: how many models (64; fewer for text); more make intervals narrower. Of 1 to 7 there are averages, and
            nothing is said of single examples.
        first: whether to say the headline as soon as two members are trained; it changes no number.
        share: part of the examples that each member sees.
        phases: train in so many phases of classes, one after another.
        flip: share of the training labels to redraw, as a positive control whose truth is known.
        seed: the root seed.
        task: `classes` or `values`, where it should not be inferred.
        missing: `refuse` (of arrays) or `impute` (of frames) missing cells; your own code gets them, estimators that do
            not take them refuse them or get them imputed.
        split: share held out where no test is given (0.2); `random` or `time` says whether examples follow one another
            in time; without it that is looked at, and said.
        transform: `log` or `rank`, of a target of values whose few largest carry its variance; all numbers then speak
            of the transformed target.
        device: `auto`, `cpu`, `cuda` or `mps`.
        jobs: worker processes; it changes no number.
        budget: time to spend, such as `"60s"`; it cuts members, never epochs.
        out: folder of the ledger, for resuming; without it nothing is kept.
        settings: fields of our own learner (`epochs`, `lr`, ...) where it trains.
        also: probes on request, such as `"memory/effect"`, or with settings `"memory/effect:method=retrain"`.
        say: called with each line worth telling before and while it runs; without it they go to standard error.
        progress: called with (step, state): `to do` before steps run, `done`, `failed` or `kept` as each ends; without
            it and `say`, a bar or lines on standard error.

    Returns:
        The audit: `.bits`, `.memorised(k)`, `.findings`, `.verdicts`, `.to_dict()`, `.save(path)`.

    Raises:
        InputRefused: the data or the model cannot be measured truly, and why.
        UsageError: an option is wrong.
        OutputRefused: `out` cannot be written.

    Cost: `members` trainings on `share` of the data, one on everything, and at most a quarter more to measure.
    Fails when: examples share a source that no group names (patients, scenes), and so stand in for each other.

    Reference: Feldman and Zhang 2020, What neural networks memorize and why, section 3; Morris et al. 2025, How much do
    language models memorize?, section 2.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.tree import DecisionTreeClassifier
        >>> x, y = load_iris(return_X_y=True)
        >>> found = audit((x, y), model=DecisionTreeClassifier(), members=16)
        >>> found.findings["generalization/gap"].quantities["train_accuracy"].value > 0.95
        True
    """
    request = request_from_python(locals(), "byheart.audit(...)", say)
    folder = Path(out) if out is not None else None
    if folder is not None:
        must_be_writable(folder)
    with Progress(quiet=say is not None or progress is not None) as shown:
        tell = say or (shown.say if progress is None else to_stderr)
        return run(request, folder, settings=settings, say=tell, progress=progress or shown)


def run(
    request: Request,
    folder: Path | None,
    *,
    settings: Mapping[str, Any] | None = None,
    say: Say | None = None,
    progress: Told | None = None,
) -> Audit:
    """Carry out a request over the ledger in `folder` (a temporary one without it) and return the audit."""
    tell = say or (lambda line: None)
    with ExitStack() as stack:
        ledger = folder / "ledger" if folder is not None else None
        temporary = None
        unkeyed = unkeyed_reasons(request.subject)
        if ledger is None or unkeyed:
            ledger = temporary = temporary_folder()
        if unkeyed:
            reason = not_kept(unkeyed)
            tell(reason)
            request = replace(request, notes=(*request.notes, reason))
        if request.jobs > 1 and not unkeyed and not all(map(can_move, _moving(request))):
            tell("The training runs in this process: another, which has only its file, does not get the same from it.")
        try:
            engine = stack.enter_context(closing(engine_for(request.jobs, request.threads)))
            made, answers, session = _carried_out(request, ledger, engine, settings or {}, tell, progress)
        except BaseException:
            if temporary:
                shutil.rmtree(temporary, ignore_errors=True)
            raise
    return Audit(made, answers.findings, session.ledger, answers.plan, temporary)


def _moving(request: Request) -> list[Any]:
    """What a worker must make to train: the learner and the levers."""
    return [part for part in (request.subject.learner, *request.subject.levers) if part is not None]


def planned(request: Request, folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit that `request` asks for would do over the ledger in `folder`; nothing is trained or written."""
    probes, settled = parse.every_probe(request.also), Settings(request.device, request.threads)
    session = Session(request.subject, probes, folder / "ledger", Inline(), settled)
    return forecast(session, settings, request.jobs, request.baseline)


def _carried_out(
    request: Request, ledger: Path, engine: Engine, settings: Mapping[str, Any], tell: Say, progress: Told | None
) -> tuple[dict[str, Any], Answers, Session]:
    probes, settled = parse.every_probe(request.also), Settings(request.device, request.threads)
    session = Session(request.subject, probes, ledger, engine, settled, progress, tell)
    mend(session.ledger, tell)
    drawn = session.drawn(settings)
    if request.lever_file is not None:
        must_be_of(request.lever_file, session.subject)
    for line in drawn.document["about"].get("inferred", ()) if isinstance(drawn.document["about"], dict) else ():
        tell(str(line))
    if session.subject.learner.fleet:
        told = shown_settings(session.subject.learner)
        tell("trained by our loop: " + ", ".join(f"{name} {value}" for name, value in told.items()))
    trial = session.trial()
    if request.budget_seconds is not None:
        subject, line = cut(session, trial, request.budget_seconds, request.jobs, request.baseline)
        session.subject = subject
        tell(line)
        request = replace(request, notes=(*request.notes, line))
    if request.first:
        tell_first_answer(session, trial, drawn.output, tell)

    def tell_ahead(made: Plan, todo: int) -> None:
        for line in announced(session, made, todo, request.jobs, request.baseline):
            tell(line)

    answers = session.answers(trial, tell_ahead)
    effect, notes = lever_effect(session, answers, tell) if request.baseline else (None, ())
    request = replace(request, notes=(*request.notes, *notes))
    # a failure may be gone the next time, and the document with it
    failed = [name for name, answer in answers.findings.items() if answer.status == "failed"]
    names = keep_names(session.ledger, answers.plan.draw.key, session.subject.task.names())
    kept_key, balanced = balance_of(session.ledger, session.subject) or ("", None)
    key = document_key(request, answers, failed, names, effect is not None, kept_key)
    made = document(request, session, drawn, answers, trial, names, effect, balanced)
    try:
        kept = session.ledger.get(key)
        if isinstance(kept, Result):
            if is_document(kept.document, made):
                session.ledger.renew(key)  # `latest` is what was asked for last
                return kept.document, answers, session
            raise LedgerDamaged(came=f"the result under key {key} is not the document of its findings")
    except LedgerDamaged as error:
        tell(f"Damaged ledger: {error.came}. The document is made again.")
        session.ledger.forget(key, damaged=True)
    session.ledger.put(
        key, Result(made), {"kind": "document", "run": run_id(answers), "title": made["subject"]["title"]}
    )
    return made, answers, session


__all__ = ["Audit", "audit", "make_request", "run"]
