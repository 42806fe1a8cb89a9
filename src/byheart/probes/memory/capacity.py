"""How many bits of random sequences does the model hold, and how many per parameter?"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from byheart.maths.memorisation.capacity import PUBLISHED, memorised_bits
from byheart.maths.statistics.student_mean import student_mean
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject
from byheart.probes.intervals import line
from byheart.records.facts import Axis, Curve
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, Unit, interval_by
from byheart.training.run import Run

MODELS = 4


class Capacity(Probe):
    r"""How many bits of random sequences does the model hold, and how many per parameter?

    held = sum_i max(0, reference - code_i) [bits] over the training sequences, code_i the bits that the model needs
    for sequence i, reference = length * log2(tokens): exact, for nobody can understand what is uniform. Means over
    models trained on everything. Whether it has reached its plateau takes subjects of growing n (`byheart study
    capacity`); one subject gives a lower bound of the capacity.

    Oracle, who knows that they are random: 0 % held. Rote: 100 %. Cost: four models trained on everything. Fails when:
    training is too short for so many sequences: a lower bound. Departs: Morris et al. train 10^6 steps on models of
    100,000 parameters and more. Reference: Morris et al. 2025, How much do language models memorize?, arXiv 2505.24832,
    section 3.

    Example:
        >>> Capacity().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/capacity"
    version: ClassVar[int] = 5
    cost: ClassVar[Cost] = "few models"
    outputs: ClassVar[tuple[str, ...]] = ("tokens",)
    needs: ClassVar[tuple[str, ...]] = ("oracle", "test")
    assumes: ClassVar[tuple[Assumption, ...]] = ()

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """Models trained on everything."""
        return (models(subject),)

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Bits held in total, as a share of all, and a parameter, each beside the same of unseen sequences."""
        best, run = bank.data.truth.best_loss_nats, bank[models(bank.subject)]
        if not best:  # as of copies: what can be foretold need not be held
            return self.not_applicable("nothing random"), {}
        reference = best / float(np.log(2))
        held, unseen = (_held(run, view, reference) for view in ("train", "test"))
        n, p = len(bank.data.train), int(run.about["parameters"])
        finding = self.finding(
            _quantities(held[-1], unseen[-1] * n / len(bank.data.views["test"]), n, n * reference, p),
            headline="share_held",
            poles=(
                Pole(name="Oracle", value=0.0, note="knows that they are random, and none of them"),
                Pole(name="Rote", value=1.0, note="a lookup table"),
            ),
            curves={"bits_held": _curve(run, held)} if len(run.checkpoints) > 1 else {},
            details={"reference_bits": reference, "models": len(run.members), "parameters": p, "published": PUBLISHED},
        )
        return finding, {"bits_held": np.maximum(0.0, reference - _code(run, "train", -1)).mean(0)}


def _curve(run: Run, held: np.ndarray) -> Curve:
    """Bits held at each checkpoint, over models."""
    axes = {"x_axis": Axis(name="epochs", unit="epochs"), "y_axis": Axis(name="bits held", unit="bits")}
    return Curve(**axes, x=run.checkpoints, **line([over_models(row) for row in held]))


class Mean(NamedTuple):
    """A mean over models with its 95 % interval."""

    value: float
    interval: tuple[float, float]


def over_models(values: np.ndarray) -> Mean:
    """The mean of some models' bits and Student's interval, cut at 0: nobody holds less than nothing.

    Example:
        >>> over_models(np.array([10.0, 10.0, 10.0]))
        Mean(value=10.0, interval=(10.0, 10.0))
    """
    mean, interval = student_mean(values, low=0.0)
    return Mean(mean, interval or (mean, mean))


def models(subject: Subject) -> Need:
    """A few models trained on everything."""
    return Need(members=MODELS, share=1.0, checkpoints=subject.checkpoints())


def _code(run: Run, view: str, checkpoint: int) -> np.ndarray:
    """(m, n) bits of each sequence under each model."""
    return run.views[view].loss_nats[checkpoint].astype(np.float64) / np.log(2)


def _held(run: Run, view: str, reference: float) -> np.ndarray:
    """(c, m) bits held of a view at each checkpoint by each model."""
    codes = [_code(run, view, c) for c in range(len(run.checkpoints))]
    return np.array([[memorised_bits(np.full(len(row), reference), row) for row in code] for code in codes])


def _quantities(held: np.ndarray, unseen: np.ndarray, n: int, offered: float, p: int) -> dict[str, Quantity]:
    (mean, (low, high)), null = over_models(held), float(unseen.mean())
    # models that agree to the last bit (all hold nothing, or everything) show no spread: no certainty either
    certain = low < high
    units: dict[str, tuple[Unit, float]] = {"bits_held": ("bits", 1.0), "share_held": ("share", offered)}
    if p:
        units["bits_held_a_parameter"] = ("bits/parameter", float(p))
    made = {}
    for name, (unit, by) in units.items():
        top = min(1.0, high / by) if unit == "share" else high / by
        interval = (low / by, max(top, mean / by)) if certain else None
        made[name] = Quantity(
            value=mean / by, unit=unit, null=null / by, n=n,
            **interval_by("Student's t over models", interval, "no spread"),
        )  # fmt: skip
    return made
