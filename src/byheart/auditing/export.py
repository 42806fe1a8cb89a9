"""One file that holds a finished audit: the page, the document, the issues, and what its numbers were made with."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from byheart.auditing.issues import issues_of
from byheart.report import page
from byheart.terminal import as_json

EARLIEST = (1980, 1, 1, 0, 0, 0)  # of every file within: equal audits give equal bytes
READABLE = 0o644 << 16


def archive(document: Mapping[str, Any]) -> bytes:
    """The zip of a document: `report.html`, `report.json`, `issues.csv`, `provenance.json`; equal bytes for equal ones.

    Raises:
        InputRefused: the document is of another schema.
    """
    made = dict(document)
    files = {
        "report.html": page.render(made).encode(),
        "report.json": f"{as_json(made)}\n".encode(),
        "issues.csv": issues_of(made).columns().written(".csv"),
        "provenance.json": f"{as_json(made['provenance'])}\n".encode(),
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name, data in files.items():
            told = zipfile.ZipInfo(f"byheart-{made['subject']['run']}/{name}", EARLIEST)
            told.compress_type, told.external_attr, told.create_system = zipfile.ZIP_DEFLATED, READABLE, 3
            packed.writestr(told, data, compresslevel=9)
    return content.getvalue()
