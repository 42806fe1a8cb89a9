"""The page of a balance found; same balance, same bytes."""

from __future__ import annotations

import hashlib
from typing import Any

from markupsafe import Markup

from byheart.records.balanced import BalancedRecord, Tried
from byheart.records.formatting import DASH, count, interval_text, number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.report.balanced_text import (
    AFTER,
    audit_command,
    chance,
    halves,
    headline,
    how,
    memorises_less,
    ordered,
    per,
    scored,
    signed,
    status,
    sure,
)
from byheart.report.charts import pictures
from byheart.report.frontier_chart import frontier_chart
from byheart.report.glossary import used_by
from byheart.report.page import embedded, styled
from byheart.report.rich_text import cleaned

TOGETHER = "several at once"  # the group of settings of more than one lever
LEAST = 0.01  # CPU seconds: fewer are told as fewer


def render_balanced(found: BalancedRecord) -> str:
    """The HTML page of one balance."""
    document = cleaned(found.model_dump(mode="json"))
    kept = BalancedRecord.model_validate(document)
    data = embedded(document)
    subject = kept.subject
    chart = frontier_chart(kept)
    wide, narrow = pictures(chart)
    return styled(
        "balanced.html",
        found={
            "title": f"byheart: the balance of {subject['learner']} on {subject['title']}",
            "of": f"the balance of {subject['learner']} on {subject['title']}",
            "headline": headline(kept),
            "sure": f"{sure(kept)} {halves(kept)}",
            "numbers": _numbers(kept),
            "take": _take(kept),
            "meta": _meta(kept),
            "levers": _lead(kept),
            "how": how(kept),
            "command": kept.provenance["command"],
            "audit": audit_command(kept) if kept.best.words else "",
            "facts": _facts(kept),
        },
        chart={"wide": wide, "narrow": narrow, "reading": chart.reading, "table": chart.table},
        columns=_columns(kept),
        groups=[{"name": name, "rows": [_row(kept, one, name) for one in rows]} for name, rows in _groups(kept)],
        own=used_by(subject["title"], subject["learner"], *(one.title for one in kept.frontier)),
        data=Markup(data),
        digest=hashlib.sha256(data.encode()).hexdigest(),
    )  # fmt: skip


def _numbers(found: BalancedRecord) -> list[dict[str, str]]:
    """The figures beside the chart: of the best where it is not the recipe, each beside the recipe's."""
    best, recipe = found.best, found.best.recipe
    values, moved = found.subject["unit"] == "r2", best.gain is not None
    made = []
    if best.gain is not None:
        what = "of R\u00b2 gained" if values else f"saved per {per(found)}"
        says = f"{what} where left out, against the recipe on the same subsets and seeds.{chance(best.gain)}"
        made.append(_number(best.gain, says, signed(best.gain)))
    elif not values:
        made.append(_number(best.code, f"per {per(found)} where left out, in calibrated code.{chance(best.code)}"))
    halves_apart = "" if best.agreed or not moved else ", each half under the choice of the other"
    beside = halves_apart + (_against(recipe.get("memorised"), best.moved) if moved else "")
    made.append(
        _number(best.memorised, f"memorised, on {count(best.members)} fresh models{beside}.{chance(best.memorised)}")
    )
    beside = _against(recipe.get("held_out"), None if values else best.held_out_gain) if moved else ""
    made.append(_number(best.held_out, f"{AFTER[found.subject['score']]}{beside}.{chance(best.held_out)}"))
    return made


def _against(recipe: Quantity | None, change: Quantity | None) -> str:
    """`; the recipe 64.4 %, a difference of +11.9 points [8.1, 15.7]`."""
    if recipe is None:
        return ""
    differs = f", a difference of {signed(change)} {interval_text(change)}".rstrip() if change is not None else ""
    return f"; the recipe {value_text(recipe)}{differs}"


def _number(of: Quantity, says: str, value: str = "") -> dict[str, str]:
    return {"value": value or value_text(of), "interval": interval_text(of), "says": says}


def _take(found: BalancedRecord) -> dict[str, str]:
    """What to do with it."""
    best = found.best
    words = " ".join(f"--lever {word}" for word in best.words)
    holds = f"`balance.toml` holds it, and the second command below audits it. In words: `{words}`."
    if best.beats:
        return {"title": "Take it", "says": holds}
    if best.words and memorises_less(best):
        return {"title": "Take it where memory matters", "says": holds}
    says = "Other levers, or other values of these, may still move it: name them with `--try`."
    return {"title": "Keep the recipe", "says": says}


