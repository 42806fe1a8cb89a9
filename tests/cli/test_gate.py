"""`byheart gate`: exit codes, what is printed, JUnit, defaults of the file; of documents made by hand, nothing is trained."""

import json
from xml.etree import ElementTree

import pytest

from byheart.ledger.base import Result
from byheart.ledger.sqlite import SqliteLedger
from byheart.records.finding import Finding, NotApplicable
from byheart.records.provenance import SCHEMA
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason

HELD = ["--max", "memorised_bits_share=0.3", "--min", "test_accuracy=0.8"]
NOT = ["--max", "memorised_bits_share=0.1"]
WITHHELD = ["--max", "memorised_bits_share=0.2"]


def document(run="1f" * 6, members=8, title="digits, MLP"):
    """Memorised 15 % to 25 %, accuracy 85 % to 95 %, no phases; BH101 an issue, BH102 a tip, BH103 passed, BH104 withheld."""

    def quantity(low, high, unit):
        return Quantity(value=(low + high) / 2, unit=unit, interval=(low, high), null=0.0, n=1437)

    bits, gap = "complexity/description-length", "generalization/gap"
    made = {
        bits: Finding(
            probe=bits, question="?", reference="r", quantities={"memorised_bits_share": quantity(0.15, 0.25, "share")}
        ),
        gap: Finding(
            probe=gap, question="?", reference="r", quantities={"test_accuracy": quantity(0.85, 0.95, "accuracy")}
        ),
        "memory/forgetting": NotApplicable(probe="memory/forgetting", question="?", reason=Reason(code="one phase")),
    }
    said = zip(("BH101", "BH102", "BH103", "BH104"), ("issue", "tip", "passed", "withheld"))
    words = {"title": "Title", "sentence": "The interval contains 1 %.", "threshold": "t", "source": "s", "anchor": ""}
    return {
        "schema": SCHEMA,
        "subject": {"title": title, "run": run, "members": members, "nouns": "digits"},
        "findings": {name: finding.model_dump(mode="json") for name, finding in made.items()},
        "verdicts": [{"code": code, "outcome": outcome, **words} for code, outcome in said],
    }


def keep(folder, *documents):
    ledger = SqliteLedger(folder / "ledger")
    for i, made in enumerate(documents):
        about = {"kind": "document", "run": made["subject"]["run"], "title": made["subject"]["title"]}
        ledger.put(f"{i:064x}", Result(made), about)
    ledger.close()


@pytest.fixture
def gate(byheart, tmp_path):
    """Runs `byheart gate latest WORDS` on the document, or on others."""

    def run(*words, found=None):
        keep(tmp_path / "byheart-audit", found or document())
        return byheart("gate", "latest", *words)

    return run


@pytest.mark.parametrize("words, code, says", [
    (HELD, 0, "held"),
    (NOT, 1, "not held"),
    (WITHHELD, 4, "withheld"),
    ([*HELD, *["--max", "forgetting=0.1"]], 4, "withheld"),
    ([*WITHHELD, "--min", "test_accuracy=0.99"], 1, "not held"),
    (["--min", "test_accuracy=0.99", *WITHHELD, "--strict"], 1, "not held"),
    ([*WITHHELD, "--strict"], 1, "withheld, counted as not held"),
    ([*HELD, "--strict"], 0, "held"),
    (["--fail-on", "BH103"], 0, "held"),
    (["--fail-on", "BH101"], 1, "not held"),
    (["--fail-on", "BH103, BH102"], 1, "not held"),
    (["--fail-on", "BH103", "--fail-on", "BH104"], 4, "withheld"),
    ([*HELD, "--fail-on", "BH102,BH104"], 1, "not held"),
])  # fmt: skip
def test_exit_codes(words, code, says, gate):
    said = gate(*words)
    assert (said.code, said.err) == (code, "")
    assert said.out.splitlines()[-1] == f"Gate  {says}"


def test_it_prints_each_check_with_its_number_the_failing_ones_first(gate):
    said = gate(*HELD, "--max", "forgetting=0.1", "--fail-on", "BH102,BH104")
    assert said.out.splitlines() == [
        "byheart gate · digits, MLP · run 1f1f1f1f1f1f",
        "  not held  BH102 tip: Title",
        "  withheld  forgetting at most 0.1: The training data come in one phase.",
        "  withheld  BH104 withheld: Title; The interval contains 1 %.",
        "  held      memorised_bits_share at most 30%: 20.0% [15.0, 25.0], n 1,437",
        "  held      test_accuracy at least 80%: 90.0% [85.0, 95.0], n 1,437",
        "Gate  not held",
    ]


def test_an_interval_that_contains_the_bound_is_said(gate):
    line = gate(*WITHHELD).out.splitlines()[1]
    assert (
        line
        == "  withheld  memorised_bits_share at most 20%: 20.0% [15.0, 25.0], n 1,437; the interval contains the bound"
    )


