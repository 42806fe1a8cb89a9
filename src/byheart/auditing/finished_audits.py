"""Finished audits in a ledger: found by their digits or their folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from byheart.auditing.document import without_examples
from byheart.auditing.writing import write_text
from byheart.errors import InputRefused, LedgerDamaged, UsageError, unknown_name
from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.report import page

REPORT = "report.json"


def runs(out: Path) -> list[tuple[str, str]]:
    """(run, title) of every finished audit of the ledger in `out`, the one that was asked for last at the end."""
    if not (out / "ledger").is_dir():
        return []
    ledger = SqliteLedger(out / "ledger")
    found = {}
    for key in ledger.keys("document"):
        about = ledger.about(key) or {}
        run = str(about.get("run"))
        found.pop(run, None)  # of the same run with another note, the newest tells when it was asked for
        found[run] = str(about.get("title"))
    ledger.close()
    return list(found.items())


def document_to_read(run: str, out: Path) -> tuple[Path, dict[str, Any]]:
    """As `document_of`, for whoever reads no ledger: also of an audit that none keeps, for its code has no key.

    A folder stands for the audit that `byheart audit` made there last, and of that one `report.json` alone may hold it:
    the newest run of the ledger would be another.

    Raises:
        UsageError: no such run.
        InputRefused: the `report.json` of the folder is none of byheart's.
    """
    folder = Path(run) if (Path(run) / REPORT).is_file() else out
    if (run == "latest" or _same(run, folder)) and (folder / REPORT).is_file():
        made = _report(folder / REPORT)
        if made["subject"]["run"] not in dict(runs(folder)):
            return folder, made
    return document_of(run, out)


def _same(run: str, folder: Path) -> bool:
    """Whether `run` is the path of the folder; a ring of links is a path as well."""
    return os.path.realpath(run) == os.path.realpath(folder)


def _report(path: Path) -> dict[str, Any]:
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        made["subject"]["run"], made["schema"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        came = f"{type(error).__name__} in {path}"
        raise InputRefused("a report that byheart wrote", came, "Remove it, or run the audit again.") from error
    return made


def document_of(run: str, out: Path) -> tuple[Path, dict[str, Any]]:
    """The folder and document of `run`: digits of a run (the first few do), or an audit's folder (its newest run).

    Raises:
        UsageError: no such run.
    """
    folder = Path(run) if (Path(run) / "ledger").is_dir() else out
    known = runs(folder)
    if not known:
        raise UsageError(
            expected=f"a ledger with a finished audit in {folder}",
            came="none",
            do="Run byheart audit first, or name its folder with --out.",
        )
    whole = folder != out or run == "latest" or _same(run, out)
    wanted = known[-1][0] if whole else run
    matches = [name for name, _ in known if name.startswith(wanted)]
    if len(matches) != 1:
        raise unknown_name("run", run, [name for name, _ in known])
    ledger = SqliteLedger(folder / "ledger")
    document: dict[str, Any] = {}
    for key in ledger.keys("document"):
        if (ledger.about(key) or {}).get("run") == matches[0]:
            try:
                found = ledger.get(key)
            except LedgerDamaged as error:
                raise LedgerDamaged(came=error.came, do="Run the audit again: it makes it anew.") from error
            if isinstance(found, Result):
                document = found.document
    ledger.close()
    if not document:
        raise UsageError(expected=f"the document of run {matches[0]}", came="none", do="Run the audit again.")
    return folder, document


def write_page(document: Mapping[str, Any], target: Path, hide_examples: bool) -> Path:
    """Write the page of a document."""
    return write_text(target, page.render(without_examples(document) if hide_examples else dict(document)))
