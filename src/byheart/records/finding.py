"""Finding: what a probe answers; or that the question does not apply; or that it failed."""

from __future__ import annotations

from typing import Literal

from byheart.records.balance import Balance
from byheart.records.facts import Curve, FactTable, Ranked, Scalar
from byheart.records.quantity import Quantity
from byheart.records.reason import Reason
from byheart.records.spec import Record


class Pole(Record):
    """One end of a scale: the value that `name` attains on this question."""

    name: str
    value: float
    note: str = ""


class Finding(Record):
    """The answer of one probe: its quantities and whatever else its card says, as facts.

    Attributes:
        status: `measured`, or `withheld` (the evidence stays, the headline number goes).
        probe: `chapter/quantity`.
        question: one sentence a newcomer understands.
        headline: name of the quantity in large type; empty when withheld.
        quantities: name -> Quantity.
        poles: the two ends of the scale, low pole first; empty draws no scale.
        reference: author, year, title, equation.
        curves: lines with their bands and nulls, by name.
        tables: small tables of facts, by name.
        ranked: examples by rank with their figures, by name.
        details: single facts beside the quantities that a card needs: counts, settings, what was chosen.
        withheld: why, set when status is `withheld`.
        balance: where the recipe stands, from the probe that knows.
    """

    status: Literal["measured", "withheld"] = "measured"
    probe: str
    question: str
    headline: str = ""
    quantities: dict[str, Quantity]
    poles: tuple[Pole, ...] = ()
    reference: str
    curves: dict[str, Curve] = {}
    tables: dict[str, FactTable] = {}
    ranked: dict[str, Ranked] = {}
    details: dict[str, Scalar | tuple[Scalar | Reason, ...]] = {}
    withheld: Reason | None = None
    balance: Balance | None = None


class NotApplicable(Record):
    """The question does not apply, and why. Never a zero."""

    status: Literal["not applicable"] = "not applicable"
    probe: str
    question: str
    reason: Reason


class Failed(Record):
    """The probe failed; the others went on."""

    status: Literal["failed"] = "failed"
    probe: str
    question: str
    error: str


Answer = Finding | NotApplicable | Failed


def answer_from(document: dict) -> Answer:
    """The record that `document` (a parsed JSON object) holds."""
    kinds = {"not applicable": NotApplicable, "failed": Failed}
    return kinds.get(document["status"], Finding).model_validate(document)
