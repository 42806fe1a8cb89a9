"""What moves the balance, as the page of an audit has it: levers that were measured, hints, and what to try."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from byheart.records.balanced import MeasuredSetting
from byheart.records.comparison import ComparisonRecord
from byheart.records.formatting import bits, count, interval_text, number, percent, value_text
from byheart.records.quantity import Quantity
from byheart.report.comparison_text import also

KINDS = ("classes", "values", "tokens")  # of which a balance can be found
OF_AN_AUDIT = {"--no-control": 0, "--no-baseline": 0, "--first": 0, "--also": 1}  # options and how many words follow
HINT = (
    "A row marked \u201chint\u201d is read off the checkpoints of this training: a schedule made to end there would "
    "differ."
)


def moves(document: Mapping[str, Any]) -> dict[str, Any]:
    """The section's lead, its rows, and the rows of levers that were not tried."""
    given = document.get("levers") or []
    rows = [_row(one) for one in given]
    found = next((MeasuredSetting.model_validate(one) for one in given if "setting" in one), None)
    suggestion = "" if found else _suggestion(document)
    return {
        "rows": rows,
        "unmeasured": [] if found else [dict(row) for row in document["unmeasured"]],
        "lead": " ".join(part for part in (_lead(rows, found, bool(document["unmeasured"])), suggestion) if part),
        "shown": bool(rows or document["unmeasured"] or suggestion),
    }


def _row(given: Mapping[str, Any]) -> dict[str, Any]:
    return _measured(given) if "lever" in given else _tried(given) if "setting" in given else _stop(given)


def _lead(rows: list[dict[str, Any]], found: MeasuredSetting | None, commands: bool) -> str:
    if found is not None:
        sure = "" if found.probability is None else f" (probability {percent(found.probability, 0)})"
        best = f"the best{sure} is the first row" if found.beats else "no lever tried beats the recipe"
        hints = f" {HINT}" if any(row["hint"] for row in rows) else ""
        return (
            f"{count(found.of)} settings were tried on the same subsets and seeds: {best}. Shares change in points "
            f"against the recipe; the page of the balance has every setting: `{found.command}`.{hints}"
        )
    if not rows:
        more = " Each command below audits the same recipe with one lever more." if commands else ""
        return f"No lever was tried.{more}"
    if rows[0]["hint"]:
        return f"Changes against the audited recipe; shares change in points. {HINT} A measured row was trained."
    lead = "What the levers of this audit move, trained with and without them; shares change in points."
    hint = HINT.replace("is read off", "is a change against the audited recipe, read off")
    return f"{lead} {hint}" if len(rows) > 1 else lead


def _suggestion(document: Mapping[str, Any]) -> str:
    """What would try the levers of this learner; empty where a balance does not apply, or is not known to."""
    made, subject = document["provenance"], document["subject"]
    asked = str(made["command"])
    known = document["unmeasured"] or made["learner"].get("name") == "estimator"
    compared = any("lever" in one for one in document.get("levers") or [])
    if not known or compared or subject["kind"] not in KINDS or "--phases" in asked:
        return ""
    says = "tries its levers within a time budget, says what each costs and buys, and fills this table"
    if not asked.startswith("byheart audit"):
        return f"`byheart.balance(...)` of the same subject {says}."
    return f"`{balance_command(asked)}` {says}."


def balance_command(asked: str) -> str:
    """The command of a balance by that of an audit.

    Example:
        >>> balance_command("byheart audit data.csv --target y --no-control --also memory/effect --seed 0")
        'byheart balance data.csv --target y --seed 0'
    """
    try:
        words = iter(shlex.split(asked)[2:])
    except ValueError:  # of a document that was changed by hand
        return "byheart balance ..."
    kept = []
    for word in words:
        if word in OF_AN_AUDIT:
            for _ in range(OF_AN_AUDIT[word]):
                next(words, "")
        else:
            kept.append(word)
    return shlex.join(["byheart", "balance", *kept])


