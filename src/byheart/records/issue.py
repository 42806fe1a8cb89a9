"""Issue: one example that a finding names, what is measured of it, and what to do about it."""

from __future__ import annotations

from itertools import islice
from typing import Literal, Self

from pydantic import model_validator

from byheart.records.facts import OF_EXAMPLES, Column, Scalar
from byheart.records.quantity import Unit
from byheart.records.reason import Reason
from byheart.records.spec import Record

IssueKind = Literal[
    "label worth checking", "contradicting copy", "duplicate", "leaked into test", "memorised", "exposed"
]
FigureUnit = Unit | Literal["probability", ""]
Ident = int | str  # the user's name of an example, or without one its position


class Figure(Record):
    """One thing measured of an example: its value, what it is counted in, and what it means."""

    value: Scalar
    unit: FigureUnit
    means: str


class Issue(Record):
    """One example, and why it is worth a look.

    Attributes:
        kind: what it is an issue of.
        id: what the user calls the example; without a name its position.
        position: where it stands in the user's data, counted from 0; of a test set given apart, in that.
        view: `train` or `test`.
        label: its label or value in words; empty for passages and where examples are hidden.
        figures: what was measured of it, by name.
        others: ids of the examples that it is a copy of, training examples all.
        n_others: how many these are in all; `others` holds the first of a large group.
        suggestion: what to do.
        planted: the issue is one of a label that byheart redrew itself, as a control or as noise asked for.
    """

    kind: IssueKind
    id: Ident
    position: int
    view: str = "train"
    label: str = ""
    figures: dict[str, Figure] = {}
    others: tuple[Ident, ...] = ()
    n_others: int = 0
    suggestion: str
    planted: bool = False


class FigureColumn(Record):
    """A figure of all examples of a list, one value each."""

    values: Column
    unit: FigureUnit
    means: str


class IssueList(Record):
    """The issues of one kind as columns, or why there can be none.

    Attributes:
        kind: of all its issues.
        rule: what puts an example on the list.
        suggestion: what to do about each.
        view: of all its examples.
        reason: why the question has no answer here, where it has none; the list is then empty.
        judged: or the sentence of the verdict that does not support such a list.
        ids, positions, labels, planted, others, n_others: a column each; see `Issue`.
        figures: columns by name.
    """

    kind: IssueKind
    rule: str
    suggestion: str
    view: str = "train"
    reason: Reason | None = None
    judged: str | None = None
    ids: tuple[Ident, ...] = ()
    positions: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    planted: tuple[bool, ...] = ()
    others: tuple[tuple[Ident, ...], ...] = ()
    n_others: tuple[int, ...] = ()
    figures: dict[str, FigureColumn] = {}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = "positions", "labels", "planted", "others", "n_others"
        lengths = {name: len(getattr(self, name)) for name in names}
        lengths |= {name: len(one.values) for name, one in self.figures.items()}
        if odd := {name: length for name, length in lengths.items() if length != len(self.ids)}:
            raise ValueError(f"a list of {len(self.ids)} issues has as many of everything, got {odd}")
        if self.ids and not self.answered:
            raise ValueError("a list that says why it is empty is empty")
        return self

    @property
    def answered(self) -> bool:
        """Whether it lists whatever there is; False where it says why it lists nothing."""
        return self.reason is None and self.judged is None

    def n(self, planted: bool = False) -> int:
        """How many issues there are, those of labels that byheart redrew only where asked for."""
        return len(self.ids) if planted else self.planted.count(False)

    def issues(self, planted: bool = False, most: int | None = None) -> list[Issue]:
        """A record per example, as `n` counts them; the first `most`."""
        rows = (row for row in range(len(self.ids)) if planted or not self.planted[row])
        return [self._issue(row) for row in islice(rows, most)]

    def _issue(self, row: int) -> Issue:
        # every column has been validated: a tenth of the time of validating each record anew
        figures = {
            name: Figure.model_construct(value=one.values[row], unit=one.unit, means=one.means)
            for name, one in self.figures.items()
        }
        return Issue.model_construct(
            kind=self.kind, id=self.ids[row], position=self.positions[row], view=self.view, label=self.labels[row],
            figures=figures, others=self.others[row], n_others=self.n_others[row], suggestion=self.suggestion,
            planted=self.planted[row],
        )  # fmt: skip

    def without_examples(self) -> Self:
        """The same list with ids and figures alone: a label is part of an example."""
        figures = {name: one for name, one in self.figures.items() if name not in OF_EXAMPLES}
        return self.model_copy(update={"labels": ("",) * len(self.ids), "figures": figures})