def test_one_member_says_that_it_describes_one_training(gate):
    said = gate(*HELD, "--fail-on", "BH101", found=document(members=1))
    assert said.code == 4
    assert said.out.count("it describes this one training, and a gate asks of the recipe") == 3


@pytest.mark.parametrize("words, told", [
    ([], ["at least one bound or code", "--max memorised_bits_share=0.3"]),
    (["--max", "memorised=0.3"], ["'memorised'", "Nearest: memorised_bits_share"]),
    (["--min", "test_acuracy=0.3"], ["'test_acuracy'", "Nearest: test_accuracy"]),
    (["--fail-on", "BH11"], ["'BH11'", "Nearest: BH1"]),
    (["--max", "memorised_bits_share"], ["NAME=NUMBER after --max", "'memorised_bits_share'"]),
    (["--max", "=0.3"], ["NAME=NUMBER after --max"]),
    (["--max", "memorised_bits_share=nan"], ["NAME=NUMBER", "nan"]),
    (["--min", "memorised_bits_share=inf"], ["NAME=NUMBER after --min", "inf"]),
    (["--max", "memorised_bits_share=30%"], ["NAME=NUMBER", "30%"]),
    (["--max", "memorised_bits_share=30"], ["from -1 to 1", "got 30", "for 30 % write 0.3"]),
    (["--max", "memorised_bits_share=0.3", "--max", "memorised_bits_share=0.2"], ["one number for memorised_bits_share", "0.3 and 0.2"]),
])  # fmt: skip
def test_a_wrong_word_is_a_usage_error(words, told, gate, short):
    short(gate(*words), 2, *told)


def test_a_run_by_its_digits_and_by_its_folder(byheart, tmp_path, short):
    strict = document("ab" * 6, title="other")
    strict["findings"]["complexity/description-length"]["quantities"]["memorised_bits_share"] |= {
        "interval": [0.8, 0.9],
        "value": 0.85,
    }
    keep(tmp_path / "out", document(), strict)
    assert byheart("gate", "1f1f", "--out", "out", *HELD).code == 0
    assert byheart("gate", "abab", "--out", "out", *HELD).code == 1
    assert byheart("gate", "out", *HELD).code == 1  # the newest
    short(byheart("gate", "cd", "--out", "out", *HELD), 2, "'cd'", "1f1f1f1f1f1f")
    short(byheart("gate", *HELD), 2, "finished audit")


def test_a_document_of_another_schema_is_refused(gate, short):
    short(gate(*HELD, found={**document(), "schema": SCHEMA - 1}), 3, f"schema {SCHEMA}", "Run the audit again")


def test_a_run_asked_for_again_with_another_note_is_the_latest(byheart, tmp_path):
    other = document("ab" * 6)
    keep(tmp_path / "out", document(title="before"), other, document(title="after"))
    assert byheart("gate", "out", *HELD).out.startswith("byheart gate · after · run 1f1f1f1f1f1f")


def test_an_audit_that_no_ledger_keeps_is_read_from_its_report(byheart, tmp_path, short):
    """Its code has no key; the newest run of the ledger is another, which must not be judged in its place."""
    keep(tmp_path / "out", document())
    other = document("ab" * 6)
    other["findings"]["complexity/description-length"]["quantities"]["memorised_bits_share"] |= {
        "interval": [0.8, 0.9],
        "value": 0.85,
    }
    report = tmp_path / "out" / "report.json"
    report.write_text(json.dumps(other))
    assert byheart("gate", "out", *HELD).code == byheart("gate", "latest", "--out", "out", *HELD).code == 1
    assert byheart("gate", "1f1f", "--out", "out", *HELD).code == 0
    report.write_text(json.dumps(document()))  # of a run that is kept
    assert byheart("gate", "out", *HELD).code == 0
    for text in ("{", "[]", '{"schema": 1}', '{"subject": 3}'):
        report.write_text(text)
        short(byheart("gate", "out", *HELD), 3, "a report that byheart wrote")
    report.write_text(json.dumps({**other, "verdicts": 3}))
    short(byheart("gate", "out", *HELD), 3, "a document that byheart wrote")


def test_a_folder_without_a_ledger_but_with_a_report(byheart, tmp_path):
    (tmp_path / "artifact").mkdir()
    (tmp_path / "artifact" / "report.json").write_text(json.dumps(document()))
    assert byheart("gate", "artifact", *HELD).code == 0
    assert byheart("gate", "artifact", *NOT).code == 1


def test_json_holds_the_checks_and_the_exit_code(gate):
    made = json.loads(gate(*HELD, "--fail-on", "BH104", "--strict", "--json").out)
    assert (made["outcome"], made["exit_code"], made["strict"], made["run"]) == ("withheld", 1, True, "1f1f1f1f1f1f")
    first = made["checks"][0]
    assert (first["bound"], first["outcome"]) == (
        {"quantity": "memorised_bits_share", "side": "max", "value": 0.3},
        "held",
    )
    assert (first["quantity"]["interval"], first["quantity"]["n"]) == ([0.15, 0.25], 1437)
    assert made["checks"][2]["judgement"]["code"] == "BH104"


