"""A table file read as text cells: CSV in its usual shapes, and Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from byheart.errors import InputRefused, UsageError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
SAMPLE = 50  # records looked at to tell the separator
UTF_8 = "utf-8"  # what a text is where nobody says otherwise
TEXT_FILES = (".csv", ".tsv", ".txt")
MISSING = frozenset({"", "na", "n/a", "nan", "null", "?", "-"})


@dataclass(frozen=True)
class Sheet:
    """A table as text.

    Attributes:
        names: (d,) the column names, made unique.
        columns: d lists of n stripped cells; None where a cell is missing.
        lines: (n,) the line of the file that each row begins on (for Parquet the row number from 1).
        separator: what stands between cells; empty for Parquet.
        decimal: the decimal sign, where the user said it.
        notes: what a reader must know of how the file was read.
        where: what stands before the number of a line in messages.
        repeated: names that stand over more than one column.
    """

    names: tuple[str, ...]
    columns: tuple[list[str | None], ...]
    lines: np.ndarray
    separator: str
    notes: tuple[str, ...]
    decimal: str = ""
    where: str = "at line"
    repeated: tuple[str, ...] = ()


def read_sheet(path: Path, content: bytes, encoding: str = UTF_8, separator: str = "", decimal: str = "") -> Sheet:
    """The cells of a .csv, .tsv, .txt or .parquet file; without a `separator` it is found by the first records.

    Raises:
        InputRefused: another kind of file, undecodable bytes, ragged rows, no header, no rows.
        UsageError: an encoding that does not exist, a separator that cells hold themselves, or either for Parquet.
    """
    if path.suffix.lower() == ".parquet":
        no_text(path, encoding, separator, decimal)
        return _read_parquet(path, content)
    if path.suffix.lower() in TEXT_FILES:
        return _read_text(path, _decoded(path, content, encoding), separator, decimal)
    raise InputRefused("a table in a .csv, .tsv, .txt or .parquet file", f"{path.name}", "Export it as .csv.")


def no_text(path: Path, encoding: str, separator: str, decimal: str) -> None:
    """Refuses how a text is to be read where the file is none: its numbers are stored as numbers.

    Raises:
        UsageError: any of them.
    """
    asked = {"encoding": encoding if encoding != UTF_8 else "", "separator": separator, "decimal": decimal}
    for name, value in asked.items():
        if value:
            raise UsageError(
                f"a text file (.csv, .tsv or .txt) for --{name}", f"{path.name}", f"Leave --{name} {value} out."
            )


def cell(text: str) -> str | None:
    """A cell without the spaces around it; None where it means that nothing is known.

    Example:
        >>> cell(" 1.5 "), cell("NA"), cell("?")
        ('1.5', None, None)
    """
    text = text.strip()
    return None if text.lower() in MISSING else text


def _decoded(path: Path, content: bytes, encoding: str) -> str:
    try:
        # the mark that Excel writes first is no part of the first name
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise UsageError("an encoding Python knows", repr(encoding), "Try utf-8, cp1252, latin-1 or utf-16.") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        raise InputRefused(
            expected=f"{path.name} as {encoding} text",
            came=f"byte 0x{content[error.start]:02x} in line {line} (byte {error.start + 1})",
            do=f"Save it as UTF-8, or give encoding={'utf-16' if wide else 'cp1252'!r} if it is that.",
        ) from None


def _read_text(path: Path, text: str, given: str, decimal: str) -> Sheet:
    if not text.strip():
        raise InputRefused(expected=f"a table in {path.name}", came="an empty file", do="Check the export.")
    separator = _said_separator(given) or _separator(text)
    records = _records(path, text, separator)
    _, header = next(records)
    names, notes = _unique(header)
    _check_header(path, header)
    rows, lines = [], []
    for line, row in records:
        if len(row) != len(names):
            raise _ragged(path, line, len(names), len(row))
        rows.append([cell(text) for text in row])
        lines.append(line)
    if not rows:
        raise InputRefused(expected=f"rows in {path.name}", came="a header only", do="Check the export.")
    columns = tuple(list(column) for column in zip(*rows))
    lines_of = np.array(lines, dtype=np.int64)
    return Sheet(names, columns, lines_of, separator, tuple(notes), decimal, repeated=_repeated(header))


def _records(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins on; blank lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    begins = 1
    try:
        for row in reader:
            if row:
                yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InputRefused(
            expected=f"cells separated by {SEPARATORS.get(separator, repr(separator))} in {path.name}",
            came=f"line {begins}, which cannot be read ({error})",
            do="Look for a quotation mark that is not closed.",
        ) from None


def _said_separator(given: str) -> str:
    """The separator that the user named, by itself or by its name; empty where none was."""
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "space": " "}
    separator = names.get(given.lower(), given)
    if len(separator) > 1 or separator in {'"', "\n", "\r"}:
        raise UsageError("a separator of one character, or tab", repr(given), "Try --separator ';'.")
    return separator


def _separator(text: str) -> str:
    """The separator that cuts most of the first records into as many cells as the header has."""
    best, best_score = ",", (0.0, 0)
    for separator in SEPARATORS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        try:
            widths = [len(row) for _, row in zip(range(SAMPLE), reader) if row]
        except csv.Error:
            continue
        if not widths or widths[0] == 1:
            continue
        score = (widths.count(widths[0]) / len(widths), widths[0])
        if score > best_score:
            best, best_score = separator, score
    return best


def _unique(header: list[str]) -> tuple[tuple[str, ...], list[str]]:
    names: list[str] = []
    notes: list[str] = []
    for place, name in enumerate(header, start=1):
        name = " ".join(name.split())
        wanted = name or f"column {place}"
        if not name:
            notes.append(f"column {place} has no name and is called {wanted!r}")
        unique, copy = wanted, 2
        while unique in names:
            unique, copy = f"{wanted} ({copy})", copy + 1
        if unique != wanted:
            notes.append(f"column {place} repeats the name {wanted!r} and is called {unique!r}")
        names.append(unique)
    return tuple(names), notes


def _repeated(header: list[str]) -> tuple[str, ...]:
    """The names that stand over more than one column."""
    counts = Counter(" ".join(name.split()) for name in header)
    return tuple(name for name, times in counts.items() if name and times > 1)


def _check_header(path: Path, header: list[str]) -> None:
    try:
        [float(name.replace(",", ".")) for name in header]
    except ValueError:
        return
    raise InputRefused(
        expected=f"column names in the first line of {path.name}",
        came=f"only numbers ({', '.join(header[:4])})",
        do="Add a line of names above the data.",
    )


def _ragged(path: Path, line: int, expected: int, found: int) -> InputRefused:
    return InputRefused(
        expected=f"{expected} cells in every row of {path.name}",
        came=f"{found} in the row at line {line}",
        do="Look for a separator inside a cell without quotation marks, or a cut-off line.",
    )


def _read_parquet(path: Path, content: bytes) -> Sheet:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise InputRefused(
            expected="pyarrow, to read a .parquet file",
            came="none installed",
            do="pip install 'byheart[parquet]', or save the table as .csv.",
        ) from None
    try:
        table = parquet.read_table(arrow.BufferReader(content))
    except (arrow.ArrowInvalid, OSError) as error:
        raise InputRefused("a whole .parquet file", f"{path.name}: {error}", "Write it again.") from None
    if table.num_rows == 0:
        raise InputRefused(expected=f"rows in {path.name}", came="none", do="Check the export.")
    names, notes = _unique(list(table.column_names))
    columns = tuple(
        [_as_text(value, name, path) for value in column.to_pylist()] for name, column in zip(names, table.columns)
    )
    rows = np.arange(1, table.num_rows + 1)
    return Sheet(names, columns, rows, "", tuple(notes), repeated=_repeated(table.column_names))


def _as_text(value: object, name: str, path: Path) -> str | None:
    if value is None:
        return None
    if isinstance(value, list | dict | bytes):
        raise InputRefused(
            expected=f"one number, word or date a cell in {path.name}",
            came=f"{type(value).__name__} in column {name!r}",
            do="Spread it over columns of its own, or leave it out of the file.",
        )
    return cell(str(value))
