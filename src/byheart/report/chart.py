"""Chart: what a picture shows, in data and words; how it is drawn is the report's affair.

Roles carry the only two hues of the page and never anything else: `understood`, `memorised`, `left`;
`ink`, `muted` and `null` (dashed) are grey. A ring always means "redrawn by us".
"""

from __future__ import annotations

from typing import Literal

from byheart.records.spec import Record

Role = Literal["ink", "muted", "understood", "memorised", "left", "null"]


class Axis(Record):
    """An axis: `title` is named beside it; `format` says how ticks are written."""

    title: str
    log: bool = False
    domain: tuple[float, float] | None = None
    ticks: tuple[float, ...] = ()
    format: Literal["number", "percent", "count"] = "number"


class Line(Record):
    """A line, labelled where it ends (or at `label_at`, an index); `low`/`high` draw its 95 % band."""

    label: str
    role: Role
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    step: bool = False
    markers: bool = False
    label_at: int = -1


class Mark(Record):
    """One point: a labelled dot, ring (redrawn by us), square (a pole) or diamond (a baseline).

    Of many points those that matter less are `faint`, the one that a chart is about is `strong`.
    """

    x: float
    y: float
    label: str = ""
    role: Role = "ink"
    shape: Literal["dot", "ring", "square", "diamond"] = "dot"
    x_interval: tuple[float, float] | None = None
    y_interval: tuple[float, float] | None = None
    note: str = ""
    weight: Literal["plain", "faint", "strong"] = "plain"


class Rule(Record):
    """A dashed reference line across the chart at `at` on axis `axis`."""

    axis: Literal["x", "y"]
    at: float
    label: str = ""


class Cell(Record):
    """A bin of a two-dimensional histogram."""

    x: tuple[float, float]
    y: tuple[float, float]
    count: int


class Segment(Record):
    """A piece of a bar between two positions of the axis."""

    start: float
    stop: float
    role: Role
    label: str = ""


class Bar(Record):
    """A labelled row of segments; segments are positions on the axis, never a stack of shares."""

    label: str
    segments: tuple[Segment, ...]


class Table(Record):
    """A small table: the chart's numbers in a fold, or a card's list. `rows` are ready to read."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Chart(Record):
    """One picture: lines, marks, cells or bars over two axes, with the words that go with it.

    Attributes:
        title: what it is, for the accessible name.
        description: what it shows, in one sentence with its main figures.
        x: horizontal axis.
        y: vertical axis (None for bars, whose rows are named).
        reading: the "How to read it" sentence under the chart.
        table: the numbers in this chart.
    """

    title: str
    description: str
    x: Axis
    y: Axis | None = None
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    rules: tuple[Rule, ...] = ()
    cells: tuple[Cell, ...] = ()
    bars: tuple[Bar, ...] = ()
    reading: str = ""
    table: Table | None = None
