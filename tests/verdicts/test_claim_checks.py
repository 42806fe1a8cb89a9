"""Expectations of claims: both sides of every comparison, the withheld middle, and every way to have no number."""

import numpy as np
import pytest

from byheart.records.claim_table import claim_from
from byheart.records.finding import Failed, Finding, NotApplicable
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.report.study import RULE
from byheart.verdicts.claim_checks import difference, judge

PROBE = "memory/membership"


def quantity(value, half=0.1, **fields):
    fixed = {"unit": "auc", "interval": (value - half, value + half), "null": 0.5, "n": 10}
    return Quantity(value=value, **{**fixed, **fields})


def finding(**quantities):
    return Finding(probe=PROBE, question="?", quantities=quantities, reference="r")


def claim(subjects=("one",), **expected):
    table = {
        "claim": "c",
        "source": [{"author": "a", "year": 2000, "title": "t"}],
        "every": {"task": "digits", "probes": [PROBE]},
        "subject": {name: {} for name in subjects},
        "expect": [{"says": "s", "quantity": f"{PROBE}/a", **expected}],
    }
    return claim_from(table)


def judged(answers, subjects=("one",), **expected):
    made = claim(subjects, **expected)
    found = {name: {PROBE: answer} for name, answer in zip(subjects, answers)}
    return judge(made, made.expect[0], found)


def outcome(values, **expected):
    """The outcome for a subject a value, each with an interval of 0.1 to both sides."""
    names = tuple("abcdef"[: len(values)])
    return judged([finding(a=quantity(value)) for value in values], names, of="a", **expected).outcome


@pytest.mark.parametrize("value, threshold, told", [
    (0.9, 0.5, "held"), (0.1, 0.5, "not held"), (0.45, 0.5, "withheld"), (0.55, 0.5, "withheld"), (0.7, "null", "held"),
    (0.55, "null", "withheld"), (0.3, "null", "not held"),
])  # fmt: skip
def test_above_and_below_are_each_others_mirror(value, threshold, told):
    assert outcome([value], above=threshold) == told
    mirrored = {"held": "not held", "not held": "held"}.get(told, told)
    assert outcome([value], below=threshold) == mirrored


def test_an_interval_that_ends_at_the_threshold_is_not_above_it():
    at = {"interval": (0.5, 0.5)}
    assert judged([finding(a=quantity(0.5, **at))], above=0.5).outcome == "not held"
    assert judged([finding(a=quantity(0.5, **at))], below=0.5).outcome == "not held"


@pytest.mark.parametrize("value, told", [
    (0.5, "held"), (0.55, "held"), (0.65, "withheld"), (0.35, "withheld"), (0.85, "not held"), (0.15, "not held"),
])  # fmt: skip
def test_near_takes_the_whole_interval_within_the_margin(value, told):
    assert outcome([value], near=0.5, within=0.2) == told
    assert outcome([value], near="null", within=0.2) == told


def test_a_wide_interval_that_holds_the_target_is_not_near_it():
    assert judged([finding(a=quantity(0.5, half=0.4))], near=0.5, within=0.2).outcome == "withheld"


@pytest.mark.parametrize("b, told", [(0.25, "held"), (0.35, "withheld"), (0.55, "withheld"), (0.75, "not held")])
def test_two_quantities_of_one_subject_need_intervals_that_do_not_meet(b, told):
    found = judged([finding(a=quantity(0.5), b=quantity(b))], above=f"{PROBE}/b")
    assert found.outcome == told
    assert found.differences[0].value == pytest.approx(0.5 - b)
    assert found.differences[0].interval == pytest.approx((0.3 - b, 0.7 - b))


def test_another_subject_may_be_compared_with():
    answers = [finding(a=quantity(0.8)), finding(b=quantity(0.5))]
    found = judged(answers, ("one", "two"), of="one", above=f"{PROBE}/b", than_of="two")
    assert found.outcome == "held"
    assert found.rule == "a above b of two"
    assert judged(answers, ("one", "two"), of="one", below=f"{PROBE}/b", than_of="two").outcome == "not held"


def test_the_interval_of_a_difference_covers_whatever_the_dependence():
    """Perfect negative dependence is the worst, and there it is exact: 95 %, within 4 standard errors."""
    z = np.random.default_rng(0).normal(size=20_000)
    for sign in (-1, 0, 1):
        other = sign * z if sign else np.random.default_rng(1).normal(size=len(z))
        # each interval is estimate -+ 1.96, truth 0, so the difference misses where |z - other| > 3.92
        gaps = [difference(quantity(v, 1.96), quantity(w, 1.96)) for v, w in zip(z[:4000], other[:4000])]
        covered = np.mean([gap.interval[0] <= 0 <= gap.interval[1] for gap in gaps])
        assert covered > 0.95 - 4 * np.sqrt(0.05 * 0.95 / len(gaps))


def test_a_difference_of_shares_is_in_points():
    shares = [quantity(value, unit="share") for value in (0.5, 0.2)]
    assert difference(*shares).unit == "points"


