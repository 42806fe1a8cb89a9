"""Studied: what came out of a claim, expectation by expectation, with the findings that it rests on."""

from __future__ import annotations

from typing import Any, Literal

from byheart.records.claim import Source
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.records.spec import Record

Result = Literal["held", "not held", "withheld"]


class Reading(Record):
    """A quantity of one subject as it was measured; else the status of its probe there, and why there is none."""

    subject: str
    says: str
    path: str
    called: str
    quantity: Quantity | None = None
    status: Literal["measured", "withheld", "not applicable", "failed", "missing"] = "measured"
    reason: Reason | None = None


class Outcome(Record):
    """One expectation judged.

    Attributes:
        says: what was expected.
        outcome: `held`, `not held`, or `withheld` where the interval allows both, or where there is no number.
        rule: what was compared, in words.
        readings: what it was read from.
        differences: what was judged where two quantities are compared.
        reason: why it is withheld; where a reading has no quantity, that reading says why.
    """

    says: str
    outcome: Result
    rule: str
    readings: tuple[Reading, ...]
    differences: tuple[Quantity, ...] = ()
    reason: Reason | None = None


class StudiedSubject(Record):
    """A subject as it was trained and measured, in words and figures; `failed` says why it was not.

    `subject` holds what the cards of its findings know of it.
    """

    name: str
    says: str
    about: dict[str, str | int | float]
    noun: tuple[str, str] = ("example", "examples")
    subject: dict[str, Any] = {}
    steps: dict[str, str] = {}
    findings: dict[str, dict[str, Any]] = {}
    failed: str = ""


class Studied(Record):
    """A study that is done; the page, the lines and `--json` are made from it alone.

    `surveys` holds what was read of all subjects, by the claim's name for it; `words` what the claim calls things.
    """

    schema_version: int = 3
    study: str
    claim: str
    source: tuple[Source, ...]
    note: str
    words: dict[str, str] = {}
    outcomes: tuple[Outcome, ...]
    surveys: dict[str, dict[str, Any]] = {}
    subjects: tuple[StudiedSubject, ...]
    provenance: dict[str, Any]

    def cited(self) -> str:
        """Its sources in short: first author and year.

        Example: `Morris et al. 2025; Domingos 2020`.
        """
        return "; ".join(f"{one.short} {one.year}" for one in self.source)

    @property
    def partial(self) -> bool:
        """Whether a subject, a probe or a survey failed."""
        return any(one["status"] == "failed" for one in self.surveys.values()) or any(
            subject.failed or any(one["status"] == "failed" for one in subject.findings.values())
            for subject in self.subjects
        )

    def tally(self) -> str:
        """How many expectations held, did not, or are withheld.

        Example: `2 of 3 expectations held, 1 withheld`.
        """
        outcomes = [one.outcome for one in self.outcomes]
        of = f"{outcomes.count('held')} of {len(outcomes)} expectations held"
        rest = [f"{outcomes.count(word)} {word}" for word in ("not held", "withheld") if word in outcomes]
        return ", ".join([of, *rest])
