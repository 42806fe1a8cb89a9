"""The page of one explained prediction: credit beside effect beside neighbours; same explanation, same bytes."""

from __future__ import annotations

from byheart.records.explanation import Explanation, Share
from byheart.records.figures import MINUS, count, number
from byheart.records.finding import Exhibit, ExhibitGroup, Exhibits
from byheart.report.examples import gallery
from byheart.report.page import styled
from byheart.report.prose import cleaned

CREDIT = (
    "Where the margin came from, in this run: every step of training moved it, and each step is owed to the examples "
    "of its batch. Credits of all examples, of weight decay and the untrained model add up to the margin."
)
EFFECT = (
    "What would change if one example had been left out, in this run: the derivative of the margin by the weight of "
    "the example, through every step of training. To first order, leaving it out takes that much away."
)
SIDE = 6  # pictures a side, so that each has room for its words
NEAREST = "The training examples that look most alike; no model is asked."


def render_explanation(found: Explanation) -> str:
    """The HTML page of one explanation."""
    return styled("explanation.html", found=_said(found), sections=_sections(found), asked=_asked(found))


def _said(found: Explanation) -> dict:
    whose = {"train": "training", "test": "new", "yours": "your"}[found.view]
    parts = [
        (found.credit_total, f"all {count(found.n)} training {found.nouns}"),
        (found.decay, "weight decay"),
        (found.initial, "the untrained model"),
        (found.remainder, "remainder of the quadrature"),
    ]
    return cleaned(
        {
            "title": f"byheart: {whose} {found.noun} {found.id}",
            "who": f"{whose} {found.noun} {found.id}",
            "label": found.label,
            "known": found.label_known,
            "says": found.says,
            "margin": number(found.margin_nats, 2),
            "steps": count(found.steps),
            "parts": [{"value": number(value, 3), "name": name} for value, name in parts],
        }
    )


def _asked(found: Explanation) -> dict:
    one = Exhibit(id=found.id, view="query", lines=(found.label,), sentence=f"{found.noun} {found.id}")
    row = Exhibits(title="The question", keys=("label" if found.label_known else "says",), groups=(_group("", (one,)),))
    return gallery(row, cleaned(found.exhibits), found.noun)


def _sections(found: Explanation) -> list[dict]:
    sides = (
        ("Credit", CREDIT, (("raised the margin", found.credit_for), ("lowered it", found.credit_against)), "nats"),
        ("Effect", EFFECT, (("hold it up", found.effect_for), ("hold it down", found.effect_against)), "nats"),
        ("Nearest", NEAREST, (("by distance", found.neighbours),), "distance"),
    )
    made = []
    for title, words, groups, unit in sides:
        rows = tuple(
            _group(label, tuple(_exhibit(found, s, unit) for s in shares[:SIDE])) for label, shares in groups if shares
        )
        row = Exhibits(title=title, keys=("label", unit), groups=rows)
        shown = gallery(row, cleaned(found.exhibits), found.noun) if rows else None
        made.append({"title": title, "words": words, "gallery": shown})
    return made


def _group(label: str, shown: tuple[Exhibit, ...]) -> ExhibitGroup:
    return ExhibitGroup(label=label, shown=shown)


def _exhibit(found: Explanation, share: Share, unit: str) -> Exhibit:
    value = number(share.value, 2) if unit == "distance" or share.value < 0 else f"+{number(share.value, 2)}"
    sentence = f"training {found.noun} {share.id}, labelled {share.label}: {value.replace('-', MINUS)} {unit}"
    return Exhibit(id=share.id, view="train", lines=(share.label, value), sentence=sentence)
