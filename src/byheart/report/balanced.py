"""The page of a balance found; same balance, same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from byheart.records.balanced import BalancedRecord, Tried
from byheart.records.formatting import DASH, count, interval_text, value_text
from byheart.report.balanced_text import SCORES, halves, headline, how, ordered, sure
from byheart.report.page import embedded, styled
from byheart.report.rich_text import cleaned, sentence


def render_balanced(found: BalancedRecord) -> str:
    """The HTML page of one balance."""
    document = cleaned(found.model_dump(mode="json"))
    kept = BalancedRecord.model_validate(document)
    data = embedded(document)
    return styled(
        "balanced.html",
        found={
            "title": f"byheart: the balance of {kept.subject['learner']} on {kept.subject['title']}",
            "headline": sentence(headline(kept)),
            "sure": f"{sure(kept.best)} {halves(kept)}",
            "score": SCORES[kept.subject["score"]],
            "how": how(kept),
            "lever": " ".join(f"--lever {word}" for word in kept.best.words),
            "command": kept.provenance["command"],
            "versions": "; ".join(f"{name} {value}" for name, value in kept.provenance["versions"].items()),
            "spent": _spent(kept.provenance),
            "notes": kept.notes,
        },
        rows=[_row(kept, one) for one in ordered(kept)],
        data=Markup(data),
        digest=hashlib.sha256(data.encode()).hexdigest(),
        own=(),
    )  # fmt: skip


def _spent(made: Mapping[str, Any]) -> str:
    return f"{count(made['trainings'])} trainings, {count(round(made['cpu_seconds']))} CPU s"


def _row(found: BalancedRecord, one: Tried) -> dict[str, Any]:
    def cell(of: Any) -> dict[str, str]:
        return (
            {"value": value_text(of), "interval": interval_text(of)}
            if of is not None
            else {"value": DASH, "interval": ""}
        )

    return {
        "title": one.title, "memorised": cell(one.memorised), "held_out": cell(one.held_out), "gain": cell(one.gain),
        "members": one.members, "cost": one.cost, "failure": one.failure, "same_as": one.same_as,
        "best": one.title == found.best.title,
        "unbeaten": one.unbeaten,
    }  # fmt: skip
