"""No text of data, of users' code or of a claim becomes markup, runs, or moves a cursor: every payload at every door.

A page is compared with its twin, the page of the same document with harmless words in the same places.
"""

import io
import json
import os
import re
import sys

import documents
import pytest
from payload_doors import FIXED, OURS, Door, Page, calm, twin_of, wrong_of_page, wrong_of_terminal
from payload_texts import ALL, FAMILIES

from byheart.errors import ByheartError
from byheart.progress import Progress
from byheart.records.claim_result import Studied
from byheart.records.explanation import Explanation
from byheart.report.explanation import render_explanation
from byheart.report.page import render
from byheart.report.rich_text import clean
from byheart.report.study import render_study
from byheart.terminal import printable


def test_names_of_a_table_from_end_to_end(audited, lab):
    for words, (code, out, err) in audited.items():
        assert code == 0, (words, err)
        assert wrong_of_terminal(out + err) == [], words
    said = next(iter(audited.values()))[2]
    assert all(word in said for word in ("<img src=x onerror=run>", "[bold]x[/bold]", "{{7*7}}", "{0.__class__}"))
    folder = lab.folder / "byheart-audit"
    document = json.loads((folder / "report.json").read_text())
    page = Page((folder / "report.html").read_text())
    assert wrong_of_page(page, Page(render(calm(document))), document) == []
    assert "</script><b id=pwned>" in "".join(page.words)
    found = calm(json.loads(audited["explain"][1]))
    page = Page(next(folder.glob("explain-train-*.html")).read_text())
    assert wrong_of_page(page, Page(render_explanation(Explanation.model_validate(found)))) == []


def test_words_of_a_claim_from_end_to_end(studied, lab):
    code, out, err = studied
    assert code == 6, err  # one subject fails
    assert wrong_of_terminal(out + err) == []
    page = Page(next((lab.folder / "byheart-study").glob("study-*.html")).read_text())
    twin = Page(render_study(Studied.model_validate(calm(json.loads(out)))))
    assert wrong_of_page(page, twin) == []
    assert all(one in "".join(page.words) for one in ("--><b id=pwned>", "</script>", "&lt;b&gt;", "{0.__class__}"))


def test_all_payloads_in_turn_on_every_page(doors):
    """Each place has its own payload."""
    for door in [Door("audit of pictures", doors[0].page, doors[0].lines, documents.fashion), *doors[2:]]:
        wrong, words, _ = door.shown(ALL)
        assert not any(wrong.values()), wrong
        computed = [re.findall(r"\b49\b", text.replace('"49"', "")) for text in (words, "".join(twin_of(door, ALL).words))]
        assert len(computed[0]) <= len(computed[1])


FIRST = tuple(texts[0] for texts in FAMILIES.values())
EVERY = pytest.param(ALL, marks=pytest.mark.slow, id="all")
TIERS = pytest.mark.parametrize("texts", [pytest.param(FIRST, id="sample"), EVERY])


@pytest.mark.parametrize("texts", [pytest.param(FIRST[::4], id="sample"), EVERY])
def test_each_payload_in_every_place(texts, doors, table):
    """It is to be read as the words that it is made of."""
    for door in doors:
        for text in texts:
            wrong, words, _ = door.shown((text,))
            read = len(text) > 60 or "`" in text or clean(text).strip() in words
            wrong[f"{door.name}: page"] += [] if read else ["it is not shown as it is"]
            for at, told in wrong.items():
                table.add(text, at, told)


def test_sabotage_is_seen_by_the_judge():
    plain = Page("<p title='a'>b</p><script>1</script>")
    for text in (
        "<p title='a'><b>b</b></p><script>1</script>", "<p title='a' id=x>b</p><script>1</script>",
        "<p title='a'>b</p><script>2</script>", "<p title='a'>b<!-- --></p><script>1</script>",
        "<p title='a'>b\x1b</p><script>1</script>", "<p title='a'>b<![CDATA[x]]></p><script>1</script>",
    ):  # fmt: skip
        assert wrong_of_page(Page(text), plain) != []
    assert wrong_of_page(Page("<a href='javascript:x'>"), Page("<a href='#x'>")) != []
    assert wrong_of_page(Page("<i style='x:url(y)'>"), Page("<i style='x:1'>")) != []
    assert wrong_of_page(Page("<img src='data:text/html,x'>"), Page("<img src='data:image/png;base64,x'>")) != []
    assert wrong_of_page(Page("<p title='javascript:x'>c</p>"), Page("<p title='a'>b</p>")) == []


class Screen(io.StringIO):
    """A terminal, as rich sees it."""

    encoding = "utf-8"

    def isatty(self):
        return True


def on_screen(monkeypatch, lines):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "5000")
    with Progress(False) as progress:
        for line in lines:
            progress.say(line)
    return screen.getvalue()


