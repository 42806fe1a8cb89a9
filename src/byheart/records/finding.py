"""Finding: what a probe answers; or that the question does not apply; or that it failed."""

from __future__ import annotations

from typing import Literal

from byheart.records.balance import Balance
from byheart.records.chart import Chart, Table
from byheart.records.facts import Columns, Curve, Ranked, Scalar
from byheart.records.quantity import Quantity
from byheart.records.spec import Record


class Pole(Record):
    """One end of a scale: the value that `name` attains on this question."""

    name: str
    value: float
    note: str = ""


class Exhibits(Record):
    """Examples worth looking at: a titled row of ids, each with the words to stand under it.

    `groups` splits the row (first the labels we redrew, then those that came with the data).
    """

    title: str
    keys: tuple[str, ...] = ()
    groups: tuple[ExhibitGroup, ...] = ()


class Exhibit(Record):
    """One example by id and view, the lines under its picture and the sentence that says it all."""

    id: int
    view: str = "train"
    lines: tuple[str, ...] = ()
    sentence: str = ""


class ExhibitGroup(Record):
    """A labelled group of exhibits; `ring` marks the labels we redrew ourselves."""

    label: str
    ring: bool = False
    shown: tuple[Exhibit, ...] = ()


class Withheld(Record):
    """Why a number is withheld, and what would lift it at what cost."""

    reason: str
    would_do: str


class Finding(Record):
    """The answer of one probe: quantities first, then the words, charts and examples of its card.

    Attributes:
        status: `measured`, or `withheld` (the evidence stays, the headline number goes).
        probe: `chapter/quantity`.
        question: one sentence a newcomer understands.
        headline: name of the quantity in large type; empty when withheld.
        says: what the headline number counts, after it ("of the training images score 0.25 or more").
        quantities: name -> Quantity.
        poles: the two ends of the scale, low pole first; empty draws no scale.
        facts: extra label/text rows of the card ("measured", "would do").
        body: sentences under the number.
        charts: pictures; the first one is drawn beside the words.
        exhibits: rows of examples.
        tables: small tables by name, shown in the card.
        how: paragraphs of "How was this computed?": formula, interval, null, fails when, cost.
        reference: author, year, title, equation.
        curves: lines with their bands and nulls, by name.
        columns: small tables of facts, by name.
        ranked: examples by rank with their figures, by name.
        details: single facts beside the quantities that a card needs: counts, settings, what was chosen.
        withheld: set when status is `withheld`.
        balance: where the recipe stands, from the probe that knows.
    """

    status: Literal["measured", "withheld"] = "measured"
    probe: str
    question: str
    headline: str = ""
    says: str = ""
    quantities: dict[str, Quantity]
    poles: tuple[Pole, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    body: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    exhibits: tuple[Exhibits, ...] = ()
    tables: dict[str, Table] = {}
    how: tuple[str, ...] = ()
    reference: str
    curves: dict[str, Curve] = {}
    columns: dict[str, Columns] = {}
    ranked: dict[str, Ranked] = {}
    details: dict[str, Scalar | tuple[Scalar, ...]] = {}
    withheld: Withheld | None = None
    balance: Balance | None = None


class NotApplicable(Record):
    """The question does not apply, why, and what to offer instead. Never a zero."""

    status: Literal["not applicable"] = "not applicable"
    probe: str
    question: str
    reason: str
    offer: str = ""


class Failed(Record):
    """The probe failed; the others went on."""

    status: Literal["failed"] = "failed"
    probe: str
    question: str
    error: str


Exhibits.model_rebuild()

Answer = Finding | NotApplicable | Failed


def answer_from(document: dict) -> Answer:
    """The record that `document` (a parsed JSON object) holds."""
    kinds = {"not applicable": NotApplicable, "failed": Failed}
    return kinds.get(document["status"], Finding).model_validate(document)
