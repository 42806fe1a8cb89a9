"""Where documents come out, what is wrong with what comes out there, and the table of what was tried."""

from __future__ import annotations

import io
import json
import re
import sys
from collections import Counter
from functools import cache

import documents
from pages import Outline
from payload_texts import FAMILIES, FAMILY

from byheart.cli.summary import print_json
from byheart.report.rich_text import clean
from byheart.terminal import put

# Words of ours; payloads in their place are tested apart.
FIXED = documents.FIXED | {"mark", "judged", "schema_version"}
ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2063\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
OURS = {("code", ()), ("code", ("class",)), ("i", ())}  # what `words.html` makes of backticks and intervals
WRAPPED = {"tspan", "text", "code", "i"}  # how many there are depends on the length of words
SPOKEN = {"title", "aria-label", "alt", "data-name", "data-say", "data-id", "content"}  # attributes that hold words; scripts set them as text
PLAIN = re.compile(r"[\w.,:;#%()\- ]*")  # other attributes: ours, or figures and anchors
PICTURE = ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/webp;base64,")


class Page(Outline):
    """An outline, with what stands in scripts and styles, and everything else that a parser calls markup."""

    def __init__(self, text):
        self.text, self.code, self.odd = text, [], []
        super().__init__(text)

    def handle_starttag(self, tag, attrs):
        super().handle_starttag(tag, attrs)
        if tag in {"script", "style"}:
            self.code.append([dict(attrs).get("type"), ""])

    def handle_data(self, data):
        super().handle_data(data)
        if self._silent:
            self.code[-1][1] += data

    def handle_decl(self, decl):
        self.odd.append(decl)

    unknown_decl = handle_pi = handle_decl

    @property
    def islands(self):
        return [json.loads(text) for kind, text in self.code if kind == "application/json"]

    @property
    def ran(self):
        return [text for kind, text in self.code if kind != "application/json"]

    @property
    def security(self):
        return [value for tag, name, value in self.attributes if name == "content" and "default-src" in value]


def wrong_of_page(page, twin, document=None):
    """What a page has that its twin has not, other than words."""
    told = []
    counted = [Counter(one for one in each.elements if one[0] not in WRAPPED) for each in (page, twin)]
    told += [f"elements {counted[0] - counted[1]}, none {counted[1] - counted[0]}"] * (counted[0] != counted[1])
    told += [f"element {one}" for one in set(page.elements) - set(twin.elements) - OURS]
    for name in ("comments", "odd", "ran", "security"):
        told += [f"{name} {getattr(page, name)}"[:200]] * (getattr(page, name) != getattr(twin, name))
    told += [f"control character {sign!r}" for sign in set(ODD.findall(page.text))]
    told += ["the document inside is another"] * (document is not None and page.islands != [document])
    known = set(twin.attributes)
    for tag, name, value in set(page.attributes) - known:
        safe = (
            value.startswith(PICTURE) if name == "src"
            else name in SPOKEN or (PLAIN.fullmatch(value) and not re.search(r"script:|url\(|data:", value))
        )  # fmt: skip
        told += [] if safe else [f"{tag} {name}={value}"[:200]]
    return told


def wrong_of_terminal(text):
    return [f"{sign!r} is printed" for sign in sorted({one for one in text if one != "\n" and not one.isprintable()})]


def harmless(text, i=0):
    """As empty as the text is."""
    return f"benign{i}" if clean(text).strip() else text


def filled(value, texts, key="", turn=None):
    """A document with the texts in turn wherever data, users or plug-ins can write: alone, and behind other words."""
    turn = turn if turn is not None else iter(range(10**9))
    if isinstance(value, str):
        if key in FIXED or documents.is_ours(key, value) or not value:
            return value
        i = next(turn)
        text = texts[i // 2 % len(texts)]
        if key == "picture":
            return PICTURE[0] + text if i % 2 else text
        return f"{value[:20]} {text}" if i % 2 else text
    if isinstance(value, dict):  # details are codes of ours, tried one by one
        return {name: one if name == "details" else filled(one, texts, name, turn) for name, one in value.items()}
    return [filled(one, texts, key, turn) for one in value] if isinstance(value, list | tuple) else value


def calm(value):
    """The document with no sign of markup in any word of it."""
    if isinstance(value, str):
        return re.sub("[<>&\"'{}]", "x", value)
    if isinstance(value, dict):
        return {calm(name): calm(one) for name, one in value.items()}
    return [calm(one) for one in value] if isinstance(value, list) else value


@cache
def _twin(door, texts):
    return Page(door.page(filled(door.document(), texts)))


def twin_of(door, texts):
    return _twin(door, tuple(harmless(text, i) for i, text in enumerate(texts)))


class Door:
    """Where a document comes out: as a page, in the terminal, as JSON."""

    def __init__(self, name, page, lines, document):
        self.name, self.page, self.lines, self.document = name, page, lines, document

    def shown(self, texts):
        """What is wrong at (page, terminal, json) with these texts in every place, and all that was to be read."""
        document = filled(self.document(), texts)
        page = Page(self.page(document))
        holds = document if self.name.startswith("audit") else None
        said, printed = io.StringIO(), io.StringIO()
        put("\n".join(self.lines(document)), said)
        before, sys.stdout = sys.stdout, printed
        try:
            print_json(document)
        finally:
            sys.stdout = before
        as_json = wrong_of_terminal(printed.getvalue())
        as_json += ["another document"] * (json.loads(printed.getvalue()) != document)
        wrong = {
            f"{self.name}: page": wrong_of_page(page, twin_of(self, texts), holds),
            f"{self.name}: terminal": wrong_of_terminal(said.getvalue()),
            f"{self.name}: json": as_json,
        }
        return wrong, "".join(page.words), said.getvalue()


class Table:
    """Payloads tried and wrong, by family and door."""

    def __init__(self):
        self.tried, self.wrong, self.told = Counter(), Counter(), []

    def add(self, text, door, told):
        self.tried[FAMILY[text], door] += 1
        self.wrong[FAMILY[text], door] += bool(told)
        self.told += [f"{door}, {text[:60]!r}: {told[:3]}"] if told else []

    def text(self):
        doors = list(dict.fromkeys(door for _, door in self.tried))
        rows = [["payloads, tried / wrong", *doors]]
        rows += [[family, *(f"{self.tried[family, d]} / {self.wrong[family, d]}" for d in doors)] for family in FAMILIES]
        rows += [["all", *(" / ".join(str(sum(n for (_, at), n in c.items() if at == d)) for c in (self.tried, self.wrong)) for d in doors)]]
        wide = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, wide)).rstrip() for row in rows)
