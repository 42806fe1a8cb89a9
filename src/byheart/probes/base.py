"""Probe: one question to a bank of runs. Ten promises.

1. `requires` is pure and instant.
2. `measure` is deterministic.
3. Runs are left unchanged.
4. Every number is a Quantity.
5. Its poles sit at the ends of its scale.
6. It is monotone in a known dose.
7. It does not depend on the order of examples or the names of classes.
8. A missing offer is a NotApplicable with the reason.
9. The stated cost is not exceeded; it never trains the subject.
10. In every world whose truth is known (`byheart.testing.worlds`) its interval holds it, or the number is withheld.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from byheart.errors import InputRefused
from byheart.probes.bank import Bank, Need, Subject
from byheart.records.facts import Scalar
from byheart.records.finding import Finding, NotApplicable
from byheart.records.quantity import Quantity
from byheart.records.reason import FIGURES, Reason, ReasonCode
from byheart.records.spec import Spec
from byheart.seeds import stream

__all__ = ["Bank", "Need", "Probe", "Subject"]


class Probe(Spec):
    """Subclass with `question`, `requires`, `measure`; list it in the registry."""

    kind: ClassVar[str] = "probe"
    name: ClassVar[str]
    question: ClassVar[str]
    reference: ClassVar[str]
    poles: ClassVar[tuple[str, str]] = ("oracle", "rote")
    on_request: ClassVar[bool] = False  # costs more than a quarter of training: a field `asked` says if it was wanted

    @property
    def chapter(self) -> str:
        """The chapter of the report: the first part of the name."""
        return self.name.partition("/")[0]

    @abstractmethod
    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The runs that the answer needs, or why the question does not apply."""

    @abstractmethod
    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """The answer, and columns an example: name -> (n,) array by the order of `bank.data.train.ids`."""

    def rng(self, bank: Bank, *names: object) -> np.random.Generator:
        """A random stream of this probe's own."""
        return stream(bank.subject.seed, "probe", self.name, *names)

    def one_sided(self, bank: Bank, mask: np.ndarray) -> NotApplicable | None:
        """The answer where some examples were seen by all members, or by none; else None."""
        lacking = int((mask.all(0) | ~mask.any(0)).sum())
        return self.not_applicable("one-sided", examples=lacking, of=mask.shape[1]) if lacking else None

    def finding(self, quantities: Mapping[str, Quantity], **facts: Any) -> Finding:
        """A finding of this probe: its quantities, and whatever other facts it has."""
        return Finding(
            probe=self.name, question=facts.pop("question", self.question), reference=self.reference,
            quantities=dict(quantities), **facts,
        )  # fmt: skip

    def withheld(self, code: ReasonCode, **figures: Scalar) -> Finding:
        """The question applies, and these data do not allow a number: why (`records.reason` lists the codes)."""
        return self.finding({}, status="withheld", withheld=reason(code, **figures))

    def not_applicable(self, code: ReasonCode, **figures: Scalar) -> NotApplicable:
        """This question does not apply, and why; a reason of your own: "other", why="...", advice="..."."""
        return NotApplicable(probe=self.name, question=self.question, reason=reason(code, **figures))


def reason(code: ReasonCode, **figures: Scalar) -> Reason:
    """A reason with its figures.

    Raises:
        InputRefused: no such code, or a figure is missing.

    Example:
        >>> reason("other", why="Tides are not asked of lakes.").code
        'other'
    """
    takes = FIGURES.get(code)
    if takes is None or not set(takes) <= set(figures):
        raise InputRefused(
            expected=f"a code of records.reason with its figures{'' if takes is None else ': ' + ', '.join(takes)}",
            came=f"{code!r} with {', '.join(figures) or 'none'}",
            do='Give "other" with why="..." and advice="..." for a reason that has no code.',
        )
    return Reason(code=code, figures=figures)
