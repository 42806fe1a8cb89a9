"""Cards: the words, charts and rows of examples of a finding, made from its facts. One function per probe.

`report/cards/<chapter>/<quantity>.py` defines `card(finding, about) -> Card` for the probe `<chapter>/<quantity>`; a
probe without one gets the default card, as does a finding withheld before anything was measured. Nothing here is kept
in a ledger: a changed sentence takes no probe to run again.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from byheart.records.finding import Finding
from byheart.report.cards import default
from byheart.report.cards.base import About, Card

__all__ = ["About", "Card", "card_of"]


def card_of(finding: Finding, about: About) -> Card:
    """The card of `finding`: of its own function, else the default one."""
    own = _function(finding.probe) if finding.details else None
    return (own or default.card)(finding, about)


def _function(probe: str) -> Callable[[Finding, About], Card] | None:
    chapter, _, quantity = probe.replace("-", "_").partition("/")
    if f"{chapter}{quantity}".isidentifier() and find_spec(f"{__name__}.{chapter}") is not None:
        module = f"{__name__}.{chapter}.{quantity}"
        if find_spec(module) is not None:
            return import_module(module).card
    return None
