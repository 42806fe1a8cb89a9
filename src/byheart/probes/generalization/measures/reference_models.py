"""Reference models: the model at earlier epochs, its recipe on redrawn labels; their gaps, and what follows them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from byheart.maths.statistics.paired import unpaired_difference
from byheart.probes.base import Bank, Need, Subject
from byheart.probes.intervals import share
from byheart.records.quantity import Quantity, interval_by
from byheart.training.keep import Weights
from byheart.training.run import Run

if TYPE_CHECKING:
    from byheart.maths.measures import Measure, TrainingLog

FIRST = Weights(when="first")
OF_ARCHITECTURE = ("vc-dim", "params")  # training does not move them


class Model(NamedTuple):
    """One model: the run that it is of, under what its weights were kept, and its place among the checkpoints."""

    need: Need
    keep: Weights
    place: int


def scale(one: Measure | None) -> float | None:
    """log10 of a measure, or its value where it has no logarithm; None where it has none that is finite."""
    if one is None or not one.applicable:
        return None
    value = one.value if one.log_value is None else one.log_value / math.log(10)
    return value if value is not None and math.isfinite(value) else None


def gap_of(bank: Bank, model: Model) -> Quantity | None:
    """Training accuracy of one model less that on new examples whose labels are redrawn as often."""
    views, data = bank[model.need].views, bank.data_of(model.need)
    if "test" not in views or not len(data.views["test"]):
        return None
    redrawn, k = data.truth.redrawn / len(data.train), data.output.k
    train = _accuracy(views["train"].correct[model.place, 0], bank.groups)
    test = (1 - redrawn) * _accuracy(views["test"].correct[model.place, 0], bank.data.new_copies) + redrawn / k
    value, low, high = map(float, unpaired_difference(test, train))
    return Quantity(
        value=value, unit="points", null=0.0, n=len(data.views["test"]), better="low", speaks_of="run",
        **interval_by("Newcombe, copies count as one", (low, high)),
    )  # fmt: skip


def _accuracy(right: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """(3,) the accuracy and its interval over examples, copies as one."""
    found = share(right, copies, null=None)
    return np.array([found.value, *(found.interval or (np.nan, np.nan))])


def decided(gaps: Mapping[str, Quantity]) -> list[tuple[str, str]]:
    """The pairs of models whose gaps differ beyond their intervals, the smaller gap first.

    Example:
        >>> made = {"unit": "points", "null": 0.0, "n": 9}
        >>> low = Quantity(value=0.1, interval=(0.0, 0.2), **made)
        >>> decided({"a": low, "b": low.model_copy(update={"interval": (0.3, 0.5)}), "c": low})
        [('a', 'b'), ('c', 'b')]
    """
    ends = {name: gap.interval for name, gap in gaps.items() if gap.interval}
    return [(a, b) for a in ends for b in ends if ends[a][1] < ends[b][0]]


def ranked_right(
    name: str, found: Mapping[str, Mapping[str, Measure]], pairs: Sequence[tuple[str, str]]
) -> float | None:  # fmt: skip
    """The share of the decided pairs that a measure orders as their gaps; None of one that is not compared."""
    from byheart.maths.measures import ROWS

    if ROWS[name].number is None or name in OF_ARCHITECTURE:
        return None
    both = [(scale(found[a].get(name)), scale(found[b].get(name))) for a, b in pairs]
    signs = [np.sign(b - a) for a, b in both if a is not None and b is not None]
    return float(np.mean([(sign + 1) / 2 for sign in signs])) if signs else None


def gap_name(model: str) -> str:
    """The quantity of the gap of a model.

    Example:
        >>> gap_name("noise 0.25"), gap_name("one model")
        ('noise_0_25_gap', 'one_model_gap')
    """
    return f"{model}_gap".replace(" ", "_").replace(".", "_")


def redrawn(need: Need, share: float) -> Need:
    """The same run on labels of which this share is redrawn."""
    return need.model_copy(update={"vary": {"task.flipped.share": share}})


def apart(gaps: Mapping[str, Quantity], name: str) -> float:
    """How far the gap of a reference lies from that of the model."""
    return abs(gaps[name].value - gaps["one model"].value) if "one model" in gaps else 0.0


def training_log(subject: Subject, run: Run, n: int, place: int) -> TrainingLog:
    """The course of the training loss up to a checkpoint, and the weights after epoch 1 where they were kept."""
    from byheart.maths.measures import TrainingLog

    steps, upto = math.ceil(n / min(n, subject.learner.batch)), len(run.checkpoints) if place < 0 else place + 1
    first = None
    if len(run.checkpoints) > 1 and run.checkpoints[1] == 1:
        first = {name: weights[0] for name, weights in run.kept[FIRST.label].items()}
    loss = run.views["train"].loss_nats[:upto, 0].astype(np.float64).mean(1)
    return TrainingLog(np.array(run.checkpoints[:upto]) * steps, loss, first)
