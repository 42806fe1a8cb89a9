"""The page of two audits compared; same comparison, same bytes."""

from __future__ import annotations

import hashlib
from typing import Any

from markupsafe import Markup

from byheart.records.comparison import ChangedSides, ComparisonRecord, Difference
from byheart.records.formatting import count, interval_text, value_text
from byheart.report.cards import About
from byheart.report.chapters import hue
from byheart.report.chart import Axis, Bar, Chart, Rule, Segment, Table
from byheart.report.charts import pictures
from byheart.report.comparison_text import HOW, SIDES, changed, headline, named, pairing, signed, the_rest, unlike
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits, gallery, seen
from byheart.report.glossary import used_by
from byheart.report.page import embedded, styled
from byheart.report.rich_text import cleaned, sentence, slug

SHOWN = 12  # examples of each change


def render_comparison(found: ComparisonRecord) -> str:
    """The HTML page of one comparison; examples only ids where it is hidden."""
    document = cleaned(found.model_dump(mode="json"))
    kept = ComparisonRecord.model_validate(document)
    data = embedded(document)
    galleries = [made for one in kept.changed if (made := _gallery(kept, one))]
    shown = seen([made["gallery"] for made in galleries])
    return styled(
        "comparison.html",
        found={
            "title": f"byheart: {kept.first.title} and {kept.second.title} compared",
            "headline": sentence(headline(kept)),
            "pairing": pairing(kept),
            "runs": [_run(kept, "first"), _run(kept, "second")],
            "unlike": unlike(kept),
            "rest": the_rest(kept),
            "how": HOW,
            "shown": f"This page shows {count(shown)} of the examples themselves; `--hide-examples` leaves only ids."
            if shown else "",
            "versions": "; ".join(f"{name} {value}" for name, value in kept.provenance["versions"].items()),
            "command": kept.provenance["command"],
        },
        rows=[_row(kept, one) for one in kept.differences],
        charts=[_chart(kept)] if any(one.matters for one in kept.differences) else [],
        changes=[{"title": SIDES[one.what][1], "says": sentence(changed(kept, one))} for one in kept.changed],
        galleries=galleries,
        own=used_by(kept.subject, kept.first.title, kept.second.title, *kept.unlike()),
        data=Markup(data),
        digest=hashlib.sha256(data.encode()).hexdigest(),
    )  # fmt: skip


def _run(found: ComparisonRecord, which: str) -> dict[str, str]:
    one = getattr(found, which)
    return {"which": which, "title": one.title, "run": one.run, "command": one.command}


def _row(found: ComparisonRecord, one: Difference) -> dict[str, Any]:
    label, of = named(found, one.name)
    colour = {"understood": "u", "memorised": "m"}.get(hue(one.name), "")
    return {
        "label": label, "of": of, "matters": one.matters, "hue": colour,
        "first": value_text(one.first), "second": value_text(one.second), "value": signed(one),
        "interval": interval_text(one.difference), "paired": one.paired,
    }  # fmt: skip


def _chart(found: ComparisonRecord) -> dict[str, Any]:
    """A row for each difference of one unit, from the low to the high end of its interval."""
    points = [one for one in found.differences if one.difference.unit == "points" and one.difference.interval]
    shown = points or [one for one in found.differences if one.difference.interval]
    times, unit = (100, "points") if points else (1, shown[0].difference.unit)
    rows = []
    for one in shown:
        low, high = (times * end for end in one.difference.interval or ())
        segment = Segment(start=low, stop=high, role=hue(one.name))
        rows.append(Bar(label=named(found, one.name)[0], segments=(segment,)))
    chart = Chart(
        title="Differences and their intervals",
        description="; ".join(" ".join(row) for row in _table(found, shown).rows),
        x=Axis(title=f"second less first, {unit}"),
        bars=tuple(rows),
        rules=(Rule(axis="x", at=0.0, label="no difference"),),
        reading="Each bar runs from the low to the high end of the 95 % interval of a difference. Where it reaches "
        "over the dashed line no difference is told.",
    )
    wide, narrow = pictures(chart)
    return {"wide": wide, "narrow": narrow, "reading": chart.reading, "table": _table(found, shown)}


def _table(found: ComparisonRecord, shown: list[Difference]) -> Table:
    rows = ((named(found, one.name)[0], signed(one), interval_text(one.difference)) for one in shown)
    return Table(columns=("number", "difference", "interval"), rows=tuple(rows))


def _gallery(found: ComparisonRecord, one: ChangedSides) -> dict[str, Any] | None:
    """The examples on this side in one run alone; none where chance brings as many."""
    about = About.of(found.subject)
    groups = [
        ExhibitGroup(label=f"in the {which} alone", shown=tuple(Exhibit(id=ident) for ident in ids[:SHOWN]))
        for which, ids in (("second", one.second), ("first", one.first)) if ids
    ]  # fmt: skip
    if not groups:
        return None
    title = {"memorised": "Memorised", "right_unseen": "Right where left out"}[one.what]
    keys = (about.target if about.words.continuous else "label",)
    record = Exhibits(title=title, keys=keys, groups=tuple(groups))
    return {"id": slug(one.what), "gallery": gallery(record, found.exhibits, about.noun, about.names)}
