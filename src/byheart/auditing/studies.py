"""The front door of `byheart study`: a claim's subjects through the ledger, then its expectations judged."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

from byheart.auditing.cli_request import request_from_words
from byheart.auditing.document import evidence, spoken_of, unlabelled
from byheart.auditing.named_learner import with_settings_of_its_own
from byheart.auditing.provenance import LEVEL, plain, shown_settings
from byheart.auditing.request import Request, make_request, resolved_device
from byheart.auditing.surveys import check_quantities, check_surveys, surveyed
from byheart.auditing.writing import write_text
from byheart.engines.choice import engine_for
from byheart.errors import ByheartError, InputRefused, StepFailed, UsageError, unknown_name
from byheart.fingerprint.trust import reading
from byheart.ledger.base import Result, Say
from byheart.probes.base import Probe
from byheart.records.claim import Claim, ClaimSubject
from byheart.records.claim_result import Studied, StudiedSubject
from byheart.records.finding import Answer
from byheart.records.options import Options
from byheart.records.provenance import versions
from byheart.registry import names
from byheart.report.study import render_study
from byheart.study import parse
from byheart.study.execute import Told
from byheart.study.plan import Settings
from byheart.study.session import Answers, Drawn, Session
from byheart.study.settings import with_settings
from byheart.study.soundness import mend
from byheart.study.steps import Step, load_data
from byheart.verdicts.claim_checks import judge


def study(
    name: str, claim: Claim, folder: Path, *, word: str = "", values: Sequence[str] = (), device: str = "auto",
    jobs: int = 1, say: Say | None = None, progress: Told | None = None, trust: bool = False, named: Sequence[str] = (),
) -> Studied:  # fmt: skip
    """Does what the field says hold on these subjects?

    What is checked when: names and settings of tasks, learners, levers and probes, and whether each comparison is one,
    before anything is drawn; the data of all subjects before anything is trained; the name of a quantity once the
    first finding that should hold it is there. Subjects go through one ledger in `folder`, so a study that was stopped
    goes on, and subjects of several claims that are equal are trained once. A subject whose training fails or is
    refused is reported and the others go on; only where all are refused is the study.

    Args:
        name: what the claim is called.
        claim: subjects, probes, and what should come out.
        folder: where the ledger and the page are kept.
        word: what the command names it by, where that is not its name: a file.
        values: what the command put over it, as `--set` takes it.
        device: `auto`, `cpu`, `cuda` or `mps`.
        jobs: worker processes; they change no number.
        say: called with each line worth telling.
        progress: called with (step, state) as steps end.
        trust: run code that the claim names and that is not byheart's (`trust.reading`), after showing it.
        named: words of the command; a file of code among them is the caller's and runs.

    Raises:
        UsageError: a task, learner, lever, setting or quantity of the claim does not exist.
        InputRefused: the data of a subject, or the training of every subject, cannot be measured truly.

    Cost: the audits of its subjects, with the probes of the claim alone. Fails when: the subjects are not what the
    claim speaks of; its note says how they differ.

    Example:
        >>> import tempfile
        >>> from byheart.records.claim_table import claim_from
        >>> gap = "generalization/gap"
        >>> claim = claim_from({
        ...     "claim": "A tree fits all it has seen.",
        ...     "source": [{"author": "Breiman et al.", "year": 1984, "title": "Trees"}],
        ...     "subject": {"digits": {
        ...         "task": "digits", "task_settings": {"n": 60}, "learner": "DecisionTreeClassifier", "members": 8,
        ...         "probes": [gap],
        ...     }},
        ...     "expect": [{"says": "It does.", "quantity": f"{gap}/train_accuracy", "above": 0.9}],
        ... })
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     study("trees", claim, Path(folder)).tally()
        '1 of 1 expectations held'
    """
    tell = say or (lambda line: None)
    asked = prepared(claim, device, trust, named)
    settings = Settings(resolved_device(device))

    def counted(step: Step, state: str) -> None:
        # the steps that `announced` counts: those before it belong to no number
        if progress and step.kind in {"train", "measure"}:
            progress(step, state)

    with closing(engine_for(jobs, settings.threads)) as engine, reading(trust, named):

        def opened(key: str) -> Session:
            request, probes = asked[key]
            return Session(request.subject, probes, folder / "ledger", engine, settings, counted, tell)

        _draw_all(claim, opened, tell)
        made, findings = _measure_all(claim, opened, tell)
        findings[""] = surveyed(claim, made, folder / "ledger", tell)
    return Studied(
        study=name,
        claim=claim.claim,
        source=claim.source,
        note=claim.note,
        words=claim.words,
        outcomes=tuple(judge(claim, expected, findings) for expected in claim.expect),
        surveys={name: answer.model_dump(mode="json") for name, answer in findings[""].items()},
        subjects=made,
        provenance={
            "command": shlex.join(
                ["byheart", "study", word or name, *(part for one in values for part in ("--set", one))]
            ),
            "versions": versions(),
            "device": settings.device,
            "threads": settings.threads,
            "level": LEVEL,
        },
    )


def prepared(
    claim: Claim, device: str = "auto", trust: bool = False, named: Sequence[str] = ()
) -> dict[str, tuple[Request, list[Probe]]]:
    """The request and the probes of each subject: every word of the claim checked, nothing drawn yet.

    Raises:
        UsageError: a task, learner, lever, probe or setting does not exist.
        InputRefused: it names code that is not byheart's, and `trust` is not given.
    """
    with reading(trust, named):
        asked = {name: (requested(subject, device), _probes(subject)) for name, subject in claim.subject.items()}
    check_surveys(claim)
    return asked


def page_of(found: Studied, folder: Path) -> Path:
    """Write the page of a study into its folder."""
    return write_text(folder / f"study-{found.study}.html", render_study(found))


def requested(subject: ClaimSubject, device: str = "auto") -> Request:
    """The request of one subject, as `byheart audit` would make it of the same words, with its settings by path.

    Raises:
        UsageError: a task, learner, lever or setting does not exist.
        InputRefused: a file that cannot be read.
    """
    words = {name: getattr(subject, name) for name in ("levers", "members", "share", "flip", "seed")}
    options = Options(**words, device=device, jobs=1)
    settings = dict(subject.settings)
    if subject.task in names("task"):
        task = parse.spec("task", subject.task, subject.task_settings)
        learner = parse.estimator(subject.learner, subject.learner_settings) if subject.learner else None
        of_default = {} if subject.learner else subject.learner_settings
        request = make_request(task, learner, replace(options, settings=of_default), "byheart study")
    else:
        request = _of_file(subject, options)
        if request.subject.learner is not None:  # it came with the file, and so its settings were not known before
            settings |= {f"learner.{name}": value for name, value in subject.learner_settings.items()}
    made = request.subject
    learner, settings = with_settings_of_its_own(made.learner, settings)
    task, learner, levers = with_settings(made.task, learner, made.levers, settings)
    return replace(request, subject=replace(made, task=task, learner=learner, levers=levers))


def _of_file(subject: ClaimSubject, options: Options) -> Request:
    """The request of a file or folder of the user's, read as `byheart audit` reads it.

    Raises:
        UsageError: an option that there is not; InputRefused: it cannot be read.
    """
    known = [one.name for one in fields(Options)]
    for name in subject.options:
        if name not in known:
            raise unknown_name("option of byheart audit", name, known)
    given = replace(options, learner=subject.learner or None, **subject.options)
    return request_from_words(subject.task, given, say=None)[0]


def _probes(subject: ClaimSubject) -> list[Probe]:
    return list(parse.probes(subject.probes).values())


def _draw_all(claim: Claim, opened: Callable[[str], Session], tell: Say) -> None:
    """Draw the data of every subject, so that what is refused is refused before an hour of training."""
    for key, words in claim.subject.items():
        session = opened(key)
        with closing(session.ledger):
            mend(session.ledger, tell)
            try:
                session.drawn()
            except (InputRefused, UsageError) as error:
                raise type(error)(came=f"{words.says or key}: {error}") from None
            except StepFailed:
                pass  # it is tried again in its turn, and then said


def _measure_all(
    claim: Claim, opened: Callable[[str], Session], tell: Say
) -> tuple[tuple[StudiedSubject, ...], dict[str, Mapping[str, Answer]]]:
    """Train and measure every subject; one that cannot be does not hide the others.

    Raises:
        UsageError: a quantity that the finding does not have.
        ByheartError: every subject was refused.
    """
    made: list[StudiedSubject] = []
    findings: dict[str, Mapping[str, Answer]] = {}
    errors: list[ByheartError] = []
    for key, words in claim.subject.items():
        session = opened(key)
        with closing(session.ledger):
            try:
                subject, findings[key] = _studied(key, words, session, tell)
            except (StepFailed, InputRefused, UsageError) as error:
                tell(f"{key}: {error}")
                errors.append(error)
                subject = StudiedSubject(name=key, says=words.says or key, about={}, failed=str(error))
        made.append(subject)
        check_quantities(claim, key, findings.get(key, {}))
    if not findings and not any(isinstance(error, StepFailed) for error in errors):
        raise errors[0]
    return tuple(made), findings


def _studied(key: str, words: ClaimSubject, session: Session, tell: Say) -> tuple[StudiedSubject, Mapping[str, Answer]]:
    """One subject drawn, trained and measured."""
    drawn = session.drawn(words.learner_settings)
    says = words.says or key
    answers = session.answers(session.trial(), lambda made, todo: tell(f"{says}: {made.announced(todo)}"))
    subject = StudiedSubject(
        name=key,
        says=says,
        about=_about(words, session, drawn, answers),
        noun=drawn.output.noun,
        subject=spoken_of(session, drawn, answers),
        steps={step.about["probe"]["name"]: step.key for step in answers.plan.measure},
        findings={name: unlabelled(evidence(answer)) for name, answer in answers.findings.items()},
    )
    return subject, answers.findings


def _about(words: ClaimSubject, session: Session, drawn: Drawn, answers: Answers) -> dict[str, str | int | float]:
    """What was trained on what, for how long: words and figures."""
    subject = session.subject
    data = load_data(answers.plan.draw.key, session.ledger)
    settings = {name: plain(value) for name, value in shown_settings(subject.learner).items()}
    settings.pop("name", None)  # the title says it
    made: dict[str, str | int | float] = {
        "data": str(data.about.get("title", subject.task.name)),
        "n": drawn.n,
        "new": drawn.n_test,
        "learner": subject.learner.title(data),
        **settings,
        "seed": subject.seed,
    }
    if any(step.about["share"] < 1 for step in answers.plan.train):  # else all are trained on everything
        made |= {"members": subject.members, "share": subject.share}
    if words.flip:
        made["labels redrawn"] = words.flip
    for lever in subject.levers:
        made[f"lever {lever.name}"] = plain(lever.told)
    if (parameters := _parameters(session, answers)) is not None:
        made["parameters"] = parameters
    return {**made, **{f"CPU seconds, {what}": round(spent, 1) for what, spent in answers.cpu_seconds.items()}}


def _parameters(session: Session, answers: Answers) -> int | None:
    for step in answers.plan.train:
        found = session.ledger.get(step.key)
        if isinstance(found, Result) and found.document["about"].get("parameters") is not None:
            return int(found.document["about"]["parameters"])
    return None
