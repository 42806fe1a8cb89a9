"""Measurement: what `byheart measure` prints of a network, from its document."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from byheart.records.formatting import MINUS, count, interval_text, number, percent, value_text
from byheart.records.quantity import Quantity

LABEL = 14
NAMED = 4  # modules that are named of those skipped
ALL = ("weights", "initial weights", "data", "search", "training log", "second run")
SCORES = {"train_accuracy": "Training", "test_accuracy": "Test", "gap": "Gap"}
RECORD = (
    "wrong: how often it ranks two networks that differ in one setting the wrong way round, a mean over environments; "
    "0.5 is a guess, and in its worst environment each measure is always wrong (Dziugaite et al. 2020, networks on "
    "CIFAR-10 and SVHN). fails: the settings under whose change it was no better than a guess there (lr the learning "
    "rate, n the number of training examples, data the data set). Psi: its rank correlation with the gap, 1 at best "
    "(Jiang et al. 2020; recalled, not re-read)."
)
SHORT = {"learning rate": "lr", "training set size": "n", "data set": "data"}
NEVER = "No measure is a verdict on one network: it ranks networks trained alike, and each fails somewhere."


def lines(document: Mapping[str, Any]) -> list[str]:
    """All of it: what it is, what it was measured from, a table for each family, and what was not measured and why."""
    model = document["model"]
    return [
        f"byheart measure \u00b7 {model['title']} \u00b7 {count(model['parameters'])} parameters",
        *_labelled("Measured from", [", ".join(document["evidence"])]),
        *_labelled("Not known", [", ".join(one for one in ALL if one not in document["evidence"])]),
        *_labelled("Weights only", [model["lacking"]]),
        *_labelled("Covers", [_covers(model)]),
        *_labelled("Stored as", [", ".join(model["stored_as"])]),
        *_scores(document["scores"]),
        *_labelled("Note", document["notes"]),
        *_tables(document["measures"]),
        *_groups("With a remark", _remarks(document["measures"])),
        *_groups("Not measured", document["unmeasured"]),
        *_groups("Probes not asked", document["probes"]),
        *([RECORD] if any(one["published"] for one in document["measures"].values()) else []),
        NEVER,
    ]


def _labelled(label: str, texts: Sequence[str]) -> list[str]:
    return [f"  {label:<{LABEL}} {text}" for text in texts if text]


def _covers(model: Mapping[str, Any]) -> str:
    """The share of the parameters that the measures of weights speak of, and what they skip."""
    skipped = model["skipped"]
    more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
    without = f"; skipped: {', '.join(skipped[:NAMED])}{more}" if skipped else ""
    return f"{percent(model['covered'])} of the parameters, in linear and convolutional layers{without}"


def _scores(scores: Mapping[str, Any]) -> list[str]:
    found = []
    for name, one in scores.items():
        quantity = Quantity.model_validate(one)
        what = "training less test" if name == "gap" else f"right, of {count(quantity.n)} examples"
        found += _labelled(SCORES[name], [f"{value_text(quantity)} {interval_text(quantity)} {what}"])
    return found


def _tables(measures: Mapping[str, Any]) -> list[str]:
    """A table for each family: name, value, its logarithm, what was published of it."""
    width = max((len(name) for name in measures), default=0)
    families: dict[str, list[str]] = {}
    for name, one in measures.items():
        cells = f"  {name:<{width}}  {value(one):>10}  {logarithm(one):>8}  {_record(one['published'])}"
        families.setdefault(one["family"], []).append(cells.rstrip())
    head = f"{'value':>10}  {'log':>8}  {'wrong':>5}  {'Psi':>5}  fails"
    return [
        line
        for name, rows in families.items()
        for line in (f"{name.replace('_', ' ').capitalize():<{width + 2}}  {head}", *rows)
    ]


def _record(published: Mapping[str, Any] | None) -> str:
    """The published scores of a measure, and under which interventions it was no better than a guess."""
    if not published:
        return ""
    wrong, psi = (
        "" if published[name] is None else number(published[name], digits)
        for name, digits in (("sign_error", 2), ("psi", 2))
    )
    return f"{wrong:>5}  {psi:>5}  {', '.join(SHORT.get(name, name) for name in published['fails'])}"


def value(one: Mapping[str, Any]) -> str:
    """The value with four figures; of one beyond the largest float, from its logarithm.

    Example:
        >>> value({"value": 16609.62, "log_value": 9.7}), value({"value": None, "log_value": 1000.0})
        ('1.661e+04', '1.970e+434')
    """
    if one["value"] is None:
        exponent, rest = divmod(one["log_value"] / math.log(10), 1)
        return f"{10**rest:.3f}e+{exponent:.0f}"
    return f"{one['value']:.4g}".replace("-", MINUS)


def logarithm(one: Mapping[str, Any]) -> str:
    """The natural logarithm, empty where there is none."""
    return "" if one["log_value"] is None else number(one["log_value"], 3)


def _remarks(measures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is to be said of values, and of which."""
    groups: dict[str, list[str]] = {}
    for name, one in measures.items():
        if one["note"]:
            groups.setdefault(one["note"], []).append(name)
    return [{"why": note, "names": names} for note, names in groups.items()]


def _groups(label: str, groups: Sequence[Mapping[str, Any]]) -> list[str]:
    found = [line for one in groups for line in (f"  {one['why']}", f"    {', '.join(one['names'])}")]
    return [label, *found] if found else []
