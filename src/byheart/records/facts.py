"""Facts of a finding beside its quantities: curves, small tables, ranked examples. No sentence, no digit rounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, FiniteFloat, model_validator

from byheart.records.quantity import Unit
from byheart.records.spec import Record

Scalar = bool | int | FiniteFloat | str | None


def _plain(column: Any) -> Any:
    """An array as the list of its Python numbers; all else as it came."""
    return column.tolist() if hasattr(column, "tolist") else column


Column = Annotated[tuple[Scalar, ...], BeforeValidator(_plain)]
Numbers = Annotated[tuple[FiniteFloat, ...], BeforeValidator(_plain)]
NumbersAndGaps = Annotated[tuple[FiniteFloat | None, ...], BeforeValidator(_plain)]
Counts = Annotated[tuple[int, ...], BeforeValidator(_plain)]

# figures of a listed example that are part of it
OF_EXAMPLES = frozenset({"label", "predicted", "clean", "text", "label_of_copy"})


class Axis(Record):
    """What runs along an axis of a curve: its name and unit."""

    name: str
    unit: Unit | Literal[""] = ""


class Curve(Record):
    """A line over an axis with its 95 % band and its value under "no effect"; a gap is a None.

    Attributes:
        x_axis: what runs along `x`, ascending.
        y_axis: what is measured.
        x: positions.
        y: values, one per position.
        low: lower ends of the band, one per position; empty where there is none.
        high: upper ends.
        null: the values under no effect, one per position, or empty.
        n: examples or models behind each value, or empty.
    """

    x_axis: Axis
    y_axis: Axis
    x: Numbers
    y: NumbersAndGaps
    low: NumbersAndGaps = ()
    high: NumbersAndGaps = ()
    null: NumbersAndGaps = ()
    n: Counts = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in ("y", "low", "high", "null", "n"):
            length = len(getattr(self, name))
            if length != len(self.x) and not (length == 0 and name != "y"):
                raise ValueError(f"a curve over {len(self.x)} positions has as many {name}, got {length}")
        if len(self.low) != len(self.high):
            raise ValueError("a band has both ends")
        return self


class FactTable(Record):
    """A small table of facts: columns of equal length by name, as tuples, lists or arrays, some with `units`."""

    values: dict[str, Column]
    units: dict[str, Unit] = {}

    @model_validator(mode="after")
    def _even(self) -> Self:
        lengths = {name: len(column) for name, column in self.values.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of a table are of one length, got {lengths}")
        for name in self.units:
            cells = self.values.get(name, (f"no such column: {name}",))
            if any(isinstance(cell, str | bool) for cell in cells):
                raise ValueError(f"a column with a unit holds numbers and gaps alone, got {cells}")
        return self

    @classmethod
    def matrix(cls, side: str, rows: Sequence[Scalar], columns: Sequence[str], cells: Any, unit: Unit) -> Self:
        """Numbers of one unit by row and column, `side` the name of what stands before the rows.

        Example:
            >>> FactTable.matrix("after", ("phase 1",), ("first", "second"), [[0.9, 0.1]], "accuracy").rows()
            [{'after': 'phase 1', 'first': 0.9, 'second': 0.1}]
        """
        values = dict(zip(columns, zip(*_plain(cells), strict=True), strict=True))
        return cls(values={side: tuple(rows), **values}, units=dict.fromkeys(columns, unit))

    def rows(self) -> list[dict[str, Scalar]]:
        """A dict per row.

        Example:
            >>> FactTable(values={"epoch": (1, 2), "bits": (0.5, None)}).rows()
            [{'epoch': 1, 'bits': 0.5}, {'epoch': 2, 'bits': None}]
        """
        return [dict(zip(self.values, row)) for row in zip(*self.values.values(), strict=True)]


class Ranked(Record):
    """Examples by rank, first come first: their ids in a view and their figures, a column each.

    Figures are what a card says of an example: scores, counts of members, the code of its label (`label`,
    `predicted`, `clean` before it was redrawn: an index of classes, or a value), whether its label was redrawn
    (`redrawn`). Of a document that hides examples nothing but ids, scores and counts are left.
    """

    view: str = "train"
    ids: Counts
    figures: dict[str, Column] = {}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name, column in self.figures.items():
            if len(column) != len(self.ids):
                raise ValueError(f"{len(self.ids)} ranked examples have as many {name}, got {len(column)}")
        return self

    def rows(self) -> list[dict[str, Scalar]]:
        """A dict per example, `id` first."""
        return FactTable(values={"id": self.ids, **self.figures}).rows()
