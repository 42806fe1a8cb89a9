"""Bank: the runs of a subject, which is all that reaches a probe; a need asks for some of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, InstanceOf

from byheart.learners.attribution_run import Questions
from byheart.learners.base import Learner
from byheart.levers.base import Lever
from byheart.records.spec import Spec
from byheart.tasks.base import Task
from byheart.tasks.data import Data
from byheart.training.keep import Keep
from byheart.training.run import Run


class Need(Spec):
    """Runs that a probe asks for: the subject's learner, or a baseline or pole of the same data.

    Attributes:
        members: how many models.
        share: part of the training examples that each sees; 1 means everything.
        checkpoints: epochs at which outcomes are kept, ascending.
        trail: number of first members whose training logits are kept at every checkpoint.
        learner: name of another learner in the place of the subject's; empty for the subject's.
        reseeded: the same subsets from other seeds.
        subsets: how they are drawn (`training.members.subsets`): `balanced`, contiguous `blocks`, `prefixes`, `all`.
        gap: of blocks and prefixes, the places beside what is left out that count as neither seen nor unseen.
        vary: settings other than the subject's, by path: `{"learner.hidden": (256,), "task.n": 500}`. A run that
            cannot be trained with them is missing from the bank (`need in bank`); the audit goes on.
        keep: what the runs leave beside outcomes, answered in `run.kept[keep.label]`; `Questions` record the training
            of the one member and answer in `run.attribution`.
    """

    kind: ClassVar[str] = "need"
    name: ClassVar[str] = "runs"
    members: int
    share: float
    checkpoints: tuple[int, ...] = (0,)
    trail: int = 0
    learner: str = ""
    reseeded: bool = False
    subsets: Literal["balanced", "blocks", "prefixes", "all"] = "balanced"
    gap: Annotated[int, Field(ge=0)] = 0
    vary: dict[str, Any] = Field(default_factory=dict)
    keep: tuple[InstanceOf[Keep], ...] = ()

    @property
    def questions(self) -> Questions | None:
        """What is asked of the recorded training; None where nothing is."""
        return next((one for one in self.keep if isinstance(one, Questions)), None)


@dataclass(frozen=True)
class Subject:
    """What is audited: a task, a learner, levers, and how many members on what share.

    `offers` says what is known of it beyond that: `oracle` (the task's truth is known), `test` (there is
    a test view), `table` (an example is a row of at most 100 columns), `canaries` (secrets were planted), `phases`
    (training has several), and the kind of output: `classes`, `values`, `tokens`. `phases` is how many follow one
    another in training.
    """

    task: Task
    learner: Learner
    levers: tuple[Lever, ...] = ()
    seed: int = 0
    members: int = 64
    share: float = 0.7
    offers: frozenset[str] = frozenset()
    phases: int = 1
    plain: Learner | None = None  # the learner before levers turned settings of it; None where none did
    turned: tuple[tuple[str, str], ...] = ()  # those settings, each with its value in words

    @property
    def seen_share(self) -> float:
        """Part of the training examples that a member is trained on, with what levers leave out."""
        return self.share * math.prod(lever.seen_part for lever in self.levers)

    def checkpoints(self) -> tuple[int, ...]:
        """Epochs through all phases, 0 first; in each phase on a Fibonacci grid, its last epoch last."""
        grid, a, b = [], 1, 2
        while a < self.epochs():
            grid.append(a)
            a, b = b, a + b
        starts = (0, *self.ends()[:-1])
        return (0, *(start + epoch for start in starts for epoch in (*grid, self.epochs()) if epoch))

    def epochs(self) -> int:
        """Epochs of a phase; 0 where there is no time course."""
        last = self.learner.steps()
        for lever in self.levers:
            last = lever.last_epoch(last)
        return last

    def ends(self) -> tuple[int, ...]:
        """The last epoch of each phase, counted through all of them."""
        return tuple(self.epochs() * (phase + 1) for phase in range(self.phases))

    def bank(self) -> Need:
        """The members on random subsets: the runs that most probes read."""
        points = self.checkpoints()
        trail = min(16, self.members) if len(points) > 1 else 0
        return Need(members=self.members, share=self.share, checkpoints=points, trail=trail)

    def whole(self) -> Need:
        """The one model trained on everything."""
        return Need(members=1, share=1.0, checkpoints=self.checkpoints())

    def baseline(self, learner: str) -> Need:
        """Another learner on the first of the same subsets: poles and baselines need no fine ranking."""
        return Need(members=min(16, self.members), share=self.share, learner=learner)


@dataclass(frozen=True)
class Bank:
    """The runs of a subject and its data; nothing else reaches a probe."""

    subject: Subject
    data: Data
    runs: Mapping[str, Run] = field(default_factory=dict)
    drawn: Mapping[str, Data] = field(default_factory=dict)  # of needs that vary the task, by key

    def __getitem__(self, need: Need) -> Run:
        return self.runs[need.key()]

    def data_of(self, need: Need) -> Data:
        """The data that the runs of `need` were trained on: other than `data` where it varies the task."""
        return self.drawn.get(need.key(), self.data)

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

    @property
    def changed(self) -> np.ndarray:
        """(n,) bool: the labels that were changed, by the audit's control or as noise; none where nobody knows."""
        changed = self.data.truth.changed
        return np.zeros(len(self.data.train), dtype=bool) if changed is None else changed

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
