"""`byheart explain`: what one prediction is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byheart.exits import apart

if TYPE_CHECKING:
    from byheart.auditing.explain import Query
    from byheart.records.explanation import Explanation, Share

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's digits, `latest`, or the folder of an audit.")]
Example = Annotated[
    str | None, typer.Option("--example", help="Id of a training example: its name if it has one, else its position.")
]
Test = Annotated[str | None, typer.Option("--test", help="Id of a new example, likewise.")]
Text = Annotated[str | None, typer.Option("--text", help="A passage of your own, for an audit of text.")]
Image = Annotated[
    Path | None,
    typer.Option(
        "--image", help="A picture of your own, of the size of the training pictures: PNG; others with Pillow."
    ),
]
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
LISTED = 6  # examples a line


def explain(
    run: RunName,
    example: Example = None,
    test: Test = None,
    text: Text = None,
    image: Image = None,
    hide_examples: Hide = None,
    out: Out = Path("byheart-audit"),
    json: AsJson = False,
    quiet: Quiet = False,
    trust: Trust = False,
) -> None:
    """Say which training examples a prediction is made of, and whose removal would change it."""
    query = _query(example, test, text, image)

    from byheart.auditing.explain_run import explained, page_of
    from byheart.cli.summary import print_json, print_lines
    from byheart.progress import Progress

    with apart(), Progress(quiet) as progress:
        folder, found = explained(run, out, query, hide_examples, progress.say, trust)
    page = page_of(found, folder)
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        print_lines(*lines(found), f"Page  {page}")


def _query(example: str | None, test: str | None, text: str | None, image: Path | None) -> Query:
    """What is asked, of the one option that is given.

    Raises:
        UsageError: none or several of them.
    """
    from byheart.errors import UsageError

    options = {"--example": example, "--test": test, "--text": text, "--image": image}
    given = [name for name, value in options.items() if value is not None]
    if len(given) != 1:
        raise UsageError(
            expected='one of --example ID, --test ID, --text "..." and --image FILE',
            came=" and ".join(given) or "none of them",
            do="Ask one question at a time." if given else "Ids stand in the report.",
        )
    from byheart.auditing.explain import Query

    if example is not None:
        return Query("train", example)
    return Query("test", test) if test is not None else Query(text=text, image=image)


def lines(found: Explanation) -> list[str]:
    """The explanation in words."""
    from byheart.records.formatting import number
    from byheart.report import explanation_text as words
    from byheart.report.rich_text import plain

    *rows, total = words.parts(found)
    unit = words.unit(found)
    sum_ = " + ".join(f"{name} {value}" for value, name in rows)
    made = [
        plain(words.headline(found)),
        f"Credit: where {words.what(found)} came from, in this run{'; it adds up' if found.adds_up else ''}",
        f"  {sum_} = {total[0]}{' ' + unit if unit else ''}",
        *_credited(found),
        f"Effect: what leaving one out would take away from {words.what(found)}, of this recipe, to first order",
        *(f"  {said}" for said in (words.own_words(found), words.check(found)) if said),
        f"  {words.seeds(found)}",
    ]
    if found.foretells is not False:
        made += [*_rows(found, "for", found.effect_for), *_rows(found, "against", found.effect_against)]
    near = [f"{_named(share)} {number(share.value, 2)}" for share in found.neighbours[:LISTED]]
    made += [f"Nearest training {found.nouns}, by {found.distance}", _listed("near", near)]
    return [*made, *(f"  note     {note}" for note in words.notes(found))]


def _credited(found: Explanation) -> list[str]:
    from byheart.report import explanation_text as words

    if not found.adds_up:
        return [f"  {words.missed(found)}"]
    made = [*_rows(found, "for", found.credit_for), *_rows(found, "against", found.credit_against)]
    if found.credit_score is not None:
        made.append(f"  as a forecast of retraining, which it is not: {words.score(found.credit_score)}")
    return made


def _named(share: Share) -> str:
    return f"{share.called} {share.label}{' (redrawn)' if share.changed else ''}"


def _rows(found: Explanation, title: str, shares: tuple[Share, ...]) -> list[str]:
    from byheart.report.explanation_text import signed

    return [_listed(title, [f"{_named(share)} {signed(found, share, shares)}" for share in shares[:LISTED]])]


def _listed(title: str, words: list[str]) -> str:
    return f"  {title:<8} " + (" \u00b7 ".join(" ".join(one.split()) for one in words) or "none")
