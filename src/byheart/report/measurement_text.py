"""Measurement: what `byheart measure` prints of a network, from its document."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from byheart.records.formatting import count, interval_text, number, value_text
from byheart.records.quantity import Quantity

LABEL = 14
NEVER = "No measure is a verdict: each ranks networks trained alike, and each has failed somewhere."
ALL = ("weights", "initial weights", "data", "search", "training log")


def lines(document: Mapping[str, Any]) -> list[str]:
    """All of it: what it is, what it was measured from, a table for each family, and what was not measured and why."""
    model = document["model"]
    return [
        f"byheart measure \u00b7 {model['title']} \u00b7 {count(model['parameters'])} parameters",
        *(_told("Measured from", [", ".join(document["evidence"])])),
        *(_told("Not known", [", ".join(one for one in ALL if one not in document["evidence"])])),
        *(_told("Weights only", [model["lacking"]])),
        *_scores(document["scores"]),
        *_told("Note", document["notes"]),
        *_tables(document["measures"]),
        *_groups("Not measured", document["unmeasured"]),
        *_groups("Probes not asked", document["probes"]),
        NEVER,
    ]


def _told(label: str, texts: Sequence[str]) -> list[str]:
    return [f"  {label:<{LABEL}} {text}" for text in texts if text]


def _scores(scores: Mapping[str, Any]) -> list[str]:
    names = {"train_accuracy": "Training", "test_accuracy": "Test", "gap": "Gap"}
    found = []
    for name, one in scores.items():
        quantity = Quantity.model_validate(one)
        what = "training less test" if name == "gap" else f"right, of {count(quantity.n)} examples"
        found += _told(names[name], [f"{value_text(quantity)} {interval_text(quantity)} {what}"])
    return found


def _tables(measures: Mapping[str, Any]) -> list[str]:
    """A table for each family: name, value, its logarithm."""
    if not measures:
        return []
    width = max(len(name) for name in measures)
    families: dict[str, list[str]] = {}
    for name, one in measures.items():
        row = f"  {name:<{width}}  {value(one):>12}  {logarithm(one):>10}".rstrip()
        families.setdefault(one["family"], []).append(row)
    head = f"{'value':>{width + 16 - LABEL}}{'log':>12}"
    titles = {name: name.replace("_", " ").capitalize() for name in families}
    return [line for name, rows in families.items() for line in (f"{titles[name]:<{LABEL}}{head}", *rows)]


def value(one: Mapping[str, Any]) -> str:
    """The value with four figures; of one beyond the largest float, from its logarithm.

    Example:
        >>> value({"value": 16609.62, "log_value": 9.7}), value({"value": None, "log_value": 1000.0})
        ('1.661e+04', '1.970e+434')
    """
    if one["value"] is None:
        exponent, rest = divmod(one["log_value"] / math.log(10), 1)
        return f"{10**rest:.3f}e+{exponent:.0f}"
    return f"{one['value']:.4g}".replace("-", "\u2212")


def logarithm(one: Mapping[str, Any]) -> str:
    """The natural logarithm, empty where there is none."""
    return "" if one["log_value"] is None else number(one["log_value"], 3)


def _groups(label: str, groups: Sequence[Mapping[str, Any]]) -> list[str]:
    found = [line for one in groups for line in (f"  {one['why']}", f"    {', '.join(one['names'])}")]
    return [label, *found] if found else []
