"""World: a small data set whose true headline values are known by derivation, not by an estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

from scipy.stats import binom

from byheart.learners.base import Learner
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.records.finding import Answer, NotApplicable
from byheart.registry import find, names
from byheart.tasks.base import Task
from byheart.testing.banks import data_for, offers_of, trained
from byheart.training.run import Run
from byheart.verdicts.base import Verdict

JUDGED = frozenset({"passed", "tip", "issue"})


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
        says: code of a verdict -> what it may judge here, where that is known beyond `truth`.
        members: how many models.
        share: part of the examples that each sees.
        seed: root seed of the subsets and of the learner.
        runs: those trained so far, by the key of their need.
        answers: those measured so far, by class and key of their probe.
    """

    task: Task
    learner: Learner
    truth: Mapping[str, Bounds]
    wrong_labels: bool = False
    contradictions: bool = False
    says: Mapping[str, frozenset[str]] = field(default_factory=dict)
    members: int = 24
    share: float = 0.7
    seed: int = 0
    runs: dict[str, Run] = field(default_factory=dict, repr=False, compare=False)
    answers: dict[tuple[type, str], Answer] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def bank(self) -> Bank:
        """The data, and the runs trained so far."""
        data = self.task.draw(self.seed)
        asked = self.task, self.learner, (), self.seed, self.members, self.share
        return Bank(Subject(*asked, offers_of(data), len(data.courses)), data, self.runs)

    def run(self, need: Need) -> Run:
        """The run that `need` asks for, trained once."""
        if need.key() not in self.runs:
            self.runs[need.key()] = trained(self.bank.subject, data_for(self.bank.subject, self.bank.data, need), need)
        return self.runs[need.key()]

    def measure(self, probe: Probe) -> Answer:
        """What a probe answers here, measured once."""
        if (asked := (type(probe), probe.key())) not in self.answers:
            needs = probe.requires(self.bank.subject)
            if isinstance(needs, NotApplicable):
                return needs
            for need in needs:
                self.run(need)
            self.answers[asked] = probe.measure(self.bank)[0]
        return self.answers[asked]

    def may_say(self, verdict: Verdict) -> frozenset[str]:
        """Which outcomes of a verdict are true here, by what is known of labels and of the time course.

        To withhold and not to apply is always allowed. A label, example or person is accused (an issue) only where
        copies contradict one another, and called worth checking (a tip) only where some labels are wrong.
        """
        outcomes = self.says.get(verdict.name, JUDGED)
        if verdict.accuses:
            outcomes -= frozenset() if self.contradictions else {"issue"}
            outcomes -= frozenset() if self.wrong_labels or self.contradictions else {"tip"}
        return outcomes | {"withheld", "not applicable"}

    @cached_property
    def findings(self) -> dict[str, Answer]:
        """What every known probe answers here, plug-ins included."""
        return {name: self.measure(find("probe", name)()) for name in names("probe")}


@dataclass(frozen=True)
class World:
    """A name for people who read a test's output, and how to draw it; probes see neither."""

    name: str
    draw: Callable[[int], Draw] = field(repr=False)

    @cache  # noqa: B019  worlds live as long as the process, and their runs serve all suites
    def at(self, seed: int) -> Draw:
        """The draw of a seed, with all that was trained and measured on it."""
        return self.draw(seed)


def always_wrong(worlds: Iterable[World], wrong: Callable[[Draw], Mapping[str, str]], draws: int) -> list[str]:
    """What is wrong in each of the first `draws` draws of a world, with the figures of the last.

    A 95 % interval misses three times in a row by chance in 1 of 8,000 cases. Another draw is looked at only where
    something was wrong in all before, so that sound estimators cost one draw a world.

    Args:
        worlds: where to look.
        wrong: what is wrong in one draw: what it is -> its figures.
        draws: how often the same must be wrong.
    """
    found = []
    for world in worlds:
        left = dict(wrong(world.at(0)))
        for seed in range(1, draws):
            if not left:
                break
            again = wrong(world.at(seed))
            left = {what: again[what] for what in left.keys() & again.keys()}
        found += [f"{world.name}: {what} {figures}" for what, figures in sorted(left.items())]
    return found


def allowed(draws: int) -> int:
    """How many of so many 95 % intervals may miss: as many as chance exceeds in 1 of 1,000 cases.

    Example:
        >>> allowed(3), allowed(40)
        (2, 7)
    """
    return int(binom.isf(1e-3, draws, 0.05))
