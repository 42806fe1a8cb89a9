"""`--lever balance.toml`: the setting that `byheart balance` found, for the subject that it was found on."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from byheart.errors import InputRefused, UsageError
from byheart.probes.base import Subject
from byheart.study import parse
from byheart.study.plan import draw_step


@dataclass(frozen=True)
class LeverFile:
    """The words of a file, and the keys of the data and of the learner that it was made on."""

    name: str
    words: tuple[str, ...]
    data: str
    learner: str
    title: str


def read_lever_file(path: Path) -> LeverFile:
    """A `balance.toml`.

    Raises:
        UnknownName: no such file; InputRefused: none that `byheart balance` wrote.
    """
    parse.must_exist(path)
    try:
        found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        words = (*_words(found, "fixed"), *_words(found, "levers"))
        subject = found["subject"]
        title = f"{subject['learner']} on {subject['title']}"
        return LeverFile(path.name, words, str(subject["data"]), str(subject["recipe"]), title)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        came = f"{path.name}: {type(error).__name__}: {error}"
        raise InputRefused("a balance.toml of `byheart balance`", came, "Give the lever itself: NAME=VALUE.") from None


def _words(found: dict[str, Any], name: str) -> tuple[str, ...]:
    words = found.get(name, [])
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise TypeError(f"{name} is no list of words")
    return tuple(words)


def with_files_read(words: Sequence[str]) -> tuple[tuple[str, ...], LeverFile | None]:
    """The words with those of a `balance.toml` in its place, and the file; None where there is none.

    Raises:
        UsageError: two files.
    """
    files = [word for word in words if word.endswith(".toml")]
    if len(files) > 1:
        raise UsageError("one balance.toml", ", ".join(files), "Leave one out.")
    if not files:
        return tuple(words), None
    found = read_lever_file(Path(files[0]))
    made = [one for word in words for one in (found.words if word == files[0] else (word,))]
    return tuple(dict.fromkeys(made)), found


def must_be_of(file: LeverFile, subject: Subject) -> None:
    """Refuse the setting of another subject.

    Raises:
        InputRefused: it was found on other data or of another learner.
    """
    of_data, of_learner = data_key(subject), learner_key(subject)
    what = "other data" if file.data != of_data else "another learner" if file.learner != of_learner else ""
    if what:
        raise InputRefused(
            expected=f"a setting that was found on these data and this learner, in {file.name}",
            came=f"one of {what}: {file.title}",
            do="Run `byheart balance` of this subject, or give the lever itself: NAME=VALUE.",
        )


def learner_key(subject: Subject) -> str:
    """What names a learner before any of its settings is turned."""
    return (subject.plain or subject.learner).key()[:16]


def data_key(subject: Subject) -> str:
    """What names the data of a subject, but for labels that an audit redraws as its own control."""
    task = subject.task
    plain = task.task if getattr(task, "control", False) and task.name == "flipped" else task
    return draw_step(replace(subject, task=plain)).key
