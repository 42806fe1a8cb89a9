"""`byheart rank`: how measures of generalisation order a table of runs, by every published score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TableFile = Annotated[Path, typer.Argument(metavar="TABLE", help="A table of runs: .csv, .tsv, .txt or .parquet.")]
Gap = Annotated[str, typer.Option("--gap", metavar="COLUMN", help="Training less test accuracy, as a share.")]
Settings = Annotated[str, typer.Option("--settings", metavar="A,B", help="Columns of the hyper-parameters.")]
Chosen = Annotated[str, typer.Option("--measures", metavar="A,B", help="Columns of the measures; all other numbers.")]
TestSize = Annotated[int | None, typer.Option("--test-size", help="Test examples behind each gap, for sign-errors.")]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Also write the table: .csv, .parquet, .jsonl or .json.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def rank(
    table: TableFile,
    gap: Gap = "",
    settings: Settings = "",
    measures: Chosen = "",
    test_size: TestSize = None,
    out: Out = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say which measure orders the runs of a table as their generalisation gap does."""
    from byheart.auditing.rank_measures import rank_measures
    from byheart.cli.summary import print_json, print_lines
    from byheart.report.ranked_measures import lines
    from byheart.terminal import to_stderr

    found = rank_measures(
        table, gap=gap or None, settings=_columns(settings), measures=_columns(measures), test_size=test_size,
        say=None if quiet else to_stderr,
    )  # fmt: skip
    if out is not None:
        found.save(out)
    if json:
        print_json(found.to_dict())
    else:
        print_lines(*lines(found), *([f"Table  {out}"] if out is not None else []))


def _columns(words: str) -> list[str] | None:
    return [word.strip() for word in words.split(",") if word.strip()] or None
