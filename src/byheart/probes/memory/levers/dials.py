"""Dials: levers at a usual setting, one or two at a time, as settings by path."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from byheart.errors import UsageError
from byheart.probes.base import Need, Subject
from byheart.registry import find

# a quarter of the epochs, a decay that takes off about the weights' own size, and for each other lever a value that
# its authors, or those who use it, name as usual
USUAL: tuple[dict[str, Any], ...] = (
    {"early-stop": None},
    {"weight-decay": 1.0},
    {"dropout": 0.5},
    {"weight-decay": 1.0, "dropout": 0.5},
    {"label-smoothing": 0.2},
    {"mixup": 0.4},
    {"input-noise": 0.5},
    {"sam": 0.2},
    {"pruning": 0.9},
)
STOP = 0.25  # of the epochs
RETRAINED = 0.25


@dataclass(frozen=True)
class Dial:
    """Levers with their settings by path; `name` stands in the names of their quantities."""

    title: str
    name: str
    vary: tuple[tuple[str, Any], ...]

    def need(self, subject: Subject, members: int) -> Need:
        """The first members of the bank under these levers, at the end of their training."""
        stop = next((value for path, value in self.vary if path == "lever.early-stop.epoch"), None)
        last = subject.epochs() if stop is None else min(subject.epochs(), stop)
        end = last * subject.phases
        return Need(members=members, share=subject.share, checkpoints=(end,), vary=dict(self.vary))


def dials_of(subject: Subject, words: tuple[str, ...]) -> tuple[Dial, ...]:
    """The dials that `words` name (`weight-decay=1`, `weight-decay=1+dropout=0.5`), else the usual ones that apply."""
    if words:
        asked = [{one.partition("=")[0]: _number(one) for one in word.split("+")} for word in words]
        return _named([_dial(one, subject) for one in asked])
    labelled = not {"values", "columns", "tokens", "series", "next step"} & subject.offers
    tokens = "tokens" in subject.offers
    left_out = set() if labelled else {"label-smoothing"}
    left_out |= {"mixup", "input-noise"} if tokens else set()
    given = {lever.name for lever in subject.levers}
    fits = [one for one in USUAL if not set(one) & (left_out | given)]
    return _named([_dial(one, subject) for one in fits])


def _named(dials: list[Dial]) -> tuple[Dial, ...]:
    """Dials of the same levers are told apart by their values."""
    alike = Counter(dial.name for dial in dials)
    return tuple(dial if alike[dial.name] == 1 else replace(dial, name=slug(dial.title, True)) for dial in dials)


def _number(word: str) -> float:
    try:
        return float(word.partition("=")[2])
    except ValueError:
        raise UsageError("a lever with its number, as weight-decay=1", repr(word), "Two by a +.") from None


def _dial(levers: dict[str, Any], subject: Subject) -> Dial:
    vary: dict[str, Any] = {}
    titles = []
    for name, value in levers.items():
        field = next(iter(find("lever", name).model_fields))
        if name == "early-stop":
            value = max(1, round(STOP * subject.epochs())) if value is None else int(value)
        vary[f"lever.{name}.{field}"] = value
        if name == "pruning":
            vary["lever.pruning.retrain"] = max(1, round(RETRAINED * subject.epochs()))
        titles.append(f"{name} {value:g}")
    title = ", ".join(titles)
    return Dial(title, slug(title), tuple(vary.items()))


def slug(title: str, values: bool = False) -> str:
    """A dial's name in names of quantities.

    Example:
        >>> slug("weight-decay 1, dropout 0.5"), slug("dropout 0.5", values=True)
        ('weight_decay_and_dropout', 'dropout_0_5')
    """
    parts = [part if values else part.rpartition(" ")[0] for part in title.split(", ")]
    return "_and_".join(re.sub(r"[-. ]", "_", part) for part in parts)
