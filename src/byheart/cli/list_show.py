"""`byheart list`, `byheart show` and `byheart report`: nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's digits, or the folder of an audit.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the ledger.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Issues = Annotated[
    Path | None, typer.Option("--issues", help="Write the issues, an example per row: FILE.csv, .parquet or .jsonl.")
]
Hide = Annotated[bool, typer.Option("--hide-examples", help="Leave only ids of examples in the report.")]


def list_words(ctx: typer.Context) -> None:
    """List what there is: [KIND] is task, learner, lever, probe, verdict or run; --out DIR, --json."""
    list_names(ctx.args)


def list_names(words: list[str]) -> None:
    """List the names of a kind, or of all kinds but runs."""
    from byheart.cli.summary import print_json, print_lines
    from byheart.registry import BUILT_IN, names

    kind, out, json = listed_words(words)
    if kind == "run":
        from byheart.auditing.finished_audits import runs

        found = {"run": dict(runs(out))}
    else:
        found = {each: names(each) for each in ([kind] if kind else BUILT_IN)}
    if json:
        print_json(found)
        return
    for each, lines in found.items():
        print_lines(f"{each}s" if lines else f"no {each}s in {out}")
        for name, line in lines.items():
            print_lines(f"  {name:<24} {line}")


def listed_words(words: list[str]) -> tuple[str, Path, bool]:
    """KIND, the folder after --out, and whether --json was given.

    Raises:
        UsageError: another option, or more than one kind.

    Example:
        >>> listed_words(["tasks", "--json"])
        ('task', PosixPath('byheart-audit'), True)
    """
    from byheart.errors import UsageError

    kinds, out, json = [], Path("byheart-audit"), False
    rest = iter(words)
    for word in rest:
        if word == "--json":
            json = True
        elif word == "--out" or word.startswith("--out="):
            out = Path(word.partition("=")[2] or next(rest, "byheart-audit"))
        else:
            kinds.append(word.removesuffix("s"))
    if len(kinds) > 1 or any(kind.startswith("-") for kind in kinds):
        raise UsageError("byheart list [KIND] [--out DIR] [--json]", " ".join(words), "Try: byheart list task.")
    return (kinds[0] if kinds else ""), out, json


def show(run: RunName, out: Out = Path("byheart-audit"), json: AsJson = False, issues: Issues = None) -> None:
    """Print a finished audit again, or write its issues."""
    from byheart.auditing.finished_audits import document_to_read
    from byheart.cli.summary import issue_lines, print_json, print_lines, summary

    folder, document = document_to_read(run, out)
    written = []
    if issues is not None:
        from byheart.auditing.document import without_examples
        from byheart.auditing.explain_run import report_hides

        written = issue_lines(without_examples(document) if report_hides(folder) else document, issues)
    if json:
        print_json(document)
    else:
        print_lines(*summary(document, str(folder / "report.html"), str(folder / "report.json")), *written)


def report(run: RunName, out: Out = Path("byheart-audit"), hide_examples: Hide = False) -> None:
    """Write the page of a finished audit again."""
    from byheart.auditing.finished_audits import document_to_read, write_page
    from byheart.cli.summary import print_lines

    folder, document = document_to_read(run, out)
    print_lines(str(write_page(document, folder / "report.html", hide_examples)))
