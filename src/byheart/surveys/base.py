"""Survey: one reading of the findings of many subjects. Six promises.

1. `read` is pure and deterministic: the same findings give the same answer, and nothing is moved.
2. The order of subjects changes nothing.
3. Every number is a Quantity; facts alone, no sentence.
4. It is monotone in a known dose.
5. A subject without a number is a gap, not the survey's failure.
6. Fewer subjects than the question needs are withheld.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from byheart.records.facts import Scalar
from byheart.records.finding import Answer, Finding
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason, ReasonCode
from byheart.records.spec import Spec

Findings = Mapping[str, Mapping[str, Answer]]  # subject -> probe -> answer
Grid = Mapping[str, Mapping[str, Any]]  # subject -> its settings by path (`learner.hidden`); of every subject


class Survey(Spec):
    """Subclass with `question`, `fewest`, `paths`, `read`; list it in the registry."""

    kind: ClassVar[str] = "survey"
    name: ClassVar[str]
    question: ClassVar[str]
    reference: ClassVar[str]
    fewest: ClassVar[int]
    optional: ClassVar[frozenset[str]] = frozenset()  # quantities (the last part of their names) that some grids lack

    @abstractmethod
    def paths(self) -> tuple[str, ...]:
        """The quantities that it reads, each as `chapter/probe/quantity`."""

    @abstractmethod
    def read(self, findings: Findings, grid: Grid) -> Finding:
        """The answer, of the subjects that were measured and those of the grid that were not.

        Raises:
            UnknownName: it reads along a setting that the grid has not.
            InputRefused: that setting has no numbers.
        """

    def finding(self, quantities: Mapping[str, Quantity], **facts: Any) -> Finding:
        """A finding of this survey."""
        return Finding(
            probe=f"survey/{self.name}", question=self.question, reference=self.reference,
            quantities=dict(quantities), **facts,
        )  # fmt: skip

    def small(self, measured: int, **facts: Any) -> Finding:
        """Withheld: so few subjects were measured, and it takes `fewest`."""
        figures: dict[str, Scalar] = {"measured": measured, "needed": self.fewest}
        code: ReasonCode = "small grid"
        return self.finding({}, status="withheld", withheld=Reason(code=code, figures=figures), **facts)
