"""No text of data, of users' code or of a claim becomes markup, runs, or moves a cursor: every payload at every door.

A page is compared with its twin, the page of the same document with harmless words in the same places.
"""

import io
import json
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "report")]  # the payloads; the documents and the parser of pages

import documents
from pages import Outline
from payloads import ALL, FAMILIES, FAMILY

from byheart.cli import explaining, studies
from byheart.cli.progress import Progress
from byheart.cli.summary import print_json, summary
from byheart.errors import ByheartError
from byheart.records.explanation import Explanation
from byheart.records.studied import Studied
from byheart.report.explanation import render_explanation
from byheart.report.page import render
from byheart.report.prose import clean
from byheart.report.study import render_study
from byheart.terminal import printable, put

FIXED = {"kind", "status", "unit", "role", "shape", "axis", "format", "outcome", "headline", "probe", "better", "speaks_of",
         "anchor", "view", "mark", "judged", "schema_version"}  # words of ours, that a record checks; tested at the end  # fmt: skip
ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2063\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
OURS = {("code", ()), ("code", ("class",)), ("i", ())}  # what `words.html` makes of backticks and intervals
WRAPPED = {"tspan", "text", "code", "i"}  # how many there are depends on the length of words
SPOKEN = {"title", "aria-label", "alt", "data-name", "content"}  # attributes that hold words
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
            else name in SPOKEN or (PLAIN.fullmatch(value) and not re.search("script:|url|data:", value))
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
        if key in FIXED or not value:
            return value
        i = next(turn)
        text = texts[i // 2 % len(texts)]
        if key == "picture":
            return PICTURE[0] + text if i % 2 else text
        return f"{value[:20]} {text}" if i % 2 else text
    if isinstance(value, dict):
        return {name: filled(one, texts, name, turn) for name, one in value.items()}
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
        holds = document if self.name.startswith("page") else None
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


@pytest.fixture
def table(record_property):
    made = Table()
    yield made
    record_property("table", made.text())
    assert made.told == []


def loaded(path):
    return lambda: json.loads(path.read_text())


@pytest.fixture(scope="module")
def study_json(tmp_path_factory):
    from byheart.auditing.studies import study
    from byheart.records.claim import claim_from

    gap = "generalization/gap"
    subject = {"says": "digits", "task": "digits", "task_settings": {"n": 60}, "learner": "DecisionTreeClassifier",
               "members": 8, "probes": [gap]}  # fmt: skip
    claim = claim_from({
        "claim": "Trees fit all.", "source": [{"author": "Doe", "year": 2000, "title": "Trees"}], "note": "On few.",
        "dose": "share redrawn", "words": {"gap": "the gap"},
        "subject": {"a": {**subject, "dose": 0.0}, "b": {**subject, "dose": 0.9, "flip": 0.9},
                    "c": {**subject, "learner_settings": {"max_depth": -1}}},
        "expect": [{"says": "they fit", "quantity": f"{gap}/train_accuracy", "of": "a", "above": 0.9},
                   {"says": "it grows", "quantity": f"{gap}/gap", "over": ["a", "b"], "trend": "grows"},
                   {"says": "none", "quantity": f"{gap}/gap", "of": "c", "above": 0}],
    })  # fmt: skip
    path = tmp_path_factory.mktemp("study") / "study.json"
    path.write_text(json.dumps(study("trees", claim, path.parent).model_dump(mode="json")))
    return path


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Runs `byheart WORDS` in one folder, which holds an audit of a table with hostile names; what it printed."""
    from contextlib import redirect_stderr, redirect_stdout

    from byheart.cli.main import main

    folder = tmp_path_factory.mktemp("lab")
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    patch.setattr("byheart.cli.main._listen", lambda: None)

    def run(*words):
        out, err = io.StringIO(), io.StringIO()
        patch.setattr("byheart.cli.main._stopping", False)
        patch.setattr(sys, "argv", ["byheart", *words])
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            main()
            sys.exit(0)  # list returns
        return end.value.code or 0, out.getvalue(), err.getvalue()

    run.folder = folder
    yield run
    patch.undo()


NAMED = tuple(text for text in ALL if len(text) < 120 and "\0" not in text and not re.search("[\ud800-\udfff]", text))
FILE = "<img src=x onerror=run>`'\"{{7*7}}\x1b[31m[bold]\u202e.csv"  # as far as file systems go
SEEN = ("<img src=x onerror=run>", "[bold]x[/bold]", "{{7*7}}")
SMALL = ("--learner", "mlp", "--set", "epochs=2", "--members", "8", "--jobs", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def audited(lab):
    """The folder of an audit whose file, target, columns, classes and words are payloads; all that commands printed."""
    import csv
    import random

    draw = random.Random(3)
    columns = list(dict.fromkeys([*SEEN, *NAMED[:: len(NAMED) // 12]]))
    classes = ["</script><b id=pwned>", "[link=x]\"><svg onload=run>", "\x1b[31m{{7*7}}\ufffe"]
    target = "</title><b id=pwned>{% x %}\x9b2J"
    with open(lab.folder / FILE, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*columns, "words", target])
        for i in range(90):
            numbers = [f"{draw.random() + i % 3:.3f}" for _ in columns]
            table.writerow([*numbers, draw.choice(["<b id=pwned>", "`x`", "=1+1|cmd"]), classes[i % 3]])
    said = {words: lab(*words) for words in [
        ("audit", FILE, "--target", target, *SMALL), ("show", "latest"), ("show", "latest", "--json"),
        ("report", "latest"), ("list", "run"),
    ]}  # fmt: skip
    one = re.search(r"train:(\d+)", said["show", "latest", "--json"][1])[1]
    said["explain"] = lab("explain", "latest", "--example", one, "--json")
    (lab.folder / "explanation.json").write_text(said["explain"][1])
    return lab.folder, said


def test_names_of_a_table_from_end_to_end(audited):
    folder, said = audited
    for words, (code, out, err) in said.items():
        assert code == 0, (words, err)
        assert wrong_of_terminal(out + err) == [], words
    assert all(word in said[next(iter(said))][2] for word in SEEN)
    document = json.loads((folder / "byheart-audit" / "report.json").read_text())
    page = Page((folder / "byheart-audit" / "report.html").read_text())
    assert wrong_of_page(page, Page(render(calm(document))), document) == []
    assert "</script><b id=pwned>" in "".join(page.words)
    found = json.loads((folder / "explanation.json").read_text())
    page = Page(next((folder / "byheart-audit").glob("explain-train-*.html")).read_text())
    assert wrong_of_page(page, Page(render_explanation(Explanation.model_validate(calm(found))))) == []


def storable(value):
    """What a record takes: text without half signs."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


@pytest.fixture(scope="module")
def doors(audited, study_json):
    explanation, study = (
        (lambda document, made=made, model=model: made(model.model_validate(storable(document))))
        for made, model in ((render_explanation, Explanation), (render_study, Studied))
    )
    kept = json.loads((audited[0] / "explanation.json").read_text()), json.loads(study_json.read_text())
    both = lambda document: summary(document, "page", "data").splitlines()
    return [
        Door("page", render, both, documents.table),
        Door("page of text", render, both, documents.text),
        Door("explain", explanation, lambda d: explaining.lines(Explanation.model_validate(storable(d))), lambda: kept[0]),
        Door("study", study, lambda d: studies.lines(Studied.model_validate(storable(d))), lambda: kept[1]),
    ]


def test_all_payloads_in_turn_on_every_page(doors):
    """Each place has its own payload."""
    for door in [Door("page of pictures", doors[0].page, doors[0].lines, documents.fashion), *doors[2:]]:
        wrong, words, _ = door.shown(ALL)
        assert not any(wrong.values()), wrong
        computed = [re.findall(r"\b49\b", text.replace('"49"', "")) for text in (words, "".join(twin_of(door, ALL).words))]
        assert len(computed[0]) <= len(computed[1])


FIRST = tuple(texts[0] for texts in FAMILIES.values())
TIERS = pytest.mark.parametrize("texts", [FIRST, pytest.param(ALL, marks=pytest.mark.slow)], ids=["sample", "all"])


@TIERS
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


@TIERS
def test_words_on_the_command_line(texts, audited, lab, table):
    (lab.folder / "plain.csv").write_text("a,b\n" + "1,x\n2,y\n" * 20)
    for words in WORDS:
        for text in texts:
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


@pytest.mark.parametrize("texts", [ALL[i::4] for i in range(1)] + [pytest.param(ALL[i::4], marks=pytest.mark.slow) for i in range(1, 4)])
def test_what_users_code_prints_and_raises(texts, lab):
    texts = [text for text in texts if len(text) < 200]
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
    """Copies of the document, in each of which one of the words of ours is a payload."""
    for key, one in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        if isinstance(one, dict | list):
            _spoilt_words(one, text, at)
        elif key == at and isinstance(one, str):
            value[key] = text
    return value


@TIERS
def test_words_of_ours_in_a_strangers_document(texts, table):
    """They are refused, or shown as words."""
    known = OURS.union(*(Page(render(made())).elements for made in (documents.table, documents.hidden)))
    for i, key in enumerate(sorted(FIXED)):
        for text in texts[i % 12 :: 12]:
            try:
                page = Page(render(_spoilt_words(documents.table(), text, key)))
            except (ByheartError, ValueError):
                told = []
            else:
                told = [f"element {one}" for one in page.elements if one not in known] + page.comments + page.odd[1:]
            table.add(text, "a stranger's document", [f"{key}: {one}" for one in told])