def test_the_interval_of_a_difference_is_held_to_90_per_cent_in_general():
    """Errors that miss on disjoint occasions, 5 % each: the difference misses in 10 %, which is the bound."""
    gap = difference(quantity(0.0, 1.0), quantity(0.0, 1.0))
    draws = np.arange(1000) % 20
    errors = np.where(draws == 0, 2.5, 0.0), np.where(draws == 1, 2.5, 0.0)
    missed = np.mean([not gap.interval[0] <= a - b <= gap.interval[1] for a, b in zip(*errors)])
    assert missed == pytest.approx(0.1)
    assert "90 % in general" in RULE


HELD = Reason(code="no clear pair", figures={"members": 8, "needed": 90, "threshold": 0.15})


@pytest.mark.parametrize("answer, status, reason", [
    (NotApplicable(probe=PROBE, question="?", reason=Reason(code="no epochs")), "not applicable", Reason(code="no epochs")),
    (Failed(probe=PROBE, question="?", error="it broke"), "failed", Reason(code="failed", figures={"error": "it broke"})),
    (finding(a=quantity(0.9)).model_copy(update={"status": "withheld", "withheld": HELD}), "withheld", HELD),
    (finding(aa=quantity(0.9)), "measured", Reason(code="no quantity", figures={"name": "a", "nearest": "aa"})),
    (finding(zzz=quantity(0.9)), "measured", Reason(code="no quantity", figures={"name": "a", "nearest": None})),
    (finding(a=quantity(0.9, interval=None, why_no_interval="too few")), "measured",
     Reason(code="no interval", figures={"name": "a", "why": "too few"})),
])  # fmt: skip
def test_without_a_number_it_is_withheld_and_the_reading_has_the_reason(answer, status, reason):
    found = judged([answer], above="null")
    (reading,) = found.readings
    assert (found.outcome, found.reason, found.differences) == ("withheld", None, ())
    assert (reading.quantity, reading.status, reading.reason) == (None, status, reason)


def test_what_has_no_null_is_not_compared_with_one():
    found = judged([finding(a=quantity(0.9, null=None))], above="null")
    assert (found.outcome, found.reason) == ("withheld", Reason(code="no null"))
    assert judged([finding(a=quantity(0.55))], above=0.5).reason == Reason(code="undecided")


def test_words_change_no_outcome():
    """Every text of a finding and of its reason turned into another: the same outcomes and codes."""
    for answer in (finding(a=quantity(0.9)), finding(a=quantity(0.55)), finding(a=quantity(0.4)),
                   finding().model_copy(update={"withheld": Reason(code="other", figures={"why": "held", "advice": "passed"})})):  # fmt: skip
        texts = {"question": "0.2 is withheld", "reference": "not held"}
        quantities = {name: one.model_copy(update={"method": "null: 9; held"}) for name, one in answer.quantities.items()}
        other = answer.model_copy(update={**texts, "quantities": quantities})
        if answer.withheld:
            other = other.model_copy(update={"withheld": Reason(code="other", figures={"why": "fails: 7"})})
        one, two = judged([answer], above="null"), judged([other], above="null")
        assert (one.outcome, one.reason, one.rule) == (two.outcome, two.reason, two.rule)


def surveyed(answer, **expected):
    table = {
        "claim": "c",
        "source": [{"author": "a", "year": 2000, "title": "t"}],
        "every": {"task": "digits", "probes": [PROBE]},
        "grid": {"flip": [0.0, 0.1, 0.2]},
        "survey": {"easier": {"name": "dose", "quantity": f"{PROBE}/a", "by": "flip"}},
        "words": {"easier": {"a": "how much easier"}},
        "expect": [{"says": "s", "quantity": "survey/easier/a", **expected}],
    }
    made = claim_from(table)
    return judge(made, made.expect[0], {"": {"survey/easier": answer}} if answer else {})


@pytest.mark.parametrize("value, told", [(0.2, "held"), (0.05, "withheld"), (-0.2, "not held")])
def test_what_a_survey_read_of_all_subjects_is_judged_as_any_other(value, told):
    found = surveyed(finding(a=quantity(value)), above=0)
    assert found.outcome == told
    assert (found.readings[0].says, found.readings[0].called) == ("all subjects", "how much easier")
    assert found.rule == "how much easier above 0"


def test_a_survey_that_has_no_number_withholds():
    small = Reason(code="small grid", figures={"measured": 2, "needed": 3})
    held = finding().model_copy(update={"status": "withheld", "withheld": small})
    assert [one.readings[0].reason.code for one in (surveyed(held, above=0), surveyed(None, above=0))] == ["small grid", "not measured"]


@pytest.mark.parametrize("other, why", [({"unit": "bits"}, "several units"), ({"speaks_of": "run"}, "recipe and run")])
def test_unlike_things_are_not_compared(other, why):
    found = judged([finding(a=quantity(0.9), b=quantity(0.1, **other))], above=f"{PROBE}/b")
    assert found.outcome == "withheld"
    assert found.reason.code == why