def cases(path):
    """Name of a test case -> what stands in it; the counts of the suite are held to them."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "testsuites"
    (suite,) = root
    found = {case.get("name"): [(one.tag, one.get("type")) for one in case] for case in suite}
    assert all(case.tag == "testcase" and case.get("classname") and case.get("time") for case in suite)
    inside = [tag for told in found.values() for tag, _ in told]
    for element in (root, suite):
        assert int(element.get("tests")) == len(suite)
        assert (int(element.get("failures")), int(element.get("errors"))) == (
            inside.count("failure"),
            inside.count("error"),
        )
    return found


def test_junit_has_a_case_for_each_and_never_skips(gate, tmp_path):
    words = [*HELD, "--fail-on", "BH102,BH104", "--junit", "deep/gate.xml"]
    assert gate(*words).code == 1
    held = {"memorised_bits_share at most 0.3": [], "test_accuracy at least 0.8": []}
    path = tmp_path / "deep" / "gate.xml"
    assert cases(path) == {**held, "BH102": [("failure", "not held")], "BH104": [("error", "withheld")]}
    first = path.read_bytes()
    gate(*words)
    assert path.read_bytes() == first
    assert [one.name for one in path.parent.iterdir()] == ["gate.xml"]
    gate(*words, "--strict")
    assert cases(path)["BH104"] == [("failure", "withheld")]


def test_junit_of_a_failing_bound_says_the_number(gate, tmp_path):
    gate(*NOT, "--junit", "gate.xml")
    failure = ElementTree.parse(tmp_path / "gate.xml").getroot().find(".//failure")
    told = "memorised_bits_share at most 10 %: 20.0 % [15.0, 25.0], n 1,437"
    assert failure.get("message").replace("\u202f", " ") == failure.text.replace("\u202f", " ") == told


def test_nothing_that_a_title_or_a_message_holds_breaks_the_xml(gate, tmp_path):
    odd = "</testsuite><evil a='\"'>&amp;]]>\x00\x1b[31m\ud800\ufffe\u202e\x85"
    made = document(title=odd.replace("\ud800", ""))
    made["verdicts"][3] |= {"title": odd.replace("\ud800", "?"), "sentence": odd.replace("\ud800", "?")}
    assert gate("--fail-on", "BH104", "--junit", "gate.xml", found=made).code == 4
    text = (tmp_path / "gate.xml").read_text(encoding="utf-8")
    assert cases(tmp_path / "gate.xml") == {"BH104": [("error", "withheld")]}
    assert "<evil" not in text
    assert not set(text) & set("\x00\x1b\ufffe\u202e\x85")


def test_a_report_that_cannot_be_written_is_said(gate, tmp_path, short):
    (tmp_path / "file").write_text("mine")
    short(gate(*HELD, "--junit", "file/gate.xml"), 3, "gate.xml")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_link_in_its_place_is_replaced_and_not_followed(gate, tmp_path):
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "gate.xml").symlink_to(tmp_path / "theirs")
    gate(*HELD, "--junit", "gate.xml")
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert cases(tmp_path / "gate.xml")


FILE = '[tool.byheart.gate]\nmax = { memorised_bits_share = 0.1 }\nmin = { test_accuracy = 0.8 }\nfail-on = "BH103"\n'


def test_bounds_of_the_file_and_the_command_line_wins(gate, tmp_path):
    (tmp_path / "pyproject.toml").write_text(FILE)
    said = gate()
    assert said.code == 1
    told = "Defaults from pyproject.toml: max memorised_bits_share = 0.1, min test_accuracy = 0.8, fail-on = BH103."
    assert said.out.splitlines()[1] == f"  {told}"
    other = gate("--max", "memorised_bits_share=0.3")
    assert other.code == 0
    assert "Defaults from pyproject.toml: min test_accuracy = 0.8, fail-on = BH103." in other.out
    assert gate("--max", "memorised_bits_share=0.3", "--fail-on", "BH101").code == 1  # beside those of the file
    made = json.loads(gate("--json").out)
    assert made["defaults"] == {"max memorised_bits_share": 0.1, "min test_accuracy": 0.8, "fail-on": ["BH103"]}


def test_strict_of_the_file_is_taken_back_by_the_command_line(gate, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.byheart.gate]\nstrict = true\n")
    assert [gate(*WITHHELD).code, gate(*WITHHELD, "--no-strict").code] == [1, 4]
    assert "strict = True" in gate(*WITHHELD).out
    assert "strict" not in gate(*WITHHELD, "--no-strict").out
