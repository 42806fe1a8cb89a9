"""Did it learn features of its own, or was it lazy: a fixed kernel that was fitted?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused
from byheart.maths.statistics.resampling import resampling_weights
from byheart.probes.base import Assumption, Bank, Need, Probe, Subject
from byheart.probes.generalization.laziness.course import END, MIDDLE, START, Course, moments
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by

FEWEST, DRAWS = 8, 300  # inputs; resamples of them


class Laziness(Probe):
    r"""Did it learn features of its own, or was it lazy: a fixed kernel that was fitted?

    K_t(x, x') = sum of the products of the gradients of equal outputs at epoch t, of the model trained on everything,
    on inputs drawn by id from the training examples. kernel_distance = 1 - <K_0, K_T> / (|K_0| |K_T|) from the start to
    the end; velocity: the same between two moments, over the epochs between. alignment = cosine of the centred kernel
    and the centred targets. relative_motion = |w_T - w_0| / |w_0|. linearisation_gap = accuracy (R2) on new examples of
    the model less that of its first derivative at the start.

    A linearised model: distance 0; a kernel that has nothing of the first: 1. Rote and Oracle have no weights: not
    applicable. Cost: no training of its own; three kernels. Fails when: training is scaled so that it is lazy and the
    kernel is good from the start: lazy is no fault. Reference: Chizat, Oyallon, Bach 2019, On lazy training in
    differentiable programming; Fort et al. 2020, Deep learning versus kernel learning, section 3; Baratin et al. 2021,
    Implicit regularization via neural feature alignment.

    Attributes:
        inputs: how many training examples the kernels are taken of.

    Example:
        >>> Laziness().inputs, Laziness().chapter
        (64, 'generalization')
    """

    name: ClassVar[str] = "generalization/laziness"
    version: ClassVar[int] = 2
    poles: ClassVar[tuple[str, str]] = ("linearised", "another kernel")
    outputs: ClassVar[tuple[str, ...]] = ("classes", "values")
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    fewest_members: ClassVar[int] = 1
    inputs: Annotated[int, Field(ge=FEWEST)] = 64

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The model trained on everything, with its weights at the start, in the middle and at the end."""
        if not subject.learner.fleet:
            return self.not_applicable("nothing kept", learner=subject.learner.name, keep="weights")
        return (self.own(subject),)

    def own(self, subject: Subject) -> Need:
        """The one run that is read."""
        return subject.whole().model_copy(update={"keep": (START, MIDDLE, END)})

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Kernels of the moments, how far they turned, and the model were it linear."""
        from byheart.maths.kernels import relative_motion, trace_of_outputs
        from byheart.probes.generalization.laziness.linear_model import linearisation

        run, rows = bank[self.own(bank.subject)], self.rows(bank)
        if len(rows) < FEWEST:
            return self.not_applicable("few examples", examples=len(rows), needed=FEWEST), {}
        models = dict(moments(bank, run))
        try:
            kernels = {t: trace_of_outputs(kept.module, kept.inputs["train"][rows]) for t, kept in models.items()}
        except InputRefused as error:  # an output that depends on the batch or on chance
            return self.not_applicable("other", why=f"It takes {error.expected}; got {error.came}."), {}
        weights = np.concatenate(list(resampling_weights(len(rows), self.rng(bank, "bootstrap"), DRAWS)))
        course = Course(kernels, bank.data.output.one_hot(bank.data.train.y[rows]), weights)
        start, end = ({name: value[0] for name, value in run.kept[one.label].items()} for one in (START, END))
        trained = [name for name, p in models[0].module.named_parameters() if p.requires_grad]
        before, after = ({name: of[name] for name in trained} for of in (start, end))
        motion = Quantity(
            value=relative_motion(before, after), unit="ratio", null=0.0, n=len(bank.data.train), speaks_of="run",
            **interval_by("", None, "exact"),
        )  # fmt: skip
        finding = self.finding(
            {
                **course.turns(),
                **course.alignments(self.rng(bank, "shuffle")),
                **course.ranks(),
                "relative_motion": motion,
                **linearisation(bank, models[0], models[max(models)], end, self.rng(bank, "test")),
            },
            headline="kernel_distance",
            poles=(Pole(name="linearised", value=0.0), Pole(name="another kernel", value=1.0)),
            curves=course.curves(),
            tables={"layers": _layers(before, after)},
            details={"epochs": tuple(kernels), "inputs": len(rows), "parameters": int(run.about["parameters"])},
        )
        return finding, {}

    def rows(self, bank: Bank) -> np.ndarray:
        """Training examples as they came, one of each group of copies, drawn by id."""
        ids = bank.data.train.ids
        order = np.argsort(ids, kind="stable")[self.rng(bank, "inputs").permutation(len(ids))]
        order = order[(bank.counted & np.logical_not(bank.changed))[order]]
        _, first = np.unique(bank.groups[order], return_index=True)
        return order[np.sort(first)][: self.inputs]


def _layers(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> FactTable:
    """How far each parameter moved; those that started at 0 have no length to compare with."""
    from byheart.maths.kernels import relative_motion

    moved = {name: relative_motion({name: before[name]}, {name: after[name]}) for name in before}
    finite = tuple(value if np.isfinite(value) else None for value in moved.values())
    return FactTable(values={"parameter": tuple(moved), "motion": finite}, units={"motion": "ratio"})
