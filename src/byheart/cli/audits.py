"""`byheart audit` and `byheart plan`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byheart.exits import apart

if TYPE_CHECKING:
    from byheart.auditing.request import Request

Subject = Annotated[
    str,
    typer.Argument(
        metavar="[SUBJECT]",
        help="A task's name, data.csv, .parquet, .npz or my_audit.py. Nothing: embedded images with planted label noise.",
    ),
]
Target = Annotated[str | None, typer.Option("--target", help="Column of a table to predict.")]
TaskType = Annotated[str | None, typer.Option("--task", help="classes or values, where it should not be inferred.")]
Categorical = Annotated[
    list[str] | None, typer.Option("--categorical", help="Column to read as categories; may be repeated.")
]
Drop = Annotated[list[str] | None, typer.Option("--drop", help="Column to leave out; may be repeated.")]
Group = Annotated[
    list[str] | None,
    typer.Option("--group", help="Column of a table whose rows of one value stay together (patients); may be repeated."),
]
Missing = Annotated[str | None, typer.Option("--missing", help="refuse or impute missing features.")]
Transform = Annotated[
    str | None, typer.Option("--transform", help="log or rank of a target of values; all numbers then speak of it.")
]
Split = Annotated[float | None, typer.Option("--split", help="Share held out by hash of the row (0.2).")]
Flip = Annotated[
    float | None, typer.Option("--flip", help="Share of training labels to redraw: label noise of the data, with known truth.")
]
NoControl = Annotated[
    bool, typer.Option("--no-control", help="Do not redraw the labels that the audit of the embedded images redraws.")
]
Learner = Annotated[
    str | None,
    typer.Option(
        "--learner", help="mlp, conv, neighbours, ridge, or a scikit-learn class such as RandomForestClassifier."
    ),
]
Setting = Annotated[
    list[str] | None, typer.Option("--set", help="Setting of the learner, NAME=VALUE; may be repeated.")
]
LeverOption = Annotated[
    list[str] | None,
    typer.Option(
        "--lever", help="weight-decay=0.001, dropout=0.5, label-smoothing=0.1 or early-stop=8; may be repeated."
    ),
]
Members = Annotated[
    int | None,
    typer.Option("--members", help="Models on random subsets (64; fewer for text); more make intervals narrower."),
]
Share = Annotated[float, typer.Option("--share", help="Part of the examples that each member sees.")]
Seed = Annotated[int, typer.Option("--seed", help="The root seed.")]
Budget = Annotated[
    str | None, typer.Option("--budget", help="Time to spend, such as 60s or 5m; cuts members, never epochs.")
]
Jobs = Annotated[str, typer.Option("--jobs", help="Worker processes, or auto; changes no number.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Returns = Annotated[
    str, typer.Option("--returns", help="What a model of yours returns: auto, logits, probabilities, labels or values.")
]
Also = Annotated[
    list[str] | None,
    typer.Option("--also", help="Probe on request: memory/credit, memory/effect[:method=retrain]; may be repeated."),
]
Out = Annotated[Path, typer.Option("--out", help="Folder of the report and the ledger.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the document on standard output and nothing else there.")]
Hide = Annotated[bool, typer.Option("--hide-examples", help="Leave only ids of examples in the report.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


def audit(
    subject: Subject = "",
    target: Target = None,
    task: TaskType = None,
    categorical: Categorical = None,
    drop: Drop = None,
    group: Group = None,
    missing: Missing = None,
    split: Split = None,
    transform: Transform = None,
    flip: Flip = None,
    no_control: NoControl = False,
    learner: Learner = None,
    setting: Setting = None,
    lever: LeverOption = None,
    members: Members = None,
    share: Share = 0.7,
    seed: Seed = 0,
    budget: Budget = None,
    jobs: Jobs = "auto",
    device: Device = "auto",
    returns: Returns = "auto",
    also: Also = None,
    out: Out = Path("byheart-audit"),
    json: AsJson = False,
    hide_examples: Hide = False,
    quiet: Quiet = False,
) -> None:
    """Measure what a model trained this way has memorised and what it has understood."""
    from byheart.auditing.front import run
    from byheart.cli.progress import Progress
    from byheart.cli.summary import print_json, print_lines, summary
    from byheart.errors import StepFailed

    words = {k: v for k, v in locals().items() if k in _WORDS}
    with apart():
        request, settings = _request(words, jobs)
        with writable(out), Progress(quiet) as progress:
            found = run(request, out, settings=settings, say=progress.say, progress=progress)
    page = found.save(out / "report.html", hide_examples)
    document = found.save(out / "report.json", hide_examples)
    if json:
        print_json(found.to_dict(hide_examples))
    else:
        print_lines(summary(found.to_dict(), str(page), str(document)))
    if any(answer.status == "failed" for answer in found.findings.values()):
        raise typer.Exit(StepFailed.exit_code)


def plan(
    subject: Subject = "",
    target: Target = None,
    task: TaskType = None,
    categorical: Categorical = None,
    drop: Drop = None,
    group: Group = None,
    missing: Missing = None,
    split: Split = None,
    transform: Transform = None,
    flip: Flip = None,
    no_control: NoControl = False,
    learner: Learner = None,
    setting: Setting = None,
    lever: LeverOption = None,
    members: Members = None,
    share: Share = 0.7,
    seed: Seed = 0,
    jobs: Jobs = "auto",
    device: Device = "auto",
    returns: Returns = "auto",
    also: Also = None,
    out: Out = Path("byheart-audit"),
    json: AsJson = False,
) -> None:
    """Say what an audit would do: steps, done, time, memory, power. Writes nothing."""
    from byheart.auditing.forecast import forecast, lines
    from byheart.cli.summary import print_json, print_lines

    words = {k: v for k, v in locals().items() if k in _WORDS} | {"budget": None}
    with apart():
        request, settings = _request(words, jobs)
        found = forecast(request, out, settings)
    if json:
        print_json(found)
    else:
        print_lines("\n".join(lines(found)))


_WORDS = {
    "subject", "target", "task", "categorical", "drop", "group", "missing", "split", "transform", "flip",
    "no_control", "learner", "setting", "lever", "members", "share", "seed", "budget", "device", "returns", "also", "out",
}  # fmt: skip


def _request(words: dict[str, Any], jobs: str) -> tuple[Request, dict[str, Any]]:
    from byheart.auditing.words import request_from_words

    return request_from_words(words, jobs)


@contextmanager
def writable(out: Path) -> Iterator[None]:
    """A folder that can be written; where the input is refused, what was made for it is taken away again.

    Only a ledger that was not there before goes, and only if nothing was trained: data are soon drawn again.

    Raises:
        OutputRefused: the folder is read-only, full or a file.
    """
    import shutil

    from byheart.auditing.result import must_be_writable
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
