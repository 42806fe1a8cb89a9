"""What do the published measures of generalisation say of this network?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

import numpy as np
from pydantic import Field

from byheart.errors import InputRefused
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject, reason
from byheart.probes.generalization.measures.reference_models import (
    FIRST,
    Model,
    apart,
    decided,
    gap_name,
    gap_of,
    ranked_right,
    redrawn,
    scale,
    training_log,
)
from byheart.records.facts import FactTable
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by
from byheart.training.keep import Weights, middle

if TYPE_CHECKING:
    from byheart.maths.measures import Evidence, Measure

START, MIDDLE, END = (Weights(when=when) for when in ("start", "middle", "end"))
COSTLY = {"search", "gradients"}


class Measures(Probe):
    r"""What do the published measures of generalisation say of this network?

    Each of the 40 measures of Jiang et al. and some later ones, of the model trained on everything, as log10 (negative
    entropy in nats). None of them judges alone: beside it stand the same model at earlier epochs and, with `noise`,
    the same recipe trained on labels of which a share is redrawn at random. Of the pairs of these models whose gaps
    differ beyond their intervals, right = share that a measure orders as their gaps, ties half; ranked_right = mean of
    it over the measures of that paper that training can move. A gap is training accuracy less that on new examples
    whose labels are redrawn as often: of the clean test accuracy a, (1 - s) a + s/k.

    Measures that order all pairs the other way round: 0; as the gaps: 1. Rote and Oracle have no weights: not
    applicable. Cost: passes over the examples and singular values; with `noise` and `search` three models more, and
    some thousand passes. Fails when: the training set is not fitted, so that margins are not positive (said of each
    measure), or no two gaps differ clearly. Reference: Jiang et al. 2020, Fantastic generalization measures and where
    to find them, ICLR, appendix C.

    Attributes:
        search: whether measures that search or differentiate are computed, those of flatness and curvature.
        epochs: whether the model at its first and its middle checkpoint stands beside it.
        noise: shares of redrawn labels of further reference models.

    Example:
        >>> Measures.by_default().noise, Measures().chapter
        ((), 'generalization')
    """

    name: ClassVar[str] = "generalization/measures"
    poles: ClassVar[tuple[str, str]] = ("reversed", "as the gaps")
    cost: ClassVar[Cost] = "few models"
    outputs: ClassVar[tuple[str, ...]] = ("classes",)
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    fewest_members: ClassVar[int] = 1
    search: bool = True
    epochs: bool = True
    noise: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.25, 0.5, 1.0)

    @classmethod
    def by_default(cls) -> Self:
        """Without what has to be searched for or trained."""
        return cls(search=False, noise=())

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The model trained on everything and its references, with their weights."""
        if not subject.learner.fleet:
            return self.not_applicable("nothing kept", learner=subject.learner.name, keep="weights")
        return tuple({one.need.key(): one.need for one in self.models(subject).values()}.values())

    def models(self, subject: Subject) -> dict[str, Model]:
        """The model trained on everything, as `one model`, and its references by name."""
        checkpoints = subject.checkpoints()
        own = subject.whole().model_copy(update={"keep": (START, FIRST, MIDDLE, END)})
        found = {"one model": Model(own, END, -1)}
        if self.epochs:
            places = {FIRST: min(1, len(checkpoints) - 1), MIDDLE: checkpoints.index(middle(checkpoints))}
            of = {f"epoch {checkpoints[place]}": Model(own, keep, place) for keep, place in places.items()}
            found |= {name: one for name, one in of.items() if 0 < one.place < len(checkpoints) - 1}
        for share in self.noise:
            found[f"noise {share:g}"] = Model(redrawn(own, share), END, -1)
        return found

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """Every measure of the model and of its references, and which of them order the models as their gaps."""
        from byheart.maths.measures import measures_of

        models = {name: one for name, one in self.models(bank.subject).items() if one.need in bank}
        if "one model" not in models:
            return self.not_applicable("no runs", members=1), {}
        try:
            read = {name: self.evidence(bank, one) for name, one in models.items()}
            found = {name: measures_of(one, self.names_for(one)) for name, one in read.items()}
        except InputRefused as error:  # no layer that is a matrix, or weights that are no numbers
            why = f"It reads {error.expected}; this model is {error.came}."
            return self.not_applicable("other", why=why, advice=error.do), {}
        gaps = {name: made for name, one in models.items() if (made := gap_of(bank, one))}
        own = found["one model"]
        beside = max(gaps.keys() - {"one model"}, key=lambda name: (apart(gaps, name), name), default="one model")
        known = {name: one for name, one in own.items() if scale(one) is not None}
        pairs = decided(gaps)
        right = {name: share for name in known if (share := ranked_right(name, found, pairs)) is not None}
        quantities = {
            named(name): self._quantity(bank, name, one, found[beside].get(name)) for name, one in known.items()
        }
        quantities |= {gap_name(name): gap for name, gap in gaps.items()}
        facts = {
            "tables": {
                "measures": _table(known, found[beside], right),
                **({"skipped": _skipped(own)} if len(known) < len(own) else {}),
            },
            "details": {
                "search": self.search, "models": tuple(models), "reference": beside, "measures": len(own),
                "known": len(known), "counted": len(right), "pairs": len(pairs),
                "covered": read["one model"].coverage.share,
                "not_covered": read["one model"].coverage.skipped, "notes": tuple(read["one model"].notes),
            },
        }  # fmt: skip
        if len(models) == 1 and (gap := gap_name("one model")) in quantities:  # a survey compares the models of a grid
            return self.finding(quantities, headline=gap, **facts), {}
        if not right:
            why = reason("gaps alike", models=len(gaps))
            return self.finding(quantities, status="withheld", withheld=why, **facts), {}
        quantities["ranked_right"] = Quantity(
            value=float(np.mean(list(right.values()))), unit="share", null=0.5, n=len(bank.data.train), better="high",
            speaks_of="run", **interval_by("", None, "one model"),
        )  # fmt: skip
        poles = (Pole(name="reversed", value=0.0), Pole(name="as the gaps", value=1.0))
        return self.finding(quantities, headline="ranked_right", poles=poles, **facts), {}

    def evidence(self, bank: Bank, model: Model) -> Evidence:
        """One model, and as it was before training, with what it was trained on."""
        from byheart.maths.measures import Evidence, Search
        from byheart.training.kept_module import module_at

        subject, data, run = bank.subject, bank.data_of(model.need), bank[model.need]
        kept = model.keep, START
        final, start = (module_at(subject.learner, data, run, one.label, levers=subject.levers) for one in kept)
        search = Search(seed=subject.seed) if self.search else None
        log = training_log(subject, run, len(data.train), model.place)
        found = Evidence.of(final.module, start.module, (final.trained_on, data.train.y), log, search, "")
        if not found.layers:
            came = type(final.module).__name__
            raise InputRefused("linear or convolutional layers", f"{came}, which has none", "")
        return found

    def names_for(self, evidence: Evidence) -> list[str]:
        """The measures that are computed: not what costs much, unless asked for."""
        from byheart.maths.measures import ROWS

        if not self.search:
            return [name for name, row in ROWS.items() if not name.endswith("-fft") and not COSTLY & set(row.needs)]
        convolves = any(layer.weight.dim() > 2 for layer in evidence.layers)  # else they are the same
        return [name for name in ROWS if convolves or not name.endswith("-fft")]

    def _quantity(self, bank: Bank, name: str, one: Measure, noise: Measure | None) -> Quantity:
        from byheart.maths.measures import ROWS

        return Quantity(
            value=scale(one), unit="log10" if ROWS[name].logarithm else ROWS[name].unit, null=scale(noise),
            n=len(bank.data.train), better="low", speaks_of="run", **interval_by("", None, "one model"),
        )  # fmt: skip


def _table(known: Mapping[str, Measure], noise: Mapping[str, Measure], right: Mapping[str, float]) -> FactTable:
    """A row per measure: its number in the paper, what it is here and beside it, which pairs of models it orders."""
    from byheart.maths.measures import ROWS

    columns = {
        "measure": tuple(known),
        "number": tuple(ROWS[name].number for name in known),
        "logarithm": tuple(ROWS[name].logarithm for name in known),
        "here": tuple(scale(one) for one in known.values()),
        "reference": tuple(scale(noise.get(name)) for name in known),
        "ranked right": tuple(right.get(name) for name in known),
    }
    return FactTable(values=columns)


def _skipped(own: Mapping[str, Measure]) -> FactTable:
    """The measures without a value, and why."""
    without = {name: one for name, one in own.items() if scale(one) is None}
    why = tuple(one.reason or "no finite value" for one in without.values())
    return FactTable(values={"measure": tuple(without), "why": why})


def named(name: str) -> str:
    """The name of the quantity of a measure.

    Example:
        >>> named("steps-to-0.1")
        'steps_to_0_1'
    """
    return name.replace("-", "_").replace(".", "_")
