"""Words of the command line -> a request."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from byheart.auditing.document import cpu_count
from byheart.auditing.front import make_request
from byheart.auditing.request import DEFAULT_FLIPS, Request, from_file, missing_for, with_flips, with_transform
from byheart.errors import UsageError
from byheart.study import parse

TABLE_ONLY = ("target", "categorical", "drop", "group")
FILE_ONLY = ("task", "missing", "split")
DEFAULTS = {"share": 0.7, "device": "auto", "returns": "auto", "no_control": False}
OPTIONS = {"setting": "set", "lever": "lever", "categorical": "categorical", "drop": "drop", "group": "group"}


def request_from_words(words: Mapping[str, Any], jobs: str) -> tuple[Request, dict[str, Any]]:
    """The request that the words of `byheart audit` ask for, and the settings of a learner not yet chosen.

    Raises:
        UsageError: a wrong word or option; InputRefused: a file that cannot be read.
    """
    subject = words["subject"]
    settings = parse.pairs(words["setting"] or (), "--set")
    options = {name: words[name] for name in (*TABLE_ONLY, *FILE_ONLY) if words[name] not in (None, [])}
    notes: tuple[str, ...] = ()
    learner, flip = None, words["flip"]
    named = parse.estimator(words["learner"], settings) if words["learner"] is not None else None
    if subject.endswith(".py"):
        parse.must_exist(Path(subject))
        kept = {name: value for name, value in options.items() if name not in TABLE_ONLY}
        found = from_file(Path(subject), kept, words["returns"])
        task, learner, notes = found.task, found.learner, tuple(found.notes)
    elif subject:
        task = parse.task_from(subject, missing_for(named, options) if subject.endswith(".npz") else options)
    else:
        task = parse.spec("task", "fashion", {})
        if flip is None and not words["no_control"]:
            task = with_flips(task, DEFAULT_FLIPS, control=True)
    wrong = [f"--{name}" for name in TABLE_ONLY if words[name] not in (None, []) and task.name != "table"]
    if wrong:
        raise UsageError(
            expected=f"a table (.csv or .parquet) for {wrong[0]}", came=subject or "no subject", do="Leave it out."
        )
    wrong = [f"--{name}" for name in FILE_ONLY if words[name] is not None and task.name not in {"table", "arrays"}]
    if words["returns"] != "auto" and not subject.endswith(".py"):
        wrong.append("--returns")
    if wrong:
        raise UsageError(expected=f"data of yours for {wrong[0]}", came=subject or "no subject", do="Leave it out.")
    if words["learner"] is not None:
        if learner is not None:
            raise UsageError(
                expected="one learner", came=f"--learner and the one of {subject}", do="Leave --learner out."
            )
        learner, settings = named, {}
    task = with_transform(task, words.get("transform"))
    members = task.usual_members if words["members"] is None else words["members"]
    request = make_request(
        task, learner, levers=words["lever"] or (), members=members, share=words["share"], flip=flip,
        seed=words["seed"], device=words["device"], jobs=jobs_from(jobs), budget=words["budget"], settings=settings,
        command=command(words), notes=notes, also=words["also"] or (),
    )  # fmt: skip
    return request, settings


def jobs_from(word: str) -> int:
    """The number of workers that `--jobs` asks for."""
    if word == "auto":
        return min(8, cpu_count())
    if not word.isdigit() or int(word) < 1:
        raise UsageError(expected="--jobs as a whole number or auto", came=repr(word), do="Try --jobs 2.")
    return int(word)


def command(words: Mapping[str, Any]) -> str:
    """The command that asks for the same audit: the subject, the seed, and options that differ from their defaults.

    The folder is left out: it changes no number, and a page must not carry a path of somebody's machine.
    """
    subject = words["subject"]
    said = ["byheart", "audit", *([Path(subject).name if Path(subject).is_file() else subject] if subject else [])]
    for name, value in words.items():
        if name in {"subject", "seed", "out"} or value in (None, [], ()) or value == DEFAULTS.get(name):
            continue
        for item in value if isinstance(value, list) else [value]:
            said += ["--no-control"] if name == "no_control" else [f"--{OPTIONS.get(name, name)}", str(item)]
    return shlex.join([*said, "--seed", str(words["seed"])])
