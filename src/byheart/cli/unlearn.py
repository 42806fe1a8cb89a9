"""`byheart unlearn`: these rows must go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from byheart.exits import apart

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's digits, `latest`, or the folder of an audit.")]
Forget = Annotated[
    Path, typer.Option("--forget", metavar="FILE", help="Ids of the training examples that must go, one per line.")
]
Copies = Annotated[bool, typer.Option("--with-copies", help="Let their copies go too; without, they are refused.")]
Models = Annotated[int, typer.Option("--models", metavar="N", help="Models of each kind, each from its own seed.")]
Hide = Annotated[
    bool | None,
    typer.Option(
        "--hide-examples/--show-examples", help="Leave only ids of examples; without either, as the report does."
    ),
]
Out = Annotated[Path, typer.Option("--out", help="Folder of the ledger.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Run code that the folder or file names and that is not byheart's; it is shown.")
]


def unlearn(
    run: RunName,
    forget: Forget,
    with_copies: Copies = False,
    models: Models = 8,
    hide_examples: Hide = None,
    out: Out = Path("byheart-audit"),
    json: AsJson = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Say what models that were to forget some examples still give away, beside exact retraining."""
    from byheart.auditing.unlearn import unlearned
    from byheart.cli.summary import print_json, print_lines
    from byheart.progress import Progress
    from byheart.report.unlearning_text import lines

    ids = _ids(forget)
    with apart(), Progress(quiet) as progress:
        folder, found = unlearned(run, out, ids, with_copies, models, hide_examples, progress.say, trust)
    page = found.save(folder / f"unlearn-{found.mark}.html")
    if json:
        print_json(found.to_dict())
    else:
        print_lines(*lines(found), f"Page  {page}")


def _ids(path: Path) -> list[str]:
    """The ids that a file names, one per line; empty lines are passed over.

    Raises:
        InputRefused: no such file, or one that is no text.
    """
    from byheart.errors import InputRefused

    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        came = f"no file {path}" if isinstance(error, FileNotFoundError) else f"{type(error).__name__} in {path}"
        raise InputRefused("a text file with one id per line", came, "Write the ids into it, one per line.") from None
