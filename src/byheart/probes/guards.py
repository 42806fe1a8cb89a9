"""What every probe must refuse, around its `requires` and its `measure`: a plug-in is guarded as ours are."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from pydantic import ValidationError

from byheart.probes.applicability import unasked, unsound
from byheart.probes.bank import Bank, Need, Subject
from byheart.records.finding import Finding, NotApplicable
from byheart.records.quantity import undefined

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
        if rests is not None and (why := unsound(bank, rests, probe.assumes)):
            return probe.refusal(why), {}
        try:
            with np.errstate(divide="ignore", invalid="ignore"):  # what comes of it is judged, below
                return measure(probe, bank)
        except ValidationError as error:
            if not undefined(error):
                raise
            return probe.withheld("undefined"), {}

    return checked
