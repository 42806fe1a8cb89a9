"""Which training examples is a prediction made of? The exact path decomposition of the recorded training."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from byheart.learners.attribution_run import Questions
from byheart.maths.statistics.ranking import DatamodelScore
from byheart.maths.statistics.resampling import Interval
from byheart.probes.attribution import (
    FEWEST_QUERIES,
    Asked,
    checked,
    jackknife,
    mean_interval,
    need,
    not_asked,
    own_share,
    shown,
    too_few,
    typical,
    weighed,
    why_not,
)
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.records.chart import Axis, Chart, Line, Table
from byheart.records.figures import count, number, percent
from byheart.records.finding import Finding, NotApplicable, Pole, Withheld
from byheart.records.quantity import Quantity

GRID = 40
TYPICAL = "interval: Student's t on the logarithms"
MEAN = "interval: Student's t over predictions"
JACKKNIFE = "interval: jackknife over predictions"


class Credit(Probe):
    r"""Which training examples is a prediction made of?

    f(x; theta_T) = f(x; theta_0) + sum_i A_i(x) + R(x) + remainder: the one model trained on everything is trained
    again while every step is recorded, and what each step did to the prediction is split over the examples of its
    batch. An identity, up to the remainder, which is printed. Of a training example i: self_credit_share =
    |A_i(x_i)| / sum_j |A_j(x_i)| [0 to 1]. Of a new one: examples_behind = (sum |A|)^2 / sum A^2 [1 to n].

    Rote: 1, each prediction is made of its own example. Oracle: 0, nothing was learned. Cost: one training, and about
    as much again a prediction. Fails when: examples act on one another inside a batch (batch statistics: refused).
    Reference: Bell et al. 2023, An exact kernel equivalence for finite classification models, theorem 4; Domingos 2020,
    Every model learned by gradient descent is approximately a kernel machine.

    Example:
        >>> Credit().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/credit"
    on_request: ClassVar[bool] = True
    question: ClassVar[str] = "Which training examples is a prediction made of?"
    reference: ClassVar[str] = (
        "Bell et al. 2023, An exact kernel equivalence for finite classification models, theorem 4; Domingos 2020, "
        "Every model learned by gradient descent is approximately a kernel machine, theorem 1 and equation 8"
    )
    version: ClassVar[int] = 3
    asked: bool = True
    test: int = Field(16, ge=FEWEST_QUERIES)
    train: int = Field(32, ge=FEWEST_QUERIES)
    tolerance: float = Field(0.05, gt=0, le=0.05)  # of the remainder: above it steps are bisected, at twice the cost
    continuous: bool = False  # also ask Domingos' statement for infinitely small steps, at half the cost again

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The recorded model, and the bank, against which credit is held to show that it is not effect."""
        if reason := why_not(subject):
            return self.not_applicable(reason, "Record your own loop with byheart.record, and ask path_credit.")
        if "test" not in subject.offers:
            return self.not_applicable("There are no new examples.", "Give a test set.")
        if not self.asked:
            return not_asked(self)
        return self._recorded(subject), subject.bank()

    def _recorded(self, subject: Subject) -> Need:
        return need(subject, Questions(credit=True, **self.model_dump(exclude={"asked"})))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """How much of it comes from the example itself, how many stand behind a prediction, and who they are."""
        run = bank[self._recorded(bank.subject)]
        asked = Asked.of(bank, run)
        if lacking := too_few(self, asked):
            return lacking, {}
        quantities = self._quantities(bank, asked)
        lds = checked(bank, asked.of_test("credit"), asked.test)
        if lds is not None:
            quantities["credit_lds"] = _compared(bank, lds, len(asked.test))
        missed = quantities["remainder_share"].value
        adds_up = missed <= self.tolerance
        return Finding(
            status="measured" if adds_up else "withheld",
            probe=self.name,
            question=f"Which training {bank.noun()} is a prediction made of?",
            headline="self_credit_share" if adds_up else "",
            says=f"of the credit, for and against, behind what is said of a training {bank.noun(1)} is its own"
            if adds_up
            else "",
            quantities=quantities,
            poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=1.0)) if adds_up else (),
            body=self._body(bank, asked, quantities) if adds_up else (),
            charts=(_chart(bank, asked.of_test("credit")),) if adds_up else (),
            exhibits=shown(bank, asked, asked["credit"], "credit") if adds_up else (),
            withheld=None if adds_up else Withheld(
                reason=f"the credits do not add up: {percent(missed)} of what training changed is missing",
                would_do="smaller steps would: training is too rough for its steps to be read along straight lines",
            ),
            how=self._how(bank, run.about["attribution"], quantities),
            reference=self.reference,
        ), {}  # fmt: skip

    def _quantities(self, bank: Bank, asked: Asked) -> dict[str, Quantity]:
        n, changed = len(bank.data.train), bank.data.truth.changed
        part = 0.0 if changed is None else float(changed.mean())
        planted = np.zeros(len(asked.train), bool) if changed is None else changed[asked.train]
        credit, found = asked["credit"], {}

        def put(name: str, estimate: tuple, null: float, n: int, how: str, unit="share", by=TYPICAL) -> None:
            value, (low, high) = estimate
            found[name] = Quantity(
                value=value, unit=unit, interval=(min(low, value), max(high, value)), null=null, n=n,
                how=f"{how}; {by}", speaks_of="run",
            )  # fmt: skip

        own = own_share(asked.of_train("credit"), asked.train)
        scale = ", redrawn labels weighed as often as they are there" if planted.any() else ""
        put(
            "self_credit_share", typical(own, weighed(planted, part)), 1 / n, len(own),
            f"|credit of the example itself| over the sum of all |credits|, geometric mean over predictions{scale}; "
            "null: 1/n, all alike",
        )  # fmt: skip
        if planted.sum() >= FEWEST_QUERIES:
            put(
                "self_credit_share_redrawn", typical(own[planted]), found["self_credit_share"].value,
                int(planted.sum()), "the same of labels we redrew; null: that of all",
            )  # fmt: skip
        new = np.abs(asked.of_test("credit"))
        behind = _share(new.sum(1) ** 2, (new**2).sum(1))
        put(
            "examples_behind", typical(behind), float(n), len(new),
            "(sum |credit|)^2 / sum credit^2 of a new prediction, geometric mean; null: n, all alike", "examples",
        )  # fmt: skip
        if changed is not None and changed.any():
            put(
                "redrawn_credit_share", mean_interval(_share(new[:, changed].sum(1), new.sum(1))), part, len(new),
                "of the sum of |credits| of new predictions, what labels we redrew hold, mean; null: their share of "
                "the examples", by=MEAN,
            )  # fmt: skip
        decay = np.abs(asked["decay"])
        put(
            "decay_share", mean_interval(_share(decay, decay + np.abs(credit).sum(1))), 0.0, len(credit),
            "|credit of weight decay| over all |credits|, mean; null: 0", by=MEAN,
        )  # fmt: skip
        change = asked["output"] - asked["initial"]
        put(
            "remainder_share", _relative(asked["remainder"], change), 0.0, len(credit),
            "root mean square of what the quadrature missed over that of what training changed; null: 0, an identity",
            by=JACKKNIFE,
        )  # fmt: skip
        if "continuous" in asked:
            put(
                "continuous_error", _relative(asked["continuous"], change), 0.0, len(credit),
                "root mean square of what the statement for infinitely small steps misses, its gradients taken at the "
                "start of each step, over that of what training changed; null: 0, gradient flow", by=JACKKNIFE,
            )  # fmt: skip
        visits = bank.subject.learner.steps()
        # with one visit an example, credit is push times kernel whatever the network
        if "kernel" in asked and visits > 1 and found["remainder_share"].value <= self.tolerance:
            put(
                "kernel_spread", _spread(asked["kernel"], credit), 0.0, len(credit),
                f"part of the squared credits of these {len(credit)} predictions that one coefficient an example, the "
                "same for all, leaves over (more predictions leave more); null: 0, one coefficient fits all",
                by=JACKKNIFE,
            )  # fmt: skip
        return found

    def _body(self, bank: Bank, asked: Asked, quantities: dict[str, Quantity]) -> tuple[str, ...]:
        behind, n = quantities["examples_behind"], len(bank.data.train)
        sentences = [
            f"Behind the prediction of a new {bank.noun(1)} stand about {number(behind.value)} of {count(n)} training "
            f"{bank.noun()}, counted by the weight they carry."
        ]
        if (redrawn := quantities.get("self_credit_share_redrawn")) and redrawn.interval:
            low, high = (number(100 * end, 1) for end in redrawn.interval)
            above = redrawn.interval[0] > (quantities["self_credit_share"].interval or (0.0, 1.0))[1]
            sentences.append(
                f"A label we redrew rests on itself more: {percent(redrawn.value)} [{low}, {high}]."
                if above
                else f"Labels we redrew: {percent(redrawn.value)} [{low}, {high}], not clearly more."
            )
        if held := quantities.get("redrawn_credit_share"):
            sentences.append(
                f"Redrawn labels are {percent(held.null or 0)} of the {bank.noun()} and hold {percent(held.value)} of "
                f"the credit, for and against, behind new {bank.noun()}."
            )
        remainder = quantities["remainder_share"].value
        sentences.append(
            f"The credits add up to what the model says, but for a remainder of {percent(remainder, 2)} of the change."
        )
        if flow := quantities.get("continuous_error"):
            sentences.append(
                f"Domingos' statement, which is for infinitely small steps, misses {percent(flow.value)} of the change."
            )
        if spread := quantities.get("kernel_spread"):
            sentences.append(
                f"With one fixed coefficient for each training {bank.noun(1)}, whatever the prediction, "
                f"{percent(1 - spread.value)} of the squared credits would be the same."
            )
        if lds := quantities.get("credit_lds"):
            low, high = lds.interval or (0.0, 0.0)
            sentences.append(
                "Credit says where a prediction came from, not what would happen without an example: its rank "
                f"correlation with real retrainings is {number(lds.value, 2)} [{number(low, 2)}, {number(high, 2)}]."
            )
        return tuple(sentences)

    def _how(self, bank: Bank, about, quantities: dict[str, Quantity]) -> tuple[str, ...]:
        how = ", ".join(f"{name} {percent(part, 0)}" for name, part in about["coverage"].items())
        every = about["kept_every"]
        kept = "all weights kept" if every == 1 else f"weights kept at every {count(every)}, the others made again"
        unit = {"classes": "nats of log odds of the label", "values": f"units of {bank.data.output.target}"}
        return (
            "The one model trained on everything is trained again from its key, its steps recorded "
            f"({count(about['steps'])}, {kept}). Along each step the gradient of the prediction is averaged (2 Gauss "
            "points) and multiplied with the gradients of the examples of the batch, through momentum and Adam's "
            "metric. In "
            f"{unit.get(bank.data.output.kind, 'nats of log p of the passage')}.",
            f"Share of the weights by how their gradients were had: {how}. Steps bisected: {count(about['bisected'])}."
            + "".join(f" Note: {note}." for note in about["notes"]),
            "It speaks of this run: with another seed other examples of the same kind get the credit. Oracle 0, Rote "
            "1. Fails when examples act on one another inside a batch. Cost: one training, and about as much again a "
            "prediction.",
        )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _relative(remainder: np.ndarray, change: np.ndarray) -> tuple[float, Interval]:
    """Root mean square of the remainder over that of the change."""

    def value(kept: np.ndarray) -> float:
        return float(np.sqrt((remainder[kept] ** 2).sum() / max((change[kept] ** 2).sum(), 1e-300)))

    if not change.any():
        return 0.0, Interval(0.0, 0.0)
    return jackknife(value, len(change), np.inf)


def _spread(kernel: np.ndarray, credit: np.ndarray) -> tuple[float, Interval]:
    """1 - share of `fixed_coefficients`.

    No bootstrap: a query drawn twice would be fitted by one coefficient, and the spread be too low.
    """
    from byheart.maths.attribution.kernels import (
        fixed_coefficients,  # brings torch, which a page that asks nothing can do without
    )

    if not credit.any():
        return 0.0, Interval(0.0, 0.0)
    return jackknife(lambda kept: 1 - fixed_coefficients(kernel[kept], credit[kept]).share, len(credit), 1.0)


def _compared(bank: Bank, lds: DatamodelScore, q: int) -> Quantity:
    m = len(bank[bank.subject.bank()].members)
    return Quantity(
        value=lds.value, unit="correlation", interval=tuple(lds.interval), null=0.0, n=q, speaks_of="recipe",
        how=f"linear datamodeling score: Spearman over {m} members, trained on other subsets from other seeds, between "
        f"the credit of what each saw and what it says, mean over {q} new predictions; interval: jackknife over "
        "members and predictions; ceiling unknown, one seed a subset; null: 0",
    )  # fmt: skip


def _chart(bank: Bank, credit: np.ndarray) -> Chart:
    """How much of the credit do the first so many examples hold?"""
    size = np.sort(np.abs(credit), 1)[:, ::-1]
    total = np.maximum(size.sum(1, keepdims=True), 1e-300)
    held = (np.cumsum(size, 1) / total).mean(0)
    n = len(held)
    at = np.unique(np.geomspace(1, n, GRID).round().astype(int))
    half = int(np.searchsorted(held, 0.5)) + 1
    rows = tuple((count(int(x)), percent(float(held[x - 1])), percent(float(x / n))) for x in at[:: GRID // 12])
    return Chart(
        title=f"Share of the credit that the first so many {bank.noun()} hold",
        description=f"{count(half)} of {count(n)} training {bank.noun()} hold half of the credit of a new prediction.",
        x=Axis(title=f"training {bank.noun()}, the largest credits first", log=True, format="count"),
        y=Axis(title="share of all credit", domain=(0.0, 1.0), format="percent"),
        lines=(
            Line(label="measured", role="ink", x=tuple(at.astype(float)), y=tuple(held[at - 1])),
            Line(label="all alike", role="null", x=tuple(at.astype(float)), y=tuple(at / n)),
        ),
        reading=f"Read at 50\u202f%: the {count(half)} {bank.noun()} with the largest credits hold half of it. A "
        "lookup table would stand at 100\u202f% from the first on; the dashed line is credit spread evenly.",
        table=Table(columns=(bank.noun(), "share of the credit", "if all were alike"), rows=rows),
    )
