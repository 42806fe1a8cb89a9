"""Verdict: a judgement of findings. Four promises.

1. It is pure in its findings: quantities in, one Judgement out.
2. It has a code, a threshold, and the threshold's source.
3. A missing finding is `not applicable`, never a pass.
4. An interval that contains the threshold is `withheld`, never a pass.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from byheart.records.finding import Answer, Finding
from byheart.records.judgement import Judgement
from byheart.records.quantity import Quantity
from byheart.records.spec import Spec

Outcome = Literal["issue", "tip", "passed", "withheld", "not applicable"]


class Verdict(Spec):
    """Subclass with `title`, `threshold`, `source`, `anchor`, and `judge`; list it in the registry."""

    kind: ClassVar[str] = "verdict"
    name: ClassVar[str]
    title: ClassVar[str]
    threshold: ClassVar[str]
    source: ClassVar[str]
    anchor: ClassVar[str]

    @abstractmethod
    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """The outcome, with the figures it rests on."""

    def say(self, outcome: Outcome, sentence: str, title: str = "") -> Judgement:
        """A judgement of this verdict."""
        return Judgement(
            code=self.name,
            outcome=outcome,
            title=title or self.title,
            sentence=sentence,
            threshold=self.threshold,
            source=self.source,
            anchor=self.anchor,
        )

    def absent(self, what: str) -> Judgement:
        """The judgement where a finding it needs is not there."""
        return self.say("not applicable", f"It needs {what}, which this audit does not have.")


def quantity(findings: Mapping[str, Answer], probe: str, name: str) -> Quantity | None:
    """The quantity `name` of `probe`, or None."""
    found = findings.get(probe)
    return found.quantities.get(name) if isinstance(found, Finding) else None