def test_a_progress_bar_shows_words_as_they_are(monkeypatch, table):
    moves = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|\r")
    ours = set(moves.findall(on_screen(monkeypatch, ["benign"] * 3)))
    for text in ALL:
        shown = on_screen(monkeypatch, [text])
        told = [] if set(moves.findall(shown)) <= ours else ["it moves the cursor"]
        told += wrong_of_terminal(moves.sub("", shown))
        told += [] if printable(text).rstrip() in moves.sub("", shown) else ["it is not shown as it is"]
        table.add(text, "progress", told)


WORDS = (("audit", "{}"), ("audit", "digits", "--learner", "{}"), ("audit", "digits", "--learner", "mlp", "--set", "{}=1"),
         ("audit", "digits", "--lever", "{}"), ("audit", "digits", "--also", "{}"), ("audit", "digits", "--device", "{}"),
         ("audit", "plain.csv", "--target", "{}"), ("study", "{}"), ("show", "{}"), ("explain", "{}", "--test", "1"), ("list", "{}"),
         ("{}",))  # fmt: skip


def _typed(text):
    """Whether an operating system can hand it over: of half signs only what it makes of bytes that are not UTF-8."""
    try:
        return bool(os.fsencode(text))
    except UnicodeEncodeError:
        return False


@TIERS
def test_words_on_the_command_line(texts, audited, lab, table):
    (lab.folder / "plain.csv").write_text("a,b\n" + "1,x\n2,y\n" * 20)
    for words in WORDS:
        for text in filter(_typed, texts):
            code, out, err = lab(*(word.replace("{}", text) for word in words))
            told = wrong_of_terminal(out + err) + [f"exit {code}"] * (code not in (2, 3))
            told += [err[:200]] * ("Traceback" in err or "something of ours" in err)
            table.add(text, words[0].replace("{}", "no command"), told)


USERS = '''
import json
import numpy as np
ALL = json.loads({texts!r})
x = np.random.default_rng(0).normal(size=(80, 3))
y = (x[:, 0] > 0).astype(int)
calls = []
def fit(x, y, seed):
    calls.append(1)
    if len(calls) == {failing}:
        raise ValueError(" ".join(ALL))
    print(" ".join(ALL).encode("utf-8", "replace").decode())
    return lambda x: np.stack([0 * x[:, 0], x[:, 0]], 1)
fit.__name__ = fit.__doc__ = " ".join(ALL)
'''


@pytest.mark.parametrize("texts", [ALL[::4], *(pytest.param(ALL[i::4], marks=pytest.mark.slow) for i in (1, 2, 3))], ids=range(4))
def test_what_users_code_prints_and_raises(texts, lab):
    texts = [*(text for text in texts if len(text) < 200), "\ud800<b id=pwned>\udce2"]
    (lab.folder / "own.py").write_text(USERS.format(texts=json.dumps(texts), failing=3))
    code, out, err = lab("audit", "own.py", "--members", "8", "--jobs", "1", "--device", "cpu", "--out", "own")
    assert code in (0, 6), err
    assert wrong_of_terminal(out + err) == []
    assert printable(texts[0]) in err
    assert "something of ours" not in out + err
    document = json.loads((lab.folder / "own" / "report.json").read_text())
    page = Page((lab.folder / "own" / "report.html").read_text())
    assert wrong_of_page(page, Page(render(calm(document))), document) == []


def _spoilt_words(value, text, at):
    """The document with a payload wherever `at` names a word."""
    for key, one in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        if isinstance(one, dict | list):
            _spoilt_words(one, text, at)
        elif key == at and isinstance(one, str):
            value[key] = text
    return value


def _places(value, path=()):
    """Paths to every string below `value`."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(one, dict | list):
            yield from _places(one, (*path, key))
        elif isinstance(one, str):
            yield (*path, key)


def test_details_in_a_strangers_document(audited, lab):
    """Every code among the facts of a real audit: refused, or shown as words."""
    made = json.loads((lab.folder / "byheart-audit" / "report.json").read_text())
    known, tried = {*OURS, *Page(render(made)).elements}, 0
    for name, finding in made["findings"].items():
        for place in _places(finding.get("details") or {}):
            document = json.loads(json.dumps(made))
            held = document["findings"] = {name: document["findings"][name]}
            at = held[name]["details"]
            for key in place[:-1]:
                at = at[key]
            at[place[-1]] = "<b id=pwned>"
            tried += 1
            try:
                page = Page(render(document))
            except ByheartError:
                continue
            assert set(page.elements) <= known, (name, place)
    assert tried > 3


@TIERS
def test_words_of_ours_in_a_strangers_document(texts, table):
    """They are refused, or shown as words."""
    known = OURS.union(*(Page(render(made())).elements for made in (documents.table, documents.hidden)))
    for i, key in enumerate(sorted(FIXED)):
        for text in texts[i % 24 :: 24]:
            try:
                page = Page(render(_spoilt_words(documents.table(), text, key)))
            except (ByheartError, ValueError):
                told = []
            else:
                told = [f"element {one}" for one in page.elements if one not in known] + page.comments + page.odd[1:]
            table.add(text, "a stranger's document", [f"{key}: {one}" for one in told])
