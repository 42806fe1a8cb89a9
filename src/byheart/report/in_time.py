"""What the first screen and the terminal say of memory in time: needed, used, paid, and what free runs are."""

from __future__ import annotations

from byheart.records.finding import Answer, Finding
from byheart.records.formatting import interval_text, value_text
from byheart.records.quantity import Quantity
from byheart.report.rich_text import Run

PARTS = {
    "needed_steps": ("dynamics/need", "Needed", "back: what predicting the next step of this series takes"),
    "used_steps": ("dynamics/use", "Used", "back: what a model trained this way uses"),
    "paid_bits": ("dynamics/window", "Paid", "a step: what its window costs above the best one tried"),
}
BESIDE = {  # of the numbers on the first screen
    "needed_steps": "needed: predicting the next step of this series takes so many steps back.",
    "used_steps": "used: a model trained this way looks so many steps back.",
    "paid_bits": "paid a step: what its window costs above the best one tried.",
}
ADJECTIVES = {
    "fixed point": "at rest", "cycle": "a cycle", "quasiperiodic": "quasiperiodic", "chaos": "chaotic",
    "divergence": "diverging",
}  # fmt: skip
MOSTLY = 0.5  # of the runs


def measured(findings: dict[str, Answer], probe: str) -> Finding | None:
    """The finding of a probe that has a number."""
    found = findings.get(probe)
    return found if isinstance(found, Finding) and found.status == "measured" else None


def parts(findings: dict[str, Answer]) -> dict[str, Quantity]:
    """Needed, used, paid, as far as they were measured."""
    return {
        name: found.quantities[name]
        for name, (probe, *_) in PARTS.items()
        if (found := measured(findings, probe)) is not None and name in found.quantities
    }


def sentence(findings: dict[str, Answer]) -> list[Run]:
    """The first sentence of a page on a series; empty for other subjects."""
    found, made = parts(findings), list[Run]()
    for name, before in (("needed_steps", "Needed: "), ("used_steps", "Used: "), ("paid_bits", "Paid: ")):
        if (one := found.get(name)) is not None:
            made += [("", before), ("m" if name == "paid_bits" else "u", value_text(one)), *_ends(one)]
            made.append(("", {"paid_bits": " a step. "}.get(name, f" back{_all_of_it(findings, name, one)}. ")))
    return [*made, *([("", f"{_class(findings)} ")] if _class(findings) else [])] if made else []


def _all_of_it(findings: dict[str, Answer], name: str, used: Quantity) -> str:
    """That a model uses all that its windows hold, so that a longer one may be used, too."""
    found = measured(findings, PARTS[name][0])
    window = int(found.details.get("window") or 0) if found and name == "used_steps" else 0
    return ", all of its window" if 1 < window <= used.value else ""


def _ends(one: Quantity) -> list[Run]:
    return [("", "\u00a0"), ("i", interval_text(one))] if one.interval else []


def _class(findings: dict[str, Answer]) -> str:
    """What free runs are, and whether the series is so; nothing where the runs do not agree."""
    if (found := measured(findings, "dynamics/orbit")) is None:
        return ""
    rows = found.tables["kinds"].rows()
    total = sum(int(row["runs"] or 0) for row in rows)
    most = max(rows, key=lambda row: int(row["runs"] or 0))
    known, kind = ADJECTIVES.get(str(most["kind"])), str(found.details["kind"])
    if known is None or int(most["runs"] or 0) <= MOSTLY * total:
        return ""
    as_series = ", as the test series is" if kind == most["kind"] else ""
    other = f"; the test series is {ADJECTIVES[kind]}" if kind in ADJECTIVES and not as_series else ""
    return f"Left to itself it is {known}{as_series}{other}."


def numbers(findings: dict[str, Answer]) -> list[dict]:
    """The three numbers of the first screen of a series; empty for other subjects."""
    return [
        {"value": value_text(one), "interval": interval_text(one), "withheld": False, "says": BESIDE[name]}
        for name, one in parts(findings).items()
    ]


def lines(findings: dict[str, Answer]) -> list[tuple[str, str, str]]:
    """Lines of the terminal: label, number with its interval, and what it says."""
    made = [
        (PARTS[name][1], f"{value_text(one)} {interval_text(one)}".rstrip(), PARTS[name][2])
        for name, one in parts(findings).items()
    ]
    if (orbit := measured(findings, "dynamics/orbit")) is not None:
        rows = ", ".join(f"{row['kind']} {row['runs']}" for row in orbit.tables["kinds"].rows())
        made.append(("Free runs", rows, f"(the test series: {orbit.details['kind']})"))
        if (new := orbit.quantities.get("novelty")) is not None:
            said = f"{value_text(new)} {interval_text(new)}".rstrip()
            made.append(("Novelty", said, "0 a replay of the record, 1 as new as the system"))
    return made
