"""The document of an audit to the dict that the templates read: every word of the page but the fixed ones."""

from __future__ import annotations

from byheart.errors import InputRefused
from byheart.records.finding import Answer, Finding, answer_from
from byheart.records.formatting import count, number, percent
from byheart.records.provenance import SCHEMA, YOURS, Provenance
from byheart.records.verdict_result import Judgement
from byheart.registry import BUILT_IN
from byheart.report import headline, summary
from byheart.report.balance import balances, course
from byheart.report.cards import About, card_of
from byheart.report.chapters import chapters, inapplicable
from byheart.report.examples import gallery, seen
from byheart.report.glossary import used_by
from byheart.report.issues import issue_lists
from byheart.report.kinds import words
from byheart.report.moves import moves
from byheart.report.rich_text import cleaned, plain, sentence, slug, word
from byheart.report.scale_chart import WHO


def story(document: dict) -> dict:
    """All that the page says, from all that the audit found.

    Raises:
        InputRefused: the document is of another schema.
    """
    if document.get("schema") != SCHEMA:
        raise InputRefused(
            f"a document of schema {SCHEMA}",
            repr(document.get("schema")),
            "Make the page with the byheart that wrote the document.",
        )
    document = cleaned(document)
    subject = document["subject"]
    order = [*BUILT_IN["probe"], *sorted(document["findings"])]
    findings = {
        name: answer_from(document["findings"][name]) for name in dict.fromkeys(order) if name in document["findings"]
    }
    provenance = Provenance.model_validate(document["provenance"])
    exhibits = document.get("exhibits") or {}
    said = headline.headline(subject, findings)
    doubts = summary.doubts(subject, headline.quantities(findings), document.get("planted"))
    made = {
        "subject": subject,
        "title": f"byheart: {subject['title']}",
        "own": used_by(subject, provenance.data, provenance.learner),
        "headline": said,
        "description": plain(said),
        "bar": headline.bar(subject, findings),
        "together": " ".join(filter(None, (summary.together(subject), doubts))),
        "balance": _balance(document, findings),
        "numbers": summary.numbers(subject, findings, document.get("balance")),
        "planted": summary.planted(subject, document, findings),
        "most": _most(subject, findings, exhibits),
        "verdicts": _verdicts(document, findings),
        "issues": issue_lists(document),
        "moves": moves(document),
        "chapters": chapters(subject, findings, exhibits),
        "inapplicable": inapplicable(subject, findings.values()),
        "references": _references(findings),
        "reproduce": _reproduce(subject, provenance),
        "command": provenance.command,
    }
    for card in (card for chapter in made["chapters"] for card in chapter["cards"]):
        card["galleries"] = [one for one in card["galleries"] if not _same(one, made["most"])]
    galleries = [one for chapter in made["chapters"] for card in chapter["cards"] for one in card["galleries"]]
    shown = seen(galleries + ([made["most"]] if made["most"] else []))
    made["meta"] = _meta(document, findings, provenance, shown)
    return made


def _balance(document: dict, findings: dict[str, Answer]) -> dict | None:
    balance = document.get("balance")
    shares = headline.shares_of(findings)
    if not balance or not shares:
        return None
    who = WHO[shares[0].speaks_of]
    wide, narrow = balances(balance, who)
    trail = f"; the line is {who}, epoch by epoch" if balance.get("trail") else ""
    caption = [
        f"Shares of the {headline.whole(document['subject'], findings)}{trail}.",
        course(balance),
        _one_model(document.get("one_model")),
    ]
    return {"wide": wide, "narrow": narrow, "caption": " ".join(part for part in caption if part)}


def _one_model(given: dict | None) -> str:
    """What the one model trained on everything holds, beside the recipe; its card says it at length."""
    if not given:
        return ""
    held, rest = given["memorised"]["value"], given["left"]["value"]
    said = f"{percent(held)} by heart, {percent(rest)} not learned"
    return f"The one model trained on everything: {said}."


def _most(subject: dict, findings: dict[str, Answer], exhibits: dict) -> dict | None:
    """The row of most memorised examples: the first exhibits of the counterfactual, planted and own apart."""
    counterfactual = findings.get("memory/counterfactual")
    if not isinstance(counterfactual, Finding):
        return None
    about = About.of(subject)
    shown = card_of(counterfactual, about).exhibits
    rows = [one for one in shown if any(group.shown for group in one.groups)]
    return gallery(rows[0], exhibits, subject["noun"], about.names, first=True) if rows else None


