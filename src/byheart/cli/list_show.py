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
    """List the names there are, of all kinds or of one: byheart list [KIND] [--out DIR] [--json].

    KIND is task, learner, lever, keep, probe, survey, verdict, engine, ledger, claim or run.
    """
    list_names(ctx.args)


def list_names(words: list[str]) -> None:
    """List the names of a kind, or of all kinds but runs."""
    from byheart.cli.summary import print_json, print_lines
    from byheart.errors import unknown_name

    kind, out, json = listed_words(words)
    known = kinds()
    if kind and kind not in known:
        raise unknown_name("kind", kind, known)
    found = {each: _names(each, out) for each in ([kind] if kind else known) if kind or each != "run"}
    if json:
        print_json(found)
        return
    for each, lines in found.items():
        print_lines(f"{each}s" if lines else f"no {each}s in {out}")
        width = max(24, *map(len, lines)) if lines else 0
        for name, line in lines.items():
            print_lines(f"  {name:<{width}}  {line}")


def kinds() -> list[str]:
    """Every kind that can be listed."""
    from byheart.registry import BUILT_IN

    return [*BUILT_IN, "claim", "run"]


def _names(kind: str, out: Path) -> dict[str, str]:
    """Name -> its line, of a kind; of runs those in the folder `out`."""
    if kind == "run":
        from byheart.auditing.finished_audits import runs

        return dict(runs(out))
    if kind == "claim":
        from byheart.auditing.claims import listed

        return listed()
    from byheart.registry import names

    return names(kind)


def listed_words(words: list[str]) -> tuple[str, Path, bool]:
    """KIND, the folder after --out, and whether --json was given.

    Raises:
        UsageError: another option, or more than one kind.

    Example:
        >>> listed_words(["tasks", "--json"])
        ('task', PosixPath('byheart-audit'), True)
    """
    from byheart.errors import UsageError

    asked, out, json = [], Path("byheart-audit"), False
    rest = iter(words)
    for word in rest:
        if word == "--json":
            json = True
        elif word == "--out" or word.startswith("--out="):
            out = Path(word.partition("=")[2] or next(rest, "byheart-audit"))
        else:
            asked.append("claim" if word in ("study", "studies") else word.removesuffix("s"))
    if len(asked) > 1 or any(kind.startswith("-") for kind in asked):
        raise UsageError("byheart list [KIND] [--out DIR] [--json]", " ".join(words), "Try: byheart list task.")
    return (asked[0] if asked else ""), out, json


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
