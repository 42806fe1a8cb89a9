"""What do the published measures of generalisation say of this network?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

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
from byheart.probes.generalization.measures.tables import skipped, table_of
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity, interval_by
from byheart.training.keep import Weights, middle

if TYPE_CHECKING:
    from byheart.maths.measures import Evidence, Measure

START, MIDDLE, END = (Weights(when=when) for when in ("start", "middle", "end"))
COSTLY = {"search", "gradients"}
MIXED = ("davies-bouldin-mixup", "mixup-margin")  # of mixed examples: they load scikit-learn for one number


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
        models = {name: one for name, one in self.models(bank.subject).items() if one.need in bank}
        if "one model" not in models:
            return self.not_applicable("no runs", members=1), {}
        try:
            read = {name: self.read(bank, one) for name, one in models.items()}
        except InputRefused as error:  # no layer that is a matrix, or weights that are no numbers
            why = f"It reads {error.expected}; this model is {error.came}."
            return self.not_applicable("other", why=why, advice=error.do), {}
        gaps = {name: made for name, one in models.items() if (made := gap_of(bank, one))}
        found = {name: measures for name, (measures, _) in read.items()}
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
                "measures": table_of(known, found[beside], right),
                **({"skipped": skipped(own)} if len(known) < len(own) else {}),
            },
            "details": {
                "search": self.search, "models": tuple(models), "reference": beside, "measures": len(own),
                "known": len(known), "counted": len(right), "pairs": len(pairs),
                **read["one model"][1],
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

    def read(self, bank: Bank, model: Model) -> tuple[dict[str, Measure], dict[str, Any]]:
        """The measures of one model, and how much of it they read: its examples in double precision go again."""
        from byheart.maths.measures import measures_of

        evidence = self.evidence(bank, model)
        share, skipped = evidence.coverage
        facts = {"covered": share, "not_covered": skipped, "notes": tuple(evidence.notes)}
        return measures_of(evidence, self.names_for(evidence)), facts

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
            usual = [name for name in ROWS if not name.endswith("-fft") and name not in MIXED]
            return [name for name in usual if not COSTLY & set(ROWS[name].needs)]
        convolves = any(layer.weight.dim() > 2 for layer in evidence.layers)  # else they are the same
        return [name for name in ROWS if convolves or not name.endswith("-fft")]

    def _quantity(self, bank: Bank, name: str, one: Measure, noise: Measure | None) -> Quantity:
        from byheart.maths.measures import ROWS

        return Quantity(
            value=scale(one), unit="log10" if ROWS[name].logarithm else ROWS[name].unit, null=scale(noise),
            n=len(bank.data.train), better="low", speaks_of="run", **interval_by("", None, "one model"),
        )  # fmt: skip


def named(name: str) -> str:
    """The name of the quantity of a measure.

    Example:
        >>> named("steps-to-0.1")
        'steps_to_0_1'
    """
    return name.replace("-", "_").replace(".", "_")
