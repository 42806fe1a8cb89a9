"""What commands print: the result on standard output, the progress on standard error."""

import io
import json
import re
import shlex
import sys
import time

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import byheart as bh
from byheart import progress
from byheart.auditing.audit import run
from byheart.auditing.cli_request import request_from_words
from byheart.cli.summary import print_json, print_lines
from byheart.probes.generalization.gap import Gap
from byheart.progress import Progress
from byheart.records.facts import OF_EXAMPLES
from byheart.records.options import Options
from byheart.study import budget
from byheart.study.costs import START
from byheart.study.steps import Step

TREE = ["--learner", "DecisionTreeClassifier", "--set", "max_depth=3"]


def test_digits_from_words_to_a_page(audited, tmp_path):
    said = audited("digits", "--set", "epochs=1", "--set", "hidden=8", "--out", "out")
    assert said.code == 0
    assert said.out.startswith("byheart audit · Handwritten digits, MLP 64-8-10 · 1,437 digits, 8 members · run ")
    assert "By heart" in said.out
    assert said.out.rstrip().endswith("Report  out/report.html   Data  out/report.json")
    assert 5 < len(said.out.splitlines()) < 25
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "data:image/png" in page
    assert not [c for c in said.err if not (c.isprintable() or c == "\n")]
    assert "steps" in said.err


def test_sequences_from_words_to_a_page(audited, tmp_path, short):
    rng = np.random.default_rng(0)
    symbols = rng.integers(3, size=(80, 6))
    np.savez(tmp_path / "sequences.npz", x=np.eye(3)[symbols], y=symbols[:, 0])
    words = ["sequences.npz", "--learner", "recurrent", "--set", "cell=gru", "--set", "hidden=4", "--set", "epochs=2"]
    said = audited(*words, "--also", "memory/credit", "--out", "out")
    assert said.code == 0, said.err
    assert "GRU of 1 layer, 4 units" in said.out
    assert "GRU of 1 layer, 4 units" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    document = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert document["findings"]["memory/credit"]["quantities"]
    assert document["provenance"]["learner"]["cell"] == "gru"
    short(audited(*words, "--lever", "dropout=0.5"), 3, "activation layers", "dropout", "recurrent")


@pytest.mark.usefixtures("quick_page")
def test_modular_with_a_lever(audited, tmp_path):
    said = audited("modular", "--set", "epochs=1", "--set", "hidden=8", "--lever", "dropout=0.5", "--json")
    document = json.loads(said.out)
    assert document["provenance"]["learner"]["lever dropout"] == "0.5"
    assert "--lever dropout=0.5" in document["provenance"]["command"]
    assert (tmp_path / "byheart-audit" / "report.html").exists()


@pytest.mark.usefixtures("quick_page")
def test_json_is_one_document_and_the_same_everywhere(tree, tmp_path):
    said = tree("--json", "--out", "out")
    assert said.code == 0
    document = json.loads(said.out)
    assert document == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    options = Options(learner="DecisionTreeClassifier", settings=("max_depth=3",), members=8, device="cpu", jobs=1)
    request, settings = request_from_words("data.npz", options)
    assert run(request, tmp_path / "out", settings=settings).to_dict() == document


@pytest.mark.usefixtures("quick_page")
def test_the_printed_command_asks_for_the_same(tree, byheart):
    document = json.loads(tree("--json", "--seed", "3", "--flip", "0.1").out)
    words = shlex.split(document["provenance"]["command"])
    assert words[0] == "byheart"
    again = byheart(*words[1:], "--json", "--jobs", "1")
    assert json.loads(again.out) == document
    assert "all in the ledger" in again.err


@pytest.mark.usefixtures("quick_page")
def test_the_python_call_and_the_command_give_the_same_numbers(tree, tmp_path):
    document = json.loads(tree("--json").out)
    data = np.load(tmp_path / "data.npz")
    audit = bh.audit((data["x"], data["y"]), model=DecisionTreeClassifier(max_depth=3), members=8)
    assert audit.to_dict()["findings"] == document["findings"]


