"""A table file as a task: its columns inferred and said, its target read, a test held out by content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from byheart.errors import InputRefused, UsageError
from byheart.tasks.columns import Reading, read_numbers
from byheart.tasks.containers import Container
from byheart.tasks.flat_labels import exact
from byheart.tasks.labels import Labels, read_labels, several_values
from byheart.tasks.table_reader import Sheet, read_sheet
from byheart.tasks.tabular import Tabular, no_column


class Table(Tabular):
    """What does this table file ask for? Made by `Table.of(path, target=...)`.

    Args:
        path: a .csv, .tsv, .txt or .parquet file.
        sha256: of the file when the task was made; a changed file is refused at the draw.
        encoding: of a text file.
        separator: of its cells; by its first records where not given.
        decimal: its decimal sign, `.` or `,`; by the cells and the separator where not given.

    The other fields are those of `Tabular`.

    `x` (n, d) is float64: numbers, days since 1970 for dates, hours for times and durations, codes for categories (also
    for the months, weekdays and hours of dates, where they repeat), NaN where missing; code of the user's gets it so,
    with the names of its columns (`containers.NamedColumns`). Ids are row numbers from 0 below the
    header; `meta["line"]` is the line of the file.
    """

    name = "table"
    version = 4
    not_in_key = frozenset({"path", "id"})

    path: str
    sha256: str
    encoding: str = "utf-8"
    separator: str = ""
    decimal: Literal["", ".", ","] = ""

    @classmethod
    def of(cls, path: str | Path, target: str | Sequence[str] | None = None, **options: Any) -> Self:
        """The task of a table file; everything is checked now, not at the first draw.

        Args:
            path: the file.
            target: the column to predict, or several of numbers (`a,b`); without it the error lists the columns.
            options: the other fields of `Table`.

        Raises:
            UsageError: no target, or a column that the file does not have; the nearest is named.
            InputRefused: what cannot be measured truly, by name, with what to do.
        """
        content = _content(Path(path))
        if target is None or (isinstance(target, str) and "," in target):
            sheet = read_sheet(Path(path), content, options.get("encoding", "utf-8"), options.get("separator", ""))
            if target is None:
                raise UsageError(
                    expected=f"a target: the column of {Path(path).name} to predict",
                    came="none",
                    do=f"Perhaps target={sheet.names[-1]!r}, the last. Columns: {', '.join(sheet.names)}.",
                )
            target = target if target in sheet.names else [name.strip() for name in target.split(",")]
        several = (target,) if isinstance(target, str) else tuple(dict.fromkeys(target))
        target = several[0] if len(several) == 1 else several
        digest = hashlib.sha256(content).hexdigest()
        task = cls(path=str(path), sha256=digest, target=target, **options)
        task.draw(0)
        named = {None, *task.targets, *task.drop, *task.group}
        if task.id not in named and task._is_feature(task.id):
            task = task.model_copy(update={"drop": (*task.drop, task.id)})
        task.names()
        return task

    def _sheet(self) -> Sheet:
        path = Path(self.path)
        content = _content(path)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise InputRefused(
                f"{path.name} as it was when the audit began", "a changed file", "Run the command again."
            )
        sheet = read_sheet(path, content, self.encoding, self.separator, self.decimal)
        for name in self.targets:
            if name not in sheet.names:
                raise no_column(name, sheet.names, path.name)
        self._must_have(sheet.names, path.name)
        return sheet

    def _filled(self, sheet: Sheet) -> np.ndarray:
        columns = [sheet.columns[sheet.names.index(name)] for name in self.targets]
        return np.array([None not in cells for cells in zip(*columns)])

    def _targets(self, sheet: Sheet, filled: np.ndarray) -> tuple[Labels, np.ndarray]:
        columns = [(f"column {name!r}", self._target(name, sheet, filled)) for name in self.targets]
        ((what, y), *more) = columns
        labels = several_values(columns, self.task) if more else read_labels(y, self.task, what)
        return labels, labels.y

    def _target(self, name: str, sheet: Sheet, filled: np.ndarray) -> np.ndarray:
        """A column of labels: words, whole numbers or floats."""
        cells = [text for text, kept in zip(sheet.columns[sheet.names.index(name)], filled) if kept]
        numbers = read_numbers(cells, sheet.separator, sheet.decimal)
        if numbers is None or name in self.categorical:
            return np.array(cells)
        if numbers.whole and np.isfinite(numbers.values).all():
            return exact([int(text or "") for text in numbers.cells])
        return numbers.values

    def _container(self, received: list[Reading], rows: np.ndarray) -> Container:
        names, words = tuple(column.name for column in received), tuple(column.categories for column in received)
        return Container("table", "float64", names=names, words=words)

    def _title(self) -> tuple[str, str]:
        return Path(self.path).name, self.sha256


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputRefused(expected="a table file", came=f"no file {path}", do="Check the path.") from None
    except OSError as error:
        raise InputRefused(f"a file at {path} that can be read", error.strerror or "an error", "Check it.") from None
