"""What was inferred from a table, in lines to print."""

from __future__ import annotations

from byheart.tasks.columns import Reading
from byheart.tasks.labels import Labels
from byheart.tasks.reading import SEPARATORS, Sheet


def said(
    sheet: Sheet, columns: list[Reading], labels: Labels, target: str, unlabelled: int, how: str
) -> list[str]:
    """The lines: how the file was read, the target, each role's columns, what was dropped, held out, missing.

    Args:
        sheet: the file as text.
        columns: every column but the target.
        labels: the target, read.
        target: its name.
        unlabelled: rows dropped for an empty target.
        how: how the test was held out.
    """
    cut = f", separated by {SEPARATORS[sheet.separator]}" if sheet.separator else ""
    kinds = f" ({len(labels.classes)} classes)" if labels.kind == "classes" else ""
    lines = [
        f"read: {len(sheet.lines)} rows, {len(sheet.names)} columns{cut}",
        *(f"note: {note}" for note in sheet.notes),
        f"target: {target!r}, {labels.inferred}{kinds}",
        *_role(columns, "number", "numbers"),
        *_role(columns, "category", "categories"),
        *_role(columns, "date", "dates, as days since 1970"),
        *_role(columns, "dropped", "dropped"),
    ]
    gaps = [
        f"{column.name} {column.missing}" for column in columns if column.missing and column.role != "dropped"
    ]
    if gaps:
        lines.append(f"missing cells: {', '.join(gaps)}; byheart's own learners fill them in from their training rows")
    if unlabelled:
        lines.append(f"rows dropped: {unlabelled} with an empty {target!r}")
    return [*lines, f"held out: {how}"]


def _role(columns: list[Reading], role: str, title: str) -> list[str]:
    of_role = [column for column in columns if column.role == role]
    if not of_role:
        return []
    return [f"{title}: {', '.join(map(_one, of_role))}"]


def _one(column: Reading) -> str:
    remarks = [f"{len(column.categories)} words"] if column.role == "category" else []
    remarks += [column.why] if column.why else []
    return f"{column.name} ({', '.join(remarks)})" if remarks else column.name
