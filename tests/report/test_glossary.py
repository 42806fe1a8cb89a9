"""The words of our own: explained once a section of each page, and nowhere inside what users wrote."""

from __future__ import annotations

import re
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path

import documents
import pytest
from pages import page
from test_explanation import made as explanation

from byheart.report.explanation import render_explanation
from byheart.report.glossary import GLOSSARY, OF_SERIES, with_tooltips
from byheart.report.page import render

SECTIONS = {"article", "section"}
SILENT = {"svg", "script", "style", "code", "pre", "table", "bdi", "cite", "h1", "h2", "h3", "a"}
WORD = re.compile(rf"(?<![\w/.-])({'|'.join(GLOSSARY)})s?(?![\w/-])", re.I)


class Words(HTMLParser):
    """The words of the glossary, section by section, and which of them are explained."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sections: list[tuple[set[str], list[tuple[str, str]], list[str]]] = [(set(), [], [])]
        self.inside: list[int] = [0]
        self.meaning = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in {"meta", "img", "br"}:
            return
        given = dict(attrs)
        self.open.append("picture" if given.get("class") == "pic" else tag)
        if tag in SECTIONS:
            self.inside.append(len(self.sections))
            self.sections.append((set(), [], []))
        if tag == "dfn":
            self.meaning = given["title"]

    def handle_endtag(self, tag):
        if tag in {"meta", "img", "br"}:
            return
        self.open.pop()
        if tag in SECTIONS:
            self.inside.pop()

    def handle_data(self, data):
        words, explained, forbidden = self.sections[self.inside[-1]]
        silent = SILENT.intersection(self.open) or "picture" in self.open
        if "dfn" in self.open:
            explained.append((data.lower().removesuffix("s"), self.meaning))
            if silent:
                forbidden.append(data)
        if not silent:
            words.update(match[1].lower() for match in WORD.finditer(data))


def sections(text: str) -> list:
    """Sections with prose in which words are explained: not the head, the chapter around cards, or the list itself."""
    return [one for one in Words(text).sections if one[1]]


PAGES = {name: lambda name=name: page(name) for name in documents.ALL if name != "hostile"}
PAGES["explanation"] = lambda: render_explanation(explanation())


@pytest.mark.parametrize("name", PAGES)
def test_each_word_is_explained_once_in_each_section_that_says_it(name):
    parts = sections(PAGES[name]())
    assert parts
    for words, explained, forbidden in parts:
        assert sorted(words) == sorted(term for term, _ in explained)
        assert all(GLOSSARY[term] == meaning for term, meaning in explained)
        assert not forbidden


def test_cards_first_screen_and_verdicts_are_such_sections():
    text = page("fashion")
    for part in re.findall(r"(?s)<article.*?</article>|<section class=\"(?:first|verdicts|moves)\".*?</section>", text):
        words = Words(part).sections[1]
        assert sorted(words[0]) == sorted(term for term, _ in words[1])


def test_names_of_users_are_never_explained():
    made = documents.fashion()
    plain = render(made)
    made["subject"]["classes"] = ["bank", "Member", *made["subject"]["classes"][2:]]
    spoken = render(made)
    explained = {term for _, told, _ in Words(spoken).sections for term, _ in told}
    assert {"bank", "member"}.isdisjoint(explained)
    assert {term for _, told, _ in Words(plain).sections for term, _ in told} >= explained | {"member"}


@pytest.mark.parametrize("tag", sorted(SILENT))
def test_nothing_inside_of_these_is_touched(tag):
    text = f'<{tag} title="a lever">the bank of a member</{tag}>'
    assert with_tooltips(text) == text


def test_what_is_escaped_stays_escaped():
    made = with_tooltips(f"<p>{escape('<dfn>')} a lever & a lever</p>".replace(" & ", " &amp; "))
    assert made.count("<dfn ") == 1
    assert unescape(re.sub("<[^>]*>", "", made)) == "<dfn> a lever & a lever"


def test_the_page_of_the_docs_says_the_same():
    text = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
    assert re.findall(r"- \*\*(\w+)\*\*: (.*)", text) == list(GLOSSARY.items())
    assert re.findall(r"- \*([\w ]+)\*: (.*)", text) == list(OF_SERIES.items())


def test_a_page_of_a_series_lists_the_words_of_its_chapter_too():
    made = documents.fashion()
    gap = made["findings"]["generalization/gap"]
    made["findings"]["dynamics/need"] = {**gap, "probe": "dynamics/need", "status": "withheld"}
    assert [term for term, _ in _listed(render(made))] == [*GLOSSARY, *OF_SERIES]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_lists_all_words_for_who_has_no_pointer(name):
    assert _listed(PAGES[name]()) == list(GLOSSARY.items())


def _listed(text):
    part = text.partition('<details class="words">')[2].partition("</details>")[0]
    return re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", part)


@pytest.mark.parametrize("text, explained", [
    ("needed: so far back", ["needed"]),
    ("Needed 1 step, used 4 steps, paid 0.25\u00a0bits a step", ["Needed", "used", "paid"]),
    ("about 20 members are needed, and two are used for as many steps", []),
    ("free runs, the novelty of free runs, valid steps, a replay", ["free runs", "novelty", "valid steps", "replay"]),
    ("--lever replay=0.5", []),
])  # fmt: skip
def test_words_of_the_chapter_on_time_are_explained_where_they_mean_what_is_measured(text, explained):
    made = with_tooltips(f"<p>{text}</p>", GLOSSARY, in_time=True)
    assert [word for _, word in re.findall(r'<dfn title="([^"]*)">(.*?)</dfn>', made)] == explained
    assert with_tooltips(f"<p>{text}</p>", GLOSSARY) == f"<p>{text}</p>"


def test_a_page_of_a_series_explains_them_and_no_other_page_does():
    made = documents.fashion()
    gap = made["findings"]["generalization/gap"]
    plain = render(made)
    made["verdicts"][0]["sentence"] = "Needed 1 step: the rest is paid for."
    assert "dfn" not in re.findall(r"(?:<dfn[^>]*>)?Needed", render(made))[0]
    made["findings"]["dynamics/need"] = {**gap, "probe": "dynamics/need", "status": "withheld"}
    assert f'<dfn title="{OF_SERIES["needed"]}">Needed</dfn> 1 step' in render(made)
    assert f'title="{OF_SERIES["needed"]}"' not in plain
