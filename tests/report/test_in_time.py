"""The first sentence of a page on a series, from findings made by hand."""

import documents
import pytest

from byheart.records.facts import FactTable
from byheart.records.finding import Finding
from byheart.records.issue import IssueList
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.report.headline import _balance_sentence
from byheart.report.in_time import lines, numbers, sentence
from byheart.report.issues import issue_lists


def finding(probe, name, value, unit, ends, **facts):
    one = Quantity(value=value, unit=unit, interval=ends, null=0.0, n=100)
    return Finding(probe=probe, question="By hand?", headline=name, quantities={name: one}, reference="here", **facts)


def orbit(kinds, kind):
    table = FactTable(values={"kind": tuple(kinds), "runs": tuple(kinds.values())})
    return finding(
        "dynamics/orbit", "novelty", 1.0, "ratio", (0.8, 1.2), tables={"kinds": table}, details={"kind": kind}
    )


PARTS = {
    "dynamics/need": finding("dynamics/need", "needed_steps", 1.0, "steps", (1.0, 1.0)),
    "dynamics/use": finding("dynamics/use", "used_steps", 9.0, "steps", (8.0, 10.0)),
    "dynamics/window": finding("dynamics/window", "paid_bits", 0.25, "bits", (0.1, 0.4)),
}


def text(findings):
    return "".join(part for _, part in sentence(findings)).replace("\u00a0", " ")


def test_needed_used_paid_and_class_stand_first():
    said = text(PARTS | {"dynamics/orbit": orbit({"chaos": 30, "unclear": 2}, "chaos")})
    assert said == (
        "Needed: 1 step [1, 1] back. Used: 9 steps [8, 10] back. Paid: 0.25 bits [0.10, 0.40] a step. "
        "Left to itself it is chaotic, as the test series is. "
    )


@pytest.mark.parametrize(
    "kinds, kind, said",
    [
        ({"fixed point": 30, "chaos": 2}, "chaos", "Left to itself it is at rest; the test series is chaotic."),
        ({"cycle": 32}, "unclear", "Left to itself it is a cycle."),
        ({"unclear": 32}, "chaos", ""),
        ({"chaos": 16, "cycle": 16}, "chaos", ""),  # runs that do not agree say nothing of the model
    ],
)
def test_the_class_is_said_only_where_most_runs_agree(kinds, kind, said):
    whole = text(PARTS | {"dynamics/orbit": orbit(kinds, kind)})
    assert (said in whole) if said else ("Left to itself" not in whole)


def test_a_model_that_uses_its_whole_window_is_said_to():
    used = finding("dynamics/use", "used_steps", 9.0, "steps", (9.0, 9.0), details={"window": 9})
    assert "Used: 9 steps [9, 9] back, all of its window. Paid" in text(PARTS | {"dynamics/use": used})
    longer = finding("dynamics/use", "used_steps", 9.0, "steps", (9.0, 9.0), details={"window": 12})
    assert "Used: 9 steps [9, 9] back. Paid" in text(PARTS | {"dynamics/use": longer})


def test_other_subjects_have_no_such_sentence():
    assert sentence({}) == []
    assert numbers({}) == []
    assert lines({}) == []


def test_what_is_withheld_is_left_out():
    held = {
        **PARTS,
        "dynamics/use": Finding(
            status="withheld", probe="dynamics/use", question="By hand?", quantities={}, reference="here"
        ),
    }
    assert "Used" not in text(held)
    assert [one["value"] for one in numbers(held)] == ["1 step", "0.25 bits"]


def test_the_terminal_counts_the_runs():
    said = lines(PARTS | {"dynamics/orbit": orbit({"chaos": 30, "unclear": 2}, "chaos")})
    assert ("Free runs", "chaos 30, unclear 2", "(the test series: chaos)") in said
    assert [label for label, *_ in said] == ["Needed", "Used", "Paid", "Free runs", "Novelty"]


def test_the_shares_of_a_series_are_of_what_its_windows_are_asked_for():
    def share(value):
        return Quantity(value=value, unit="share", interval=(value - 0.01, value + 0.01), null=0.0, n=484)

    subject = {"kind": "next step", "target": "change to the next step", "nouns": "windows"}
    said = "".join(part for _, part in _balance_sentence(subject, share(0.3), share(0.1), share(0.6)))
    assert said.startswith("Of the variance of the change to the next step of its 484 training windows, a model trained")


def test_a_page_of_a_series_lists_no_kind_of_issue_that_is_never_asked_of_one():
    never = Reason(code="another output", figures={"asked": "classes, values", "kind": "next step"})
    lists = [IssueList(kind=kind, rule="r", suggestion="s", reason=never).model_dump() for kind in ("memorised", "exposed")]
    subject = {**documents.fashion()["subject"], "kind": "next step"}
    assert issue_lists({"subject": subject, "issues": lists}) == []
    one = IssueList(kind="duplicate", rule="r", suggestion="s", judged="BH109 withheld.").model_dump()
    assert len(issue_lists({"subject": subject, "issues": [*lists, one]})) == 3
