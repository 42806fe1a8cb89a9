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
10. In every world whose truth is known (`byheart.testing.worlds`) its interval holds it, or the number is withheld;
    copies, a single class, an undefined interval and a single example do not break it.

What every probe must refuse is refused once (`probes/guards.py`): `requires` and `measure` of a subclass are wrapped.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from inspect import cleandoc
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import PrivateAttr

from byheart.maths.statistics.seen_unseen import FEWEST_MEMBERS
from byheart.probes.applicability import Assumption, reason
from byheart.probes.bank import Bank, Need, Subject
from byheart.probes.guards import Answered, asked, guarded
from byheart.records.facts import Scalar
from byheart.records.finding import Finding, NotApplicable
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason, ReasonCode
from byheart.records.spec import Spec
from byheart.seeds import stream

__all__ = ["Assumption", "Bank", "Cost", "Need", "Probe", "Subject", "reason"]

# what an answer costs: it reads the runs of an audit; it trains a few models more, at most a quarter as much as the
# members of a usual audit; it trains the members again, six times at most; or it trains
# more and is measured only where it is asked for (`--also`)
Cost = Literal["reading", "few models", "the members again", "on request"]
WITHHELD = frozenset({
    "few members", "few blocks", "few groups", "large group", "uneven halves", "dependent groups", "rare labels",
    "undefined",
})  # fmt: skip


class Probe(Spec):
    """Subclass with a docstring that asks and cites, `requires`, `measure`; list it in the registry.

    Attributes:
        question: one sentence a newcomer understands: the first line of the docstring, where that asks one.
        reference: author, year, title, equation: what the docstring says after `Reference:`, last in its paragraph.
        poles: the learners at the two ends of its scale, low pole first.
        cost: what its answer costs; an audit leaves out what is on request unless it is asked for.
        outputs: kinds of output that it is asked of (`classes`, `values`, `tokens`; only where they are named also
            `columns`, `series`, `embedding`, `rewards`).
        needs: what the subject must offer: `test`, `table`, `canaries`, `oracle`, `phases` (several), `epochs`.
        label_columns: columns that hold a class by its number, -1 for none.
        assumes: what its number rests on; where data or runs do not allow it, the answer says so.
        fewest_members: how many members its number takes. Eight are the fewest that say something of single examples;
            averages over the pairs of member and example (`maths.statistics.seen_unseen.side_columns`) take 1.
    """

    kind: ClassVar[str] = "probe"
    name: ClassVar[str]
    question: ClassVar[str]
    reference: ClassVar[str]
    poles: ClassVar[tuple[str, str]] = ("oracle", "rote")
    cost: ClassVar[Cost] = "reading"
    outputs: ClassVar[tuple[str, ...]] = ("classes", "values", "tokens")
    needs: ClassVar[tuple[str, ...]] = ()
    label_columns: ClassVar[tuple[str, ...]] = ()
    assumes: ClassVar[tuple[Assumption, ...]] = ("both sides",)
    drawn_as: ClassVar[str] = ""  # the name of its random streams, where it was called otherwise when they were drawn
    fewest_members: ClassVar[int] = FEWEST_MEMBERS
    _waits: bool = PrivateAttr(False)

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        for name, text in _told(cls.__dict__.get("__doc__") or "").items():
            if name not in cls.__dict__:
                setattr(cls, name, text)
        for name, guard in (("requires", asked), ("measure", guarded)):
            if name in cls.__dict__:
                setattr(cls, name, guard(cls.__dict__[name]))

    @classmethod
    def by_default(cls) -> Self:
        """The probe as an audit holds it that nobody asked for it: one on request waits, and says so."""
        made = cls()
        made._waits = cls.cost == "on request"
        return made

    @property
    def chapter(self) -> str:
        """The chapter of the report: the first part of the name."""
        return self.name.partition("/")[0]

    @property
    def quantity(self) -> str:
        """What it measures: the second part of the name, as it stands in names of quantities."""
        return self.name.partition("/")[2].replace("-", "_")

    @asked
    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The runs that the answer needs, first the one that it rests on; or why the question does not apply."""
        return (subject.bank(),)

    @abstractmethod
    def measure(self, bank: Bank) -> Answered:
        """The answer, and columns an example: name -> (n,) array by the order of `bank.data.train.ids`."""

    def rng(self, bank: Bank, *names: object) -> np.random.Generator:
        """A random stream of this probe's own."""
        return stream(bank.subject.seed, "probe", self.drawn_as or self.name, *names)

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

    def refusal(self, why: Reason) -> Finding | NotApplicable:
        """The answer where data or runs allow no number: withheld where more of the same data would help."""
        if why.code in WITHHELD:
            return self.finding({}, status="withheld", withheld=why)
        return NotApplicable(probe=self.name, question=self.question, reason=why)


def _told(docstring: str) -> dict[str, str]:
    """The question and the reference, which stand once, in the docstring."""
    text = cleandoc(docstring)
    first, cited = text.partition("\n")[0], re.search(r"\bReference:\s+(.+?)(?:\n\n|\Z)", text, re.S)
    found = {"question": first} if first.endswith("?") else {}
    return found | ({"reference": " ".join(cited[1].split()).removesuffix(".")} if cited else {})
