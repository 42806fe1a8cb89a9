"""Is an audit within your bounds? Its checks, one line each, and what they come to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from byheart.arguments import may_be
from byheart.errors import InputRefused, UsageError, shown
from byheart.records.claim_result import Result
from byheart.records.finding import Answer, answer_from
from byheart.records.formatting import amount, count, interval_text, no_interval_text, value_text
from byheart.records.gate import WORDS, Bound, Check
from byheart.records.provenance import SCHEMA
from byheart.records.verdict_result import Judgement
from byheart.report.cards import About
from byheart.report.cards.reasons import why
from byheart.verdicts.gate import judge

EXIT_CODES: dict[Result, int] = {"held": 0, "not held": 1, "withheld": 4}
WITHHELD = "No pass: more members or examples make intervals narrower; allow_withheld=True lets what is withheld pass."
ORDER: tuple[Result, ...] = ("not held", "withheld", "held")


@dataclass(frozen=True, repr=False)
class Gate:
    """What came out of the bounds and codes that an audit was held to.

    It is true where all of them held; a withheld one counts as held only with `allow_withheld`.

    Attributes:
        title: what was audited.
        run: the run's name.
        checks: one for each bound and code.
        about: what the sentences know of the subject.
        allow_withheld: whether a gate that is withheld passes in `bool()` and `check()`.
    """

    title: str
    run: str
    checks: tuple[Check, ...]
    about: About
    allow_withheld: bool = False

    @property
    def outcome(self) -> Result:
        """`not held` where any check is not held, else `withheld` where any is, else `held`."""
        return next(one for one in ORDER if any(check.outcome == one for check in self.checks))

    def lines(self) -> list[str]:
        """Each check with its number, those that did not hold first."""
        found = sorted(self.checks, key=lambda check: ORDER.index(check.outcome))
        return [f"{check.outcome:<9} {told(check, self.about)}" for check in found]

    def check(self) -> None:
        """Raise where the gate did not hold.

        Raises:
            AssertionError: with each bound, the value, its interval and n.
        """
        __tracebackhide__ = True  # pytest shows the caller's line
        if not self:
            lines = [f"{self.outcome}: {self.title} · run {self.run}", *self.lines()]
            raise AssertionError("\n  ".join(lines + [WITHHELD] * (self.outcome == "withheld")))

    def __bool__(self) -> bool:
        return self.outcome == "held" or (self.allow_withheld and self.outcome == "withheld")

    def __repr__(self) -> str:
        return f"<Gate {self.outcome}: {'; '.join(' '.join(line.split()) for line in self.lines())}>"

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        checks = [{**one.model_dump(mode="json"), "told": told(one, self.about)} for one in self.checks]
        return {"title": self.title, "run": self.run, "outcome": self.outcome, "checks": checks}


def gate(
    document: Mapping[str, Any], bounds: Sequence[Bound], codes: Sequence[str], allow_withheld: bool = False
) -> Gate:
    """Hold an audit, by its document, to bounds and codes of verdicts.

    Raises:
        UsageError: nothing is asked; an unknown quantity or code; a bound beyond what a quantity can be.
        InputRefused: the document is of another schema, or none of byheart's.
    """
    if not bounds and not codes:
        raise UsageError("at least one bound or code", "none", "Try --max memorised_bits_share=0.3 or --fail-on BH101.")
    if document.get("schema") != SCHEMA:
        came = shown(document.get("schema"))
        raise InputRefused(f"a document of schema {SCHEMA}", came, "Run the audit again: it makes it anew.")
    subject = document["subject"]
    findings, judgements, members = _facts(document)
    checks = judge(bounds, codes, findings, judgements, members)
    return Gate(str(subject["title"]), str(subject["run"]), checks, About.of(subject), allow_withheld)


def _facts(document: Mapping[str, Any]) -> tuple[dict[str, Answer], list[Judgement], int]:
    """What is judged: the findings, the verdicts and how many members there were."""
    try:
        findings = {name: answer_from(finding) for name, finding in document["findings"].items()}
        judgements = [Judgement.model_validate(verdict) for verdict in document["verdicts"]]
        return findings, judgements, int(document["subject"]["members"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        came = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputRefused("a document that byheart wrote", came, "Run the audit again.") from error


def bounds_from(side: str, given: Mapping[str, Any] | None) -> list[Bound]:
    """The bounds of one side (`max` or `min`), name -> number.

    Raises:
        UsageError: one that is not a finite number.

    Example:
        >>> [bound.name for bound in bounds_from("max", {"gap": 0.2})]
        ['gap at most 0.2']
    """
    may_be("names with their values", **{side: given})
    for name, value in (given or {}).items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UsageError(f"a finite number as {side} of {name}", shown(value, 60), f"Example: {side} {name} 0.3.")
    return [Bound(quantity=name, side=side, value=float(value)) for name, value in (given or {}).items()]


def told(check: Check, about: About) -> str:
    """A check as a line: what was asked, the number with its interval and n, and why it is withheld."""
    ends = "; ".join(end for end in (_number(check), _why(check, about)) if end)
    return f"{_asked(check)} {check.judgement.outcome}: {ends}" if check.judgement else f"{_asked(check)}: {ends}"


def _asked(check: Check) -> str:
    """What was asked, the bound in the unit of its quantity."""
    if check.bound is None or check.quantity is None:
        return check.name
    bound = check.bound
    return f"{bound.quantity} {WORDS[bound.side]} {amount(bound.value, check.quantity.unit)}"


def _number(check: Check) -> str:
    if found := check.quantity:
        return f"{value_text(found)} {interval_text(found)}".strip() + f", n {count(found.n)}"
    return check.judgement.title if check.judgement else ""


def _why(check: Check, about: About) -> str:
    """Why a check is withheld; empty where it is not."""
    if check.outcome != "withheld":
        return ""
    if check.reason is not None:
        return why(check.reason, about)
    if check.judgement is not None:
        return check.judgement.sentence
    lacking = no_interval_text(check.quantity) if check.quantity else ""
    return lacking or "the interval contains the bound"
