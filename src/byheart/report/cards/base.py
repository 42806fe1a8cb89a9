"""What a card is, and what cards know of the subject of an audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from byheart.records.facts import FactTable, Scalar
from byheart.records.formatting import label_text
from byheart.records.quantity import Quantity
from byheart.report.chart import Cell, Chart, Table
from byheart.report.examples import Exhibit, ExhibitGroup, Exhibits, key
from byheart.report.kinds import Words, words


@dataclass(frozen=True)
class Card:
    """What the report says of a finding.

    Attributes:
        says: what the headline number counts, after it.
        rows: extra label/text rows beside the scale.
        body: sentences under the number.
        charts: pictures; the first one is drawn beside the words.
        exhibits: rows of examples.
        tables: small tables by name.
        how: paragraphs of "How was this computed?".
        notes: for each quantity one sentence on how value, interval and null were made.
    """

    says: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    body: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    exhibits: tuple[Exhibits, ...] = ()
    tables: Mapping[str, Table] = field(default_factory=dict)
    how: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class About:
    """What cards know of the subject of an audit: its data, what an example is called, its members."""

    kind: str = "classes"
    noun: str = "example"
    nouns: str = "examples"
    target: str = "label"
    n: int = 0
    n_test: int = 0
    k: int = 0
    classes: tuple[str, ...] = ()
    members: int = 0
    share: float = 0.7
    names: Mapping[str, str] = field(default_factory=dict)  # what the user calls the examples that are shown

    @classmethod
    def of(cls, subject: Mapping[str, Any]) -> About:
        """From the `subject` of a document."""
        known = {name: subject[name] for name in cls.__dataclass_fields__ if subject.get(name) is not None}
        return cls(**{**known, "classes": tuple(subject.get("classes") or ())})

    @property
    def words(self) -> Words:
        """What is said of the kind of output."""
        return words(self.kind)

    def named(self, n: int = 2) -> str:
        """What an example is called, for n of them."""
        return self.noun if n == 1 else self.nouns

    def name(self, ident: Any, view: str = "train") -> str:
        """What an example is called: by the user, else by its id.

        Example:
            >>> about = About(names={"train:3": "patient 7"})
            >>> about.name(3), about.name(3, "test")
            ('patient 7', '3')
        """
        return self.names.get(key(view, ident), str(ident))

    def label(self, code: Any) -> str:
        """A label or value as a reader is shown it: the class of a code, a value; nothing for a passage.

        Example:
            >>> About(classes=("cat", "dog")).label(1), About(kind="values").label(0.123456)
            ('dog', '0.1235')
        """
        return "" if self.words.passages else label_text(code, self.classes)


def shortfall(understood: Quantity) -> Quantity | None:
    """By how much models do worse than a blind guess on what they have not seen; None where they may not.

    No part of a whole is below 0: where the whole interval of understood is, nothing is understood, and this is said.

    Example:
        >>> shortfall(Quantity(value=-0.2, unit="share", interval=(-0.3, -0.1), null=0.0, n=320)).interval
        (0.1, 0.3)
    """
    if understood.interval is None or understood.interval[1] >= 0:
        return None
    low, high = understood.interval
    return understood.model_copy(update={"value": -understood.value, "interval": (-high, -low)})


Row = dict[str, Scalar]


def apart(rows: Iterable[Row], exhibit: Callable[[Row], Exhibit], others: str = "") -> tuple[ExhibitGroup, ...]:
    """Ranked rows as groups of examples: labels that were redrawn, marked by a ring, and the others."""
    rows = list(rows)
    split = ("labels we redrew", True), (others or "labels as they came", False)
    return tuple(
        ExhibitGroup(label=label, ring=ring, shown=tuple(map(exhibit, chosen)))
        for label, ring in split
        if (chosen := [row for row in rows if bool(row.get("redrawn")) is ring])
    )


def cells(density: FactTable, x: str, y: str) -> tuple[Cell, ...]:
    """Cells of a map from the columns `x_from`, `x_to`, `y_from`, `y_to` and `examples`."""
    return tuple(
        Cell(x=(row[f"{x}_from"], row[f"{x}_to"]), y=(row[f"{y}_from"], row[f"{y}_to"]), count=row["examples"])
        for row in density.rows()
    )
