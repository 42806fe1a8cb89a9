"""Findings as cards, in chapters: one question, one number, its scale, its picture, how it was made."""

from __future__ import annotations

from collections.abc import Iterable

from byheart.records.finding import Answer, Failed, Finding, NotApplicable
from byheart.records.formatting import amount, count, interval_text, number, value_text
from byheart.report.cards import About, Card, card_of
from byheart.report.cards.default import note_of
from byheart.report.cards.reasons import advice, why
from byheart.report.chart import Chart, Role
from byheart.report.charts import pictures
from byheart.report.examples import gallery
from byheart.report.rich_text import slug
from byheart.report.scale_chart import WHO, strips

CHAPTERS = {
    "dynamics": "How far back in time does it remember?",
    "memory": "What is held by heart, and which examples is it?",
    "generalization": "Will it hold on data it has not seen?",
    "complexity": "How many bits did learning buy, and how many does it hold?",
}
_ORDER = ("measured", "withheld", "failed")
IDENTITY = ("understood_bits", "memorised_bits", "left_bits", "reference_bits")


def chapters(subject: dict, findings: dict[str, Answer], exhibits: dict[str, dict]) -> list[dict]:
    """The chapters that have findings, ours first and in order, then those of plug-ins by name."""
    by_chapter: dict[str, list[Finding | Failed]] = {}
    for finding in findings.values():
        if isinstance(finding, NotApplicable):
            continue
        by_chapter.setdefault(finding.probe.partition("/")[0], []).append(finding)
    names = [name for name in CHAPTERS if name in by_chapter] + sorted(set(by_chapter) - set(CHAPTERS))
    return [
        {
            "id": f"chapter-{slug(name)}",
            "title": name[:1].upper() + name[1:],
            "question": CHAPTERS.get(name, ""),
            "cards": [
                card(subject, finding, exhibits)
                for finding in sorted(by_chapter[name], key=lambda one: _ORDER.index(one.status))
            ],
        }
        for name in names
    ]


def inapplicable(subject: dict, findings: Iterable[Answer]) -> list[dict]:
    """What is not asked of this subject, and why: one line of the page, and no card each."""
    about = About.of(subject)
    return [
        {"probe": one.probe, "id": slug(one.probe), "why": why(one.reason, about), "offer": advice(one.reason, about)}
        for one in findings
        if isinstance(one, NotApplicable)
    ]


def card(subject: dict, finding: Finding | Failed, exhibits: dict[str, dict]) -> dict:
    """Everything that the template of one card reads."""
    about = About.of(subject)
    made = {"id": slug(finding.probe), "probe": finding.probe, "question": finding.question, "status": finding.status}
    if not isinstance(finding, Finding):
        return {**made, "error": finding.error, "galleries": []}
    held, identity = finding.status == "withheld", _identity(finding)
    words = card_of(finding, about)
    head = None if held else finding.quantities.get(finding.headline)
    return {
        **made,
        "head": {"value": value_text(head), "interval": interval_text(head), "says": words.says} if head else None,
        "withheld": why(finding.withheld, about) if held and finding.withheld else None,
        "strip": strips(head, finding.poles, hue(finding.headline)) if head and finding.poles else None,
        "facts": _rows(subject, finding, head, words),
        "body": words.body,
        "identity": identity,
        "tables": {name: table for name, table in words.tables.items() if table.rows},
        "charts": [_chart(chart) for chart in words.charts],
        "galleries": [
            gallery(one, exhibits, subject["noun"], about.names)
            for one in words.exhibits
            if any(group.shown for group in one.groups)
        ],
        "how": words.how,
        "quantities": [
            {
                "name": name.replace("_", " "),
                "value": value_text(one),
                "interval": interval_text(one),
                "how": words.notes.get(name) or note_of(one),
            }
            for name, one in finding.quantities.items()
        ],
        "reference": finding.reference,
    }


def hue(name: str) -> Role:
    """The role of a quantity: the two hues have one meaning each, all else is ink."""
    for part, role in (
        ("memoris", "memorised"),
        ("understood", "understood"),
        ("accuracy", "understood"),
        ("left", "left"),
    ):
        if part in name:
            return role  # type: ignore[return-value]
    return "ink"


def _rows(subject: dict, finding: Finding, head, words: Card) -> list[tuple[str, str]]:
    facts = dict(words.rows)
    if head is not None:
        ours = {
            "null": amount(head.null, head.unit) if head.null is not None else "none; see how it was computed",
            "n": f"{count(head.n)} {subject['noun'] if head.n == 1 else subject['nouns']}",
        }
        facts = {**ours, **facts}
        facts.setdefault("describes", WHO[head.speaks_of])
    if finding.withheld is not None:
        facts.setdefault("what to do", advice(finding.withheld, About.of(subject)))
    return [(label, text) for label, text in facts.items() if text]


def _identity(finding: Finding) -> list[dict] | None:
    """The exact identity with one decimal, since rounded bits do not add up."""
    if finding.status == "withheld" or not all(name in finding.quantities for name in IDENTITY):
        return None
    rows = []
    for name in IDENTITY:
        one = finding.quantities[name]
        rows.append(
            {
                "name": name.removesuffix("_bits"),
                "bits": number(one.value, 1),
                "interval": interval_text(one) or "exact",
            }
        )
    return rows


def _chart(chart: Chart) -> dict:
    wide, narrow = pictures(chart)
    return {"wide": wide, "narrow": narrow, "reading": chart.reading, "table": chart.table}
