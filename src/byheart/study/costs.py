"""Costs: the CPU seconds and the peak memory of an audit before it is run, from its plan and the size of its data.

Constants were measured on the two-core build machine; `benchmarks/forecasts.py` compares them with audits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from byheart.maths.codes.passages import GRID
from byheart.probes.base import Subject
from byheart.records.finding import NotApplicable
from byheart.study.plan import Trial

BASELINES = 4  # that are trained beside the learner

# CPU seconds
START = 8.0  # Python's packages, drawing the page
READ = 4e-4  # an example: a row of a table is read, checked and hashed
TRIAL = 4.0  # of the way in which a fleet is trained
AGAIN = 2.0  # of an audit that the ledger has
WORKER = 5.0  # packages of each worker process
OVERHEAD = 1.4  # of a training over its steps alone, in a trial: the best of three
FORWARD = 1 / 3  # of a step: outcomes at a checkpoint
ANSWER = 0.1  # each probe
OF_EXAMPLE = 3e-4  # all probes together
OF_OUTPUT = 3.7e-6  # all probes together, of each output of each member on each example
DUPLICATE = 1.9e-8  # of two examples that are compared for copies
INFLUENCE = 2e-8  # of a training and a new example: influence pairs
NUMBER = 4e-11  # of a number of two examples whose distance is taken
NEAREST = 1.2e-9  # of a member and two examples: the nearest are chosen

# bytes
PROCESS = 430e6  # of Python and its packages, where one process does everything
DRIVER = 160e6  # of the process that hands out work and has no package of training, and of what workers share
WORKERS_OWN = 245e6  # of a worker process, beside what it shares
COPIES = 3.0  # of the data as float32
PASS = 10.0  # of the outputs of one model on all places of all passages
OF_PARAMETER = 16.0  # of a model in training: weights, slopes, and the optimizer's two moments
TRIED = 1 + 8 + 16 + 32  # models that the trial of a fleet holds at once
RUNS = 2.5  # of what the runs hold: the arrays themselves, and those that a probe makes of them


class Counts(NamedTuple):
    """Steps of a plan, and what is to do: members of the learner, of each baseline, and answers."""

    steps: int
    missing: int
    own: int
    baselines: Mapping[str, int]
    measured: int
    not_applicable: tuple[NotApplicable, ...] = ()


@dataclass(frozen=True)
class Costs:
    """What the audit of a subject takes, by its data and the trial of its fleet (None: there is none)."""

    data: Any
    subject: Subject
    trial: Trial | None
    jobs: int

    def cpu_seconds(self, counts: Counts) -> float | None:
        """CPU seconds of the whole audit, workers too; None where the training is not timed before it runs."""
        if not counts.missing:
            return AGAIN
        each = self.trial.cpu_seconds_a_member if self.trial else None
        if each is None and counts.own:
            return None
        workers = (self.jobs > 1) * self.jobs * WORKER
        fixed = START + (self.trial is not None) * TRIAL + workers + READ * self._examples
        answers = OF_EXAMPLE * self._n + OF_OUTPUT * self._n * self.subject.members * self._outputs
        own = counts.own * (each or 0.0) * OVERHEAD * self._with_outcomes()
        return fixed + own + counts.measured * ANSWER + answers + bool(counts.measured) * self._pairs(counts)

    def wall_seconds(self, cpu: float) -> float:
        """Seconds on a machine that has a core for every job."""
        alone = min(cpu, START)
        return alone + (cpu - alone) / self.jobs

    def memory_bytes(self) -> int:
        """The most bytes that the audit's processes hold together, shared pages counted once, in the trial or later."""
        data, batched = self.data, self.trial and self.trial.way != "each"
        copies = COPIES * 4 * sum(view.x.size for view in data.views.values())
        processes = DRIVER + self.jobs * (WORKERS_OWN + copies) if self.jobs > 1 else PROCESS + copies
        passed = PASS * 4 * data.train.x.size * data.output.k if data.output.passages else 0.0
        trial = OF_PARAMETER * _parameters(self.subject.learner, data) * TRIED if batched else 0
        return int(processes + passed + max(trial, RUNS * self.run_bytes()))

    def run_bytes(self) -> int:
        """What the runs of the members and of the baselines hold: outcomes at checkpoints, outputs, trails."""
        m, k, points = self.subject.members, self._outputs, len(self.subject.checkpoints())
        trail = min(16, m) * points * self._n * k * (4 if self.data.output.passages else 2) * (points > 1)
        bank = m * self._examples * (9 * points + 4 * k)
        return int(bank + trail + BASELINES * min(16, m) * self._examples * (9 + 4 * k))

    @property
    def _n(self) -> int:
        return len(self.data.train)

    @property
    def _examples(self) -> int:
        """Examples of all views."""
        return sum(len(view) for view in self.data.views.values())

    @property
    def _outputs(self) -> int:
        """Numbers that a run keeps of a member's outputs on an example: of passages their lengths on the grid."""
        return len(GRID) if self.data.output.passages else self.data.output.k

    def _pairs(self, counts: Counts) -> float:
        """CPU seconds of what compares every two examples: duplicates, influence pairs, and the nearest neighbours."""
        n, examples = self._n, self._examples
        spent = DUPLICATE * n * examples + INFLUENCE * n * len(self.data.views.get("test", ()))
        for name in ("neighbours", "ten-neighbours"):
            if members := counts.baselines.get(name, 0):
                spent += n * examples * (NUMBER * self.data.train.x.size / max(1, n) + NEAREST * members)
        return spent

    def _with_outcomes(self) -> float:
        """Cost of the steps and of the outcomes at checkpoints, over that of the steps."""
        learner = self.subject.learner
        shown = learner.epochs * self.subject.share * self._n if learner.fleet else float("inf")
        return 1 + FORWARD * len(self.subject.checkpoints()) * self._examples / max(shown, 1.0)


def _parameters(learner: Any, data: Any) -> int:
    import torch

    return sum(p.numel() for p in learner.build(data, torch.Generator()).parameters())
