"""One audit and one study whose names are payloads, and the doors through which they come out."""

import csv
import io
import itertools
import json
import random
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from byheart.cli import explain, studies
from byheart.cli.main import main
from byheart.cli.summary import summary
from byheart.records.claim_result import Studied
from byheart.records.explanation import Explanation
from byheart.records.unlearning import UnlearningRecord
from byheart.report.explanation import render_explanation
from byheart.report.page import render
from byheart.report.study import render_study
from byheart.report.unlearning import render_unlearning
from byheart.report.unlearning_text import lines as unlearned

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "report")]  # the payloads; the documents and the parser of pages

# As far as file systems, and CSV files in UTF-8, go.
FILE = "<img src=x onerror=run>`'\"{{7*7}}\x1b[31m[bold]\u202e.csv"
CLAIM = FILE.replace(".csv", ".toml")
GAP = "generalization/gap"
TARGET = "</title><b id=pwned>{% x %}\x9b2J"
CLASSES = ("</script><b id=pwned>", '[link=x]"><svg onload=run>', "\x1b[31m{{7*7}}\ufffe")
CATEGORIES = ("<b id=pwned>", "`x`", "=1+1|cmd")
COLUMNS = ("<img src=x onerror=run>", "[bold]x[/bold]", "{{7*7}}", "--><b id=pwned>", "\" onclick='run'", "javascript:run",
           "a\u202eb\u2066", "\x1b]8;;x\x07", "%s{0.__class__}", "</script>", "&lt;b&gt;", "]]>")  # fmt: skip
SMALL = ("--learner", "mlp", "--set", "epochs=1", "--set", "hidden=[8]", "--members", "8", "--jobs", "1", "--device", "cpu")


@pytest.fixture(autouse=True, scope="session")
def by_hand():
    """Pages show the cards that documents bring, so that payloads stand in every word of a card."""
    from by_hand import cards_by_hand

    with cards_by_hand():
        yield


@pytest.fixture
def table(record_property):
    from payload_doors import Table

    made = Table()
    yield made
    record_property("table", made.text())
    assert made.told == []


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Runs `byheart WORDS` in a folder of its own; gives its code and what it printed."""
    patch = pytest.MonkeyPatch()

    def run(*words):
        out, err = io.StringIO(), io.StringIO()
        patch.setattr("byheart.cli.main._stopping", False)
        patch.setattr(sys, "argv", ["byheart", *words])
        code = 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                code = end.code or 0
        return code, out.getvalue(), err.getvalue()

    run.folder = tmp_path_factory.mktemp("lab")
    patch.chdir(run.folder)
    patch.setattr("byheart.cli.main._listen", lambda: None)
    yield run
    patch.undo()


@pytest.fixture(scope="module")
def audited(lab):
    """What commands printed on a table whose file, target, columns, classes and categories are payloads."""
    draw = random.Random(3)
    with open(lab.folder / FILE, "w", newline="", encoding="utf-8") as file:
        made = csv.writer(file)
        made.writerow([*COLUMNS, "words", TARGET])
        for i in range(60):
            numbers = [f"{draw.random() + i % 3:.3f}" for _ in COLUMNS]
            made.writerow([*numbers, draw.choice(CATEGORIES), CLASSES[i % 3]])
    said = {words: lab(*words) for words in [
        ("audit", FILE, "--target", TARGET, *SMALL), ("show", "latest"), ("show", "latest", "--json"),
        ("report", "latest"), ("list", "run"),
    ]}  # fmt: skip
    one = re.search(r"train:(\d+)", said["show", "latest", "--json"][1])[1]
    said["explain"] = lab("explain", "latest", "--example", one, "--json")
    (lab.folder / "ids.txt").write_text(one, encoding="utf-8")
    said["unlearn"] = lab("unlearn", "latest", "--forget", "ids.txt", "--models", "3", "--with-copies", "--json", "--quiet")
    return said


@pytest.fixture(scope="module")
def studied(lab):
    """What `byheart study --json` printed on a claim whose words are payloads: two subjects, and one that fails."""
    (lab.folder / CLAIM).write_text(claim_of(COLUMNS), encoding="utf-8")
    return lab("study", CLAIM, "--jobs", "1", "--device", "cpu", "--json")


def claim_of(words):
    """A claim in TOML, in which a text in JSON is one too."""
    turn = itertools.cycle(map(json.dumps, words))
    a, b, c = next(turn), next(turn), next(turn)
    expect = (f'quantity = "{GAP}/train_accuracy"\nof = {a}\nabove = 0.9', f'quantity = "{GAP}/gap"\nof = {c}\nabove = 0',
              f'quantity = "{GAP}/gap"\nof = {b}\nabove = "{GAP}/gap"\nthan_of = {a}')  # fmt: skip
    return f"""
claim = {next(turn)}
note = {next(turn)}
words = {{ gap = {next(turn)} }}
source = [{{ author = {next(turn)}, year = 2000, title = {next(turn)} }}]
every = {{ task = "digits", task_settings = {{ n = 60 }}, learner = "DecisionTreeClassifier", members = 8, probes = ["{GAP}"] }}
[subject]
{a} = {{ says = {next(turn)} }}
{b} = {{ flip = 0.9, says = {next(turn)} }}
{c} = {{ learner_settings = {{ max_depth = -1 }} }}
""" + "".join(f"[[expect]]\nsays = {next(turn)}\n{one}\n" for one in expect)


@pytest.fixture(scope="module")
def doors(audited, studied):
    import documents
    from payload_doors import Door

    def lines(document):
        return summary(document, "page", "data")

    def stored(record, made):
        """Records hold no half signs."""
        return lambda document: made(
            record.model_validate(json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")))
        )

    def of_ours(made):
        """The names of methods are ours."""
        read = stored(UnlearningRecord, made)
        named = [one["name"] for one in forgotten["methods"]]
        return lambda document: read(
            {**document, "methods": [{**one, "name": name} for one, name in zip(document["methods"], named)]}
        )

    explanation, study = json.loads(audited["explain"][1]), json.loads(studied[1])
    forgotten = json.loads(audited["unlearn"][1])
    return [
        Door("audit", render, lines, documents.table),
        Door("audit of text", render, lines, documents.text),
        Door("explain", stored(Explanation, render_explanation), stored(Explanation, explain.lines), lambda: explanation),
        Door("unlearn", of_ours(render_unlearning), of_ours(unlearned), lambda: forgotten),
        Door("study", stored(Studied, render_study), stored(Studied, studies.lines), lambda: study),
    ]
