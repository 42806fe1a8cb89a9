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
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from byheart.learners.attributed import Questions
from byheart.learners.base import Learner
from byheart.learners.run import Run
from byheart.levers.base import Lever
from byheart.records.finding import Finding, NotApplicable, Withheld
from byheart.records.spec import Spec
from byheart.seeds import stream
from byheart.tasks.base import Task
from byheart.tasks.data import Data


class Need(Spec):
    """Runs that a probe asks for: the subject's learner, or a rival or pole of the same data.

    Attributes:
        members: how many models.
        share: part of the training examples that each sees; 1 means everything.
        checkpoints: epochs at which outcomes are kept, ascending.
        trail: number of first members whose training logits are kept at every checkpoint.
        learner: name of another learner in the place of the subject's; empty for the subject's.
        questions: what is asked of the recorded training of the one member; None records nothing.
        reseeded: the same subsets from other seeds.
    """

    kind: ClassVar[str] = "need"
    name: ClassVar[str] = "runs"
    members: int
    share: float
    checkpoints: tuple[int, ...] = (0,)
    trail: int = 0
    learner: str = ""
    questions: Questions | None = None
    reseeded: bool = False


@dataclass(frozen=True)
class Subject:
    """What is audited: a task, a learner, levers, and how many members on what share.

    `offers` says what is known of it beyond that: `oracle` (the task's truth is known), `test` (there is
    a test view), `classes` or `values`.
    """

    task: Task
    learner: Learner
    levers: tuple[Lever, ...] = ()
    seed: int = 0
    members: int = 64
    share: float = 0.7
    offers: frozenset[str] = frozenset()

    def checkpoints(self) -> tuple[int, ...]:
        """Epochs on a Fibonacci grid, 0 first and the last epoch last."""
        last = self.learner.steps()
        for lever in self.levers:
            last = lever.last_epoch(last)
        grid, a, b = [0], 1, 2
        while a < last:
            grid.append(a)
            a, b = b, a + b
        return (*grid, last) if last else (0,)

    def bank(self) -> Need:
        """The members on random subsets: the runs that most probes read."""
        points = self.checkpoints()
        trail = min(16, self.members) if len(points) > 1 else 0
        return Need(members=self.members, share=self.share, checkpoints=points, trail=trail)

    def whole(self) -> Need:
        """The one model trained on everything."""
        return Need(members=1, share=1.0, checkpoints=self.checkpoints())

    def rival(self, learner: str) -> Need:
        """Another learner on the first of the same subsets: poles and rivals need no fine ranking."""
        return Need(members=min(16, self.members), share=self.share, learner=learner)


@dataclass(frozen=True)
class Bank:
    """The runs of a subject and its data; nothing else reaches a probe."""

    subject: Subject
    data: Data
    runs: Mapping[str, Run] = field(default_factory=dict)

    def __getitem__(self, need: Need) -> Run:
        return self.runs[need.key()]

    def __contains__(self, need: Need) -> bool:
        return (run := self.runs.get(need.key())) is not None and len(run.members) > 0

    @property
    def groups(self) -> np.ndarray:
        """(n,) the group of each training example: equal for those that are seen or left out together."""
        return self.data.groups

    @property
    def counted(self) -> np.ndarray:
        """(n,) bool: the examples that totals and shares speak of; False for labels redrawn by the audit's control."""
        control = self.data.truth.control
        return np.ones(len(self.data.train), dtype=bool) if control is None else ~control

    def of_rows(self, rows: np.ndarray) -> Bank:
        """The same runs, as if the training examples in `rows` (n,) bool were all that is asked about."""
        if rows.all():
            return self
        data = self.data.of_rows(rows)
        return Bank(self.subject, data, {key: run.of_rows(rows) for key, run in self.runs.items()})

    def on_all(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Columns of the counted examples as columns of all; NaN for the others."""
        made = {name: np.full(len(self.counted), np.nan) for name in columns}
        for name, values in columns.items():
            made[name][self.counted] = values
        return made

    def noun(self, n: int = 2) -> str:
        """What an example is called, for n of them."""
        return self.data.output.noun[n != 1]


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
        reason = f"Seen by all members or by none: {lacking:,} of {mask.shape[1]:,} {bank.noun()}."
        offer = "Train more members (--members), or give each a smaller --share."
        return self.not_applicable(reason, offer) if lacking else None

    def withheld(self, reason: str, would_do: str) -> Finding:
        """The question applies, and these data do not allow a number: why, and what would."""
        return Finding(
            status="withheld", probe=self.name, question=self.question, quantities={}, reference=self.reference,
            withheld=Withheld(reason=reason, would_do=would_do),
        )  # fmt: skip

    def not_applicable(self, reason: str, offer: str = "") -> NotApplicable:
        """This question does not apply, why, and what to offer."""
        return NotApplicable(probe=self.name, question=self.question, reason=reason, offer=offer)
