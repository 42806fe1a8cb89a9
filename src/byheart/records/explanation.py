"""Explanation: what one prediction is made of, and what would change it."""

from __future__ import annotations

from typing import Any

from byheart.records.spec import Record


class Share(Record):
    """A training example's part: credit or effect in nats of the margin, or a distance."""

    id: int
    label: str
    value: float


class Explanation(Record):
    """One prediction explained.

    Credit adds up: credit_total + decay + initial + remainder = margin_nats. It speaks of this run. Effect is the
    derivative of the margin by the example's weight in training: what leaving it out would take away, to first order.

    Attributes:
        view: `train`, `test`, or `yours`.
        id: the example's id there.
        noun: what an example is called.
        nouns: the same in plural.
        n: training examples.
        label: the class whose margin is explained.
        label_known: whether that is its label; else what the model says.
        says: what the model says.
        margin_nats: log p - log(1 - p) of that class under the one model trained on everything.
        steps: steps of its training.
        initial: margin before training.
        decay: credit of weight decay.
        remainder: what quadrature leaves over.
        credit_total: credit of all training examples together.
        credit_for: largest credits, with sign.
        credit_against: most negative credits.
        effect_for: largest effects: leaving one out would lower the margin by about this.
        effect_against: most negative effects: leaving one out would raise it.
        neighbours: nearest training examples, by distance.
        exhibits: what can be shown of them.
    """

    view: str
    id: int
    noun: str
    nouns: str
    n: int
    label: str
    label_known: bool
    says: str
    margin_nats: float
    steps: int
    initial: float
    decay: float
    remainder: float
    credit_total: float
    credit_for: tuple[Share, ...]
    credit_against: tuple[Share, ...]
    effect_for: tuple[Share, ...]
    effect_against: tuple[Share, ...]
    neighbours: tuple[Share, ...]
    exhibits: dict[str, Any]
