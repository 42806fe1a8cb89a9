"""Rows of named columns as data: what each column holds is inferred and said, a test is held out by content."""

from __future__ import annotations

import difflib
from abc import abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused, UsageError
from byheart.records.provenance import YOURS
from byheart.tasks.base import Task
from byheart.tasks.columns import Reading, read_column
from byheart.tasks.containers import Container
from byheart.tasks.data import GROUP, Data, Examples, Truth
from byheart.tasks.features import FILL, LARGEST, Missing, check_enough
from byheart.tasks.grouping import components, no_effect_of, read_groups
from byheart.tasks.holdout import digests
from byheart.tasks.inference_notes import said
from byheart.tasks.labels import Kind, Labels
from byheart.tasks.names import Names, read_names
from byheart.tasks.ordering import Order, Split, split
from byheart.tasks.output import Output
from byheart.tasks.table_reader import Sheet

GAP = "\x1f"  # between the cells of a row where their content is hashed


class Tabular(Task):
    """What do these rows of columns ask for? Of a file (`Table`) or a frame (`Frame`).

    Args:
        target: the column to predict, or several of numbers.
        task: `classes` or `values`; inferred where not given.
        categorical: columns of numbers that are categories.
        drop: columns to leave out.
        group: columns whose rows of one value are seen or left out together (patients, users); no features.
        id: the column that names the rows; no feature. What it says enters no number.
        keep: columns to keep that would be left out (ids, words that hardly repeat).
        missing: `impute` keeps missing cells as NaN, and each learner fills them in; `refuse` refuses them.
        split: share of the rows that is held out.
        order: whether rows follow one another in time: `time`, `random`, or `auto`, by how alike neighbours are.
    """

    not_in_key = frozenset({"id"})

    target: str | tuple[str, ...]
    task: Kind | None = None
    categorical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    id: str | None = None
    keep: tuple[str, ...] = ()
    missing: Missing = "impute"
    split: float = Field(default=0.2, gt=0, lt=1)
    order: Order = "auto"

    @abstractmethod
    def _sheet(self) -> Sheet:
        """All rows as text, those of a test that is given last."""

    @abstractmethod
    def _filled(self, sheet: Sheet) -> np.ndarray:
        """(n,) bool: the rows that have a target."""

    @abstractmethod
    def _targets(self, sheet: Sheet, filled: np.ndarray) -> tuple[Labels, np.ndarray]:
        """How the targets were read, and those of all filled rows."""

    @abstractmethod
    def _container(self, received: list[Reading], rows: np.ndarray) -> Container:
        """How the user keeps these rows; `received` is what byheart's own learners get of them."""

    @abstractmethod
    def _title(self) -> tuple[str, str]:
        """What the table is called, and the digest of what it holds."""

    def _n_test(self) -> int:
        """How many of the rows, the last, are a test that was given."""
        return 0

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def called(self) -> str:
        """What is predicted, in words."""
        return " and ".join(self.targets)

    def inferred(self) -> list[str]:
        """What was inferred, a line each, for printing."""
        return list(self.draw(0).about["inferred"])

    def draw(self, seed: int) -> Data:
        """The rows as data; `seed` changes nothing, for nothing is drawn.

        Raises:
            InputRefused: the file has changed, or cannot be measured truly.
            UsageError: a column that the table does not have.
        """
        sheet = self._sheet()
        filled = self._filled(sheet)
        if not filled.any():
            raise InputRefused(f"labels in the column {self.called!r}", "only empty cells", "Check the target.")
        kept, (labels, y) = _rows(sheet, filled), self._targets(sheet, filled)
        columns = self._columns(kept)
        used = [column for column in columns if column.role != "dropped"]
        self._check(columns, used, kept)
        received = [part for column in used for part in column.received]
        given = np.arange(len(filled)) >= len(filled) - self._n_test()
        place = np.where(given, np.arange(len(filled)) - (len(filled) - self._n_test()), np.arange(len(filled)))
        rows = Examples(
            ids=place[filled],
            x=np.stack([column.values for column in received], axis=1),
            y=y,
            meta={"line": kept.lines, **self._groups(kept)},
        )
        output = labels.output(
            noun=("row", "rows"),
            show="row",
            columns=tuple(column.column for column in received),
            target=self.called,
            missing="impute" if self.missing == "impute" else "keep",
        )
        times = {column.name: column.values for column in used if column.role == "date"}
        cut = self._split(rows, output, _row_digests(kept, used), times, given[filled])
        check_enough(int(cut.train.sum()))
        views = {}
        for view, those in (("train", cut.train), ("test", cut.test)):
            container = self._container(received, np.flatnonzero(filled)[those])
            views[view] = replace(rows.take(those), containers={"x": container})
        about = self._about(sheet, columns, output, labels, filled, cut)
        alone = filter(None, [no_effect_of(rows.meta.get(GROUP))])
        about["inferred"] = [*about["inferred"], *alone, *self._said_of(views["train"])]
        return Data(views=views, output=output, truth=Truth(), about=about, grouped=cut.grouped)

    def _split(
        self, rows: Examples, output: Output, content: np.ndarray, times: dict[str, np.ndarray], given: np.ndarray
    ) -> Split:
        """Which rows train and which are held out; `given` (n,) bool are those of a test that the user gave."""
        own = ~given
        of = {name: values[own] for name, values in times.items()}
        share = 0 if given.any() else self.split
        cut = split(rows.take(own) if given.any() else rows, output, content[own], share, of, self.order)
        if not given.any():
            return cut
        train = np.zeros(len(rows), dtype=bool)
        train[own] = cut.train
        shared = int(np.isin(content[given], content[train]).sum())
        twins = f"; {shared} of them have a twin among the training rows" if shared else ""
        return replace(cut, train=train, test=given, how=f"{int(given.sum())} test rows, given{twins}")

    def names(self) -> Names:
        """The cells of the column of ids, of every row; ids are row numbers.

        Raises:
            InputRefused: an id is missing, or comes twice.
        """
        if self.id is None:
            return {}
        sheet = self._sheet()
        cells, n = sheet.columns[sheet.names.index(self.id)], len(sheet.lines) - self._n_test()
        what = f"column {self.id!r}"
        names = read_names(cells[:n], n, what)
        return {"train": names, "test": read_names(cells[n:], len(cells) - n, what) if self._n_test() else names}

    def _is_feature(self, name: str) -> bool:
        """Whether the column would be one, so that leaving it out changes what models get."""
        sheet = self._sheet()
        filled = self._filled(sheet)
        cells = _take(sheet.columns[sheet.names.index(name)], filled)
        read = read_column(name, cells, sheet.separator, name in self.categorical, name in self.keep, sheet.decimal)
        return read.role != "dropped"

    def _groups(self, sheet: Sheet) -> dict[str, np.ndarray]:
        columns = []
        for name in self.group:
            cells = np.array([text or "" for text in sheet.columns[sheet.names.index(name)]], dtype=object)
            columns.append(read_groups(cells, len(sheet.lines), f"column {name!r}"))
        if len(columns) > 1:  # rows that share a value in any of them
            return {GROUP: components(*columns).astype(str)}
        return {GROUP: columns[0]} if columns else {}

    def _columns(self, sheet: Sheet) -> list[Reading]:
        columns = []
        for name, cells in zip(sheet.names, sheet.columns):
            if name in self.drop:
                columns.append(Reading(name, "dropped", np.empty(0), why="as you said"))
            elif name in self.group:
                columns.append(Reading(name, "dropped", np.empty(0), why="its rows stay together"))
            elif name not in self.targets:
                category, keep = name in self.categorical, name in self.keep
                columns.append(read_column(name, cells, sheet.separator, category, keep, sheet.decimal))
        return columns

    def _check(self, columns: list[Reading], used: list[Reading], sheet: Sheet) -> None:
        if not used:
            dropped = "; ".join(f"{column.name}: {column.why}" for column in columns)
            raise InputRefused(
                expected=f"a column beside {self.called!r} to predict from",
                came=f"none that can be used ({dropped or 'the table has no other'})",
                do="Keep one with keep=('name',).",
            )
        for column in used:
            infinite = np.abs(column.values) > LARGEST
            line = sheet.lines[infinite.argmax()]
            if infinite.any():
                raise InputRefused(
                    expected=f"finite numbers in column {column.name!r}, none beyond {LARGEST:.2g}",
                    came=f"{int(infinite.sum())} infinite or beyond, the first {sheet.where} {line}",
                    do="Leave those cells empty, or drop the column.",
                )
            if column.missing and self.missing == "refuse":
                gone = np.isnan(column.values)
                raise InputRefused(
                    expected=f"every cell of column {column.name!r} filled",
                    came=f"{column.missing} empty, the first {sheet.where} {sheet.lines[gone.argmax()]}",
                    do=FILL,
                )

    def _said_of(self, train: Examples) -> list[str]:
        """Lines to print beside what is inferred."""
        return []

    def _must_have(self, names: tuple[str, ...], what: str) -> None:
        """Refuses a name among the options that is no column.

        Raises:
            UsageError: the nearest is named.
        """
        for name in (*self.categorical, *self.drop, *self.keep, *self.group, *filter(None, [self.id])):
            if name not in names:
                raise no_column(name, names, what)

    def _about(
        self, sheet: Sheet, columns: list[Reading], output: Output, labels: Labels, filled: np.ndarray, cut: Split
    ) -> dict[str, Any]:
        title, sha256 = self._title()
        return {
            "title": title,
            "source": YOURS,
            "licence": "yours",
            "sha256": sha256,
            "n": int(cut.train.sum()),
            "n_test": int(cut.test.sum()),
            "labels": labels.how,
            "holdout": cut.how,
            "overlap": 0,
            "missing_cells": sum(column.missing for column in columns if column.role != "dropped"),
            "inferred": said(sheet, columns, output, labels, int((~filled).sum()), cut.how),
            **({"order": cut.note} if cut.note else {}),
        }


def no_column(name: str, names: tuple[str, ...], what: str) -> UsageError:
    """The error for a name that is no column of `what`; the nearest are said.

    Example:
        >>> str(no_column("prise", ("price", "town"), "the frame"))
        "expected a column of the frame, got 'prise'. Nearest: price. Columns: price, town."
    """
    lower = {known.lower(): known for known in names}
    near = [lower[word] for word in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    advice = f"Nearest: {', '.join(near)}. " if near else ""
    return UsageError(expected=f"a column of {what}", came=repr(name), do=f"{advice}Columns: {', '.join(names)}.")


def _take(cells: list[str | None], rows: np.ndarray) -> list[str | None]:
    return [text for text, taken in zip(cells, rows) if taken]


def _rows(sheet: Sheet, rows: np.ndarray) -> Sheet:
    columns = tuple(_take(cells, rows) for cells in sheet.columns)
    return replace(sheet, columns=columns, lines=sheet.lines[rows])


def _row_digests(sheet: Sheet, used: list[Reading]) -> np.ndarray:
    # the cells as they stand in the file: codes would move when another row brings a new word
    cells = [sheet.columns[sheet.names.index(column.name)] for column in used]
    return digests(GAP.join(text or "" for text in row).encode() for row in zip(*cells))
