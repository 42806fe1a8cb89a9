"""`byheart measure`: what the measures of generalisation say of a network as it is. Nothing is trained."""

from __future__ import annotations

from typing import Annotated

import typer

from byheart.exits import apart

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A checkpoint (.safetensors, .pt, .pth, .ckpt), a Hugging Face folder, or FILE.py:NAME, a module or a function that makes one.",
    ),
]
Initial = Annotated[
    str | None, typer.Option("--initial", metavar="FILE", help="The weights before training: a checkpoint.")
]
Train = Annotated[
    str | None,
    typer.Option(
        "--train", metavar="DATA", help="The training examples: any file, folder or task that an audit takes."
    ),
]
Test = Annotated[
    str | None, typer.Option("--test", metavar="DATA", help="Examples that it was not trained on, likewise.")
]
Weights = Annotated[
    str | None, typer.Option("--weights", metavar="FILE", help="A checkpoint to put into the module of FILE.py:NAME.")
]
Target = Annotated[str | None, typer.Option("--target", help="The column to predict, where the examples are a table.")]
Trace = Annotated[
    str | None,
    typer.Option("--trace", metavar="DIR", help="The recorded training, as trace.save of byheart.record writes it."),
]
Second = Annotated[
    str | None,
    typer.Option("--second", metavar="FILE", help="Another run of the same recipe: a checkpoint. Takes --test."),
]
Search = Annotated[
    bool, typer.Option("--search", help="Also search how far weights may be perturbed (flatness): seconds to minutes.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


def measure(
    model: Model,
    initial: Initial = None,
    train: Train = None,
    test: Test = None,
    weights: Weights = None,
    target: Target = None,
    trace: Trace = None,
    second: Second = None,
    search: Search = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure a network as it is: norms, margins, distances, by what its evidence allows."""
    from byheart.auditing.measure import measure as measured
    from byheart.cli.summary import print_json, print_lines
    from byheart.progress import Progress

    with apart(), Progress(quiet) as progress:
        found = measured(
            model,
            initial,
            train,
            test,
            weights=weights,
            trace=trace,
            second=second,
            search=search,
            target=target,
            say=progress.say,
        )
    if json:
        print_json(found.to_dict())
    else:
        print_lines(*found.lines())