@pytest.mark.usefixtures("quick_page")
def test_quiet_says_nothing_but_the_result(tree):
    said = tree("--quiet")
    assert said.err == ""
    assert said.out


@pytest.mark.usefixtures("quick_page")
def test_progress_is_lines_when_it_is_no_terminal(tree, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.15)
    err = tree().err
    lines = [line for line in err.splitlines() if re.match(r"(training|measuring|timing the training)(: \d+ of \d+ (models|steps))?, ", line)]
    assert lines
    assert re.search(r"about \d+ s on one core \(\d+ s to \d+ s\), about \d\.\d GB; \d+ models", err)
    assert "\r" not in err
    assert "\x1b" not in err


def a_step(kind, stop=1):
    return Step({"kind": kind, "start": 0, "stop": stop})


def test_models_are_counted_not_steps_and_what_is_left_follows_the_pace(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    shown = Progress(quiet=False)
    for size in (16, 16, 1):
        shown(a_step("train", size), "to do")
    clock[0] = 60.0
    shown(a_step("train", 16), "done")
    assert shown.line == "training: 16 of 33 models, 1 min 0 s, about 1 min 4 s left"
    shown(a_step("train", 16), "done")
    shown(a_step("train", 1), "failed")
    assert shown.line == "training: 33 of 33 models, 1 min 0 s"
    shown(a_step("measure"), "to do")
    assert shown.line == "measuring, 1 min 0 s"


def test_a_line_comes_every_ten_seconds_however_long_a_step_takes(monkeypatch, capsys):
    monkeypatch.setattr(progress, "EVERY", 0.1)
    with Progress(quiet=False) as shown:
        shown(a_step("train"), "to do")
        time.sleep(0.7)
    assert 3 <= capsys.readouterr().err.count("training, ") <= 7
    with Progress(quiet=True) as shown:
        shown(a_step("train"), "to do")
        time.sleep(0.3)
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_a_bar_and_no_colour_where_none_is_wanted(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = {}
    for colour in ("", "1"):
        monkeypatch.setattr(sys, "stderr", Terminal())
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("NO_COLOR", colour) if colour else monkeypatch.delenv("NO_COLOR", raising=False)
        with Progress(quiet=False) as bar:
            bar.say("2 steps, 0 in the ledger, 2 to do \x1b[31m")
            bar(a_step("train"), "to do")
            bar(a_step("train"), "done")
        shown[colour] = sys.stderr.getvalue()
    assert "training" in shown[""]
    assert "\x1b[3" in shown[""].replace("\x1b[31m", "")
    assert "\x1b[3" not in shown["1"]
    assert "\x1b[31m" not in shown["1"]


def test_plan_runs_nothing_and_leaves_no_trace(byheart, npz, listing, tmp_path):
    before = listing(tmp_path)
    said = byheart("plan", npz, "--out", "nowhere", "--members", "8")
    assert said.code == 0
    assert said.out.rstrip().endswith("Nothing was trained or written.")
    assert "0 in the ledger" in said.out
    assert listing(tmp_path) == before
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.usefixtures("quick_page")
def test_plan_says_what_is_there(tree, byheart, npz, listing, tmp_path):
    tree("--out", "out")
    before = listing(tmp_path / "out")
    words = ["--learner", "DecisionTreeClassifier", "--set", "max_depth=3", "--members", "8", "--out", "out", "--json"]
    found = json.loads(byheart("plan", npz, *words).out)
    assert (found["to_do"], found["done"]) == (0, found["steps"])
    more = json.loads(byheart("plan", npz, *words, "--seed", "1").out)
    assert more["to_do"] == more["steps"]
    assert {k: v for k, v in listing(tmp_path / "out").items() if "blobs" in k} == {
        k: v for k, v in before.items() if "blobs" in k
    }


def test_show_and_report_say_it_again(tree, byheart, tmp_path):
    first = tree("--out", "out")
    document = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    page = (tmp_path / "out" / "report.html").read_bytes()
    run_id = document["subject"]["run"]
    assert byheart("show", "out").out == first.out
    for name in (run_id, run_id[:5]):
        assert json.loads(byheart("show", name, "--out", "out", "--json").out) == document
    (tmp_path / "out" / "report.html").unlink()
    assert byheart("report", run_id, "--out", "out").out.strip() == "out/report.html"
    assert (tmp_path / "out" / "report.html").read_bytes() == page
    listed = byheart("list", "run", "--out", "out")
    assert run_id in listed.out
    assert document["subject"]["title"] in listed.out
    assert json.loads(byheart("list", "run", "--out", "out", "--json").out) == {"run": {run_id: document["subject"]["title"]}}


@pytest.mark.usefixtures("quick_page")
def test_two_audits_in_one_folder_are_two_runs(tree, byheart, short):
    tree("--out", "out")
    tree("--out", "out", "--seed", "1")
    runs = json.loads(byheart("list", "run", "--out", "out", "--json").out)["run"]
    assert len(runs) == 2
    newest = json.loads(byheart("show", "out", "--json").out)
    assert newest["provenance"]["seed"] == 1
    tree("--out", "out")  # all in the ledger; what was asked for last is the latest
    assert json.loads(byheart("show", "latest", "--out", "out", "--json").out)["provenance"]["seed"] == 0
    assert [*json.loads(byheart("list", "run", "--out", "out", "--json").out)["run"]] == [*runs][::-1]
    short(byheart("show", "zz", "--out", "out"), 2, "'zz'", *runs)


def test_hidden_examples_are_neither_in_the_page_nor_in_the_json(audited, byheart, tmp_path):
    pictures = np.random.default_rng(0).integers(0, 255, size=(70, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "pictures.npz", x=pictures, y=np.arange(70) % 2)
    words = ["pictures.npz", *TREE, "--out", "out"]
    shown = json.loads(audited(*words, "--json").out)
    assert "data:image/png" in json.dumps(shown["exhibits"])
    hidden = audited(*words, "--json", "--hide-examples")
    document = json.loads(hidden.out)
    assert document == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert (document["exhibits"], document["hidden"]) == ({}, True)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for text in (page, hidden.out):
        assert "data:image/png" not in text
    for name, finding in document["findings"].items():
        assert finding.get("quantities") == shown["findings"][name].get("quantities")
        assert not any(OF_EXAMPLES & set(ranked["figures"]) for ranked in finding.get("ranked", {}).values())
    byheart("report", "out")
    assert "data:image/png" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    byheart("report", "out", "--hide-examples")
    assert "data:image/png" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_hidden_rows_leave_no_fields(audited, tmp_path):
    rows = [f"zanzibar{i},{i % 5},{'yes' if i % 3 else 'no'}" for i in range(70)]
    (tmp_path / "t.csv").write_text("who,number,label\n" + "\n".join(rows), encoding="utf-8")
    words = ["t.csv", "--target", "label", "--categorical", "who", "--learner", "DecisionTreeClassifier", "--out", "out"]
    shown = audited(*words, "--json")
    assert "zanzibar1" in shown.out
    hidden = audited(*words, "--json", "--hide-examples")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for text in (hidden.out, page):
        assert "zanzibar" not in text
        assert '"fields"' not in text


@pytest.mark.usefixtures("quick_page")
def test_a_budget_is_said_before_training(tree, monkeypatch):
    monkeypatch.setattr(budget, "member_seconds", lambda session, trial: 0.1)
    said = tree("--budget", f"{START + 1.25}s", "--members", "64", "--json")
    assert said.code == 0
    lines = said.err.splitlines()
    line = next(i for i, text in enumerate(lines) if text.startswith(f"Budget {START + 1.25:.0f} s: "))
    assert line < next(i for i, text in enumerate(lines) if "to do" in text)
    assert json.loads(said.out)["provenance"]["members"]["members"] == 8
    assert lines[line] in json.loads(said.out)["provenance"]["notes"]


def test_a_budget_too_small_names_the_needed_one(tree, short):
    short(tree("--budget", "1s"), 2, "at least 2 members", "Try --budget ")


@pytest.mark.parametrize("word", ["list", "list tasks", "list learner", "list lever", "list probe", "list verdict"])
def test_lists(word, byheart):
    said = byheart(*word.split())
    assert said.code == 0
    assert len(said.out.splitlines()) > 3
    assert said.err == ""


def test_a_list_of_runs_where_there_are_none(byheart, tmp_path):
    assert byheart("list", "run").out == "no runs in byheart-audit\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["--help"], ["audit", "--help"], ["plan", "-h"], ["list", "--help"], ["--version"]])
def test_help_and_version_are_results(words, byheart):
    said = byheart(*words)
    assert (said.code, said.err) == (0, "")
    assert said.out


@pytest.mark.usefixtures("quick_page")
def test_a_failed_question_leaves_the_rest_and_says_so_in_the_exit_code(tree, monkeypatch):
    def broken(*given):
        raise RuntimeError("no \x1b[31mluck")

    with monkeypatch.context() as patch:
        patch.setattr(Gap, "measure", broken)
        said = tree("--out", "out")
        assert said.code == 6
        assert "failed        generalization/gap: RuntimeError: no [31mluck" in said.out
        assert "By heart" in said.out
        assert "\x1b" not in said.out
        assert json.loads(tree("--out", "out", "--json").out)["findings"]["generalization/gap"]["status"] == "failed"
    assert tree("--out", "out").code == 0


@pytest.mark.usefixtures("quick_page")
def test_a_damaged_ledger_is_named_and_mended(tree, tmp_path):
    first = json.loads(tree("--out", "out", "--json").out)
    blobs = tmp_path / "out" / "ledger" / "blobs"
    for path in blobs.glob("??/*.json"):
        entry = json.loads(path.read_text())
        if entry["about"]["kind"] == "train":
            harmed = blobs / entry["arrays"][:2] / f"{entry['arrays']}.safetensors"
        elif entry["about"]["kind"] in {"document", "measure"}:
            path.unlink()
    harmed.write_bytes(harmed.read_bytes()[:-3])
    said = tree("--out", "out", "--json")
    assert said.code == 0
    assert harmed.name in said.err
    again = json.loads(said.out)
    for document in (first, again):
        document["provenance"].pop("cpu_seconds")
    assert again == first


def test_ascii_output_is_still_json(tree, monkeypatch):
    class Ascii:
        encoding = "ascii"

        def __init__(self):
            self.text = ""

        def write(self, text):
            self.text += text.encode("ascii").decode()

        def flush(self):
            pass

    plain = Ascii()
    monkeypatch.setattr(sys, "stdout", plain)
    print_json({"a": "Überschrift ±", "b": "half \udcff"})
    assert json.loads(plain.text) == {"a": "Überschrift ±", "b": "half \udcff"}
    print_lines("± \x1b[0m")
    assert plain.text.endswith("? [0m\n")


def test_warnings_of_the_users_training_are_told_once_with_their_count(byheart, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [
        "import warnings", "import numpy as np", "from sklearn.tree import DecisionTreeClassifier",
        "x = np.random.default_rng(0).normal(size=(80, 2))", "y = (x[:, 0] > 0).astype(int)",
        "def fit(x, y, seed):", "    warnings.warn('too few \\x1b[31m rows')",
        "    return DecisionTreeClassifier(max_depth=2).fit(x, y)",
    ]  # fmt: skip
    (tmp_path / "my_audit.py").write_text("\n".join(lines))
    for _ in range(2):  # the second time from the ledger
        said = byheart("audit", "my_audit.py", "--members", "8", "--jobs", "1", "--device", "cpu")
        assert said.code == 0, said.err
        assert "too few" not in said.err
        told = [line for line in said.out.splitlines() if "too few" in line]
        assert told == ["  note          The training warned 9 times: UserWarning: too few [31m rows (my_audit.py line 7)"]
