"""Which training examples is a prediction made of? The exact path decomposition of the recorded training."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from byheart.learners.attributed import Questions
from byheart.maths.kernels import fixed_coefficients
from byheart.maths.ranking import DatamodelScore
from byheart.maths.resampling import percentiles
from byheart.probes.attribution import (
    Asked,
    checked,
    drawn_mean,
    mean_interval,
    need,
    not_asked,
    own_share,
    shown,
    why_not,
)
from byheart.probes.base import Bank, Need, Probe, Subject
from byheart.records.chart import Axis, Chart, Line, Table
from byheart.records.figures import count, number, percent
from byheart.records.finding import Finding, NotApplicable, Pole
from byheart.records.quantity import Quantity

SPREAD_DRAWS = 400
GRID = 40


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
    asked: bool = True
    test: int = 16
    train: int = 32
    tolerance: float = 0.05  # of the remainder, above which steps are bisected, at twice the cost

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
        return need(subject, Questions(credit=True, test=self.test, train=self.train, tolerance=self.tolerance))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """How much of it comes from the example itself, how many stand behind a prediction, and who they are."""
        run = bank[self._recorded(bank.subject)]
        asked = Asked.of(bank, run)
        quantities = self._quantities(bank, asked)
        lds = checked(bank, asked.of_test("credit"), asked.test, self.rng(bank, "retrained"))
        if lds is not None:
            quantities["credit_lds"] = _compared(bank, lds, len(asked.test))
        return Finding(
            probe=self.name,
            question=f"Which training {bank.noun()} is a prediction made of?",
            headline="self_credit_share",
            says=f"of what is said of a training {bank.noun(1)} comes from that {bank.noun(1)} itself",
            quantities=quantities,
            poles=(Pole(name="Oracle", value=0.0), Pole(name="Rote", value=1.0)),
            body=self._body(bank, asked, quantities),
            charts=(_chart(bank, asked.of_test("credit")),),
            exhibits=shown(bank, asked, asked["credit"], "credit"),
            how=self._how(bank, run.about["attribution"], quantities),
            reference=self.reference,
        ), {}

    def _quantities(self, bank: Bank, asked: Asked) -> dict[str, Quantity]:
        n, changed = len(bank.data.train), bank.data.truth.changed
        part = 0.0 if changed is None else float(changed.mean())
        planted = np.zeros(len(asked.train), bool) if changed is None else changed[asked.train]
        credit, rng = asked["credit"], self.rng(bank, "queries")
        by = "interval: predictions drawn with replacement"
        found: dict[str, Quantity] = {}

        def put(name: str, value: float, interval, null: float, n: int, how: str, **more) -> None:
            ends = (min(float(interval[0]), value), max(float(interval[1]), value))
            found[name] = Quantity(
                value=value, interval=ends, null=null, n=n, how=f"{how}; {by}", speaks_of="run", **more
            )  # fmt: skip

        if len(asked.train):
            own = own_share(asked.of_train("credit"), asked.train)
            value, interval = drawn_mean(own, planted, part, rng)
            weighed = ", redrawn labels weighed as often as they are there" if planted.any() else ""
            put(
                "self_credit_share", value, interval, 1 / n, len(own),
                f"|credit of the example itself| over the sum of all |credits|, mean over predictions{weighed}; "
                "null: 1/n, all alike", unit="share",
            )  # fmt: skip
            if planted.any() and not planted.all():
                value, interval = mean_interval(own[planted], rng)
                put(
                    "self_credit_share_redrawn", value, interval, found["self_credit_share"].value, int(planted.sum()),
                    "the same of labels we redrew; null: that of all", unit="share",
                )  # fmt: skip
        new = np.abs(asked.of_test("credit"))
        behind = np.divide(new.sum(1) ** 2, (new**2).sum(1), out=np.zeros(len(new)), where=new.any(1))
        value, interval = mean_interval(behind, rng)
        put(
            "examples_behind", value, interval, float(n), len(new),
            "(sum |credit|)^2 / sum credit^2 of a new prediction, mean; null: n, all alike", unit="examples",
        )  # fmt: skip
        if changed is not None and changed.any():
            value, interval = mean_interval(_share(new[:, changed].sum(1), new.sum(1)), rng)
            put(
                "redrawn_credit_share", value, interval, part, len(new),
                "of the sum of |credits| of new predictions, what labels we redrew hold; null: their share of the "
                "examples", unit="share",
            )  # fmt: skip
        change = asked["output"] - asked["initial"]
        decay = np.abs(asked["decay"])
        value, interval = mean_interval(_share(decay, decay + np.abs(credit).sum(1)), rng)
        put("decay_share", value, interval, 0.0, len(credit), "|credit of weight decay| over all |credits|; null: 0",
            unit="share")  # fmt: skip
        value, interval = _relative(asked["remainder"], change, rng)
        put(
            "remainder_share", value, interval, 0.0, len(credit),
            "root mean square of what the quadrature missed over that of what training changed; null: 0, an identity",
            unit="share",
        )  # fmt: skip
        if "kernel" in asked:
            value, interval = _spread(asked["kernel"], credit, rng)
            put(
                "kernel_spread", value, interval, 0.0, len(credit),
                "part of the squared credits that one coefficient an example, the same for all predictions, leaves "
                "over; null: 0, a kernel machine (lazy)", unit="share",
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
            sentences.append(
                f"A label we redrew rests on itself more: {percent(redrawn.value)} [{low}, {high}]."
                if redrawn.interval[0] > quantities["self_credit_share"].value
                else f"Labels we redrew: {percent(redrawn.value)} [{low}, {high}], not clearly more."
            )
        if held := quantities.get("redrawn_credit_share"):
            sentences.append(
                f"They are {percent(held.null or 0)} of the {bank.noun()} and hold {percent(held.value)} of the credit "
                f"for new {bank.noun()}."
            )
        remainder = quantities["remainder_share"].value
        sentences.append(
            f"The credits add up to what the model says, but for a remainder of {percent(remainder, 2)} of the change."
        )
        if spread := quantities.get("kernel_spread"):
            sentences.append(
                f"With one fixed coefficient for each training {bank.noun(1)}, whatever the prediction, "
                f"{percent(1 - spread.value)} of the squared credits would be the same: so far it is a kernel machine."
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
        unit = {"classes": "nats of log odds of the label", "values": f"units of {bank.data.output.target}"}
        return (
            "The one model trained on everything is trained again from its key, its steps recorded "
            f"({count(about['steps'])}, weights kept at every {count(about['kept_every'])}, the others replayed bit "
            "for bit). Along each step the gradient of the prediction is averaged (2 Gauss points) and multiplied with "
            "the gradients of the examples of the batch, through momentum and Adam's metric. In "
            f"{unit.get(bank.data.output.kind, 'nats of log p of the passage')}.",
            f"Share of the weights by how their gradients were had: {how}. Steps bisected: {count(about['bisected'])}."
            + "".join(f" Note: {note}." for note in about["notes"]),
            "It speaks of this run: with another seed other examples of the same kind get the credit. Oracle 0, Rote "
            "1. Fails when examples act on one another inside a batch. Cost: one training, and about as much again a "
            "prediction.",
        )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _relative(remainder: np.ndarray, change: np.ndarray, rng: np.random.Generator) -> tuple[float, tuple]:
    rows = rng.integers(0, len(change), (1000, len(change)))
    whole = float((change**2).sum())
    if not whole:
        return 0.0, (0.0, 0.0)
    draws = np.sqrt((remainder[rows] ** 2).sum(1) / np.maximum((change[rows] ** 2).sum(1), 1e-300))
    return float(np.sqrt((remainder**2).sum() / whole)), percentiles(draws, 0.95)


def _spread(kernel: np.ndarray, credit: np.ndarray, rng: np.random.Generator) -> tuple[float, tuple]:
    """1 - share of `fixed_coefficients`; the jackknife over queries gives its interval.

    Drawn with replacement a query may be there twice, and one coefficient then fits both: the spread would be too low.
    """
    if not credit.any():
        return 0.0, (0.0, 0.0)
    q, value = len(credit), 1 - fixed_coefficients(kernel, credit).share
    left = np.array([
        1 - fixed_coefficients(np.delete(kernel, j, 0), np.delete(credit, j, 0)).share for j in range(q)
    ])  # fmt: skip
    error = 1.96 * float(np.sqrt((q - 1) / q * ((left - left.mean()) ** 2).sum()))
    return value, (max(0.0, value - error), min(1.0, value + error))


def _compared(bank: Bank, lds: DatamodelScore, q: int) -> Quantity:
    m = len(bank[bank.subject.bank()].members)
    return Quantity(
        value=lds.value, unit="correlation", interval=tuple(lds.interval), null=0.0, n=q, speaks_of="recipe",
        how=f"linear datamodeling score: Spearman over {m} members, trained on other subsets from other seeds, between "
        f"the credit of what each saw and what it says, mean over {q} new predictions; interval: members and "
        "predictions drawn with replacement together; ceiling unknown, one seed a subset; null: 0",
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
