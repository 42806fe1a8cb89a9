"""`byheart balance`: which setting of levers serves a model best, and what each costs and buys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from byheart.cli.audits import AsJson, Quiet, Subject, silent, writable
from byheart.exits import apart
from byheart.records.options import Options

WITHOUT = ("no_control", "no_baseline", "first", "also", "phases")  # options of an audit alone
Tries = Annotated[
    list[str] | None,
    typer.Option(
        "--try", help="Values of a lever or setting: weight-decay=0.001..0.1:5, dropout=0,0.2,0.5; may be repeated.",
        rich_help_panel="Training",
    ),
]  # fmt: skip
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        help="Folder of the page, balance.toml and the ledger; an audit there shows it.",
        rich_help_panel="Output",
    ),
]


def balance(
    options: Options,
    subject: Subject = "",
    tries: Tries = None,
    out: Out = Path("byheart-audit"),
    json: AsJson = False,
    quiet: Quiet = False,
    notes: tuple[str, ...] = (),
) -> None:
    """Try levers on a model, and say which setting serves it best and what each costs and buys."""
    from dataclasses import replace

    from byheart.auditing.cli_request import request_from_words
    from byheart.balancing.balance import run
    from byheart.balancing.words import command
    from byheart.cli.summary import print_json, print_lines
    from byheart.progress import Progress
    from byheart.report.balanced_text import audit_command, lines

    with apart():
        # labels redrawn as a control would be noise that the levers are chosen by
        options = replace(options, no_control=True)
        request, settings = request_from_words(subject, options, silent if quiet else None, notes)
        request = command(request, tries or ())
        with writable(out), Progress(quiet) as progress:
            found = run(request, tries or (), out, settings=settings, say=progress.say, progress=progress)
    page, data, best = (found.save(out / name) for name in ("balance.html", "balance.json", "balance.toml"))
    if json:
        print_json(found.to_dict())
    else:
        audit = [f"Audit   {audit_command(found, str(best))}"] if found.best.words else []
        print_lines(*lines(found), f"Page    {page}   Data  {data}", *audit)
