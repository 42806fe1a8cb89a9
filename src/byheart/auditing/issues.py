"""Issues and examples of a finished audit, to take away: records, frames and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from byheart.auditing.example_previews import label_of
from byheart.errors import InputRefused
from byheart.records.columns import Columns, checked_path, write_file
from byheart.records.finding import Answer
from byheart.records.issue import Issue, IssueList
from byheart.records.provenance import SCHEMA
from byheart.registry import find
from byheart.report.cards import About
from byheart.report.issues import counted, why_empty
from byheart.tasks.data import GROUP, ID, Data, Examples
from byheart.verdicts.issues import Facts, View, issue_lists

OWN = ("kind", "id", "position", "view", "label", "others", "n_others", "planted", "suggestion")


def lists_of(
    data: Data, findings: Mapping[str, Answer], columns: Mapping[str, Mapping[str, np.ndarray]]
) -> list[dict[str, Any]]:
    """The issues of every kind, or why there are none, as the document of an audit keeps them."""
    redrawn = _redrawn(data)
    views = {name: _view(data.views[name], redrawn) for name in ("train", "test") if name in data.views}
    facts = Facts(findings, columns, views, lambda target: label_of(data.output, target), data.output.kind)
    return [one.model_dump(mode="json") for one in issue_lists(facts)]


def _view(examples: Examples, redrawn: np.ndarray) -> View:
    planted = redrawn if len(redrawn) == len(examples) else np.zeros(len(examples), bool)
    return View(_names(examples), examples.ids, examples.y, planted)


def _names(examples: Examples) -> tuple[int | str, ...]:
    """What the user calls each example; its position where he has no name for it."""
    return tuple((examples.names if ID in examples.meta else examples.ids).tolist())


def _redrawn(data: Data) -> np.ndarray:
    """(n,) bool: labels that byheart redrew, as a control or as noise; nowhere where all labels were."""
    changed, control, none = data.truth.changed, data.truth.control, np.zeros(len(data.train), bool)
    noise = none if changed is None or changed.all() else changed
    return noise if control is None else noise | control


class Issues(Sequence[Issue]):
    """The issues of an audit: a list of records, by kind, and for the kinds that it cannot list, why.

    Attributes:
        unlisted: kind -> why there is no list of it: nothing is claimed of it, neither that there are some nor that
            there are none.
        lines: a line per kind: how many there are, or why it is not listed.
    """

    def __init__(self, lists: Sequence[IssueList], about: About, planted: bool = False) -> None:
        self._issues = tuple(issue for one in lists for issue in one.issues(planted))
        self.unlisted = {one.kind: why_empty(one, about) for one in lists if not one.answered}
        self.lines = [counted(one, about, planted) for one in lists]

    def __getitem__(self, at: Any) -> Any:
        return self._issues[at]

    def __len__(self) -> int:
        return len(self._issues)

    def columns(self) -> Columns:
        """A row per issue; the figures of all kinds beside each other, empty where they are of another."""
        figures = {name: one for issue in self._issues for name, one in issue.figures.items()}
        own: dict[str, list[Any]] = {name: [getattr(issue, name) for issue in self._issues] for name in OWN[:-1]}
        measured = {
            name: [issue.figures[name].value if name in issue.figures else None for issue in self._issues]
            for name in figures
        }
        told = {name: f"{one.means} [{one.unit}]" if one.unit else one.means for name, one in figures.items()}
        return Columns({**own, **measured, "suggestion": [issue.suggestion for issue in self._issues]}, told)

    def to_frame(self, library: str | None = None) -> Any:
        """A frame of polars or pandas, a row per issue (`Columns.to_frame`).

        Raises:
            UsageError: neither is installed, or the one named is not.
        """
        return self.columns().to_frame(library)

    def save(self, path: str | Path) -> Path:
        """Write .csv or .parquet, a row per issue, or .jsonl, a record per line with the meaning of its figures.

        Raises:
            UsageError: another ending, or .parquet without pyarrow.
            OutputRefused: it cannot be written.
        """
        target = checked_path(path)
        if target.suffix.lower() != ".jsonl":
            return self.columns().save(target)
        lines = "".join(f"{issue.model_dump_json()}\n" for issue in self._issues)
        return write_file(target, lines.encode("utf-8", "backslashreplace"))

    def __repr__(self) -> str:
        return "\n".join(self.lines)


def issues_of(document: Mapping[str, Any], planted: bool = False) -> Issues:
    """The issues that the document of an audit holds.

    Raises:
        InputRefused: the document is of another schema.
    """
    if document.get("schema") != SCHEMA:
        raise InputRefused(
            expected=f"a document of schema {SCHEMA}",
            came=repr(document.get("schema")),
            do="Run the same audit again with this byheart: its trainings are kept.",
        )
    lists = [IssueList.model_validate(one) for one in document["issues"]]
    return Issues(lists, About.of(document["subject"]), planted)


def examples_of(data: Data, columns: Mapping[str, Mapping[str, np.ndarray]]) -> Columns:
    """Every column of every probe, a row per training example: `id`, `position`, `label`, `group`, `planted` first.

    A column of a probe is called as the two of them: `memory/counterfactual/score`. `group` is equal for examples that
    were seen or left out together: the name that the user gave, else a number.
    """
    train = data.train
    own = {
        "id": _names(train), "position": train.ids, "label": [label_of(data.output, target) for target in train.y],
        "group": train.meta.get(GROUP, data.groups), "planted": _redrawn(data),
    }  # fmt: skip
    measured = {
        f"{probe}/{name}": _labels(data, column) if name in find("probe", probe).label_columns else column
        for probe, made in columns.items()
        for name, column in made.items()
        if np.shape(column) == (len(train),)
    }
    return Columns({**own, **measured})


def _labels(data: Data, codes: np.ndarray) -> list[str | None]:
    """Classes in words; a gap where there is none."""
    return [label_of(data.output, code) if code >= 0 else None for code in codes]
