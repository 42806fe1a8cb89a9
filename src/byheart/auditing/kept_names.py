"""The user's names of examples, kept in the ledger beside the data: other names of the same data train nothing anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from byheart.errors import LedgerDamaged
from byheart.ledger.base import Ledger, Result
from byheart.records.spec import key_of
from byheart.study.steps import load_data
from byheart.tasks.data import Data
from byheart.tasks.names import Names


def keep_names(ledger: Ledger, draw: str, names: Names) -> str:
    """Keep the names of the data drawn under `draw`; the key that they are found by, empty where there are none."""
    if not names:
        return ""
    plain = {view: list(called) for view, called in names.items()}
    key = key_of("names", draw, plain)
    try:
        if isinstance(ledger.get(key), Result):
            return key
    except LedgerDamaged:
        ledger.forget(key, damaged=True)
    ledger.put(key, Result({"names": plain}), {"kind": "names", "draw": draw})
    return key


def kept_names(ledger: Ledger, document: Mapping[str, Any]) -> Names:
    """The names that the document of an audit speaks by; none where its examples have none of their own."""
    key = document.get("subject", {}).get("names_key")
    if not key:
        return {}
    kept = ledger.get(key)
    if not isinstance(kept, Result):
        raise LedgerDamaged(came=f"no names of examples under {key}", do="Run the audit again: it keeps them anew.")
    return kept.document["names"]


def named_data(draw: str, ledger: Ledger, names: Names) -> Data:
    """The data drawn under `draw`, its examples called by their names."""
    return load_data(draw, ledger).named(names)
