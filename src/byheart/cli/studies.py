"""`byheart study`: the field's claims, and what comes out of one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byheart.cli.audits import Device, Jobs, Quiet, writable
from byheart.cli.explain import Trust
from byheart.exits import apart

if TYPE_CHECKING:
    from byheart.records.claim_result import Outcome, Reading, Studied
    from byheart.report.cards import About

Name = Annotated[str, typer.Argument(metavar="NAME", help="A claim, or a claim file (.toml). Nothing: lists them.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the page and the ledger.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting, or the values of one that varies: task.n=25,50."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def study(
    name: Name = "",
    jobs: Jobs = "auto",
    device: Device = "auto",
    out: Out = Path("byheart-study"),
    json: AsJson = False,
    quiet: Quiet = False,
    trust: Trust = False,
    values: Set = None,
) -> None:
    """Ask whether a claim of the field holds here; without a name, list the claims."""
    if not name:
        return list_claims(json)
    from byheart.auditing.claims import claim_named
    from byheart.study.parse import paths

    over = paths(values or [], "--set")
    called, claim = claim_named(name, over)
    named = [word for word in over.values() if isinstance(word, str)]
    from byheart.auditing.cli_request import jobs_from
    from byheart.auditing.studies import page_of, prepared
    from byheart.auditing.studies import study as studied
    from byheart.cli.summary import print_json, print_lines
    from byheart.errors import StepFailed
    from byheart.progress import Progress

    workers = jobs_from(jobs)
    prepared(claim, device, trust, named)  # a wrong word is said before a folder is made
    with apart(), writable(out), Progress(quiet) as progress:
        found = studied(
            called, claim, out, word=Path(name).name, values=values or (), device=device, jobs=workers, say=progress.say, progress=progress,
            trust=trust, named=named,
        )  # fmt: skip
    page = page_of(found, out)
    if json:
        print_json(found.model_dump(mode="json"))
    else:
        print_lines(*lines(found), f"Page  {page}")
    if found.partial:
        raise typer.Exit(StepFailed.exit_code)
    return None


def list_claims(json: bool = False) -> None:
    """Print every claim with its sentence; nothing heavy is imported."""
    from byheart.cli.list_show import list_names
    from byheart.cli.summary import print_lines

    list_names(["claim", "--json"] if json else ["claim"])
    if not json:
        print_lines("Run one: byheart study NAME")


def lines(found: Studied) -> list[str]:
    """The study in about ten lines: what came out of each expectation, and what it was read from."""
    from byheart.records.facts import FactTable
    from byheart.report.ranked_measures import study_lines
    from byheart.report.study import subjects_of

    made = [f"byheart study · {found.study} · {found.cited()}"]
    made.append(f"  {found.claim}")
    subjects = subjects_of(found)
    for outcome in found.outcomes:
        made.append(f"  {outcome.outcome:<9} {outcome.says}")
        made.append(f"            {told(outcome, subjects)}")
    made += [line for finding in found.surveys.values() for line in _each(finding)]
    made += [f"  failed    {subject.says}: {subject.failed}" for subject in found.subjects if subject.failed]
    for finding in found.surveys.values():
        if {"scores", "published"} <= set(finding.get("tables", {})):
            made += study_lines(*(FactTable.model_validate(finding["tables"][name]) for name in ("scores", "published")))
    made.append(f"  {found.tally()}")
    return made


def _each(finding: Mapping[str, Any]) -> list[str]:
    """A row per value of the setting, of surveys that lay several quantities side by side."""
    from byheart.records.facts import FactTable
    from byheart.records.formatting import amount, number

    if "each" not in (finding.get("tables") or {}):
        return []
    table = FactTable.model_validate(finding["tables"]["each"])
    by, *parts = table.values
    texts = [
        [f"{by.rpartition('.')[2]} {number(float(row[by]))}", *(f"{part} {amount(row[part], table.units[part])}" for part in parts)]
        for row in table.rows()
    ]
    widths = [max(map(len, column)) for column in zip(*texts)]
    return ["  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in texts]


def told(outcome: Outcome, subjects: Mapping[str, About]) -> str:
    """The figures of an outcome in one line, or why there is none.

    The null and n stand once where they are the same for all readings.
    """
    from byheart.records.formatting import interval_text, value_text
    from byheart.report.cards.reasons import why_withheld

    ends = [_behind(one) for one in outcome.readings if one.quantity]
    alike = len(set(ends)) == 1
    said = [
        f"{name} {value_text(one.quantity)} {interval_text(one.quantity)}{'' if alike else f' ({_behind(one)})'}"
        for name, one in zip(_named(outcome), outcome.readings)
        if one.quantity
    ]
    gaps = [f"{value_text(one)} {interval_text(one)}" for one in outcome.differences]
    figures = ", ".join(said) + (f" ({ends[0]})" if said and alike else "")
    judged = f"difference {', '.join(gaps)}" if gaps else ""
    parts = [figures, judged, why_withheld(outcome, subjects)]
    return "; ".join(part for part in parts if part)


def _named(outcome: Outcome) -> list[str]:
    """What each reading is called: by its quantity, its subject, or both, as they differ."""
    subjects = {reading.subject for reading in outcome.readings}
    paths = {reading.path for reading in outcome.readings}
    if len(subjects) == 1:
        return [one.called for one in outcome.readings]
    return [one.says if len(paths) == 1 else f"{one.called} of {one.says}" for one in outcome.readings]


def _behind(reading: Reading) -> str:
    """The null and n of a reading."""
    from byheart.records.formatting import count, null_text

    if reading.quantity is None:
        return ""
    null = f"null {null_text(reading.quantity)}" if reading.quantity.null is not None else "no null"
    return f"{null}, n {count(reading.quantity.n)}"
