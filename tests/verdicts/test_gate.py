"""Gate: both sides of a bound, withheld exactly where the interval contains it, and every way to have no number."""

import math

import pytest
from pydantic import ValidationError

from byheart.errors import UnknownName, UsageError
from byheart.records.finding import Failed, Finding, NotApplicable
from byheart.records.gate import Bound
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.records.verdict_result import Judgement
from byheart.verdicts.gate import judge

BITS, FORGETTING, COPIES = "complexity/description-length", "memory/forgetting", "memory/duplicates"
NOT_ASKED = NotApplicable(probe=FORGETTING, question="?", reason=Reason(code="one phase"))


def quantity(low, high, unit="share", **fields):
    return Quantity(value=(low + high) / 2, unit=unit, interval=(low, high), null=0.0, n=50, **fields)


def finding(probe=BITS, **fields):
    return {probe: Finding(probe=probe, question="?", reference="r", **fields)}


def measured(low, high, unit="share"):
    return finding(quantities={"memorised_bits_share": quantity(low, high, unit)})


def bound(value, side="max", name="memorised_bits_share"):
    return Bound(quantity=name, side=side, value=value)


def outcome(findings, *bounds, codes=(), judgements=(), members=8):
    return [one.outcome for one in judge(bounds, codes, findings, judgements, members)]


def judgement(code, said):
    return Judgement(code=code, outcome=said, title="t", sentence="s", threshold="h", source="o")


@pytest.mark.parametrize("low, high, most, least", [
    (0.1, 0.29, "held", "not held"),
    (0.31, 0.4, "not held", "held"),
    (0.2, 0.4, "withheld", "withheld"),
    (0.2, 0.3, "withheld", "withheld"),  # the ends belong to the interval
    (0.3, 0.4, "withheld", "withheld"),
    (0.3, 0.3, "held", "held"),  # at most 0.3, and 0.3 it is
    (0.2999, 0.3001, "withheld", "withheld"),
    (0.3, math.nextafter(0.3, 1), "withheld", "withheld"),
    (math.nextafter(0.3, 1), 0.4, "not held", "held"),
    (0.2, math.nextafter(0.3, 0), "held", "not held"),
    (-0.2, 0.1, "held", "not held"),
])  # fmt: skip
def test_the_interval_is_compared_with_the_bound(low, high, most, least):
    assert outcome(measured(low, high), bound(0.3), bound(0.3, "min")) == [most, least]


def test_where_the_value_lies_in_its_interval_does_not_matter():
    for value in (0.2, 0.3, 0.4):
        found = quantity(0.2, 0.4).model_copy(update={"value": value})
        assert outcome(finding(quantities={"memorised_bits_share": found}), bound(0.3)) == ["withheld"]


def test_a_bound_below_zero():
    assert outcome(measured(-0.3, -0.2), bound(-0.1), bound(-0.1, "min"), bound(-0.25)) == [
        "held",
        "not held",
        "withheld",
    ]


@pytest.mark.parametrize(
    "why", ["no spread", "too few", "one split", "one model", "description", "beside its null", "not made"]
)
def test_without_an_interval_it_is_withheld_however_far_the_number_is(why):
    found = Quantity(value=0.9, unit="share", interval=None, null=0, n=9, why_no_interval=why)
    assert (
        outcome(finding(quantities={"memorised_bits_share": found}), bound(0.3), bound(0.3, "min")) == ["withheld"] * 2
    )


@pytest.mark.parametrize("pairs, told", [(0, "held"), (1, "not held")])
def test_an_exact_number_is_its_own_interval(pairs, told):
    found = Quantity(value=pairs, unit="pairs", interval=None, null=0, n=9, why_no_interval="exact")
    assert outcome(finding(COPIES, quantities={"contradicting": found}), bound(0, name="contradicting")) == [told]


def test_a_withheld_finding_is_withheld_with_its_reason_and_so_is_the_evidence_that_it_keeps():
    reason = Reason(code="no baseline")
    findings = finding(status="withheld", withheld=reason, quantities={"reference_bits": quantity(9, 10, "bits")})
    checks = judge([bound(0.3), bound(99, name="reference_bits")], [], findings, [], 8)
    assert [(one.outcome, one.reason, one.quantity) for one in checks] == [("withheld", reason, None)] * 2


