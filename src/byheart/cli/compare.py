"""`byheart compare`: what changed between two audits of the same data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's digits, `latest`, or the folder of an audit.")]
In = Annotated[Path, typer.Option("--in", help="Folder of the audits, for runs that are named by their digits.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the page.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Hide = Annotated[
    bool | None,
    typer.Option(
        "--hide-examples/--show-examples", help="Leave only ids of examples; without either, as the reports do."
    ),
]


def compare(
    first: RunName,
    second: RunName,
    within: In = Path("byheart-audit"),
    out: Out = Path("byheart-compare"),
    json: AsJson = False,
    hide_examples: Hide = None,
) -> None:
    """Say what changed between two audits of the same data, and which examples changed with it."""
    from byheart.auditing.compare import compare_runs
    from byheart.cli.summary import print_json, print_lines
    from byheart.report.comparison_text import lines

    found = compare_runs(first, second, within, hide_examples)
    page = found.save(out / "compare.html")
    if json:
        print_json(found.to_dict())
    else:
        print_lines(*lines(found), f"Page  {page}")
