"""Is an audit within the bounds that somebody set, and do the verdicts they named find nothing?

At most b: held where the whole interval lies below b, not held where all of it lies above, withheld where it contains b
or where there is no interval; a number that is exact is its own interval, and at b it is held. At least b: the mirror.
A verdict: held where it passed, not held where it is an issue or a tip, withheld where it is withheld or does not
apply, for nobody has judged then. One training alone says nothing of the recipe: all is withheld.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from byheart.errors import UnknownName, UsageError, nearest, unknown_name
from byheart.records.claim_result import Result
from byheart.records.finding import Answer, Finding
from byheart.records.gate import Bound, Check
from byheart.records.quantity import Quantity
from byheart.records.quantity_names import PROBE_OF
from byheart.records.reason import Reason
from byheart.records.verdict_result import Judgement
from byheart.verdicts.claim_checks import unmeasured

AT_MOST_ONE = {"share", "accuracy", "points", "auc", "correlation", "p-value"}
OUTCOMES: dict[str, Result] = {"passed": "held", "issue": "not held", "tip": "not held"}


def within(interval: tuple[float, float], bound: float) -> Result:
    """Is all of the interval at most the bound?

    Example:
        >>> within((0.1, 0.2), 0.3), within((0.4, 0.5), 0.3), within((0.2, 0.3), 0.3), within((0.3, 0.3), 0.3)
        ('held', 'not held', 'withheld', 'held')
    """
    low, high = interval
    if high < bound or low == high == bound:
        return "held"
    return "not held" if low > bound else "withheld"


def judge(
    bounds: Sequence[Bound],
    codes: Sequence[str],
    findings: Mapping[str, Answer],
    judgements: Sequence[Judgement],
    members: int,
) -> tuple[Check, ...]:
    """What comes out of each bound and of each code, in this order.

    Raises:
        UnknownName: a quantity or code that this audit does not have.
        UsageError: a bound beyond what the quantity can be.
    """
    checks = [*(_of_bound(bound, findings) for bound in bounds), *(_of_code(code, judgements) for code in codes)]
    if members > 1:
        return tuple(checks)
    alone = {"outcome": "withheld", "reason": Reason(code="one training")}
    return tuple(check.model_copy(update=alone) for check in checks)


def _of_bound(bound: Bound, findings: Mapping[str, Answer]) -> Check:
    probe, name = _owner(bound.quantity, findings)
    answer = findings[probe]
    if (reason := unmeasured(answer)) or not isinstance(answer, Finding):
        return Check(name=bound.name, bound=bound, outcome="withheld", reason=reason)
    if name not in answer.quantities:
        raise _unknown(bound.quantity, findings)
    found = answer.quantities[name]
    _must_be_possible(bound, found)
    if (interval := interval_of(found)) is None:
        return Check(name=bound.name, bound=bound, quantity=found, outcome="withheld")
    low, high = interval
    outcome = within((low, high), bound.value) if bound.side == "max" else within((-high, -low), -bound.value)
    return Check(name=bound.name, bound=bound, quantity=found, outcome=outcome)


def interval_of(found: Quantity) -> tuple[float, float] | None:
    """The interval of a number; one that follows exactly from the data is its own."""
    return (found.value, found.value) if found.why_no_interval == "exact" else found.interval


def _owner(word: str, findings: Mapping[str, Answer]) -> tuple[str, str]:
    """The probe and the name that a word means: `gap`, or `generalization/gap/gap`."""
    probe, _, name = word.rpartition("/")
    if not probe:
        having = [one for one, found in findings.items() if isinstance(found, Finding) and name in found.quantities]
        probe = having[0] if having else PROBE_OF.get(name, "")
    if probe not in findings:
        raise _unknown(word, findings)
    return probe, name


def _unknown(word: str, findings: Mapping[str, Answer]) -> UnknownName:
    """The error for a quantity that the audit lacks, with the nearest that it has."""
    known = {name for found in findings.values() if isinstance(found, Finding) for name in found.quantities}
    near = nearest(word.rpartition("/")[2], known)
    advice = f"Nearest: {', '.join(near)}. " if near else ""
    return UnknownName("a quantity of this audit", repr(word), f"{advice}byheart show RUN --json has all of them.")


def _must_be_possible(bound: Bound, found: Quantity) -> None:
    """Refuse 30 for 30 %: no share is above it, and the gate would hold whatever is measured."""
    if found.unit in AT_MOST_ONE and abs(bound.value) > 1:
        kind = f"{bound.quantity} is counted in {found.unit}, 1 at most"
        raise UsageError("a bound from -1 to 1", f"{bound.value:g}", f"{kind}; for 30 % write 0.3.")


def _of_code(code: str, judgements: Sequence[Judgement]) -> Check:
    for one in judgements:
        if one.code == code:
            return Check(name=code, judgement=one, outcome=OUTCOMES.get(one.outcome, "withheld"))
    raise unknown_name("verdict", code, [one.code for one in judgements])
