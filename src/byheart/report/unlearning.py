"""The page of what was to be forgotten; same record, same bytes."""

from __future__ import annotations

import hashlib
from typing import Any

from markupsafe import Markup

from byheart.records.formatting import count, interval_text, value_text
from byheart.records.unlearning import MethodResult, UnlearningRecord
from byheart.report.cards import About
from byheart.report.chart import Axis, Chart, Mark, Role, Rule, Table
from byheart.report.charts import pictures
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits, gallery, seen
from byheart.report.glossary import used_by
from byheart.report.page import embedded, styled
from byheart.report.rich_text import cleaned, sentence
from byheart.report.unlearning_text import (
    CALLED,
    DISTANCE,
    HOW,
    distance_text,
    forgotten,
    headline,
    judged_text,
    not_tried,
    scales,
    score_text,
    seconds_text,
    settings_text,
)

SHOWN = 12  # forgotten examples on the page


def render_unlearning(found: UnlearningRecord) -> str:
    """The HTML page of one request to forget; examples only ids where it is hidden."""
    document = cleaned(found.model_dump(mode="json"))
    kept = UnlearningRecord.model_validate(document)
    data, about = embedded(document), About.of(kept.subject)
    examples = _gallery(kept, about)
    shown = seen([examples])
    distance = DISTANCE[kept.methods[0].distance.unit]
    return styled(
        "unlearning.html",
        found={
            "title": f"byheart: {forgotten(kept)}",
            "headline": sentence(headline(kept)),
            "about": kept.subject, "run": kept.run, "forgotten": forgotten(kept), "copies": count(len(kept.copies)),
            "scales": scales(kept),
            "models": count(kept.methods[0].models),
            "how": [one.format(nouns=about.nouns, distance=distance) for one in HOW],
            "shown": f"This page shows {count(shown)} of the examples themselves; `--hide-examples` leaves only ids."
            if shown else "",
            "versions": "; ".join(f"{name} {value}" for name, value in kept.provenance["versions"].items()),
            "command": kept.provenance["command"],
            "score": {"accuracy": "right", "r2": "R\u00b2", "nats": "nats"}[kept.methods[0].rest.unit],
            "has_test": kept.methods[0].test is not None,
        },
        rows=[_row(one) for one in kept.methods],
        not_tried=[{"label": names, "why": reason} for names, reason in not_tried(kept)],
        charts=[_chart(kept)] if kept.withheld is None else [],
        gallery=examples,
        own=used_by(kept.subject, kept.subject["title"]),
        data=Markup(data),
        digest=hashlib.sha256(data.encode()).hexdigest(),
    )  # fmt: skip


def _row(one: MethodResult) -> dict[str, Any]:
    said = judged_text(one)
    return {
        "label": CALLED[one.name], "said": said,
        "membership": value_text(one.membership) if one.membership else "withheld",
        "interval": interval_text(one.membership) if one.membership else "",
        "distance": distance_text(one.distance), "rest": score_text(one.rest),
        "test": score_text(one.test) if one.test else "", "seconds": seconds_text(one.seconds),
        "settings": settings_text(one, "" if one.rest.unit == "r2" else " nats"),
    }  # fmt: skip


def _chart(found: UnlearningRecord) -> dict[str, Any]:
    """Membership against the distance of predictions, a dot for each way to forget."""
    roles: dict[str, Role] = {"untouched": "memorised", "exact": "understood"}
    marks = tuple(
        Mark(
            x=one.distance.value, y=one.membership.value, label=CALLED[one.name], role=roles.get(one.name, "ink"),
            shape="square" if one.name in roles else "dot", y_interval=one.membership.interval,
        )
        for one in found.methods if one.membership
    )  # fmt: skip
    table = Table(
        columns=("way to forget", "membership", "interval", "distance"),
        rows=tuple(
            (CALLED[one.name], value_text(one.membership), interval_text(one.membership), distance_text(one.distance))
            for one in found.methods if one.membership
        ),
    )  # fmt: skip
    percent = found.methods[0].distance.unit == "share"
    far = 1.08 * max(one.distance.value for one in found.methods) or 1.0
    chart = Chart(
        title="Membership and distance",
        description="; ".join(" ".join(row) for row in table.rows),
        x=Axis(title="distance from exact retraining", format="percent" if percent else "number", domain=(0.0, far)),
        y=Axis(title="membership, AUC", domain=(0.0, 1.0)),
        marks=marks,
        rules=(Rule(axis="y", at=0.5, label="as retrained"),),
        reading="Each mark is a way to forget; its bar is the 95 % interval over models. What has forgotten as "
        "retraining does stands on the dashed line, as far left as exact retraining itself.",
    )
    wide, narrow = pictures(chart)
    return {"wide": wide, "narrow": narrow, "reading": chart.reading, "table": table}


def _gallery(found: UnlearningRecord, about: About) -> dict[str, Any]:
    """The first of the forgotten."""
    shown = tuple(Exhibit(id=ident) for ident in found.forgotten[:SHOWN])
    keys = (about.target if about.words.continuous else "label",)
    record = Exhibits(title="To forget", keys=keys, groups=(ExhibitGroup(label="", shown=shown),))
    return gallery(record, found.exhibits, about.noun, about.names)
