"""`byheart audit` and `byheart plan`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from byheart.exits import apart
from byheart.records.options import Options

Subject = Annotated[
    str,
    typer.Argument(
        metavar="SUBJECT",
        help="A task's name, data.csv, .parquet, .npz, images/ or my_audit.py. Nothing: embedded images with planted label noise.",
    ),
]
Jobs = Annotated[str, typer.Option("--jobs", help="Worker processes, or auto; changes no number.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the report and the ledger.", rich_help_panel="Output")]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print the document on standard output and nothing else there.", rich_help_panel="Output"
    ),
]
Hide = Annotated[
    bool, typer.Option("--hide-examples", help="Leave only ids of examples in the report.", rich_help_panel="Output")
]
Issues = Annotated[
    Path | None,
    typer.Option(
        "--issues", help="Write the issues, an example per row: FILE.csv, .parquet or .jsonl.", rich_help_panel="Output"
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.", rich_help_panel="Output")]


def audit(
    options: Options,
    subject: Subject = "",
    out: Out = Path("byheart-audit"),
    json: AsJson = False,
    hide_examples: Hide = False,
    issues: Issues = None,
    quiet: Quiet = False,
    notes: tuple[str, ...] = (),
) -> None:
    """Measure what a model trained this way has memorised and what it has understood."""
    from byheart.auditing.audit import run
    from byheart.auditing.cli_request import request_from_words
    from byheart.auditing.writing import must_be_writable
    from byheart.cli.summary import issue_lines, print_json, print_lines, summary
    from byheart.errors import StepFailed
    from byheart.progress import Progress
    from byheart.records.columns import checked_path

    if issues is not None:
        must_be_writable(checked_path(issues).parent, "--issues")
    with apart():
        request, settings = request_from_words(subject, options, silent if quiet else None, notes)
        with writable(out), Progress(quiet) as progress:
            found = run(request, out, settings=settings, say=progress.say, progress=progress)
    page = found.save(out / "report.html", hide_examples)
    document = found.save(out / "report.json", hide_examples)
    shown = found.to_dict(hide_examples)
    written = issue_lines(shown, issues) if issues is not None else []
    if json:
        print_json(shown)
    else:
        print_lines(*summary(found.to_dict(), str(page), str(document)), *written)
    if any(answer.status == "failed" for answer in found.findings.values()):
        raise typer.Exit(StepFailed.exit_code)


def plan(
    options: Options,
    subject: Subject = "",
    out: Out = Path("byheart-audit"),
    json: AsJson = False,
    notes: tuple[str, ...] = (),
) -> None:
    """Say what an audit would do: steps, done, time, memory, power. Writes nothing."""
    from byheart.auditing.audit import planned
    from byheart.auditing.cli_request import request_from_words
    from byheart.cli.summary import forecast_lines, print_json, print_lines

    with apart():
        request, settings = request_from_words(subject, options)
        found = planned(request, out, settings)
    if json:
        print_json({**found, "notes": notes})
    else:
        first, *rest = forecast_lines(found)
        print_lines(first, *[f"  {line}" for line in notes], *rest)


def silent(line: str) -> None:
    """Says nothing."""


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """A folder that can be written; where the input is refused, what was made for it is taken away again.

    Only a ledger that was not there before goes, and only if nothing was trained: data are soon drawn again.

    Raises:
        OutputRefused: the folder is read-only, full or a file.
    """
    import shutil

    from byheart.auditing.writing import must_be_writable
    from byheart.errors import InputRefused, UsageError

    made = [path for path in (out, *out.parents) if not path.exists()]
    ledger = out / "ledger"
    fresh = not ledger.exists()
    must_be_writable(out)
    try:
        yield
    except (InputRefused, UsageError):
        if fresh and not _trained(ledger):
            shutil.rmtree(ledger, ignore_errors=True)
        for path in made:  # rmdir takes empty folders alone
            with suppress(OSError):
                path.rmdir()
        raise


def _trained(folder: Path) -> bool:
    """Whether the ledger of a refused run holds an answer, or a training of the learner that was refused.

    Other trainings are of learners that probes set beside it.
    """
    from byheart.ledger.sqlite import SqliteLedger

    with closing(SqliteLedger(folder)) as ledger:
        if any(ledger.state(key) == "done" for key in ledger.keys("measure")):
            return True
        keys = [key for kind in ("trial", "train") for key in ledger.keys(kind)]
        ends = [(ledger.state(key), ledger.about(key) or {}) for key in keys]
        names = {end: {about["learner"]["name"] for state, about in ends if state == end} for end in ("done", "failed")}
        return bool(names["done"] & names["failed"] if names["failed"] else names["done"])
