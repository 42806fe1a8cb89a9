"""`byheart list`, `byheart show` and `byheart report`: nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Kind = Annotated[str, typer.Argument(metavar="[KIND]", help="task, learner, lever, probe, verdict or run; nothing: all but runs.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's digits, or the folder of an audit.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the ledger.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Hide = Annotated[bool, typer.Option("--hide-examples", help="Leave only ids of examples in the report.")]


def list_names(kind: Kind = "", out: Out = Path("byheart-audit"), json: AsJson = False) -> None:
    """List what there is: tasks, learners, levers, probes, verdicts, or the runs of a ledger."""
    from byheart.registry import BUILT_IN, names

    if kind in {"run", "runs"}:
        from byheart.auditing.runs import runs

        found = {"run": {run: title for run, title in runs(out)}}
    else:
        kind = kind.removesuffix("s")
        found = {each: names(each) for each in ([kind] if kind else BUILT_IN)}
    if json:
        from byheart.cli.summary import print_json

        print_json(found)
        return
    for each, lines in found.items():
        typer.echo(f"{each}s" if lines else f"no {each}s in {out}")
        for name, line in lines.items():
            typer.echo(f"  {name:<24} {line}")


def show(run: RunName, out: Out = Path("byheart-audit"), json: AsJson = False) -> None:
    """Print a finished audit again."""
    from byheart.auditing.runs import document_of
    from byheart.cli.summary import print_json, summary

    folder, document = document_of(run, out)
    if json:
        print_json(document)
    else:
        typer.echo(summary(document, str(folder / "report.html"), str(folder / "report.json")))


def report(run: RunName, out: Out = Path("byheart-audit"), hide_examples: Hide = False) -> None:
    """Write the page of a finished audit again."""
    from byheart.auditing.runs import document_of, write_page

    folder, document = document_of(run, out)
    typer.echo(str(write_page(document, folder / "report.html", hide_examples)))
