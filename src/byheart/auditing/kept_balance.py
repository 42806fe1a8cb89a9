"""The balance of a subject in a ledger: `byheart balance` leaves it, an audit of the same subject finds it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from byheart.auditing.lever_file import data_key
from byheart.errors import LedgerDamaged
from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.probes.base import Subject
from byheart.records.balanced import BalancedRecord, MeasuredSetting, Tried
from byheart.records.spec import key_of

KIND = "balance"
MOST = 8  # settings on the page of an audit; that of the balance has them all


def keep_balance(ledger: SqliteLedger, subject: Subject, found: BalancedRecord) -> str:
    """Leave what was found of this subject under the key of its content, as the newest; returns the key."""
    document = json.loads(json.dumps(found.model_dump(mode="json")))
    content = {name: value for name, value in document.items() if name != "provenance"}
    key = key_of(KIND, _named(subject), content)
    if ledger.state(key) == "done":
        ledger.renew(key)
    else:
        ledger.put(key, Result(document), {"kind": KIND, **_named(subject), "title": found.subject["title"]})
    return key


def balance_of(ledger: SqliteLedger, subject: Subject) -> tuple[str, BalancedRecord] | None:
    """The balance that was found of this subject last, with its key; None where there is none that can be read."""
    wanted = _named(subject)
    for key in reversed([*ledger.keys(KIND)]):
        about = ledger.about(key) or {}
        if any(about.get(name) != value for name, value in wanted.items()):
            continue
        try:
            found = ledger.get(key)
            if isinstance(found, Result):
                return key, BalancedRecord.model_validate(found.document)
        except (LedgerDamaged, ValidationError):
            continue  # damaged, or of another version: as if it were not there
    return None


def _named(subject: Subject) -> dict[str, Any]:
    """What makes two subjects the same: data, learner, the levers of the recipe, the share that members see."""
    levers = [lever.key() for lever in subject.levers]
    return {"data": data_key(subject), "learner": subject.learner.key(), "levers": levers, "share": subject.share}


def measured_settings(found: BalancedRecord) -> list[MeasuredSetting]:
    """The settings for the page of an audit: the best as it was read on fresh members, then the best of each lever.

    Where none was tried alone, those that gain most.
    """
    best = next(one for one in found.frontier if one.title == found.best.title)
    known = [one for one in found.frontier[1:] if one.gain is not None and not one.same_as and one is not best]
    known.sort(key=lambda one: -one.gain.value)  # type: ignore[union-attr]
    of_levers: dict[str, Tried] = {}
    for one in known:
        name = next(iter(one.setting)) if len(one.setting) == 1 else ""
        if name and name not in best.setting:
            of_levers.setdefault(name, one)
    shown = [*([_read_on_fresh(best, found)] if best.words else []), *(list(of_levers.values()) or known)]
    return [
        MeasuredSetting(
            setting=one.title, tried=one, best=one.title == best.title, beats=found.best.beats,
            agreed=found.best.agreed,
            probability=found.best.probability, of=len(found.frontier) - 1, score=found.subject["score"],
            noun=found.subject["noun"], nouns=found.subject["nouns"], command=found.provenance["command"],
        )
        for one in shown[:MOST]
    ]  # fmt: skip


def _read_on_fresh(best: Tried, found: BalancedRecord) -> Tried:
    """The best with the differences of fresh members, which had no part in choosing it."""
    read = found.best
    figures = {name: getattr(read, name) for name in ("gain", "held_out_gain", "moved", "understood", "members")}
    return best.model_copy(update=figures)
