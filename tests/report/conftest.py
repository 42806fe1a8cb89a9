"""The builders of documents stand beside the tests that read them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True, scope="session")
def by_hand():
    """Pages show the cards that documents bring."""
    from by_hand import cards_by_hand

    with cards_by_hand():
        yield
