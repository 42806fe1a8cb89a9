"""Issues and examples to take away, against tables whose copies, contradictions, leaks and wrong labels are made here."""

import csv
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import byheart as bh
from byheart.auditing import issues as taken
from byheart.auditing.document import columns_of
from byheart.records.columns import unsafe
from byheart.records.issue import Issue, IssueList
from byheart.study.steps import load_data
from byheart.verdicts.issues import RULES

N = 200
WRONG = set(range(12))
REPEATED, CONTRADICTED, LEAKED = range(30, 34), range(40, 43), range(60, 63)
NAMES = [f'=id {i}\n"{i}"' if i % 2 else f"-{i}" for i in range(N + 7)]


def other(label):
    return np.where(label == "up", "down", "up")


def planted():
    """(207, 3) features and labels: 12 wrong, 4 repeated, 3 repeated with the other label; a test with 3 of them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 3))
    y = np.where(x[:, 0] > 0, "up", "down")
    y[list(WRONG)] = other(y[list(WRONG)])
    x, y = np.r_[x, x[REPEATED], x[CONTRADICTED]], np.r_[y, y[REPEATED], other(y[CONTRADICTED])]
    new = np.r_[rng.normal(size=(40, 3)), x[LEAKED]]
    return (x, y), (new, np.where(new[:, 0] > 0, "up", "down"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Audits over one ledger: what differs in names alone trains nothing."""
    out, (data, test) = tmp_path_factory.mktemp("issues"), planted()

    def audit(**more):
        model = DecisionTreeClassifier()
        return bh.audit(data, test=test, model=model, members=12, device="cpu", out=out, say=lambda line: None, **more)

    return audit


@pytest.fixture(scope="module")
def audit(made):
    return made()


@pytest.fixture(scope="module")
def named(made):
    return made(id=NAMES)


def of(issues, kind):
    return {issue.id: issue for issue in issues if issue.kind == kind}


def test_copies_contradictions_and_leaks_are_listed_with_each_other(audit):
    issues = audit.issues()
    against = of(issues, "contradicting copy")
    assert {one: issue.others for one, issue in against.items()} == {
        a: (b,) for i, first in enumerate(CONTRADICTED) for a, b in ((first, N + 4 + i), (N + 4 + i, first))
    }
    copies = of(issues, "duplicate")
    assert {one: issue.others for one, issue in copies.items()} == {
        a: (b,) for i, first in enumerate(REPEATED) for a, b in ((first, N + i), (N + i, first))
    }
    assert len({issue.figures["copy_group"].value for issue in copies.values()}) == len(REPEATED)
    leaked = of(issues, "leaked into test")
    assert {one: issue.others for one, issue in leaked.items()} == {40 + i: (old,) for i, old in enumerate(LEAKED)}
    assert {issue.view for issue in leaked.values()} == {"test"}
    assert all(issue.figures["exact"].value is True for issue in leaked.values())
    (_, y), _ = planted()
    assert [leaked[40 + i].figures["label_of_copy"].value for i in range(3)] == y[LEAKED].tolist()


def test_wrong_labels_are_those_of_the_verdict(audit):
    listed = of(audit.issues(), "label worth checking")
    column = np.flatnonzero(audit.columns("memory/label-noise")["worth_checking"])
    assert set(listed) == set(column.tolist())
    mistaken = WRONG | {N + 4, N + 5, N + 6}
    assert len(set(listed) & mistaken) >= 8
    assert len(set(listed) - mistaken) <= 2
    verdict = next(one for one in audit.verdicts if one.code == "BH101")
    assert verdict.outcome == "issue"  # of the copies; the labels have a tip of their own
    for issue in listed.values():
        figures = issue.figures
        assert figures["predicted"].value == other(issue.label)
        assert figures["votes"].value / figures["voters"].value >= 0.9
        assert figures["held_out_bits"].unit == "bits"


def test_memorised_are_those_of_the_card(audit):
    listed = of(audit.issues(), "memorised")
    columns = audit.columns("memory/counterfactual")
    assert set(listed) == set(np.flatnonzero(columns["posterior_probability"] > 0.95).tolist())
    assert len(listed) == audit.findings["memory/counterfactual"].details["certain"] > 0
    probability = [issue.figures["memorised_probability"].value for issue in listed.values()]
    assert min(probability) > 0.95


def test_what_cannot_be_listed_says_why(audit):
    issues = audit.issues()
    assert not of(issues, "exposed")
    assert issues.unlisted["exposed"].startswith("Too few false alarms")
    assert "--members" in issues.unlisted["exposed"]
    assert "Exposed examples: not listed. Too few" in repr(issues)
    assert "3 test examples that are in training" in repr(issues)
    assert set(issues.unlisted) | {issue.kind for issue in issues} == set(RULES)


