"""Verdict: a judgement of findings. Five promises.

1. It judges facts, never words: the same quantities, the same outcome; nothing else moves it.
2. It has a threshold, with its source, and judges on both sides of it; a missing finding is `not applicable`.
3. It is withheld exactly when the interval contains the threshold, however narrow or wide that is.
4. It accuses no label, example or person on the audited model's word alone.
5. In every world whose truth is known (`byheart.testing.worlds`) it says only what is true there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from byheart.records.finding import Answer, Finding
from byheart.records.formatting import interval_text, value_text
from byheart.records.quantity import Quantity
from byheart.records.spec import Spec
from byheart.records.verdict_result import Judgement

Outcome = Literal["issue", "tip", "passed", "withheld", "not applicable"]


class Verdict(Spec):
    """Subclass with `title`, `threshold`, `source`, `anchor`, and `judge`; list it in the registry.

    `accuses` says whom an issue of it would accuse, if anybody (promise 4).
    """

    kind: ClassVar[str] = "verdict"
    name: ClassVar[str]
    title: ClassVar[str]
    threshold: ClassVar[str]
    source: ClassVar[str]
    anchor: ClassVar[str]
    accuses: ClassVar[Literal["", "labels", "examples", "people"]] = ""

    @abstractmethod
    def judge(self, findings: Mapping[str, Answer]) -> Judgement:
        """The outcome, with the figures it rests on."""

    def judged(self, findings: Mapping[str, Answer], members: int) -> Judgement:
        """What an audit says: of one member no judgement, for one training says nothing of the next.

        Labels are accused by the data and no model (promise 4), so that stands.
        """
        found = self.judge(findings)
        if members != 1 or found.outcome == "not applicable" or (self.accuses and found.outcome == "issue"):
            return found
        return self.say("withheld", "It would judge one training, and another may differ. Try --members 2 or more.")

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


def shown(found: Quantity) -> str:
    """A quantity with its interval."""
    return f"{value_text(found)} {interval_text(found)}".strip()
