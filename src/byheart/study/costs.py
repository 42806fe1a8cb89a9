"""Costs: the CPU seconds and the peak memory of an audit before it is run, from its plan and the size of its data.

Constants were measured on the two-core build machine; `benchmarks/forecasts.py` compares them with audits.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from byheart.learners.neighbours import LIST
from byheart.maths.codes.passages import GRID
from byheart.maths.memorisation.bounded_search import bounded
from byheart.maths.statistics.binned_redraws import MANY
from byheart.probes.base import Subject
from byheart.probes.memory.influence import MANY_PAIRS
from byheart.records.finding import NotApplicable
from byheart.study.plan import Trial

BASELINES = 4  # that are trained beside the learner

# CPU seconds
START = 5.0  # Python's packages, drawing the page
READ = 2e-4  # an example: a row of a table is read, checked and hashed
TRIAL = 4.0  # of the way in which a fleet is trained
AGAIN = 2.0  # of an audit that the ledger has
WORKER = 5.0  # packages of training in each process that trains, after the first: who hands out work has none
OVERHEAD = 1.4  # of a training over its steps alone, in a trial: the best of three
FORWARD = 1 / 3  # of a step: outcomes at a checkpoint
ANSWER = 0.1  # each probe
OF_EXAMPLE = 2e-4  # all probes together
OF_OUTPUT = 3.7e-6  # all probes together, of each output of each member on each example
DUPLICATE = 1.9e-8  # of two examples that are compared for copies
INFLUENCE = 2e-8  # of a training and a new example: influence pairs
NUMBER = 4e-11  # of a number of two examples whose distance is taken
NEAREST = 1.2e-9  # of a member and two examples: the nearest are chosen
# of two examples where examples are many and a bound leaves few: copies, and a list of nearest neighbours
MANY_DUPLICATE, MANY_NEAREST = 2.6e-9, 9.4e-10
LOOKED_UP = 1.4e-6  # of a member and an example, in that list
CLOSED_INFLUENCE = 5e-9  # of a training and a new example, where the largest by chance is a closed form
IN_BINS = 4.1e-6  # less for a member and an example, where redraws count them in bins

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


def cpu_seconds(data: Any, subject: Subject, known: Trial | None, counts: Counts, jobs: int) -> float | None:
    """CPU seconds of the whole audit, workers too; None where the training is not timed before it runs."""
    if not counts.missing:
        return AGAIN
    each = known.cpu_seconds_a_member if known else None
    if each is None and counts.own:
        return None
    n, examples = _examples(data)
    fleet = subject.learner.fleet
    fixed = START + bool(known and fleet) * TRIAL + (jobs - 1) * WORKER + READ * examples
    answers = counts.measured * ANSWER + OF_EXAMPLE * n + OF_OUTPUT * n * subject.members * _outputs(data)
    answers -= IN_BINS * n * subject.members * (bool(counts.measured) and n * subject.members >= MANY)
    own = counts.own * (each or 0.0) * (OVERHEAD * _with_outcomes(subject, n, examples) if fleet else 1.0)
    return fixed + own + answers + bool(counts.measured) * _pairs(data, counts)


def _pairs(data: Any, counts: Counts) -> float:
    """CPU seconds of what compares every two examples: duplicates, influence pairs, and the nearest neighbours."""
    n, examples = _examples(data)
    members = [counts.baselines[name] for name in ("neighbours", "ten-neighbours") if counts.baselines.get(name)]
    pairs, asked = n * examples, n * len(data.views.get("test", ()))
    influence = (CLOSED_INFLUENCE if data.output.labelled and asked >= MANY_PAIRS else INFLUENCE) * asked
    if bounded(n, LIST):
        nearest = MANY_NEAREST * pairs * len(members) + LOOKED_UP * examples * sum(members)
        return MANY_DUPLICATE * pairs + influence + nearest
    nearest = NUMBER * data.train.x.size * examples * len(members) + NEAREST * pairs * sum(members)
    return DUPLICATE * pairs + influence + nearest


def _with_outcomes(subject: Subject, n: int, examples: int) -> float:
    """Cost of the steps and of the outcomes at checkpoints, over that of the steps."""
    shown = subject.learner.steps() * subject.seen_share * n
    return 1 + FORWARD * len(subject.checkpoints()) * examples / max(shown, 1.0)


def wall_seconds(cpu: float, jobs: int) -> float:
    """Seconds on a machine that has a core for every job."""
    return min(cpu, START) + max(cpu - START, 0.0) / jobs


def memory_bytes(data: Any, subject: Subject, known: Trial | None, jobs: int) -> int:
    """The most bytes that the audit's processes hold together, shared pages counted once: in the trial, or later."""
    copies = COPIES * 4 * sum(view.x.size for view in data.views.values())
    processes = DRIVER + jobs * (WORKERS_OWN + copies) if jobs > 1 else PROCESS + copies
    passed = PASS * 4 * data.train.x.size * data.output.k if data.output.passages else 0.0
    # who hands out work does not load torch to count: the trial was in a worker, and is over
    counted = known and known.way != "each" and (jobs == 1 or "torch" in sys.modules)
    trial = OF_PARAMETER * _parameters(subject.learner, data) * TRIED if counted else 0
    return int(processes + passed + max(trial, RUNS * run_bytes(data, subject)))


def _parameters(learner: Any, data: Any) -> int:
    import torch

    return sum(p.numel() for p in learner.build(data, torch.Generator()).parameters())


def run_bytes(data: Any, subject: Subject) -> int:
    """What the runs of the members and of the baselines hold: outcomes at checkpoints, outputs, trails."""
    m, k, points, (n, examples) = subject.members, _outputs(data), len(subject.checkpoints()), _examples(data)
    trail = min(16, m) * points * n * k * (4 if data.output.passages else 2) * (points > 1)
    bank = m * examples * (9 * points + 4 * k)
    return int(bank + trail + BASELINES * min(16, m) * examples * (9 + 4 * k))


def _examples(data: Any) -> tuple[int, int]:
    """Training examples, and examples of all views."""
    return len(data.train), sum(map(len, data.views.values()))


def _outputs(data: Any) -> int:
    """Numbers that a run keeps of a member's outputs on an example: of passages their lengths on the grid."""
    return len(GRID) if data.output.passages else data.output.k