def test_records_are_frozen_and_the_document_holds_them(audit):
    issue = audit.issues()[0]
    with pytest.raises(ValueError, match="frozen"):
        issue.id = 3
    again = taken.issues_of(json.loads(json.dumps(audit.to_dict())))
    assert list(again) == list(audit.issues())
    assert again.unlisted == audit.issues().unlisted
    hidden = taken.issues_of(audit.to_dict(hide_examples=True))
    assert [one.id for one in hidden] == [one.id for one in again]
    assert {one.label for one in hidden} == {""}
    assert not {"predicted", "label_of_copy"} & {name for one in hidden for name in one.figures}


def test_an_older_document_is_refused(audit):
    for document in ({**audit.to_dict(), "schema": 4}, {**audit.to_dict(hide_examples=True), "schema": 4}):
        with pytest.raises(bh.InputRefused, match=r"schema 5, got 4\. Run the same audit again"):
            taken.issues_of(document)


def test_redrawn_labels_are_marked_and_left_out(audit):
    """As if byheart had redrawn the wrong labels itself."""
    data = load_data(audit._plan.draw.key, audit._ledger)
    redrawn = np.isin(np.arange(len(data.train)), list(WRONG))
    spoiled = replace(data, truth=replace(data.truth, changed=redrawn))
    lists = [IssueList.model_validate(one) for one in taken.lists_of(spoiled, audit.findings, columns(audit))]
    labels, memorised = lists[0], lists[4]
    for one in (labels, memorised):
        assert {issue.id for issue in one.issues()} == {issue.id for issue in one.issues(planted=True)} - WRONG
        assert {issue.id for issue in one.issues(planted=True) if issue.planted} == set(one.ids) & WRONG != set()
    assert not any(issue.planted for issue in lists[2].issues(planted=True))


def test_examples_have_every_column(audit):
    examples = audit.examples()
    (_, y), _ = planted()
    assert examples["id"] == examples["position"] == list(range(len(y)))
    assert examples["label"] == y.tolist()
    group = np.array(examples["group"])
    assert [group[a] == group[N + i] for i, a in enumerate([*REPEATED, *CONTRADICTED])] == [True] * 7
    assert len(set(group)) == N
    np.testing.assert_array_equal(
        examples["memory/counterfactual/score"], audit.columns("memory/counterfactual")["score"]
    )
    probes = {name.rpartition("/")[0] for name in list(examples)[5:]}
    assert {"memory/counterfactual", "memory/label-noise", "memory/duplicates", "generalization/gap"} <= probes
    assert set(examples["memory/label-noise/predicted"]) - {None} == {"up", "down"}


def columns(audit):
    return columns_of(audit._plan.measure, audit._ledger)


def test_names_of_the_user_are_the_ids(named):
    assert named.examples()["id"] == NAMES
    issues = named.issues()
    for issue in issues:
        names = NAMES if issue.view == "train" else range(100)
        assert issue.id == names[issue.position]
    assert set(of(issues, "leaked into test")[40].others) == {NAMES[60]}


FRAMES = {"polars": lambda frame: frame.to_dicts(), "pandas": lambda frame: frame.to_dict("records")}


@pytest.mark.parametrize("library", FRAMES)
def test_frames_hold_what_the_records_hold(named, library):
    issues = named.issues()
    rows = FRAMES[library](issues.to_frame(library))
    assert len(rows) == len(issues)
    for row, issue in zip(rows, issues):
        assert (row["kind"], row["id"], list(row["others"])) == (
            issue.kind,
            str(issue.id),
            [str(one) for one in issue.others],
        )
        for name, figure in issue.figures.items():
            assert row[name] == figure.value


def test_every_file_gives_back_every_record(named, tmp_path):
    import pyarrow.parquet

    issues = named.issues()
    paths = [issues.save(tmp_path / f"issues.{ending}") for ending in ("csv", "parquet", "jsonl")]
    lines = paths[2].read_text(encoding="utf-8").splitlines()
    assert [Issue.model_validate_json(line) for line in lines] == list(issues)
    table = pyarrow.parquet.read_table(paths[1])
    assert table["id"].to_pylist() == [str(issue.id) for issue in issues]
    assert table["held_out_bits"].to_pylist() == [value_of(issue, "held_out_bits") for issue in issues]
    assert table.schema.field("held_out_bits").metadata[b"means"].startswith(b"what models trained without it pay")
    with open(paths[0], newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [unsafe(row["id"]) for row in rows] == [str(issue.id) for issue in issues]
    for row, issue in zip(rows, issues):
        assert json.loads(row["others"]) == [str(one) for one in issue.others]
        for name, figure in issue.figures.items():
            read = unsafe(row[name]) if isinstance(figure.value, str) else json.loads(row[name])
            assert read == figure.value
    assert Counter(row["kind"] for row in rows) == Counter(issue.kind for issue in issues)


def value_of(issue, name):
    return issue.figures[name].value if name in issue.figures else None


def test_examples_in_a_file(audit, tmp_path):
    import pandas

    frame = pandas.read_csv(audit.examples().save(tmp_path / "examples.csv"))
    pandas.testing.assert_frame_equal(frame, audit.examples().to_frame("pandas"), check_dtype=False)
