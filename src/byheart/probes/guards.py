"""What every probe must refuse, around its `requires` and its `measure`: a plug-in is guarded as ours are."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from pydantic import ValidationError

from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS
from byheart.probes.applicability import unasked, unsound
from byheart.probes.bank import Bank, Need, Subject
from byheart.probes.intervals import FRESH_DRAWS
from byheart.records.finding import Finding, NotApplicable
from byheart.records.quantity import Quantity, undefined

# how intervals of few members are made, as `Quantity.method` says it
OF_FEW = "fresh draws of examples; subsets and seeds, Student's t over few members"
OF_ONE = "examples alone, of this one training"
Answered = tuple[Finding | NotApplicable, dict[str, np.ndarray]]


def asked(requires: Callable) -> Callable:
    """`requires`, after what the class declares was compared with what the subject offers."""

    @wraps(requires)
    def checked(probe: Any, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        if why := unasked(subject, probe.outputs, probe.needs):
            return NotApplicable(probe=probe.name, question=probe.question, reason=why)
        needs = requires(probe, subject)
        if probe._waits and not isinstance(needs, NotApplicable):
            return probe.not_applicable("on request", probe=probe.name)
        return needs

    return checked


def guarded(measure: Callable) -> Callable:
    """`measure`, where subject, data and runs allow a number, and the numbers are defined."""

    @wraps(measure)
    def checked(probe: Any, bank: Bank) -> Answered:
        needs = probe.requires(bank.subject)
        if isinstance(needs, NotApplicable):
            return needs, {}
        # a point of a sweep that could not be trained is a gap: the answer rests on the others
        rests = next((need for need in needs if need in bank or not need.vary), None)
        if rests is not None and (why := unsound(bank, rests, probe.assumes, probe.fewest_members)):
            return probe.refusal(why), {}
        try:
            with np.errstate(divide="ignore", invalid="ignore"):  # what comes of it is judged, below
                return told_of_few(probe, bank, measure(probe, bank))
        except ValidationError as error:
            if not undefined(error):
                raise
            return probe.withheld("undefined"), {}

    return checked


def told_of_few(probe: Any, bank: Bank, answered: Answered) -> Answered:
    """The answer of few members, whose intervals say what they are of: one member's of this one training."""
    finding, columns = answered
    need = bank.subject.bank()
    m = len(bank[need].members) if need in bank else FEWEST_MEMBERS
    if m >= FEWEST_MEMBERS or probe.fewest_members > m or not isinstance(finding, Finding):
        return answered
    rests = "both sides" in probe.assumes  # on the members; what only asks the data is no less sure of them

    def told(one: Quantity) -> Quantity:
        more: dict[str, Any] = {"method": OF_ONE if m == 1 else OF_FEW} if one.method == FRESH_DRAWS else {}
        return one.model_copy(update=more | ({"speaks_of": "training"} if m == 1 and (rests or more) else {}))

    quantities = {name: told(one) for name, one in finding.quantities.items()}
    return finding.model_copy(update={"quantities": quantities}), columns
