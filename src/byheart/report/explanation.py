"""The page of one explained prediction: credit beside effect beside neighbours; same explanation, same bytes."""

from __future__ import annotations

from byheart.records.explanation import Explanation, Share
from byheart.records.formatting import number
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits, gallery, seen
from byheart.report.explanation_text import (
    NEAREST,
    check,
    credit_words,
    effect_words,
    footnotes,
    headline,
    missed,
    own_words,
    parts,
    raised,
    signed,
    unit,
    who,
)
from byheart.report.glossary import used_by
from byheart.report.kinds import words
from byheart.report.page import styled
from byheart.report.rich_text import cleaned, plain

SIDE = 6  # pictures a side, so that each has room for its words


def render_explanation(found: Explanation) -> str:
    """The HTML page of one explanation; examples only ids where it is hidden."""
    asked, sections = _asked(found), _sections(found)
    shown = seen([asked, *(section["gallery"] for section in sections if section["gallery"])])
    said = cleaned({"title": f"byheart: {who(found)}", "parts": parts(found), "notes": footnotes(found, shown)})
    sentence = [(kind, plain(cleaned(part))) for kind, part in headline(found)]
    return styled(
        "explanation.html",
        found=said,
        headline=sentence,
        sections=cleaned(sections),
        asked=cleaned(asked),
        own=_own(found),
    )


def _own(found: Explanation) -> frozenset[str]:
    """The words of the glossary that are names of the user's here."""
    names = (found.label, found.clean, found.says, found.target, found.noun, found.nouns)
    return used_by(*names, *(share.label for share in found.shares))


def _asked(found: Explanation) -> dict:
    label = found.label if found.label_known else found.says
    lines = (label,) if label and not words(found.kind).passages else ()
    one = Exhibit(id=found.id, view="query", lines=lines, sentence=who(found))
    key = (found.target if words(found.kind).continuous else "label") if found.label_known else "says"
    row = Exhibits(title="The question", keys=(key,) if lines else (), groups=(_group("", (one,)),))
    made = gallery(row, found.exhibits, found.noun, {})
    for item in made["groups"][0]["items"]:
        item.update(view=who(found).split()[0], alt=who(found), id="" if found.view == "yours" else found.called)
    return made


def _sections(found: Explanation) -> list[dict]:
    up, down = raised(found)
    credit = ((up, found.credit_for), (down, found.credit_against))
    effect = (("hold it up", found.effect_for), ("hold it down", found.effect_against))
    checks = [part for part in (own_words(found), check(found)) if part]
    made = [
        {"title": "Credit", "words": credit_words(found), "checks": [], "gallery": None},
        {"title": "Effect", "words": effect_words(found), "checks": checks, "gallery": None},
        {"title": "Nearest", "words": NEAREST, "checks": [], "gallery": _nearest(found)},
    ]
    if found.adds_up:
        made[0]["gallery"] = _gallery(found, "credit", credit)
    else:
        made[0]["checks"] = [missed(found)]
    if found.foretells is not False:  # a list that foretells nothing is no answer, and none is shown
        made[1]["gallery"] = _gallery(found, "effect", effect)
    return made


def _gallery(found: Explanation, kind: str, groups: tuple[tuple[str, tuple[Share, ...]], ...]) -> dict | None:
    key = unit(found) or kind
    rows = tuple(
        row
        for label, shares in groups
        for row in _groups(label, [(one, _exhibit(found, one, signed(found, one, shares), key)) for one in shares])
    )
    return _made(found, kind.capitalize(), key, rows) if rows else None


def _nearest(found: Explanation) -> dict | None:
    key = "distance"
    shown = [(share, _exhibit(found, share, number(share.value, 2), key)) for share in found.neighbours]
    label = "by distance" if found.distance == "distance" else f"by distance: {found.distance}"
    return _made(found, "Nearest", key, _groups(label, shown)) if shown else None


def _made(found: Explanation, title: str, key: str, rows: tuple[ExhibitGroup, ...]) -> dict:
    labelled = any(len(one.lines) > 1 for group in rows for one in group.shown)
    keys = ((found.target if words(found.kind).continuous else "label"), key) if labelled else (key,)
    return gallery(Exhibits(title=title, keys=keys, groups=rows), found.exhibits, found.noun, _names(found))


def _names(found: Explanation) -> dict[str, str]:
    """What the user calls the training examples that are shown."""
    return {f"train:{one.id}": one.name for one in found.shares if one.name}


def _groups(label: str, shown: list[tuple[Share, Exhibit]]) -> tuple[ExhibitGroup, ...]:
    """The first of a list, those whose label we redrew apart and under a ring, as in the report."""
    ours = tuple(exhibit for share, exhibit in shown[:SIDE] if share.changed)
    theirs = tuple(exhibit for share, exhibit in shown[:SIDE] if not share.changed)
    made = (_group(label, theirs), ExhibitGroup(label=f"{label}, label redrawn by us", ring=True, shown=ours))
    return tuple(group for group in made if group.shown)


def _group(label: str, shown: tuple[Exhibit, ...]) -> ExhibitGroup:
    return ExhibitGroup(label=label, shown=shown)


def _exhibit(found: Explanation, share: Share, value: str, key: str) -> Exhibit:
    label = f", {'labelled ' if words(found.kind).labelled else ''}{share.label}" if share.label else ""
    redrawn = ", redrawn by us" if share.changed else ""
    sentence = f"training {found.noun} {share.called}{label}{redrawn}: {value} {key}"
    lines = (share.label, value) if share.label else (value,)
    return Exhibit(id=share.id, view="train", lines=lines, sentence=sentence)
