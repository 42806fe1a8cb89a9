"""Request: an audit asked for, its subject made from what the user gave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from byheart.auditing.lever_file import LeverFile, with_files_read
from byheart.auditing.turned import moved_by_words, turned
from byheart.errors import UsageError
from byheart.probes.base import Subject
from byheart.records.options import Options
from byheart.registry import find
from byheart.study import parse

if TYPE_CHECKING:
    from byheart.levers.augmentation import Augmentation

DEFAULT_FLIPS = 0.05


@dataclass(frozen=True)
class Request:
    """What is audited and how; the command that asks for the same."""

    subject: Subject
    command: str
    device: str = "cpu"
    threads: int = 1
    jobs: int = 1
    budget_seconds: float | None = None
    notes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    first: bool = False  # whether the headline of the first members is said as soon as they are trained
    lever_words: tuple[str, ...] = ()
    lever_file: LeverFile | None = None
    baseline: bool = False  # whether the same recipe without its levers is trained beside it


def resolved_device(word: str) -> str:
    """`auto` is cuda where there is one, else cpu; torch is imported only where a GPU is likely.

    Raises:
        UsageError: an unknown word, or a device that this machine does not have.
    """
    if word not in {"auto", "cpu", "cuda", "mps"}:
        raise UsageError(expected="a device: auto, cpu, cuda or mps", came=repr(word), do="Try --device auto.")
    if word == "cpu" or (word == "auto" and not Path("/dev/nvidia0").exists()):
        return "cpu"
    import torch

    if word in {"auto", "cuda"} and torch.cuda.is_available():
        return "cuda"
    if word == "mps" and torch.backends.mps.is_available():
        return "mps"
    if word == "auto":
        return "cpu"
    raise UsageError(expected=f"a machine with {word}", came="none that torch can use", do="Try --device cpu.")


def with_flips(task: Any, share: float | None, control: bool = False) -> Any:
    """The task with a share of its training labels redrawn; None and 0 leave it as it is.

    As a `control` of the audit, the redrawn rows leave every total; else they are noise of the data.
    """
    if not share:
        return task
    if not 0 < share < 1:
        raise UsageError("a share of labels to redraw, above 0 and below 1", f"{share}", "Try --flip 0.05.")
    return find("task", "flipped")(task=task, share=share, control=control)


def with_phases(task: Any, phases: int | None) -> Any:
    """The task trained in so many phases, one after another; None leaves it as it is.

    Raises:
        UsageError: fewer than two.
    """
    if phases is None:
        return task
    if phases < 2:
        raise UsageError(expected="at least two phases", came=f"{phases}", do="Leave it out for ordinary training.")
    if task.name == "in-phases":
        return task.model_copy(update={"phases": phases})
    return find("task", "in-phases")(task=task, phases=phases)


def with_transform(task: Any, how: str | None) -> Any:
    """The task with its target transformed (`log`, `rank`); None leaves it as it is.

    Raises:
        UsageError: another word.
    """
    if how is None:
        return task
    if how not in {"log", "rank"}:
        raise UsageError(expected="a transform of the target: log or rank", came=repr(how), do="Try --transform log.")
    return find("task", "transformed")(task=task, how=how)


def make_request(
    task: Any,
    learner: Any,
    options: Options,
    command: str,
    notes: tuple[str, ...] = (),
    draws: tuple[Augmentation, ...] = (),
) -> Request:
    """The request of a task, a learner (None: the default one) and options; what is only said of data is not read.

    `draws` are the augmentation of the data, where they came with one.

    Raises:
        UsageError: too few members, a share out of range, an unknown lever, setting or device.
    """
    members = task.usual_members if options.members is None else options.members
    if members < 1:
        raise UsageError("at least one member", f"{members}", "Try --members 64, or 4 for a first answer.")
    if not 0 < options.share < 1:
        raise UsageError(expected="a share between 0 and 1", came=f"{options.share}", do="Try --share 0.7.")
    if int(options.jobs) < 1:
        raise UsageError(expected="at least one job", came=f"{options.jobs}", do="Try --jobs 2.")
    parse.probes(options.also)  # a wrong word is named before anything is drawn
    if learner is not None and options.settings:
        learner = parse.changed(learner, options.settings)
    words, file = with_files_read(options.levers)
    moved, settings = moved_by_words(words, learner)
    plain, learner = learner, turned(learner, settings) if settings else learner
    task = with_flips(with_phases(task, options.phases), options.flip)
    return Request(
        subject=Subject(
            task, learner, (*moved, *draws), options.seed, members, options.share, plain=plain if settings else None,
            turned=tuple((name, str(value)) for name, value in settings.items()),
        ),
        command=command,
        device=resolved_device(options.device),
        jobs=int(options.jobs),
        budget_seconds=None if options.budget is None else parse.seconds(options.budget),
        notes=(*notes, *(lever.note for lever in draws)),
        also=options.also,
        first=options.first,
        lever_words=words,
        lever_file=file,
        baseline=bool(moved or settings) and not options.no_baseline,
    )
