"""Cards by hand: a document of these tests brings the words of its findings, and the page shows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import TypeAdapter

from byheart.records.finding import Finding
from byheart.report import cards, chapters, page, story, summary
from byheart.report.cards import About, Card
from byheart.report.rich_text import cleaned

_CARD = TypeAdapter(Card)


def dumped(card: Card) -> dict[str, Any]:
    """A card as part of a document."""
    return _CARD.dump_python(card, mode="json")


def card_in(document: dict, probe: str) -> Card:
    """The card that a document brings of a probe."""
    return _CARD.validate_python(cleaned(document["cards"][probe]))


@contextmanager
def cards_by_hand() -> Iterator[None]:
    """While it lasts a page shows the cards in its document; all else has the card of its probe."""
    current: dict[str, Card] = {}

    def card_of(finding: Finding, about: About) -> Card:
        return current.get(finding.probe) or cards.card_of(finding, about)

    def told(document: dict) -> dict:
        current.update({probe: card_in(document, probe) for probe in document.get("cards", ())})
        try:
            return story.story(document)
        finally:
            current.clear()

    with pytest.MonkeyPatch.context() as patch:
        for module in (chapters, story, summary):
            patch.setattr(module, "card_of", card_of)
        patch.setattr(page, "story", told)
        yield
