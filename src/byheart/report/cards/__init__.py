"""Cards: the words, charts and rows of examples of a finding, made from its facts. One function per probe.

`report/cards/<chapter>/<quantity>.py` defines `card(finding, about) -> Card` for the probe `<chapter>/<quantity>`; a
probe without one gets the default card, as does a finding withheld before anything was measured. Nothing here is kept
in a ledger: a changed sentence takes no probe to run again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

from byheart.errors import InputRefused
from byheart.records.finding import Finding
from byheart.report.cards import default, heavy_tail
from byheart.report.cards.base import About, Card

__all__ = ["About", "Card", "card_of"]


def card_of(finding: Finding, about: About) -> Card:
    """The card of `finding`: of its own function, else the default one.

    Raises:
        InputRefused: a document that somebody changed, or of another version: facts that the card needs are not there.
    """
    if "deviations_needed" in finding.details:
        return heavy_tail.card(finding)
    own = _function(finding.probe) if finding.details else None
    try:
        return (own or default.card)(finding, about)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise InputRefused(
            expected=f"the facts that the card of {finding.probe} says",
            came=f"others ({type(error).__name__}: {error})",
            do="Make the page with the byheart that wrote the document, or run the audit again.",
        ) from error


@cache
def _own() -> dict[str, str]:
    """Probe -> module, for every file in a chapter's folder."""
    files = Path(__file__).parent.glob("[a-z]*/[a-z]*.py")
    return {
        f"{file.parent.name}/{file.stem.replace('_', '-')}": f"{__name__}.{file.parent.name}.{file.stem}"
        for file in files
    }


def _function(probe: str) -> Callable[[Finding, About], Card] | None:
    module = _own().get(probe)
    return import_module(module).card if module else None