def _stop(move: Mapping[str, Any]) -> dict[str, Any]:
    """A stop that the trail was read off at, as a row of what moves the balance."""
    return {
        "name": f"stop at epoch {move['epoch']}",
        "note": f"points against epoch {move['last']}, read off the checkpoints of these members; "
        "a schedule made to end there would differ",
        "hint": True,
        **{name: _change(move.get(name)) for name in ("memorised", "understood", "accuracy")},
    }


def _measured(row: Mapping[str, Any]) -> dict[str, Any]:
    """The levers of the audit, trained with and without, as a row of what moves the balance."""
    found = ComparisonRecord.model_validate(row["comparison"])
    shares = {
        "memorised": ("memorised_bits_share", "memorised_share_of_variance"),
        "understood": ("understood_bits_share", "understood_share"),
        "accuracy": ("test_accuracy", "test_r2"),
    }
    made = {name: next((one for each in of if (one := found.found(each))), None) for name, of in shares.items()}
    shown = [one.name for one in made.values() if one]
    return {
        "name": row["lever"],
        "note": f"with it less without it, on the same subsets and seeds; {also(found, shown)}",
        "hint": False,
        **{name: _change(one.difference.model_dump() if one else None) for name, one in made.items()},
    }


def _change(given: Mapping[str, Any] | None) -> dict[str, str] | None:
    if not given:
        return None
    text, ends = number(100 * given["value"], 1), given["interval"]
    return {
        "value": text if text[0] in "\u22120" and given["value"] <= 0 else f"+{text}",
        "interval": f"[{number(100 * ends[0], 1)}, {number(100 * ends[1], 1)}]" if ends else "",
    }


def _tried(given: Mapping[str, Any]) -> dict[str, Any]:
    """A setting of a balance of this subject; its score is where left out, and no test example had a part in it."""
    found = MeasuredSetting.model_validate(given)
    one = found.tried
    members = f"{count(one.members)} {'fresh ' if found.best else ''}members"
    said = [f"the best, on {members}" if found.best else f"on {members}"]
    if found.best and not found.agreed:
        said.append(f"each half of the {found.nouns} under the choice of the other")
    if one.gain is not None:
        said.append(_gained(one.gain, found))
    if one.held_out_gain is not None and found.score == "accuracy":
        said.append(f"right where left out {_points(one.held_out_gain)}")
    return {
        "name": found.setting, "note": "; ".join(said), "hint": False, "accuracy": None,
        "memorised": _change(_dumped(one.moved)), "understood": _change(_dumped(one.understood)),
    }  # fmt: skip


def moved_line(first: MeasuredSetting) -> str:
    """What a balance found, in a line of the terminal, from the first of its rows."""
    tried, one = f"of {count(first.of)} settings", first.tried
    if not (first.best and first.beats):
        return f"What moves    no lever tried beats the recipe, {tried} (balance.html)"
    moved = f"memorised {_points(one.moved)}, " if one.moved is not None else ""
    gained = _gained(one.gain, first) if one.gain is not None else ""
    return f"What moves    {first.setting}, the best {tried}: {moved}{gained} (balance.html)"


def _gained(gain: Quantity, found: MeasuredSetting) -> str:
    if gain.unit == "r2":
        return f"R\u00b2 where left out {'+' if gain.value > 0 else ''}{value_text(gain)} {interval_text(gain)}"
    per = found.noun if found.score == "bits" else "label"
    sign = "+" if gain.value > 0 else ""
    return f"{sign}{bits(gain.value, gain.interval)} bits saved per {per} {interval_text(gain)}"


def _points(of: Quantity) -> str:
    return f"{'+' if of.value > 0 else ''}{value_text(of)} {interval_text(of)}"


def _dumped(of: Quantity | None) -> dict[str, Any] | None:
    return None if of is None else of.model_dump()
