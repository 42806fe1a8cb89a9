"""Did it come out as the field says? One expectation of a claim, judged by intervals alone.

Above t: held where the whole interval lies above t, not held where none of it does, withheld where it holds t.
Near t: held where the whole interval lies within the margin, not held where none of it does. Two quantities: the
interval of a - b is [low a - high b, high a - low b], for the examples, subsets and seeds of two subjects are mostly
the same; whatever that dependence it covers at least 95 % where errors are normal and 90 % in general (both must hold
for it to hold). So it is held only where the two intervals do not meet. No interval, no number: withheld. What is asked
of many subjects at once (a trend, a peak, an order) is a quantity of a survey and judged as any other.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from byheart.records.claim import NULL, Claim, Expectation, probe_of
from byheart.records.claim_result import Outcome, Reading, Result
from byheart.records.finding import Answer, Failed, Finding
from byheart.records.formatting import amount
from byheart.records.quantity import Quantity, Unit
from byheart.records.reason import Reason

Interval = tuple[float, float]
_IN_POINTS = {"share", "accuracy"}


def above(interval: Interval, threshold: float) -> Result:
    """Is all of the interval above the threshold?

    Example:
        >>> above((0.2, 0.3), 0.1), above((0.0, 0.1), 0.1), above((0.0, 0.3), 0.1)
        ('held', 'not held', 'withheld')
    """
    low, high = interval
    return "held" if low > threshold else "not held" if high <= threshold else "withheld"


def below(interval: Interval, threshold: float) -> Result:
    """Is all of the interval below the threshold?

    Example:
        >>> below((0.2, 0.3), 0.4), below((0.4, 0.5), 0.4), below((0.3, 0.5), 0.4)
        ('held', 'not held', 'withheld')
    """
    low, high = interval
    return above((-high, -low), -threshold)


def near(interval: Interval, target: float, within: float) -> Result:
    """Is all of the interval within a margin of the target? An interval that merely holds the target is not near it.

    Example:
        >>> near((3.5, 3.7), 3.6, 0.2), near((1.9, 2.0), 3.6, 0.2), near((3.0, 4.0), 3.6, 0.2)
        ('held', 'not held', 'withheld')
    """
    low, high = interval
    if target - within <= low and high <= target + within:
        return "held"
    return "not held" if high < target - within or low > target + within else "withheld"


def difference(a: Quantity, b: Quantity) -> Quantity:
    """a - b; whatever the dependence its interval covers at least 95 % for normal errors, 90 % in general.

    Example:
        >>> made = Quantity(value=0.6, unit="correlation", interval=(0.5, 0.7), null=0, n=9)
        >>> found = difference(made, made.model_copy(update={"value": 0.25, "interval": (0.125, 0.375)}))
        >>> found.value, found.interval
        (0.35, (0.125, 0.575))
    """
    (a_low, a_high), (b_low, b_high) = _ends(a), _ends(b)
    unit: Unit = "points" if a.unit in _IN_POINTS else a.unit
    return Quantity(
        value=a.value - b.value, unit=unit, null=0.0, n=min(a.n, b.n), speaks_of=a.speaks_of,
        interval=(a_low - b_high, a_high - b_low), method="low end of one less high end of the other",
    )  # fmt: skip


def _ends(quantity: Quantity) -> Interval:
    return quantity.interval or (float("-inf"), float("inf"))


def judge(claim: Claim, expected: Expectation, findings: Mapping[str, Mapping[str, Answer]]) -> Outcome:
    """The outcome of one expectation from the findings of each subject (subject -> probe -> answer).

    What surveys found stands under no subject: `findings[""]`, by `survey/NAME`.
    """
    read = claim.reads(expected)
    readings = tuple(_reading(claim, subject, path, findings.get(subject, {})) for subject, path in read)
    rule = _rule(expected, readings)
    found = [reading.quantity for reading in readings if reading.quantity is not None]
    reason = _incomparable(expected, found)
    if reason or len(found) < len(readings):
        return Outcome(says=expected.says, outcome="withheld", rule=rule, readings=readings, reason=reason)
    outcome, differences = _compared(expected, found)
    reason = Reason(code="undecided") if outcome == "withheld" else None
    return Outcome(
        says=expected.says, outcome=outcome, rule=rule, readings=readings, differences=differences, reason=reason
    )  # fmt: skip


def _reading(claim: Claim, subject: str, path: str, answers: Mapping[str, Answer]) -> Reading:
    probe, name = probe_of(path), path.rpartition("/")[2]
    made = {"subject": subject, "says": claim.says(subject), "path": path, "called": claim.called(path)}
    answer = answers.get(probe)
    reason = unmeasured(answer)
    if reason is not None or not isinstance(answer, Finding):
        return Reading(**made, status="missing" if answer is None else answer.status, reason=reason)
    found = answer.quantities.get(name)
    if found is None and (reason := _lacking(answer, name)):
        return Reading(**made, reason=reason)
    if found is None:
        near_it = difflib.get_close_matches(name, answer.quantities, n=1, cutoff=0.5)
        nearest = near_it[0] if near_it else None
        return Reading(**made, reason=Reason(code="no quantity", figures={"name": name, "nearest": nearest}))
    if found.interval is None:
        reason = Reason(code="no interval", figures={"name": name, "why": found.why_no_interval})
        return Reading(**made, reason=reason)
    return Reading(**made, quantity=found)


def _lacking(answer: Finding, name: str) -> Reason | None:
    """Why a survey that gives this quantity of some subjects has none here, where it says so."""
    names, reasons = (answer.details.get(one, ()) for one in ("lacking_scores", "lacking"))
    if not isinstance(names, tuple) or not isinstance(reasons, tuple):
        return None
    found = dict(zip(names, reasons)).get(name.rpartition(".")[2])
    return found if isinstance(found, Reason) else None


def unmeasured(answer: Answer | None) -> Reason | None:
    """Why a probe gave no number that may be judged; None where it did."""
    if answer is None:
        return Reason(code="not measured")
    if isinstance(answer, Failed):
        return Reason(code="failed", figures={"error": answer.error})
    return answer.withheld if isinstance(answer, Finding) else answer.reason


def _incomparable(expected: Expectation, found: list[Quantity]) -> Reason | None:
    """Why these cannot be compared; None where they can."""
    if len({one.unit for one in found}) > 1:
        return Reason(code="several units", figures={"units": " and ".join(one.unit for one in found)})
    if len({one.speaks_of for one in found}) > 1:
        return Reason(code="recipe and run")
    if found and NULL in (expected.above, expected.below, expected.near) and found[0].null is None:
        return Reason(code="no null")
    return None


def _compared(expected: Expectation, found: list[Quantity]) -> tuple[Result, tuple[Quantity, ...]]:
    first = found[0]
    if expected.near is not None:
        return near(_ends(first), _number(expected.near, first), expected.within or 0.0), ()
    rule = above if expected.above is not None else below
    given = expected.above if expected.above is not None else expected.below
    if expected.other:
        gap = difference(first, found[1])
        return rule(_ends(gap), 0.0), (gap,)
    return rule(_ends(first), _number(given, first)), ()


def _number(given: float | str | None, quantity: Quantity) -> float:
    return float(quantity.null or 0.0) if given == NULL else float(given or 0.0)


def _rule(expected: Expectation, readings: tuple[Reading, ...]) -> str:
    """What is compared, in words."""
    found = next((reading.quantity for reading in readings if reading.quantity), None)
    name = readings[0].called

    def told(given: float | str | None) -> str:
        if given == NULL:
            return "its null"
        if isinstance(given, str):
            of = readings[1].says if len({reading.subject for reading in readings}) > 1 else ""
            return readings[1].called + (f" of {of}" if of else "")
        return amount(float(given or 0.0), found.unit) if found else f"{given:g}"

    if expected.near is not None:
        margin = amount(expected.within or 0.0, found.unit) if found else f"{expected.within:g}"
        return f"{name} within {margin} of {told(expected.near)}"
    side = "above" if expected.above is not None else "below"
    return f"{name} {side} {told(expected.above if side == 'above' else expected.below)}"
