"""`byheart gate`: is a finished audit within your bounds? Nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from byheart.cli.list_show import Out, RunName

Max = Annotated[
    list[str] | None, typer.Option("--max", metavar="NAME=NUMBER", help="Largest value of a quantity; may be repeated.")
]
Min = Annotated[
    list[str] | None,
    typer.Option("--min", metavar="NAME=NUMBER", help="Smallest value of a quantity; may be repeated."),
]
FailOn = Annotated[
    list[str] | None, typer.Option("--fail-on", metavar="CODES", help="Verdicts that must find nothing: BH101,BH105.")
]
Strict = Annotated[
    bool | None, typer.Option("--strict/--no-strict", help="Count what is withheld as not held.", show_default=False)
]
JUnit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML, one test case each.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def gate(
    run: RunName = "latest",
    out: Out = Path("byheart-audit"),
    max: Max = None,
    min: Min = None,
    fail_on: FailOn = None,
    strict: Strict = None,
    junit: JUnit = None,
    json: AsJson = False,
) -> None:
    """Hold a finished audit to bounds: exit code 0 held, 1 not held, 4 withheld."""
    from byheart.auditing.finished_audits import document_to_read
    from byheart.auditing.gate import EXIT_CODES, bounds_from
    from byheart.auditing.gate import gate as held_to
    from byheart.auditing.junit import junit as as_junit
    from byheart.auditing.writing import write_text
    from byheart.cli import project_file
    from byheart.cli.summary import print_json, print_lines

    of_file = project_file.bounds()
    given = {"max": numbers(max, "--max"), "min": numbers(min, "--min")}
    sides = {side: of_file.get(side, {}) | own for side, own in given.items()}
    bounds = [one for side, numbered in sides.items() for one in bounds_from(side, numbered)]
    codes = list(dict.fromkeys([*words(of_file.get("fail-on")), *words(fail_on)]))
    severe = bool(of_file.get("strict")) if strict is None else strict
    found = held_to(document_to_read(run, out)[1], bounds, codes)
    code = EXIT_CODES["not held" if severe and found.outcome == "withheld" else found.outcome]
    if junit is not None:
        write_text(junit, as_junit(found, severe))
    defaults = _defaults(of_file, given, strict)
    if json:
        print_json({**found.to_dict(), "strict": severe, "exit_code": code, "defaults": defaults})
    else:
        says = f"{found.outcome}, counted as not held" if severe and found.outcome == "withheld" else found.outcome
        lines = [*([project_file.note(defaults)] if defaults else []), *found.lines()]
        print_lines(
            f"byheart gate · {found.title} · run {found.run}", *[f"  {line}" for line in lines], f"Gate  {says}"
        )
    raise typer.Exit(code)


def numbers(given: list[str] | None, option: str) -> dict[str, float]:
    """`NAME=NUMBER` words, several also with commas between them.

    Raises:
        UsageError: another word, or two bounds of one name.

    Example:
        >>> numbers(["gap=0.2,memorised_share=0.3"], "--max")
        {'gap': 0.2, 'memorised_share': 0.3}
    """
    from byheart.errors import UsageError

    found: dict[str, float] = {}
    for word in words(given):
        name, _, text = (part.strip() for part in word.partition("="))
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not name or not -float("inf") < value < float("inf"):
            raise UsageError(f"NAME=NUMBER after {option}", repr(word), "Example: memorised_bits_share=0.3.")
        if name in found:
            raise UsageError(
                f"one number for {name} after {option}", f"{found[name]:g} and {value:g}", "Leave one out."
            )
        found[name] = value
    return found


def words(given: list[str] | None) -> list[str]:
    """The words, several also with commas between them.

    Example:
        >>> words(["BH101,BH105", "BH106"])
        ['BH101', 'BH105', 'BH106']
    """
    return [word.strip() for several in given or [] for word in several.split(",") if word.strip()]


def _defaults(of_file: dict[str, Any], given: dict[str, dict[str, float]], strict: bool | None) -> dict[str, Any]:
    """What the file said and the command line did not: `max gap` -> 0.2."""
    found = {
        f"{side} {name}": value
        for side, own in given.items()
        for name, value in of_file.get(side, {}).items()
        if name not in own
    }
    found |= {"fail-on": of_file["fail-on"]} if of_file.get("fail-on") else {}
    return found | ({"strict": of_file["strict"]} if strict is None and "strict" in of_file else {})
