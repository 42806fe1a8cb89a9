"""The front door of `byheart explain`: a finished audit by its name, one example, and its page."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from byheart.auditing.explain import Query, explain, subject_of
from byheart.auditing.finished_audits import document_of
from byheart.auditing.kept_names import kept_names
from byheart.auditing.writing import write_text
from byheart.fingerprint.trust import reading
from byheart.ledger.base import Say
from byheart.ledger.sqlite import SqliteLedger
from byheart.records.explanation import Explanation
from byheart.report.explanation import render_explanation


def explained(
    run: str, out: Path, query: Query, hide: bool | None = None, say: Say | None = None, trust: bool = False
) -> tuple[Path, Explanation]:
    """The folder of the run and the explanation of one example of it.

    Args:
        run: digits of a run, `latest`, or an audit's folder.
        out: the folder of the ledger.
        query: what is asked.
        hide: ids in the place of examples; None: as the report in that folder does.
        say: called with a line on what is being done.
        trust: run code that the run names and that is not byheart's (`trust.reading`), after showing it.

    Raises:
        UsageError: no such run or example.
        InputRefused: the learner cannot be explained, or what is given does not fit; says why.
    """
    folder, document = document_of(run, out)
    ledger = SqliteLedger(folder / "ledger")
    with closing(ledger), reading(trust):
        draw, subject = subject_of(ledger, document)
        provenance = document["provenance"]
        steps = list(dict(provenance["steps"]).values())
        found = explain(
            ledger, draw, subject, query, int(provenance["threads"]), steps, say, kept_names(ledger, document)
        )
    hidden = report_hides(folder) if hide is None else hide
    return folder, found.only_ids() if hidden else found


def report_hides(folder: Path) -> bool:
    """Whether the report in an audit's folder was made without examples; a page beside it must not show them."""
    path = folder / "report.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None  # reading a pipe has no end
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("hidden") is True


def page_of(found: Explanation, folder: Path) -> Path:
    """Write the page of an explanation into the audit's folder."""
    name = found.mark[:8] if found.view == "yours" else found.id
    return write_text(folder / f"explain-{found.view}-{name}.html", render_explanation(found))
