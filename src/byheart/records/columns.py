"""Columns: a table of named columns to take away, as a frame or as a file that a spreadsheet can open without harm."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from byheart.arguments import must_be
from byheart.errors import OutputRefused, UsageError, shown
from byheart.files import write_whole

FRAMES = ("polars", "pandas")
SUFFIXES = (".csv", ".parquet", ".jsonl")
FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"  # what a spreadsheet takes for a formula, the wide signs too
QUOTE = "'"


class Columns(Mapping[str, Sequence[Any]]):
    """Columns of one length by name, in order: numbers, text, truth values, None for a gap, or lists of ids.

    `means` says what is in a column, where its name does not.

    Example:
        >>> Columns({"id": [7, 8], "label": ["cat", None]}).rows()[1]
        {'id': 8, 'label': None}
    """

    def __init__(self, columns: Mapping[str, Sequence[Any]], means: Mapping[str, str] | None = None) -> None:
        self._columns = {name: _of_one_type(map(_plain, _listed(column))) for name, column in columns.items()}
        self.means = dict(means or {})

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(next(iter(self._columns.values()), ()))

    def rows(self) -> list[dict[str, Any]]:
        """A dict per row."""
        return [dict(zip(self._columns, row)) for row in zip(*self._columns.values(), strict=True)]

    def to_frame(self, library: str | None = None) -> Any:
        """A frame of polars or pandas, whichever is named; else of the one that is imported already, else of polars.

        Raises:
            UsageError: neither is installed, or the one named is not.
        """
        name = library or frame_library()
        if name not in FRAMES:
            raise UsageError(expected="polars or pandas", came=shown(name), do='Try to_frame("polars").')
        if find_spec(name) is None:
            raise UsageError(expected=f"{name} to make a frame", came="it is not installed", do=f"pip install {name}.")
        if name == "pandas":
            import pandas

            return pandas.DataFrame(self._columns)
        import polars

        return polars.DataFrame(self._columns, strict=False)

    def save(self, path: str | Path) -> Path:
        """Write .csv, .parquet or .jsonl, whole or not at all.

        Raises:
            UsageError: another ending, or a Parquet file without pyarrow.
            OutputRefused: it cannot be written.
        """
        target = checked_path(path)
        return write_file(target, self.written(target.suffix.lower()))

    def written(self, suffix: str) -> bytes:
        """The content of a file with that ending.

        In a CSV file text stands in quotes and numbers do not; None is an empty cell, a list its JSON. Text that a
        spreadsheet would take for a formula, or that begins with an apostrophe, gets an apostrophe in front (`safe`).
        Names that are not ASCII begin the file with a byte order mark, by which Excel knows UTF-8.
        """
        if suffix == ".jsonl":
            return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in self.rows()).encode()
        if suffix == ".parquet":
            return self._parquet()
        lines = [",".join(map(_cell, row)) for row in ([*self], *zip(*self._columns.values(), strict=True))]
        text = "".join(f"{line}\n" for line in lines)
        return text.encode("utf-8" if text.isascii() else "utf-8-sig")

    def _parquet(self) -> bytes:
        import pyarrow
        from pyarrow import parquet

        arrays = {name: pyarrow.array(column) for name, column in self._columns.items()}
        told = {name: {"means": self.means[name]} if name in self.means else None for name in arrays}
        fields = [pyarrow.field(name, array.type, metadata=told[name]) for name, array in arrays.items()]
        sink = io.BytesIO()
        parquet.write_table(pyarrow.table(list(arrays.values()), schema=pyarrow.schema(fields)), sink)
        return sink.getvalue()


def safe(text: str) -> str:
    """Text as a cell of a spreadsheet holds it: one that looks like a formula gets an apostrophe in front.

    One that begins with an apostrophe gets another, so that taking one away (`unsafe`) gives back every text.

    Example:
        >>> safe("=1+1"), safe("'tis"), safe("a=1"), unsafe(safe("=1+1"))
        ("'=1+1", "''tis", 'a=1', '=1+1')
    """
    first = text.lstrip()[:1] or text[:1]
    risky = text[:1] in ("\t", "\r", "\n", QUOTE) or first in FORMULA
    return QUOTE + text if text and risky else text


def unsafe(cell: str) -> str:
    """The text of a cell that `safe` made."""
    return cell.removeprefix(QUOTE)


def frame_library() -> str:
    """polars or pandas: the one that is imported already if just one is, else the first that is installed.

    Raises:
        UsageError: neither is installed.
    """
    imported = [name for name in FRAMES if name in sys.modules]
    if len(imported) == 1:
        return imported[0]
    for name in FRAMES:
        if find_spec(name) is not None:
            return name
    raise UsageError(
        expected="polars or pandas to make a frame",
        came="neither is installed",
        do="pip install polars (or pandas), or use .save(path).",
    )


def checked_path(path: str | Path) -> Path:
    """The path, whose ending names a format that can be written here.

    Raises:
        UsageError: another ending, a folder, or .parquet without pyarrow.
    """
    must_be("a path", path=path)
    target = Path(path)
    if target.is_dir():
        raise UsageError("a file that ends in .csv, .parquet or .jsonl", f"the folder {target}", "Try issues.csv.")
    if target.suffix.lower() not in SUFFIXES:
        came = target.name or repr(str(path))
        raise UsageError("a file that ends in .csv, .parquet or .jsonl", came, "Try issues.csv.")
    if target.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise UsageError(
            expected="pyarrow to write Parquet",
            came="it is not installed",
            do='Choose .csv or .jsonl, or pip install "byheart[parquet]".',
        )
    return target


def write_file(target: Path, content: bytes) -> Path:
    """Write a file that the user named, whole or not at all.

    Raises:
        OutputRefused: it cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, content)
    except OSError as error:
        raise OutputRefused(
            expected=f"to write {target}", came=f"{error.strerror or error}", do="Choose another path."
        ) from error
    return target


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    text = safe(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return '"' + text.replace('"', '""') + '"'


def _listed(column: Any) -> list[Any]:
    return column.tolist() if hasattr(column, "tolist") else list(column)


def _plain(cell: Any) -> Any:
    """A gap for what is no finite number; text that UTF-8 cannot hold with its odd signs escaped; all else as it is."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    if isinstance(cell, str):
        return cell.encode("utf-8", "backslashreplace").decode()
    return [_plain(one) for one in cell] if isinstance(cell, list | tuple) else cell


def _of_one_type(cells: Iterable[Any]) -> list[Any]:
    """Cells as a typed column holds them: numbers beside text, or beside it in lists, become text."""
    column = list(cells)
    kinds = {type(one) for cell in column for one in (cell if isinstance(cell, list) else [cell])} - {type(None)}
    if str not in kinds or len(kinds) == 1:
        return column
    return [
        [str(one) for one in cell] if isinstance(cell, list) else cell if cell is None else str(cell) for cell in column
    ]
