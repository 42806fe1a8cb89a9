"""What was inferred from a table, in lines to print."""

from __future__ import annotations

from collections.abc import Sequence

from byheart.tasks.columns import Reading
from byheart.tasks.labels import Labels
from byheart.tasks.output import Column, Output
from byheart.tasks.table_reader import SEPARATORS, Sheet

TITLES = {
    "number": "numbers",
    "category": "categories",
    "date": "dates, as days since 1970",
    "time": "times of day, as hours",
    "duration": "durations, as hours",
}


def said(sheet: Sheet, columns: list[Reading], output: Output, labels: Labels, unlabelled: int, how: str) -> list[str]:
    """The lines: how the file was read, the target, what models get, what was dropped, held out, missing.

    Args:
        sheet: the file as text.
        columns: every column but the target.
        output: holds the columns that models get; the lines on them are made from these.
        labels: the target, read.
        unlabelled: rows dropped for an empty target.
        how: how the test was held out.
    """
    cut = f", separated by {SEPARATORS.get(sheet.separator, repr(sheet.separator))}" if sheet.separator else ""
    kinds = f" ({len(labels.classes)} classes)" if labels.classes else ""
    lines = [
        f"read: {len(sheet.lines)} rows, {len(sheet.names)} columns{cut}",
        *(f"note: {note}" for note in sheet.notes),
        f"target: {output.target!r}, {labels.inferred}{kinds}",
        *(
            _line(title, [c for c in output.columns if c.type == type_ and not c.of], output, columns)
            for type_, title in TITLES.items()
        ),
        _line("dropped", [column for column in columns if column.role == "dropped"], output, columns),
    ]
    gaps = [f"{column.name} {column.missing}" for column in columns if column.missing and column.role != "dropped"]
    if gaps:
        lines.append(f"missing cells: {', '.join(gaps)}; byheart's own learners fill them in from their training rows")
    if unlabelled:
        lines.append(f"rows dropped: {unlabelled} with an empty {output.target!r}")
    return [line for line in [*lines, f"held out: {how}"] if line]


def _line(title: str, those: Sequence[Column | Reading], output: Output, columns: list[Reading]) -> str:
    why = {column.name: column.why for column in columns}
    return f"{title}: {', '.join(_one(one, output, why[one.name]) for one in those)}" if those else ""


def _one(column: Column | Reading, output: Output, why: str) -> str:
    parts = [part.name[len(column.name) + 2 : -1] for part in output.columns if part.of and part.of == column.name]
    words = [f"{len(column.categories)} words"] if column.categories else []
    remarks = [*words, *([why] if why else []), *([f"with its {', '.join(parts)}"] if parts else [])]
    name = column.name if column.name.strip() else repr(column.name)
    return f"{name} ({', '.join(remarks)})" if remarks else name