def test_a_question_that_does_not_apply_or_failed_is_withheld():
    failed = {BITS: Failed(probe=BITS, question="?", error="no luck")}
    assert judge([bound(0.1, name="forgetting")], [], {FORGETTING: NOT_ASKED}, [], 8)[0].reason == NOT_ASKED.reason
    found = judge([bound(0.1)], [], failed, [], 8)[0]
    assert (found.outcome, found.reason.figures) == ("withheld", {"error": "no luck"})


def test_a_name_with_its_probe_is_the_same_quantity_and_finds_a_plug_in_without_a_number():
    assert outcome(measured(0.1, 0.2), bound(0.3, name=f"{BITS}/memorised_bits_share")) == ["held"]
    theirs = {"stripes/sureness": NotApplicable(probe="stripes/sureness", question="?", reason=NOT_ASKED.reason)}
    assert outcome(theirs, bound(0.3, name="stripes/sureness/sureness")) == ["withheld"]
    with pytest.raises(UnknownName, match="'sureness'"):
        outcome(theirs, bound(0.3, name="sureness"))


@pytest.mark.parametrize("name", [
    "memorised_bits_shar", f"{BITS}/memorised_bit_share", "memory/nothing/memorised_bits_share", "memorised_bits",
])  # fmt: skip
def test_a_quantity_that_the_audit_lacks_is_named_with_the_nearest(name):
    with pytest.raises(UnknownName, match=rf"got '{name}'\. Nearest: memorised_bits_share\."):
        outcome(measured(0.1, 0.2), bound(0.3, name=name))


def test_a_known_quantity_of_a_measured_probe_that_lacks_it_is_unknown():
    with pytest.raises(UnknownName, match="'left_share'"):
        outcome(measured(0.1, 0.2), bound(0.3, name="left_share"))


@pytest.mark.parametrize("unit", ["share", "accuracy", "points", "auc", "correlation", "p-value"])
def test_a_bound_in_per_cent_would_always_hold_and_is_refused(unit):
    for value in (30, -1.5):
        with pytest.raises(
            UsageError, match=f"memorised_bits_share is counted in {unit}, 1 at most; for 30 % write 0.3"
        ):
            outcome(measured(0.1, 0.2, unit), bound(value))
    assert outcome(measured(0.1, 0.2, unit), bound(1), bound(-1)) == ["held", "not held"]


def test_other_units_take_other_bounds():
    assert outcome(measured(10, 20, "bits"), bound(30)) == ["held"]
    assert outcome(measured(-4, -2, "r2"), bound(-3, "min")) == ["withheld"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_bound_is_finite(value):
    with pytest.raises(ValidationError, match="finite"):
        bound(value)


@pytest.mark.parametrize("said, told", [
    ("passed", "held"), ("tip", "not held"), ("issue", "not held"), ("withheld", "withheld"), ("not applicable", "withheld"),
])  # fmt: skip
def test_a_code_by_what_its_verdict_says(said, told):
    verdicts = [judgement("BH101", said), judgement("BH102", "passed")]
    assert outcome({}, codes=["BH101", "BH102"], judgements=verdicts) == [told, "held"]


def test_an_unknown_code_is_named_with_the_nearest():
    with pytest.raises(UnknownName, match=r"got 'BH110'\. Nearest: BH101"):
        outcome({}, codes=["BH110"], judgements=[judgement("BH101", "passed")])


def test_nothing_is_judged_on_one_training():
    verdicts = [judgement("BH101", "issue"), judgement("BH102", "passed")]
    asked = {"codes": ["BH101", "BH102"], "judgements": verdicts}
    bounds = bound(0.3), bound(0.05)
    assert outcome(measured(0.1, 0.2), *bounds, **asked) == ["held", "not held", "not held", "held"]
    assert outcome(measured(0.1, 0.2), *bounds, **asked, members=1) == ["withheld"] * 4
    assert outcome(measured(0.1, 0.2), *bounds, **asked, members=2) == ["held", "not held", "not held", "held"]
    assert {one.reason.code for one in judge(bounds, [], measured(0.1, 0.2), [], 1)} == {"one training"}


def test_checks_come_in_the_order_asked():
    checks = judge([bound(0.3), bound(0.1, "min")], ["BH102"], measured(0.2, 0.25), [judgement("BH102", "tip")], 8)
    assert [one.name for one in checks] == [
        "memorised_bits_share at most 0.3",
        "memorised_bits_share at least 0.1",
        "BH102",
    ]
