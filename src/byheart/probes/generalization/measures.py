"""What do the published measures of generalisation say of this network?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field
from torch import nn

from byheart.maths.measures import ROWS, Measure, Search, TrainingLog, compute
from byheart.maths.statistics.effective_sample_size import worth
from byheart.maths.statistics.paired import unpaired_difference
from byheart.maths.statistics.ranks import wilson
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by
from byheart.training.keep import Weights
from byheart.training.kept_module import module_at
from byheart.training.run import Run

START, END, COURSE = Weights(when="start"), Weights(), Weights(when="checkpoints")
OF_ARCHITECTURE = ("vc-dim", "params")


class Measures(Probe):
    r"""What do the published measures of generalisation say of this network?

    Each of the 40 measures of Jiang et al. and some later ones, of the model trained on everything, as log10 (negative
    entropy in nats). None of them judges alone: beside it stands the same recipe trained on labels of which a share
    is redrawn at random, which must generalise worse. told = share of the measures of that paper that are larger
    there, ties half; those of the architecture alone are not counted.

    A network that was itself trained on random labels: 50 %; one that every measure tells from it: 100 %. Rote and
    Oracle have no weights: not applicable. Cost: one model more; with `search` three, and some thousand passes
    over the examples. Fails when: the training set is not fitted, so that margins are not positive (said of each
    measure). Reference: Jiang et al. 2020, Fantastic generalization measures and where to find them, ICLR, appendix C.

    Attributes:
        search: whether measures of flatness and curvature are computed, which search or differentiate.
        noise: shares of redrawn labels of the reference models, the largest last.

    Example:
        >>> Measures.by_default().noise, Measures().chapter
        ((1.0,), 'generalization')
    """

    name: ClassVar[str] = "generalization/measures"
    poles: ClassVar[tuple[str, str]] = ("random labels", "all told")
    cost: ClassVar[Cost] = "few models"
    outputs: ClassVar[tuple[str, ...]] = ("classes",)
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    fewest_members: ClassVar[int] = 1
    search: bool = True
    noise: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.25, 0.5, 1.0)

    @classmethod
    def by_default(cls) -> Self:
        """Without what has to be searched for, beside one reference."""
        return cls(search=False, noise=(1.0,))

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The model trained on everything and its references, with their weights."""
        if not subject.learner.fleet:
            return self.not_applicable("nothing kept", learner=subject.learner.name, keep="weights")
        return (self.own(subject), *self.references(subject).values())

    def own(self, subject: Subject) -> Need:
        """The model trained on everything."""
        course = (COURSE,) if self.search else ()
        return subject.whole().model_copy(update={"keep": (START, END, *course)})

    def references(self, subject: Subject) -> dict[float, Need]:
        """The same recipe on labels of which a share is redrawn."""
        own = self.own(subject)
        return {share: own.model_copy(update={"vary": {"task.flipped.share": share}}) for share in self.noise}

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Every measure of the model and of its references, and which tell them apart."""
        need, references = self.own(bank.subject), self.references(bank.subject)
        if need not in bank:
            return self.not_applicable("no runs", members=1), {}
        own = self.of_model(bank, need)
        beside = {share: self.of_model(bank, of) for share, of in references.items() if of in bank}
        known = {name: one for name, one in own.items() if _scale(one) is not None}
        worst = beside.get(max(beside, default=0.0), {})
        told = _told(known, worst)
        quantities = {_named(name): self._quantity(bank, name, one, worst.get(name)) for name, one in known.items()}
        if told:
            quantities["told_from_noise"] = Quantity(
                value=float(np.mean(list(told.values()))), unit="share", null=0.5, n=len(bank.data.train),
                better="high", speaks_of="run", **interval_by("", None, "one model"),
            )  # fmt: skip
        quantities |= self._gaps(bank, need, references)
        finding = self.finding(
            quantities,
            headline="told_from_noise" if told else next(iter(quantities), ""),
            poles=(Pole(name="random labels", value=0.5), Pole(name="all told", value=1.0)) if told else (),
            tables={
                "measures": _table(known, worst, told),
                **({"skipped": _skipped(own)} if len(known) < len(own) else {}),
            },
            details={
                "search": self.search,
                "noise": self.noise,
                "measures": len(own),
                "known": len(known),
                "told": len(told),
            },
        )
        return finding, {}

    def of_model(self, bank: Bank, need: Need) -> dict[str, Measure]:
        """Every measure of one model."""
        subject, data, run = bank.subject, bank.data_of(need), bank[need]
        final, start = (module_at(subject.learner, data, run, one.label, levers=subject.levers) for one in (END, START))
        names = [name for name, row in ROWS.items() if self.search or "search" not in row.needs]
        if not any(isinstance(part, nn.Conv2d) for part in final.module.modules()):
            names = [name for name in names if not name.endswith("-fft")]  # of a matrix they are what they are without
        return compute(
            final.module, start.module, (final.trained_on, data.train.y), log=_log(subject, run, len(data.train)),
            search=Search(seed=subject.seed) if self.search else None, names=names,
        )  # fmt: skip

    def _quantity(self, bank: Bank, name: str, one: Measure, noise: Measure | None) -> Quantity:
        return Quantity(
            value=_scale(one), unit="log10" if ROWS[name].logarithm else "nats", null=_scale(noise),
            n=len(bank.data.train), better="low", speaks_of="run", **interval_by("", None, "one model"),
        )  # fmt: skip

    def _gaps(self, bank: Bank, own: Need, references: Mapping[float, Need]) -> dict[str, Quantity]:
        """Training less test accuracy of each model."""
        found = {}
        noise = {f"noise_{share:g}".replace(".", "_"): one for share, one in references.items()}
        for name, need in {"one_model": own, **noise}.items():
            if need not in bank or "test" not in bank[need].views:
                continue
            train, test = (
                _accuracy(bank[need].views[view].correct[-1, 0], copies)
                for view, copies in (("train", bank.groups), ("test", bank.data.new_copies))
            )
            value, low, high = map(float, unpaired_difference(test, train))
            more = {"n": len(bank.data.views["test"]), "better": "low", "speaks_of": "run"}
            found[f"{name}_gap"] = Quantity(
                value=value, unit="points", null=0.0, **more, **interval_by("Wilson over examples", (low, high))
            )
        return found


def _accuracy(right: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """(3,) the accuracy and its interval over examples, copies as one."""
    share, draws = float(right.mean()), worth(copies)
    return np.array([share, *wilson(share * draws, draws)])


def _scale(one: Measure | None) -> float | None:
    """log10 of a measure, or its value where it has no logarithm; None where it has none that is finite."""
    if one is None or not one.applicable:
        return None
    value = one.value if one.log_value is None else one.log_value / math.log(10)
    return value if value is not None and math.isfinite(value) else None


def _told(known: Mapping[str, Measure], noise: Mapping[str, Measure]) -> dict[str, float]:
    """Whether each measure is larger on random labels: 1, 0, and a half where they are the same."""
    counted = (name for name in known if ROWS[name].number is not None and name not in OF_ARCHITECTURE)
    pairs = {name: (_scale(known[name]), _scale(noise.get(name))) for name in counted}
    return {name: (np.sign(b - a) + 1) / 2 for name, (a, b) in pairs.items() if a is not None and b is not None}


def _table(known: Mapping[str, Measure], noise: Mapping[str, Measure], told: Mapping[str, float]) -> FactTable:
    """A row a measure: its number in the paper, what it is here and on random labels, and whether it tells them."""
    columns = {
        "measure": tuple(known),
        "number": tuple(ROWS[name].number for name in known),
        "here": tuple(_scale(one) for one in known.values()),
        "random labels": tuple(_scale(noise.get(name)) for name in known),
        "larger there": tuple(told.get(name) for name in known),
    }
    return FactTable(values=columns)


def _skipped(own: Mapping[str, Measure]) -> FactTable:
    """The measures without a value, and why."""
    without = {name: one for name, one in own.items() if _scale(one) is None}
    why = tuple(one.reason or "no finite value" for one in without.values())
    return FactTable(values={"measure": tuple(without), "why": why})


def _named(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


def _log(subject: Subject, run: Run, n: int) -> TrainingLog:
    """The course of the training loss, and the weights after epoch 1 where they were kept."""
    steps = math.ceil(n / min(n, subject.learner.batch))
    first = None
    if COURSE.label in run.kept and 1 in run.checkpoints:
        kept, place = run.kept[COURSE.label], run.checkpoints.index(1)
        first = {name: kept[name][place, 0] for name in kept}
    loss = run.views["train"].loss_nats[:, 0].astype(np.float64).mean(1)
    return TrainingLog(np.array(run.checkpoints) * steps, loss, first)