def _meta(found: BalancedRecord) -> list[str]:
    subject, made = found.subject, found.provenance
    rungs = [*map(count, found.rungs)]
    on = f"{', '.join(rungs[:-1])} and {rungs[-1]}" if len(rungs) > 1 else rungs[0]
    fixed = [f"Part of the recipe: {', '.join(found.fixed)}."] if found.fixed else []
    return [
        f"{count(subject['n'])} training {subject['nouns']}; {count(len(found.frontier) - 1)} settings beside the "
        f"recipe, trained on random {percent(subject['share'], 0)} subsets in rungs of {on} members; "
        f"seed {made['seed']}.",
        *fixed,
        *(note if note.endswith(".") else f"{note}." for note in found.notes),
    ]


def _lead(found: BalancedRecord) -> str:
    recipe = found.frontier[0]
    parts = [f"{value_text(recipe.memorised)} memorised"] if recipe.memorised else []
    parts += [scored(found, recipe.held_out)] if recipe.held_out else []
    parts += [f"{value_text(recipe.code)} per {per(found)}"] if recipe.code and recipe.code.unit == "bits" else []
    return (
        f"Changes against the recipe, which has {', '.join(parts)}. Each is paired: the same subsets, the same seeds. "
        f"A setting that was dropped early was measured on fewer members, and its intervals are wider; the recipe has "
        f"{count(recipe.members)}."
    )


def _columns(found: BalancedRecord) -> list[str]:
    """Heads of the figures of a row."""
    if found.subject["unit"] == "r2":
        return ["memorised", "R\u00b2 gained"]
    second = "right where left out" if found.subject["score"] == "accuracy" else "saved per token"
    return ["memorised", second, f"saved per {per(found)}"]


def _row(found: BalancedRecord, one: Tried, group: str) -> dict[str, Any]:
    changes = [(one.moved, "m")]
    changes += [] if found.subject["unit"] == "r2" else [(one.held_out_gain, "")]
    changes += [(one.gain, "u")]
    cells = [
        {
            "name": name,
            "hue": hue if _told(of) else "",
            "value": signed(of) if of else "",
            "interval": interval_text(of) if of else "",
        }
        for name, (of, hue) in zip(_columns(found), changes)
    ]
    return {
        "title": one.title.removeprefix(f"{group} ") if group != TOGETHER else one.title,
        "cells": cells, "members": DASH if one.failure else count(one.members), "status": status(found, one),
        "cost": DASH if one.failure else _seconds(one.cost),
        "lost": bool(one.failure or one.same_as), "best": one.title == found.best.title,
    }  # fmt: skip


def _told(of: Quantity | None) -> bool:
    """Whether the interval of a difference excludes 0."""
    return of is not None and of.interval is not None and not of.interval[0] <= 0 <= of.interval[1]


def _seconds(cost: float) -> str:
    return f"below {LEAST}" if cost < LEAST else number(cost, 2 if cost < 1 else 1 if cost < 100 else 0)


def _groups(found: BalancedRecord) -> list[tuple[str, list[Tried]]]:
    """The settings by the lever that each is of, the lever that gains most first, values in order."""
    groups: dict[str, list[Tried]] = {}
    for one in ordered(found)[1:]:
        groups.setdefault(next(iter(one.setting)) if len(one.setting) == 1 else TOGETHER, []).append(one)
    return [(name, rows if name == TOGETHER else sorted(rows, key=_value)) for name, rows in groups.items()]


def _value(one: Tried) -> float:
    value = next(iter(one.setting.values()))
    return float("inf") if value is None else float(value)


def _facts(found: BalancedRecord) -> list[tuple[str, str]]:
    made = found.provenance
    spent = (
        f"{count(made['trainings'])} trainings, {count(round(made['cpu_seconds']))} CPU seconds, jobs {made['jobs']}"
    )
    return [
        ("learner", "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in made.get("learner", {}).items())),
        ("spent", spent),
        ("versions", "; ".join(f"{name} {value}" for name, value in made["versions"].items())),
    ]  # fmt: skip
