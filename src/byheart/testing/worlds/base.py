"""World: a small data set whose true headline values are known by derivation, not by an estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from byheart.learners.base import Learner
from byheart.learners.run import Run
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.records.finding import Answer, NotApplicable
from byheart.tasks.base import Task
from byheart.testing.probes.banks import offers_of, trained


class Bounds(NamedTuple):
    """The true value lies in [low, high]; equal ends where it is known exactly."""

    low: float
    high: float

    def meets(self, interval: tuple[float, float]) -> bool:
        """Whether an interval holds a value that may be the true one.

        Example:
            >>> Bounds(0.0, 0.0).meets((-0.1, 0.1)), Bounds(0.2, 0.3).meets((0.0, 0.1))
            (True, False)
        """
        return interval[0] <= self.high + 1e-9 and self.low - 1e-9 <= interval[1]


def near(value: float, within: float = 0.0) -> Bounds:
    """The value, or whatever lies within a margin of it."""
    return Bounds(value - within, value + within)


@dataclass(frozen=True)
class Draw:
    """One draw of a world: what is audited, and what is true of it.

    Attributes:
        task: the data; anonymous arrays, so that nothing can tell the world.
        learner: the recipe.
        truth: name of a quantity -> where its true value lies. What is not known is absent.
        wrong_labels: whether some labels are wrong, so that labels may be called worth checking.
        contradictions: whether copies carry different labels, so that labels may be called wrong.
        members: how many models.
        share: part of the examples that each sees.
        seed: root seed of the subsets and of the learner.
        runs: those trained so far, by the key of their need.
    """

    task: Task
    learner: Learner
    truth: Mapping[str, Bounds]
    wrong_labels: bool = False
    contradictions: bool = False
    members: int = 24
    share: float = 0.7
    seed: int = 0
    runs: dict[str, Run] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def bank(self) -> Bank:
        """The data, and the runs trained so far."""
        data = self.task.draw(self.seed)
        subject = Subject(self.task, self.learner, (), self.seed, self.members, self.share, offers_of(data))
        return Bank(subject, data, self.runs)

    def run(self, need: Need) -> Run:
        """The run that `need` asks for, trained once."""
        if need.key() not in self.runs:
            self.runs[need.key()] = trained(self.bank.subject, self.bank.data, need)
        return self.runs[need.key()]

    def measure(self, probe: Probe) -> Answer:
        """What a probe answers here."""
        needs = probe.requires(self.bank.subject)
        if isinstance(needs, NotApplicable):
            return needs
        for need in needs:
            self.run(need)
        return probe.measure(self.bank)[0]

    def may_say(self, verdict: str) -> frozenset[str]:
        """Which outcomes of a verdict are true here, by what the labels are; others are judged by `truth`.

        Labels are wrong only where copies contradict one another, and worth checking only where some are wrong.
        """
        outcomes = {"passed", "withheld", "not applicable", "tip", "issue"}
        if verdict == "BH101":
            outcomes -= set() if self.contradictions else {"issue"}
            outcomes -= set() if self.wrong_labels or self.contradictions else {"tip"}
        return frozenset(outcomes)


@dataclass(frozen=True)
class World:
    """A name for people who read a test's output, and how to draw it; probes see neither."""

    name: str
    draw: Callable[[int], Draw] = field(repr=False)
