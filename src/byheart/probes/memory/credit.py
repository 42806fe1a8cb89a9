"""Which training examples is a prediction made of? The exact path decomposition of the recorded training."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from byheart.learners.attribution_run import Questions
from byheart.maths.statistics.resampling import Interval
from byheart.probes import attribution
from byheart.probes.attribution import (
    FEWEST_QUERIES,
    JACKKNIFE,
    MEAN,
    TYPICAL,
    Asked,
    estimated,
    jackknife,
    mean_interval,
    typical,
)
from byheart.probes.base import Assumption, Bank, Cost, Need, Probe, Subject, reason
from byheart.records.facts import Axis, Curve, FactTable
from byheart.records.finding import Finding, NotApplicable
from byheart.records.quantity import Quantity

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
    Every model learned by gradient descent is approximately a kernel machine, theorem 1 and equation 8.

    Example:
        >>> Credit().chapter
        'memory'
    """

    name: ClassVar[str] = "memory/credit"
    version: ClassVar[int] = 6
    cost: ClassVar[Cost] = "on request"
    needs: ClassVar[tuple[str, ...]] = ("test",)
    assumes: ClassVar[tuple[Assumption, ...]] = ()
    test: int = Field(16, ge=FEWEST_QUERIES)
    train: int = Field(32, ge=FEWEST_QUERIES)
    tolerance: float = Field(0.05, gt=0, le=0.05)  # of the remainder: above it steps are bisected, at twice the cost
    continuous: bool = False  # also ask Domingos' statement for infinitely small steps, at half the cost again

    def requires(self, subject: Subject) -> tuple[Need, ...] | NotApplicable:
        """The recorded model, and the bank, against which credit is held to show that it is not effect."""
        lacking = attribution.not_recorded(self, subject, "record")
        return lacking or (self._recorded(subject), subject.bank())

    def _recorded(self, subject: Subject) -> Need:
        return attribution.need(subject, Questions(credit=True, **self.model_dump()))

    def measure(self, bank: Bank) -> tuple[Finding | NotApplicable, dict[str, np.ndarray]]:
        """How much of it comes from the example itself, how many stand behind a prediction, and who they are."""
        asked = Asked.of(bank, bank[self._recorded(bank.subject)])
        if lacking := attribution.too_few(self, asked):
            return lacking, {}
        quantities = self._quantities(bank, asked)
        lds = attribution.checked(bank, asked.of_test("credit"), asked.test)
        if lds is not None:
            quantities["credit_lds"] = attribution.correlation(lds.value, lds.interval, len(asked.test))
        about, missed = asked.run.about["attribution"], quantities["remainder_share"].value
        layers = {"layer": tuple(about["coverage"]), "share_of_weights": tuple(about["coverage"].values())}
        half, held = _concentration(asked.of_test("credit"))
        named: dict[str, Any] = {
            "headline": "self_credit_share",
            "poles": attribution.POLES,
            "curves": {"share_held": held},
            "ranked": attribution.largest(bank, asked, asked["credit"]),
        }
        withheld = reason("remainder", share=missed)
        return self.finding(
            quantities,
            question=f"Which training {bank.noun()} is a prediction made of?",
            tables={"coverage": FactTable(values=layers)},
            details={
                **{name: about[name] for name in ("steps", "kept_every", "bisected")},
                "notes": tuple(about["notes"]), "examples_holding_half": half,
            },
            **named if missed <= self.tolerance else {"status": "withheld", "withheld": withheld},
        ), {}  # fmt: skip

    def _quantities(self, bank: Bank, asked: Asked) -> dict[str, Quantity]:
        n, changed, credit = len(bank.data.train), bank.data.truth.changed, asked["credit"]
        new, decay = np.abs(asked.of_test("credit")), np.abs(asked["decay"])
        change, q = asked["output"] - asked["initial"], len(credit)
        found = attribution.self_share(bank, asked, "credit")
        found["examples_behind"] = estimated(
            typical(_share(new.sum(1) ** 2, (new**2).sum(1))), float(n), len(new), TYPICAL, "examples"
        )
        if changed is not None and changed.any():
            found["redrawn_credit_share"] = estimated(
                mean_interval(_share(new[:, changed].sum(1), new.sum(1))), float(changed.mean()), len(new), MEAN
            )
        of_decay = mean_interval(_share(decay, decay + np.abs(credit).sum(1)))
        found["decay_share"] = estimated(of_decay, 0.0, q, MEAN)
        found["remainder_share"] = estimated(_relative(asked["remainder"], change), 0.0, q, JACKKNIFE)
        if "continuous" in asked:
            found["continuous_error"] = estimated(_relative(asked["continuous"], change), 0.0, q, JACKKNIFE)
        # with one visit an example, credit is push times kernel whatever the network
        several = bank.subject.learner.steps() > 1
        if "kernel" in asked and several and found["remainder_share"].value <= self.tolerance:
            found["kernel_spread"] = estimated(_spread(asked["kernel"], credit), 0.0, q, JACKKNIFE)
        return found


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
    # brings torch, which a page that asks nothing can do without
    from byheart.maths.attribution.kernels import fixed_coefficients

    if not credit.any():
        return 0.0, Interval(0.0, 0.0)
    return jackknife(lambda kept: 1 - fixed_coefficients(kernel[kept], credit[kept]).share, len(credit), 1.0)


def _concentration(credit: np.ndarray) -> tuple[int, Curve]:
    """How many examples hold half of the credit of a new prediction, and what the first so many of them hold."""
    size = np.sort(np.abs(credit), 1)[:, ::-1]
    held = (np.cumsum(size, 1) / np.maximum(size.sum(1, keepdims=True), 1e-300)).mean(0)
    n = len(held)
    at = np.unique(np.geomspace(1, n, GRID).round().astype(int))
    return int(np.searchsorted(held, 0.5)) + 1, Curve(
        x_axis=Axis(name="training examples, the largest credits first", unit="examples"),
        y_axis=Axis(name="share of all credit", unit="share"),
        x=tuple(at.astype(float).tolist()),
        y=tuple(held[at - 1].tolist()),
        null=tuple((at / n).tolist()),
    )
