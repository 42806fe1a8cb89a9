"""The examples that a measured model is asked about: training and test, in the numbering of its own scores."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from byheart.auditing.given import arrays_from, collected, from_file
from byheart.errors import InputRefused, UsageError
from byheart.learners.module_inputs import called_with, of_parts
from byheart.registry import find
from byheart.study import parse
from byheart.tasks.archive import read_archive
from byheart.tasks.data import Data
from byheart.tasks.features import FILL
from byheart.tasks.labels import NOTHING_TO_LEARN

INSTEAD = {  # what an audit advises, and what helps where nothing is trained
    FILL: "Fill them in as you did for the model: it is measured on the numbers it is given.",
    NOTHING_TO_LEARN: "The classes are told from the examples: give some of each, or a test as .npz beside --train.",
}
Say = Callable[[str], None]


class Rows(NamedTuple):
    """Inputs x (n, ...) and labels y (n,), as whoever has them keeps them."""

    x: Any
    y: Any


@dataclass(frozen=True)
class MeasuredExamples:
    """Training and test examples, read as one.

    Attributes:
        data: the examples; its view `train` is the test where no training examples were given.
        trained: whether training examples were given.
        tested: whether test examples were given.
        notes: what was inferred, a line each.
    """

    data: Data
    trained: bool
    tested: bool
    notes: list[str] = field(default_factory=list)

    def tensors(self, view: str) -> tuple[Tensor, np.ndarray]:
        """x (n, ...) as the module is called on it, and class numbers (n,) in the order of the names of the classes."""
        examples = self.data.views[view if self.trained else "train"]
        return called_with(examples), examples.y

    def wrapped(self, module: nn.Module) -> nn.Module:
        """The module, which gets a dictionary where the examples are one."""
        return of_parts(module, self.data)


def examples_of(train: Any, test: Any, target: str | None, say: Say | None = None) -> MeasuredExamples | None:
    """The training and the test examples, each a pair (x, y), a dataset, or any file or name that an audit takes.

    Raises:
        UsageError: no such file, or a target of something that is no table.
        InputRefused: what cannot be measured truly; two sources that do not fit together.
    """
    if train is None and test is None:
        return None
    try:
        return _examples(train, test, target, say)
    except InputRefused as error:
        raise InputRefused(error.expected, error.came, INSTEAD.get(error.do, error.do)) from None


def _examples(train: Any, test: Any, target: str | None, say: Say | None) -> MeasuredExamples:
    own, brought = _read(train if train is not None else test, target, say)
    if test is not None and train is not None:
        brought, more = _read(test, target, say)
        if more is not None:
            raise UsageError("one set of examples as the test", f"{test}, which holds two", "Name one of them.")
    new = brought if train is not None else None
    x_test, y_test = new if new is not None else own  # as its own test nothing is held out
    data = find("task", "arrays").of(own.x, own.y, x_test, y_test).draw(0)
    if not data.output.labelled:
        raise _no_classes(data.about["title"], data.output.kind)
    said = [line for line in data.about["inferred"] if line.partition(":")[0] in ("task", "labels", "features")]
    if new is not None and data.about["overlap"]:
        said.append(f"overlap: {data.about['overlap']} test examples have a twin among the training examples")
    return MeasuredExamples(data, train is not None, test is not None or new is not None, said)


def _read(given: Any, target: str | None, say: Say | None) -> tuple[Rows, Rows | None]:
    """The rows of a source, and those of a test that it brings along."""
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        if target is not None and path.suffix.lower() not in parse.TABLES:
            raise UsageError("a table for target", os.fspath(given), "Leave it out.")
        if path.suffix.lower() == ".npz":
            parse.must_exist(path)
            held = read_archive(path)
            more = Rows(held["x_test"], held["y_test"]) if {"x_test", "y_test"} <= set(held) else None
            return Rows(held["x"], held["y"]), more
        return _of_task(_task(path, os.fspath(given), target, say))
    data, _ = collected(given, None, say=say)
    if isinstance(data, list | tuple) and len(data) == 2 and not _is_frame(data[0]) and target is None:
        return Rows(*data), None
    return _of_task(arrays_from(data, None, {"target": target}))


def _is_frame(x: Any) -> bool:
    from byheart.tasks.frames.reading import is_series, library_of

    return bool(library_of(x)) and not is_series(x)


def _task(path: Path, word: str, target: str | None, say: Say | None) -> Any:
    if path.suffix == ".py":
        parse.must_exist(path)
        return from_file(path, {}, "auto", say).task
    return parse.folder(path, {}, say) if path.is_dir() else parse.task_from(word, {"target": target} if target else {})


def _of_task(task: Any) -> tuple[Rows, Rows | None]:
    """The rows of a task; what it held out by itself, of data that came as one, is put back."""
    data: Data = task.draw(0)
    if not data.output.labelled:
        raise _no_classes(str(data.about["title"]), data.output.kind)
    views = {name: data.views[name] for name in ("train", "test") if name in data.views}
    names = np.array(data.output.classes)
    rows = {name: Rows(called_with(view), names[view.y]) for name, view in views.items()}
    one = task.name in ("table", "frame") or (task.name == "arrays" and task.x_test is None)
    if not one or "test" not in rows:
        return rows["train"], rows.get("test")
    order = np.argsort(np.concatenate([view.ids for view in views.values()]))
    x = [row.x.numpy() for row in rows.values()]
    return Rows(np.concatenate(x)[order], np.concatenate([row.y for row in rows.values()])[order]), None


def _no_classes(title: str, kind: str) -> InputRefused:
    return InputRefused(
        expected="examples with a class each",
        came=f"{title}, whose targets are {kind}",
        do="Measures that read data are defined for classifiers; leave --train and --test out.",
    )
