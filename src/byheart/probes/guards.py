"""What every probe must refuse, around its `requires` and its `measure`: a plug-in is guarded as ours are."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from byheart.probes.applicability import unasked, unsound
from byheart.probes.bank import Bank, Need, Subject
from byheart.records.finding import Finding, NotApplicable
from byheart.records.quantity import undefined

if TYPE_CHECKING:
    from byheart.probes.base import Probe

Answered = tuple[Finding | NotApplicable, dict[str, np.ndarray]]


def asked(requires: Callable) -> Callable:
    """`requires`, after what the class declares was compared with what the subject offers."""

    @wraps(requires)
    def checked(self: Probe, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        if why := unasked(subject, self.outputs, self.needs):
            return NotApplicable(probe=self.name, question=self.question, reason=why)
        needs = requires(self, subject)
        if self._waits and not isinstance(needs, NotApplicable):
            return self.not_applicable("on request", probe=self.name)
        return needs

    return checked


def guarded(measure: Callable) -> Callable:
    """`measure`, where subject, data and runs allow a number, and the numbers are defined."""

    @wraps(measure)
    def checked(self: Probe, bank: Bank) -> Answered:
        needs = self.requires(bank.subject)
        if isinstance(needs, NotApplicable):
            return needs, {}
        # a point of a sweep that could not be trained is a gap: the answer rests on the others
        rests = next((need for need in needs if need in bank or not need.vary), None)
        if rests is not None and (why := unsound(bank, rests, self.assumes)):
            return self.refusal(why), {}
        try:
            with np.errstate(divide="ignore", invalid="ignore"):  # what comes of it is judged, below
                return measure(self, bank)
        except ValidationError as error:
            if not undefined(error):
                raise
            return self.withheld("undefined"), {}

    return checked
