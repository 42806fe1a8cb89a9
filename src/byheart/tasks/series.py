"""Series: numbers that follow one another in time, from a file or an array, as windows and their next step."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import PrivateAttr

from byheart.errors import InputRefused, UsageError
from byheart.records.formatting import counted
from byheart.records.provenance import YOURS
from byheart.tasks.array_series import Columns, columns_of, columns_of_npz
from byheart.tasks.columns import read_numbers
from byheart.tasks.data import Data
from byheart.tasks.stretches import parted
from byheart.tasks.table_reader import Sheet, no_text, read_sheet
from byheart.tasks.tabular import no_column
from byheart.tasks.time_column import Moments, read_moments
from byheart.tasks.windowed_task import Windowed
from byheart.tasks.windows import usual_window

MOST_CHANNELS = 64


class Series(Windowed):
    """What comes next in this series? Made by `Series.of(path, time=...)` of a .csv, .tsv, .txt, .parquet or .npz file,
    or by `Series.of_array(values)`.

    Args:
        path: the file; an .npz holds `series` (t,) or (t, d), and may hold `time` (t,) and `channels` (d,). Empty where
            the series was given as an array, which is held in this process alone (`portable` is False).
        sha256: of the file when the task was made, a changed file is refused at the draw; or of the array.
        time: the column of time: dates, months, quarters, times or numbers that grow evenly; empty in an .npz without
            one.
        channels: the columns to follow; all columns of numbers where not given.
        encoding: of a text file.
        separator: of its cells.
        decimal: its decimal sign.

    Rows with an empty cell and places where time jumps part the series into stretches; no window reaches over two.

    Raises:
        InputRefused: time that is unsorted, repeated or uneven; channels that are no numbers, constant or equal.
    """

    name = "series"
    not_in_key = frozenset({"path"})

    path: str
    sha256: str
    time: str = ""
    channels: tuple[str, ...] = ()
    encoding: str = "utf-8"
    separator: str = ""
    decimal: Literal["", ".", ","] = ""

    _given: Columns | None = PrivateAttr(default=None)

    @property
    def portable(self) -> bool:
        """Whether another process can draw it: from a file, not from an array."""
        return bool(self.path)

    @classmethod
    def of(cls, path: str | Path, time: str = "", channels: Sequence[str] | str = (), **options: Any) -> Self:
        """The task of a file of a series; everything is checked now.

        Raises:
            UsageError: a column that the file does not have; the nearest is named.
            InputRefused: what cannot be measured truly.
        """
        named = [one.strip() for one in channels.split(",")] if isinstance(channels, str) else channels
        digest = hashlib.sha256(_content(Path(path))).hexdigest()
        return cls(path=str(path), sha256=digest, time=time, channels=tuple(filter(None, named)), **options)._ready()

    @classmethod
    def of_array(
        cls, values: Any, time: Any = None, channels: Sequence[str] = (), window: int | None = None, **options: Any
    ) -> Self:
        """The task of a series in memory; everything is checked now, as it is of a file.

        Args:
            values: (t,) or (t, d) numbers, oldest first: an array, list, tensor or frame of numbers. It is copied.
            time: (t,) dates, months, quarters, times or numbers that grow evenly, such as the index of a frame, or the
                name of the frame's column of them; None: each step follows the one before. Rows with a NaN and jumps
                in time part the series into stretches.
            channels: (d,) their names; of a frame its columns, else x0, x1, ...
            window: steps of a window; None: a two-hundredth of the series, between 4 and 20.
            options: `looks_back` and `split`, as of a file.

        Raises:
            InputRefused: what cannot be measured truly.

        Example:
            >>> task = Series.of_array(np.sin(np.arange(400.0)), channels=["swing"], window=5)
            >>> task.draw(0).train.x.shape[1:], task.inferred()
            ((5, 1), ['a series of 400 steps, 1 channel: swing'])
        """
        given = columns_of(values, time, channels)
        task = cls(path="", sha256=given.digest(), **({} if window is None else {"window": window}), **options)
        task._given = given
        return task._ready()

    def _ready(self) -> Self:
        """With the usual window where nobody named one, and checked."""
        task = self
        if "window" not in self.model_fields_set:
            task = self.model_copy(update={"window": usual_window(sum(map(len, self._read()[0])))})
        task.draw(0)
        return task

    def inferred(self) -> list[str]:
        """What was inferred, a line each, for printing."""
        return list(self.draw(0).about["inferred"])

    def draw(self, seed: int) -> Data:
        """The windows of the series; `seed` changes nothing, for nothing is drawn."""
        stretches, names, said = self._read()
        title = Path(self.path).name or "your series"
        about = {"title": title, "source": YOURS, "licence": "yours", "sha256": self.sha256, "inferred": said}
        return self._drawn(stretches, names, self.time, about)

    def _read(self) -> tuple[list[np.ndarray], list[str], list[str]]:
        """The stretches without a gap, the names of the channels, and what a reader must know."""
        times, values, names, where = self._as_held() if self.portable else self._as_given()
        if len(names) > MOST_CHANNELS:
            raise InputRefused(f"at most {MOST_CHANNELS} channels", f"{len(names)}", "Name some with --channels.")
        stretches, said = parted(times.values, values, where)
        told = [f"a series of {len(values):,} steps, {_listed(names)}", *filter(None, [times.told]), *said]
        return stretches, names, told

    def _as_given(self) -> tuple[Moments, np.ndarray, list[str], list[str]]:
        if self._given is None:
            raise InputRefused(
                "the array in this process", "only its digest", "Make the task again with Series.of_array(values)."
            )
        return _in_steps(self._given)

    def _as_held(self) -> tuple[Moments, np.ndarray, list[str], list[str]]:
        path = Path(self.path)
        content = _content(path)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise InputRefused(f"{path.name} as it was when the audit began", "a changed file", "Run it again.")
        if path.suffix.lower() == ".npz":
            no_text(path, self.encoding, self.separator, self.decimal)
            return _in_steps(columns_of_npz(content, path.name, self.time, self.channels))
        return self._columns(read_sheet(path, content, self.encoding, self.separator, self.decimal))

    def _columns(self, sheet: Sheet) -> tuple[Moments, np.ndarray, list[str], list[str]]:
        what = Path(self.path).name
        for name in (self.time, *self.channels):
            if name not in sheet.names:
                raise no_column(name, sheet.names, what)
        if self.time in self.channels:
            raise UsageError("channels beside the column of time", repr(self.time), "Leave it out of --channels.")
        if twice := [name for name in (self.time, *self.channels) if name in sheet.repeated]:
            raise InputRefused(f"columns of different names in {what}", f"{twice[0]!r} twice", "Rename one of them.")
        numbers = {}
        for name, cells in zip(sheet.names, sheet.columns):
            if name == self.time or (self.channels and name not in self.channels):
                continue
            found = read_numbers(cells, sheet.separator, self.decimal)
            if found is None and self.channels:
                raise InputRefused(f"numbers in column {name!r}", "cells that are none", "Leave it out of --channels.")
            if found is not None:
                numbers[name] = found.values
        names = [*self.channels] or [*numbers]
        if not names:
            raise InputRefused(
                f"a column of numbers beside {self.time!r}", "none", f"Columns: {', '.join(sheet.names)}."
            )
        times = _moments(self.time, sheet.columns[sheet.names.index(self.time)], sheet.separator, self.decimal)
        where = [f"{sheet.where} {line}" for line in sheet.lines]
        times = times._replace(told="; ".join(filter(None, [times.told, *sheet.notes])))
        return times, np.stack([numbers[name] for name in names], 1), names, where


def _in_steps(given: Columns) -> tuple[Moments, np.ndarray, list[str], list[str]]:
    """Times, values and names, and where each row is."""
    return (
        Moments(given.moments, given.told),
        given.values,
        [*given.names],
        [f"at step {i}" for i in range(len(given.values))],
    )


def holds_series(path: Path) -> bool:
    """Whether an .npz holds a series, by the names of its arrays."""
    if not zipfile.is_zipfile(path):  # an empty file, too
        return False
    try:
        with np.load(path, allow_pickle=False) as archive:
            return "series" in archive.files and not {"x", "y"} <= {*archive.files}
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def _moments(name: str, cells: list[str | None], separator: str, decimal: str) -> Moments:
    """Times as numbers: as they stand, years, quarters and months counted, dates as days, times as hours."""
    if (found := read_moments(cells, separator, decimal)) is None:
        came = next(text for text in cells if text is not None)
        raise InputRefused(
            f"times in column {name!r}: dates, months, quarters, times or numbers", f"such as {came!r}",
            "Write them as 2024-01-31, 2024-01, 2024Q1 or 2024-01-31 13:00, or name another --time.",
        )  # fmt: skip
    return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"{counted(len(names), 'channel')}: {shown}"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputRefused(f"a file at {path} that can be read", error.strerror or "an error", "Check it.") from None
