"""The page of a study: what the field says, what came out, and the evidence; same study, same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from byheart.records.claim_result import Outcome, Reading, Studied, StudiedSubject
from byheart.records.facts import Curve
from byheart.records.finding import Finding, NotApplicable, answer_from
from byheart.records.formatting import count, interval_text, null_text, value_text
from byheart.report.cards import About
from byheart.report.cards.default import spaced
from byheart.report.cards.reasons import why_unread, why_withheld
from byheart.report.chapters import card, inapplicable
from byheart.report.chart import Table
from byheart.report.glossary import used_by
from byheart.report.page import embedded, styled
from byheart.report.rich_text import cleaned, sentence, slug
from byheart.report.scale_chart import WHO

MOST_LETTERS = 80
MOST_CARDS = 24  # subjects; the cards of more would not fit a page, and nobody reads them one by one
TAGS = {"held": "passed", "not held": "issue", "withheld": "withheld"}
RULE = (
    "Held: the whole 95 % interval lies on the expected side. Not held: none of it does. Withheld: the interval holds "
    "the threshold, or there is no number. A difference runs from the low end of the one less the high end of the "
    "other to the reverse, for subjects share examples and seeds: whatever the dependence, at least 95 % where errors "
    "are normal, and at least 90 % in general. Intervals of what is read of all subjects hold whatever the dependence, "
    "too, where errors are normal."
)


def render_study(found: Studied) -> str:
    """The HTML page of one study."""
    document = cleaned(found.model_dump(mode="json"))
    kept = Studied.model_validate(document)
    data = embedded(document)
    return styled(
        "study.html",
        found=_said(kept),
        outcomes=[_outcome(one, subjects_of(kept)) for one in kept.outcomes],
        surveys=[_survey(kept, name, finding) for name, finding in kept.surveys.items()],
        subjects=[_subject(one) for one in kept.subjects] if len(kept.subjects) <= MOST_CARDS else [],
        many=_rows(kept.subjects) if len(kept.subjects) > MOST_CARDS else None,
        data=Markup(data),
        digest=hashlib.sha256(data.encode()).hexdigest(),
    )


def _said(found: Studied) -> dict[str, Any]:
    versions = "; ".join(f"{name} {value}" for name, value in found.provenance["versions"].items())
    threads = found.provenance["threads"]
    return {
        "title": f"byheart: study {found.study}",
        "study": found.study,
        "claim": sentence(found.claim),
        "tally": sentence(found.tally()),
        "rule": RULE,
        "sources": [f"{one.author} {one.year}, {one.title}" for one in found.source],
        "note": sentence(found.note),
        "command": found.provenance["command"],
        "facts": [
            ("versions", versions),
            ("machine", f"{found.provenance['device']}, {threads} thread{'s' if threads != 1 else ''} per worker"),
            ("level", found.provenance["level"]),
        ],
    }


def _outcome(one: Outcome, subjects: dict[str, About]) -> dict[str, Any]:
    several = len({reading.subject for reading in one.readings}) > 1
    return {
        "tag": TAGS[one.outcome],
        "outcome": one.outcome,
        "says": sentence(one.says),
        "rule": sentence(one.rule),
        "reason": sentence(why_withheld(one, subjects)),
        "figures": [_figure(reading, several, subjects) for reading in one.readings],
        "differences": [f"{value_text(gap)} {interval_text(gap)}" for gap in one.differences],
    }


def _figure(reading: Reading, several: bool, subjects: dict[str, About]) -> str:
    """A reading in one clause: name, value, interval, null, n, and what it speaks of; or why there is none."""
    quantity = reading.quantity
    if quantity is None:
        return why_unread(reading, subjects.get(reading.subject, About()))
    name = reading.called
    null = f"null {null_text(quantity)}" if quantity.null is not None else "no null"
    whose = f"{reading.says}: " if several else ""
    return (
        f"{whose}{name} {value_text(quantity)} {interval_text(quantity)}, {null}, n {count(quantity.n)}, "
        f"{WHO[quantity.speaks_of]}"
    )


def _survey(found: Studied, name: str, finding: dict[str, Any]) -> dict[str, Any]:
    """The card of what was read of all subjects: which line it is of, by the claim's words for settings."""
    answer, of = answer_from(finding), ""
    if isinstance(answer, Finding):
        curves = {key: _named(curve, found.words) for key, curve in answer.curves.items()}
        of = ", ".join(f"{one.y_axis.name} by {one.x_axis.name}" for one in curves.values())
        answer = answer.model_copy(update={"curves": curves})
    made = card({"noun": "subject", "nouns": "subjects"}, answer, {})
    return {**made, "probe": name.replace("/", " ") + (f": {of}" if of else ""), "id": slug(name)}


def _named(curve: Curve, words: dict[str, str]) -> Curve:
    axes = {one: getattr(curve, one) for one in ("x_axis", "y_axis")}
    names = {one: words.get(axis.name, spaced(axis.name)) for one, axis in axes.items()}
    return curve.model_copy(update={one: axis.model_copy(update={"name": names[one]}) for one, axis in axes.items()})


def subjects_of(found: Studied) -> dict[str, About]:
    """What is known of each subject of a study, by its name."""
    return {one.name: About.of(_known(one)) for one in found.subjects}


def _known(one: StudiedSubject) -> dict[str, Any]:
    return {"noun": one.noun[0], "nouns": one.noun[1], **one.subject}


def _subject(one: StudiedSubject) -> dict[str, Any]:
    subject = _known(one)
    answers = {name: answer_from(finding) for name, finding in one.findings.items()}
    asked = {name: answer for name, answer in answers.items() if not isinstance(answer, NotApplicable)}
    cards = [
        {**card(subject, answer, {}), "galleries": [], "id": slug(f"{one.name}-{name}")}
        for name, answer in asked.items()
    ]
    missing = [{**made, "id": slug(f"{one.name}-{made['probe']}")} for made in inapplicable(subject, answers.values())]
    about = [_word(name, value, one.noun) for name, value in one.about.items()]
    return {
        "id": f"subject-{slug(one.name)}",
        "title": one.says[:1].upper() + one.says[1:],
        "about": "; ".join(about),
        "failed": one.failed,
        "cards": cards,
        "own": used_by(subject, one.about, one.says),
        "inapplicable": missing,
    }


def _rows(subjects: Sequence[StudiedSubject]) -> Table:
    """A row a subject: the number in large type of each of its cards, or why there is none."""
    probes = list(dict.fromkeys(name for one in subjects for name in one.findings))
    rows = tuple((one.says, *(_headline(one, probe) for probe in probes)) for one in subjects)
    return Table(columns=("subject", *probes), rows=rows)


def _headline(one: StudiedSubject, probe: str) -> str:
    if probe not in one.findings:
        return f"failed: {one.failed}"[:MOST_LETTERS]
    answer = answer_from(one.findings[probe])
    if not isinstance(answer, Finding) or answer.status == "withheld":
        return answer.status
    head = answer.quantities[answer.headline]
    return f"{value_text(head)} {interval_text(head)}"


def _word(name: str, value: str | int | float, noun: tuple[str, str]) -> str:
    """One figure of a subject in words."""
    if name == "n":
        return f"{count(int(value))} training {noun[1]}"
    if name in {"data", "learner"}:
        return str(value)
    text = f"{value:g}" if isinstance(value, float) else count(value) if isinstance(value, int) else value
    return f"{name} {text}".replace("_", " ")
