"""`byheart explain`: what one prediction is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from byheart.records.explanation import Explanation, Share

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's digits, `latest`, or the folder of an audit.")]
Example = Annotated[int | None, typer.Option("--example", help="Id of a training example.")]
Test = Annotated[int | None, typer.Option("--test", help="Id of a new example.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the ledger.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def explain(
    run: RunName, example: Example = None, test: Test = None, out: Out = Path("byheart-audit"), json: AsJson = False
) -> None:
    """Say which training examples a prediction is made of, and whose removal would change it."""
    from byheart.auditing.explaining import explained, page_of
    from byheart.cli.summary import print_json
    from byheart.errors import UsageError

    if (example is None) == (test is None):
        raise UsageError(expected="--example ID or --test ID", came="both" if test is not None else "neither")
    view, ident = ("train", example) if example is not None else ("test", test or 0)
    folder, found = explained(run, out, view, int(ident))
    page = page_of(found, folder)
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        typer.echo("\n".join(lines(found)))
        typer.echo(f"Page  {page}")


def lines(found: Explanation) -> list[str]:
    """The explanation in words."""
    from byheart.records.figures import count, number

    whose = {"train": "training", "test": "new", "yours": "your"}[found.view]
    known = f"labelled {found.label}" if found.label_known else "of unknown label"
    return [
        f"{whose} {found.noun} {found.id}, {known}; the model says {found.says}, margin of {found.label} "
        f"{number(found.margin_nats, 2)} nats after {count(found.steps)} steps",
        "Credit: where this margin came from, in this run; it adds up",
        f"  {found.nouns} {number(found.credit_total, 2)} + weight decay {number(found.decay, 2)} + untrained model "
        f"{number(found.initial, 2)} + remainder {number(found.remainder, 3)} = {number(found.margin_nats, 2)}",
        *_rows("for", found.credit_for),
        *_rows("against", found.credit_against),
        "Effect: what leaving one out would take away from the margin, in this run, to first order",
        *_rows("for", found.effect_for),
        *_rows("against", found.effect_against),
        "Nearest training examples, by distance",
        *_rows("near", found.neighbours),
    ]


def _rows(title: str, shares: tuple[Share, ...]) -> list[str]:
    from byheart.records.figures import number

    words = [f"{share.id} {share.label} {number(share.value, 3)}" for share in shares[:6]]
    return [f"  {title:<8} " + " \u00b7 ".join(words)] if words else [f"  {title:<8} none"]
