"""The front door of `byheart explain`: a finished audit by its name, one example, and its page."""

from __future__ import annotations

from pathlib import Path

from byheart.auditing.explain import Query, explain, subject_of
from byheart.auditing.result import write_whole
from byheart.auditing.runs import document_of
from byheart.ledger.sqlite import SqliteLedger
from byheart.records.explanation import Explanation
from byheart.report.explanation import render_explanation


def explained(run: str, out: Path, view: str, ident: int) -> tuple[Path, Explanation]:
    """The folder of the run and the explanation of one example of it.

    Raises:
        UsageError: no such run or example.
        InputRefused: the learner cannot be explained; says why.
    """
    folder, document = document_of(run, out)
    ledger = SqliteLedger(folder / "ledger")
    try:
        draw, subject = subject_of(ledger, document)
        return folder, explain(ledger, draw, subject, Query(view, ident), int(document["provenance"]["threads"]))
    finally:
        ledger.close()


def page_of(found: Explanation, folder: Path) -> Path:
    """Write the page of an explanation into the audit's folder."""
    return write_whole(folder / f"explain-{found.view}-{found.id}.html", render_explanation(found))