def _same(one: dict, other: dict | None) -> bool:
    """Whether the first screen shows all of a card's gallery already."""
    return other is not None and (one["title"], one["size"]) == (other["title"], other["size"])


def _verdicts(document: dict, findings: dict[str, Answer]) -> list[dict]:
    made = []
    for given in document.get("verdicts") or []:
        one = Judgement.model_validate(given)
        made.append({**one.model_dump(), "link": slug(one.anchor) if one.anchor in findings else ""})
    order = ("issue", "tip", "withheld", "passed", "not applicable")
    return sorted(made, key=lambda one: (order.index(one["outcome"]), one["code"]))


def _references(findings: dict[str, Answer]) -> list[dict]:
    return [
        {"probe": one.probe, "id": slug(one.probe), "text": one.reference}
        for one in findings.values()
        if isinstance(one, Finding) and one.reference
    ]


def _meta(document: dict, findings: dict[str, Answer], provenance: Provenance, shown: int) -> list[str]:
    subject = document["subject"]
    new = f" and {count(subject['n_test'])} new" if subject.get("n_test") else ""
    k = f", {count(subject['k'])} classes" if words(subject["kind"]).labelled and subject.get("k") else ""
    members = ""
    if subject.get("members"):
        share = percent(subject["share"], 0)
        members = f"{count(subject['members'])} models trained on random {share} subsets"
        members = f"One model trained on a random {share} subset" if subject["members"] == 1 else members
        members += " and one on everything" if document.get("one_model") else ""
    made = [
        f"{count(subject['n'])} training{new} {subject['nouns']}{k}.",
        f"{members}; seed {provenance.seed}." if members else f"Seed {provenance.seed}.",
    ]
    if few := summary.from_few(subject):
        made.append(few)
    if subject.get("reference"):
        what = "The variance is" if words(subject["kind"]).continuous else "Bits are"
        made.append(f"{what} counted against {subject['reference']}.")
    if subject.get("calibration"):
        made.append(sentence(subject["calibration"]))
    if provenance.data.get("source") == YOURS and not subject.get("names_key"):
        made.append(f"{sentence(subject['nouns'])[:-1]} are named by their position in the data, counted from 0.")
    counts = summary.names_of_statuses(findings)
    odd = [
        f"{word(counts[status])} {status}" for status in ("withheld", "not applicable", "failed") if counts.get(status)
    ]
    made.append(
        f"{sentence(f'{word(len(findings))} findings')[:-1]}: {', '.join(odd)}."
        if odd
        else "Every finding was measured."
    )
    if shown:
        made.append(f"This page shows {count(shown)} of the examples themselves; `--hide-examples` leaves only ids.")
    elif document.get("hidden"):
        made.append("The examples themselves are hidden; only their ids are shown.")
    made += [sentence(note) for note in provenance.notes]
    return made


def _reproduce(subject: dict, provenance: Provenance) -> list[tuple[str, str]]:
    times = "; ".join(
        f"{number(seconds, 0 if seconds >= 10 else 1)} CPU seconds on {what}"
        for what, seconds in provenance.cpu_seconds.items()
    )
    rows = [
        ("data", _words(provenance.data)),
        ("learner", _words(provenance.learner)),
        ("members", _words(provenance.members) + (f"; fleets: {provenance.way}" if provenance.way else "")),
        ("versions", _words(provenance.versions)),
        (
            "machine",
            f"{provenance.device}, {word(provenance.threads)} thread{'s' if provenance.threads != 1 else ''} "
            f"a worker, jobs {provenance.jobs}",
        ),
        ("time", times),
        ("level", provenance.level),
        ("run", subject.get("run") or ""),
    ]
    return [(label, text) for label, text in rows if text]


def _words(fields: dict) -> str:
    return "; ".join(
        f"{name.replace('_', ' ')} {_value(value)}".strip() for name, value in fields.items() if value != ""
    )


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_value(one) for one in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = str(value)
        return f"{text[:12]}\u2026" if len(text) >= 40 and all(sign in "0123456789abcdef" for sign in text) else text
    return f"{value:g}" if isinstance(value, float) else str(value)
