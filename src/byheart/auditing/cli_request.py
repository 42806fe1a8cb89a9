"""Which audit do the words of the command line ask for?"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from byheart.auditing.given import from_file, missing_for
from byheart.auditing.named_learner import named_learner
from byheart.auditing.provenance import cpu_count
from byheart.auditing.request import DEFAULT_FLIPS, Request, make_request, with_flips, with_transform
from byheart.errors import UsageError
from byheart.ledger.base import Say
from byheart.records.options import Options, word_of
from byheart.registry import names
from byheart.study import parse


def request_from_words(
    subject: str, options: Options, say: Say | None = None, notes: tuple[str, ...] = ()
) -> tuple[Request, dict[str, Any]]:
    """The request that the words of `byheart audit` ask for, and the settings of a learner not yet chosen.

    `say` takes lines on how data are read; without it they go to standard error.

    Raises:
        UsageError: a wrong word or option; InputRefused: a file that cannot be read.
    """
    settings = parse.pairs(options.settings, "--set")
    of_table, of_file, of_series = (options.about(what) for what in ("table", "file", "series"))
    read = {name: value for name, value in of_file.items() if name != "split"} | parse.split(options.split)
    learner, draws = None, ()
    named = named_learner(options.learner, settings, options.returns) if options.learner is not None else None
    if subject.endswith(".py"):
        parse.must_exist(Path(subject))
        found = from_file(Path(subject), read, options.returns, say)
        task, learner, draws, notes = found.task, found.learner, found.draws, (*notes, *found.notes)
    elif _is_folder(subject):
        task = parse.folder(Path(subject), read | options.about("folder"), say)
    elif parse.is_series(subject, of_series):
        task, of_table, of_file, of_series = parse.series(subject, of_table | read, of_series), {}, {}, {}
    elif subject:
        given = of_table | read
        task = parse.task_from(subject, missing_for(named, given) if subject.endswith(".npz") else given)
    else:
        task = parse.spec("task", "fashion", {})
        if options.flip is None and not options.no_control:
            task = with_flips(task, DEFAULT_FLIPS, control=True)
    if of_series:
        task, of_series = parse.with_window(task, of_series), {}
    _fits(subject, task, options, [*(of_table if task.name != "table" else ())], [*of_file])
    if named is not None:
        if learner is not None:
            raise UsageError("one learner", f"--learner and the one of {subject}", "Leave --learner out.")
        learner, settings = named, {}
    task = with_transform(task, options.transform)
    asked = replace(options, settings=settings, jobs=jobs_from(options.jobs))
    return make_request(task, learner, asked, command(subject, options), notes, draws), settings


def _fits(subject: str, task: Any, options: Options, of_table: Sequence[str], of_file: Sequence[str]) -> None:
    """Refuses options of a table or a file where the data are something else."""
    what, wrong = "a table (.csv or .parquet)", of_table
    if not wrong:
        what, wrong = "a folder of pictures", [] if _is_folder(subject) else [*options.about("folder")]
    if not wrong:
        what, wrong = "data of yours", [] if task.name in {"table", "arrays"} else [*of_file]
        if options.returns != "auto" and not subject.endswith(".py") and ":" not in (options.learner or ""):
            wrong = [*wrong, "returns"]
    if wrong:
        raise UsageError(expected=f"{what} for --{wrong[0]}", came=subject or "no subject", do="Leave it out.")


def _is_folder(subject: str) -> bool:
    """Is it a folder? The name of a task is that task; with a slash it is the folder of that name."""
    return bool(subject) and subject not in names("task") and Path(subject).is_dir()


def _without_its_place(subject: str) -> str:
    """The name of a file or folder; any other word as it is."""
    path = Path(subject)
    return f"{path.resolve().name}/" if _is_folder(subject) else path.name if path.is_file() else subject


def jobs_from(word: str | int) -> int:
    """The number of workers that `--jobs` asks for."""
    if word == "auto":
        return min(8, cpu_count())
    if not (word := str(word)).isdigit() or int(word) < 1:
        raise UsageError(expected="--jobs as a whole number or auto", came=repr(word), do="Try --jobs 2.")
    return int(word)


def command(subject: str, options: Options) -> str:
    """The command that asks for the same audit: the subject, the seed, and options that differ from their defaults.

    The folder is left out: it changes no number, and a page must not carry a path of somebody's machine.
    """
    said = ["byheart", "audit", *([_without_its_place(subject)] if subject else [])]
    for one in fields(Options):
        value = options.changed().get(one.name)
        if value is None or one.name in {"seed", "jobs", "first"}:
            continue
        for item in value if isinstance(value, tuple) else [value]:
            said += [f"--{word_of(one)}", *([] if value is True else [str(item)])]
    return shlex.join([*said, "--seed", str(options.seed)])
