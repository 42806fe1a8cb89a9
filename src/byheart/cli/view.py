"""`byheart view` and `byheart export`: a finished audit in the browser, or in one file. Nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from byheart.cli.list_show import Hide, Out, RunName

Serve = Annotated[
    bool,
    typer.Option(
        "--serve", help="Do not open it: serve it on 127.0.0.1 at a random address, which is printed, until Ctrl-C."
    ),
]
To = Annotated[Path | None, typer.Option("--to", metavar="FILE.zip", help="Where to write; else beside the report.")]


def view(run: RunName = "latest", out: Out = Path("byheart-audit"), serve: Serve = False) -> None:
    """Open the page of a finished audit in the browser."""
    from byheart.cli.summary import print_lines

    page = _page(run, out)
    if serve:
        from byheart.cli.page_server import serve as serving

        return serving(page.read_bytes(), lambda address: print_lines(address, "Ctrl-C ends it."))
    import webbrowser

    if webbrowser.open(page.resolve().as_uri()):
        return print_lines(str(page))
    return print_lines(str(page), "No browser was found. Open this file in one, or use --serve.")


def export(
    run: RunName = "latest", out: Out = Path("byheart-audit"), to: To = None, hide_examples: Hide = False
) -> None:
    """Write a finished audit into one zip: page, document, issues, provenance."""
    from byheart.auditing.export import archive
    from byheart.auditing.finished_audits import document_to_read
    from byheart.cli.summary import print_lines
    from byheart.errors import UsageError
    from byheart.records.columns import write_file

    if to is not None and to.suffix != ".zip":
        raise UsageError("a file that ends in .zip", str(to), "Try --to audit.zip.")
    folder, document = document_to_read(run, out)
    target = to or folder / f"byheart-{document['subject']['run']}.zip"
    print_lines(str(write_file(target, archive(_to_show(folder, document, hide_examples)))))


def _page(run: str, out: Path) -> Path:
    """The page of a run: the report of its folder, if it is of this run, else one that is written beside it."""
    from byheart.auditing.finished_audits import document_to_read, write_page

    folder, document = document_to_read(run, out)
    name = document["subject"]["run"]
    report = folder / "report.html"
    if report.is_file() and f'"run":"{name}"' in report.read_text(encoding="utf-8", errors="replace"):
        return report
    return write_page(_to_show(folder, document), folder / f"report-{name}.html", False)


def _to_show(folder: Path, document: dict[str, Any], hide: bool = False) -> dict[str, Any]:
    """The document, without examples where that is asked for, or where the report of its folder has none."""
    from byheart.auditing.document import without_examples
    from byheart.auditing.explain_run import report_hides

    return without_examples(document) if hide or report_hides(folder) else document
