"""What the tests read of a page: its elements, its visible words, its data."""

from __future__ import annotations

import json
from functools import cache
from html.parser import HTMLParser

import documents

from byheart.report.page import render


@cache
def page(name: str) -> str:
    return render(documents.ALL[name]())


class Outline(HTMLParser):
    """Every element with its attributes, and the words outside of script and style."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.comments: list[str] = []
        self._silent = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._silent += tag in {"script", "style"}

    def handle_endtag(self, tag):
        self._silent -= tag in {"script", "style"}

    def handle_data(self, data):
        if not self._silent:
            self.words.append(data)

    def handle_comment(self, data):
        self.comments.append(data)


def data(text: str) -> dict:
    return json.loads(
        text.partition('<script type="application/json" id="story">')[2].partition("</script>")[0]
    )
